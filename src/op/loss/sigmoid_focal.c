/* Focal loss of the sigmoid of logits. */
#include "op/loss/loss.h"

const fv_operator fv__op_sigmoid_focal = { FV__ELEMENT_LOSS("sigmoid_focal") };

fv_variable *fv_sigmoid_focal_of(fv_variable *logits, fv_variable *target,
                                 double alpha, double gamma,
                                 fv_reduction reduction)
{
    if (logits && target && fv_variable_requires_grad(target))
        fv_fail(fv_variable_context(logits), FV_MISUSE,
                "sigmoid_focal: the target requires a gradient, but has none");
    const fv__element_loss loss = {
        .f = FV__SIGMOID_FOCAL,
        .reduction = fv__reduction_or(reduction, FV_REDUCTION_MEAN),
        .p = alpha,
        .q = gamma,
    };
    return fv__element_loss_apply(&fv__op_sigmoid_focal, logits, target, &loss);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_sigmoid_focal_options, NUMBER, alpha), .positive = true,
      .usual = 0.25 },
    { FV__FIELD(fv_sigmoid_focal_options, NUMBER, gamma), .positive = true,
      .usual = 2, .range = FV__ABOVE_0 },
    { FV__REDUCTION_FIELD(fv_sigmoid_focal_options, FV_REDUCTION_MEAN) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_sigmoid_focal_options *o = layer->options;
    (void)count;
    return fv_sigmoid_focal_of(inputs[0], inputs[1], o->alpha, o->gamma,
                               o->reduction);
}

const fv__layer_type fv__layer_sigmoid_focal = {
    .kind = "sigmoid_focal",
    .about = "the mean of sigmoid_cross_entropy times (1 - p)^gamma, balanced "
             "by alpha",
    FV__VALUES_LOSS_LAYER(fv_sigmoid_focal_options),
    .meaning = FV_MEANS_LOG_ODDS,
};

fv_layer *fv_sigmoid_focal_new(const fv_sigmoid_focal_options *options)
{
    return fv__layer_new(&fv__layer_sigmoid_focal, options);
}
