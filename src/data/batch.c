/* Gathers the images and labels of a batch, converted to the context's type. */
#include "data/data.h"

#include <string.h>

#include "kernel/kernel.h"

/* to[i] = from[i] for n elements, in the context's type */
#define CONVERT(real, type)                                                    \
    for (size_t i = 0; i < n; i++)                                             \
    ((real *)to)[i] = (real)((const type *)from)[i]

#define CONVERT_FROM_ANY(real)                                                 \
    switch (dtype) {                                                           \
    case FV_F32:                                                               \
        CONVERT(real, float);                                                  \
        break;                                                                 \
    case FV_F64:                                                               \
        CONVERT(real, double);                                                 \
        break;                                                                 \
    case FV_U8:                                                                \
        break; /* scaled, by the kernel table */                               \
    case FV_I8:                                                                \
        CONVERT(real, int8_t);                                                 \
        break;                                                                 \
    case FV_I16:                                                               \
        CONVERT(real, int16_t);                                                \
        break;                                                                 \
    case FV_I32:                                                               \
        CONVERT(real, int32_t);                                                \
        break;                                                                 \
    case FV_I64:                                                               \
        CONVERT(real, int64_t);                                                \
        break;                                                                 \
    }

static void to_f32(fv_dtype dtype, size_t n, const void *from, void *to)
{
    CONVERT_FROM_ANY(float)
}

static void to_f64(fv_dtype dtype, size_t n, const void *from, void *to)
{
    CONVERT_FROM_ANY(double)
}

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
    else if (images->dtype == context->dtype)
        memcpy(to, from, bytes);
    else if (context->dtype == FV_F32)
        to_f32(images->dtype, n, from, to);
    else
        to_f64(images->dtype, n, from, to);
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
        fv_tensor_copy(dataset->context, &to, &image);
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
    if (images->rank != own->rank)
        return fv_fail(context, FV_MISUSE,
                       "data set: batch of images has rank %d, must be %d",
                       (int)images->rank, (int)own->rank);
    for (int32_t i = 1; i < own->rank; i++)
        if (images->shape[i] != own->shape[i])
            return fv_fail(context, FV_MISUSE,
                           "data set: batch of images has extent %lld on axis "
                           "%d, must be %lld",
                           (long long)images->shape[i], (int)i,
                           (long long)own->shape[i]);
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
    if (!order || !images || !labels || !images->data || !labels->data)
        return fv_fail(context, FV_MISUSE,
                       "data set: batch without order, images or labels");
    if (count < 0)
        return fv_fail(context, FV_MISUSE, "data set: batch of %lld",
                       (long long)count);
    if (check_images(dataset, count, images)
        || check_labels(dataset, count, labels))
        return fv_failed(context);
    for (int64_t i = 0; i < count; i++)
        if (order[i] < 0 || order[i] >= n)
            return fv_fail(context, FV_MISUSE,
                           "data set: batch asks for image %lld of %lld",
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
