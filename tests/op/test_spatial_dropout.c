/* Tests of the operator spatial_dropout. */
#include "operands.h"

/* Work is cut within images. */
enum { N = 3, PIXELS = 4 * 47, C = 37 };

static const double few[] = { 1, -2, 3, 4 };

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    return fv_spatial_dropout_of(at[0], *(const double *)user);
}

/* A channel of an image is dropped or scaled as a whole; the gradient is the
 * same factor. */
static void test_values(void **state)
{
    const double probability = 0.25;
    const subject s = {
        apply, &probability, 3, 1, { { 4, { N, 4, 47, C }, 1, 2, 0 } }
    };
    (void)state;
    for (int i = 0; i < 4; i++) { /* of a leaf and of a result */
        fv_context *context = context_of(i % 2 ? FV_F64 : FV_F32);
        fv_variable *at[MOST_OPERANDS], *result;
        int dropped = 0;
        make_operands(context, &s, at);
        result = fv_add_number(at[0], 0);
        fv_variable *y = apply(&probability, i < 2 ? at : &result);
        assert_ok(context);
        fv_backprop(fv_add(y, at[0])); /* the gradient is added to ones */
        for (int64_t n = 0; n < N; n++)
            for (int64_t c = 0; c < C; c++) {
                const int64_t first = n * PIXELS * C + c;
                const bool kept = number_at(fv_variable_value(y), first) != 0;
                const double factor = kept ? 1 / (1 - probability) : 0;
                dropped += !kept;
                for (int64_t pixel = 0; pixel < PIXELS; pixel++) {
                    const int64_t k = first + pixel * C;
                    const double x = number_at(fv_variable_value(at[0]), k);
                    assert_near(number_at(fv_variable_value(y), k), factor * x,
                                1e-6);
                    assert_near(number_at(fv_variable_grad(at[0]), k),
                                factor + 1, 1e-6);
                }
            }
        assert_in_range(dropped, N * C / 8, N * C / 2);
        fv_context_free(context);
    }
}

static void test_identity(void **state)
{
    (void)state;
    for (int training = 0; training < 2; training++) {
        fv_context *context = context_of(FV_F32);
        fv_variable *x = LEAF(context, few, 1, 2, 2);
        fv_training(context, training);
        fv_variable *y = fv_spatial_dropout_of(x, training ? 0 : 0.5);
        assert_numbers(fv_variable_value(y), few, 0);
        walk_back_from(y, few);
        assert_numbers(fv_variable_grad(x), few, 0);
        assert_ok(context);
        fv_context_free(context);
    }
}

/* Element types, tables and threads draw the same; calls do not. */
static void test_same_bits(void **state)
{
    const double probability = 0.5;
    const subject s = {
        apply, &probability, 4, 1, { { 5, { 4, 3, 17, 11, 23 }, -1, 1, 0 } }
    };
    (void)state;
    assert_same_bits(&s);
    assert_single(&s, 1e-6);
    fv_context *context = context_of(FV_F32);
    fv_variable *at[MOST_OPERANDS];
    make_operands(context, &s, at);
    const fv_tensor *one = fv_variable_value(apply(&probability, at));
    const fv_tensor *other = fv_variable_value(apply(&probability, at));
    assert_memory_not_equal(one->data, other->data, fv__tensor_bytes(one));
    fv_context_free(context);
}

static void test_refused(void **state)
{
    (void)state;
    fv_context *context = context_of(FV_F32);
    assert_null(fv_spatial_dropout_of(LEAF(context, few, 2, 2), 1.5));
    assert_error(context, "spatial_dropout: probability 1.5 is outside 0..1");
    assert_null(fv_spatial_dropout_of(LEAF(context, few, 2, 2), (double)NAN));
    assert_error(context, "spatial_dropout: probability nan is outside 0..1");
    assert_null(fv_spatial_dropout_of(LEAF(context, few, 4), 0.5));
    assert_error(context, "spatial_dropout: input [4] has rank 1, expected 2 "
                          "or more");
    fv_variable *y = fv_spatial_dropout_of(LEAF(context, few, 0, 2), 0.5);
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
