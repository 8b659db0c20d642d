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
/** The gradients of the sum of `y` times `seed`, NULL for ones, with respect to
 *  `at`: leaves, or results that y was computed from. They are recorded and so
 *  have gradients themselves, unless fv_no_grad() is on; of a variable that y
 *  does not depend on it is zeros. The tape is kept, and gradients of leaves
 *  stay as they are. Refused, like an operation that cannot be differentiated
 *  twice, is a variable that requires no gradient. */
FV_API fv_status fv_gradients(fv_variable *y, fv_variables at,
                              fv_variable *seed, fv_variable *out[]);
/** The derivative of `y` in the direction of tangents, one of the shape of each
 *  variable of `at`: the Jacobian matrix times the tangents, of the shape of y.
 *  It is computed by two calls of fv_gradients(), as the derivative of the
 *  gradient with respect to its seed, and costs about as much as both. */
FV_API fv_variable *fv_jvp(fv_variable *y, fv_variables at,
                           fv_variable *const tangents[]);
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
/** The hyperbolic sine. */
FV_API fv_variable *fv_sinh(fv_variable *a);
/** The hyperbolic cosine. */
FV_API fv_variable *fv_cosh(fv_variable *a);
/** The inverse hyperbolic sine. */
FV_API fv_variable *fv_asinh(fv_variable *a);
/** The inverse hyperbolic cosine; NaN below 1. */
FV_API fv_variable *fv_acosh(fv_variable *a);
/** The inverse hyperbolic tangent; NaN beyond -1 and 1. */
FV_API fv_variable *fv_atanh(fv_variable *a);
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

/** The largest whole number not above a; like the next three, with gradient 0.
 */
FV_API fv_variable *fv_floor(fv_variable *a);
/** The smallest whole number not below a. */
FV_API fv_variable *fv_ceil(fv_variable *a);
/** The nearest whole number, halves to even. */
FV_API fv_variable *fv_round(fv_variable *a);
/** -1, 0 or 1; of whole numbers too. */
FV_API fv_variable *fv_sign(fv_variable *a);
/** The error function. */
FV_API fv_variable *fv_erf(fv_variable *a);
/** 1 / a */
FV_API fv_variable *fv_reciprocal(fv_variable *a);
/** The remainder of a / b with the sign of b, broadcast, also of whole numbers;
 *  the gradient of b is -floor(a / b). */
FV_API fv_variable *fv_mod(fv_variable *a, fv_variable *b);
/** The same with the sign of a; the gradient of b is -trunc(a / b). */
FV_API fv_variable *fv_fmod(fv_variable *a, fv_variable *b);
/** min(max(a, low), high); either limit may be NULL. The gradient is 0 at
 * limits that are constants of one number; at others it is halved. */
FV_API fv_variable *fv_clip(fv_variable *a, fv_variable *low,
                            fv_variable *high);

/* Comparisons of two tensors of one type, broadcast, to FV_BOOL. NaN is neither
 * equal to a number nor less or greater. */
/** a = b */
FV_API fv_variable *fv_equal(fv_variable *a, fv_variable *b);
/** a < b */
FV_API fv_variable *fv_less(fv_variable *a, fv_variable *b);
/** a <= b */
FV_API fv_variable *fv_less_or_equal(fv_variable *a, fv_variable *b);
/** a > b */
FV_API fv_variable *fv_greater(fv_variable *a, fv_variable *b);
/** a >= b */
FV_API fv_variable *fv_greater_or_equal(fv_variable *a, fv_variable *b);
/** Whether each element is NaN, as FV_BOOL. */
FV_API fv_variable *fv_is_nan(fv_variable *a);
/** a and b, of FV_BOOL, broadcast. */
FV_API fv_variable *fv_and(fv_variable *a, fv_variable *b);
/** a or b. */
FV_API fv_variable *fv_or(fv_variable *a, fv_variable *b);
/** Either a or b, not both. */
FV_API fv_variable *fv_xor(fv_variable *a, fv_variable *b);
/** Not a. */
FV_API fv_variable *fv_not(fv_variable *a);
/** a where the condition, of FV_BOOL, holds, else b, of the type of a; all
 * three are broadcast. */
FV_API fv_variable *fv_where(fv_variable *condition, fv_variable *a,
                             fv_variable *b);
/** The same elements of another type. Numbers are truncated towards zero and
 *  limited to what the type holds (NaN becomes 0); whole numbers wrap around;
 *  FV_BOOL is whether they are not 0. Real numbers are of the context's type. A
 *  gradient passes between real numbers. */
FV_API fv_variable *fv_cast(fv_variable *a, fv_dtype dtype);

/** Matrix product of the last two axes, [.., m, k] x [.., k, n] -> [.., m, n];
 *  leading axes are broadcast. A vector on the left is a row, on the right a
 *  column, whose axis the result lacks. */
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

/** What fv_reduce() makes of the elements along its axes. */
typedef enum fv_reduce_kind {
    FV_REDUCE_SUM = 0,
    FV_REDUCE_MEAN,
    FV_REDUCE_MAX, /**< the first of equals gets the gradient */
    FV_REDUCE_MIN,
    FV_REDUCE_PROD,
    FV_REDUCE_L1,         /**< the sum of |a| */
    FV_REDUCE_L2,         /**< the square root of the sum of a^2 */
    FV_REDUCE_SUM_SQUARE, /**< the sum of a^2 */
    FV_REDUCE_LOG_SUM,    /**< the logarithm of the sum */
    FV_REDUCE_LOG_SUM_EXP /**< the logarithm of the sum of exp(a) */
} fv_reduce_kind;
/** Reduces along `count` axes, in any order; 0: along all. Whole numbers have
 *  sums, products, the largest and the smallest. With `keep` they
 * stay, with extent 1. */
FV_API fv_variable *fv_reduce(fv_variable *a, fv_reduce_kind kind,
                              int32_t count, const int32_t axes[], int keep);
/** Where along an axis the largest element is, as FV_I64, of whole numbers,
 * too: the first of equals; NaN counts as largest. */
FV_API fv_variable *fv_arg_max(fv_variable *a, int32_t axis, int keep);
/** The same of the smallest; NaN counts as smallest. */
FV_API fv_variable *fv_arg_min(fv_variable *a, int32_t axis, int keep);
/** The k largest elements along an axis, or the smallest, in order, and their
 *  indices, FV_I64. Of equals the lower index comes first; NaN counts as
 *  largest. */
FV_API fv_status fv_top_k(fv_variable *a, int64_t k, int32_t axis, int smallest,
                          fv_variable *outputs[2]);
/** Sums up to each element of an axis, without it if `exclusive`; from the end
 *  if `reverse`. Sums of FV_F32 are doubles until they are stored. */
FV_API fv_variable *fv_cumulative_sum(fv_variable *a, int32_t axis,
                                      int exclusive, int reverse);

/* Shapes. Operations that only move elements take any type. */
/** The extents, a vector of FV_I64. */
FV_API fv_variable *fv_shape_of(fv_variable *a);
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
/** Elements start, start + step, ... before stop of `count` axes; NULL axes are
 *  the first, NULL steps 1. Starts and stops count from the end where they are
 *  negative and are then moved to the ends of the axis; a step may be negative,
 *  with INT64_MIN as a stop before the first element. */
FV_API fv_variable *fv_slice_axes(fv_variable *a, int32_t count,
                                  const int64_t starts[], const int64_t stops[],
                                  const int32_t axes[], const int64_t steps[]);
/** Reads `count` axes backwards. */
FV_API fv_variable *fv_flip(fv_variable *a, int32_t count,
                            const int32_t axes[]);
/** Removes axes of extent 1: `count` of them, or, if that is 0, all. */
FV_API fv_variable *fv_squeeze(fv_variable *a, int32_t count,
                               const int32_t axes[]);
/** Inserts axes of extent 1, which are axes of the result. */
FV_API fv_variable *fv_unsqueeze(fv_variable *a, int32_t count,
                                 const int32_t axes[]);
/** Broadcasts a and a shape to each other; an extent of -1 keeps that of a. */
FV_API fv_variable *fv_expand(fv_variable *a, int32_t rank,
                              const int64_t shape[]);
/** `repeats[i]` copies along axis i; where there are fewer numbers than axes,
 * or fewer axes, ones are put before them. */
FV_API fv_variable *fv_tile(fv_variable *a, int32_t count,
                            const int64_t repeats[]);
/** Slices along an axis at indices of FV_I64 or FV_I32, whose axes take the
 * place of it. A negative index counts from the end; one out of range gives
 * NaN, or 0 of whole numbers, and gets no gradient. Gradients are added in the
 * order of the indices. */
FV_API fv_variable *fv_gather(fv_variable *a, fv_variable *indices,
                              int32_t axis);
/** Element (i, j, ..) is that of a with the index of (i, j, ..) in place of
 * that of an axis; the shape is that of the indices, whose other extents are at
 * most those of a. Indices are as those of fv_gather(). */
FV_API fv_variable *fv_gather_elements(fv_variable *a, fv_variable *indices,
                                       int32_t axis);
/** Slices of a: the last axis of the indices holds those of its first axes. */
FV_API fv_variable *fv_gather_nd(fv_variable *a, fv_variable *indices);
/** What becomes of the elements that are there. */
typedef enum fv_scatter_reduction {
    FV_SCATTER_REPLACE, /**< of two at one place the later one stays, and both
                             get its gradient */
    FV_SCATTER_SUM,     /**< is added to them */
    FV_SCATTER_PRODUCT, /**< multiplies them; no gradient */
    FV_SCATTER_MIN,     /**< the smaller one stays; no gradient */
    FV_SCATTER_MAX      /**< the larger one stays; no gradient */
} fv_scatter_reduction;
/** a with other elements at the places of fv_gather_elements(), in their order;
 *  indices out of range are left out. */
FV_API fv_variable *fv_scatter_elements(fv_variable *a, fv_variable *indices,
                                        fv_variable *updates, int32_t axis,
                                        fv_scatter_reduction reduction);
/** The same at the places of fv_gather_nd(). */
FV_API fv_variable *fv_scatter_nd(fv_variable *a, fv_variable *indices,
                                  fv_variable *updates,
                                  fv_scatter_reduction reduction);
/** Rows of weight [n, width] at the indices, as fv_gather(); the row `padding`,
 *  if that is not negative, gets no gradient. */
FV_API fv_variable *fv_embedding_of(fv_variable *weight, fv_variable *indices,
                                    int64_t padding);
/** `on` where the index along a new axis of extent `depth` is the element,
 * which counts from the end if it is negative, else `off`. */
FV_API fv_variable *fv_one_hot(fv_variable *indices, int64_t depth,
                               int32_t axis, double off, double on);
/** start, start + delta, ... before limit: known numbers of one type. */
FV_API fv_variable *fv_range(fv_variable *start, fv_variable *limit,
                             fv_variable *delta);
/** Equal numbers of a known shape, a vector of FV_I64. */
FV_API fv_variable *fv_constant_of_shape(fv_variable *shape, double value,
                                         fv_dtype dtype);
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
