/* Binary cross-entropy of probabilities. */
#include "op/loss/loss.h"

const fv_operator fv__op_bce = { FV__ELEMENT_LOSS("bce") };

fv_variable *fv_bce_of(fv_variable *x, fv_variable *target,
                       const fv_numbers *weights, fv_reduction reduction)
{
    const fv__element_loss loss = {
        .f = FV__BINARY_CROSS_ENTROPY,
        .reduction = fv__reduction_or(reduction, FV_REDUCTION_MEAN),
        .weights = weights ? *weights : (fv_numbers){ 0 },
    };
    return fv__element_loss_apply(&fv__op_bce, x, target, &loss);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_bce_options, NUMBERS, class_weights) },
    { FV__REDUCTION_FIELD(fv_bce_options, FV_REDUCTION_MEAN) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_bce_options *o = layer->options;
    (void)count;
    return fv_bce_of(inputs[0], inputs[1], &o->class_weights, o->reduction);
}

const fv__layer_type fv__layer_bce = {
    .kind = "bce",
    .about = "the mean binary cross-entropy of probabilities",
    FV__VALUES_LOSS_LAYER(fv_bce_options),
};

fv_layer *fv_bce_new(const fv_bce_options *options)
{
    return fv__layer_new(&fv__layer_bce, options);
}
