/* All extents in one, in channel, row, column order. */
#include "layer/layer.h"

static fv_status shape(fv_layer *layer, int32_t count, const fv_shape inputs[])
{
    (void)count;
    int64_t elements = fv__shape_count(&inputs[0]);
    layer->out_shape = (fv_shape){ .rank = 1, .extent = { elements } };
    return FV_OK;
}

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)count;
    fv_variable *x = inputs[0];
    const int64_t *in = layer->in_shape.extent;
    bool plane = layer->in_shape.rank == 3 && in[0] * in[1] > 1 && in[2] > 1;
    if (plane) x = fv_permute(x, (const int32_t[]){ 0, 3, 1, 2 });
    int64_t batch = inputs[0]->value.shape[0];
    return fv_reshape(x, 2,
                      (const int64_t[]){ batch, layer->out_shape.extent[0] });
}

const fv__layer_type fv__layer_flatten = {
    .kind = "flatten",
    .stem = "flatten",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = shape,
    .forward = forward,
};

fv_layer *fv_flatten_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_flatten, options);
}
