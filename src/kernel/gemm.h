/* Matrix products inside: packed right-hand sides that several products
 * share. */
#ifndef FV_KERNEL_GEMM_H
#define FV_KERNEL_GEMM_H

#include "kernel/kernel.h"

/* Bytes of one element. */
static inline size_t fv__element(const fv__kernels *kernels)
{
    return kernels->dtype == FV_F64 ? sizeof(double) : sizeof(float);
}

/* Element `i` of an array of elements of `size` bytes. `i` may be a negative
 * number converted to size_t: the offset in bytes is converted back. */
static inline const void *fv__at(const void *array, size_t i, size_t size)
{
    return (const char *)array + (ptrdiff_t)(i * size);
}
static inline void *fv__slot(void *array, size_t i, size_t size)
{
    return (char *)array + (ptrdiff_t)(i * size);
}

/* Length of piece i where `whole` is cut in `pieces` as even as can be, the
 * longer ones first. */
static inline size_t fv__even(size_t whole, size_t pieces, size_t i)
{
    return whole / pieces + (i < whole % pieces);
}

/* Where it begins. */
static inline size_t fv__even_at(size_t whole, size_t pieces, size_t i)
{
    const size_t longer = whole % pieces;

    return whole / pieces * i + (i < longer ? i : longer);
}

/* Panels of nr columns that n columns make. */
static inline size_t fv__panels(const fv__kernels *kernels, size_t n)
{
    size_t nr = (size_t)kernels->nr;
    return n / nr + (n % nr != 0);
}

/* Bytes of a [k x n] packed whole; SIZE_MAX if they do not fit. */
size_t fv__gemm_packed(const fv__kernels *kernels, size_t n, size_t k);

/* The product with all of b packed: panels of [k][nr], missing columns
 * zero. Its k terms are those of the chain. */
void fv__gemm_run(const fv__kernels *kernels, const fv__gemm *product,
                  fv__chain chain, const void *packed);

/* The product through a foreign library; false, and nothing done, if this
 * build has none, it cannot take the sizes, or b is packed only. */
bool fv__gemm_blas(const fv__kernels *kernels, const fv__gemm *product);

#endif
