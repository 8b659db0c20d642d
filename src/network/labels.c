/* Class indices: reading them, checking them, and as one-hot rows. */
#include "network/network.h"

int64_t fv__label_at(const fv_tensor *labels, int64_t i)
{
    int64_t label = 0, at = 0;
    for (int32_t k = labels->rank; k-- > 0; i /= labels->shape[k])
        at += i % labels->shape[k] * labels->stride[k];
    fv__load_integers(labels->dtype, fv__tensor_byte(labels, at), 1, 1, &label);
    return label;
}

fv_status fv__labels_check(fv_context *context, const fv_layer *loss,
                           const fv_tensor *labels, int64_t classes)
{
    const bool padded = loss && loss->type->target == FV__TARGET_SEQUENCE;
    const int64_t count = fv_tensor_count(labels);
    const int64_t each = count / fv__max(labels->shape[0], 1);
    int64_t ignored;
    const bool ignores = loss && fv__target_ignored(loss, &ignored);
    for (int64_t i = 0; i < count; i++) {
        const int64_t label = fv__label_at(labels, i);
        if ((label >= 0 && label < classes) || (ignores && label == ignored)
            || (padded && label < 0))
            continue;
        return fv_fail(context, FV_MISUSE,
                       "labels: class %lld of image %lld is not in 0..%lld",
                       (long long)label, (long long)(i / each),
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
