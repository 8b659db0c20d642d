/* Largest elements. */
#include "op/check_reduction.h"

#include "op/op.h"

static double value(const double *x, int64_t n, double *derivative)
{
    int64_t best = 0;
    for (int64_t i = 0; i < n; i++) {
        derivative[i] = 0;
        if (x[i] > x[best]) best = i;
    }
    derivative[best] = 1;
    return x[best];
}

static const check_reduction reduction = { .name = "max",
                                           .all = fv_max,
                                           .along = fv_max_axis,
                                           .value = value,
                                           .empty = false };

static void test_formula(void **state)
{
    (void)state;
    check_reduction_all(reduction);
}

/* Of equals the first gets the gradient. */
static void test_tie(void **state)
{
    (void)state;
    const double x[] = { 1, 3, 3, 3, 2, 3 }, value[] = { 3, 3 };
    const double rows[] = { 0, 1, 0, 1, 0, 0 };
    const double all[] = { 0, 1, 0, 0, 0, 0 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_matrix(context, 2, 3, x);
    fv_variable *y = fv_max_axis(a, 1);
    check_elements(fv_variable_value(y), 2, value, 0);
    assert_int_equal(fv_backprop(y), FV_OK);
    check_elements(fv_variable_grad(a), 6, rows, 0);
    fv_variable_zero_grad(a);
    assert_int_equal(fv_backprop(fv_max(a)), FV_OK);
    check_elements(fv_variable_grad(a), 6, all, 0);
    fv_context_free(context);
}

/* The first NaN is the extreme, along either axis and over segments. */
static void test_nan(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const int32_t axis = i % 2;
        fv_context *context = check_context(i & 2 ? FV_F64 : FV_F32, 1);
        const int64_t shape[] = { axis ? 1 : 50001, axis ? 50001 : 3 };
        int64_t stride = axis ? 1 : 3;
        fv_tensor x = fv_tensor_new(context, FV_F64, 2, shape);
        double *numbers = x.data;
        numbers[30000 * stride] = numbers[20000 * stride] = (double)NAN;
        numbers[7 * stride] = -9;
        numbers[8 * stride] = 9;
        fv_variable *a = fv_variable_new(context, &x);
        fv_variable *y = fv_max_axis(a, axis);
        assert_true(isnan(check_at(fv_variable_value(y), 0)));
        assert_int_equal(fv_backprop(y), FV_OK);
        assert_true(check_at(fv_variable_grad(a), 20000 * stride) == 1);
        assert_true(check_at(fv_variable_grad(a), 30000 * stride) == 0);
        fv_context_free(context);
    }
}

static void test_last_segment(void **state)
{
    (void)state;
    check_last_segment(&reduction, 3);
}

/* Of a tensor [outer, extent, inner] reduced along axis 1. */
static fv_inference inferred(fv_context *context, const int64_t shape[3],
                             int gradient)
{
    extern const fv_operator fv__op_max;
    const fv__reduction along = { .count = 1, .keep = 1, .axes = { 1 } };
    float number;
    const fv_tensor x = fv_tensor_of(&number, FV_F32, 3, shape);
    const fv_tensor *inputs[] = { &x };
    fv_tensor output = { 0 };
    fv_inference inference = { .context = context,
                               .name = "max",
                               .attributes = &along,
                               .num_inputs = 1,
                               .gradient = gradient,
                               .inputs = inputs,
                               .outputs = &output };
    assert_int_equal(fv__op_max.infer(&inference), FV_OK);
    return inference;
}

/* Each segment of a row needs a place for its extreme, columns none; results
 * have a place each where a backward pass follows. */
static void test_memory(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    const int64_t rows[] = { 5, 16385, 1 }, columns[] = { 5, 16385, 7 };
    for (int gradient = 0; gradient < 2; gradient++) {
        fv_inference is = inferred(context, rows, gradient);
        assert_int_equal(is.forward_scratch, 5 * 2 * sizeof(int64_t));
        assert_int_equal(is.saved, gradient ? 5 * sizeof(int64_t) : 0);
        is = inferred(context, columns, gradient);
        assert_int_equal(is.forward_scratch, 0);
        assert_int_equal(is.saved, gradient ? 5 * 7 * sizeof(int64_t) : 0);
    }
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula), cmocka_unit_test(test_tie),
        cmocka_unit_test(test_nan),     cmocka_unit_test(test_last_segment),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
