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

/* Elements that the last-level cache keeps from one call to the next. */
int64_t fv__cached_elements(const fv_context *context);
/* Whether results should be stored past the caches: so many elements read and
 * written exceed what the last-level cache keeps, and those written are much of
 * that. Nontemporal stores evict nothing and do not read the lines first. */
bool fv__is_nontemporal(const fv_context *context, int64_t read,
                        int64_t written);

#endif
