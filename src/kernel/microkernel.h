/* The operands of the microkernel, the loop over k that all matrix products and
 * convolutions by products are made of. */
#ifndef FV_KERNEL_MICROKERNEL_H
#define FV_KERNEL_MICROKERNEL_H

#include "base/base.h"

/* What is applied to a complete sum before it is stored, in this order. */
typedef struct fv__epilogue {
    const void *bias;     /* added, one element a column; NULL: none */
    const void *residual; /* added, one element an output; NULL: none */
    size_t residual_row;  /* elements from row to row of the residual */
    double low, high;     /* x < low ? low : x > high ? high : x */
    bool clamp;           /* whether low and high apply */
    bool nontemporal;     /* whole cache lines are stored past the caches */
} fv__epilogue;

/* Accumulation mode: C = AB; C = C + AB, the product being a chain from zero;
 * or the chains continue from the sums in C, so that the bits are those of one
 * longer chain. */
typedef enum fv__accumulation {
    FV__STORE,
    FV__ACCUMULATE,
    FV__RESUME
} fv__accumulation;

/* A tile of a matrix product, m x n outputs. c[i][j] is a chain of fma over
 * segments s and, in each, terms l < k of
 *     a[a_segment[s] + i a_row + l a_step] b[b_segment[s] + l b_step + j],
 * accumulated and followed by the epilogue. All distances but next_step are in
 * elements. */
typedef struct fv__tile {
    const void *a, *b;
    void *c;
    size_t a_row;    /* from row to row of A */
    size_t a_step;   /* from term to term of A */
    size_t b_step;   /* from term to term of B, whose columns are contiguous */
    size_t c_row;    /* from row to row of C, whose columns are contiguous */
    size_t c_column; /* from column to column of C, for small n only */
    size_t segments, k;
    /* Where segments begin; NULL: they follow one another, k steps apart. */
    const ptrdiff_t *a_segment, *b_segment;
    const fv__epilogue *epilogue; /* NULL: none */
    fv__accumulation accumulation;
    const void *next; /* one cache line for each term is prefetched from here
                         on, next_step bytes apart; NULL: none */
    size_t next_step;
} fv__tile;

#endif
