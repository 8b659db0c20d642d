/* Which function writes which operator. */
#include "onnx/out/out.h"

/* X(operator, how it is written); in groups by file */
#define ELEMENTWISE(X)                                                         \
    X(abs, unary)                                                              \
    X(acos, unary)                                                             \
    X(acosh, unary)                                                            \
    X(asin, unary)                                                             \
    X(asinh, unary)                                                            \
    X(atan, unary)                                                             \
    X(atanh, unary)                                                            \
    X(ceil, unary)                                                             \
    X(cos, unary)                                                              \
    X(cosh, unary)                                                             \
    X(erf, unary)                                                              \
    X(exp, unary)                                                              \
    X(floor, unary)                                                            \
    X(log, unary)                                                              \
    X(neg, unary)                                                              \
    X(round, unary)                                                            \
    X(sign, unary)                                                             \
    X(sin, unary)                                                              \
    X(sinh, unary)                                                             \
    X(sqrt, unary)                                                             \
    X(tan, unary)                                                              \
    X(relu, unary)                                                             \
    X(sigmoid, unary)                                                          \
    X(softsign, unary)                                                         \
    X(tanh, unary)                                                             \
    X(is_nan, unary)                                                           \
    X(add, binary)                                                             \
    X(div, binary)                                                             \
    X(maximum, binary)                                                         \
    X(minimum, binary)                                                         \
    X(mul, binary)                                                             \
    X(pow, binary)                                                             \
    X(prelu, binary)                                                           \
    X(sub, binary)                                                             \
    X(where, binary)                                                           \
    X(add_number, numbers)                                                     \
    X(mul_number, numbers)                                                     \
    X(number_sub, numbers)                                                     \
    X(number_div, numbers)                                                     \
    X(pow_number, numbers)                                                     \
    X(div_number, quotient)                                                    \
    X(mod, mod)                                                                \
    X(clip, clip)                                                              \
    X(hard_tanh, clip)                                                         \
    X(relu6, clip)                                                             \
    X(compare, compare)                                                        \
    X(logic, logic)                                                            \
    X(cast, cast)
#define ACTIVATIONS(X)                                                         \
    X(celu, scaled)                                                            \
    X(elu, scaled)                                                             \
    X(leaky_relu, scaled)                                                      \
    X(selu, selu)                                                              \
    X(gelu, gelu)                                                              \
    X(hard_sigmoid, hard_sigmoid)                                              \
    X(hard_swish, hard_swish)                                                  \
    X(mish, mish)                                                              \
    X(silu, silu)                                                              \
    X(softplus, softplus)                                                      \
    X(softmax, softmax)                                                        \
    X(log_softmax, softmax)                                                    \
    X(dropout, pass)                                                           \
    X(alpha_dropout, pass)                                                     \
    X(gaussian_noise, pass)                                                    \
    X(spatial_dropout, pass)                                                   \
    X(stochastic_depth, pass)
#define CONVOLUTIONS(X)                                                        \
    X(conv1d, convolution)                                                     \
    X(conv2d, convolution)                                                     \
    X(conv3d, convolution)                                                     \
    X(conv_transpose, conv_transpose)                                          \
    X(unfold, unfold)                                                          \
    X(fold, fold)                                                              \
    X(linear, linear)                                                          \
    X(matmul, matmul)                                                          \
    X(causal_mask, causal_mask)
#define POOLS(X)                                                               \
    X(maxpool, maxpool)                                                        \
    X(maxpool_indices, maxpool)                                                \
    X(max_unpool, max_unpool)                                                  \
    X(avgpool, avgpool)                                                        \
    X(lppool, lppool)                                                          \
    X(global_average_pool, global_pool)                                        \
    X(global_max_pool, global_pool)                                            \
    X(adaptive_avgpool, bins)                                                  \
    X(adaptive_maxpool, bins)
#define NORMALISATIONS(X)                                                      \
    X(batchnorm, batchnorm)                                                    \
    X(groupnorm, groupnorm)                                                    \
    X(instancenorm, groupnorm)                                                 \
    X(layernorm, layernorm)                                                    \
    X(rmsnorm, rmsnorm)                                                        \
    X(l2norm, l2norm)                                                          \
    X(lrn, lrn)
#define SHAPES(X)                                                              \
    X(reshape, reshape_of)                                                     \
    X(permute, permute)                                                        \
    X(broadcast, broadcast)                                                    \
    X(concat, concat)                                                          \
    X(stack, stack)                                                            \
    X(split, split)                                                            \
    X(slice, slice)                                                            \
    X(pad, pad)                                                                \
    X(channel_shuffle, channel_shuffle)                                        \
    X(pixel_shuffle, pixel_shuffle)                                            \
    X(pixel_unshuffle, pixel_unshuffle)
#define REDUCTIONS(X)                                                          \
    X(sum, reduction)                                                          \
    X(mean, reduction)                                                         \
    X(max, reduction)                                                          \
    X(min, reduction)                                                          \
    X(prod, reduction)                                                         \
    X(log_sum_exp, reduction)                                                  \
    X(reduce_l2, reduction)                                                    \
    X(reduce_whole, reduce_whole)                                              \
    X(arg_extreme, arg_extreme)                                                \
    X(top_k, top_k)                                                            \
    X(cumulative_sum, cumulative_sum)
#define INDICES(X)                                                             \
    X(gather, gather)                                                          \
    X(gather_elements, gather_elements)                                        \
    X(scatter_elements, scatter_elements)                                      \
    X(one_hot, one_hot)                                                        \
    X(resize, resize)                                                          \
    X(roi_align, roi_align)                                                    \
    X(grid_sample, grid_sample)                                                \
    X(affine_grid, affine_grid)                                                \
    X(lstm, recurrent)                                                         \
    X(gru, recurrent)                                                          \
    X(rnn, recurrent)
#define ALL(X)                                                                 \
    ELEMENTWISE(X)                                                             \
    ACTIVATIONS(X)                                                             \
    CONVOLUTIONS(X)                                                            \
    POOLS(X) NORMALISATIONS(X) SHAPES(X) REDUCTIONS(X) INDICES(X)

#define DECLARE(operator, way)                                                 \
    extern const fv_operator fv__op_##operator;                                \
    fv__out_emit fv__out_##way;
ALL(DECLARE)

typedef struct pair {
    const fv_operator *op;
    fv__out_emit *emit;
} pair;

#define PAIR(operator, way) { &fv__op_##operator, fv__out_##way },
static const pair pairs[] = { ALL(PAIR) };

fv__out_emit *fv__out_emitter(const fv_operator *op)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].op == op) return pairs[i].emit;
    return NULL;
}
