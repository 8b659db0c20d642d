/* Tests of the operator lppool. */
#include "windows.h"

static double power;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    return fv_lppool_of(at[0], power, user);
}

/* Numbers above 0, since a power need not be whole. */
static subject random_subject(fv_pooling *p, uint64_t seed)
{
    static const double powers[] = { 2, 1, 3, 0.5, 2.5 };
    subject s = random_windows(p, seed);
    s.apply = apply;
    s.operands[0].low = 0.25;
    power = powers[seed % 5];
    return s;
}

static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        fv_pooling p;
        const subject s = random_subject(&p, seed);
        fv_context *context = context_of(seed % 2 ? FV_F64 : FV_F32);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        const fv_tensor *x = fv_variable_value(at[0]);
        const fv_tensor *y = fv_variable_value(apply(&p, at));
        const windows w = windows_of(&p, x);
        assert_ok(context);
        for (int64_t i = 0; i < fv_tensor_count(y); i++) {
            double sum = 0;
            for (int64_t tap = 0; tap < taps_of(&w); tap++) {
                const int64_t element = tap_of(&w, i, tap, false);
                if (element >= 0) sum += pow(number_at(x, element), power);
            }
            const double norm = pow(sum, 1 / power);
            assert_near(number_at(y, i), norm,
                        (seed % 2 ? 1e-14 : 2e-6) * norm);
        }
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 200; seed < 230; seed++) {
        fv_pooling p;
        const subject s = random_subject(&p, seed);
        if (!p.dilation[0] && !p.dilation[1]) assert_gradients(&s);
        assert_single(&s, 1e-5);
    }
}

/* No gradient passes where the norm is 0, and signs are those of powers. */
static void test_signs(void **state)
{
    const double x[] = { 0, 0, -3, 4, -1, -1 };
    const fv_pooling p = { .kernel = { 2 } };
    fv_context *context = context_of(FV_F32);
    fv_variable *leaf = LEAF(context, x, 1, 6, 1);
    (void)state;
    fv_variable *y = fv_lppool_of(leaf, 2, &p);
    assert_near(number_at(fv_variable_value(y), 0), 0, 0);
    assert_near(number_at(fv_variable_value(y), 1), 5, 0);
    walk_back_from(y, (const double[]){ 1, 5, 0 });
    assert_numbers(fv_variable_grad(leaf),
                   (const double[]){ 0, 0, -3, 4, 0, 0 }, 1e-6);
    y = fv_lppool_of(leaf, 1, &p);
    assert_numbers(fv_variable_value(y), (const double[]){ 0, 1, -2 }, 0);
    y = fv_lppool_of(leaf, 3, &p);
    assert_near(number_at(fv_variable_value(y), 1), cbrt(37), 1e-6);
    assert_true(isnan(number_at(fv_variable_value(y), 2)));
    fv_context_free(context);
}

static void test_same_bits(void **state)
{
    const fv_pooling p = { .kernel = { 3, 2 },
                           .stride = { 2, 1 },
                           .padding_begin = { 1, 0 },
                           .ceil_mode = 1 };
    /* windows whose sums are cut */
    const fv_pooling wide = { .kernel = { 47, 46 }, .stride = { 1, 1 } };
    subject s = { .apply = apply,
                  .user = &p,
                  .seed = 9,
                  .count = 1,
                  .operands = { { 4, { 5, 9, 7, 21 }, 0, 1, 0 } } };
    (void)state;
    power = 2;
    assert_same_bits(&s);
    assert_alone(&s, FV_F32, 3);
    power = 2.5;
    assert_same_bits(&s);
    power = 2;
    s.user = &wide;
    s.operands[0] = (operand){ 4, { 1, 48, 47, 5 }, 0, 1, 0 };
    assert_same_bits(&s);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[32] = { 0 };
    const fv_pooling two = { .kernel = { 2 } };
    fv_variable *x = LEAF(context, numbers, 1, 4, 4, 2);
    (void)state;
    assert_null(fv_lppool_of(x, 0, &two));
    assert_error(context, "lppool: p 0 is not above 0 and finite");
    assert_null(fv_lppool_of(x, (double)INFINITY, &two));
    assert_error(context, "lppool: p inf is not above 0 and finite");
    assert_null(fv_lppool_of(x, 2, NULL));
    assert_error(context, "lppool: no kernel is given");
    assert_null(fv_lppool_of(NULL, 2, &two));
    assert_ok(context);
    fv_variable *y = fv_lppool_of(LEAF(context, numbers, 0, 4, 2), 2, &two);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition), cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_signs),      cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
