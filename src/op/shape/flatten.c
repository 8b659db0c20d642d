/* All extents in one, in channel, row, column order. */
#include "op/op.h"

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)layer, (void)count;
    fv_variable *x = inputs[0];
    const fv_tensor *value = &x->value;
    const int64_t *in = value->shape + 1;
    const int64_t shape[] = { value->shape[0],
                              fv__product(value->rank - 1, in) };
    const bool plane = value->rank == 4 && in[0] * in[1] > 1 && in[2] > 1;
    if (plane) x = fv_permute(x, (const int32_t[]){ 0, 3, 1, 2 });
    return fv_reshape(x, 2, shape);
}

const fv__layer_type fv__layer_flatten = {
    .kind = "flatten",
    .about = "a vector of all values, in channel, row, column order",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = forward,
};

fv_layer *fv_flatten_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_flatten, options);
}
