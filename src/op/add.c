/* a + b, broadcast. */
#include "op/op.h"

const fv_operator fv__op_add = { FV__BINARY_OPERATOR_WITH(
                                     "add", 0, FV_OVERWRITES | FV_IN_PLACE),
                                 .onnx = "Add" };

fv_variable *fv_add(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_add, FV__ADD, a, b);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    for (int32_t k = 1; k < count; k++) {
        if (fv__shape_equal(&inputs[0], &inputs[k])) continue;
        fv_shape first = fv__shape_outside(layer->context, inputs[0]);
        fv_shape other = fv__shape_outside(layer->context, inputs[k]);
        char a[FV__SHAPE_BYTES], b[FV__SHAPE_BYTES];
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: inputs %s and %s differ in shape", layer->name,
                       fv__shape_text(a, sizeof a, first.rank, first.extent),
                       fv__shape_text(b, sizeof b, other.rank, other.extent));
    }
    return FV_OK;
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer;
    fv_variable *sum = inputs[0];
    for (int32_t k = 1; k < count; k++) sum = fv_add(sum, inputs[k]);
    return sum;
}

const fv__layer_type fv__layer_add = {
    .kind = "add",
    .about = "the sum of several layers of one shape",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 2,
    .max_inputs = 64,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_add_layers_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_add, options);
}
