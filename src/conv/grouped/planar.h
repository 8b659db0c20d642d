/* How grouped convolution with vectors along rows of pixels is cut into items,
 * and how their planes are laid out. */
#ifndef FV_CONV_GROUPED_PLANAR_H
#define FV_CONV_GROUPED_PLANAR_H

#include "conv/grouped/grouped.h"

/* One axis of all subconvolutions. Only inputs `unit` pixels apart are read,
 * and the other distances are counted in these. An input belongs to one of
 * `stride` phases: outputs are `stride` apart, so a tap reads all its inputs
 * from one phase. */
typedef struct fv__planar_axis {
    int64_t unit, stride, step;
    int64_t first; /* pixel: the first input that any output 0 reads */
    int64_t reach; /* inputs from there to the last that any output 0 reads */
} fv__planar_axis;

/* Rows of outputs that are computed together. Their planes have the row stride
 * of the input planes, `row` elements, so that a vector may begin in one row
 * and end in the next. */
typedef struct fv__planar_chunk {
    int64_t row, rows;
} fv__planar_chunk;

/* An item is a block of rows and columns of one image and a block of groups, of
 * all subconvolutions. Its inputs lie as [channel][phase][row][column], its
 * outputs as [filter][row][column]; weights are packed as
 * [filter][tap][channel], one subconvolution after another. */
typedef struct fv__planar_plan {
    const fv__kernels *kernels;
    const fv__geometry *g;
    fv__direction direction;
    size_t element;      /* bytes */
    fv__subconv subconv; /* the first, which has the most outputs */
    fv__planar_axis axis[2];
    int64_t rows, columns, groups;   /* of an item, at most */
    int64_t blocks[2], group_blocks; /* of rows and columns; of groups */
    fv__planar_chunk chunk;
    int64_t phase;     /* elements of one phase of a channel */
    int64_t plane;     /* elements from one channel to the next */
    int64_t out_plane; /* elements from one filter of the outputs to the next */
    /* bytes of scratch of a worker: planes of inputs and of outputs, offsets of
     * taps; all of it */
    size_t in_bytes, out_bytes, segment_bytes, worker;
    const fv__conv_call *call;
} fv__planar_plan;

static inline bool fv__planar_has_taps(const fv__subconv *s)
{
    return s->taps[0] && s->taps[1];
}

/* Inputs of an axis that so many outputs read. */
static inline int64_t fv__planar_inputs(const fv__planar_axis *a,
                                        int64_t outputs)
{
    return a->reach ? (outputs - 1) * a->stride + a->reach : 0;
}

/* The inputs among them that belong to one phase, at most. */
static inline int64_t fv__planar_phase_inputs(const fv__planar_axis *a,
                                              int64_t outputs)
{
    return outputs + fv__max(a->reach - 1, 0) / a->stride;
}

fv__planar_plan fv__planar_plan_of(fv__conv_target target,
                                   const fv__geometry *geometry,
                                   fv__direction direction);

#endif
