/* The optional parameters of normalisations. */
#include "op/norm/affine.h"

#include <inttypes.h>
#include <math.h>

bool fv__epsilon_fits(const fv_inference *inference, double epsilon)
{
    if (epsilon >= 0 && isfinite(epsilon)) return true;
    fv_fail(inference->context, FV_MISUSE, "%s: epsilon %s is not 0 or above",
            inference->name, FV__NUMBER(epsilon));
    return false;
}

fv_variable *fv__apply_affine(const fv_operator *op, const void *attributes,
                              fv_variable *x, fv_variable *gamma,
                              fv_variable *beta)
{
    fv_variable *inputs[] = { x, gamma, beta };
    if (x && beta && !gamma) {
        fv_fail(fv_variable_context(x), FV_MISUSE, "%s: beta without gamma",
                op->name);
        return NULL;
    }
    return fv_apply(op, attributes, beta ? 3 : gamma ? 2 : 1, inputs);
}

/* ---- layers -------------------------------------------------------------- */

fv_status fv__affine_declare(fv_layer *layer, const fv_shape *input,
                             int64_t axes, bool weight, bool bias)
{
    if (fv__layer_expect_channels(layer, input) != FV_OK)
        return fv_failed(layer->context);
    if (axes < 1 || axes > input->rank)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: axes %" PRId64 " is not 1 to %d, as the input has",
                       layer->name, axes, input->rank);
    const int64_t *extents = input->extent + (input->rank - axes);
    if (weight)
        fv__layer_parameter(
            layer, "weight", (int32_t)axes, extents,
            (fv__init){ .initializer = FV_INIT_CONSTANT, .value = 1 });
    if (bias)
        fv__layer_parameter(layer, "bias", (int32_t)axes, extents,
                            (fv__init){ .initializer = FV_INIT_ZEROS });
    return fv_failed(layer->context);
}

fv_variable *fv__affine_weight(const fv_layer *layer)
{
    return layer->num_parameters > 0 ? layer->parameters[0].variable : NULL;
}

fv_variable *fv__affine_bias(const fv_layer *layer)
{
    return layer->num_parameters > 1 ? layer->parameters[1].variable : NULL;
}
