/* The rate of multiply-adds: the kernel computes what it says, and the rates
 * make sense. */
#include "kernel/tables.h"

static void run(const fv__kernels *kernels, void *c)
{
    kernels->peak(37, 0.3, -1.7, c);
}

static void test_same_bits(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        data *expected = make_data(dtype, ROOM, -1, 1);
        size_t least = ROOM;
        run(table_of("ref", dtype), expected->out[0]);
        for (size_t i = 0; i < TABLES; i++) {
            const fv__kernels *kernels = table_of(tables[i], dtype);
            if (!kernels) continue;
            data *d = make_data(dtype, ROOM, -1, 1);
            size_t n = (size_t)kernels->mr * (size_t)kernels->nr;
            run(kernels, d->out[0]);
            if (n < least) least = n;
            assert_same_bits(tables[i], dtype, least, d->out[0],
                             expected->out[0]);
            assert_untouched(d, 0, n);
            free(d);
        }
        for (size_t i = 0; i < least; i++) {
            data *d = expected;
            uint64_t seed = 1000;
            double sum = 0;
            for (size_t j = 0; j <= i; j++) sum = next_number(&seed, -1, 1);
            assert_near(number(dtype, d->out[0], i), sum - 37 * 0.3 * 1.7,
                        40 * epsilon_of(dtype));
        }
        free(expected);
    }
}

static void test_rates(void **state)
{
    (void)state;
    fv_context *ctx =
        fv_context_new(FV_OPTIONS(fv_context_options, .threads = 2));
    fv_machine machine = fv_machine_rates(ctx);
    assert_ok(ctx);
    assert_true(machine.thread_flops > 0);
    assert_true(machine.flops >= machine.thread_flops);
    assert_true(machine.bytes > 0);
    assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
    fv_context_free(ctx);

    ctx = fv_context_new(FV_OPTIONS(fv_context_options, .max_bytes = 1 << 20));
    assert_true(fv_machine_rates(ctx).bytes == 0);
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
    assert_true(fv_machine_rates(ctx).flops == 0);
    fv_context_free(ctx);
    assert_true(fv_machine_rates(NULL).flops == 0);
}

/* Threads that only pretend to work, and are very fast. */
static void idle(void *user, size_t items, fv_task *task, void *argument)
{
    (void)user, (void)items, (void)task, (void)argument;
}

/* The rate of one thread is the calling thread's, that of all is measured with
 * all. */
static void test_rate_of_all_threads(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(
        FV_OPTIONS(fv_context_options, .threads = 2, .parallel_for = idle));
    const fv_machine machine = fv_machine_rates(ctx);
    assert_ok(ctx);
    assert_true(machine.flops > 4 * machine.thread_flops);
    fv_context_free(ctx);
}

/* FLOP/s of the shortest of some products of matrices. */
static double rate_of_products(fv_context *ctx)
{
    enum { SIDE = 192, TURNS = 9 };
    const int64_t shape[] = { SIDE, SIDE };
    fv_tensor zeros = fv_tensor_new(ctx, fv_context_dtype(ctx), 2, shape);
    fv_variable *a = fv_variable_new(ctx, &zeros);
    double seconds = 1e9;
    for (int turn = 0; turn < TURNS; turn++) {
        const double begin = fv__seconds();
        fv_matmul(a, a);
        seconds = fmin(seconds, fv__seconds() - begin);
        fv_forget(ctx);
    }
    assert_ok(ctx);
    return 2.0 * SIDE * SIDE * SIDE / seconds;
}

/* Products come near the rate of one thread, which none exceeds by far; asked
 * again where other processes were in the way. */
static void test_rate_of_one_thread(void **state)
{
    (void)state;
    const fv_dtype dtypes[] = { FV_F32, FV_F64 };
    for (int i = 0; i < 2; i++) {
        fv_context *ctx = fv_context_new(
            FV_OPTIONS(fv_context_options, .dtype = dtypes[i], .threads = 1));
        const double found = rate_of_products(ctx);
        double rate = 0;
        for (int turn = 0; turn < 10 && !(found < 10 * rate); turn++)
            rate = fmax(rate, fv_machine_rates(ctx).thread_flops);
        assert_true(found < 10 * rate);
        assert_true(found > rate / 1000);
        fv_context_free(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_rate_of_all_threads),
        cmocka_unit_test(test_rate_of_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
