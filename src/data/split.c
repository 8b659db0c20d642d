/* Divides a data set in two, with as large a part of each class in both. */
#include "data/data.h"

#include <math.h>
#include <string.h>

#include "tensor/tensor.h"

/* The epoch whose order of images decides which are moved; none gets there. */
static const uint64_t split_epoch = ((uint64_t)1 << 55) - 1;

/* Marks the images that are moved, of each class the first of a shuffled order;
 * returns their number. `left` has room for a number for each class. */
static int64_t choose(const fv_dataset *dataset, double share, uint64_t seed,
                      int64_t *order, int64_t *left, bool *moved)
{
    const int64_t n = fv_dataset_count(dataset);
    const int64_t *labels = fv_dataset_labels(dataset)->data;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) left[labels[i]]++;
    for (int64_t c = 0; c < dataset->classes; c++)
        left[c] =
            fv__min((int64_t)floor(share * (double)left[c] + 0.5), left[c] - 1);
    fv_dataset_shuffle(dataset, seed, split_epoch, order);
    for (int64_t i = 0; i < n; i++) {
        moved[order[i]] = left[labels[order[i]]]-- > 0;
        count += moved[order[i]];
    }
    return count;
}

/* Makes a data set of the images that are moved, and closes the gaps. */
static fv_dataset *move(fv_dataset *dataset, const bool *moved, int64_t count)
{
    fv_context *context = dataset->context;
    const int64_t n = fv_dataset_count(dataset);
    const size_t row =
        (size_t)dataset->row * fv_dtype_bytes(dataset->images.dtype);
    fv_tensor images = dataset->images, labels = dataset->targets;
    unsigned char *from = images.data;
    int64_t *classes = labels.data;
    images.shape[0] = labels.shape[0] = count;
    unsigned char *rows = fv__allocate(context, FV__DATA, (size_t)count * row);
    int64_t *numbers =
        fv__allocate(context, FV__DATA, (size_t)count * sizeof *numbers);
    images.data = rows;
    labels.data = numbers;
    int64_t in = 0, out = 0;
    for (int64_t i = 0; rows && numbers && i < n; i++)
        if (moved[i]) {
            memcpy(rows + (size_t)in * row, from + (size_t)i * row, row);
            numbers[in++] = classes[i];
        }
    fv_dataset *made =
        rows && numbers ? fv_dataset_of(context, &images, &labels) : NULL;
    for (int64_t i = 0; made && i < n; i++)
        if (!moved[i]) {
            memmove(from + (size_t)out * row, from + (size_t)i * row, row);
            classes[out++] = classes[i];
        }
    fv__release(context, rows);
    fv__release(context, numbers);
    if (made) fv_dataset_limit(dataset, out);
    return made;
}

fv_dataset *fv_dataset_split(fv_dataset *dataset, double share, uint64_t seed)
{
    fv_context *context = dataset ? dataset->context : NULL;
    if (!fv__ok(context)) return NULL;
    if (!(share > 0 && share < 1)) {
        fv_fail(context, FV_MISUSE,
                "data set: a share of %s, expected more than 0 and less than 1",
                FV__NUMBER(share));
        return NULL;
    }
    const bool files = dataset->store == &fv__store_files;
    if ((!fv__dataset_in_memory(dataset) && !files)
        || !fv_dataset_labels(dataset)) {
        fv_fail(context, FV_UNSUPPORTED,
                "data set: only images in memory or picture files, with one "
                "class each, can be split");
        return NULL;
    }
    const int64_t n = fv_dataset_count(dataset);
    int64_t *order = fv__allocate(context, FV__DATA, (size_t)n * sizeof *order);
    int64_t *left = fv__allocate_zero(context, FV__DATA,
                                      (size_t)dataset->classes * sizeof *left);
    bool *moved = fv__allocate(context, FV__DATA, (size_t)n * sizeof *moved);
    fv_dataset *made = NULL;
    if (order && left && moved) {
        const int64_t count = choose(dataset, share, seed, order, left, moved);
        if (count)
            made = files ? fv__files_split(dataset, moved)
                         : move(dataset, moved, count);
        else
            fv_fail(context, FV_MISUSE,
                    "data set: a share of %s of %lld images in %lld classes is "
                    "none",
                    FV__NUMBER(share), (long long)n,
                    (long long)dataset->classes);
    }
    fv__release(context, order);
    fv__release(context, left);
    fv__release(context, moved);
    return made;
}
