/* OpenBLAS's number of threads is the host's: products change it for as long as
 * they run only. */
#include "support.h"

#include "kernel/gemm.h"

#include <pthread.h>

#if TEST_HAS_CBLAS
#include <cblas.h>
#else
static int openblas_get_num_threads(void) { return 0; }
static void openblas_set_num_threads(int threads) { (void)threads; }
#endif

enum { SIDE = 24, TIMES = 300, THREADS = 4 };

static double a[SIDE * SIDE];

/* NULL if each product is that of integers: exact. */
static void *multiply(void *argument)
{
    const fv_context *context = argument;
    double c[SIDE * SIDE];
    const fv__gemm product = { .m = SIDE,
                               .n = SIDE,
                               .k = SIDE,
                               .a = a,
                               .a_row = SIDE,
                               .b = a,
                               .b_row = SIDE,
                               .c = c,
                               .c_row = SIDE };
    for (int copy_if_aliased = 0; copy_if_aliased < TIMES; copy_if_aliased++) {
        memset(c, 0xff, sizeof c);
        if (!fv__gemm_blas(context->kernels, &product)) return "refused";
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++) {
                double sum = 0;
                for (int k = 0; k < SIDE; k++)
                    sum += a[i * SIDE + k] * a[k * SIDE + j];
                if (!(c[i * SIDE + j] == sum)) return "wrong";
            }
    }
    return NULL;
}

static void test_setting_of_the_host_stays(void **state)
{
    (void)state;
    needs(CBLAS);
    static const int settings[] = { 2, 1, 3 };
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .dtype = FV_F64));
    for (int i = 0; i < SIDE * SIDE; i++) a[i] = i % 7 - 3;
    for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
        pthread_t threads[THREADS];
        openblas_set_num_threads(settings[s]);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(
                pthread_create(&threads[i], NULL, multiply, context), 0);
        for (int i = 0; i < THREADS; i++) {
            void *wrong;
            pthread_join(threads[i], &wrong);
            if (wrong) fail_msg("%s", (const char *)wrong);
        }
        assert_int_equal(openblas_get_num_threads(), settings[s]);
    }
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_setting_of_the_host_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
