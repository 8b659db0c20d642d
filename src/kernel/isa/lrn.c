/* Local response normalisation across the columns, and its gradient. */
#include "kernel/isa/elementary.h"

/* Rows of numbers that a row of c columns needs. */
typedef struct buffers {
    real *padded;  /* c numbers with zeros around them */
    real *sums;    /* sums over windows */
    real *factors; /* d^-power */
} buffers;

static buffers buffers_of(const fv__lrn *lrn, size_t c, void *buffer)
{
    const size_t row = fv__lrn_buffer(lrn, c) / 3;
    real *at = buffer;
    return (buffers){ at, at + row, at + 2 * row };
}

/* Zeroes what lies around c numbers, `before` of them in front. */
static void clear_padding(size_t c, size_t before, size_t row, real *padded)
{
    for (size_t j = 0; j < before; j++) padded[j] = 0;
    for (size_t j = before + c; j < row; j++) padded[j] = 0;
}

/* sums[j] = padded[j] + ... + padded[j + width - 1], in whole vectors. */
static void window_sums(size_t c, size_t width, const real *padded, real *sums)
{
    for (size_t j = 0; j < c; j += VEC) {
        vec s = vec_load(padded + j);
        for (size_t t = 1; t < width; t++) s = s + vec_load(padded + j + t);
        vec_store(sums + j, s);
    }
}

/* factors[j] = d^-power, and sums[j] = d */
static void row_factors(size_t c, const fv__lrn *lrn, const real *x,
                        const buffers *b)
{
    const size_t width = lrn->before + 1 + lrn->after;
    const real scale = (real)lrn->scale, k = (real)lrn->k;
    const real power = (real)-lrn->power;
    real *squares = b->padded + lrn->before, *sums = b->sums;
    real *factors = b->factors;
    INDEPENDENT
    for (size_t j = 0; j < c; j++) squares[j] = x[j] * x[j];
    window_sums(c, width, b->padded, sums);
    INDEPENDENT
    for (size_t j = 0; j < c; j++) {
        const real d = FMA(scale, sums[j], k);
        sums[j] = d;
        factors[j] = real_exp(power * real_log(d));
    }
}

void FV_KERNEL(lrn)(size_t m, size_t c, const fv__lrn *lrn, const void *x_,
                    void *y_, void *buffer)
{
    const buffers b = buffers_of(lrn, c, buffer);
    const real *x = x_, *factors = b.factors;
    real *y = y_;
    clear_padding(c, lrn->before, (size_t)(b.sums - b.padded), b.padded);
    for (size_t i = 0; i < m; i++, x += c, y += c) {
        row_factors(c, lrn, x, &b);
        INDEPENDENT
        for (size_t j = 0; j < c; j++) y[j] = x[j] * factors[j];
    }
}

/* dx_j (+)= dy_j f_j - 2 scale power x_j (sum of dy_i x_i f_i / d_i over the i
 * whose windows contain j) */
INLINE void row_grad(size_t c, const fv__lrn *lrn, const buffers *b,
                     const real *dy, const real *x, real *dx, const bool added)
{
    const real slope = (real)(-2 * lrn->scale * lrn->power);
    const real *factors = b->factors;
    real *terms = b->padded + lrn->after, *sums = b->sums;
    INDEPENDENT
    for (size_t j = 0; j < c; j++)
        terms[j] = dy[j] * x[j] * factors[j] / sums[j];
    window_sums(c, lrn->before + 1 + lrn->after, b->padded, sums);
    INDEPENDENT
    for (size_t j = 0; j < c; j++) {
        const real v = FMA(slope * x[j], sums[j], dy[j] * factors[j]);
        dx[j] = added ? dx[j] + v : v;
    }
}

void FV_KERNEL(lrn_grad)(size_t m, size_t c, const fv__lrn *lrn,
                         const void *dy_, const void *x_, void *dx_,
                         fv__accumulation accumulation, void *buffer)
{
    const buffers b = buffers_of(lrn, c, buffer);
    const size_t row = (size_t)(b.sums - b.padded);
    const real *dy = dy_, *x = x_;
    real *dx = dx_;
    for (size_t i = 0; i < m; i++, dy += c, x += c, dx += c) {
        clear_padding(c, lrn->before, row, b.padded);
        row_factors(c, lrn, x, &b);
        clear_padding(c, lrn->after, row, b.padded);
        if (accumulation == FV__STORE)
            row_grad(c, lrn, &b, dy, x, dx, false);
        else
            row_grad(c, lrn, &b, dy, x, dx, true);
    }
}
