/* Drops elements in training, does nothing in evaluation. */
#include "layer/layer.h"

static const fv__field fields[] = {
    { FV__FIELD(fv_dropout_options, NUMBER, probability), .usual = 0.5,
      .positional = true },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv_dropout_options *options = layer->options;
    double p = options->probability;
    (void)count, (void)inputs;
    if (p >= 0 && p <= 1) return FV_OK;
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: probability %s is not in 0..1", layer->name,
                   FV__NUMBER(p));
}

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    const fv_dropout_options *options = layer->options;
    (void)count;
    return fv_dropout_of(inputs[0], options->probability);
}

const fv__layer_type fv__layer_dropout = {
    .kind = "dropout",
    .stem = "dropout",
    FV__LAYER_OPTIONS(fv_dropout_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = forward,
};

fv_layer *fv_dropout_new(const fv_dropout_options *options)
{
    return fv__layer_new(&fv__layer_dropout, options);
}
