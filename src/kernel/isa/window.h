/* Inputs of a depthwise convolution, as both of its kernels meet them. */
#ifndef FV_KERNEL_ISA_WINDOW_H
#define FV_KERNEL_ISA_WINDOW_H

#include "kernel/isa/isa.h"

INLINE bool inside(const fv__window *a, int64_t i)
{
    return i >= a->low && i < a->high;
}

/* Reads pixels in the order in which they lie, so that they are in a cache:
 * vectors of channels will jump from one to the next, and memory is fast where
 * it can tell what comes. */
INLINE void fetch(const real *x, int64_t pixels, ptrdiff_t step,
                  size_t channels)
{
    const size_t line = 64 / sizeof(real);

    for (int64_t i = 0; i < pixels; i++, x += step)
        for (size_t c = 0; c < channels; c += line)
            (void)*(const volatile real *)(x + c);
}

/* Inputs that rows [row, row + rows) of outputs meet and the row before does
 * not. */
INLINE void fetch_inputs(const fv__window axis[2], const real *x,
                         size_t channels, int64_t row, int64_t rows)
{
    const fv__window *r = &axis[0], *s = &axis[1];
    const int64_t tall = (r->taps - 1) * r->step + 1;
    const int64_t met = row ? fv__max(tall - r->stride, 0) : 0;
    const int64_t first = fv__max(row * r->stride + met, r->low);
    const int64_t end = fv__min((row + rows - 1) * r->stride + tall, r->high);

    for (int64_t i = first; i < end; i++)
        fetch(x + i * r->from + s->low * s->from, s->high - s->low, s->from,
              channels);
}

#endif
