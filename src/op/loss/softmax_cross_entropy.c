/* Cross entropy of the softmax of rows of logits against class indices or
 * rows of weights, averaged over the rows. */
#include "op/loss/loss.h"

static double term(const fv_call *call, const fv__class_row *row)
{
    fv__number loss;
    call->context->kernels->cross_entropy(1, (size_t)row->n, row->x,
                                          row->weights ? NULL : &row->label,
                                          row->weights, &loss);
    return fv__real_get(call->context, &loss, 0);
}

static void grad(const fv_call *call, const fv__class_row *row, double scale,
                 void *dx)
{
    call->context->kernels->cross_entropy_grad(
        1, (size_t)row->n, row->x, row->weights ? NULL : &row->label,
        row->weights, scale, dx);
}

static fv_status infer(fv_inference *inference)
{
    static const fv__class_rule rule = { .term = term,
                                         .grad = grad,
                                         .dense = true };
    return fv__class_loss_infer(inference, &rule);
}

const fv_operator fv__op_softmax_cross_entropy = {
    FV__CLASS_LOSS("softmax_cross_entropy", infer),
    .onnx = "SoftmaxCrossEntropyLoss",
};

fv_variable *fv_softmax_cross_entropy_with(fv_variable *logits,
                                           fv_variable *target,
                                           const fv_class_loss *how)
{
    const fv__class_loss loss = { .how = how ? *how : (fv_class_loss){ 0 } };
    return fv__class_loss_apply(&fv__op_softmax_cross_entropy, logits, target,
                                &loss);
}

fv_variable *fv_softmax_cross_entropy_of(fv_variable *logits,
                                         fv_variable *target)
{
    return fv_softmax_cross_entropy_with(logits, target, NULL);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    FV__CLASS_LOSS_FIELDS(fv_softmax_cross_entropy_options),
    { FV__FIELD(fv_softmax_cross_entropy_options, NUMBER, label_smoothing),
      .range = FV__0_TO_1 },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_softmax_cross_entropy_options *o = layer->options;
    fv_class_loss how = FV__CLASS_LOSS_HOW(o);
    how.label_smoothing = o->label_smoothing;
    (void)count;
    return fv_softmax_cross_entropy_with(inputs[0], inputs[1], &how);
}

const fv__layer_type fv__layer_softmax_cross_entropy = {
    .kind = "softmax_cross_entropy",
    .about = "the mean over rows of -log softmax(x) at the class, or of "
             "cross-entropy with a distribution",
    FV__LAYER_OPTIONS(fv_softmax_cross_entropy_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .target = FV__TARGET_CLASSES,
    .meaning = FV_MEANS_LOGITS,
    .forward = apply,
};

fv_layer *
fv_softmax_cross_entropy_new(const fv_softmax_cross_entropy_options *options)
{
    return fv__layer_new(&fv__layer_softmax_cross_entropy, options);
}
