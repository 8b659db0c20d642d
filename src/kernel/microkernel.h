/* The operands of the microkernel, which every matrix product is made of. */
#ifndef FV_KERNEL_MICROKERNEL_H
#define FV_KERNEL_MICROKERNEL_H

#include "base/base.h"

/* What is done to a finished sum, in this order, where it is made; pointers
 * NULL where nothing is added. */
typedef struct fv__epilogue {
    const void *bias;     /* of the first column */
    const void *residual; /* beside the first output */
    size_t residual_row;  /* elements from row to row */
    double low, high;     /* then x < low ? low : x > high ? high : x */
    bool clamp;
    bool nontemporal; /* stored past the caches, where whole lines are */
} fv__epilogue;

/* How sums meet what is in c: they take its place, are added to it, or their
 * chains go on from it. */
typedef enum fv__accumulation {
    FV__STORE,
    FV__ACCUMULATE,
    FV__RESUME
} fv__accumulation;

/* A tile of a matrix product: c[i][j] is a block of a chain of fma, over
 * `segments` and then l < k, of
 *     a[a_segment + i a_row + l a_step] b[b_segment + l b_step + j].
 * Without a list of segments they follow one another. Of b, only columns that
 * are made are read. */
typedef struct fv__tile {
    const void *a, *b;
    void *c;
    size_t a_row, a_step, b_step, c_row;
    size_t segments, k;
    const ptrdiff_t *a_segment, *b_segment;
    const fv__epilogue *epilogue; /* NULL: nothing */
    fv__accumulation accumulation;
    const void *next; /* one cache line for each k, read soon; NULL: none */
    size_t next_step; /* bytes */
    size_t c_column;  /* from column to column of a narrow product */
} fv__tile;

#endif
