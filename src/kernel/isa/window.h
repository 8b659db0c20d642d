/* Inputs of a depthwise convolution, for its forward and its gradient kernel.
 */
#ifndef FV_KERNEL_ISA_WINDOW_H
#define FV_KERNEL_ISA_WINDOW_H

#include "kernel/isa/isa.h"

/* Whether input i of an axis lies in the image, not in the padding. */
INLINE bool inside(const fv__window *a, int64_t i)
{
    return i >= a->low && i < a->high;
}

/* Reads one number of each cache line of some pixels in the order of memory, so
 * that they are cached when they are used. The kernels read one vector of
 * channels of pixel after pixel, a stride that hardware prefetchers do not
 * follow. */
INLINE void read_pixels(const real *x, int64_t pixels, ptrdiff_t step,
                        size_t channels)
{
    const size_t line = 64 / sizeof(real);

    for (int64_t i = 0; i < pixels; i++, x += step)
        for (size_t c = 0; c < channels; c += line)
            (void)*(const volatile real *)(x + c);
}

/* Reads the inputs of rows [row, row + rows) of outputs that the row before,
 * if there is one, does not use. */
INLINE void read_inputs(const fv__window axis[2], const real *x,
                        size_t channels, int64_t row, int64_t rows)
{
    const fv__window *r = &axis[0], *s = &axis[1];
    const int64_t reach = (r->taps - 1) * r->step + 1;
    const int64_t shared = row ? fv__max(reach - r->stride, 0) : 0;
    const int64_t first = fv__max(row * r->stride + shared, r->low);
    const int64_t end = fv__min((row + rows - 1) * r->stride + reach, r->high);

    for (int64_t i = first; i < end; i++)
        read_pixels(x + i * r->x_stride + s->low * s->x_stride,
                    s->high - s->low, s->x_stride, channels);
}

#endif
