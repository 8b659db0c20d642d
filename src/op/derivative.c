/* The gradients of arithmetic, activations, sums, movements and products as
 * operations; the list of all operators that have one. */
#include "op/derivative.h"

/* The sum of dy over the axes along which x is broadcast to its shape. */
static fv_variable *sum_like(fv_variable *dy, const fv_variable *x)
{
    if (!dy) return NULL;
    const fv_tensor *from = &dy->value, *to = &x->value;
    const int32_t leading = from->rank - to->rank;
    int32_t axes[FV_MAX_RANK], count = 0;
    for (int32_t i = 0; i < from->rank; i++)
        if (i < leading || to->shape[i - leading] != from->shape[i])
            axes[count++] = i;
    if (count) dy = fv_reduce(dy, FV_REDUCE_SUM, count, axes, 1);
    return leading ? fv_reshape(dy, to->rank, to->shape) : dy;
}

/* A number of the type of a variable, of rank 0. */
static fv_variable *number_like(const fv_variable *like, double number)
{
    const fv_tensor value = fv_tensor_of(&number, FV_F64, 0, NULL);
    return fv_constant(like->context, &value);
}

/* dy where the condition holds, else 0. */
static fv_variable *pass_where(fv_variable *condition, fv_variable *dy)
{
    return dy ? fv_where(condition, dy, number_like(dy, 0)) : NULL;
}

/* ---- functions of two elements ---------------------------------------------
 */

static void differentiate_add(const fv_derivation *d)
{
    fv_variable *dy = d->output_grads[0];
    if (d->wanted[0]) d->input_grads[0] = sum_like(dy, d->inputs[0]);
    if (d->wanted[1]) d->input_grads[1] = sum_like(dy, d->inputs[1]);
}

static void differentiate_sub(const fv_derivation *d)
{
    fv_variable *dy = d->output_grads[0];
    if (d->wanted[0]) d->input_grads[0] = sum_like(dy, d->inputs[0]);
    if (d->wanted[1]) d->input_grads[1] = sum_like(fv_neg(dy), d->inputs[1]);
}

static void differentiate_mul(const fv_derivation *d)
{
    fv_variable *dy = d->output_grads[0];
    fv_variable *a = d->inputs[0], *b = d->inputs[1];
    if (d->wanted[0]) d->input_grads[0] = sum_like(fv_mul(dy, b), a);
    if (d->wanted[1]) d->input_grads[1] = sum_like(fv_mul(dy, a), b);
}

static void differentiate_div(const fv_derivation *d)
{
    fv_variable *a = d->inputs[0], *b = d->inputs[1];
    fv_variable *rate = fv_div(d->output_grads[0], b);
    if (d->wanted[0]) d->input_grads[0] = sum_like(rate, a);
    if (d->wanted[1])
        d->input_grads[1] = sum_like(fv_neg(fv_mul(rate, d->outputs[0])), b);
}

static void differentiate_where(const fv_derivation *d)
{
    fv_variable *condition = d->inputs[0], *dy = d->output_grads[0];
    if (d->wanted[1])
        d->input_grads[1] = sum_like(pass_where(condition, dy), d->inputs[1]);
    if (d->wanted[2])
        d->input_grads[2] =
            sum_like(pass_where(fv_not(condition), dy), d->inputs[2]);
}

/* ---- functions of one element ----------------------------------------------
 */

static void differentiate_neg(const fv_derivation *d)
{
    d->input_grads[0] = fv_neg(d->output_grads[0]);
}

/* p x + q */
static void differentiate_scale(const fv_derivation *d)
{
    const double p = ((const fv__unary_operator *)d->attributes)->p;
    fv_variable *dy = d->output_grads[0];
    d->input_grads[0] = p == 1 ? dy : fv_mul_number(dy, p);
}

static void differentiate_div_number(const fv_derivation *d)
{
    const fv__quotient *a = d->attributes;
    d->input_grads[0] = fv_div_number(d->output_grads[0], a->divisor);
}

static void differentiate_number_div(const fv_derivation *d)
{
    d->input_grads[0] =
        fv_neg(fv_div(fv_mul(d->output_grads[0], d->outputs[0]), d->inputs[0]));
}

/* The gradient of x^0 is 0. */
static void differentiate_pow_number(const fv_derivation *d)
{
    const double s = ((const fv__unary_operator *)d->attributes)->p;
    if (s == 0) return;
    fv_variable *slope = fv_mul_number(fv_pow_number(d->inputs[0], s - 1), s);
    d->input_grads[0] = fv_mul(d->output_grads[0], slope);
}

static void differentiate_abs(const fv_derivation *d)
{
    d->input_grads[0] = fv_mul(d->output_grads[0], fv_sign(d->inputs[0]));
}

static void differentiate_sign(const fv_derivation *d) { (void)d; /* zero */ }

static void differentiate_exp(const fv_derivation *d)
{
    d->input_grads[0] = fv_mul(d->output_grads[0], d->outputs[0]);
}

static void differentiate_log(const fv_derivation *d)
{
    d->input_grads[0] = fv_div(d->output_grads[0], d->inputs[0]);
}

static void differentiate_sqrt(const fv_derivation *d)
{
    d->input_grads[0] =
        fv_div(d->output_grads[0], fv_mul_number(d->outputs[0], 2));
}

static void differentiate_tanh(const fv_derivation *d)
{
    fv_variable *y = d->outputs[0];
    d->input_grads[0] =
        fv_mul(d->output_grads[0], fv_number_sub(1, fv_mul(y, y)));
}

static void differentiate_sigmoid(const fv_derivation *d)
{
    fv_variable *y = d->outputs[0];
    d->input_grads[0] =
        fv_mul(d->output_grads[0], fv_mul(y, fv_number_sub(1, y)));
}

/* NaN passes, and so does its gradient. */
static void differentiate_relu(const fv_derivation *d)
{
    fv_variable *y = d->outputs[0];
    fv_variable *below = fv_less_or_equal(y, number_like(y, 0));
    d->input_grads[0] = pass_where(fv_not(below), d->output_grads[0]);
}

static void differentiate_leaky_relu(const fv_derivation *d)
{
    const double slope = ((const fv__unary_operator *)d->attributes)->p;
    fv_variable *dy = d->output_grads[0];
    fv_variable *x = d->inputs[0];
    fv_variable *above = fv_greater(x, number_like(x, 0));
    d->input_grads[0] = fv_where(above, dy, fv_mul_number(dy, slope));
}

/* ---- sums and movements ----------------------------------------------------
 */

/* The gradient of a reduction's result, broadcast to the shape of its operand.
 */
static fv_variable *spread(const fv_derivation *d, fv_variable *dy)
{
    const fv_tensor *x = &d->inputs[0]->value;
    const fv_tensor kept = fv__reduction_kept(d->attributes, x);
    return fv_broadcast(fv_reshape(dy, kept.rank, kept.shape), x->rank,
                        x->shape);
}

static void differentiate_sum(const fv_derivation *d)
{
    d->input_grads[0] = spread(d, d->output_grads[0]);
}

static void differentiate_mean(const fv_derivation *d)
{
    const size_t divisor =
        fv__count(&d->inputs[0]->value) / fv__count(&d->outputs[0]->value);
    d->input_grads[0] =
        spread(d, fv_div_number(d->output_grads[0], (double)divisor));
}

static void differentiate_broadcast(const fv_derivation *d)
{
    d->input_grads[0] = sum_like(d->output_grads[0], d->inputs[0]);
}

static void differentiate_reshape(const fv_derivation *d)
{
    const fv_tensor *x = &d->inputs[0]->value;
    d->input_grads[0] = fv_reshape(d->output_grads[0], x->rank, x->shape);
}

static void differentiate_permute(const fv_derivation *d)
{
    const fv__axes *order = d->attributes;
    const int32_t rank = d->inputs[0]->value.rank;
    int32_t inverse[FV_MAX_RANK] = { 0 };
    for (int32_t i = 0; i < rank; i++) {
        const int32_t axis = order->axes[i];
        inverse[axis < 0 ? axis + rank : axis] = i;
    }
    d->input_grads[0] = fv_permute(d->output_grads[0], inverse);
}

/* ---- matrix products -------------------------------------------------------
 */

/* The last two axes exchanged. */
static fv_variable *exchanged(fv_variable *a)
{
    const int32_t rank = a->value.rank;
    int32_t axes[FV_MAX_RANK];
    for (int32_t i = 0; i < rank - 2; i++) axes[i] = i;
    axes[rank - 2] = rank - 1;
    axes[rank - 1] = rank - 2;
    return fv_permute(a, axes);
}

static void differentiate_matmul(const fv_derivation *d)
{
    fv_variable *dy = d->output_grads[0];
    fv_variable *a = d->inputs[0], *b = d->inputs[1];
    if (d->wanted[0])
        d->input_grads[0] = sum_like(fv_matmul(dy, exchanged(b)), a);
    if (d->wanted[1])
        d->input_grads[1] = sum_like(fv_matmul(exchanged(a), dy), b);
}

static void differentiate_linear(const fv_derivation *d)
{
    fv_variable *dy = d->output_grads[0];
    if (d->wanted[0]) d->input_grads[0] = fv_matmul(dy, d->inputs[1]);
    if (d->wanted[1])
        d->input_grads[1] = fv_matmul(fv_transpose(dy), d->inputs[0]);
    if (d->num_inputs > 2 && d->wanted[2])
        d->input_grads[2] = sum_like(dy, d->inputs[2]);
}

/* ---- the list --------------------------------------------------------- */

extern const fv_operator fv__op_add, fv__op_sub, fv__op_mul, fv__op_div,
    fv__op_where, fv__op_neg, fv__op_add_number, fv__op_mul_number,
    fv__op_number_sub, fv__op_div_number, fv__op_number_div, fv__op_pow_number,
    fv__op_abs, fv__op_sign, fv__op_exp, fv__op_log, fv__op_sqrt, fv__op_tanh,
    fv__op_sigmoid, fv__op_relu, fv__op_leaky_relu, fv__op_sum, fv__op_mean,
    fv__op_broadcast, fv__op_reshape, fv__op_permute, fv__op_matmul,
    fv__op_linear, fv__op_conv1d, fv__op_conv2d, fv__op_conv3d,
    fv__op_conv_transpose, fv__op_conv_weight_grad;

static const struct {
    const fv_operator *op;
    fv__differentiate *function;
} list[] = {
    { &fv__op_add, differentiate_add },
    { &fv__op_sub, differentiate_sub },
    { &fv__op_mul, differentiate_mul },
    { &fv__op_div, differentiate_div },
    { &fv__op_where, differentiate_where },
    { &fv__op_neg, differentiate_neg },
    { &fv__op_add_number, differentiate_scale },
    { &fv__op_mul_number, differentiate_scale },
    { &fv__op_number_sub, differentiate_scale },
    { &fv__op_div_number, differentiate_div_number },
    { &fv__op_number_div, differentiate_number_div },
    { &fv__op_pow_number, differentiate_pow_number },
    { &fv__op_abs, differentiate_abs },
    { &fv__op_sign, differentiate_sign },
    { &fv__op_exp, differentiate_exp },
    { &fv__op_log, differentiate_log },
    { &fv__op_sqrt, differentiate_sqrt },
    { &fv__op_tanh, differentiate_tanh },
    { &fv__op_sigmoid, differentiate_sigmoid },
    { &fv__op_relu, differentiate_relu },
    { &fv__op_leaky_relu, differentiate_leaky_relu },
    { &fv__op_sum, differentiate_sum },
    { &fv__op_mean, differentiate_mean },
    { &fv__op_broadcast, differentiate_broadcast },
    { &fv__op_reshape, differentiate_reshape },
    { &fv__op_permute, differentiate_permute },
    { &fv__op_matmul, differentiate_matmul },
    { &fv__op_linear, differentiate_linear },
    { &fv__op_conv1d, fv__conv_differentiate },
    { &fv__op_conv2d, fv__conv_differentiate },
    { &fv__op_conv3d, fv__conv_differentiate },
    { &fv__op_conv_transpose, fv__conv_transpose_differentiate },
    { &fv__op_conv_weight_grad, fv__conv_weight_grad_differentiate },
};

fv__differentiate *fv__differentiate_of(const fv_operator *op)
{
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].op == op) return list[i].function;
    return op->differentiate;
}
