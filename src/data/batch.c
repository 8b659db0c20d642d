/* Gathers the images and labels of a batch, in the context's type. */
#include "data/data.h"

#include <string.h>

#include "kernel/kernel.h"
#include "tensor/tensor.h"

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

/* Through the scratch image, for rows that are not row-major. */
static void gather_strided(const fv_dataset *dataset, const int64_t *order,
                           int64_t count, const fv_tensor *images)
{
    const fv_tensor *own = &dataset->images;
    const fv_tensor image = fv_tensor_of(dataset->scratch, images->dtype,
                                         own->rank - 1, own->shape + 1);
    const size_t step = fv_dtype_bytes(images->dtype);
    fv_tensor to = image;
    memcpy(to.stride, images->stride + 1, (size_t)to.rank * sizeof *to.stride);
    for (int64_t i = 0; i < count; i++) {
        const int64_t offset = i * images->stride[0] * (int64_t)step;
        to.data = (char *)images->data + offset;
        convert_image(dataset, order[i], dataset->scratch);
        fv__tensor_copy_elements(&to, &image);
    }
}

static fv_status check_images(const fv_dataset *dataset, int64_t count,
                              const fv_tensor *images)
{
    fv_context *context = dataset->context;
    const fv_tensor *own = &dataset->images;
    if (images->dtype != context->dtype)
        return fv_fail(
            context, FV_MISUSE, "data set: batch of images is %s, must be %s",
            fv_dtype_name(images->dtype), fv_dtype_name(context->dtype));
    fv_tensor expected = *own;
    expected.shape[0] = images->shape[0];
    if (!fv_tensor_same_shape(images, &expected)) {
        char given[FV__SHAPE_BYTES], wanted[FV__SHAPE_BYTES];
        const int32_t rank = images->rank > 0 ? images->rank - 1 : 0;
        fv__shape_text(given, sizeof given, rank, images->shape + 1);
        fv__shape_text(wanted, sizeof wanted, own->rank - 1, own->shape + 1);
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

static fv_status check_labels(const fv_dataset *dataset, int64_t count,
                              const fv_tensor *labels)
{
    fv_context *context = dataset->context;
    if (labels->dtype != FV_I64)
        return fv_fail(context, FV_MISUSE,
                       "data set: batch of labels is %s, must be i64",
                       fv_dtype_name(labels->dtype));
    if (labels->rank != 1)
        return fv_fail(context, FV_MISUSE,
                       "data set: batch of labels has rank %d, must be 1",
                       (int)labels->rank);
    if (labels->shape[0] < count)
        return fv_fail(context, FV_MISUSE,
                       "data set: batch of %lld into room for %lld labels",
                       (long long)count, (long long)labels->shape[0]);
    return FV_OK;
}

static fv_status check(const fv_dataset *dataset, const int64_t *order,
                       int64_t count, const fv_tensor *images,
                       const fv_tensor *labels)
{
    fv_context *context = dataset->context;
    const int64_t n = fv_dataset_count(dataset);
    if (!fv__ok(context)) return fv_failed(context);
    if (!order)
        return fv_fail(context, FV_MISUSE, "data set: batch without order");
    if (!fv__tensor_check(context, "data set", images)
        || !fv__tensor_check(context, "data set", labels))
        return fv_failed(context);
    if (count < 0)
        return fv_fail(context, FV_MISUSE, "data set: batch of %lld",
                       (long long)count);
    if (check_images(dataset, count, images)
        || check_labels(dataset, count, labels))
        return fv_failed(context);
    if (fv__tensor_overlap(images, &dataset->images)
        || fv__tensor_overlap(labels, &dataset->labels))
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
                           const fv_tensor *labels)
{
    if (!dataset) return FV_NO_MEMORY;
    fv_context *context = dataset->context;
    if (check(dataset, order, count, images, labels)) return fv_failed(context);
    const int64_t *from = dataset->labels.data;
    int64_t *to = labels->data;
    for (int64_t i = 0; i < count; i++)
        to[i * labels->stride[0]] = from[order[i]];
    if (!fv_tensor_is_contiguous(images)) {
        gather_strided(dataset, order, count, images);
        return fv_failed(context);
    }
    gather call = { dataset, order, images->data,
                    (size_t)dataset->row * fv_dtype_bytes(context->dtype) };
    fv__parallel(context, (size_t)count, (double)count * (double)dataset->row,
                 gather_image, &call);
    return FV_OK;
}
