/* What operators share: shape rules, elementwise operators, sums over broadcast
 * axes, and the attributes of each operator. */
#ifndef FV_OP_OP_H
#define FV_OP_OP_H

#include "base/base.h"
#include "graph/graph.h"
#include "layer/layer.h"
#include "conv/conv.h"
#include "kernel/gemm.h"
#include "kernel/parallel.h"
#include "tensor/tensor.h"

#include <fovea/function.h>

/* ---- shape rules ---------------------------------------------------------
 * Each returns FV_OK, or records who, what, by how much under the operator's
 * name. Operands are numbered from 0 here and from 1 in sentences. */

/* Input k has the context's element type. */
fv_status fv__infer_float(const fv_inference *inference, int32_t k);
/* All inputs do. */
fv_status fv__infer_floats(const fv_inference *inference);
/* All inputs have the type of input 0, which may be any. */
fv_status fv__infer_one_type(const fv_inference *inference);
/* All inputs have the type of input 0, whole numbers or the context's. */
fv_status fv__infer_numbers(const fv_inference *inference);
/* Input k is of FV_I32 or FV_I64. */
fv_status fv__infer_indices(const fv_inference *inference, int32_t k);
/* Input k is of FV_BOOL. */
fv_status fv__infer_truth(const fv_inference *inference, int32_t k);
/* Input k has that rank or more. */
fv_status fv__infer_least_rank(const fv_inference *inference, int32_t k,
                               int32_t rank);
/* The window and step of a geometry, for reports. */
void fv__infer_window(fv_inference *inference, const fv__geometry *geometry);
/* Input k has that shape; an extent of -1 stands for any. */
fv_status fv__infer_shape(const fv_inference *inference, int32_t k,
                          int32_t rank, const int64_t *shape);
/* The same, of an input that sentences call a part. */
fv_status fv__infer_part(const fv_inference *inference, int32_t k, int32_t rank,
                         const int64_t *shape);
/* A negative axis counts from the end of `rank`. */
fv_status fv__infer_axis(const fv_inference *inference, int32_t axis,
                         int32_t rank, int32_t *normalised);
/* The output is of the context's type and that shape. */
fv_status fv__infer_output(fv_inference *inference, int32_t rank,
                           const int64_t *shape);
/* The output is of the type of input 0 and that shape. */
fv_status fv__infer_moved(fv_inference *inference, int32_t rank,
                          const int64_t *shape);
/* The output has the type and shape of input 0, which is of the context's
 * type. */
fv_status fv__infer_same(fv_inference *inference);
/* All inputs are of the context's type; the output has the shape that inputs 0
 * and 1 broadcast to. */
fv_status fv__infer_broadcast(fv_inference *inference);
/* The output is of that type and has the shape that all inputs from `first` on
 * broadcast to. */
fv_status fv__infer_broadcast_type(fv_inference *inference, int32_t first,
                                   fv_dtype dtype);

/* The output is input 0 reduced along the axes of an fv__reduction. With `any`,
 * it is refused to reduce no elements. */
fv_status fv__infer_reduction(fv_inference *inference, bool any);
/* The same of whole numbers. */
fv_status fv__infer_whole_reduction(fv_inference *inference, bool any);

/* A copy of the tensor with data that is not NULL but must not be read, for
 * views of which only the shape matters. */
fv_tensor fv__infer_stand_in(const fv_tensor *tensor);

/* ---- small facts --------------------------------------------------------- */

/* Bytes of one number of the context's type. */
static inline size_t fv__number_bytes(const fv_context *context)
{
    return context->dtype == FV_F64 ? sizeof(double) : sizeof(float);
}
/* Number `i` of the context's type at `base`. */
static inline void *fv__number_at(const fv_context *context, void *base,
                                  ptrdiff_t i)
{
    return (char *)base + i * (ptrdiff_t)fv__number_bytes(context);
}
static inline const void *fv__number_in(const fv_context *context,
                                        const void *base, ptrdiff_t i)
{
    return (const char *)base + i * (ptrdiff_t)fv__number_bytes(context);
}
static inline size_t fv__count(const fv_tensor *tensor)
{
    return (size_t)fv_tensor_count(tensor);
}

/* As fv__shape_text, with * for an extent of -1. */
const char *fv__pattern_text(char *out, size_t bytes, int32_t rank,
                             const int64_t *shape);

/* One number of either element type. */
typedef union fv__number {
    float f32;
    double f64;
} fv__number;

/* The tensor seen as [outer, extent, inner] around an axis, which may count
 * from the end. */
typedef struct fv__lines {
    int64_t outer, extent, inner;
} fv__lines;
fv__lines fv__lines_along(const fv_tensor *tensor, int32_t axis);

/* Whole number i of a tensor of FV_I64 or FV_I32. */
static inline int64_t fv__index_get(const fv_tensor *indices, int64_t i)
{
    return indices->dtype == FV_I64 ? ((const int64_t *)indices->data)[i]
                                    : ((const int32_t *)indices->data)[i];
}

/* Who speaks in sentences: the layer that applies operators, or `name`. */
const char *fv__who(const fv_context *context, const char *name);

/* A tensor of rank 0 and the context's type over `memory`. */
fv_tensor fv__scalar(const fv_context *context, double value,
                     fv__number *memory);

/* Whether the gradient of input k is stored, because it is fresh, or added. */
static inline fv__accumulation fv__accumulation_of(const fv_call *call,
                                                   int32_t k)
{
    return call->fresh >> k & 1 ? FV__STORE : FV__ACCUMULATE;
}
/* Zeroes the gradient of input k if it is fresh. */
static inline void fv__clear_fresh(const fv_call *call, int32_t k)
{
    if (fv__accumulation_of(call, k) == FV__STORE)
        call->context->kernels->fill(fv__count(call->input_grads[k]), 0,
                                     call->input_grads[k]->data);
}

/* ---- functions of one element --------------------------------------------
 * A whole operator is
 *
 *     const fv_operator fv__op_exp = { FV__UNARY_OPERATOR("exp",
 * FV_READS_OUTPUT), .onnx = "Exp" };
 *
 *     fv_variable *fv_exp(fv_variable *a)
 *     {
 *         return fv__apply_unary(&fv__op_exp, a, FV__EXP, 0, 0);
 *     }
 */

typedef struct fv__unary_operator {
    fv__unary f;
    double p, q;
} fv__unary_operator;

#define FV__UNARY_OPERATOR(operator_name, reads)                               \
    FV__UNARY_OPERATOR_INFER(operator_name, reads, fv__infer_same)
/* The same with a shape rule of its own, which refuses p or q. */
#define FV__UNARY_OPERATOR_INFER(operator_name, reads, rule)                   \
    .size = sizeof(fv_operator), .name = (operator_name), .min_inputs = 1,     \
    .max_inputs = 1, .attributes_size = sizeof(fv__unary_operator),            \
    .backward_reads = (reads), .abilities = FV_OVERWRITES | FV_IN_PLACE,       \
    .infer = (rule), .forward = fv__unary_forward,                             \
    .backward = fv__unary_backward

/* The same for neg, abs and sign, which take whole numbers too. */
fv_status fv__infer_same_numbers(fv_inference *inference);
void fv__unary_forward(const fv_call *call);
/* Reads only the values that backward_reads of the operator names. */
void fv__unary_backward(const fv_call *call);
fv_variable *fv__apply_unary(const fv_operator *op, fv_variable *a, fv__unary f,
                             double p, double q);

/* ---- functions of two elements, broadcast -------------------------------- */

typedef struct fv__binary_operator {
    fv__binary f;
} fv__binary_operator;

#define FV__BINARY_OPERATOR(operator_name, reads)                              \
    FV__BINARY_OPERATOR_WITH(operator_name, reads, FV_OVERWRITES)
#define FV__BINARY_OPERATOR_WITH(operator_name, reads, able)                   \
    FV__BINARY_OPERATOR_INFER(operator_name, reads, able, fv__binary_infer)
/* The same with a shape rule of its own, which ends with fv__binary_infer. */
#define FV__BINARY_OPERATOR_INFER(operator_name, reads, able, rule)            \
    .size = sizeof(fv_operator), .name = (operator_name), .min_inputs = 2,     \
    .max_inputs = 2, .attributes_size = sizeof(fv__binary_operator),           \
    .backward_reads = (reads), .abilities = (able), .infer = (rule),           \
    .forward = fv__binary_forward, .backward = fv__binary_backward

fv_status fv__binary_infer(fv_inference *inference);
void fv__binary_forward(const fv_call *call);
void fv__binary_backward(const fv_call *call);
fv_variable *fv__apply_binary(const fv_operator *op, fv__binary f,
                              fv_variable *a, fv_variable *b);

/* y = f(a, b), operands broadcast to the shape of y; all are contiguous. y may
 * be an operand of the same shape. */
void fv__binary_all(fv_context *context, fv__binary f, const fv_tensor *a,
                    const fv_tensor *b, const fv_tensor *y);

/* The same of whole numbers of one type, modulo 2^bits; a division by zero
 * gives zero. Not for FV__PRELU. */
void fv__integers_all(fv_context *context, fv__binary f, const fv_tensor *a,
                      const fv_tensor *b, const fv_tensor *y);

/* -x, |x| or the sign of whole numbers, modulo 2^bits. */
void fv__integers_unary(fv_context *context, fv__unary f, const fv_tensor *x,
                        const fv_tensor *y);

/* ---- sums over broadcast axes -------------------------------------------- */

/* d (+)= dy df/d(operand), summed over the axes along which d is broadcast to
 * the shape of dy. d has the shape of the operand, and may be dy where nothing
 * is summed. With FV__ADD and operand 0, dy itself is summed. FV__ADD and
 * FV__SUB do not read `a` and `b`. */
typedef struct fv__sum_to_shape {
    fv_context *context;
    fv__binary f;
    int operand;
    fv__accumulation accumulation;
    const fv_tensor *a, *b, *dy, *d;
} fv__sum_to_shape;

/* Bytes of scratch of fv__sum_to_shape_run; reads only shapes. */
size_t fv__sum_to_shape_scratch(const fv__sum_to_shape *sum);
void fv__sum_to_shape_run(const fv__sum_to_shape *sum, void *scratch);

/* ---- the broadcast iterator ------------------------------------------------
 */

enum { FV__MOST_BROADCAST = 4 };

/* The axes of a shape, with the steps, in elements, of contiguous tensors that
 * are broadcast to it: 0 along broadcast axes. Axes of extent 1 are left out
 * and neighbours are merged where all tensors allow it; at least one axis
 * remains, and along the last one each tensor steps by 0 or 1. */
typedef struct fv__broadcast_iterator {
    int32_t rank, count;
    int64_t extent[FV_MAX_RANK];
    int64_t step[FV__MOST_BROADCAST][FV_MAX_RANK];
} fv__broadcast_iterator;

/* An index in some axes of an iterator, and the offset of each tensor there, in
 * elements. */
typedef struct fv__cursor {
    int64_t index[FV_MAX_RANK];
    int64_t at[FV__MOST_BROADCAST];
} fv__cursor;

void fv__broadcast_begin(fv__broadcast_iterator *iterator,
                         const fv_tensor *shape, int32_t count,
                         const fv_tensor *const tensors[]);
/* Product of the extents of axes first .. end - 1. */
int64_t fv__broadcast_count(const fv__broadcast_iterator *iterator,
                            int32_t first, int32_t end);
/* Advances by `flat` row-major steps of axes first .. end - 1, whose index is
 * zero. */
void fv__broadcast_seek(const fv__broadcast_iterator *iterator, int32_t first,
                        int32_t end, int64_t flat, fv__cursor *place);
/* Moves those of the first `end` axes along which tensor 0 steps to the front;
 * returns their number. */
int32_t fv__broadcast_sort(fv__broadcast_iterator *iterator, int32_t end);
/* Advances by one step; after the last index follows the first. */
void fv__broadcast_next(const fv__broadcast_iterator *iterator, int32_t first,
                        int32_t end, fv__cursor *place);

/* Elements of a row of the result: those of tensor k begin `at[k]` elements
 * from its first and are step[k] apart, 0 or 1. */
typedef struct fv__broadcast_row {
    int64_t n, first; /* elements, and the flat index of the first result */
    int64_t at[FV__MOST_BROADCAST], step[FV__MOST_BROADCAST];
} fv__broadcast_row;
typedef void fv__broadcast_work(const void *argument,
                                const fv__broadcast_row *row);

/* Calls `work` for all rows of a result of that shape to which contiguous
 * tensors are broadcast, on all threads. `cost` is for one element. */
void fv__broadcast_rows(fv_context *context, const fv_tensor *shape,
                        int32_t count, const fv_tensor *const tensors[],
                        double cost, fv__broadcast_work *work,
                        const void *argument);

/* Writes a value of the same shape into a leaf: at once on the tape, when it
 * runs in a plan. */
fv_status fv__assign(fv_variable *leaf, fv_variable *value);

/* ---- operands that give sizes ----------------------------------------------
 * They are read when an operator is applied: on the tape their value is always
 * known, in a plan only if it is a constant. */

enum { FV__MOST_KNOWN = FV_MAX_RANK };

/* Whether the value can be read now; the context has a tape. */
bool fv__is_known(const fv_variable *variable);
/* Whether the elements of a vector or scalar of FV_I64 or FV_I32 are known, at
 * most FV__MOST_KNOWN; if so, they are in `out` and their number in *count.
 * Otherwise records so, of operator `who` and operand `what`. */
bool fv__known_list(const char *who, const char *what, const fv_variable *from,
                    int32_t *count, int64_t out[FV__MOST_KNOWN]);
/* The same of one number. */
bool fv__known_number(const char *who, const char *what,
                      const fv_variable *from, int64_t *out);

/* ---- copies and sums of whole tensors --------------------------------------
 */

/* to = from, and to += from, on all threads; same shape and type, any strides.
 */
void fv__copy_all(fv_context *context, const fv_tensor *to,
                  const fv_tensor *from);
void fv__add_all(fv_context *context, const fv_tensor *to,
                 const fv_tensor *from);
/* A view of indices begin .. begin + extent - 1 of one axis. */
fv_tensor fv__region(const fv_tensor *tensor, int32_t axis, int64_t begin,
                     int64_t extent);

/* ---- reductions ---------------------------------------------------------- */

/* attributes of reductions; axes may count from the end */
typedef struct fv__reduction {
    int32_t count; /* axes; 0: all */
    int32_t keep;  /* 1: the axes stay, with extent 1 */
    int32_t axes[FV_MAX_RANK];
} fv__reduction;

/* The members that operators with an fv__reduction have in common. */
#define FV__REDUCTION(operator_name)                                           \
    .size = sizeof(fv_operator), .name = (operator_name), .min_inputs = 1,     \
    .max_inputs = 1, .attributes_size = sizeof(fv__reduction)

/* The tensor with extent 1 along the axes that are reduced. */
fv_tensor fv__reduction_kept(const fv__reduction *reduction,
                             const fv_tensor *tensor);
/* The result of a call, or its gradient, with the axes that are reduced. */
fv_tensor fv__reduction_of(const fv_call *call, const fv_tensor *result);
/* The sum of x over the axes along which y has extent 1, stored. */
fv__sum_to_shape fv__reduction_sum(fv_context *context, const fv_tensor *x,
                                   const fv_tensor *y);

/* Sums along the axes of an fv__reduction. With `any`, an extent of 0 is
 * refused. */
fv_status fv__reduction_sum_infer(fv_inference *inference, bool any);
void fv__reduction_sum_forward(const fv_call *call);
/* The sum, product, largest or smallest of whole numbers along axes; other
 * kinds are refused. */
fv_variable *fv__reduce_whole(fv_variable *a, fv_reduce_kind kind,
                              const fv__reduction *reduction);

/* The smallest or largest elements along the axes of an fv__reduction. */
typedef struct fv__extremes {
    fv_context *context;
    const fv__reduction *reduction;
    bool largest;
    const fv_tensor *x;
    void *y;
    int64_t *positions; /* the flat position of each in x; NULL: not wanted */
} fv__extremes;
/* Bytes of scratch; reads only shapes. */
size_t fv__extremes_scratch(const fv__extremes *extremes);
void fv__extremes_run(const fv__extremes *extremes, void *scratch);
/* ... as an operator; `saved` holds the positions. */
fv_status fv__extreme_infer(fv_inference *inference);
void fv__extreme_forward(const fv_call *call, bool largest);
void fv__extreme_backward(const fv_call *call);
fv_variable *fv__apply_reduction(const fv_operator *op, fv_variable *a);
fv_variable *fv__apply_reduction_axis(const fv_operator *op, fv_variable *a,
                                      int32_t axis);

/* ---- attributes ---------------------------------------------------------- */

/* attributes of reshape, where one extent may be -1, and broadcast */
typedef struct fv__shape {
    int32_t rank;
    int64_t shape[FV_MAX_RANK];
} fv__shape;

fv_variable *fv__apply_shape(const fv_operator *op, fv_variable *a,
                             int32_t rank, const int64_t shape[]);

/* attributes of permute: as many axes as the operand has */
typedef struct fv__axes {
    int32_t axes[FV_MAX_RANK];
} fv__axes;

/* attributes of div_number */
typedef struct fv__quotient {
    double divisor;
} fv__quotient;

/* attributes of concat and stack */
typedef struct fv__axis {
    int32_t axis;
} fv__axis;

/* What a batchnorm may do without: gamma and beta; running statistics, so that
 * those of the batch are used in evaluation, too; a momentum, so that all
 * batches, which are counted, have the same weight in them. */
enum { FV__NO_AFFINE = 1, FV__NO_STATISTICS = 2, FV__NO_MOMENTUM = 4 };

/* attributes of batchnorm, which clamps its result to low..high */
typedef struct fv__batchnorm {
    double epsilon, momentum;
    double low, high;
    uint32_t without; /* FV__NO_* */
} fv__batchnorm;

/* Applies batchnorm to x, gamma, beta, running mean, running variance and the
 * number of batches; what it does without is not read. */
fv_variable *fv__apply_batchnorm(fv_variable *const roles[],
                                 const fv__batchnorm *attributes);
/* Applies a layer of type batchnorm, and clamps the result. */
fv_variable *fv__apply_clamped_batchnorm(const fv_layer *layer, fv_variable *x,
                                         double low, double high);

#endif
