/* Tests of the operator pixel_shuffle. */
#include "operands.h"

typedef struct how {
    int64_t factor;
    fv_depth_order order;
} how;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const how *h = user;
    return fv_pixel_shuffle_of(at[0], h->factor, h->order);
}

/* The second gradient is added to the first. */
static fv_variable *apply_twice(const void *user, fv_variable *const at[])
{
    return fv_mul(apply(user, at), apply(user, at));
}

/* Pixel (p, q) of channel k is a channel of pixel (p / r, q / r). */
static void test_definition(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        const how h = { 1 + i / 2, (fv_depth_order)(i % 2) };
        const int64_t r = h.factor, c = 3, rows = 2, columns = 5;
        const subject s = {
            apply,
            &h,
            (uint64_t)i,
            1,
            { { 4, { 2, rows, columns, c * r * r }, -1, 1, 0 } }
        };
        fv_context *context = context_of(i % 3 ? FV_F64 : FV_F32);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        const fv_tensor *x = fv_variable_value(at[0]);
        const fv_tensor *y = fv_variable_value(apply(&h, at));
        assert_ok(context);
        for (int64_t k = 0; k < fv_tensor_count(y); k++) {
            const int64_t channel = k % c, q = k / c % (columns * r);
            const int64_t p = k / c / (columns * r) % (rows * r);
            const int64_t n = k / c / (columns * r) / (rows * r);
            const int64_t from = h.order == FV_DEPTH_CRD
                                     ? (channel * r + p % r) * r + q % r
                                     : (p % r * r + q % r) * c + channel;
            const int64_t pixel = (n * rows + p / r) * columns + q / r;
            assert_true(number_at(y, k)
                        == number_at(x, pixel * c * r * r + from));
        }
        fv_context_free(context);
        assert_gradients(&s);
        assert_same_bits(&s);
        const subject twice = { apply_twice, &h, 1, 1, { s.operands[0] } };
        assert_gradients(&twice);
    }
}

/* Whole numbers move as well as others. */
static void test_integers(void **state)
{
    int64_t x[] = { 5, 6, 7, 8, -1, -2, -3, -4 };
    const int64_t expected[] = { 5, 6, -1, -2, 7, 8, -3, -4 };
    const fv_tensor image = FV_TENSOR(x, FV_I64, 1, 1, 2, 4);
    (void)state;
    fv_context *context = context_of(FV_F32);
    const fv_tensor *y = fv_variable_value(
        fv_pixel_shuffle_of(fv_constant(context, &image), 2, FV_DEPTH_CRD));
    assert_ok(context);
    assert_int_equal(y->dtype, FV_I64);
    assert_memory_equal(y->data, expected, sizeof expected);
    fv_context_free(context);
}

static void test_refused(void **state)
{
    const double x[12] = { 0 };
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *image = LEAF(context, x, 1, 1, 2, 6);
    assert_null(fv_pixel_shuffle_of(image, 2, FV_DEPTH_CRD));
    assert_error(context, "pixel_shuffle: 6 channels are no multiple of 2x2");
    assert_null(fv_pixel_shuffle_of(image, 0, FV_DEPTH_CRD));
    assert_error(context, "pixel_shuffle: factor 0 is not in 1..2147483647");
    assert_null(fv_pixel_shuffle_of(image, 1, (fv_depth_order)2));
    assert_error(context, "pixel_shuffle: order 2 is unknown (0 to 1)");
    assert_null(fv_pixel_shuffle_of(LEAF(context, x, 3, 4), 2, FV_DEPTH_CRD));
    assert_error(context, "pixel_shuffle: input [3, 4] has rank 2, expected 4");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
