/* The one door to a foreign matrix product. */
#include "kernel/gemm.h"

#ifdef FOVEA_WITH_CBLAS

#include <cblas.h>
#include <limits.h>
#include <stdatomic.h>

/* Our own threads call it, so it must not start others. */
static void one_thread(void)
{
    static atomic_flag done = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&done)) openblas_set_num_threads(1);
}

static bool fits(const fv__gemm *p)
{
    const size_t most = INT_MAX;

    return p->b && !p->bias && p->m <= most && p->n <= most && p->k <= most
           && p->a_row <= most && p->b_row <= most && p->c_row <= most
           && p->k > 0;
}

bool fv__gemm_blas(const fv__kernels *kernels, const fv__gemm *p)
{
    if (!fits(p)) return false;
    enum CBLAS_TRANSPOSE a = p->a_transposed ? CblasTrans : CblasNoTrans;
    enum CBLAS_TRANSPOSE b = p->b_transposed ? CblasTrans : CblasNoTrans;
    blasint m = (blasint)p->m, n = (blasint)p->n, k = (blasint)p->k;
    blasint a_row = (blasint)p->a_row, b_row = (blasint)p->b_row;
    blasint c_row = (blasint)p->c_row;

    one_thread();
    if (kernels->dtype == FV_F64)
        cblas_dgemm(CblasRowMajor, a, b, m, n, k, 1, p->a, a_row, p->b, b_row,
                    p->accumulate, p->c, c_row);
    else
        cblas_sgemm(CblasRowMajor, a, b, m, n, k, 1, p->a, a_row, p->b, b_row,
                    p->accumulate, p->c, c_row);
    return true;
}

#else

bool fv__gemm_blas(const fv__kernels *kernels, const fv__gemm *product)
{
    (void)kernels;
    (void)product;
    return false;
}

#endif
