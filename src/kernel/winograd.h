/* The operands of Winograd's transforms. */
#ifndef FV_KERNEL_WINOGRAD_H
#define FV_KERNEL_WINOGRAD_H

#include "kernel/microkernel.h"

/* Winograd's F(outputs, taps) along each axis: F(2, 3), F(4, 3), F(2, 5); and,
 * for `phases` taps - 1 taps of stride `phases`, F(4, 2), F(4, 3) or F(3, 4) in
 * each phase: tap t meets pixels of phase t % phases. The last phase has one
 * tap less, a scheme at the same points but for infinity. Where an image is not
 * taken apart, its side of a scheme has one phase. */
typedef struct fv__scheme {
    int32_t outputs, taps, phases;
} fv__scheme;

/* Points of an axis, the last of them infinity. */
static inline int32_t fv__scheme_side(fv__scheme f)
{
    return f.outputs + f.taps - 1;
}

/* Phases of an axis that reach infinity. */
static inline int32_t fv__scheme_infinity_phases(fv__scheme f)
{
    return f.phases > 1 ? f.phases - 1 : 1;
}

/* Points of all phases: as many as pixels that they are made of. */
static inline int32_t fv__scheme_lines(fv__scheme f)
{
    return (fv__scheme_side(f) - 1) * f.phases + fv__scheme_infinity_phases(f);
}

/* Phases of rows and columns that meet at a point. */
static inline int32_t fv__scheme_phases(fv__scheme f, size_t point)
{
    const int32_t side = fv__scheme_side(f), at = (int32_t)point;

    return (at / side == side - 1 ? fv__scheme_infinity_phases(f) : f.phases)
           * (at % side == side - 1 ? fv__scheme_infinity_phases(f) : f.phases);
}

/* Points [side][side] of a tile, those of a phase further on; distances in
 * elements. */
typedef struct fv__points {
    void *at;
    size_t step, phase;
} fv__points;

/* An output tile of Winograd's convolution: those rows and columns of it that
 * exist. */
typedef struct fv__winograd_tile {
    fv__points points;
    void *out; /* the first that exists */
    size_t out_row, out_pixel;
    size_t first[2], end[2]; /* of rows, of columns */
    const fv__epilogue
        *epilogue; /* NULL: nothing; residual laid out as `out` */
    bool add;      /* to what is in `out` */
} fv__winograd_tile;

/* A row of tiles of few channels: points [side][side][depth][tile] of inputs,
 * those of a point x_step and of a channel x_channel apart, and weights, those
 * of a panel [point][depth][nr]; depth is phases x channels. Up to three
 * numbers behind the last tile are read. `tile` is the first of the outputs,
 * its end[1] that of the row. */
typedef struct fv__winograd_small_channels {
    const void *x, *u;
    size_t x_step, x_channel, u_step, u_panel;
    size_t channels, tiles;
    fv__winograd_tile tile;
} fv__winograd_small_channels;

#endif
