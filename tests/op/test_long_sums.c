/* Long sums of operators: exact where they can be, and near it where each term
 * is rounded alike, which is the worst for a sum. */
#include "operands.h"

enum { MANY = 100000, MATRICES = 20000, SIDE = 600 };
/* Of sums of so many tenths or less; one chain of MATRICES or MANY of them is
 * off by 1e-4, one of SIDE x SIDE by more. */
#define NEAR 3e-5

static fv_variable *filled(fv_context *context, float value, int32_t rank,
                           const int64_t shape[])
{
    fv_tensor tensor = fv_tensor_new(context, FV_F32, rank, shape);
    assert_ok(context);
    float *numbers = tensor.data;
    for (int64_t i = 0; i < fv_tensor_count(&tensor); i++) numbers[i] = value;
    fv_variable *leaf = fv_variable_new(context, &tensor);
    assert_ok(context);
    fv_tensor_free(context, &tensor);
    return leaf;
}

#define FILLED(context, value, ...)                                            \
    filled((context), (value),                                                 \
           (int32_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),    \
           (const int64_t[]){ __VA_ARGS__ })

static void assert_all_near(const fv_tensor *tensor, double expected)
{
    assert_non_null(tensor);
    for (int64_t i = 0; i < fv_tensor_count(tensor); i++)
        if (!(fabs(number_at(tensor, i) / expected - 1) <= NEAR))
            fail_msg("number %lld is %.9g, expected %.9g", (long long)i,
                     number_at(tensor, i), expected);
}

/* More ones than a float can count. */
static void test_linear_of_ones(void **state)
{
    const int64_t n = (1 << 24) + (1 << 20);
    fv_context *context = context_of(FV_F32);
    (void)state;
    fv_variable *x = FILLED(context, 1, 1, n);
    fv_variable *weight = FILLED(context, 1, 1, n);
    fv_variable_set_requires_grad(x, 0);
    fv_variable_set_requires_grad(weight, 0);
    assert_true(number_at(fv_variable_value(fv_linear_of(x, weight, NULL)), 0)
                == (double)n);
    fv_context_free(context);
}

/* One row, few and many: each is multiplied in another way. */
static void test_linear_of_many_inputs(void **state)
{
    const int64_t rows[] = { 1, 3, 20 };
    (void)state;
    for (int i = 0; i < 3; i++) {
        fv_context *context = context_of(FV_F32);
        fv_variable *x = FILLED(context, 1, rows[i], MANY);
        fv_variable *weight = FILLED(context, 0.1F, 19, MANY);
        assert_all_near(fv_variable_value(fv_linear_of(x, weight, NULL)),
                        MANY * (double)0.1F);
        fv_context_free(context);
    }
}

static void test_linear_of_many_rows(void **state)
{
    fv_context *context = context_of(FV_F32);
    fv_variable *x = FILLED(context, 0.1F, MANY, 3);
    fv_variable *weight = FILLED(context, 1, 2, 3);
    fv_variable *bias = FILLED(context, 1, 2);
    (void)state;
    fv_variable *y = fv_linear_of(x, weight, bias);
    assert_int_equal(fv_backprop(y), FV_OK);
    if (!TEST_HAS_CBLAS) /* whose sums are its own */
        assert_all_near(fv_variable_grad(weight), MANY * (double)0.1F);
    assert_all_near(fv_variable_grad(bias), MANY);
    fv_context_free(context);
}

/* Products of many matrices are summed in the gradient of one. */
static void test_matmul_of_many_matrices(void **state)
{
    fv_context *context = context_of(FV_F32);
    fv_variable *a = FILLED(context, 1, 2, 1);
    fv_variable *b = FILLED(context, 0.1F, MATRICES, 1, 3);
    (void)state;
    fv_variable *y = fv_matmul(a, b);
    assert_ok(context);
    assert_int_equal(fv_backprop(y), FV_OK);
    assert_all_near(fv_variable_grad(a), 3 * MATRICES * (double)0.1F);
    fv_context_free(context);
}

static void test_average_pools(void **state)
{
    fv_context *context = context_of(FV_F32);
    fv_variable *x = FILLED(context, 0.1F, 1, SIDE, SIDE, 3);
    (void)state;
    assert_all_near(
        fv_variable_value(fv_avgpool_of(
            x, &(fv_pooling){ .kernel = { SIDE, SIDE }, .stride = { 1, 1 } })),
        (double)0.1F);
    assert_all_near(fv_variable_value(fv_global_average_pool_of(x)),
                    (double)0.1F);
    fv_context_free(context);
}

/* The largest input of all windows, or one that all meet, gets what each of
 * them gives. */
static void test_pools_that_overlap(void **state)
{
    enum { KERNEL = 51, WINDOWS = 51, IN = KERNEL + WINDOWS - 1 };
    const fv_pooling pooling = { .kernel = { KERNEL, KERNEL },
                                 .stride = { 1, 1 } };
    const int64_t middle = IN / 2 * IN + IN / 2;
    static double upstream[WINDOWS * WINDOWS], numbers[IN * IN];
    (void)state;
    for (int i = 0; i < WINDOWS * WINDOWS; i++) upstream[i] = 0.1;
    numbers[middle] = 1;
    for (int i = 0; i < 2; i++) {
        fv_context *context = context_of(FV_F32);
        fv_variable *x = LEAF(context, numbers, 1, IN, IN, 1);
        fv_variable *y =
            i ? fv_maxpool_of(x, &pooling) : fv_avgpool_of(x, &pooling);
        walk_back_from(y, upstream);
        walk_back_from(i ? fv_maxpool_of(x, &pooling)
                         : fv_avgpool_of(x, &pooling),
                       upstream);
        const double sum = 2 * WINDOWS * WINDOWS * (double)0.1F;
        const double is =
            number_at(fv_variable_grad(x), middle) * (i ? 1 : KERNEL * KERNEL);
        assert_true(fabs(is / sum - 1) <= 1e-5);
        double all = 0;
        for (int64_t j = 0; j < IN * IN; j++)
            all += number_at(fv_variable_grad(x), j);
        assert_true(fabs(all / sum - 1) <= 1e-5);
        fv_context_free(context);
    }
}

/* Of axis k of test_volumes: the upstream gradient of window i is a product of
 * these, so that a gradient is one of sums along each axis. */
static double factor(int k, int64_t i)
{
    return 1 + 0.25 * (double)(i % (3 + k));
}

/* Mean of volumes whose gradients are cut between planes, and within. */
static void test_volumes(void **state)
{
    static const int64_t kernels[][3] = { { 5, 21, 21 }, { 2, 40, 30 } };
    (void)state;
    for (int n = 0; n < 2; n++) {
        const int64_t *kernel = kernels[n];
        const int64_t out[] = { kernel[0] + 1, kernel[1], kernel[2] + 1 };
        int64_t in[3];
        fv_context *context = context_of(FV_F32);
        for (int k = 0; k < 3; k++) in[k] = out[k] + kernel[k] - 1;
        fv_variable *x = FILLED(context, 1, 1, in[0], in[1], in[2], 1);
        const int64_t windows = fv__product(3, out);
        double *upstream = malloc((size_t)windows * sizeof *upstream);
        assert_non_null(upstream);
        for (int64_t i = 0; i < windows; i++)
            upstream[i] = factor(0, i / out[2] / out[1])
                          * factor(1, i / out[2] % out[1])
                          * factor(2, i % out[2]);
        walk_back_from(
            fv_avgpool_of(
                x, &(fv_pooling){ .kernel = { kernel[0], kernel[1], kernel[2] },
                                  .stride = { 1 } }),
            upstream);
        for (int64_t j = 0; j < fv__product(3, in); j++) {
            const int64_t at[] = { j / in[2] / in[1], j / in[2] % in[1],
                                   j % in[2] };
            double want = 1;
            for (int k = 0; k < 3; k++) {
                double sum = 0;
                for (int64_t i = 0; i < out[k]; i++)
                    if (i <= at[k] && at[k] < i + kernel[k])
                        sum += factor(k, i);
                want *= sum / (double)kernel[k];
            }
            assert_near(number_at(fv_variable_grad(x), j), want, 1e-5 * want);
        }
        free(upstream);
        fv_context_free(context);
    }
}

/* Windows of a row that meet an input are cut where they are too many for a
 * block: beside 2^24, which alone is in the first row, ones that are added to
 * it one by one would not count. */
static void test_pool_of_long_rows(void **state)
{
    enum { KERNEL = 3000, WINDOWS = 3001, IN = KERNEL + WINDOWS - 1 };
    const fv_pooling pooling = { .kernel = { 2, KERNEL }, .stride = { 1, 1 } };
    static double upstream[2 * WINDOWS], numbers[3 * IN];
    (void)state;
    upstream[0] = 0x1p24;
    for (int i = 0; i < 512; i++) upstream[WINDOWS + i] = 1;
    numbers[IN + KERNEL - 1] = 1;
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, numbers, 1, 3, IN, 1);
    walk_back_from(fv_maxpool_of(x, &pooling), upstream);
    assert_true(number_at(fv_variable_grad(x), IN + KERNEL - 1)
                == 0x1p24 + 512);
    fv_context_free(context);
}

static void test_sums_and_means(void **state)
{
    const int64_t n = (int64_t)SIDE * SIDE;
    const double sum = (double)n * (double)0.1F;
    fv_context *context = context_of(FV_F32);
    fv_variable *rows = FILLED(context, 0.1F, n, 3);
    fv_variable *columns = FILLED(context, 0.1F, 3, n);
    (void)state;
    assert_all_near(fv_variable_value(fv_sum_axis(rows, 0)), sum);
    assert_all_near(fv_variable_value(fv_sum_axis(columns, 1)), sum);
    assert_all_near(fv_variable_value(fv_sum(rows)), 3 * sum);
    assert_all_near(fv_variable_value(fv_mean_axis(rows, 0)), (double)0.1F);
    assert_all_near(fv_variable_value(fv_mean_axis(columns, 1)), (double)0.1F);
    assert_all_near(fv_variable_value(fv_mean(rows)), (double)0.1F);
    fv_context_free(context);
}

/* Any number of threads adds up the same pieces. */
static void test_threads(void **state)
{
    static double numbers[2 * 3 * 3000], dy[2 * 60 * 51];
    fv_tensor want[3];
    fv_context *contexts[3];
    (void)state;
    for (int i = 0; i < 2 * 3 * 3000; i++) numbers[i] = chance(1, i) - 0.5;
    for (int i = 0; i < 2 * 60 * 51; i++) dy[i] = chance(2, i);
    for (int32_t t = 0; t < 3; t++) {
        fv_context *context = contexts[t] =
            context_with(FV_F32, t == 2 ? 4 : t * 2 + 1, NULL);
        fv_variable *x = LEAF(context, numbers, 2, 80, 70, 1);
        walk_back_from(
            fv_avgpool_of(x, &(fv_pooling){ .kernel = { 60, 60 },
                                            .stride = { 1, 1 },
                                            .padding_begin = { 20, 20 },
                                            .padding_end = { 19, 20 } }),
            dy);
        want[t] = *fv_variable_grad(x);
        assert_memory_equal(want[t].data, want[0].data,
                            (size_t)fv_tensor_count(&want[0]) * sizeof(float));
    }
    for (int t = 0; t < 3; t++) fv_context_free(contexts[t]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_of_ones),
        cmocka_unit_test(test_linear_of_many_inputs),
        cmocka_unit_test(test_linear_of_many_rows),
        cmocka_unit_test(test_matmul_of_many_matrices),
        cmocka_unit_test(test_average_pools),
        cmocka_unit_test(test_pools_that_overlap),
        cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_pool_of_long_rows),
        cmocka_unit_test(test_sums_and_means),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
