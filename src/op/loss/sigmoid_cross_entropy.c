/* Cross entropy of the sigmoid of logits, summed and divided by the batch. */
#include "op/loss/loss.h"

const fv_operator fv__op_sigmoid_cross_entropy = { FV__ELEMENT_LOSS(
    "sigmoid_cross_entropy") };

fv_variable *fv_sigmoid_cross_entropy_with(fv_variable *logits,
                                           fv_variable *target,
                                           const fv_numbers *weights,
                                           const fv_numbers *positive_weights,
                                           fv_reduction reduction)
{
    const bool positive = positive_weights && positive_weights->count;
    const fv__element_loss loss = {
        .f = positive ? FV__LOGIT : FV__SIGMOID_CROSS_ENTROPY,
        .reduction = fv__reduction_or(reduction, FV_REDUCTION_BATCH),
        .weights = weights ? *weights : (fv_numbers){ 0 },
        .positive = positive ? *positive_weights : (fv_numbers){ 0 },
    };
    return fv__element_loss_apply(&fv__op_sigmoid_cross_entropy, logits, target,
                                  &loss);
}

fv_variable *fv_sigmoid_cross_entropy_of(fv_variable *logits,
                                         fv_variable *target)
{
    return fv_sigmoid_cross_entropy_with(logits, target, NULL, NULL,
                                         FV_REDUCTION_BATCH);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_sigmoid_cross_entropy_options, NUMBERS, class_weights) },
    { FV__FIELD(fv_sigmoid_cross_entropy_options, NUMBERS, positive_weights) },
    { FV__REDUCTION_FIELD(fv_sigmoid_cross_entropy_options,
                          FV_REDUCTION_BATCH) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_sigmoid_cross_entropy_options *o = layer->options;
    (void)count;
    return fv_sigmoid_cross_entropy_with(inputs[0], inputs[1],
                                         &o->class_weights,
                                         &o->positive_weights, o->reduction);
}

const fv__layer_type fv__layer_sigmoid_cross_entropy = {
    .kind = "sigmoid_cross_entropy",
    .about = "cross-entropy of sigmoid(x) with values from 0 to 1, divided by "
             "the batch",
    FV__VALUES_LOSS_LAYER(fv_sigmoid_cross_entropy_options),
    .meaning = FV_MEANS_LOG_ODDS,
};

fv_layer *
fv_sigmoid_cross_entropy_new(const fv_sigmoid_cross_entropy_options *options)
{
    return fv__layer_new(&fv__layer_sigmoid_cross_entropy, options);
}
