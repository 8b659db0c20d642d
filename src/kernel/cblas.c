/* Matrix products by a CBLAS (OpenBLAS), where the library is built with one.
 */
#include "kernel/gemm.h"

#ifdef FOVEA_WITH_CBLAS

#include <cblas.h>
#include <limits.h>
#include <pthread.h>

/* OpenBLAS is called on our own threads, so it must not start others. Its
 * number of threads is one setting for the process and belongs to the host: the
 * first of our threads to enter sets it to one before any of them calls
 * OpenBLAS, the last to leave restores it. Products of the host that overlap
 * with ours run on one thread. */
static pthread_mutex_t setting = PTHREAD_MUTEX_INITIALIZER;
static size_t inside; /* number of our threads that may call OpenBLAS */
static int host_threads;

static void enter(void)
{
    pthread_mutex_lock(&setting);
    if (inside++ == 0) {
        host_threads = openblas_get_num_threads();
        if (host_threads != 1) openblas_set_num_threads(1);
    }
    pthread_mutex_unlock(&setting);
}

static void leave(void)
{
    pthread_mutex_lock(&setting);
    if (--inside == 0 && host_threads != 1)
        openblas_set_num_threads(host_threads);
    pthread_mutex_unlock(&setting);
}

static bool fits(const fv__gemm *p)
{
    const size_t most = INT_MAX;

    return p->b && !p->bias && p->m <= most && p->n <= most && p->k <= most
           && p->a_row <= most && p->b_row <= most && p->c_row <= most
           && p->k > 0;
}

bool fv__gemm_is_foreign(void) { return true; }

bool fv__gemm_blas(const fv__kernels *kernels, const fv__gemm *p)
{
    if (!fits(p)) return false;
    enum CBLAS_TRANSPOSE a = p->a_transposed ? CblasTrans : CblasNoTrans;
    enum CBLAS_TRANSPOSE b = p->b_transposed ? CblasTrans : CblasNoTrans;
    blasint m = (blasint)p->m, n = (blasint)p->n, k = (blasint)p->k;
    blasint a_row = (blasint)p->a_row, b_row = (blasint)p->b_row;
    blasint c_row = (blasint)p->c_row;

    enter();
    if (kernels->dtype == FV_F64)
        cblas_dgemm(CblasRowMajor, a, b, m, n, k, 1, p->a, a_row, p->b, b_row,
                    p->accumulate, p->c, c_row);
    else
        cblas_sgemm(CblasRowMajor, a, b, m, n, k, 1, p->a, a_row, p->b, b_row,
                    p->accumulate, p->c, c_row);
    leave();
    return true;
}

#else

bool fv__gemm_is_foreign(void) { return false; }

bool fv__gemm_blas(const fv__kernels *kernels, const fv__gemm *product)
{
    (void)kernels;
    (void)product;
    return false;
}

#endif
