/* Random numbers: each is a function of seed, stream and its index alone,
 * however the work is split. */
#include "kernel/isa/elementary.h"

/* Elements per call of fv__philox: f32 takes one word, f64 two. */
enum { PER_DRAW = 16 / sizeof(real), CHUNK = 256, WORDS = 4 };

/* The words of draws draw .. draw + count - 1. */
static void draw_words(uint64_t seed, uint64_t stream, uint64_t draw,
                       size_t count, uint32_t *words)
{
    for (size_t i = 0; i < count; i++)
        fv__philox(seed, stream, draw + i, words + WORDS * i);
}

/* Uniform u[i] in [0, 1), from as many random bits as the mantissa holds. */
static void unit(size_t n, const uint32_t *words, real *u)
{
#if defined(FV_DTYPE_IS_f32)
    for (size_t i = 0; i < n; i++) u[i] = (real)(words[i] >> 8) * 0x1p-24f;
#else
    for (size_t i = 0; i < n; i++)
        u[i] =
            FMA(words[2 * i] >> 5, 0x1p-27, (words[2 * i + 1] >> 6) * 0x1p-53);
#endif
}

/* Draws CHUNK uniforms that include element `start`; returns its index among
 * them. */
static size_t draw_chunk(uint64_t seed, uint64_t stream, uint64_t start,
                         real *u)
{
    uint32_t words[WORDS * CHUNK / PER_DRAW];
    draw_words(seed, stream, start / PER_DRAW, CHUNK / PER_DRAW, words);
    unit(CHUNK, words, u);
    return (size_t)(start % PER_DRAW);
}

void FV_KERNEL(uniform)(uint64_t seed, uint64_t stream, uint64_t first,
                        size_t n, double low_, double high_, void *y_)
{
    real u[CHUNK], *y = y_;
    const real low = (real)low_, width = (real)(high_ - low_);
    for (size_t done = 0, count; done < n; done += count) {
        const size_t skip = draw_chunk(seed, stream, first + done, u);
        count = n - done < CHUNK - skip ? n - done : CHUNK - skip;
        for (size_t i = 0; i < count; i++)
            y[done + i] = FMA(width, u[skip + i], low);
    }
}

/* Box-Muller transform: elements 2 i and 2 i + 1 are made of the same two
 * uniforms. */
static void make_normal(real *u)
{
    INDEPENDENT
    for (size_t i = 0; i < CHUNK; i += 2) {
        real sine, cosine;
        const real radius = SQRT(-2 * real_log(1 - u[i]));
        real_turn(u[i + 1], &sine, &cosine);
        u[i] = radius * cosine;
        u[i + 1] = radius * sine;
    }
}

void FV_KERNEL(normal)(uint64_t seed, uint64_t stream, uint64_t first, size_t n,
                       double mean_, double deviation_, void *y_)
{
    real u[CHUNK], *y = y_;
    const real mean = (real)mean_, deviation = (real)deviation_;
    for (size_t done = 0, count; done < n; done += count) {
        const size_t skip = draw_chunk(seed, stream, first + done, u);
        make_normal(u);
        count = n - done < CHUNK - skip ? n - done : CHUNK - skip;
        for (size_t i = 0; i < count; i++)
            y[done + i] = FMA(deviation, u[skip + i], mean);
    }
}

/* ---- dropout ----------------------------------------------------------- */

/* Both element types use one word per element, so both drop the same elements.
 * An element is kept if word / 2^32 >= p. */
static size_t draw_mask(uint64_t seed, uint64_t stream, uint64_t start,
                        uint32_t *words)
{
    draw_words(seed, stream, start / WORDS, CHUNK / WORDS, words);
    return (size_t)(start % WORDS);
}

static uint64_t threshold(double p)
{
    return (uint64_t)__builtin_ceil(p * 0x1p32);
}

#define DROP(to, value)                                                        \
    uint32_t words[CHUNK];                                                     \
    const uint64_t least = threshold(p);                                       \
    const real scale = (real)(1 / (1 - p));                                    \
    for (size_t done = 0, count; done < n; done += count) {                    \
        const size_t skip = draw_mask(seed, stream, first + done, words);      \
        count = n - done < CHUNK - skip ? n - done : CHUNK - skip;             \
        INDEPENDENT                                                            \
        for (size_t i = 0; i < count; i++) {                                   \
            const size_t at = done + i;                                        \
            const bool kept = words[skip + i] >= least;                        \
            to = (value);                                                      \
        }                                                                      \
    }

void FV_KERNEL(dropout)(uint64_t seed, uint64_t stream, uint64_t first,
                        size_t n, double p, const void *x_, void *y_)
{
    const real *x = x_;
    real *y = y_;
    DROP(y[at], kept ? x[at] * scale : 0)
}

void FV_KERNEL(dropout_grad)(uint64_t seed, uint64_t stream, uint64_t first,
                             size_t n, double p, const void *dy_, void *dx_)
{
    const real *dy = dy_;
    real *dx = dx_;
    DROP(dx[at], kept ? FMA(dy[at], scale, dx[at]) : dx[at])
}
