/* Elementwise kernels over whole arrays, split into chunks of 16,384 numbers
 * and run on the thread pool. */
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
/* Whether all n numbers are finite. */
bool fv__finite_all(fv_context *context, size_t n, const void *x);
/* The sum of n partial sums, by pairwise summation: sums[i] += sums[i + 1] for
 * even i, and so on with doubled steps. Overwrites `sums`. Runs on the calling
 * thread. */
double fv__sum_pairs(size_t n, double *sums);

#endif
