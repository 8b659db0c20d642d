/* Tests of the operator global_average_pool. */
#include "operands.h"

#include "op/columns.h"

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    (void)user;
    return fv_global_average_pool_of(at[0]);
}

static subject subject_of(uint64_t seed, int64_t n, int64_t h, int64_t w,
                          int64_t c)
{
    return (subject){ .apply = apply,
                      .seed = seed,
                      .count = 1,
                      .operands = { { 4, { n, h, w, c }, -1, 1, 0 } } };
}

static void test_values(void **state)
{
    const double x[] = { 1, 10, 2, 20, 3, 30, 6, 60, 0, 1, 0, 2, 0, 3, 4, 6 };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *leaf = LEAF(context, x, 2, 2, 2, 2);
        fv_variable *y = fv_global_average_pool_of(leaf);
        assert_ok(context);
        assert_int_equal(fv_variable_value(y)->rank, 4);
        assert_int_equal(fv_variable_value(y)->shape[1], 1);
        assert_int_equal(fv_variable_value(y)->shape[2], 1);
        assert_numbers(fv_variable_value(y), (const double[]){ 3, 30, 1, 3 },
                       0);
        walk_back_from(y, (const double[]){ 4, 8, -4, 12 });
        assert_numbers(fv_variable_grad(leaf),
                       (const double[]){ 1, 2, 1, 2, 1, 2, 1, 2, -1, 3, -1, 3,
                                         -1, 3, -1, 3 },
                       0);
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        const subject s =
            subject_of(seed, pick(seed, 0, 1, 3), pick(seed, 1, 1, 5),
                       pick(seed, 2, 1, 5), pick(seed, 3, 1, 6));
        assert_gradients(&s);
        assert_single(&s, 1e-6);
    }
}

/* A plane of 257 x 255 ones plus a little: sums of many numbers stay exact to
 * the logarithm of their count. */
static void test_long_sum(void **state)
{
    enum { COUNT = 257 * 255 };
    static double x[COUNT];
    double sum = 0;
    (void)state;
    for (int64_t i = 0; i < COUNT; i++)
        sum += x[i] = (double)(float)(1 + chance(4, i) / 1024);
    fv_context *context = context_of(FV_F32);
    const fv_tensor *y = fv_variable_value(
        fv_global_average_pool_of(LEAF(context, x, 1, 257, 255, 1)));
    assert_ok(context);
    assert_near(number_at(y, 0), sum / COUNT, 20 * 0x1p-24);
    fv_context_free(context);
}

static void test_same_bits(void **state)
{
    const subject shapes[] = { subject_of(1, 5, 37, 41, 3),
                               subject_of(2, 9, 7, 7, 65),
                               subject_of(3, 2, 200, 51, 1) };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        assert_same_bits(&shapes[i]);
        assert_alone(&shapes[i], FV_F32, 1);
        assert_alone(&shapes[i], FV_F64, 0);
    }
}

static void test_not_finite(void **state)
{
    const double x[] = { 1, (double)NAN, 3, 4 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    const fv_tensor *y = fv_variable_value(
        fv_global_average_pool_of(LEAF(context, x, 1, 1, 2, 2)));
    assert_near(number_at(y, 0), 2, 0);
    assert_true(isnan(number_at(y, 1)));
    fv_context_free(context);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[16] = { 0 };
    (void)state;
    assert_null(fv_global_average_pool_of(LEAF(context, numbers, 4, 4)));
    assert_error(
        context,
        "global_average_pool: input [4, 4] has rank 2, expected 3 to 5");
    assert_null(fv_global_average_pool_of(LEAF(context, numbers, 2, 0, 3, 1)));
    assert_error(context, "global_average_pool: input 0 is below 1");
    fv_variable *y =
        fv_global_average_pool_of(LEAF(context, numbers, 0, 2, 3, 1));
    assert_ok(context);
    assert_int_equal(fv_tensor_count(fv_variable_value(y)), 0);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

/* Sums down columns keep to the scratch they ask for, for any number of rows.
 */
static void test_scratch(void **state)
{
    (void)state;
    enum { CHANNELS = 2, MOST = 33000, MARKS = 64 };
    static float rows[MOST * CHANNELS];
    for (int i = 0; i < MOST * CHANNELS; i++) rows[i] = i % CHANNELS ? 2 : 1;
    static const int64_t lengths[] = { 0,    1,    32,   33,    1024,
                                       1025, 2049, 5001, 32768, MOST };
    fv_context *context = context_of(FV_F32);
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        const fv__columns columns = { .m = lengths[k],
                                      .c = CHANNELS,
                                      .x = rows };
        const size_t bytes = fv__columns_scratch(context, lengths[k], CHANNELS);
        const int64_t extent = (int64_t)bytes + MARKS;
        fv_tensor memory = fv_tensor_new(context, FV_U8, 1, &extent);
        assert_ok(context);
        unsigned char *scratch = memory.data;
        memset(scratch, 0xa5, bytes + MARKS);
        float sums[CHANNELS] = { 3, 4 };
        fv__columns_add(context, &columns, sums, scratch);
        assert_true(sums[0] == (float)(3 + lengths[k]));
        assert_true(sums[1] == (float)(4 + 2 * lengths[k]));
        for (size_t i = bytes; i < bytes + MARKS; i++)
            assert_int_equal(scratch[i], 0xa5);
        fv_tensor_free(context, &memory);
    }
    fv_context_free(context);
}

/* A row of pixels and a column of them are the same sums, and need the same
 * memory for them. */
static void test_rows_and_columns(void **state)
{
    extern const fv_operator fv__op_global_average_pool;
    fv_context *context = context_of(FV_F32);
    (void)state;
    enum { PIXELS = 5001, CHANNELS = 3 };
    static float numbers[PIXELS * CHANNELS];
    for (int i = 0; i < PIXELS * CHANNELS; i++)
        numbers[i] = (float)(i * 31 % 1009) / 1009;
    const fv_tensor line = FV_TENSOR(numbers, FV_F32, 1, 1, PIXELS, CHANNELS),
                    column = FV_TENSOR(numbers, FV_F32, 1, PIXELS, 1, CHANNELS);
    const fv_tensor *both[] = { &line, &column };
    size_t scratch[2];
    float means[2][CHANNELS];
    for (int k = 0; k < 2; k++) {
        fv_tensor output = { 0 };
        fv_inference inference = { .context = context,
                                   .name = "global_average_pool",
                                   .num_inputs = 1,
                                   .inputs = &both[k],
                                   .outputs = &output };
        assert_int_equal(fv__op_global_average_pool.infer(&inference), FV_OK);
        scratch[k] = inference.forward_scratch;
        fv_variable *y =
            fv_global_average_pool_of(fv_constant(context, both[k]));
        assert_ok(context);
        memcpy(means[k], fv_variable_value(y)->data, sizeof means[k]);
        fv_forget(context);
    }
    assert_int_equal(scratch[0], scratch[1]);
    assert_memory_equal(means[0], means[1], sizeof means[0]);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_long_sum),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_rows_and_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
