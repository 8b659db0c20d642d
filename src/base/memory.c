/* Aligned memory from the caller's allocator, counted and limited. */
#include "base/internal.h"

#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#endif
#ifdef WATCHED
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

enum { ALIGNMENT = 64 };

/* Lies right before the memory that it describes. */
typedef struct header {
    unsigned char *block; /* what the allocator returned */
    size_t bytes;         /* what it was asked for */
    size_t spare;         /* bytes of the block behind the memory */
    fv__account account;
} header;

static const size_t overhead = sizeof(header) + ALIGNMENT;

/* Blocks of huge_from bytes or more are aligned to huge pages, because walks of
 * the page table would slow them down. */
static const size_t huge_page = (size_t)1 << 21, huge_from = (size_t)1 << 22;

static void *standard_allocate(void *user, size_t bytes)
{
    (void)user;
    if (bytes < huge_from) return malloc(bytes);
    void *block = NULL;
    if (posix_memalign(&block, huge_page, bytes)) return NULL;
    fv__advise_huge(block, bytes);
    return block;
}

static void standard_release(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(memory);
}

const fv_allocator fv__allocator_standard = { standard_allocate,
                                              standard_release, NULL };

size_t fv__footprint(size_t bytes)
{
    return bytes > SIZE_MAX - overhead ? SIZE_MAX : bytes + overhead;
}

static size_t *counter(fv_context *context, fv__account account)
{
    return account == FV__DATA ? &context->memory.data_bytes
                               : &context->memory.bytes;
}

/* Places header and memory in the block. */
static void *furnish(unsigned char *block, size_t bytes, fv__account account)
{
    uintptr_t first = (uintptr_t)block + sizeof(header);
    size_t skip = sizeof(header) + (size_t)(-first & (ALIGNMENT - 1));
    unsigned char *memory = block + skip;
    header *head = (header *)(void *)(memory - sizeof(header));
    head->block = block;
    head->bytes = fv__footprint(bytes);
    head->spare = head->bytes - skip - bytes;
    head->account = account;
    ASAN_POISON_MEMORY_REGION(memory + bytes, head->spare);
    ASAN_POISON_MEMORY_REGION(head, sizeof *head);
    return memory;
}

void *fv__allocate(fv_context *context, fv__account account, size_t bytes)
{
    if (!context) return NULL;
    fv_memory *use = &context->memory;
    size_t in_use = use->bytes + use->data_bytes;
    size_t wanted = fv__footprint(bytes);
    if (in_use > context->max_bytes || wanted > context->max_bytes - in_use) {
        char a[FV__AMOUNT], b[FV__AMOUNT], c[FV__AMOUNT];
        fv_fail(context, FV_LIMIT,
                "memory: %s wanted and %s in use, the limit is %s (%s)",
                fv__amount(wanted, true, a), fv__amount(in_use, true, b),
                fv__amount(context->max_bytes, false, c),
                context->limit_source);
        return NULL;
    }
    unsigned char *block =
        context->allocator.allocate(context->allocator.user, wanted);
    if (!block) {
        char a[FV__AMOUNT], b[FV__AMOUNT];
        fv_fail(context, FV_NO_MEMORY,
                "memory: out of memory, %s wanted and %s in use",
                fv__amount(wanted, true, a), fv__amount(in_use, true, b));
        return NULL;
    }
    *counter(context, account) += wanted;
    if (use->bytes > use->peak_bytes) use->peak_bytes = use->bytes;
    return furnish(block, bytes, account);
}

void *fv__allocate_zero(fv_context *context, fv__account account, size_t bytes)
{
    void *memory = fv__allocate(context, account, bytes);
    if (memory) memset(memory, 0, bytes);
    return memory;
}

void fv__release(fv_context *context, void *memory)
{
    if (!memory) return;
    header *head = (header *)(void *)((unsigned char *)memory - sizeof *head);
    ASAN_UNPOISON_MEMORY_REGION(head, sizeof *head);
    ASAN_UNPOISON_MEMORY_REGION(head->block + head->bytes - head->spare,
                                head->spare);
    *counter(context, head->account) -= head->bytes;
    context->allocator.release(context->allocator.user, head->block,
                               head->bytes);
}

void *fv__grow(fv_context *context, fv__account account, void *array,
               size_t count, size_t more, size_t size, size_t *capacity)
{
    enum { FIRST = 16 };
    size_t needed, bytes, larger;
    if (!fv__add(count, more, &needed)) needed = SIZE_MAX;
    if (array && needed <= *capacity) return array;
    if (!fv__multiply(*capacity, 2, &larger) || larger < needed)
        larger = needed < FIRST ? FIRST : needed;
    if (!fv__multiply(larger, size, &bytes)) bytes = SIZE_MAX;
    void *moved = fv__allocate(context, account, bytes);
    if (!moved) return NULL;
    if (array) memcpy(moved, array, count * size);
    fv__release(context, array);
    *capacity = larger;
    return moved;
}
