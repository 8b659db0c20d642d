/* What tests of operators share: leaves with repeatable values, and checks of
 * an operator's gradients, element types and threads. */
#ifndef FV_TESTS_OP_CHECK_H
#define FV_TESTS_OP_CHECK_H

#include "support.h"

#include "graph/graph.h"

#define COUNT(array) ((int64_t)(sizeof(array) / sizeof(array)[0]))

enum { CHECK_OPERANDS = 4 };

typedef struct check_shape {
    int32_t rank;
    int64_t shape[FV_MAX_RANK];
} check_shape;

#define SHAPE(...)                                                             \
    {                                                                          \
        (int32_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),       \
        {                                                                      \
            __VA_ARGS__                                                        \
        }                                                                      \
    }
/* clang-format off */
#define SCALAR { 0, { 0 } }
/* clang-format on */

/* An expression over leaves of some shapes with values in [low, high). */
typedef struct check_case {
    fv_function *f;
    void *user;
    int64_t count;
    check_shape shapes[CHECK_OPERANDS];
    double low, high;
} check_case;

/* What came of it: copies that live as long as the context. */
typedef struct check_result {
    fv_context *context;
    fv_tensor value, grads[CHECK_OPERANDS], leaves[CHECK_OPERANDS], upstream;
} check_result;

static inline fv_context *check_context(fv_dtype dtype, int32_t threads)
{
    fv_context *context = fv_context_new(
        FV_OPTIONS(fv_context_options, .dtype = dtype, .threads = threads));
    assert_ok(context);
    return context;
}

/* Numbers in [low, high), the same for both element types. */
static inline void check_numbers(double *out, int64_t n, double low,
                                 double high, uint32_t seed)
{
    uint64_t state = seed + UINT64_C(88172645463325252);
    for (int64_t i = 0; i < n; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        double unit = (double)(state >> 40) / 16777216.0;
        out[i] = (double)(float)(low + unit * (high - low));
    }
}

/* A view of repeatable numbers in memory of the context. */
static inline fv_tensor check_tensor(fv_context *context,
                                     const check_shape *shape, double low,
                                     double high, uint32_t seed)
{
    fv_tensor tensor =
        fv_tensor_new(context, FV_F64, shape->rank, shape->shape);
    assert_ok(context);
    check_numbers(tensor.data, fv_tensor_count(&tensor), low, high, seed);
    return tensor;
}

static inline fv_variable *check_leaf(fv_context *context,
                                      const check_shape *shape, double low,
                                      double high, uint32_t seed)
{
    fv_tensor tensor = check_tensor(context, shape, low, high, seed);
    fv_variable *leaf = fv_variable_new(context, &tensor);
    fv_tensor_free(context, &tensor);
    return leaf;
}

/* A leaf of rank 1, or of two axes, over the numbers given. */
static inline fv_variable *check_vector(fv_context *context, int64_t n,
                                        const double *numbers)
{
    double copy[64];
    assert_true(n <= 64);
    memcpy(copy, numbers, (size_t)n * sizeof *copy);
    fv_tensor tensor = fv_tensor_of(copy, FV_F64, 1, &n);
    return fv_variable_new(context, &tensor);
}
static inline fv_variable *check_matrix(fv_context *context, int64_t rows,
                                        int64_t columns, const double *numbers)
{
    double copy[64];
    assert_true(rows * columns <= 64);
    memcpy(copy, numbers, (size_t)(rows * columns) * sizeof *copy);
    fv_tensor tensor = FV_TENSOR(copy, FV_F64, rows, columns);
    return fv_variable_new(context, &tensor);
}

/* A constant of FV_I64 zeros, which no arithmetic accepts. */
static inline fv_variable *check_integers(fv_context *context, int64_t n)
{
    int64_t zeros[16] = { 0 };
    assert_true(n <= 16);
    fv_tensor tensor = fv_tensor_of(zeros, FV_I64, 1, &n);
    return fv_constant(context, &tensor);
}

static inline double check_at(const fv_tensor *tensor, int64_t i)
{
    return tensor->dtype == FV_F64 ? ((const double *)tensor->data)[i]
                                   : (double)((const float *)tensor->data)[i];
}

/* The tensor's elements are these, to a tolerance. */
static inline void check_elements(const fv_tensor *tensor, int64_t n,
                                  const double *expected, double tolerance)
{
    assert_non_null(tensor);
    assert_int_equal(fv_tensor_count(tensor), n);
    for (int64_t i = 0; i < n; i++)
        assert_near(check_at(tensor, i), expected[i], tolerance);
}

static inline void check_shape_is(const fv_tensor *tensor, int32_t rank,
                                  const int64_t *shape)
{
    assert_int_equal(tensor->rank, rank);
    for (int32_t axis = 0; axis < rank; axis++)
        assert_int_equal(tensor->shape[axis], shape[axis]);
}

/* Evaluates the case and its gradients for fixed upstream weights, in a new
 * context. */
static inline check_result check_evaluate(const check_case *c, fv_dtype dtype,
                                          int32_t threads)
{
    check_result result = { .context = check_context(dtype, threads) };
    fv_context *context = result.context;
    fv_variable *leaves[CHECK_OPERANDS];
    for (int64_t k = 0; k < c->count; k++) {
        leaves[k] = check_leaf(context, &c->shapes[k], c->low, c->high,
                               (uint32_t)(k + 1));
        result.leaves[k] = fv_tensor_dup(context, fv_variable_value(leaves[k]));
    }
    fv_variable *y = c->f(c->user, (fv_variables){ c->count, leaves });
    assert_ok(context);
    assert_non_null(y);
    result.value = fv_tensor_dup(context, fv_variable_value(y));
    check_shape shape = { .rank = result.value.rank };
    memcpy(shape.shape, result.value.shape, sizeof shape.shape);
    result.upstream = check_tensor(context, &shape, 0.5, 1.5, 99);
    assert_int_equal(
        fv_backprop(fv_mul(y, fv_constant(context, &result.upstream))), FV_OK);
    for (int64_t k = 0; k < c->count; k++)
        result.grads[k] = fv_tensor_dup(context, fv_variable_grad(leaves[k]));
    assert_ok(context);
    return result;
}

static inline void check_close(const fv_tensor *a, const fv_tensor *b,
                               double tolerance)
{
    assert_true(fv_tensor_same_shape(a, b));
    for (int64_t i = 0; i < fv_tensor_count(a); i++)
        assert_near(check_at(a, i), check_at(b, i), tolerance);
}

/* FV_F32 gives what FV_F64 gives, to a tolerance. */
static inline void check_types(const check_case *c, double tolerance)
{
    check_result narrow = check_evaluate(c, FV_F32, 1);
    check_result wide = check_evaluate(c, FV_F64, 1);
    check_close(&narrow.value, &wide.value, tolerance);
    for (int64_t k = 0; k < c->count; k++)
        check_close(&narrow.grads[k], &wide.grads[k], tolerance);
    fv_context_free(narrow.context);
    fv_context_free(wide.context);
}

static inline void check_same_bytes(const fv_tensor *a, const fv_tensor *b)
{
    assert_true(fv_tensor_same_shape(a, b));
    size_t bytes = (size_t)fv_tensor_count(a) * fv_dtype_bytes(a->dtype);
    if (bytes) assert_memory_equal(a->data, b->data, bytes);
}

/* Overwrites with NaN every value on the tape that no operator declares its
 * backward to read. */
static inline void check_spoil(fv_context *context)
{
    const fv__graph *graph = &context->tape->graph;
    bool read[16] = { false };
    assert_true(graph->count <= 16);
    for (int32_t i = 0; i < graph->count; i++) {
        const fv__node *node = graph->nodes[i];
        uint32_t reads = node->op->backward_reads;
        if (reads & FV_READS_OUTPUT) read[i] = true;
        for (int32_t k = 0; k < node->num_inputs; k++)
            if (node->inputs[k]->node >= 0 && (reads & FV_READS_INPUT(k)))
                read[node->inputs[k]->node] = true;
    }
    for (int32_t i = 0; i < graph->count; i++) {
        const fv__node *node = graph->nodes[i];
        for (int32_t k = 0; k < node->num_outputs && !read[i]; k++) {
            const fv_tensor *value = node->results[k];
            context->kernels->fill((size_t)fv_tensor_count(value), (double)NAN,
                                   value->data);
        }
    }
}

/* The gradients do not change when values that backward does not declare to
 * read are lost, as they are in a plan. A copy makes results of the leaves. */
static inline void check_reads(const check_case *c, fv_dtype dtype)
{
    fv_tensor grads[2][CHECK_OPERANDS];
    fv_context *context = check_context(dtype, 1);
    for (int spoil = 0; spoil < 2; spoil++) {
        fv_variable *leaves[CHECK_OPERANDS], *copies[CHECK_OPERANDS];
        for (int64_t k = 0; k < c->count; k++) {
            leaves[k] = check_leaf(context, &c->shapes[k], c->low, c->high,
                                   (uint32_t)(k + 1));
            copies[k] = fv_add_number(leaves[k], 0);
        }
        fv_variable *y = c->f(c->user, (fv_variables){ c->count, copies });
        assert_ok(context);
        if (spoil) check_spoil(context);
        assert_int_equal(fv_backprop(y), FV_OK);
        for (int64_t k = 0; k < c->count; k++)
            grads[spoil][k] =
                fv_tensor_dup(context, fv_variable_grad(leaves[k]));
        assert_ok(context);
    }
    for (int64_t k = 0; k < c->count; k++)
        check_same_bytes(&grads[0][k], &grads[1][k]);
    fv_context_free(context);
}

/* Backward against central differences, in FV_F64; what it reads. */
static inline void check_gradient(const check_case *c)
{
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *leaves[CHECK_OPERANDS];
    for (int64_t k = 0; k < c->count; k++)
        leaves[k] = check_leaf(context, &c->shapes[k], c->low, c->high,
                               (uint32_t)(k + 1));
    double error =
        fv_gradcheck(c->f, c->user, (fv_variables){ c->count, leaves }, 0, 0);
    assert_ok(context);
    if (!(error < 1e-6)) fail_msg("gradients are wrong by %g", error);
    fv_context_free(context);
    check_reads(c, FV_F32);
    check_reads(c, FV_F64);
}

/* One thread and four give the same bits. */
static inline void check_threads(const check_case *c)
{
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        check_result one = check_evaluate(c, (fv_dtype)dtype, 1);
        check_result four = check_evaluate(c, (fv_dtype)dtype, 4);
        check_same_bytes(&one.value, &four.value);
        for (int64_t k = 0; k < c->count; k++)
            check_same_bytes(&one.grads[k], &four.grads[k]);
        fv_context_free(one.context);
        fv_context_free(four.context);
    }
}

#endif
