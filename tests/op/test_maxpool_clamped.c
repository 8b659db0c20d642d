/* Tests of the operator maxpool_clamped: against the two operators that it
 * stands for. */
#include "operands.h"

#include "op/pool/window.h"

static fv_variable *apart(fv_variable *x, const fv_pooling *pooling, bool six)
{
    return fv_maxpool_of(six ? fv_relu6_of(x) : fv_relu_of(x), pooling);
}

static fv_variable *clamped(fv_variable *x, const fv_pooling *pooling, bool six)
{
    const fv__clamped_pooling attributes = { *pooling, 0,
                                             six ? 6 : (double)INFINITY };
    return fv__maxpool_clamped(x, &attributes);
}

/* Values and gradients, of windows that tile and of some that overlap; many are
 * all below a limit. */
static void check(fv_dtype dtype, const fv_pooling *pooling, bool six)
{
    static const operand wide = { 4, { 3, 9, 11, 19 }, -12, 8, 0 };
    fv_context *contexts[2];
    fv_variable *x[2], *y[2];
    for (int i = 0; i < 2; i++) {
        contexts[i] = context_with(dtype, 2, NULL);
        x[i] = random_leaf(contexts[i], 1, &wide);
        y[i] = (i ? clamped : apart)(x[i], pooling, six);
        assert_int_equal(fv_backprop(fv_sum(fv_mul(y[i], y[i]))), FV_OK);
    }
    const fv_tensor *all[] = { fv_variable_value(y[0]), fv_variable_value(y[1]),
                               fv_variable_grad(x[0]), fv_variable_grad(x[1]) };
    for (int k = 0; k < 4; k += 2)
        for (int64_t i = 0; i < fv_tensor_count(all[k]); i++)
            assert_true(number_at(all[k], i) == number_at(all[k + 1], i));
    for (int i = 0; i < 2; i++) fv_context_free(contexts[i]);
}

static void test_pools(void **state)
{
    static const fv_pooling poolings[] = {
        { .kernel = { 2, 2 }, .stride = { 2, 2 }, .dilation = { 1, 1 } },
        { .kernel = { 3, 3 },
          .stride = { 2, 1 },
          .dilation = { 1, 1 },
          .padding_begin = { 1, 1 },
          .padding_end = { 1, 0 } },
    };
    (void)state;
    for (int i = 0; i < 8; i++)
        check(i & 1 ? FV_F64 : FV_F32, &poolings[i / 2 & 1], i & 4);
}

/* A NaN comes through. */
static void test_nan(void **state)
{
    const double plane[] = { -1, (double)NAN, 3, -4 };
    const fv_pooling pooling = { .kernel = { 2, 2 },
                                 .stride = { 2, 2 },
                                 .dilation = { 1, 1 } };
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, plane, 1, 2, 2, 1);
    (void)state;
    assert_true(
        isnan(number_at(fv_variable_value(clamped(x, &pooling, true)), 0)));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_nan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
