/* Layers that are used alone: their shape, variables and results. */
#include "layer/layer.h"

#include <string.h>

/* ---- shapes ------------------------------------------------------------- */

/* Checks the in_shape given for a layer used alone. */
static fv_status check_declared(const fv_layer *layer)
{
    for (int32_t i = 0; i < layer->declared.rank; i++)
        if (layer->declared.extent[i] < 1)
            return fv_fail(layer->context, FV_MISUSE,
                           "%s: in_shape has an extent of %lld", layer->name,
                           (long long)layer->declared.extent[i]);
    return FV_OK;
}

/* Checks that an input has the shape that the layer was made for. */
static fv_status check_given(const fv_layer *layer, const fv_shape *expected,
                             const fv_shape *given)
{
    if (fv__shape_fits(expected, given)) return FV_OK;
    char is[FV__SHAPE_BYTES], text[FV__SHAPE_BYTES];
    fv_shape a = fv__shape_outside(layer->context, *given);
    fv_shape b = fv__shape_outside(layer->context, *expected);
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: input %s does not fit in_shape %s", layer->name,
                   fv__shape_show(is, &a), fv__shape_show(text, &b));
}

static fv_status lacks_in_shape(const fv_layer *layer)
{
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: in_shape is required for a layer used alone",
                   layer->name);
}

/* Determines the shape of a layer used alone from in_shape or from the first
 * input. That of a layer in a network is known. */
static fv_status resolve_shape(fv_layer *layer, int32_t count,
                               const fv_shape *given, const fv_dtype *dtypes)
{
    fv_context *context = layer->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (layer->network)
        return given ? check_given(layer, &layer->in_shape, given) : FV_OK;
    if (check_declared(layer) != FV_OK) return fv_failed(context);
    fv_shape declared = fv__shape_inside(context, layer->declared);
    int32_t needed = layer->type->min_inputs;
    if (!given) {
        if (layer->shaped) return FV_OK;
        if (!declared.rank && needed) return lacks_in_shape(layer);
        return fv__layer_find_shape(layer, needed ? 1 : 0, &declared, NULL);
    }
    if (declared.rank && check_given(layer, &declared, given) != FV_OK)
        return fv_failed(context);
    if (layer->shaped && count == 1
        && fv__shape_equal(&layer->in_shape, &given[0]))
        return FV_OK;
    fv_status status = fv__layer_find_shape(layer, count, given, dtypes);
    if (status == FV_OK && layer->num_parameters && !declared.rank)
        return lacks_in_shape(layer);
    return status;
}

fv_shape fv_layer_output_shape(fv_layer *layer)
{
    if (!layer || resolve_shape(layer, 0, NULL, NULL) != FV_OK
        || !layer->shaped)
        return (fv_shape){ .rank = -1 };
    return fv__shape_outside(layer->context, layer->out_shape);
}

/* ---- use ---------------------------------------------------------------- */

fv_variables fv_layer_variables(fv_layer *layer)
{
    fv_variables none = { 0 };
    if (!layer || resolve_shape(layer, 0, NULL, NULL) != FV_OK) return none;
    if (fv__layer_draw(layer) != FV_OK) return none;
    fv_variables variables = { 0, layer->trainable };
    for (int32_t i = 0; i < layer->num_parameters; i++) {
        fv__parameter *parameter = &layer->parameters[i];
        if (!parameter->trainable || !parameter->variable) continue;
        layer->trainable[variables.count++] = parameter->variable;
    }
    return variables;
}

/* Checks the inputs of a layer that is used alone and converts them to channels
 * last. */
static fv_status take_inputs(const fv_layer *layer, int32_t count,
                             fv_variable *const inputs[], fv_variable *inside[],
                             fv_shape shapes[], fv_dtype dtypes[])
{
    fv_context *context = layer->context;
    if (count < 1 || count > FV__MAX_INPUTS)
        return fv_fail(context, FV_MISUSE, "%s: %d inputs is not in 1..%d",
                       layer->name, count, FV__MAX_INPUTS);
    for (int32_t k = 0; k < count; k++) {
        if (!inputs[k])
            return fv_fail(context, FV_MISUSE, "%s: input %d is NULL",
                           layer->name, k + 1);
        if (inputs[k]->context != context)
            return fv_fail(context, FV_MISUSE,
                           "%s: input %d belongs to another context",
                           layer->name, k + 1);
        inside[k] = fv__variable_inside(inputs[k]);
        if (!inside[k]) return fv_failed(context);
        dtypes[k] = inside[k]->value.dtype;
        shapes[k] = fv__shape_of_image(&inside[k]->value);
        if (shapes[k].rank < 0)
            return fv_fail(context, FV_MISUSE, "%s: input %d has no batch axis",
                           layer->name, k + 1);
    }
    return FV_OK;
}

fv_status fv_layer_apply(fv_layer *layer, int32_t count,
                         fv_variable *const inputs[], int32_t num_outputs,
                         fv_variable *outputs[])
{
    fv_variable *inside[FV__MAX_INPUTS] = { NULL }, *made[FV__MAX_OUTPUTS];
    fv_shape shapes[FV__MAX_INPUTS] = { { 0 } };
    fv_dtype dtypes[FV__MAX_INPUTS];
    for (int32_t k = 0; k < num_outputs; k++) outputs[k] = NULL;
    if (!layer || !fv__ok(layer->context)) return FV_MISUSE;
    const int32_t target = layer->type->target != FV__NO_TARGET;
    if (take_inputs(layer, count, inputs, inside, shapes, dtypes) != FV_OK
        || resolve_shape(layer, count - target, shapes, dtypes) != FV_OK
        || fv__layer_draw(layer) != FV_OK)
        return fv_failed(layer->context);
    const int32_t all = fv__layer_apply_n(layer, count, inside, made);
    for (int32_t k = 0; k < all && k < num_outputs; k++)
        outputs[k] = fv__variable_outside(made[k]);
    return fv_failed(layer->context);
}

fv_variable *fv_layer_forward_n(fv_layer *layer, int32_t count,
                                fv_variable *const inputs[])
{
    fv_variable *output;
    fv_layer_apply(layer, count, inputs, 1, &output);
    return output;
}

fv_variable *fv_layer_forward(fv_layer *layer, fv_variable *x)
{
    return fv_layer_forward_n(layer, 1, &x);
}
