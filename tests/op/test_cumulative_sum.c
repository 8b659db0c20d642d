/* Running sums. */
#include "op/whole.h"

typedef struct sums {
    int32_t axis;
    int exclusive, reverse;
} sums;

static fv_variable *apply(void *user, fv_variables at)
{
    const sums *s = user;
    return fv_cumulative_sum(at.at[0], s->axis, s->exclusive, s->reverse);
}

/* Axis 1 of [3, 5, 2], each sum on its own. */
static void test_formula(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        sums s = { i % 2 ? 1 : -2, i & 1, i >> 1 };
        check_case c = {
            .f = apply, .user = &s, .count = 1, .low = -1, .high = 1
        };
        c.shapes[0] = (check_shape)SHAPE(3, 5, 2);
        check_gradient(&c);
        check_types(&c, 1e-6);
        check_result is = check_evaluate(&c, FV_F64, 1);
        for (int64_t at = 0; at < 30; at++) {
            const int64_t row = at / 2 % 5, first = at / 10 * 10 + at % 2;
            double sum = 0;
            for (int64_t k = 0; k < 5; k++)
                if ((k == row && !s.exclusive)
                    || (s.reverse ? k > row : k < row))
                    sum += check_at(&is.leaves[0], first + 2 * k);
            assert_near(check_at(&is.value, at), sum, 1e-14);
        }
        fv_context_free(is.context);
    }
}

static void test_threads(void **state)
{
    (void)state;
    sums s = { 1, 0, 0 };
    check_case c = { .f = apply, .user = &s, .count = 1, .low = -1, .high = 1 };
    c.shapes[0] = (check_shape)SHAPE(40, 701, 2);
    check_threads(&c);
    check_types(&c, 1e-4);
}

static void test_whole(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    IS_WHOLE(fv_cumulative_sum(WHOLE(context, 1, 2, 3), 0, 0, 0), FV_I64, 1, 3,
             6);
    IS_WHOLE(fv_cumulative_sum(whole_of(context, FV_U8, &(check_shape)SHAPE(3),
                                        (int64_t[]){ 200, 100, 1 }),
                               0, 1, 1),
             FV_U8, 101, 1, 0);
    assert_null(fv_cumulative_sum(WHOLE(context, 1), 1, 0, 0));
    assert_error(context, "cumulative_sum: axis 1 is outside 0..0");
    assert_null(fv_cumulative_sum(TRUTH(context, 1), 0, 0, 0));
    assert_error(context,
                 "cumulative_sum: operand 1 has type bool, expected f32");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
