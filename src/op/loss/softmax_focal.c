/* Focal loss of the softmax of rows of logits. */
#include "op/loss/loss.h"

/* Cross-entropy of the row. */
static void measure(const fv_call *call, const fv__class_row *row,
                    fv__number *loss)
{
    call->context->kernels->cross_entropy(1, (size_t)row->n, row->x,
                                          &row->label, NULL, loss);
}

static double term(const fv_call *call, const fv__class_row *row)
{
    fv__number loss;
    measure(call, row, &loss);
    call->context->kernels->loss(FV__FOCAL, 1, &loss, &loss, NULL, 0,
                                 fv__class_loss_of(call)->gamma, &loss);
    return fv__real_get(call->context, &loss, 0);
}

static void grad(const fv_call *call, const fv__class_row *row, double scale,
                 void *dx)
{
    const fv__kernels *kernels = call->context->kernels;
    fv__number slope;
    measure(call, row, &slope);
    kernels->loss_slope(FV__FOCAL, 0, 1, &slope, &slope, NULL, 0,
                        fv__class_loss_of(call)->gamma, &slope);
    kernels->cross_entropy_grad(1, (size_t)row->n, row->x, &row->label, NULL,
                                scale * fv__real_get(call->context, &slope, 0),
                                dx);
}

static fv_status infer(fv_inference *inference)
{
    static const fv__class_rule rule = { .term = term, .grad = grad };
    return fv__class_loss_infer(inference, &rule);
}

const fv_operator fv__op_softmax_focal = { FV__CLASS_LOSS("softmax_focal",
                                                          infer) };

fv_variable *fv_softmax_focal_of(fv_variable *logits, fv_variable *labels,
                                 double gamma, const fv_class_loss *how)
{
    fv__class_loss loss = { .how = how ? *how : (fv_class_loss){ 0 },
                            .gamma = gamma };
    loss.how.label_smoothing = 0;
    return fv__class_loss_apply(&fv__op_softmax_focal, logits, labels, &loss);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_softmax_focal_options, NUMBER, gamma), .positive = true,
      .usual = 2, .range = FV__ABOVE_0 },
    FV__CLASS_LOSS_FIELDS(fv_softmax_focal_options),
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_softmax_focal_options *o = layer->options;
    const fv_class_loss how = FV__CLASS_LOSS_HOW(o);
    (void)count;
    return fv_softmax_focal_of(inputs[0], inputs[1], o->gamma, &how);
}

const fv__layer_type fv__layer_softmax_focal = {
    .kind = "softmax_focal",
    .about =
        "the mean over rows of -(1 - p)^gamma log p, p = softmax(x) at the "
        "class",
    FV__LAYER_OPTIONS(fv_softmax_focal_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .target = FV__TARGET_LABELS,
    .meaning = FV_MEANS_LOGITS,
    .forward = apply,
};

fv_layer *fv_softmax_focal_new(const fv_softmax_focal_options *options)
{
    return fv__layer_new(&fv__layer_softmax_focal, options);
}
