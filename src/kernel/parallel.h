/* Kernels over long arrays, cut by problem size and shared over the pool. */
#ifndef FV_KERNEL_PARALLEL_H
#define FV_KERNEL_PARALLEL_H

#include "kernel/kernel.h"

void fv__unary_all(fv_context *context, fv__unary f, size_t n, const void *x,
                   void *y, double p, double q);
void fv__unary_grad_all(fv_context *context, fv__unary f, size_t n,
                        const void *x, const void *y, const void *dy, void *dx,
                        double p, double q, fv__accumulation accumulation);
void fv__axpy_all(fv_context *context, size_t n, double a, const void *x,
                  void *y);
/* Whether all are finite. */
bool fv__finite_all(fv_context *context, size_t n, const void *x);
/* Sum of n sums, which are overwritten: neighbours pair up, then the pairs, and
 * so on. On the calling thread. */
double fv__sum_pairs(size_t n, double *sums);

#endif
