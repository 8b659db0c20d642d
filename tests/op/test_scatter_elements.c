/* Elements replaced and added at places. */
#include "op/whole.h"

#include <stdbool.h>

typedef struct way {
    bool vectors;
    fv_scatter_reduction reduction;
} way;

static fv_variable *scatter(void *user, fv_variables at)
{
    const way *w = user;
    fv_context *context = fv_variable_context(at.at[0]);
    fv_variable *i = w->vectors
                         ? whole_of(context, FV_I64, &(check_shape)SHAPE(2, 1),
                                    (int64_t[]){ 2, -3 })
                         : whole_of(context, FV_I32, &(check_shape)SHAPE(2, 2),
                                    (int64_t[]){ 2, -3, 0, 9 });
    return w->vectors
               ? fv_scatter_nd(at.at[0], i, at.at[1], w->reduction)
               : fv_scatter_elements(at.at[0], i, at.at[1], 0, w->reduction);
}

/* x is [3, 2]: rows 2 and 0, or elements (2, 0), (0, 1), (0, 0). */
static void test_places(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        way w = { k / 2 == 1, k % 2 ? FV_SCATTER_SUM : FV_SCATTER_REPLACE };
        const int64_t from[2][6] = { { 2, 1, -1, -1, 0, -1 },
                                     { 2, 3, -1, -1, 0, 1 } };
        check_case c = {
            .f = scatter, .user = &w, .count = 2, .low = -1, .high = 1
        };
        c.shapes[0] = (check_shape)SHAPE(3, 2);
        c.shapes[1] = (check_shape)SHAPE(2, 2);
        check_gradient(&c);
        check_result is = check_evaluate(&c, FV_F64, 1);
        for (int64_t i = 0; i < 6; i++) {
            const int64_t u = from[w.vectors][i];
            double expected = check_at(&is.leaves[0], i);
            if (u >= 0)
                expected =
                    (w.reduction ? expected : 0) + check_at(&is.leaves[1], u);
            assert_true(check_at(&is.value, i) == expected);
        }
        fv_context_free(is.context);
    }
}

static void test_types(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = WHOLE(context, 1, 2, 3), *i = WHOLE(context, 1, -1);
    IS_WHOLE(fv_scatter_elements(a, i, WHOLE(context, 8, 9), 0, 0), FV_I64, 1,
             8, 9);
    assert_null(fv_scatter_elements(a, i, TRUTH(context, 1, 1), 0, 0));
    assert_error(context,
                 "scatter_elements: operand 3 has type bool, expected i64");
    assert_null(fv_scatter_elements(a, i, WHOLE(context, 8), 0, 0));
    assert_error(context,
                 "scatter_elements: operand 3 has shape [1], expected [2]");
    fv_variable *t = TRUTH(context, 1, 0);
    assert_null(fv_scatter_elements(t, WHOLE(context, 1), TRUTH(context, 1), 0,
                                    FV_SCATTER_SUM));
    assert_error(context,
                 "scatter_elements: elements of type bool are only replaced");
    assert_null(fv_scatter_elements(a, i, WHOLE(context, 8, 9), 0,
                                    (fv_scatter_reduction)5));
    assert_error(context, "scatter_elements: reduction 5 is unknown (0 to 4)");
    fv_variable *x = check_vector(context, 2, (double[]){ 1, 2 });
    assert_null(
        fv_scatter_elements(x, WHOLE(context, 1), x, 0, FV_SCATTER_MIN));
    fv_clear_error(context); /* of the shape */
    assert_null(
        fv_scatter_elements(x, WHOLE(context, 1, 1), x, 0, FV_SCATTER_MIN));
    assert_error(context, "scatter_elements: a product, minimum or maximum has "
                          "no gradient here");
    fv_context_free(context);
}

static fv_variable *known(const fv_variable *x)
{
    return fv_constant(fv_variable_context(x), fv_variable_value(x));
}

/* 3 and then -2 at the element 5. */
static void test_reductions(void **state)
{
    (void)state;
    static const int64_t expected[] = { -2, 6, -30, -2, 5 };
    const double nan_last[] = { 1, (double)NAN };
    for (int r = 0; r < 5; r++)
        for (int f64 = 0; f64 < 2; f64++) {
            const fv_scatter_reduction how = (fv_scatter_reduction)r;
            fv_context *context = check_context(f64 ? FV_F64 : FV_F32, 1);
            fv_variable *i = WHOLE(context, 1, -2);
            IS_WHOLE(fv_scatter_elements(WHOLE(context, 9, 5, 0), i,
                                         WHOLE(context, 3, -2), 0, how),
                     FV_I64, 9, expected[r], 0);
            fv_variable *at[3];
            const double x[] = { 9, 5, 0 }, u[] = { 3, -2 };
            at[0] = known(check_vector(context, 3, x));
            at[1] = known(check_vector(context, 2, u));
            at[2] = known(check_vector(context, 2, nan_last));
            const fv_variable *y = fv_scatter_elements(at[0], i, at[1], 0, how);
            assert_ok(context);
            assert_true(check_at(fv_variable_value(y), 1)
                        == (double)expected[r]);
            y = fv_scatter_elements(at[0], i, at[2], 0, how);
            assert_true(isnan(check_at(fv_variable_value(y), 1)));
            fv_context_free(context);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_reductions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
