/* Decoded pictures that are kept: those that came first, since an epoch needs
 * each of them once. */
#include "data/data.h"

#include <string.h>

/* One block, of which threads take pieces; a place is published when the
 * picture lies there. */
struct fv__cache {
    unsigned char *memory;
    size_t bytes;
    _Atomic size_t used;
    _Atomic uint64_t places[]; /* of each item; 0: none, else offset + 1 */
};

/* What stands before the bytes of picture and mask. */
typedef struct entry {
    int64_t image[3], mask[3]; /* extents; zeros: no mask */
} entry;

fv__cache *fv__cache_new(fv_context *context, size_t bytes, int64_t count)
{
    fv__cache *cache = fv__allocate_zero(
        context, FV__DATA,
        sizeof *cache + (size_t)count * sizeof cache->places[0]);
    if (!cache) return NULL;
    cache->bytes = bytes;
    cache->memory = fv__allocate(context, FV__DATA, bytes);
    if (cache->memory) return cache;
    fv__release(context, cache);
    return NULL;
}

void fv__cache_free(fv_context *context, fv__cache *cache)
{
    if (!cache) return;
    fv__release(context, cache->memory);
    fv__release(context, cache);
}

void fv__cache_clear(fv__cache *cache, int64_t count)
{
    for (int64_t i = 0; i < count; i++) atomic_store(&cache->places[i], 0);
    atomic_store(&cache->used, 0);
}

static size_t bytes_of(const int64_t extents[3])
{
    return (size_t)(extents[0] * extents[1] * extents[2]);
}

bool fv__cache_get(const fv__cache *cache, int64_t index, int32_t channels,
                   fv__example *example)
{
    const uint64_t place = atomic_load(&cache->places[index]);
    entry e;
    if (!place) return false;
    unsigned char *at = cache->memory + place - 1;
    memcpy(&e, at, sizeof e);
    if (channels && e.image[2] != channels) return false;
    at += sizeof e;
    const fv_tensor image = fv_tensor_of(at, FV_U8, 3, e.image);
    fv__frame_view(&example->image, &image);
    if (!e.mask[0]) return true;
    const fv_tensor mask =
        fv_tensor_of(at + bytes_of(e.image), FV_U8, 3, e.mask);
    fv__frame_view(&example->mask, &mask);
    return true;
}

void fv__cache_put(fv__cache *cache, int64_t index, const fv__example *example)
{
    const fv_tensor *image = &example->image.tensor;
    const fv_tensor *mask = &example->mask.tensor;
    entry e = { { 0 }, { 0 } };
    memcpy(e.image, image->shape, sizeof e.image);
    if (mask->rank) memcpy(e.mask, mask->shape, sizeof e.mask);
    const size_t first = bytes_of(e.image), second = bytes_of(e.mask);
    const size_t bytes = fv__align(sizeof e + first + second);
    size_t used = atomic_load(&cache->used);
    do
        if (bytes > cache->bytes - used) return;
    while (!atomic_compare_exchange_weak(&cache->used, &used, used + bytes));
    unsigned char *at = cache->memory + used;
    memcpy(at, &e, sizeof e);
    memcpy(at + sizeof e, image->data, first);
    if (second) memcpy(at + sizeof e + first, mask->data, second);
    atomic_store(&cache->places[index], used + 1);
}
