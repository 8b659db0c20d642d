/* Tests of the operator pixel_unshuffle. */
#include "operands.h"

typedef struct how {
    int64_t factor;
    fv_depth_order order;
} how;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const how *h = user;
    return fv_pixel_unshuffle_of(at[0], h->factor, h->order);
}

static void test_values(void **state)
{
    const double x[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    const double crd[] = { 1, 3, 5, 7, 2, 4, 6, 8 };
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *image = LEAF(context, x, 1, 2, 2, 2);
    const fv_tensor *y =
        fv_variable_value(fv_pixel_unshuffle_of(image, 2, FV_DEPTH_CRD));
    assert_ok(context);
    assert_int_equal(y->shape[3], 8);
    assert_numbers(y, crd, 0);
    y = fv_variable_value(fv_pixel_unshuffle_of(image, 2, FV_DEPTH_DCR));
    assert_numbers(y, x, 0);
    fv_context_free(context);
}

/* It is the inverse of pixel_shuffle. */
static void test_inverse(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        const how h = { 1 + i / 2, (fv_depth_order)(i % 2) };
        const int64_t r = h.factor;
        const subject s = { apply,
                            &h,
                            (uint64_t)i,
                            1,
                            { { 4, { 2, 2 * r, 3 * r, 3 }, -1, 1, 0 } } };
        fv_context *context = context_of(FV_F64);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        const fv_tensor *x = fv_variable_value(at[0]);
        const fv_tensor *back =
            fv_variable_value(fv_pixel_shuffle_of(apply(&h, at), r, h.order));
        assert_ok(context);
        assert_true(fv_tensor_same_shape(x, back));
        assert_memory_equal(x->data, back->data, fv__tensor_bytes(x));
        fv_context_free(context);
        assert_gradients(&s);
        assert_same_bits(&s);
    }
}

static void test_refused(void **state)
{
    const double x[12] = { 0 };
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *image = LEAF(context, x, 1, 2, 3, 2);
    assert_null(fv_pixel_unshuffle_of(image, 2, FV_DEPTH_CRD));
    assert_error(context, "pixel_unshuffle: 2x3 pixels are no multiple of 2x2");
    assert_null(fv_pixel_unshuffle_of(image, -2, FV_DEPTH_CRD));
    assert_error(context, "pixel_unshuffle: factor -2 is not in 1..2147483647");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_inverse),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
