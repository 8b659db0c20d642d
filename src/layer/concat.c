/* The channels of layers, one after another. */
#include "layer/layer.h"

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    if (fv__layer_expect_channels(layer, &inputs[0]) != FV_OK)
        return fv_failed(layer->context);
    for (int32_t k = 1; k < count; k++) {
        const int32_t last = inputs[0].rank - 1;
        fv_shape next = inputs[k];
        next.extent[last] = inputs[0].extent[last];
        if (fv__shape_equal(&inputs[0], &next)) continue;
        fv_shape first = fv__shape_outside(layer->context, inputs[0]);
        fv_shape other = fv__shape_outside(layer->context, inputs[k]);
        char a[FV__SHAPE_BYTES], b[FV__SHAPE_BYTES];
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: inputs %s and %s differ in more than channels",
                       layer->name,
                       fv__shape_text(a, sizeof a, first.rank, first.extent),
                       fv__shape_text(b, sizeof b, other.rank, other.extent));
    }
    return FV_OK;
}

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)layer;
    return fv_concat_of(count, inputs, -1);
}

const fv__layer_type fv__layer_concat = {
    .kind = "concat",
    .stem = "concat",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 2,
    .max_inputs = 64,
    .declare = declare,
    .forward = forward,
};

fv_layer *fv_concat_layers_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_concat, options);
}
