/* The operands of the transforms of Winograd's convolution. The method, and the
 * words tile, point, scheme and phase, are explained in
 * conv/winograd/winograd.h. */
#ifndef FV_KERNEL_WINOGRAD_H
#define FV_KERNEL_WINOGRAD_H

#include "kernel/microkernel.h"

/* F(outputs, taps) along each axis, for each of `phases` phases. With one
 * phase: F(2, 3), F(4, 3), F(2, 5), and F(4, 2) or F(3, 4) for the images that
 * a strided kernel does not split into phases. With `phases` phases, for a
 * kernel of phases * taps - 1 taps and that stride: F(4, 2), F(4, 3) or
 * F(3, 4). The last phase has one tap less and uses the same points without
 * infinity. */
typedef struct fv__scheme {
    int32_t outputs, taps, phases;
} fv__scheme;

/* Points of an axis; the last is infinity. */
static inline int32_t fv__scheme_axis_points(fv__scheme f)
{
    return f.outputs + f.taps - 1;
}

/* Phases of an axis that have a value at infinity. */
static inline int32_t fv__scheme_infinity_phases(fv__scheme f)
{
    return f.phases > 1 ? f.phases - 1 : 1;
}

/* Transformed values of an axis: at all points, of all phases. The input
 * transform makes as many values as it reads pixels. */
static inline int32_t fv__scheme_axis_values(fv__scheme f)
{
    return (fv__scheme_axis_points(f) - 1) * f.phases
           + fv__scheme_infinity_phases(f);
}

/* Phases of both axes. */
static inline int32_t fv__scheme_phases(fv__scheme f)
{
    return f.phases * f.phases;
}

/* Phases of both axes that have a value at point row * axis points + column. */
static inline int32_t fv__scheme_phases_at(fv__scheme f, size_t point)
{
    const int32_t side = fv__scheme_axis_points(f), at = (int32_t)point;

    return (at / side == side - 1 ? fv__scheme_infinity_phases(f) : f.phases)
           * (at % side == side - 1 ? fv__scheme_infinity_phases(f) : f.phases);
}

/* A transformed tile: [point row][point column][phase][channel], the phases of
 * a point being those that have a value there. */
typedef struct fv__transformed_tile {
    void *values;
    size_t point_step, phase_step; /* elements */
} fv__transformed_tile;

/* The output transform of one tile. Only outputs inside the image are stored:
 * rows [first[0], end[0]) and columns [first[1], end[1]) of the tile; end[1]
 * may exceed the width of the tile. */
typedef struct fv__winograd_output {
    fv__transformed_tile products; /* M = U . V, summed over input channels */
    void *out;                     /* output (first[0], first[1]) */
    size_t out_row, out_pixel; /* elements from row to row, pixel to pixel */
    size_t first[2], end[2];
    const fv__epilogue *epilogue; /* NULL: none; residual laid out as `out` */
    bool accumulate;              /* adds to `out` instead of storing */
} fv__winograd_output;

/* The products and the output transform of a row of tiles with few input
 * channels. V is [point][depth][tile] and U is [point][panel][depth][nr], where
 * a panel is nr filters and depth is phases x channels. Up to three elements
 * beyond the last tile of V are read. */
typedef struct fv__winograd_small_channels {
    const void *v, *u;
    size_t v_point, v_depth, u_point, u_panel; /* steps in elements */
    size_t channels, tiles;
    fv__winograd_output output; /* of the first tile; end[1] of the whole row */
} fv__winograd_small_channels;

#endif
