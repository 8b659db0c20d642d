/* Parameters: their memory and their initial values. */
#include "layer/layer.h"

#include <math.h>
#include <string.h>

/* Fan of the variance: Kaiming and LeCun take one of the fans, Xavier both. */
static double fan_of(const fv__init *init)
{
    double in = (double)init->fan_in, out = (double)init->fan_out;
    switch (init->fan) {
    case FV_FAN_IN:
        return in;
    case FV_FAN_OUT:
        return out;
    case FV_FAN_AVERAGE:
        return (in + out) / 2;
    }
    return in;
}

/* He et al. 2015, Glorot and Bengio 2010, LeCun et al. 1998. */
static double deviation_of(const fv__init *init)
{
    switch (init->initializer) {
    case FV_INIT_XAVIER_NORMAL:
    case FV_INIT_XAVIER_UNIFORM:
        return sqrt(2 / (double)(init->fan_in + init->fan_out));
    case FV_INIT_LECUN_NORMAL:
    case FV_INIT_LECUN_UNIFORM:
        return sqrt(1 / fan_of(init));
    default:
        return sqrt(2 / fan_of(init));
    }
}

static fv_status draw(const fv__parameter *parameter, uint64_t stream)
{
    fv_context *context = parameter->variable->context;
    const fv__init *init = &parameter->init;
    void *data = parameter->variable->value.data;
    size_t n = (size_t)fv_tensor_count(&parameter->variable->value);
    double deviation;
    if (!fv__dtype_is_real(parameter->dtype)) {
        memset(data, 0, fv__tensor_bytes(&parameter->variable->value));
        return FV_OK;
    }
    if (init->derive) return init->derive(context, parameter);
    switch (init->initializer) {
    case FV_INIT_ZEROS:
        context->kernels->fill(n, 0, data);
        return FV_OK;
    case FV_INIT_CONSTANT:
        context->kernels->fill(n, init->value, data);
        return FV_OK;
    case FV_INIT_NORMAL:
        context->kernels->normal(context->seed, stream, 0, n, 0,
                                 init->deviation, data);
        return FV_OK;
    case FV_INIT_UNIFORM:
        context->kernels->uniform(context->seed, stream, 0, n, init->low,
                                  init->high, data);
        return FV_OK;
    case FV_INIT_KAIMING_UNIFORM:
    case FV_INIT_XAVIER_UNIFORM:
    case FV_INIT_LECUN_UNIFORM:
        deviation = deviation_of(init) * sqrt(3);
        context->kernels->uniform(context->seed, stream, 0, n, -deviation,
                                  deviation, data);
        return FV_OK;
    case FV_INIT_TRUNCATED_NORMAL:
    case FV_INIT_ORTHOGONAL:
    case FV_INIT_DIRAC:
    case FV_INIT_IDENTITY:
        return fv__initialize(context, parameter, stream);
    default:
        context->kernels->normal(context->seed, stream, 0, n, 0,
                                 deviation_of(init), data);
        return FV_OK;
    }
}

/* A parameter whose values cannot be computed keeps none, and is drawn from the
 * same stream later. */
fv_status fv__parameter_draw(const fv__parameter *parameter)
{
    fv_variable *variable = parameter->variable;
    fv_context *context = variable->context;
    if (draw(parameter, FV__STREAM_WEIGHTS + (context->parameters++ << 8))
        == FV_OK)
        return FV_OK;
    context->parameters--;
    if (variable->owns_value) fv__release(context, variable->value.data);
    variable->owns_value = false;
    variable->value.data = NULL;
    return fv_failed(context);
}

size_t fv__parameter_bytes(const fv__parameter *parameter)
{
    return fv__align((size_t)fv__product(parameter->rank, parameter->shape)
                     * fv_dtype_bytes(parameter->dtype));
}

fv_status fv__layer_prepare(fv_layer *layer)
{
    for (int32_t i = 0; i < layer->num_parameters; i++) {
        fv__parameter *parameter = &layer->parameters[i];
        if (parameter->variable) continue;
        parameter->variable = fv__leaf_new(layer->context, parameter->dtype,
                                           parameter->rank, parameter->shape);
        if (!parameter->variable) return fv_failed(layer->context);
        fv__orphan(&parameter->variable->object);
        parameter->variable->requires_grad = parameter->trainable;
    }
    return FV_OK;
}

fv_status fv__layer_draw(fv_layer *layer)
{
    if (layer->network) return layer->draw(layer->network);
    if (fv__layer_prepare(layer) != FV_OK) return fv_failed(layer->context);
    for (int32_t i = 0; i < layer->num_parameters; i++) {
        const fv__parameter *parameter = &layer->parameters[i];
        if (parameter->variable->value.data) continue;
        if (fv__leaf_own(parameter->variable) != FV_OK)
            return fv_failed(layer->context);
        if (fv__parameter_draw(parameter) != FV_OK) break;
    }
    return fv_failed(layer->context);
}
