/* Gathers the images and targets of a batch, in the context's type. */
#include "data/data.h"

#include <string.h>

#include "kernel/kernel.h"

/* ---- one item ----------------------------------------------------------- */

void fv__item_put_target(const fv_data_item *item, const fv_tensor *targets,
                         int64_t row)
{
    const fv_dataset *dataset = item->dataset;
    fv_context *context = item->example.context;
    char *to = fv__tensor_byte(targets, row * targets->stride[0]);
    if (!fv__ok(context)) return;
    if (dataset->target == FV_TARGET_CLASS) {
        *(int64_t *)to = item->label;
        return;
    }
    if (dataset->target == FV_TARGET_LABELS) {
        context->kernels->from_bytes((size_t)dataset->classes, 1, item->marks,
                                     to);
        return;
    }
    const fv_tensor *mask = &item->example.mask.tensor;
    if (mask->shape[0] == targets->shape[1]
        && mask->shape[1] == targets->shape[2]) {
        memcpy(to, mask->data, (size_t)(mask->shape[0] * mask->shape[1]));
        return;
    }
    char name[FV__ITEM_NAME];
    fv_fail(context, FV_MISUSE,
            "%s: a mask of %lld x %lld, others are of %lld x %lld",
            fv__item_name(item, name), (long long)mask->shape[0],
            (long long)mask->shape[1], (long long)targets->shape[1],
            (long long)targets->shape[2]);
}

const char *fv__item_name(const fv_data_item *item, char out[FV__ITEM_NAME])
{
    static const char before[] = "image ";
    const char *path = fv_dataset_path(item->dataset, item->index);
    if (*path) return fv__printable(path, strlen(path), out, FV__ITEM_NAME);
    char digits[24];
    size_t n = 0;
    uint64_t rest = (uint64_t)item->index;
    do digits[n++] = (char)('0' + rest % 10);
    while (rest /= 10);
    memcpy(out, before, sizeof before);
    size_t at = sizeof before - 1;
    while (n) out[at++] = digits[--n];
    out[at] = '\0';
    return out;
}

/* ---- sets in memory ------------------------------------------------------ */

/* Image `index` in the context's type. */
static void convert_image(const fv_dataset *dataset, int64_t index, void *to)
{
    const fv_context *context = dataset->context;
    const fv_tensor *images = &dataset->images;
    const size_t n = (size_t)dataset->row;
    const size_t bytes = n * fv_dtype_bytes(images->dtype);
    const char *from = (const char *)images->data + (size_t)index * bytes;
    if (images->dtype == FV_U8)
        context->kernels->from_bytes(n, 1.0 / 255, (const uint8_t *)from, to);
    else
        memcpy(to, from, bytes);
}

typedef struct gather {
    const fv_dataset *dataset;
    const int64_t *order;
    char *to;
    size_t image_bytes; /* in `to` */
} gather;

static void gather_image(void *argument, size_t item, size_t worker)
{
    const gather *call = argument;
    (void)worker;
    convert_image(call->dataset, call->order[item],
                  call->to + item * call->image_bytes);
}

void fv__dataset_gather(const fv_dataset *dataset, const int64_t *order,
                        int64_t count, const fv_tensor *images,
                        const fv_tensor *targets)
{
    fv_context *context = dataset->context;
    fv_data_item item;
    fv__item_begin(&item, context, dataset);
    for (int64_t i = 0; i < count; i++) {
        item.index = order[i];
        fv__item_take_target(&item, &dataset->targets, order[i]);
        fv__item_put_target(&item, targets, i);
    }
    gather call = { dataset, order, images->data,
                    (size_t)dataset->row * fv_dtype_bytes(context->dtype) };
    fv__parallel(context, (size_t)count, (double)count * (double)dataset->row,
                 gather_image, &call);
}

/* ---- any set ------------------------------------------------------------- */

fv_status fv__item_check_image(const fv_data_item *item,
                               const fv_shape *expected)
{
    fv_context *context = item->example.context;
    const bool picture = !item->values.rank;
    const fv_tensor *image =
        picture ? &item->example.image.tensor : &item->values;
    if (!fv__ok(context)) return fv_failed(context);
    fv_shape is = { .rank = image->rank };
    for (int32_t i = 0; i < is.rank; i++)
        is.extent[i] =
            image->shape[picture && context->layout == FV_NCHW ? (i + 2) % 3
                                                               : i];
    bool fits = is.rank == expected->rank;
    for (int32_t i = 0; fits && i < is.rank; i++)
        fits = is.extent[i] == expected->extent[i];
    if (fits) return FV_OK;
    char name[FV__ITEM_NAME], given[FV__SHAPE_BYTES], wanted[FV__SHAPE_BYTES];
    fv__shape_text(given, sizeof given, is.rank, is.extent);
    fv__shape_text(wanted, sizeof wanted, expected->rank, expected->extent);
    return fv_fail(context, FV_MISUSE, "%s: an image of %s, must be %s%s",
                   fv__item_name(item, name), given, wanted,
                   picture ? "; the line \"augment resize ROWS COLUMNS\" of a "
                             "network brings pictures to one size"
                           : "");
}

/* The image of an item as one of a batch, contiguous. */
static void convert_item(const fv_data_item *item, void *to)
{
    static const fv__transforms none = { 0 };
    fv_context *context = item->example.context;
    const bool picture = !item->values.rank;
    const fv_tensor *image =
        picture ? &item->example.image.tensor : &item->values;
    const size_t n = (size_t)fv_tensor_count(image);
    if (picture && context->layout == FV_NCHW)
        fv__transforms_convert(&none, FV__EVALUATION, context, image, to);
    else if (image->dtype == FV_U8)
        context->kernels->from_bytes(n, 1.0 / 255, image->data, to);
    else
        memcpy(to, image->data, n * fv_dtype_bytes(image->dtype));
}

/* Reads item after item; the images may have any strides. */
static void read_items(const fv_dataset *dataset, const int64_t *order,
                       int64_t count, const fv_tensor *images,
                       const fv_tensor *targets)
{
    fv_context *context = dataset->context;
    fv_data_item *item = dataset->reader;
    fv_shape shape = { .rank = images->rank - 1 };
    memcpy(shape.extent, images->shape + 1,
           (size_t)shape.rank * sizeof *shape.extent);
    fv_tensor room =
        fv_tensor_new(context, images->dtype, shape.rank, shape.extent);
    const int32_t channels =
        shape.rank == 3
            ? (int32_t)shape.extent[context->layout == FV_NCHW ? 0 : 2]
            : 0;
    for (int64_t i = 0; fv__ok(context) && i < count; i++) {
        fv_tensor to = room;
        fv__item_read(item, order[i], channels);
        if (fv__item_check_image(item, &shape) != FV_OK) break;
        convert_item(item, room.data);
        to.data = fv__tensor_byte(images, i * images->stride[0]);
        memcpy(to.stride, images->stride + 1,
               (size_t)to.rank * sizeof *to.stride);
        fv__tensor_copy_elements(&to, &room);
        fv__item_put_target(item, targets, i);
    }
    fv_tensor_free(context, &room);
}

/* ---- checks -------------------------------------------------------------- */

static fv_status check_images(const fv_dataset *dataset, int64_t count,
                              const fv_tensor *images)
{
    fv_context *context = dataset->context;
    const fv_shape *own = &dataset->image;
    if (images->dtype != context->dtype)
        return fv_fail(
            context, FV_MISUSE, "data set: batch of images is %s, must be %s",
            fv_dtype_name(images->dtype), fv_dtype_name(context->dtype));
    bool fits = images->rank == own->rank + 1;
    for (int32_t i = 0; fits && i < own->rank; i++)
        fits =
            own->extent[i] == FV_OPEN || own->extent[i] == images->shape[1 + i];
    if (!fits) {
        char given[FV__SHAPE_BYTES], wanted[FV__SHAPE_BYTES];
        const int32_t rank = images->rank > 0 ? images->rank - 1 : 0;
        fv__shape_text(given, sizeof given, rank, images->shape + 1);
        fv__shape_text(wanted, sizeof wanted, own->rank, own->extent);
        return fv_fail(context, FV_MISUSE,
                       "data set: batch of images of %s, must be %s", given,
                       wanted);
    }
    if (images->shape[0] < count)
        return fv_fail(context, FV_MISUSE,
                       "data set: batch of %lld into room for %lld images",
                       (long long)count, (long long)images->shape[0]);
    return FV_OK;
}

static fv_status check_targets(const fv_dataset *dataset, int64_t count,
                               const fv_tensor *targets)
{
    fv_context *context = dataset->context;
    const struct {
        const char *what;
        fv_dtype dtype;
        int32_t rank;
    } wanted[] = { { "labels", FV_I64, 1 },
                   { "labels", context->dtype, 2 },
                   { "masks", FV_U8, 3 } };
    const int kind = (int)dataset->target;
    const char *what = wanted[kind].what;
    if (targets->dtype != wanted[kind].dtype)
        return fv_fail(
            context, FV_MISUSE, "data set: batch of %s is %s, must be %s", what,
            fv_dtype_name(targets->dtype), fv_dtype_name(wanted[kind].dtype));
    if (targets->rank != wanted[kind].rank)
        return fv_fail(context, FV_MISUSE,
                       "data set: batch of %s has rank %d, must be %d", what,
                       (int)targets->rank, (int)wanted[kind].rank);
    if (kind == FV_TARGET_LABELS && targets->shape[1] != dataset->classes)
        return fv_fail(context, FV_MISUSE,
                       "data set: batch of labels for %lld classes, must be "
                       "%lld",
                       (long long)targets->shape[1],
                       (long long)dataset->classes);
    if (kind != FV_TARGET_CLASS && !fv_tensor_is_contiguous(targets))
        return fv_fail(context, FV_MISUSE,
                       "data set: batch of %s is not contiguous", what);
    if (targets->shape[0] < count)
        return fv_fail(context, FV_MISUSE,
                       "data set: batch of %lld into room for %lld %s",
                       (long long)count, (long long)targets->shape[0], what);
    return FV_OK;
}

static fv_status check(const fv_dataset *dataset, const int64_t *order,
                       int64_t count, const fv_tensor *images,
                       const fv_tensor *targets)
{
    fv_context *context = dataset->context;
    const int64_t n = fv_dataset_count(dataset);
    if (!fv__ok(context)) return fv_failed(context);
    if (!order)
        return fv_fail(context, FV_MISUSE, "data set: batch without order");
    if (!fv__tensor_check(context, "data set", images)
        || !fv__tensor_check(context, "data set", targets))
        return fv_failed(context);
    if (count < 0)
        return fv_fail(context, FV_MISUSE, "data set: batch of %lld",
                       (long long)count);
    if (check_images(dataset, count, images)
        || check_targets(dataset, count, targets))
        return fv_failed(context);
    if ((dataset->images.rank > 0
         && fv__tensor_overlap(images, &dataset->images))
        || (dataset->targets.rank > 0
            && fv__tensor_overlap(targets, &dataset->targets)))
        return fv_fail(context, FV_MISUSE,
                       "data set: a batch cannot be written into the data set");
    for (int64_t i = 0; i < count; i++)
        if (order[i] < 0 || order[i] >= n)
            return fv_fail(context, FV_MISUSE,
                           "data set: batch asks for image %lld, the %lld "
                           "images are counted from 0",
                           (long long)order[i], (long long)n);
    return FV_OK;
}

fv_status fv_dataset_batch(const fv_dataset *dataset, const int64_t *order,
                           int64_t count, const fv_tensor *images,
                           const fv_tensor *targets)
{
    if (!dataset) return FV_NO_MEMORY;
    fv_context *context = dataset->context;
    if (check(dataset, order, count, images, targets))
        return fv_failed(context);
    if (fv__dataset_in_memory(dataset) && fv_tensor_is_contiguous(images))
        fv__dataset_gather(dataset, order, count, images, targets);
    else
        read_items(dataset, order, count, images, targets);
    return fv_failed(context);
}
