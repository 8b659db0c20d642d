/* Divides a data set in two, with as large a part of each class in both. Sets
 * of files and of rows of a file share their store, and each has a list of its
 * places there. */
#include "data/data.h"

#include <math.h>
#include <string.h>

/* The epoch whose order of images decides which are moved; none gets there. */
static const uint64_t split_epoch = ((uint64_t)1 << 55) - 1;

/* A split while it is made. */
typedef struct split {
    fv_dataset *dataset;
    int64_t n, count; /* images of all, and those that are moved */
    int64_t *order, *left;
    bool *moved;
} split;

/* Marks the images that are moved, of each class the first of a shuffled order,
 * and counts them. Images without a class each count as of one class. */
static void choose(split *s, double share, uint64_t seed)
{
    const fv_tensor *known = fv_dataset_labels(s->dataset);
    const int64_t *labels = known ? known->data : NULL;
    const int64_t classes = known ? s->dataset->classes : 1;
    for (int64_t i = 0; i < s->n; i++) s->left[labels ? labels[i] : 0]++;
    for (int64_t c = 0; c < classes; c++)
        s->left[c] = fv__min((int64_t)floor(share * (double)s->left[c] + 0.5),
                             s->left[c] - 1);
    fv_dataset_shuffle(s->dataset, seed, split_epoch, s->order);
    for (int64_t i = 0; i < s->n; i++) {
        const int64_t at = s->order[i];
        s->moved[at] = s->left[labels ? labels[at] : 0]-- > 0;
        s->count += s->moved[at];
    }
}

/* Writes the elements that are moved, of `bytes` each, to `taken` and the rest,
 * in order, to `kept`, which may be where they are. */
static void divide(const split *s, const void *elements, size_t bytes,
                   void *taken, void *kept)
{
    const char *from = elements;
    char *to = taken, *rest = kept;
    for (int64_t i = 0; i < s->n; i++) {
        char **place = s->moved[i] ? &to : &rest;
        memmove(*place, from + (size_t)i * bytes, bytes);
        *place += bytes;
    }
}

/* Bytes of one element of the first axis. */
static size_t row_bytes(const fv_tensor *all)
{
    return (size_t)fv__product(all->rank - 1, all->shape + 1)
           * fv_dtype_bytes(all->dtype);
}

static void *allocate(const split *s, int64_t count, size_t bytes)
{
    return fv__allocate(s->dataset->context, FV__DATA, (size_t)count * bytes);
}

/* A set of the same store, without images. */
static fv_dataset *begin(const split *s)
{
    fv_dataset *dataset = s->dataset;
    fv_dataset *made = fv__dataset_begin(dataset->context, dataset->store);
    if (!made) return NULL;
    const fv__object object = made->object;
    *made = *dataset;
    made->object = object;
    made->image_memory = made->target_memory = NULL;
    made->chosen = NULL;
    made->users = made->damaged = 0;
    made->base = dataset->base ? dataset->base : dataset;
    made->base->users++;
    made->reader =
        fv__allocate_zero(dataset->context, FV__DATA, sizeof *made->reader);
    return made;
}

/* Images or targets in memory: those that are moved go to `taken`, the rest
 * closes up in `kept`. */
static void divide_tensor(const split *s, const fv_tensor *all, void *kept,
                          void *taken, fv_tensor *rest, fv_tensor *part)
{
    const fv_tensor from = *all;
    divide(s, from.data, row_bytes(&from), taken, kept);
    *part = *rest = from;
    part->data = taken;
    part->shape[0] = s->count;
    rest->data = kept;
    rest->shape[0] = s->n - s->count;
}

/* Fills the new set and leaves the rest in the old one. Everything is allocated
 * before anything is moved. */
static fv_dataset *move(const split *s)
{
    fv_dataset *dataset = s->dataset, *made = begin(s);
    if (!made) return NULL;
    const bool in_memory = fv__dataset_in_memory(dataset);
    const bool targets = dataset->targets.rank > 0;
    void *rest = dataset->target_memory;
    int64_t *places = NULL;
    if (targets) {
        const size_t bytes = row_bytes(&dataset->targets);
        made->target_memory = allocate(s, s->count, bytes);
        if (!rest) rest = allocate(s, s->n, bytes);
    }
    if (in_memory) {
        made->image_memory = allocate(s, s->count, row_bytes(&made->images));
    } else {
        made->chosen = allocate(s, s->count, sizeof *places);
        places = allocate(s, s->n, sizeof *places);
    }
    if (!fv__ok(dataset->context)) {
        fv__release(dataset->context, places);
        if (rest != dataset->target_memory) fv__release(dataset->context, rest);
        return fv__dataset_end(made);
    }
    if (targets)
        divide_tensor(s, &made->targets, rest, made->target_memory,
                      &dataset->targets, &made->targets);
    dataset->target_memory = rest;
    if (in_memory) {
        divide_tensor(s, &made->images, dataset->images.data,
                      made->image_memory, &dataset->images, &made->images);
    } else {
        for (int64_t i = 0; i < s->n; i++)
            places[i] = fv__dataset_place(dataset, i);
        divide(s, places, sizeof *places, made->chosen, places);
        fv__release(dataset->context, dataset->chosen);
        dataset->chosen = places;
    }
    made->count = s->count;
    dataset->count = s->n - s->count;
    return fv__dataset_end(made);
}

static fv_status check(fv_dataset *dataset, double share)
{
    if (!(share > 0 && share < 1))
        return fv_fail(
            dataset->context, FV_MISUSE,
            "data set: a share of %s, expected more than 0 and less than 1",
            FV__NUMBER(share));
    if (!dataset->store->divides)
        return fv_fail(dataset->context, FV_UNSUPPORTED,
                       "data set: items of %s cannot be split, their targets "
                       "are known only when they are read",
                       dataset->store->name);
    return FV_OK;
}

fv_dataset *fv_dataset_split(fv_dataset *dataset, double share, uint64_t seed)
{
    fv_context *context = dataset ? dataset->context : NULL;
    if (!fv__ok(context) || check(dataset, share) != FV_OK) return NULL;
    const bool known = fv_dataset_labels(dataset) != NULL;
    const int64_t strata = known ? dataset->classes : 1;
    split s = { .dataset = dataset, .n = fv_dataset_count(dataset) };
    s.order = allocate(&s, s.n, sizeof *s.order);
    s.left =
        fv__allocate_zero(context, FV__DATA, (size_t)strata * sizeof *s.left);
    s.moved = allocate(&s, s.n, sizeof *s.moved);
    fv_dataset *made = NULL;
    if (s.order && s.left && s.moved) choose(&s, share, seed);
    if (fv__ok(context) && s.count)
        made = move(&s);
    else if (fv__ok(context) && known)
        fv_fail(context, FV_MISUSE,
                "data set: a share of %s of %lld images in %lld classes is "
                "none",
                FV__NUMBER(share), (long long)s.n, (long long)strata);
    else if (fv__ok(context))
        fv_fail(context, FV_MISUSE,
                "data set: a share of %s of %lld images is none",
                FV__NUMBER(share), (long long)s.n);
    fv__release(context, s.order);
    fv__release(context, s.left);
    fv__release(context, s.moved);
    return made;
}
