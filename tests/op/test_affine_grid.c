/* Tests of the operator affine_grid. */
#include "operands.h"

typedef struct how {
    int64_t height, width;
    int32_t align_corners;
} how;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const how *h = user;
    return fv_affine_grid_of(at[0], h->height, h->width, h->align_corners);
}

/* Turned by a right angle, and moved. */
static void test_values(void **state)
{
    const double theta[] = { 0, -2, 0.5, 1, 0, 0 };
    const double edges[] = { 1.5, -0.5, 1.5, 0.5, -0.5, -0.5, -0.5, 0.5 };
    const double centres[] = { 2.5, -1, 2.5, 1, -1.5, -1, -1.5, 1 };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *x = LEAF(context, theta, 1, 2, 3);
        assert_numbers(fv_variable_value(fv_affine_grid_of(x, 2, 2, 0)), edges,
                       0);
        assert_numbers(fv_variable_value(fv_affine_grid_of(x, 2, 2, 1)),
                       centres, 0);
        /* one pixel is in the middle */
        assert_numbers(fv_variable_value(fv_affine_grid_of(x, 1, 1, 1)),
                       (const double[]){ 0.5, 0 }, 0);
        assert_ok(context);
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        const how h = { 1 + i, 5 - i / 2, i % 2 };
        const subject s = {
            apply, &h, (uint64_t)i, 1, { { 3, { 1 + i % 3, 2, 3 }, -1, 1, 0 } }
        };
        assert_gradients(&s);
        assert_single(&s, 1e-5);
    }
    const how large = { 67, 131, 0 };
    const subject s = { apply, &large, 9, 1, { { 3, { 3, 2, 3 }, -1, 1, 0 } } };
    assert_same_bits(&s);
}

static void test_refused(void **state)
{
    const double theta[6] = { 0 };
    (void)state;
    fv_context *context = context_of(FV_F32);
    assert_null(fv_affine_grid_of(LEAF(context, theta, 1, 2, 3), 0, 4, 0));
    assert_error(context, "affine_grid: size 0x4 is below 1");
    assert_null(fv_affine_grid_of(LEAF(context, theta, 1, 3, 2), 4, 4, 0));
    assert_error(context, "affine_grid: operand 1 has shape [1, 3, 2], "
                          "expected [*, 2, 3]");
    assert_null(fv_affine_grid_of(LEAF(context, theta, 1, 6), 4, 4, 0));
    assert_error(context, "affine_grid: theta [1, 6] has rank 2, expected 3");
    fv_variable *y = fv_affine_grid_of(LEAF(context, theta, 0, 2, 3), 4, 4, 0);
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
