/* The matrix product against a plain loop: every form, and sizes that are
 * divided in every way. */
#include "conv/convolution.h"
#include "kernel/gemm.h"

/* C = op(A) op(B) + bias, whose rows are longer than the matrices are wide. */
typedef struct product {
    size_t m, n, k;
    bool a_transposed, b_transposed, accumulate;
    array a, b, c, before, bias; /* bias.at NULL: none */
    size_t a_row, b_row, c_row;
} product;

static product product_new(fv_dtype dtype, size_t m, size_t n, size_t k,
                           unsigned form, bool integers)
{
    uint64_t seed = m * 1000003 + n * 1009 + k * 8 + form;
    product p = { .m = m,
                  .n = n,
                  .k = k,
                  .a_transposed = form & 1,
                  .b_transposed = form & 2,
                  .accumulate = form & 4 };

    p.a_row = (p.a_transposed ? m : k) + 3;
    p.b_row = (p.b_transposed ? k : n) + 1;
    p.c_row = n + 2;
    /* nothing behind the last row is allocated: none of it may be read */
    p.a = array_new(
        dtype,
        ((p.a_transposed ? k : m) ? (p.a_transposed ? k : m) - 1 : 0) * p.a_row
            + p.a_row - 3,
        0);
    p.b = array_new(
        dtype,
        ((p.b_transposed ? n : k) ? (p.b_transposed ? n : k) - 1 : 0) * p.b_row
            + p.b_row - 1,
        0);
    p.c = array_new(dtype, m ? (m - 1) * p.c_row + n : 0, 0);
    array_draw(p.a, &seed, integers);
    array_draw(p.b, &seed, integers);
    array_draw(p.c, &seed, integers);
    if (form & 16) {
        p.bias = array_new(dtype, n, 0);
        array_draw(p.bias, &seed, integers);
    }
    p.before = array_copy(p.c);
    return p;
}

static void product_free(product *p)
{
    free(p->a.at);
    free(p->b.at);
    free(p->c.at);
    free(p->before.at);
    free(p->bias.at);
}

static fv__gemm gemm_of(const product *p)
{
    return (fv__gemm){ .m = p->m,
                       .n = p->n,
                       .k = p->k,
                       .a = p->a.at,
                       .b = p->b.at,
                       .c = p->c.at,
                       .a_row = p->a_row,
                       .b_row = p->b_row,
                       .c_row = p->c_row,
                       .a_transposed = p->a_transposed,
                       .b_transposed = p->b_transposed,
                       .accumulate = p->accumulate,
                       .bias = p->bias.at };
}

static double a_at(const product *p, size_t i, size_t l)
{
    return array_get(p->a,
                     p->a_transposed ? l * p->a_row + i : i * p->a_row + l);
}

static double b_at(const product *p, size_t l, size_t j)
{
    return array_get(p->b,
                     p->b_transposed ? j * p->b_row + l : l * p->b_row + j);
}

/* Each output is within gamma_{k+2} of the exact one, and the gaps between rows
 * are unchanged. */
static void check(const product *p, bool exact)
{
    double unit = p->a.dtype == FV_F64 ? 0x1p-53 : 0x1p-24;
    double steps = (double)(p->k + 2) * unit;

    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->c_row && i * p->c_row + j < p->c.n; j++) {
            size_t at = i * p->c_row + j;
            bool keep = j >= p->n || p->accumulate;
            long double sum = keep ? (long double)array_get(p->before, at) : 0;
            long double size = fabsl(sum);

            if (j < p->n && p->bias.at) {
                sum += (long double)array_get(p->bias, j);
                size += fabsl((long double)array_get(p->bias, j));
            }

            for (size_t l = 0; j < p->n && l < p->k; l++) {
                long double term =
                    (long double)a_at(p, i, l) * (long double)b_at(p, l, j);

                sum += term;
                size += fabsl(term);
            }
            long double error = fabsl(sum - (long double)array_get(p->c, at));
            long double bound = exact || j >= p->n
                                    ? 0
                                    : (long double)(steps / (1 - steps)) * size;
            if (!(error <= bound))
                fail_msg("%zux%zux%zu form %d%d%d [%zu][%zu]: %g is off by %Lg",
                         p->m, p->n, p->k, p->a_transposed, p->b_transposed,
                         p->accumulate, i, j, array_get(p->c, at), error);
        }
}

static void run_product(fv_context *context, const product *p, bool all)
{
    const fv__kernels *kernels = context->kernels;
    const fv__gemm g = gemm_of(p);
    size_t bytes = fv__gemm_scratch(kernels, p->m, p->n, p->k);

    if (all) bytes *= (size_t)fv_context_threads(context);
    void *scratch = fv__allocate(context, FV__RUN, bytes);
    assert_ok(context);
    memset(scratch, 0xff, bytes);
    if (all)
        fv__gemm_all(context, &g, scratch);
    else
        fv__gemm_one(kernels, &g, scratch);
    fv__release(context, scratch);
}

static void each_form(fv_context *context, size_t m, size_t n, size_t k)
{
    for (unsigned form = 0; form < 32; form++) {
        bool exact = form & 8;
        product p =
            product_new(fv_context_dtype(context), m, n, k, form & 23, exact);

        run_product(context, &p, false);
        check(&p, exact);
        product_free(&p);
    }
}

static void small_sizes(void **state)
{
    (void)state;
    for (int t = 0; t < TABLES; t++)
        for (int d = 0; d < 2; d++) {
            fv_context *context = context_of(tables[t], dtypes[d], 1);

            if (!context) continue;
            size_t mr = (size_t)context->kernels->mr;
            size_t nr = (size_t)context->kernels->nr;
            size_t small_n = (size_t)context->kernels->small_n;
            size_t rows[] = { 1,  small_n, small_n + 1, mr - 1,
                              mr, mr + 1,  3 * mr - 2 };
            size_t columns[] = { 1, nr - 1, nr, nr + 1, 2 * nr + 3 };
            size_t depths[] = { 0, 1, 17, 33 };

            for (int i = 0; i < 7; i++)
                for (int j = 0; j < 5; j++)
                    for (int l = 0; l < 4; l++)
                        each_form(context, rows[i], columns[j], depths[l]);
            fv_context_free(context);
        }
}

/* No outputs: nothing is written. */
static void empty(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 2);

    (void)state;
    each_form(context, 0, 5, 3);
    each_form(context, 3, 0, 5);
    for (int all = 0; all < 2; all++) {
        product p = product_new(FV_F32, 4, 3, 0, 0, false);

        run_product(context, &p, all);
        check(&p, true); /* an empty sum is zero */
        product_free(&p);
    }
    fv_context_free(context);
}

/* More than one block of rows, of columns, of packed panels and of items. */
static void cuts(void **state)
{
    const size_t sizes[][3] = {
        { 5, 40, 9001 }, { 400, 3, 201 }, { 7, 1100, 129 }, { 213, 530, 11 }
    };

    (void)state;
    for (int t = 0; t < TABLES; t++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            fv_context *context = context_of(tables[t], dtypes[i % 2], 1);

            if (!context) continue;
            for (unsigned form = 0; form < 8; form += t ? 3 : 5) {
                product p =
                    product_new(dtypes[i % 2], sizes[i][0], sizes[i][1],
                                sizes[i][2], form | (i % 3 ? 16 : 0), true);

                run_product(context, &p, false);
                check(&p, true);
                product_free(&p);
            }
            fv_context_free(context);
        }
}

/* The same bits for every table and any number of threads. */
static void same_bits(void **state)
{
    const int32_t threads[] = { 1, 2, 3, 5 };
    const size_t sizes[][3] = { { 389, 530, 31 },
                                { 50, 700, 300 },
                                { 20, 333, 600 },
                                { 1, 270, 70 },
                                { 2, 533, 300 } };
    const unsigned forms[] = { 1, 6, 18, 22, 18 };

    (void)state;
    if (FOREIGN) skip();
    for (int i = 0; i < 5; i++)
        for (int d = 0; d < 2; d++) {
            fv_context *first = context_of("ref", dtypes[d], 1);
            product p = product_new(dtypes[d], sizes[i][0], sizes[i][1],
                                    sizes[i][2], forms[i], false);

            run_product(first, &p, false);
            for (int t = 0; t < TABLES; t++)
                for (int n = 0; n < 4; n++) {
                    fv_context *context =
                        context_of(tables[t], dtypes[d], threads[n]);
                    product q = p;

                    if (!context) continue;
                    q.c = array_copy(p.before);
                    run_product(context, &q, true);
                    assert_memory_equal(p.c.at, q.c.at, array_bytes(p.c));
                    free(q.c.at);
                    fv_context_free(context);
                }
            product_free(&p);
            fv_context_free(first);
        }
}

static void scratch_overflow(void **state)
{
    fv_context *context = context_of("ref", FV_F64, 1);

    (void)state;
    assert_true(fv__gemm_scratch(context->kernels, 1, 1, SIZE_MAX / 8)
                == SIZE_MAX);
    assert_true(fv__gemm_scratch(context->kernels, 1, 1, 1) % 64 == 0);
    fv_context_free(context);
}

/* The scratch memory of a product is enough for all smaller products. */
static void scratch_of_smaller_ones(void **state)
{
    enum { M = 113, N = 1100, K = 252, GUARD = 1 << 14 };

    (void)state;
    for (int d = 0; d < 2; d++) {
        fv_context *context = context_of(NULL, dtypes[d], 1);
        const size_t bytes = fv__gemm_scratch(context->kernels, M, N, K);
        uint8_t *scratch = aligned_alloc(64, bytes + GUARD);

        assert_non_null(scratch);
        memset(scratch + bytes, 0xa5, GUARD);
        for (size_t k = 100; k <= K; k += 8) {
            product p = product_new(dtypes[d], M, N, k, 0, true);
            const fv__gemm gemm = gemm_of(&p);

            fv__gemm_one(context->kernels, &gemm, scratch);
            for (size_t i = 0; i < GUARD; i++)
                assert_int_equal(scratch[bytes + i], 0xa5);
            product_free(&p);
        }
        free(scratch);
        fv_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_sizes),
        cmocka_unit_test(empty),
        cmocka_unit_test(cuts),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(scratch_overflow),
        cmocka_unit_test(scratch_of_smaller_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
