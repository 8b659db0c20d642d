/* Whole-array kernels cut at fixed places and shared over the pool. */
#include "kernel/parallel.h"

#include <stdatomic.h>

enum { CUT = 16384 };

typedef struct share {
    const fv__kernels *kernels;
    size_t n, element; /* numbers, and bytes of one */
    fv__unary unary;
    const unsigned char *x, *y, *dy;
    unsigned char *out;
    double p, q;
    fv__accumulation accumulation;
    atomic_bool bad;
} share;

static share share_of(const fv_context *context, size_t n)
{
    return (share){ .kernels = context->kernels,
                    .n = n,
                    .element = context->dtype == FV_F64 ? sizeof(double)
                                                        : sizeof(float) };
}

static size_t cuts(size_t n) { return n / CUT + (n % CUT != 0); }

/* Numbers of a piece; *at is its first byte. */
static size_t piece(const share *s, size_t item, size_t *at)
{
    *at = item * CUT * s->element;
    return s->n - item * CUT < CUT ? s->n - item * CUT : CUT;
}

/* NULL stays NULL: a derivative may not need x or y. */
static const void *offset(const unsigned char *base, size_t bytes)
{
    return base ? base + bytes : NULL;
}

static void map_piece(void *argument, size_t item, size_t worker)
{
    const share *s = argument;
    size_t at;
    const size_t n = piece(s, item, &at);
    (void)worker;
    s->kernels->unary(s->unary, n, s->x + at, s->out + at, s->p, s->q);
}

void fv__unary_all(fv_context *context, fv__unary f, size_t n, const void *x,
                   void *y, double p, double q)
{
    share s = share_of(context, n);
    s.unary = f, s.x = x, s.out = y, s.p = p, s.q = q;
    fv__parallel(context, cuts(n), 2 * (double)n, map_piece, &s);
}

static void map_grad_piece(void *argument, size_t item, size_t worker)
{
    const share *s = argument;
    size_t at;
    const size_t n = piece(s, item, &at);
    (void)worker;
    s->kernels->unary_grad(s->unary, n, offset(s->x, at), offset(s->y, at),
                           s->dy + at, s->out + at, s->p, s->q,
                           s->accumulation);
}

void fv__unary_grad_all(fv_context *context, fv__unary f, size_t n,
                        const void *x, const void *y, const void *dy, void *dx,
                        double p, double q, fv__accumulation accumulation)
{
    share s = share_of(context, n);
    s.unary = f, s.x = x, s.y = y, s.dy = dy, s.out = dx, s.p = p, s.q = q;
    s.accumulation = accumulation;
    fv__parallel(context, cuts(n), 2 * (double)n, map_grad_piece, &s);
}

static void axpy_piece(void *argument, size_t item, size_t worker)
{
    const share *s = argument;
    size_t at;
    const size_t n = piece(s, item, &at);
    (void)worker;
    s->kernels->axpy(n, s->p, s->x + at, s->out + at);
}

void fv__axpy_all(fv_context *context, size_t n, double a, const void *x,
                  void *y)
{
    share s = share_of(context, n);
    s.p = a, s.x = x, s.out = y;
    fv__parallel(context, cuts(n), (double)n, axpy_piece, &s);
}

static void finite_piece(void *argument, size_t item, size_t worker)
{
    share *s = argument;
    size_t at;
    const size_t n = piece(s, item, &at);
    (void)worker;
    if (!s->kernels->finite(n, s->x + at)) atomic_store(&s->bad, true);
}

bool fv__finite_all(fv_context *context, size_t n, const void *x)
{
    share s = share_of(context, n);
    s.x = x;
    fv__parallel(context, cuts(n), (double)n, finite_piece, &s);
    return !atomic_load(&s.bad);
}

double fv__sum_pairs(size_t n, double *sums)
{
    if (n == 0) return 0;
    for (size_t step = 1; step < n; step *= 2)
        for (size_t i = 0; i + step < n; i += 2 * step)
            sums[i] += sums[i + step];
    return sums[0];
}
