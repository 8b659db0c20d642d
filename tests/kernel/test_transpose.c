/* Rows to columns, of every size about a vector's, on every table: the numbers,
 * the zeros where rows lack, and nothing besides. */
#include "conv/convolution.h"

enum { SIZES = 35, GAP = 3 };

static void check(const fv__kernels *kernels, size_t m, size_t n, size_t width)
{
    const size_t x_row = n + GAP, y_row = width + GAP;
    const array x = array_new(kernels->dtype, m ? m * x_row - GAP : 0, 0);
    const array y = array_new(kernels->dtype, n * y_row, -1);

    for (size_t i = 0; i < x.n; i++) array_set(x, i, (double)(i + 1));
    kernels->transpose(m, n, x.at, x_row, y.at, y_row, width);
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < y_row; i++) {
            const double want = i < m       ? (double)(i * x_row + j + 1)
                                : i < width ? 0
                                            : -1;

            if (!(array_get(y, j * y_row + i) == want))
                fail_msg("%s: %zu rows of %zu, width %zu: [%zu][%zu] is %g, "
                         "expected %g",
                         kernels->isa, m, n, width, j, i,
                         array_get(y, j * y_row + i), want);
        }
    free(y.at);
    free(x.at);
}

static void every_size(void **state)
{
    (void)state;
    for (int t = 0; t < TABLES; t++)
        for (int d = 0; d < 2; d++) {
            fv_context *context = context_of(tables[t], dtypes[d], 1);

            if (!context) continue;
            for (size_t m = 0; m < SIZES; m++)
                for (size_t n = 0; n < SIZES; n++)
                    for (size_t more = 0; more < 3; more++)
                        if (m + more) check(context->kernels, m, n, m + more);
            fv_context_free(context);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
