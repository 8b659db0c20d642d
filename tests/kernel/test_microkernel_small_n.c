/* The microkernel for small n: the bits of the other microkernel, for every
 * number of columns and of terms. */
#include "kernel/tables.h"

enum { STEPS = 40, GAP = 3, SEGMENTS = 2 };

struct example {
    size_t m, n, k;
    fv__accumulation accumulation;
    bool epilogue;
};

/* A is in in[0], B in in[1], bias and residual in in[2] and in[3]. The result
 * for small n is in out[0], that of the other microkernel in out[1]. */
static fv__tile product_of(data *d, const struct example *e,
                           const fv__epilogue *f, size_t output)
{
    static const ptrdiff_t segments[SEGMENTS] = { 1, 60 };

    return (fv__tile){ .a = d->in[0],
                       .b = d->in[1],
                       .c = d->out[output],
                       .a_row = STEPS + GAP,
                       .a_step = 1,
                       .b_step = e->n + GAP,
                       .c_row = e->n + GAP,
                       .segments = SEGMENTS,
                       .k = e->k,
                       .a_segment = segments,
                       .epilogue = e->epilogue ? f : NULL,
                       .accumulation = e->accumulation };
}

static void run_small_n(const fv__kernels *kernels, data *d,
                        const struct example *e, const fv__epilogue *f)
{
    fv__tile t = product_of(d, e, f, 0);

    t.c_column = 1;
    t.next = (const char *)t.a + 1000;
    kernels->microkernel_small_n(e->m, e->n, &t);
}

static void run_tiles(const fv__kernels *kernels, data *d,
                      const struct example *e, fv__epilogue *f)
{
    const size_t size = d->dtype == FV_F64 ? 8 : 4;
    fv__tile t = product_of(d, e, f, 1);

    for (size_t i = 0; i < e->m; i++) {
        kernels->microkernel(1, e->n, &t);
        t.a = (const char *)t.a + t.a_row * size;
        t.c = (char *)t.c + t.c_row * size;
        f->residual = (const char *)f->residual + f->residual_row * size;
    }
}

static void multiply(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    fv__epilogue f = { .bias = d->in[2],
                       .residual = d->in[3],
                       .residual_row = e->n + 1,
                       .low = -0.5,
                       .high = 0.5,
                       .clamp = e->k % 2 };

    memcpy(d->out[1], d->out[0], sizeof d->out[0]);
    run_small_n(kernels, d, e, &f);
    run_tiles(kernels, d, e, &f);
    assert_same_bits(kernels->isa, d->dtype, ROOM, d->out[0], d->out[1]);
}

static void check(fv_dtype dtype, const struct example *e)
{
    data *d = make_data(dtype, 0, -1, 1);

    run_tables(d, multiply, e);
    assert_untouched(d, 0, (e->m - 1) * (e->n + GAP) + e->n);
    free(d);
}

static void test_shapes(void **state)
{
    static const size_t rows[] = { 16, 32, 80 };
    (void)state;

    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        const size_t most = (size_t)table_of("ref", dtype)->small_n;

        for (size_t n = 1; n <= most; n++)
            for (size_t k = 0; k <= STEPS; k++) {
                const struct example e = { rows[(n + k) % 3], n, k,
                                           (fv__accumulation)(k % 3),
                                           k % 4 < 2 };
                check(dtype, &e);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_shapes) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
