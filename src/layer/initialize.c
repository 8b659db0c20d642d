/* Initial values that are no function of the fans: truncated normal numbers,
 * orthogonal matrices, and weights that pass their input on. */
#include "layer/layer.h"

#include <math.h>

static void set(const fv__parameter *parameter, int64_t i, double value)
{
    void *data = parameter->variable->value.data;
    if (parameter->dtype == FV_F64)
        ((double *)data)[i] = value;
    else
        ((float *)data)[i] = (float)value;
}

static double get(const fv__parameter *parameter, int64_t i)
{
    const void *data = parameter->variable->value.data;
    return parameter->dtype == FV_F64 ? ((const double *)data)[i]
                                      : (double)((const float *)data)[i];
}

/* A number beyond two deviations is drawn again from the next stream. */
static void truncated(fv_context *context, const fv__parameter *parameter,
                      uint64_t stream)
{
    const fv_tensor *value = &parameter->variable->value;
    const int64_t n = fv_tensor_count(value);
    const double deviation = parameter->init.deviation;
    context->kernels->normal(context->seed, stream, 0, (size_t)n, 0, deviation,
                             value->data);
    for (int64_t i = 0; i < n; i++)
        for (uint64_t again = 1;
             fabs(get(parameter, i)) > 2 * deviation && again < 256; again++)
            context->kernels->normal(context->seed, stream + again, (uint64_t)i,
                                     1, 0, deviation,
                                     fv__tensor_byte(value, i));
}

/* Makes `count` vectors of `length` numbers orthogonal, and of length 1, by the
 * modified Gram-Schmidt method; each keeps the sign of its own part. */
static void orthogonalise(const fv__kernels *f64, size_t count, size_t length,
                          double *vectors)
{
    for (size_t i = 0; i < count; i++) {
        double *v = vectors + i * length;
        const double size = sqrt(f64->dot(length, v, v));
        for (size_t j = 0; j < length; j++) v[j] /= size > 0 ? size : 1;
        for (size_t k = i + 1; k < count; k++) {
            double *other = vectors + k * length;
            f64->axpy(length, -f64->dot(length, v, other), v, other);
        }
    }
}

static fv_status orthogonal(fv_context *context, const fv__parameter *parameter,
                            uint64_t stream)
{
    const int64_t rows = parameter->shape[0];
    const int64_t columns =
        fv__product(parameter->rank - 1, parameter->shape + 1);
    const int64_t count = fv__min(rows, columns);
    const int64_t length = fv__max(rows, columns);
    const size_t n = (size_t)(rows * columns);
    const fv__kernels *f64 =
        fv__kernels_find(context, context->kernels->isa, FV_F64);
    size_t bytes;
    if (!f64) return fv_failed(context);
    if (!fv__multiply(n, sizeof(double), &bytes)) bytes = SIZE_MAX;
    double *vectors = fv__allocate(context, FV__DATA, bytes);
    if (!vectors) return fv_failed(context);
    f64->normal(context->seed, stream, 0, n, 0, 1, vectors);
    orthogonalise(f64, (size_t)count, (size_t)length, vectors);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < length; j++)
            set(parameter, rows <= columns ? i * columns + j : j * columns + i,
                parameter->init.gain * vectors[i * length + j]);
    fv__release(context, vectors);
    return FV_OK;
}

/* One at the middle of the taps of filter i and channel i, in each group. */
static void pass_on(const fv__parameter *parameter)
{
    const int64_t *shape = parameter->shape;
    const int32_t last = parameter->rank - 1;
    const int64_t channels = shape[last];
    const int64_t filters = shape[0] / fv__max(parameter->init.groups, 1);
    const int64_t all = fv__product(last - 1, shape + 1);
    int64_t middle = 0;
    for (int32_t i = 1; i < last; i++)
        middle = middle * shape[i] + shape[i] / 2;
    for (int64_t f = 0; filters && f < shape[0]; f++)
        if (f % filters < channels)
            set(parameter, (f * all + middle) * channels + f % filters, 1);
}

fv_status fv__initialize(fv_context *context, const fv__parameter *parameter,
                         uint64_t stream)
{
    const fv_tensor *value = &parameter->variable->value;
    switch (parameter->init.initializer) {
    case FV_INIT_TRUNCATED_NORMAL:
        truncated(context, parameter, stream);
        return FV_OK;
    case FV_INIT_ORTHOGONAL:
        return orthogonal(context, parameter, stream);
    default:
        context->kernels->fill((size_t)fv_tensor_count(value), 0, value->data);
        pass_on(parameter);
        return FV_OK;
    }
}

fv_status fv__init_check(const fv_layer *layer, const char *name, int32_t rank,
                         const fv__init *init)
{
    const char *needs = NULL;
    if (init->initializer == FV_INIT_ORTHOGONAL && rank < 2)
        needs = "rank 2 or more";
    if (init->initializer == FV_INIT_IDENTITY && rank != 2) needs = "a matrix";
    if (init->initializer == FV_INIT_DIRAC && rank < 3)
        needs = "weights of a convolution";
    if (init->initializer == FV_INIT_UNIFORM && !(init->low <= init->high))
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: init_low %s is above init_high %s", layer->name,
                       FV__NUMBER(init->low), FV__NUMBER(init->high));
    if (!needs) return FV_OK;
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: init %s needs %s, %s has rank %d", layer->name,
                   fv__initializer_words[init->initializer], needs, name,
                   (int)rank);
}
