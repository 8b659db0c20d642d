/* Elements replaced and added at places. */
#include "op/whole.h"

#include <stdbool.h>

typedef struct way {
    bool vectors;
    int sum;
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
    return w->vectors ? fv_scatter_nd(at.at[0], i, at.at[1], w->sum)
                      : fv_scatter_elements(at.at[0], i, at.at[1], 0, w->sum);
}

/* x is [3, 2]: rows 2 and 0, or elements (2, 0), (0, 1), (0, 0). */
static void test_places(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        way w = { k / 2 == 1, k % 2 };
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
                expected = (w.sum ? expected : 0) + check_at(&is.leaves[1], u);
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
    assert_null(fv_scatter_elements(a, i, WHOLE(context, 8, 9), 0, 1));
    assert_error(context,
                 "scatter_elements: operand 3 has type i64, expected f32");
    assert_null(fv_scatter_elements(a, i, TRUTH(context, 1, 1), 0, 0));
    assert_error(context,
                 "scatter_elements: operand 3 has type bool, expected i64");
    assert_null(fv_scatter_elements(a, i, WHOLE(context, 8), 0, 0));
    assert_error(context,
                 "scatter_elements: operand 3 has shape [1], expected [2]");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
