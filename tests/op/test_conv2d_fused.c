/* Tests of the operator conv2d_fused: each combination of what may follow a
 * convolution against the operators it stands for. */
#include "operands.h"

#include "op/conv/conv2d.h"

enum { N = 2, ROWS = 7, COLUMNS = 6, CHANNELS = 5, FILTERS = 19 };

typedef struct example {
    bool bias, normalised, residual, clamp;
} example;

/* In the order of the fused operator; those that are not there too. */
static void make_all(fv_context *context, fv_variable *at[8])
{
    static const operand operands[8] = {
        { 4, { N, ROWS, COLUMNS, CHANNELS }, -1, 1, 1 },
        { 4, { FILTERS, 3, 3, CHANNELS }, -1, 1, 1 },
        { 1, { FILTERS }, -1, 2, 1 },
        { 1, { FILTERS }, -1, 2, 1 },
        { 1, { FILTERS }, -1, 2, 1 },
        { 1, { FILTERS }, -1, 2, 1 },
        { 1, { FILTERS }, 0.5, 2, 1 },
        { 4, { N, ROWS, COLUMNS, FILTERS }, -4, 4, 1 },
    };
    for (uint64_t k = 0; k < 8; k++)
        at[k] = random_leaf(context, k + 1, &operands[k]);
    assert_ok(context);
}

static fv_variable *fused(const example *e, const fv_convolution *convolution,
                          fv_variable *const at[8])
{
    const fv__conv2d attributes = {
        *convolution, 1e-5, 0, 6, e->bias, e->normalised, e->residual, e->clamp
    };
    fv_variable *inputs[8] = { at[0], at[1] };
    int32_t count = 2;
    if (e->bias) inputs[count++] = at[2];
    for (int k = 3; e->normalised && k < 7; k++) inputs[count++] = at[k];
    if (e->residual) inputs[count++] = at[7];
    return fv__conv2d_fused(&attributes, count, inputs);
}

static fv_variable *apart(const example *e, const fv_convolution *convolution,
                          fv_variable *const at[8])
{
    fv_variable *y =
        fv_conv2d(at[0], at[1], e->bias ? at[2] : NULL, convolution);
    if (e->normalised)
        y = fv_batchnorm_of(y, at[3], at[4], at[5], at[6], 1e-5, 0.1);
    if (e->residual) y = fv_add(y, at[7]);
    return e->clamp ? fv_relu6_of(y) : y;
}

static void check(fv_dtype dtype, const char *isa, const example *e)
{
    const fv_convolution convolution = { .stride = { 1, 1 },
                                         .dilation = { 1, 1 },
                                         .padding_begin = { 1, 1 },
                                         .padding_end = { 1, 1 },
                                         .groups = 1 };
    fv_context *context = context_with(dtype, 2, isa);
    fv_variable *at[8];
    make_all(context, at);
    fv_training(context, 0);
    const fv_tensor *got = fv_variable_value(fused(e, &convolution, at));
    const fv_tensor *want = fv_variable_value(apart(e, &convolution, at));
    assert_ok(context);
    for (int64_t i = 0; i < fv_tensor_count(want); i++)
        assert_near(number_at(got, i), number_at(want, i),
                    dtype == FV_F64 ? 1e-13
                    : e->normalised ? 2e-5
                                    : 0);
    fv_context_free(context);
}

static void test_combinations(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++) {
        const example e = { i & 1, i & 2, i & 4, i & 8 };
        check(FV_F32, NULL, &e);
        check(FV_F32, "ref", &e);
        check(FV_F64, NULL, &e);
    }
}

/* With a clamp alone there is a backward pass. */
static void test_gradients(void **state)
{
    const example e = { .bias = true, .clamp = true };
    const fv_convolution convolution = { .stride = { 2, 1 },
                                         .dilation = { 1, 1 },
                                         .padding_begin = { 1, 0 },
                                         .groups = 1 };
    static const operand operands[3] = {
        { 4, { N, ROWS, COLUMNS, CHANNELS }, -1, 1, 0 },
        { 4, { FILTERS, 3, 3, CHANNELS }, -1, 1, 0 },
        { 1, { FILTERS }, -1, 2, 0 },
    };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *at[2][8] = { { NULL } };
        for (int i = 0; i < 2; i++) {
            for (uint64_t k = 0; k < 3; k++)
                at[i][k] = random_leaf(context, k + 1, &operands[k]);
            fv_variable *y = (i ? apart : fused)(&e, &convolution, at[i]);
            assert_int_equal(fv_backprop(fv_sum(fv_mul(y, y))), FV_OK);
        }
        for (int k = 0; k < 3; k++) {
            const fv_tensor *got = fv_variable_grad(at[0][k]);
            const fv_tensor *want = fv_variable_grad(at[1][k]);
            for (int64_t i = 0; i < fv_tensor_count(want); i++)
                assert_true(number_at(got, i) == number_at(want, i));
        }
        fv_context_free(context);
    }
}

/* The residual must have the shape of the result. */
static void test_refused(void **state)
{
    const example e = { .residual = true };
    const fv_convolution convolution = { .stride = { 2, 1 },
                                         .dilation = { 1, 1 },
                                         .groups = 1 };
    fv_context *context = context_of(FV_F32);
    fv_variable *at[8];
    (void)state;
    make_all(context, at);
    assert_null(fused(&e, &convolution, at));
    assert_int_equal(fv_failed(context), FV_MISUSE);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_combinations),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
