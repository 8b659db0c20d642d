/* Cross entropy of the softmax of logits against labels or rows of weights.
 * Finite logits up to 1e38 give finite losses. */
#include "kernel/isa/elementary.h"
#include "kernel/isa/lanes.h"

/* The exponentials of a row are summed through a buffer of CHUNK numbers. */
enum { CHUNK = 256 };

INLINE void add_exp(double *lane, size_t n, const real *x, real shift)
{
    real terms[CHUNK];
    for (size_t at = 0; at < n; at += CHUNK) {
        const size_t count = n - at < CHUNK ? n - at : (size_t)CHUNK;
        for (size_t j = 0; j < count; j++)
            terms[j] = real_exp(x[at + j] - shift);
        lanes_sum(lane, count, terms);
    }
}

/* sum_j exp(x_j - shift) */
static double sum_of_exp(size_t n, const real *x, real shift)
{
    EACH_BLOCK(n, total, add_exp(lane, count, x + at, shift))
    return total;
}

INLINE void add_products(double *lane, size_t n, const real *x, double shift,
                         const real *t)
{
    LANES_LOOP(lane[l] =
                   __builtin_fma((double)t[at], (double)x[at] - shift, lane[l]))
}

/* sum_j t_j (x_j - shift) */
static double weigh(size_t n, const real *x, double shift, const real *t)
{
    EACH_BLOCK(n, total, add_products(lane, count, x + at, shift, t + at))
    return total;
}

/* Whether the label is a class; another one makes the loss NaN and has no
 * gradient. */
static bool is_class(int64_t label, size_t n)
{
    return label >= 0 && (uint64_t)label < n;
}

void FV_KERNEL(cross_entropy)(size_t m, size_t n, const void *x_,
                              const int64_t *labels, const void *t_,
                              void *loss_)
{
    const real *t = t_;
    real *loss = loss_;
    for (size_t i = 0; i < m; i++) {
        const real *x = (const real *)x_ + i * n;
        const real shift = lanes_max(n, x);
        const double log_sum = log_of_sum(sum_of_exp(n, x, shift));
        double total = 1, inner = 0;
        if (!labels) {
            total = row_sum(n, t + i * n);
            inner = weigh(n, x, (double)shift, t + i * n);
        } else if (is_class(labels[i], n))
            inner = (double)x[labels[i]] - (double)shift;
        else
            inner = (double)REAL_NAN;
        loss[i] = (real)(log_sum * total - inner);
    }
}

static void label_grad(size_t n, const real *x, real shift, real sum,
                       size_t label, real scale, real *dx)
{
    const real before = dx[label];
    INDEPENDENT
    for (size_t j = 0; j < n; j++)
        dx[j] = FMA(scale, real_exp(x[j] - shift) / sum, dx[j]);
    dx[label] = FMA(scale, real_exp(x[label] - shift) / sum - 1, before);
}

static void weights_grad(size_t n, const real *x, real shift, real sum,
                         const real *t, real scale, real *dx)
{
    const real total = (real)row_sum(n, t);
    INDEPENDENT
    for (size_t j = 0; j < n; j++) {
        const real y = real_exp(x[j] - shift) / sum;
        dx[j] = FMA(scale, FMA(y, total, -t[j]), dx[j]);
    }
}

void FV_KERNEL(cross_entropy_grad)(size_t m, size_t n, const void *x_,
                                   const int64_t *labels, const void *t_,
                                   double scale, void *dx_)
{
    const real *t = t_;
    for (size_t i = 0; i < m; i++) {
        const real *x = (const real *)x_ + i * n;
        real *dx = (real *)dx_ + i * n;
        if (labels && !is_class(labels[i], n)) continue;
        const real shift = lanes_max(n, x);
        const real sum = (real)sum_of_exp(n, x, shift);
        if (labels)
            label_grad(n, x, shift, sum, (size_t)labels[i], (real)scale, dx);
        else
            weights_grad(n, x, shift, sum, t + i * n, (real)scale, dx);
    }
}
