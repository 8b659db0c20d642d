/* Whole arrays shared over the pool: the same bits for any number of
 * threads, equal to the kernel on the caller alone. */
#include "kernel/tables.h"

enum { MOST = 70000 };

/* A context of the inside, without the modules above. */
static void begin(fv_context *context, fv_dtype dtype, int32_t threads)
{
    memset(context, 0, sizeof *context);
    assert_int_equal(fv__context_begin(context, FV_OPTIONS(fv_context_options,
                                                           .dtype = dtype,
                                                           .threads = threads)),
                     FV_OK);
    context->kernels = fv__kernels_find(context, NULL, dtype);
    assert_non_null(context->kernels);
}

struct arrays {
    double x[MOST], dy[MOST], y[MOST], dx[MOST], sum[MOST];
};

static struct arrays *fill(fv_dtype dtype)
{
    struct arrays *a = calloc(1, sizeof *a);
    assert_non_null(a);
    put_random(dtype, a->x, MOST, 1, -2, 3);
    put_random(dtype, a->dy, MOST, 2, -2, 3);
    put_random(dtype, a->dx, MOST, 3, -2, 3);
    put_random(dtype, a->sum, MOST, 4, -2, 3);
    return a;
}

static struct arrays *alone(fv_dtype dtype, size_t n)
{
    const fv__kernels *k = fv__kernels_find(NULL, NULL, dtype);
    struct arrays *a = fill(dtype);
    k->unary(FV__TANH, n, a->x, a->y, 0, 0);
    k->unary_grad(FV__TANH, n, NULL, a->y, a->dy, a->dx, 0, 0, FV__ACCUMULATE);
    k->axpy(n, -0.7, a->x, a->sum);
    return a;
}

static struct arrays *shared(fv_dtype dtype, size_t n, int32_t threads)
{
    fv_context context;
    struct arrays *a = fill(dtype);
    begin(&context, dtype, threads);
    fv__unary_all(&context, FV__TANH, n, a->x, a->y, 0, 0);
    fv__unary_grad_all(&context, FV__TANH, n, NULL, a->y, a->dy, a->dx, 0, 0,
                       FV__ACCUMULATE);
    fv__axpy_all(&context, n, -0.7, a->x, a->sum);
    fv__context_end(&context);
    return a;
}

static void check_finite(fv_dtype dtype, size_t n, int32_t threads)
{
    fv_context context;
    struct arrays *a = fill(dtype);
    begin(&context, dtype, threads);
    assert_true(fv__finite_all(&context, n, a->x));
    for (size_t i = 0; i < n; i += 1 + n / 7) {
        const double before = number(dtype, a->x, i);
        put(dtype, a->x, i, i % 2 ? NO_NUMBER : -INFINITE);
        assert_false(fv__finite_all(&context, n, a->x));
        assert_true(fv__finite_all(&context, i, a->x));
        put(dtype, a->x, i, before);
    }
    fv__context_end(&context);
    free(a);
}

static void test_any_threads(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 70000 };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < 6; i++) {
            struct arrays *one = alone(dtype, sizes[i]);
            for (int32_t threads = 1; threads <= 4; threads++) {
                struct arrays *many = shared(dtype, sizes[i], threads);
                check_finite(dtype, sizes[i], threads);
                assert_memory_equal(many->y, one->y, sizeof one->y);
                assert_memory_equal(many->dx, one->dx, sizeof one->dx);
                assert_memory_equal(many->sum, one->sum, sizeof one->sum);
                free(many);
            }
            free(one);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_any_threads) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
