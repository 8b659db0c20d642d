/* Padded copies of rows of an image in which channels are replicated: lane i of
 * a vector holds the channel that filter i of the vector reads. */
#ifndef FV_CONV_GROUPED_REPLICATE_H
#define FV_CONV_GROUPED_REPLICATE_H

#include "conv/shared.h"

/* A copy holds the inputs that a block of outputs of one image reads, for one
 * vector of filters, with zeros around the image, as
 * [row][column][channel][lane]. It is a ring of `rows` rows: row i is stored in
 * place of row i - rows. Only inputs `unit` apart are copied; the rows and
 * columns of the copy, as well as stride, step and reach, are counted in these.
 */
typedef struct fv__replicated {
    const fv__kernels *kernels;
    fv__subconv subconv;
    size_t element;   /* bytes */
    int64_t lanes;    /* of a vector */
    int64_t channels; /* of a group, in one copy */
    int64_t unit[2];  /* distance of the inputs that are copied, in pixels */
    int64_t stride[2], step[2];
    int64_t reach[2];   /* inputs from the first tap to the last; 0: no taps */
    int64_t outputs[2]; /* of a block, at most */
    int64_t rows;
    int64_t row;  /* elements of a row */
    size_t bytes; /* SIZE_MAX if they cannot be counted */
} fv__replicated;

/* For `channels` channels of each group and blocks of `least` to `most` rows of
 * outputs: as many rows as fit a first-level cache, or, if `least` rows do not
 * fit, these cut into blocks of columns. */
fv__replicated fv__replicated_of(const fv__kernels *kernels,
                                 const fv__subconv *subconv, int64_t channels,
                                 int64_t least, int64_t most);
/* Whether the elements of all copies of a geometry can be counted. */
bool fv__replicated_fit(const fv__geometry *geometry);

/* Vectors that hold all filters. */
static inline int64_t fv__replicated_vectors(const fv__replicated *r)
{
    return fv__divide_up(r->subconv.groups * r->subconv.filters, r->lanes);
}

/* Filters of one vector: `lanes`, or the rest in the last. */
static inline int64_t fv__replicated_filters(const fv__replicated *r,
                                             int64_t vector)
{
    return fv__min(r->lanes,
                   r->subconv.groups * r->subconv.filters - vector * r->lanes);
}

/* What one copy is made for: the channels from `channel` on, and `columns`
 * outputs of a row from `first` on. */
typedef struct fv__replicated_block {
    int64_t vector, channel;
    fv__pixel first;
    int64_t columns;
} fv__replicated_block;

/* Rows of inputs that `rows` rows of outputs read. */
static inline int64_t fv__replicated_rows(const fv__replicated *r, int64_t rows)
{
    return r->reach[0] ? (rows - 1) * r->stride[0] + r->reach[0] : 0;
}

/* Rows or columns [*low, *high) of inputs that lie in the image; 0 is the one
 * that the first tap of the block's first output reads. */
void fv__replicated_inside(const fv__replicated *replicated,
                           const fv__replicated_block *block, int axis,
                           int64_t *low, int64_t *high);
/* Copies rows [begin, end), counted in the same way, of the image `in`. */
void fv__replicated_fill(const fv__replicated *replicated,
                         const fv__replicated_block *block, int64_t begin,
                         int64_t end, const void *in, void *out);

#endif
