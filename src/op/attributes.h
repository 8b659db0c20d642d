/* Attributes of operators that those read who write them in another form. */
#ifndef FV_OP_ATTRIBUTES_H
#define FV_OP_ATTRIBUTES_H

#include "op/op.h"

/* comparisons, and connectives of truth values */
typedef struct fv__compare {
    fv__relation relation;
} fv__compare;

typedef struct fv__logic {
    fv__connective connective;
} fv__logic;

/* ---- along axes, which may count from the end ------------------------------
 */

typedef struct fv__cumulative {
    int32_t axis;
    int32_t exclusive; /* the element itself is left out */
    int32_t reverse;   /* from the end */
} fv__cumulative;

typedef struct fv__arg_extreme {
    fv__reduction reduction;
    int32_t largest;
} fv__arg_extreme;

/* sum, product or extreme of whole numbers */
typedef struct fv__whole_reduction {
    fv__reduction reduction;
    fv_reduce_kind kind;
} fv__whole_reduction;

typedef struct fv__top_k {
    int64_t k;
    int32_t axis, smallest;
} fv__top_k;

typedef struct fv__gather {
    int32_t axis;
    int32_t has_padding;
    int64_t padding; /* an index whose slices get no gradient */
} fv__gather;

typedef struct fv__one_hot {
    int64_t depth;
    int32_t axis, reserved; /* of the result */
    double off, on;
} fv__one_hot;

typedef struct fv__slice_part {
    int32_t axis;
    int64_t start, stop, step;
} fv__slice_part;

typedef struct fv__slice {
    int32_t count;
    int32_t clamp; /* starts and stops beyond an axis are moved to its ends, and
                      steps may be negative */
    fv__slice_part parts[FV_MAX_RANK];
} fv__slice;

typedef struct fv__pad {
    int64_t begin[FV_MAX_RANK], end[FV_MAX_RANK];
    double value;
    int32_t mode; /* fv_padding_mode */
} fv__pad;

enum { FV__MOST_PARTS = 64 };

typedef struct fv__split {
    int32_t axis, count;
    int64_t sizes[FV__MOST_PARTS]; /* of the parts along the axis */
} fv__split;

/* ---- of images --------------------------------------------------------------
 */

typedef struct fv__channel_shuffle {
    int64_t groups;
} fv__channel_shuffle;

typedef struct fv__affine_grid {
    int64_t height, width;
    int32_t align_corners, reserved;
} fv__affine_grid;

typedef struct fv__lppool {
    fv_pooling pooling; /* the first member, as shared code reads it */
    double p;
} fv__lppool;

typedef struct fv__unpooling {
    fv_pooling pooling;
    int64_t size[FV__AXES]; /* of the output, in the order of the axes */
    int32_t sized;          /* 1: size is given */
} fv__unpooling;

#endif
