/* Tests of the operator avgpool. */
#include "windows.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    return fv_avgpool_of(at[0], user);
}

static subject subject_of(const fv_pooling *p, uint64_t seed, int64_t n,
                          int64_t h, int64_t w, int64_t c)
{
    return (subject){ .apply = apply,
                      .user = p,
                      .seed = seed,
                      .count = 1,
                      .operands = { { 4, { n, h, w, c }, -1, 1, 0 } } };
}

/* Two rows of three, one row and column of padding on all sides. */
static void test_values(void **state)
{
    const double x[] = { 1, 2, 3, 4, 5, 6 };
    const double counted[] = { 0.25, 1.25, 1, 2.75 };
    const double inside[] = { 1, 2.5, 4, 5.5 };
    fv_pooling p = { .kernel = { 2, 2 },
                     .stride = { 2, 2 },
                     .padding_begin = { 1, 1 },
                     .padding_end = { 1, 1 } };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *leaf = LEAF(context, x, 1, 2, 3, 1);
        p.exclude_padding = 0;
        fv_variable *y = fv_avgpool_of(leaf, &p);
        assert_ok(context);
        assert_numbers(fv_variable_value(y), counted, 0);
        walk_back_from(y, (const double[]){ 4, 8, 12, 16 });
        assert_numbers(fv_variable_grad(leaf),
                       (const double[]){ 1, 2, 2, 3, 4, 4 }, 0);
        fv_variable_zero_grad(leaf);
        p.exclude_padding = 1;
        y = fv_avgpool_of(leaf, &p);
        assert_numbers(fv_variable_value(y), inside, 0);
        walk_back_from(y, (const double[]){ 4, 8, 12, 16 });
        assert_numbers(fv_variable_grad(leaf),
                       (const double[]){ 4, 4, 4, 12, 8, 8 }, 0);
        fv_context_free(context);
    }
}

static subject random_subject(fv_pooling *p, uint64_t seed)
{
    subject s = random_windows(p, seed);
    s.apply = apply;
    return s;
}

/* Mean of a window, by the definition. */
static double mean(const windows *w, const fv_tensor *x, int64_t output)
{
    double sum = 0, count = 0;
    for (int64_t tap = 0; tap < taps_of(w); tap++) {
        const int64_t element = tap_of(w, output, tap, false);
        count +=
            element >= 0 || (!w->pooling.exclude_padding && element == PADDING);
        if (element >= 0) sum += number_at(x, element);
    }
    if (w->pooling.divisor) count = (double)w->pooling.divisor;
    return count > 0 ? sum / count : 0;
}

static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 150; seed++) {
        fv_pooling p;
        const subject s = random_subject(&p, seed);
        fv_context *context = context_of(seed % 2 ? FV_F64 : FV_F32);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        const fv_tensor *x = fv_variable_value(at[0]);
        const fv_tensor *y = fv_variable_value(apply(&p, at));
        const windows w = windows_of(&p, x);
        assert_ok(context);
        for (int32_t k = 0; k < w.axes; k++)
            assert_int_equal(y->shape[1 + k], w.out[k]);
        for (int64_t i = 0; i < fv_tensor_count(y); i++)
            assert_near(number_at(y, i), mean(&w, x, i),
                        seed % 2 ? 1e-14 : 1e-6);
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 200; seed < 245; seed++) {
        fv_pooling p;
        const subject s = random_subject(&p, seed);
        assert_gradients(&s);
        assert_single(&s, 1e-6);
    }
}

static void test_same_bits(void **state)
{
    const fv_pooling p = { .kernel = { 3, 2 },
                           .stride = { 2, 1 },
                           .padding_begin = { 1, 0 },
                           .padding_end = { 0, 1 } };
    const subject s = subject_of(&p, 9, 7, 19, 17, 11);
    (void)state;
    assert_same_bits(&s);
    /* windows whose sums are cut: of whole vectors and of a part of one */
    const fv_pooling wide = { .kernel = { 47, 46 }, .stride = { 1, 1 } };
    const subject cut = subject_of(&wide, 9, 1, 48, 47, 37);
    assert_same_bits(&cut);
    assert_alone(&s, FV_F32, 3);
    assert_alone(&s, FV_F64, 6);
}

static void test_not_finite(void **state)
{
    const double x[] = { 1, (double)NAN, 3, 4 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    const fv_tensor *y = fv_variable_value(fv_avgpool_of(
        LEAF(context, x, 1, 1, 4, 1), &(fv_pooling){ .kernel = { 1, 2 } }));
    assert_ok(context);
    assert_true(isnan(number_at(y, 0)));
    assert_near(number_at(y, 1), 3.5, 0);
    fv_context_free(context);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[64] = { 0 };
    fv_variable *x = LEAF(context, numbers, 1, 4, 4, 2);
    (void)state;
    assert_null(fv_avgpool_of(x, &(fv_pooling){ .kernel = { 5, 5 } }));
    assert_error(context, "avgpool: kernel 5x5 exceeds input 4x4 (padding 0)");
    assert_null(fv_avgpool_of(
        x, &(fv_pooling){ .kernel = { 2, 2 }, .padding_begin = { 3, 0 } }));
    assert_error(context, "avgpool: padding 3 is not below kernel 2");
    assert_null(fv_avgpool_of(
        x, &(fv_pooling){ .kernel = { 2, 2 }, .stride = { -2, 0 } }));
    assert_error(context, "avgpool: stride -2 is below 1");
    assert_null(
        fv_avgpool_of(x, &(fv_pooling){ .kernel = { 2, 2 }, .divisor = -1 }));
    assert_error(context, "avgpool: divisor -1 is below 0");
    assert_null(fv_avgpool_of(x, NULL));
    assert_error(context, "avgpool: no kernel is given");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_definition),
        cmocka_unit_test(test_gradients),  cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_not_finite), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
