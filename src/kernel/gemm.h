/* Matrix products. */
#ifndef FV_KERNEL_GEMM_H
#define FV_KERNEL_GEMM_H

#include "kernel/chain.h"
#include "kernel/kernel.h"

/* C = op(A) op(B) or C += op(A) op(B), C being m x n, row-major, with distances
 * in elements from row to row. A transposed operand is stored as k x m or n x
 * k. Chains of k terms are cut into blocks as chain.h says, which are added to
 * C one after the other. */
typedef struct fv__gemm {
    size_t m, n, k;
    const void *a, *b;
    void *c;
    size_t a_row, b_row, c_row;
    bool a_transposed, b_transposed, accumulate;
    const void *bias; /* n elements, added last; NULL: none */
} fv__gemm;

/* Bytes of scratch memory of one thread for products of at most that size;
 * SIZE_MAX if they cannot be counted. */
size_t fv__gemm_scratch(const fv__kernels *kernels, size_t m, size_t n,
                        size_t k);
/* On the calling thread. */
void fv__gemm_one(const fv__kernels *kernels, const fv__gemm *product,
                  void *scratch);
/* On all threads, with scratch memory for each. */
void fv__gemm_all(fv_context *context, const fv__gemm *product, void *scratch);

/* Bytes of an element. */
static inline size_t fv__element(const fv__kernels *kernels)
{
    return kernels->dtype == FV_F64 ? sizeof(double) : sizeof(float);
}

/* Element `index`, which may be negative, of an array at `base` whose elements
 * have `size` bytes: fv__at to read, fv__slot to write. */
static inline const void *fv__at(const void *base, ptrdiff_t index, size_t size)
{
    return (const char *)base + index * (ptrdiff_t)size;
}
static inline void *fv__slot(void *base, ptrdiff_t index, size_t size)
{
    return (char *)base + index * (ptrdiff_t)size;
}

/* Length of part i if `whole` is divided into `parts` whose lengths differ by
 * one at most, the longer ones first. */
static inline size_t fv__even(size_t whole, size_t parts, size_t i)
{
    return whole / parts + (i < whole % parts);
}

/* Where part i of that division begins. */
static inline size_t fv__even_at(size_t whole, size_t parts, size_t i)
{
    const size_t longer = whole % parts;

    return whole / parts * i + (i < longer ? i : longer);
}

/* Rows of the next tile if `rows` > 0 remaining rows are divided evenly into as
 * few tiles of at most `mr` rows as possible, the higher ones first:
 *     for (i = 0; i < m; i += height) height = fv__tile_height(m - i, mr); */
static inline size_t fv__tile_height(size_t rows, size_t mr)
{
    const size_t tiles = (rows + mr - 1) / mr;

    return (rows + tiles - 1) / tiles;
}

/* Number of panels of nr columns for n columns. */
static inline size_t fv__panels(const fv__kernels *kernels, size_t n)
{
    size_t nr = (size_t)kernels->nr;
    return n / nr + (n % nr != 0);
}

/* Bytes of a k x n matrix packed as panels; SIZE_MAX if they cannot be counted.
 */
size_t fv__gemm_packed(const fv__kernels *kernels, size_t n, size_t k);

/* Packs B for fv__gemm_run. */
void fv__gemm_pack(const fv__kernels *kernels, const fv__gemm *product,
                   void *packed);
/* The product with B packed: panels of [k][nr], zeros for missing columns. The
 * k terms are those of `chain`. */
void fv__gemm_run(const fv__kernels *kernels, const fv__gemm *product,
                  fv__chain chain, const void *packed);

/* Whether products are those of a CBLAS library, where it can compute them. */
bool fv__gemm_is_foreign(void);
/* The product by a CBLAS library. False, and nothing is done, if this build has
 * none, if its integers cannot hold the sizes, or if B is packed only. */
bool fv__gemm_blas(const fv__kernels *kernels, const fv__gemm *product);

#endif
