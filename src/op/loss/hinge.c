/* Hinge loss of several classes. */
#include "op/loss/loss.h"

#include <math.h>

/* buffer[j] = max(0, margin - x_label + x_j), 0 at the label. */
static void overlap(const fv_call *call, const fv__class_row *row)
{
    const fv__kernels *kernels = call->context->kernels;
    const double own = fv__real_get(call->context, row->x, row->label);
    kernels->unary(FV__SCALE_ADD, (size_t)row->n, row->x, row->buffer, 1,
                   fv__class_loss_of(call)->margin - own);
    kernels->unary(FV__CLAMP, (size_t)row->n, row->buffer, row->buffer, 0,
                   (double)INFINITY);
    fv__real_set(call->context, row->buffer, row->label, 0);
}

static double term(const fv_call *call, const fv__class_row *row)
{
    const fv__kernels *kernels = call->context->kernels;
    const size_t n = (size_t)row->n;
    overlap(call, row);
    const double sum = fv__class_loss_of(call)->power == 1
                           ? kernels->sum(n, row->buffer)
                           : kernels->dot(n, row->buffer, row->buffer);
    return sum / (double)n;
}

/* The slope of a class is 1 or twice its overlap; that of the label is minus
 * their sum. */
static void grad(const fv_call *call, const fv__class_row *row, double scale,
                 void *dx)
{
    const fv__kernels *kernels = call->context->kernels;
    const size_t n = (size_t)row->n;
    const bool linear = fv__class_loss_of(call)->power == 1;
    overlap(call, row);
    for (int64_t j = 0; linear && j < row->n; j++)
        fv__real_set(call->context, row->buffer, j,
                     fv__real_get(call->context, row->buffer, j) > 0);
    fv__real_set(call->context, row->buffer, row->label,
                 -kernels->sum(n, row->buffer));
    kernels->axpy(n, (linear ? 1 : 2) * scale / (double)n, row->buffer, dx);
}

static fv_status infer(fv_inference *inference)
{
    static const fv__class_rule rule = { .term = term,
                                         .grad = grad,
                                         .rows = true };
    const fv__class_loss *loss = inference->attributes;
    if (loss->power != 1 && loss->power != 2)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: power %s is neither 1 nor 2", inference->name,
                       FV__NUMBER(loss->power));
    return fv__class_loss_infer(inference, &rule);
}

const fv_operator fv__op_hinge = { FV__CLASS_LOSS("hinge", infer) };

fv_variable *fv_hinge_of(fv_variable *scores, fv_variable *labels,
                         double margin, double power, const fv_class_loss *how)
{
    fv__class_loss loss = { .how = how ? *how : (fv_class_loss){ 0 },
                            .margin = margin,
                            .power = power };
    loss.how.label_smoothing = 0;
    return fv__class_loss_apply(&fv__op_hinge, scores, labels, &loss);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_hinge_options, NUMBER, margin), .positive = true,
      .usual = 1 },
    { FV__FIELD(fv_hinge_options, NUMBER, power), .positive = true,
      .usual = 1 },
    FV__CLASS_LOSS_FIELDS(fv_hinge_options),
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_hinge_options *o = layer->options;
    const fv_class_loss how = FV__CLASS_LOSS_HOW(o);
    (void)count;
    return fv_hinge_of(inputs[0], inputs[1], o->margin, o->power, &how);
}

const fv__layer_type fv__layer_hinge = {
    .kind = "hinge",
    .about = "hinge loss of classes: the mean over rows of "
             "sum max(0, margin - x_class + x_j)^power / classes",
    FV__LAYER_OPTIONS(fv_hinge_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .target = FV__TARGET_LABELS,
    .forward = apply,
};

fv_layer *fv_hinge_new(const fv_hinge_options *options)
{
    return fv__layer_new(&fv__layer_hinge, options);
}
