/* Class indices: reading them, checking them, and as one-hot rows. */
#include "network/network.h"

int64_t fv__label_at(const fv_tensor *labels, int64_t i)
{
    int64_t label = 0;
    fv__load_integers(labels->dtype,
                      fv__tensor_byte(labels, i * labels->stride[0]), 1, 1,
                      &label);
    return label;
}

fv_status fv__labels_check(fv_context *context, const fv_tensor *labels,
                           int64_t classes)
{
    for (int64_t i = 0; i < labels->shape[0]; i++) {
        const int64_t label = fv__label_at(labels, i);
        if (label < 0 || label >= classes)
            return fv_fail(context, FV_MISUSE,
                           "labels: class %lld of image %lld is not in 0..%lld",
                           (long long)label, (long long)i,
                           (long long)classes - 1);
    }
    return FV_OK;
}

void fv__labels_one_hot(fv_context *context, const fv_tensor *labels,
                        int64_t outputs, int64_t classes, void *rows)
{
    const size_t element = fv_dtype_bytes(context->dtype);
    unsigned char *row = rows;
    for (int64_t i = 0; i < labels->shape[0]; i++) {
        const int64_t label = fv__label_at(labels, i);
        context->kernels->fill((size_t)outputs, 0, row);
        if (classes == outputs)
            context->kernels->fill(1, 1, row + (size_t)label * element);
        else
            context->kernels->fill(1, (double)label, row);
        row += (size_t)outputs * element;
    }
}
