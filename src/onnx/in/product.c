/* Matrix products. Those with known weights become layers. */
#include "onnx/in/operators.h"

#include <string.h>

/* A matrix that is known with its axes exchanged. */
static fv_tensor exchanged(const fv_tensor *matrix)
{
    fv_tensor view = *matrix;
    view.shape[0] = matrix->shape[1];
    view.shape[1] = matrix->shape[0];
    view.stride[0] = matrix->stride[1];
    view.stride[1] = matrix->stride[0];
    return view;
}

/* Weights [outputs, features] whose features are in the order of images with
 * channels first, for those with channels last. */
static fv_tensor with_channels_last(fv__importer *to, const fv_tensor *weight,
                                    const fv__value *images)
{
    int64_t shape[FV_MAX_RANK] = { weight->shape[0] };
    const int32_t rank = fv__onnx_rank(to, images);
    for (int32_t i = 1; i < rank; i++)
        shape[i] = fv__onnx_extent(to, images, i);
    const fv_tensor plain =
        fv__onnx_tensor_new(to, weight->dtype, 2, weight->shape);
    if (plain.rank < 0) return plain;
    fv__tensor_copy_elements(&plain, weight);
    const fv_tensor split = fv_tensor_of(plain.data, plain.dtype, rank, shape);
    const fv__order last = fv__order_last(rank);
    const fv_tensor view = fv_tensor_permute(to->context, &split, last.axis);
    const fv_tensor copy =
        fv__onnx_tensor_new(to, view.dtype, view.rank, view.shape);
    if (view.rank < 0 || copy.rank < 0) return fv__tensor_failed();
    fv__tensor_copy_elements(&copy, &view);
    return fv_tensor_of(copy.data, copy.dtype, 2, weight->shape);
}

/* y = x W^T + bias, W [outputs, features], of rows x. */
static fv_status linear(fv__importer *to, fv__onnx_node *node, fv__value *x,
                        fv_tensor weight, const fv_tensor *bias)
{
    const fv__value *images = x->flattened;
    if (images && fv__onnx_extent(to, x, 1) == weight.shape[1]) {
        weight = with_channels_last(to, &weight, images);
        x = fv__onnx_rows(to, x, x->flattened, "reshape 0 -1");
    }
    x = x ? fv__onnx_plain(to, x) : NULL;
    fv__value *y =
        fv__onnx_line(to, node, 1, &x, "linear %lld bias=%s",
                      (long long)weight.shape[0], bias ? "yes" : "no");
    if (!y || weight.rank < 0 || fv__onnx_weight(to, "weight", &weight) != FV_OK
        || (bias && fv__onnx_weight(to, "bias", bias) != FV_OK))
        return FV_UNSUPPORTED;
    return fv__onnx_set(node, 0, y);
}

/* A copy of numbers times a factor. */
static fv_tensor scaled(fv__importer *to, const fv_tensor *from, double factor)
{
    const fv_tensor copy =
        fv__onnx_tensor_new(to, from->dtype, from->rank, from->shape);
    if (copy.rank < 0) return copy;
    fv__tensor_copy_elements(&copy, from);
    const int64_t count = fv_tensor_count(&copy);
    for (int64_t i = 0; i < count && factor != 1; i++)
        if (copy.dtype == FV_F32)
            ((float *)copy.data)[i] *= (float)factor;
        else
            ((double *)copy.data)[i] *= factor;
    return copy;
}

/* alpha A B + beta C by general operators. */
static fv_status gemm_of_lines(fv__importer *to, fv__onnx_node *node)
{
    fv__value *ab[2];
    const char *const transposed[] = { "transA", "transB" };
    char number[FV__NUMBER_BYTES];
    const double alpha = fv__onnx_float(node, "alpha", 1);
    const double beta = fv__onnx_float(node, "beta", 1);
    for (int k = 0; k < 2; k++) {
        ab[k] = fv__onnx_plain(to, node->inputs[k]);
        if (ab[k] && fv__onnx_int(node, transposed[k], 0))
            ab[k] = fv__onnx_line(to, NULL, 1, &ab[k], "permute 1 0");
    }
    fv__value *y = fv__onnx_line(to, node, 2, ab, "matmul");
    if (alpha != 1)
        y = fv__onnx_line(to, node, 1, &y, "mul %s",
                          fv__number_text(alpha, number));
    fv__value *c = fv__onnx_operand(node, 2);
    if (c) {
        fv__value *sum[] = { y, fv__onnx_plain(to, c) };
        if (beta != 1)
            sum[1] = fv__onnx_line(to, node, 1, &sum[1], "mul %s",
                                   fv__number_text(beta, number));
        y = fv__onnx_line(to, node, 2, sum, "add");
    }
    return fv__onnx_set(node, 0, y);
}

static fv_status gemm(fv__importer *to, fv__onnx_node *node)
{
    if (node->num_inputs < 2 || !node->inputs[0] || !node->inputs[1])
        return fv__onnx_refuse(to, node, "it lacks an input");
    const fv__value *b = node->inputs[1];
    const fv__value *c = fv__onnx_operand(node, 2);
    const bool weights =
        b->known.data && b->known.rank == 2 && !node->inputs[0]->known.data
        && fv__dtype_is_real(b->known.dtype) && !fv__onnx_int(node, "transA", 0)
        && fv__onnx_rank(to, node->inputs[0]) == 2;
    const int64_t outputs =
        weights ? b->known.shape[fv__onnx_int(node, "transB", 0) ? 0 : 1] : 0;
    const bool bias = c && c->known.data && c->known.rank > 0
                      && c->known.shape[c->known.rank - 1] == outputs
                      && fv_tensor_count(&c->known) == outputs;
    if (!weights || (c && !bias)) return gemm_of_lines(to, node);
    fv_tensor weight = scaled(to, &b->known, fv__onnx_float(node, "alpha", 1));
    if (weight.rank < 0) return fv_failed(to->context);
    if (!fv__onnx_int(node, "transB", 0)) weight = exchanged(&weight);
    if (!c) return linear(to, node, node->inputs[0], weight, NULL);
    fv_tensor shift = scaled(to, &c->known, fv__onnx_float(node, "beta", 1));
    if (shift.rank < 0) return fv_failed(to->context);
    shift = fv_tensor_of(shift.data, shift.dtype, 1, &outputs);
    return linear(to, node, node->inputs[0], weight, &shift);
}

/* The same of the vectors along the last axis of x [n, ..., features]: a
 * convolution whose kernel is one element. */
static fv_status pointwise(fv__importer *to, fv__onnx_node *node, fv__value *x,
                           fv_tensor weight, const fv_tensor *bias)
{
    static const char *const kernels[] = { "1", "1 1", "1 1 1" };
    const int32_t axes = fv__onnx_rank(to, x) - 2;
    char kind[32];
    x = fv__onnx_plain(to, x);
    fv__value *y = fv__onnx_line(to, node, 1, &x, "%s %lld %s bias=%s",
                                 fv__onnx_kind("conv", axes, false, kind),
                                 (long long)weight.shape[0], kernels[axes - 1],
                                 bias ? "yes" : "no");
    for (; weight.rank < axes + 2; weight.rank++)
        weight.shape[weight.rank] = weight.stride[weight.rank] = 1;
    if (!y || fv__onnx_weight(to, "weight", &weight) != FV_OK
        || (bias && fv__onnx_weight(to, "bias", bias) != FV_OK))
        return FV_UNSUPPORTED;
    return fv__onnx_set(node, 0, y);
}

/* A B, and a known bias where a sum has been put together with the product. */
static fv_status matmul(fv__importer *to, fv__onnx_node *node)
{
    if (node->num_inputs < 2 || !node->inputs[0] || !node->inputs[1])
        return fv__onnx_refuse(to, node, "it lacks an input");
    fv__value *a = node->inputs[0], *b = node->inputs[1];
    const fv__value *c = fv__onnx_operand(node, 2);
    const fv_tensor *bias = c && c->known.data ? &c->known : NULL;
    const int32_t rank = fv__onnx_rank(to, a);
    const bool weights = b->known.data && b->known.rank == 2 && !a->known.data
                         && fv__dtype_is_real(b->known.dtype);
    if (weights && rank == 2)
        return linear(to, node, a, exchanged(&b->known), bias);
    if (weights && rank > 2 && rank <= 5 && fv__onnx_is_batch(to, a, 0))
        return pointwise(to, node, a, exchanged(&b->known), bias);
    fv__value *both[] = { fv__onnx_plain(to, a), fv__onnx_plain(to, b) };
    both[0] = fv__onnx_line(to, node, 2, both, "matmul");
    if (!c) return fv__onnx_set(node, 0, both[0]);
    both[1] = fv__onnx_plain(to, node->inputs[2]);
    return fv__onnx_set(node, 0, fv__onnx_line(to, node, 2, both, "add"));
}

const fv__onnx_operator fv__onnx_products[] = {
    { "Gemm", gemm, NULL },
    { "MatMul", matmul, NULL },
    { NULL, NULL, NULL },
};
