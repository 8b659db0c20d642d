/* Slices by vectors of indices: the layer. */
#include "op/index/places.h"
#include "op/tensor_layer.h"

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    int64_t batch_dims;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, batch_dims) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    (void)count;
    return fv__gather_nd(inputs[0], inputs[1], o->batch_dims);
}

const fv__layer_type fv__layer_gather_nd = {
    .kind = "gather_nd",
    .about = "slices of the first input, whose indices of the first axes, or "
             "of those behind batch_dims that both have, are vectors in the "
             "second",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 2,
    .max_inputs = 2,
    .forward = apply,
};
