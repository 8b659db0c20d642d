/* Mean of each window. */
#include "layer/layer.h"

static const fv__field fields[] = {
    FV__POOL_FIELDS,
    { FV__FIELD(fv_pool_options, SWITCH, count_padding) },
    { .key = NULL },
};

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)count;
    fv_pooling pooling = fv__layer_pooling(layer, &layer->in_shape);
    return fv_avgpool_of(inputs[0], &pooling);
}

const fv__layer_type fv__layer_avgpool = {
    .kind = "avgpool",
    .stem = "avgpool",
    FV__LAYER_OPTIONS(fv_pool_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = fv__layer_declare_pool,
    .forward = forward,
};

fv_layer *fv_avgpool_new(const fv_pool_options *options)
{
    return fv__layer_new(&fv__layer_avgpool, options);
}
