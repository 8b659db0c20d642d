/* Negative log-likelihood: minus the logarithm of the class's probability. */
#include "op/loss/loss.h"

static double term(const fv_call *call, const fv__class_row *row)
{
    return -fv__real_get(call->context, row->x, row->label);
}

static void grad(const fv_call *call, const fv__class_row *row, double scale,
                 void *dx)
{
    const double before = fv__real_get(call->context, dx, row->label);
    fv__real_set(call->context, dx, row->label, before - scale);
}

static fv_status infer(fv_inference *inference)
{
    static const fv__class_rule rule = { .term = term, .grad = grad };
    return fv__class_loss_infer(inference, &rule);
}

const fv_operator fv__op_nll = { FV__CLASS_LOSS("nll", infer),
                                 .onnx = "NegativeLogLikelihoodLoss" };

fv_variable *fv_nll_of(fv_variable *x, fv_variable *labels,
                       const fv_class_loss *how)
{
    fv__class_loss loss = { .how = how ? *how : (fv_class_loss){ 0 } };
    loss.how.label_smoothing = 0;
    return fv__class_loss_apply(&fv__op_nll, x, labels, &loss);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    FV__CLASS_LOSS_FIELDS(fv_nll_options),
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_nll_options *o = layer->options;
    const fv_class_loss how = FV__CLASS_LOSS_HOW(o);
    (void)count;
    return fv_nll_of(inputs[0], inputs[1], &how);
}

const fv__layer_type fv__layer_nll = {
    .kind = "nll",
    .about = "the mean over rows of -x at the class; x are logarithms of "
             "probabilities",
    FV__LAYER_OPTIONS(fv_nll_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .target = FV__TARGET_LABELS,
    .meaning = FV_MEANS_LOG_PROBABILITIES,
    .forward = apply,
};

fv_layer *fv_nll_new(const fv_nll_options *options)
{
    return fv__layer_new(&fv__layer_nll, options);
}
