/* Sums of the rows of a batch with those before them. */
#include "augment/shared.h"

#include <string.h>

/* to = part to + (1 - part) from, n numbers. */
static void mix(fv_dtype dtype, void *to, const void *from, double part,
                int64_t n)
{
    if (dtype == FV_F64) {
        double *a = to;
        const double *b = from;
        for (int64_t i = 0; i < n; i++) a[i] = part * a[i] + (1 - part) * b[i];
        return;
    }
    float *a = to;
    const float *b = from;
    const float own = (float)part, other = (float)(1 - part);
    for (int64_t i = 0; i < n; i++) a[i] = own * a[i] + other * b[i];
}

fv_status fv__mix_rows(fv__example *example, const fv_tensor *rows, double part)
{
    const int64_t n = rows->shape[0];
    if (n < 2) return FV_OK;
    const int64_t each = fv_tensor_count(rows) / n;
    const size_t bytes = (size_t)each * fv_dtype_bytes(rows->dtype);
    void *last = fv__pixels_reserve(example->context, &example->scratch, bytes);
    if (!last) return fv_failed(example->context);
    memcpy(last, fv__tensor_byte(rows, (n - 1) * each), bytes);
    for (int64_t i = n - 1; i >= 0; i--)
        mix(rows->dtype, fv__tensor_byte(rows, i * each),
            i ? fv__tensor_byte(rows, (i - 1) * each) : last, part, each);
    return FV_OK;
}

fv_status fv__mix_check(fv_context *context, const void *options)
{
    const fv__transform_options *o = options;
    if (!o->on || o->on == FV__TRAINING) return FV_OK;
    return fv_fail(context, FV_MALFORMED,
                   "mixup and cutmix act in training only");
}
