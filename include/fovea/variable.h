/** @file
 * Variables: values with gradients, and the operations on them.
 *
 * Operations run as they are called. Where an operand requires a gradient, the
 * operation is also recorded on the context's tape, which fv_backprop() walks.
 *
 * Lifetimes. fv_variable_new() makes a variable that lives until it or its
 * context is freed. Constants and results belong to the tape: they stay
 * readable until fv_forget() or the first operation after fv_backprop().
 *
 * Every operation returns NULL after a failure and accepts NULL, so that calls
 * nest; fv_failed() and fv_error() tell what happened. */
#ifndef FOVEA_VARIABLE_H
#define FOVEA_VARIABLE_H

#include <fovea/operator.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Variables for an optimizer or a gradient check, in a fixed order. */
typedef struct fv_variables {
    int64_t count;
    fv_variable *const *at;
} fv_variables;

/** A leaf that requires a gradient. Copies the elements of `value`, which may
 *  be any view and of any type that converts to the context's. */
FV_API fv_variable *fv_variable_new(fv_context *context,
                                    const fv_tensor *value);
/** A leaf of rank 0. */
FV_API fv_variable *fv_variable_number(fv_context *context, double value);
/** A value that no gradient is wanted of, on the tape. Copies the elements.
 *  Integer types stay integers, for labels; others get the context's type. */
FV_API fv_variable *fv_constant(fv_context *context, const fv_tensor *value);
/** Frees a leaf before its context. It must not be on the tape. */
FV_API void fv_variable_free(fv_variable *variable);

/** The context that the variable belongs to. */
FV_API fv_context *fv_variable_context(const fv_variable *variable);
/** The value, for reading: contiguous, owned by the variable. A leaf is written
 *  by fv_variable_assign(), by optimizers and by loading; or through the `data`
 *  of this tensor, with fv_variable_changed() after it. */
FV_API const fv_tensor *fv_variable_value(const fv_variable *variable);
/** Call it after writing numbers through the `data` of a leaf's value. Networks
 *  that evaluate keep packed and folded weights from call to call, and use them
 *  until a leaf of their context is known to be written. */
FV_API void fv_variable_changed(fv_variable *leaf);
/** The gradient, of the value's shape. A leaf has zeros before the first
 *  backward pass, sums over passes, and keeps it until fv_variable_zero_grad()
 *  or an optimizer clears it. A result has one after fv_backprop() only if
 *  fv_variable_retain_grad() asked for it; NULL otherwise. */
FV_API const fv_tensor *fv_variable_grad(fv_variable *variable);
/** Whether a gradient is wanted of the variable. */
FV_API int fv_variable_requires_grad(const fv_variable *variable);
/** Freezes (0) or thaws (1) a leaf. */
FV_API fv_status fv_variable_set_requires_grad(fv_variable *variable,
                                               int requires_grad);
/** Keeps the gradient of a result; call it before fv_backprop(). */
FV_API fv_status fv_variable_retain_grad(fv_variable *variable);
/** Sets a leaf's gradient to zero, in place. */
FV_API void fv_variable_zero_grad(fv_variable *variable);
/** Overwrites a leaf's value: same shape, any convertible type, any view, one
 *  of the leaf's own memory, too. */
FV_API fv_status fv_variable_assign(fv_variable *variable,
                                    const fv_tensor *value);
/** The only element as a double; NaN and a recorded failure if there are
 *  more. */
FV_API double fv_item(const fv_variable *variable);

/** Adds d(sum of result)/d(leaf) into the gradient of every leaf that requires
 *  one, then empties the tape; operations recorded after `result` are dropped
 *  unused. A result that is not on the tape is refused. */
FV_API fv_status fv_backprop(fv_variable *result);
/** Empties the tape: frees all constants and results. */
FV_API void fv_forget(fv_context *context);
/** Recorded operations that fv_backprop() would walk. */
FV_API int64_t fv_tape_count(const fv_context *context);
/** Name of the last recorded operation; a failure if there is none. */
FV_API const char *fv_tape_last(fv_context *context);
/** Turns recording off (1) or on (0); returns the former setting. Results keep
 *  their place on the tape until fv_forget(). */
FV_API int fv_no_grad(fv_context *context, int off);
/** Whether layers behave as in training (1: dropout drops, batch norm uses the
 *  batch, the default) or as in evaluation (0); returns the former setting. */
FV_API int fv_training(fv_context *context, int training);

/* Arithmetic. Operands are broadcast as in NumPy; gradients are summed back to
 * each operand's shape. */
/** a + b */
FV_API fv_variable *fv_add(fv_variable *a, fv_variable *b);
/** a - b */
FV_API fv_variable *fv_sub(fv_variable *a, fv_variable *b);
/** a b, element by element */
FV_API fv_variable *fv_mul(fv_variable *a, fv_variable *b);
/** a / b */
FV_API fv_variable *fv_div(fv_variable *a, fv_variable *b);
/** a^b. The gradient of b is 0 where a = 0, that of a is 0 where b = 0. */
FV_API fv_variable *fv_pow(fv_variable *a, fv_variable *b);
/** Smaller and larger of two; on a tie the gradient is halved, as in PyTorch.
 *  NaN passes. */
FV_API fv_variable *fv_minimum(fv_variable *a, fv_variable *b);
/** The larger of two; see fv_minimum(). */
FV_API fv_variable *fv_maximum(fv_variable *a, fv_variable *b);

/* The same with a plain number: a + s, a - s, s - a, a s, a / s, s / a, a^s. */
/** a + s */
FV_API fv_variable *fv_add_number(fv_variable *a, double s);
/** a - s */
FV_API fv_variable *fv_sub_number(fv_variable *a, double s);
/** s - a */
FV_API fv_variable *fv_number_sub(double s, fv_variable *a);
/** a s */
FV_API fv_variable *fv_mul_number(fv_variable *a, double s);
/** a / s */
FV_API fv_variable *fv_div_number(fv_variable *a, double s);
/** s / a */
FV_API fv_variable *fv_number_div(double s, fv_variable *a);
/** a^s */
FV_API fv_variable *fv_pow_number(fv_variable *a, double s);

/* Functions of each element. The `_of` names are operations on variables where
 * the short name belongs to a layer. */
/** -a */
FV_API fv_variable *fv_neg(fv_variable *a);
/** |a|, with gradient 0 at 0 */
FV_API fv_variable *fv_abs(fv_variable *a);
/** exp(a) */
FV_API fv_variable *fv_exp(fv_variable *a);
/** The natural logarithm. */
FV_API fv_variable *fv_log(fv_variable *a);
/** The square root. */
FV_API fv_variable *fv_sqrt(fv_variable *a);
/** sin(a), in radians */
FV_API fv_variable *fv_sin(fv_variable *a);
/** cos(a), in radians */
FV_API fv_variable *fv_cos(fv_variable *a);
/** tan(a), in radians */
FV_API fv_variable *fv_tan(fv_variable *a);
/** The inverse sine. */
FV_API fv_variable *fv_asin(fv_variable *a);
/** The inverse cosine. */
FV_API fv_variable *fv_acos(fv_variable *a);
/** The inverse tangent. */
FV_API fv_variable *fv_atan(fv_variable *a);
/** The hyperbolic tangent. */
FV_API fv_variable *fv_tanh_of(fv_variable *a);
/** 1 / (1 + exp(-a)) */
FV_API fv_variable *fv_sigmoid_of(fv_variable *a);
/** max(a, 0). NaN passes, and so does the gradient there and at +inf. */
FV_API fv_variable *fv_relu_of(fv_variable *a);
/** min(max(a, 0), 6), with gradient 0 at 0 and 6; NaN as in fv_relu_of(). */
FV_API fv_variable *fv_relu6_of(fv_variable *a);
/** a > 0 ? a : slope a */
FV_API fv_variable *fv_leaky_relu_of(fv_variable *a, double slope);
/** a > 0 ? a : alpha (exp(a) - 1) */
FV_API fv_variable *fv_elu_of(fv_variable *a, double alpha);
/** log(1 + exp(beta a)) / beta, and a where beta a > threshold. */
FV_API fv_variable *fv_softplus_of(fv_variable *a, double beta,
                                   double threshold);
/** a / (1 + |a|) */
FV_API fv_variable *fv_softsign_of(fv_variable *a);
/** s a where a > 0, else s t (exp(a) - 1), s = 1.0507..., t = 1.6732... */
FV_API fv_variable *fv_selu_of(fv_variable *a);
/** a > 0 ? a : alpha (exp(a / alpha) - 1); alpha is above 0. */
FV_API fv_variable *fv_celu_of(fv_variable *a, double alpha);
/** How fv_gelu_of() computes. */
typedef enum fv_gelu_approximation {
    FV_GELU_EXACT = 0, /**< the normal distribution itself */
    FV_GELU_TANH       /**< (1 + tanh(sqrt(2 / pi) (a + 0.044715 a^3))) / 2 */
} fv_gelu_approximation;
/** a times the normal distribution up to a. */
FV_API fv_variable *fv_gelu_of(fv_variable *a,
                               fv_gelu_approximation approximate);
/** a / (1 + exp(-a)), also called swish. */
FV_API fv_variable *fv_silu_of(fv_variable *a);
/** a tanh(log(1 + exp(a))) */
FV_API fv_variable *fv_mish_of(fv_variable *a);
/** min(max(a + 3, 0), 6) / 6, with gradient 0 at -3 and 3. */
FV_API fv_variable *fv_hard_sigmoid_of(fv_variable *a);
/** a min(max(a + 3, 0), 6) / 6, with gradient -1/2 at -3 and 1 at 3. */
FV_API fv_variable *fv_hard_swish_of(fv_variable *a);
/** min(max(a, low), high), low < high, with gradient 0 at both. */
FV_API fv_variable *fv_hard_tanh_of(fv_variable *a, double low, double high);

/** Matrix product of the last two axes, [.., m, k] x [.., k, n] -> [.., m, n];
 *  leading axes are broadcast. */
FV_API fv_variable *fv_matmul(fv_variable *a, fv_variable *b);
/** x W^T + b: x [n, in], weight [out, in], bias [out] or NULL -> [n, out]. */
FV_API fv_variable *fv_linear_of(fv_variable *x, fv_variable *weight,
                                 fv_variable *bias);

/* Reductions over all elements, to rank 0, or along one axis, which stays with
 * extent 1. A negative axis counts from the end. min and max give the gradient
 * to the first extreme element; NaN counts as extreme. */
/** The sum of all elements. */
FV_API fv_variable *fv_sum(fv_variable *a);
/** The mean of all elements. */
FV_API fv_variable *fv_mean(fv_variable *a);
/** The smallest element. */
FV_API fv_variable *fv_min(fv_variable *a);
/** The largest element. */
FV_API fv_variable *fv_max(fv_variable *a);
/** Sums along an axis. */
FV_API fv_variable *fv_sum_axis(fv_variable *a, int32_t axis);
/** Means along an axis. */
FV_API fv_variable *fv_mean_axis(fv_variable *a, int32_t axis);
/** The smallest elements along an axis. */
FV_API fv_variable *fv_min_axis(fv_variable *a, int32_t axis);
/** The largest elements along an axis. */
FV_API fv_variable *fv_max_axis(fv_variable *a, int32_t axis);

/* Shapes. */
/** One extent may be -1. */
FV_API fv_variable *fv_reshape(fv_variable *a, int32_t rank,
                               const int64_t shape[]);
/** Result axis i is `axes[i]` of a; every axis once. */
FV_API fv_variable *fv_permute(fv_variable *a, const int32_t axes[]);
/** Reverses the axes. */
FV_API fv_variable *fv_transpose(fv_variable *a);
/** Elements start, start + step, ... below stop of an axis. */
FV_API fv_variable *fv_slice(fv_variable *a, int32_t axis, int64_t start,
                             int64_t stop, int64_t step);
/** Repeats extents of 1 and missing leading axes. */
FV_API fv_variable *fv_broadcast(fv_variable *a, int32_t rank,
                                 const int64_t shape[]);
/** Joins along an existing axis; the other extents agree. */
FV_API fv_variable *fv_concat_of(int32_t count, fv_variable *const parts[],
                                 int32_t axis);
/** Cuts along an axis into `count` parts, at most 64, of the given sizes, whose
 *  sum is the extent; NULL: of equal size. After a failure all are NULL. */
FV_API fv_status fv_split(fv_variable *a, int32_t axis, int32_t count,
                          const int64_t sizes[], fv_variable *parts[]);
/** Joins equal shapes along a new axis. */
FV_API fv_variable *fv_stack(int32_t count, fv_variable *const parts[],
                             int32_t axis);

/** Convolution algorithms. Under FV_CONV_AUTO forward, input gradient and
 *  weight gradient of one layer each use the one that suits them. */
typedef enum fv_algorithm {
    FV_CONV_AUTO = 0,    /**< chosen by shape, type and options alone */
    FV_CONV_REFERENCE,   /**< plain loops, the definition */
    FV_CONV_IM2COL_GEMM, /**< column matrix and matrix product */
    FV_CONV_DIRECT,      /**< products over the image itself */
    FV_CONV_WINOGRAD,    /**< fewer products, at points of tiles */
    FV_CONV_DEPTHWISE,   /**< one filter for each channel: vectors over
                              channels */
    FV_CONV_COL2IM,      /**< as im2col; the input gradient's columns are added
                              where their taps lie */
    FV_CONV_GROUPED      /**< two groups or more, of few channels each: vectors
                              over the filters of several groups, or over the
                              pixels of a row */
} fv_algorithm;

/** As `max_workspace` of a convolution: no working memory. */
#define FV_OFF (-2147483647 - 1)

/** What takes the place of explicit padding numbers. */
typedef enum fv_auto_pad {
    FV_AUTO_PAD_EXPLICIT = 0,
    FV_AUTO_PAD_VALID, /**< none */
    FV_AUTO_PAD_SAME,  /**< output ceil(in / stride); the odd one at the end */
    FV_AUTO_PAD_SAME_LOWER, /**< the odd one at the beginning */
    FV_AUTO_PAD_CAUSAL      /**< convolutions of one axis: dilation (kernel - 1)
                                 zeros before and none after */
} fv_auto_pad;

/** Geometry and algorithm of a convolution. Numbers for axes are in the order
 *  of the axes: {columns}, {rows, columns} or {planes, rows, columns}. Padding
 *  is what is written; in stride and dilation, which cannot be 0, missing
 *  numbers repeat the first. */
typedef struct fv_convolution {
    int64_t stride[3] FV_ZERO;        /**< 0: 1 */
    int64_t dilation[3] FV_ZERO;      /**< 0: 1 */
    int64_t padding_begin[3] FV_ZERO; /**< zeros before: above, to the left */
    int64_t padding_end[3] FV_ZERO;   /**< zeros after: below, to the right */
    int64_t groups FV_ZERO;           /**< 0: 1 */
    int64_t max_workspace FV_ZERO;    /**< bytes for each thread; 0: no limit,
                                           #FV_OFF: none */
    fv_algorithm algorithm FV_ZERO;
    int32_t strict FV_ZERO; /**< only algorithms that round as plain sums do */
    fv_auto_pad auto_pad FV_ZERO; /**< in place of the numbers of padding */
    int32_t reserved FV_ZERO;
} fv_convolution;

/** Cross-correlation of x [n, h, w, c] with weight [filters, kh, kw, c/groups]
 *  plus bias [filters] or NULL -> [n, h', w', filters], where
 *  h' = floor((h + padding - dilation (kh - 1) - 1) / stride) + 1. Always
 *  NHWC. Padding is zeros that are multiplied like any input: beside a weight
 *  that is infinite or NaN it gives NaN. A NULL `geometry` is all defaults. */
FV_API fv_variable *fv_conv2d(fv_variable *x, fv_variable *weight,
                              fv_variable *bias,
                              const fv_convolution *geometry);
/** The same along one axis: x [n, l, c], weight [filters, k, c/groups]
 *  -> [n, l', filters]. */
FV_API fv_variable *fv_conv1d(fv_variable *x, fv_variable *weight,
                              fv_variable *bias,
                              const fv_convolution *geometry);
/** The same along three axes: x [n, d, h, w, c], weight [filters, kd, kh, kw,
 *  c/groups] -> [n, d', h', w', filters]. */
FV_API fv_variable *fv_conv3d(fv_variable *x, fv_variable *weight,
                              fv_variable *bias,
                              const fv_convolution *geometry);

/** Transposed convolution along one to three axes: x [n, ..., c], weight
 *  [c, ..., filters/groups], bias [filters] or NULL -> [n, ..., filters]. It is
 *  the gradient of the input of the convolution of that geometry: an extent is
 *  (in - 1) stride + dilation (kernel - 1) + 1 - padding + output_padding.
 *  Padding by FV_AUTO_PAD_SAME gives in stride. `output_padding` has a number
 *  for each axis, below its stride or its dilation; NULL: zeros. */
FV_API fv_variable *fv_conv_transpose_of(fv_variable *x, fv_variable *weight,
                                         fv_variable *bias,
                                         const fv_convolution *geometry,
                                         const int64_t output_padding[]);

/** Windows of a pooling operation; rows first, then columns. */
typedef struct fv_pooling {
    int64_t kernel[2];                /**< a missing second number repeats the
                                           first; so in stride */
    int64_t stride[2] FV_ZERO;        /**< 0: the kernel's */
    int64_t padding_begin[2] FV_ZERO; /**< below kernel */
    int64_t padding_end[2] FV_ZERO;   /**< below kernel */
    int32_t count_padding FV_ZERO; /**< averages divide by the whole window */
    fv_auto_pad auto_pad FV_ZERO;  /**< in place of the numbers of padding */
} fv_pooling;

/** Largest value of each window of x [n, h, w, c]; padding never wins, NaN
 *  does; the first of equals gets the gradient. */
FV_API fv_variable *fv_maxpool_of(fv_variable *x, const fv_pooling *pooling);
/** Mean of each window; padding counts only with `count_padding`. */
FV_API fv_variable *fv_avgpool_of(fv_variable *x, const fv_pooling *pooling);
/** Mean of each channel's plane: [n, h, w, c] -> [n, 1, 1, c]. */
FV_API fv_variable *fv_global_average_pool_of(fv_variable *x);

/** Batch normalisation over all axes but the last. gamma, beta, mean and
 *  variance are [c]. In training the batch's statistics are used and the
 *  running ones updated in place: r = (1 - momentum) r + momentum b, with the
 *  unbiased variance, as in PyTorch. */
FV_API fv_variable *fv_batchnorm_of(fv_variable *x, fv_variable *gamma,
                                    fv_variable *beta, fv_variable *mean,
                                    fv_variable *variance, double epsilon,
                                    double momentum);
/** In training drops each element with `probability` and scales the others by
 *  1 / (1 - probability); in evaluation the identity. */
FV_API fv_variable *fv_dropout_of(fv_variable *x, double probability);
/** x > 0 ? x : slope x: slope [c] for the last axis of x, or [1]. */
FV_API fv_variable *fv_prelu_of(fv_variable *x, fv_variable *slope);
/** exp(x) / sum exp(x) over the last axis. */
FV_API fv_variable *fv_softmax_of(fv_variable *x);
/** The logarithm of that, which stays finite. */
FV_API fv_variable *fv_log_softmax_of(fv_variable *x);

/** The function under a gradient check. */
typedef fv_variable *fv_function(void *user, fv_variables at);

/** Compares fv_backprop() with central differences and returns the largest
 *  relative error |a - n| / max(|a|, |n|, floor) over the elements of all
 *  variables; infinite after a failure. The result of f is projected on fixed
 *  random weights first. Meant for FV_F64 contexts. `step` 0 means
 *  6e-6 max(1, |x|), `floor` 0 means 1e-2 (below it errors count as absolute).
 *  Where a ReLU or a maximum has a kink within the step, one side's difference
 *  (of second order) counts. Afterwards the values are as before, the gradients
 *  are zero and the tape is empty. */
FV_API double fv_gradcheck(fv_function *f, void *user, fv_variables at,
                           double step, double floor);

#ifdef __cplusplus
}
#endif
#endif
