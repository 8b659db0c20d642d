/* The gradients of convolutions as operations. A convolution, its input
 * gradient and its weight gradient are each linear in two of three tensors, and
 * their gradients are the other two. */
#include "op/conv/conv_transpose.h"
#include "op/derivative.h"

#include <inttypes.h>

/* The convolution with the padding of a geometry, explicit, by zeros. */
static fv_convolution explicit_of(const fv_convolution *convolution,
                                  const fv__geometry *g, int32_t axes)
{
    fv_convolution c = *convolution;
    c.auto_pad = FV_AUTO_PAD_EXPLICIT;
    c.padding_mode = FV_PAD_ZEROS;
    for (int32_t i = 0; i < axes; i++) {
        c.padding_begin[i] = g->begin[fv__axis_of(axes, i)];
        c.padding_end[i] = g->end[fv__axis_of(axes, i)];
    }
    return c;
}

/* The convolution without a bias, of as many axes as x has. */
static fv_variable *convolve(fv_variable *x, fv_variable *weight,
                             const fv_convolution *c)
{
    static fv__conv_function *const functions[] = { fv_conv1d, fv_conv2d,
                                                    fv_conv3d };
    return functions[x->value.rank - 3](x, weight, NULL, c);
}

/* The gradient of x: dy transposed. What no tap of the last output reaches is
 * the padding of the output of the transposed convolution. */
static fv_variable *input_grad(const fv_tensor *x, fv_variable *weight,
                               fv_variable *dy, const fv_convolution *c)
{
    int64_t more[FV__AXES] = { 0 };
    for (int32_t i = 0; i < x->rank - 2; i++) {
        const int64_t span =
            c->dilation[i] * (weight->value.shape[1 + i] - 1) + 1;
        more[i] = x->shape[1 + i] + c->padding_begin[i] + c->padding_end[i]
                  - span - (dy->value.shape[1 + i] - 1) * c->stride[i];
    }
    return fv_conv_transpose_of(dy, weight, NULL, c, more);
}

/* The sum over all axes but the last. */
static fv_variable *bias_grad(fv_variable *dy)
{
    int32_t axes[FV_MAX_RANK];
    const int32_t count = dy->value.rank - 1;
    for (int32_t i = 0; i < count; i++) axes[i] = i;
    return fv_reduce(dy, FV_REDUCE_SUM, count, axes, 0);
}

void fv__conv_differentiate(const fv_derivation *d)
{
    const fv__conv2d *a = d->attributes;
    fv_variable *x = d->inputs[0], *weight = d->inputs[1];
    fv_variable *dy = d->output_grads[0];
    const fv__geometry g =
        fv__convolution_geometry(&x->value, &weight->value, &a->convolution);
    const fv_convolution c =
        explicit_of(&a->convolution, &g, x->value.rank - 2);
    if (a->convolution.padding_mode != FV_PAD_ZEROS) {
        fv_fail(d->context, FV_MISUSE,
                "gradients: a convolution with a padding_mode other than zeros "
                "cannot be differentiated twice");
        return;
    }
    if (d->wanted[0]) d->input_grads[0] = input_grad(&x->value, weight, dy, &c);
    if (d->wanted[1])
        d->input_grads[1] =
            fv__conv_weight_grad(x, dy, &c, weight->value.shape + 1);
    if (a->bias && d->wanted[2]) d->input_grads[2] = bias_grad(dy);
}

void fv__conv_transpose_differentiate(const fv_derivation *d)
{
    const fv__conv_transpose *a = d->attributes;
    fv_variable *x = d->inputs[0], *weight = d->inputs[1];
    fv_variable *dy = d->output_grads[0];
    const int32_t axes = x->value.rank - 2;
    fv__geometry g;
    if (fv__conv_transpose_geometry(d->context, "gradients", &x->value,
                                    &weight->value, a, &g)
        != FV_OK)
        return;
    const fv_convolution c = explicit_of(&a->convolution, &g, axes);
    for (int32_t i = 0; i < axes; i++)
        if (a->output_padding[i] >= c.stride[i]) {
            fv_fail(d->context, FV_MISUSE,
                    "gradients: conv_transpose with output_padding %" PRId64
                    ", not below the stride %" PRId64
                    ", cannot be differentiated twice",
                    a->output_padding[i], c.stride[i]);
            return;
        }
    if (d->wanted[0]) d->input_grads[0] = convolve(dy, weight, &c);
    if (d->wanted[1])
        d->input_grads[1] =
            fv__conv_weight_grad(dy, x, &c, weight->value.shape + 1);
    if (a->bias && d->wanted[2]) d->input_grads[2] = bias_grad(dy);
}

void fv__conv_weight_grad_differentiate(const fv_derivation *d)
{
    const fv__conv_weight_gradient *a = d->attributes;
    fv_variable *x = d->inputs[0], *dy = d->inputs[1];
    fv_variable *weight = d->output_grads[0];
    const fv_convolution *c = &a->convolution;
    if (d->wanted[0]) d->input_grads[0] = input_grad(&x->value, weight, dy, c);
    if (d->wanted[1]) d->input_grads[1] = convolve(x, weight, c);
}
