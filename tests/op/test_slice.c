/* Slices: regions of values, whose gradients go back where they came from. */
#include "op/whole.h"

typedef struct range {
    int32_t axis;
    int64_t start, stop, step;
} range;

static fv_variable *slice(void *user, fv_variables at)
{
    const range *r = user;
    return fv_slice(at.at[0], r->axis, r->start, r->stop, r->step);
}

/* Two regions of one value, which overlap, and the value itself. */
static fv_variable *overlap(void *user, fv_variables at)
{
    (void)user;
    fv_variable *a = at.at[0];
    fv_variable *front = fv_slice(a, 0, 0, 3, 1),
                *back = fv_slice(a, 0, 1, 4, 1);
    return fv_mul(fv_mul(front, back), fv_slice(a, 0, 0, 5, 2));
}

/* Chunks of 10 rows into 3, 3, 2, 2, a slice of each, joined again. */
static fv_variable *chunks(void *user, fv_variables at)
{
    (void)user;
    fv_variable *parts[4];
    const int64_t at_row[] = { 0, 3, 6, 8, 10 };
    for (int32_t i = 0; i < 4; i++)
        parts[i] = fv_slice(fv_slice(at.at[0], 0, at_row[i], at_row[i + 1], 1),
                            1, 0, 2, 1);
    return fv_mul(fv_concat_of(4, parts, 0), fv_slice(at.at[0], 1, -2, 9, 1));
}

/* Axis 1 of [2, 7, 3]: expected positions. */
static void check_range(range r, int64_t n, const int64_t *expected,
                        fv_dtype dtype)
{
    check_case c = { .f = slice, .user = &r, .count = 1, .low = -1, .high = 1 };
    c.shapes[0] = (check_shape)SHAPE(2, 7, 3);
    check_result is = check_evaluate(&c, dtype, 1);
    check_shape_is(&is.value, 3, (int64_t[]){ 2, n, 3 });
    double gradient[2 * 7 * 3] = { 0 };
    for (int64_t i = 0; i < 2 * n * 3; i++) {
        int64_t at = (i / (3 * n) * 7 + expected[i / 3 % n]) * 3 + i % 3;
        assert_true(check_at(&is.value, i) == check_at(&is.leaves[0], at));
        gradient[at] = check_at(&is.upstream, i);
    }
    check_elements(&is.grads[0], COUNT(gradient), gradient, 1e-6);
    fv_context_free(is.context);
    check_gradient(&c);
}

static void test_ranges(void **state)
{
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_dtype type = (fv_dtype)dtype;
        check_range((range){ 1, 0, 7, 1 }, 7,
                    (int64_t[]){ 0, 1, 2, 3, 4, 5, 6 }, type);
        check_range((range){ 1, 2, 5, 1 }, 3, (int64_t[]){ 2, 3, 4 }, type);
        check_range((range){ -2, 1, 99, 2 }, 3, (int64_t[]){ 1, 3, 5 }, type);
        check_range((range){ 1, -3, -1, 1 }, 2, (int64_t[]){ 4, 5 }, type);
        check_range((range){ 1, 6, 7, 5 }, 1, (int64_t[]){ 6 }, type);
        check_range((range){ 1, 3, 3, 1 }, 0, (int64_t[]){ 0 }, type);
    }
}

/* y = sum of x[1..2, 0..1] [[1, 2], [3, 4]]. */
static void test_table(void **state)
{
    (void)state;
    const double weights[] = { 1, 2, 3, 4 };
    const double expected[] = { 0, 0, 0, 1, 2, 0, 3, 4, 0 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *x = check_leaf(context, &(check_shape)SHAPE(3, 3), 0, 1, 1);
    fv_variable *corner = fv_slice(fv_slice(x, 0, 1, 3, 1), 1, 0, 2, 1);
    fv_variable *y =
        fv_sum(fv_mul(corner, check_matrix(context, 2, 2, weights)));
    assert_int_equal(fv_backprop(y), FV_OK);
    check_elements(fv_variable_grad(x), 9, expected, 0);
    fv_context_free(context);
}

static void test_gradients(void **state)
{
    (void)state;
    check_case c = { .f = overlap, .count = 1, .low = -1, .high = 1 };
    c.shapes[0] = (check_shape)SHAPE(5, 3);
    check_gradient(&c);
    check_types(&c, 1e-6);
    c.f = chunks;
    c.shapes[0] = (check_shape)SHAPE(10, 3);
    check_gradient(&c);
    range r = { 1, 1, 500, 3 };
    c = (check_case){
        .f = slice, .user = &r, .count = 1, .low = -1, .high = 1
    };
    c.shapes[0] = (check_shape)SHAPE(1201, 503);
    check_threads(&c);
}

/* Starts and stops as NumPy clamps them, on 0..6. */
static void test_clamped(void **state)
{
    (void)state;
    static const struct {
        int64_t start, stop, step, n, first;
    } cases[] = {
        { 0, 7, 1, 7, 0 },
        { -3, INT64_MAX, 1, 3, 4 },
        { -99, 2, 1, 2, 0 },
        { 5, 99, 3, 1, 5 },
        { 9, 99, 1, 0, 0 },
        { -1, INT64_MIN, -1, 7, 6 },
        { 99, INT64_MIN, -2, 4, 6 },
        { 4, 1, -2, 2, 4 },
        { 2, 5, -1, 0, 0 },
        { 6, -8, INT64_MIN, 1, 6 },
        { INT64_MIN, INT64_MAX, INT64_MAX, 1, 0 },
    };
    fv_context *context = check_context(FV_F32, 1);
    for (int64_t i = 0; i < COUNT(cases); i++) {
        int64_t expected[7];
        for (int64_t k = 0; k < cases[i].n; k++)
            expected[k] = cases[i].first + (k ? k * cases[i].step : 0);
        fv_variable *y = fv_slice_axes(WHOLE(context, 0, 1, 2, 3, 4, 5, 6), 1,
                                       &cases[i].start, &cases[i].stop, NULL,
                                       &cases[i].step);
        assert_ok(context);
        check_whole(y, FV_I64, cases[i].n, expected);
    }
    fv_context_free(context);
}

static fv_variable *two_axes(void *user, fv_variables at)
{
    (void)user;
    return fv_mul(fv_slice_axes(at.at[0], 2, (int64_t[]){ 3, -1 },
                                (int64_t[]){ 0, INT64_MIN },
                                (int32_t[]){ 0, 2 }, (int64_t[]){ -1, -2 }),
                  fv_slice_axes(fv_flip(at.at[0], 1, (int32_t[]){ 1 }), 2,
                                (int64_t[]){ 0, 0 }, (int64_t[]){ 3, 5 },
                                (int32_t[]){ 0, 2 }, (int64_t[]){ 1, 2 }));
}

/* Element (i, j, k) is (3 - i, j, 4 - 2 k) times (i, 2 - j, 2 k). */
static void test_axes(void **state)
{
    (void)state;
    check_case c = { .f = two_axes, .count = 1, .low = -1, .high = 1 };
    c.shapes[0] = (check_shape)SHAPE(4, 3, 5);
    check_gradient(&c);
    check_result is = check_evaluate(&c, FV_F64, 1);
    const fv_tensor *x = &is.leaves[0];
    check_shape_is(&is.value, 3, (int64_t[]){ 3, 3, 3 });
    for (int64_t i = 0; i < 27; i++) {
        const int64_t a = i / 9, b = i / 3 % 3, d = i % 3;
        assert_true(check_at(&is.value, i)
                    == check_at(x, (3 - a) * 15 + b * 5 + 4 - 2 * d)
                           * check_at(x, a * 15 + (2 - b) * 5 + 2 * d));
    }
    fv_context_free(is.context);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 3), 0, 1, 1);
    assert_null(fv_slice(a, 1, 3, 4, 1));
    assert_error(context, "slice: start 3 of axis 1 is outside 0..2");
    assert_null(fv_slice(a, 1, -4, 2, 1));
    assert_error(context, "slice: start -4 of axis 1 is outside 0..2");
    assert_null(fv_slice(a, 0, 0, 2, 0));
    assert_error(context, "slice: step 0 is below 1");
    assert_null(fv_slice(a, 2, 0, 2, 1));
    assert_error(context, "slice: axis 2 is outside 0..1");
    IS_WHOLE(fv_slice(WHOLE(context, 4, 5, 6), 0, 0, 3, 2), FV_I64, 4, 6);
    assert_null(fv_slice_axes(a, 1, (int64_t[]){ 0 }, (int64_t[]){ 2 }, NULL,
                              (int64_t[]){ 0 }));
    assert_error(context, "slice: the step of axis 0 is 0");
    assert_null(fv_slice_axes(a, 2, (int64_t[]){ 0, 0 }, (int64_t[]){ 2, 2 },
                              (int32_t[]){ 1, -1 }, NULL));
    assert_error(context, "slice: axis 1 is named twice");
    assert_null(fv_slice_axes(a, 1, (int64_t[]){ 0 }, (int64_t[]){ 2 },
                              (int32_t[]){ 2 }, NULL));
    assert_error(context, "slice: axis 2 is outside 0..1");
    assert_null(
        fv_slice_axes(a, 9, (int64_t[9]){ 0 }, (int64_t[9]){ 0 }, NULL, NULL));
    assert_error(context, "slice: 9 axes, expected 0 to 8 with starts and "
                          "stops");
    assert_null(fv_slice(NULL, 0, 0, 1, 1));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),    cmocka_unit_test(test_table),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_clamped),
        cmocka_unit_test(test_axes),      cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
