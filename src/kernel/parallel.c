/* Elementwise kernels over whole arrays, split into chunks of fixed size, and
 * what the caches keep. */
#include "kernel/parallel.h"
#include "kernel/gemm.h"

#include <stdatomic.h>

enum { CHUNK = 16384 };

typedef struct job {
    const fv__kernels *kernels;
    size_t n, element; /* numbers, and bytes of one */
    fv__unary unary;
    const unsigned char *x, *y, *dy;
    unsigned char *out;
    double p, q;
    fv__accumulation accumulation;
    atomic_bool bad;
} job;

static job job_of(const fv_context *context, size_t n)
{
    return (job){ .kernels = context->kernels,
                  .n = n,
                  .element = context->dtype == FV_F64 ? sizeof(double)
                                                      : sizeof(float) };
}

static size_t count_chunks(size_t n) { return n / CHUNK + (n % CHUNK != 0); }

/* The numbers of chunk `item`; *at is the offset of its first byte. */
static size_t chunk_of(const job *s, size_t item, size_t *at)
{
    *at = item * CHUNK * s->element;
    return s->n - item * CHUNK < CHUNK ? s->n - item * CHUNK : CHUNK;
}

/* The byte at `bytes` behind `base`; NULL for an array that the derivative does
 * not read. */
static const void *offset(const unsigned char *base, size_t bytes)
{
    return base ? base + bytes : NULL;
}

static void unary_chunk(void *argument, size_t item, size_t worker)
{
    const job *s = argument;
    size_t at;
    const size_t n = chunk_of(s, item, &at);
    (void)worker;
    s->kernels->unary(s->unary, n, s->x + at, s->out + at, s->p, s->q);
}

void fv__unary_all(fv_context *context, fv__unary f, size_t n, const void *x,
                   void *y, double p, double q)
{
    job s = job_of(context, n);
    s.unary = f, s.x = x, s.out = y, s.p = p, s.q = q;
    fv__parallel(context, count_chunks(n), 2 * (double)n, unary_chunk, &s);
}

static void unary_grad_chunk(void *argument, size_t item, size_t worker)
{
    const job *s = argument;
    size_t at;
    const size_t n = chunk_of(s, item, &at);
    (void)worker;
    s->kernels->unary_grad(s->unary, n, offset(s->x, at), offset(s->y, at),
                           s->dy + at, s->out + at, s->p, s->q,
                           s->accumulation);
}

void fv__unary_grad_all(fv_context *context, fv__unary f, size_t n,
                        const void *x, const void *y, const void *dy, void *dx,
                        double p, double q, fv__accumulation accumulation)
{
    job s = job_of(context, n);
    s.unary = f, s.x = x, s.y = y, s.dy = dy, s.out = dx, s.p = p, s.q = q;
    s.accumulation = accumulation;
    fv__parallel(context, count_chunks(n), 2 * (double)n, unary_grad_chunk, &s);
}

static void axpy_chunk(void *argument, size_t item, size_t worker)
{
    const job *s = argument;
    size_t at;
    const size_t n = chunk_of(s, item, &at);
    (void)worker;
    s->kernels->axpy(n, s->p, s->x + at, s->out + at);
}

void fv__axpy_all(fv_context *context, size_t n, double a, const void *x,
                  void *y)
{
    job s = job_of(context, n);
    s.p = a, s.x = x, s.out = y;
    fv__parallel(context, count_chunks(n), (double)n, axpy_chunk, &s);
}

static void finite_chunk(void *argument, size_t item, size_t worker)
{
    job *s = argument;
    size_t at;
    const size_t n = chunk_of(s, item, &at);
    (void)worker;
    if (!s->kernels->finite(n, s->x + at)) atomic_store(&s->bad, true);
}

bool fv__finite_all(fv_context *context, size_t n, const void *x)
{
    job s = job_of(context, n);
    s.x = x;
    fv__parallel(context, count_chunks(n), (double)n, finite_chunk, &s);
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

/* ---- caches -------------------------------------------------------------- */

/* The last-level cache keeps KEPT_SIXTEENTHS of its size from one call to the
 * next, and at most MOST_KEPT_BYTES, since other programs use it too. Stores
 * are nontemporal if input and output together exceed that, or, on every
 * machine, NONTEMPORAL_BYTES, and outputs alone OUTPUT_NINTHS of the limit. No
 * sum depends on these numbers; tuned by measurement. */
enum {
    KEPT_SIXTEENTHS = 9,
    MOST_KEPT_BYTES = 1 << 26,
    NONTEMPORAL_BYTES = 18 << 20,
    OUTPUT_NINTHS = 4
};

int64_t fv__cached_elements(const fv_context *context)
{
    const size_t bytes = context->cache_bytes / 16 * KEPT_SIXTEENTHS;

    return (int64_t)((bytes < MOST_KEPT_BYTES ? bytes : MOST_KEPT_BYTES)
                     / fv__element(context->kernels));
}

bool fv__is_nontemporal(const fv_context *context, int64_t read,
                        int64_t written)
{
    const int64_t most =
        NONTEMPORAL_BYTES / (int64_t)fv__element(context->kernels);
    const int64_t limit = fv__min(fv__cached_elements(context), most);

    return written >= limit / 9 * OUTPUT_NINTHS && read + written >= limit;
}
