/* Softmax of rows, its logarithm, and their gradients. */
#include "kernel/isa/elementary.h"
#include "kernel/isa/lanes.h"

static void row(size_t n, const real *x, real *y)
{
    const real shift = lanes_max(n, x);
    INDEPENDENT
    for (size_t j = 0; j < n; j++) y[j] = real_exp(x[j] - shift);
    const real sum = (real)row_sum(n, y);
    INDEPENDENT
    for (size_t j = 0; j < n; j++) y[j] /= sum;
}

void FV_KERNEL(softmax)(size_t m, size_t n, const void *x_, void *y_)
{
    const real *x = x_;
    real *y = y_;
    for (size_t i = 0; i < m; i++) row(n, x + i * n, y + i * n);
}

static void row_grad(size_t n, const real *y, const real *dy, real *dx)
{
    const real mean = (real)row_dot(n, dy, y);
    INDEPENDENT
    for (size_t j = 0; j < n; j++) dx[j] = FMA(y[j], dy[j] - mean, dx[j]);
}

void FV_KERNEL(softmax_grad)(size_t m, size_t n, const void *y_,
                             const void *dy_, void *dx_)
{
    const real *y = y_, *dy = dy_;
    real *dx = dx_;
    for (size_t i = 0; i < m; i++)
        row_grad(n, y + i * n, dy + i * n, dx + i * n);
}

static void log_row(size_t n, const real *x, real *y)
{
    const real shift = lanes_max(n, x);
    INDEPENDENT
    for (size_t j = 0; j < n; j++) y[j] = real_exp(x[j] - shift);
    const real log = (real)log_of_sum(row_sum(n, y));
    INDEPENDENT
    for (size_t j = 0; j < n; j++) y[j] = x[j] - shift - log;
}

void FV_KERNEL(log_softmax)(size_t m, size_t n, const void *x_, void *y_)
{
    const real *x = x_;
    real *y = y_;
    for (size_t i = 0; i < m; i++) log_row(n, x + i * n, y + i * n);
}

static void log_row_grad(size_t n, const real *y, const real *dy, real *dx)
{
    const real sum = (real)row_sum(n, dy);
    INDEPENDENT
    for (size_t j = 0; j < n; j++) dx[j] += FMA(-real_exp(y[j]), sum, dy[j]);
}

void FV_KERNEL(log_softmax_grad)(size_t m, size_t n, const void *y_,
                                 const void *dy_, void *dx_)
{
    const real *y = y_, *dy = dy_;
    real *dx = dx_;
    for (size_t i = 0; i < m; i++)
        log_row_grad(n, y + i * n, dy + i * n, dx + i * n);
}
