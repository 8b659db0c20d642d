/* Convolution of groups of few channels: vectors run over the filters of
 * several groups, and channels are spread under them. */
#ifndef FV_CONV_GROUPED_GROUPED_H
#define FV_CONV_GROUPED_GROUPED_H

#include "conv/shared.h"

/* A strip: inputs that some outputs of one image meet, of a vector of filters,
 * padding around them, as [row][column][channel][lane]. It holds so many rows;
 * later ones take the place of earlier ones. Along an axis inputs are those
 * `unit` apart, and distances are in units. */
typedef struct fv__replicated {
    const fv__kernels *kernels;
    fv__subconv subconv;
    size_t element;
    int64_t lanes;    /* of a vector */
    int64_t channels; /* of a group, at once */
    int64_t unit[2], stride[2], step[2], reach[2];
    int64_t outputs[2]; /* met at once, at most */
    int64_t rows, row;  /* row: elements */
    size_t bytes;
} fv__replicated;

/* For `channels` of a group and `most` rows of outputs at once; for fewer,
 * `least`, or part of a row where it would be too large for a cache. */
fv__replicated fv__replicated_of(const fv__kernels *kernels,
                                 const fv__subconv *subconv, int64_t channels,
                                 int64_t least, int64_t most);
/* Whether all strips of a geometry can be counted. */
bool fv__replicated_fit(const fv__geometry *geometry);

/* Vectors of filters; filters of one that there are. */
static inline int64_t fv__replicated_vectors(const fv__replicated *s)
{
    return fv__divide_up(s->subconv.groups * s->subconv.filters, s->lanes);
}
static inline int64_t fv__replicated_filters(const fv__replicated *s,
                                             int64_t vector)
{
    return fv__min(s->lanes,
                   s->subconv.groups * s->subconv.filters - vector * s->lanes);
}

/* What is spread: channels from `channel` on under the filters of a vector, for
 * `columns` outputs from `first` on. */
typedef struct fv__replicated_block {
    int64_t vector, channel;
    fv__pixel first;
    int64_t columns;
} fv__replicated_block;

/* Rows of inputs that `rows` rows of outputs meet. */
static inline int64_t fv__replicated_rows(const fv__replicated *s, int64_t rows)
{
    return s->reach[0] ? (rows - 1) * s->stride[0] + s->reach[0] : 0;
}

/* Rows, or columns, [*low, *high) of inputs that lie in the image, counted from
 * where the first output of a piece begins. */
void fv__replicated_inside(const fv__replicated *padded,
                           const fv__replicated_block *piece, int axis,
                           int64_t *low, int64_t *high);
/* Fills rows [begin, end), counted from where the first output begins. */
void fv__replicated_fill(const fv__replicated *padded,
                         const fv__replicated_block *piece, int64_t begin,
                         int64_t end, const void *in, void *out);

size_t fv__grouped_channels_last_packed(const fv_context *context,
                                        const fv__geometry *geometry,
                                        fv__direction direction);
size_t fv__grouped_channels_last_scratch(const fv_context *context,
                                         const fv__geometry *geometry,
                                         fv__direction direction);
void fv__grouped_channels_last_pack(const fv__conv_call *call,
                                    fv__direction direction);
void fv__grouped_channels_last_run(const fv__conv_call *call,
                                   fv__direction direction);
double fv__grouped_channels_last_cost(const fv__geometry *geometry,
                                      fv__direction direction);
double fv__grouped_channels_last_cost_of(const fv__subconv *subconv);

/* The same with vectors along rows of pixels. */
size_t fv__grouped_planar_packed(const fv_context *context,
                                 const fv__geometry *geometry,
                                 fv__direction direction);
size_t fv__grouped_planar_scratch(const fv_context *context,
                                  const fv__geometry *geometry,
                                  fv__direction direction);
void fv__grouped_planar_pack(const fv__conv_call *call,
                             fv__direction direction);
void fv__grouped_planar_run(const fv__conv_call *call, fv__direction direction);
double fv__grouped_planar_cost(const fv__geometry *geometry,
                               fv__direction direction);

size_t fv__grouped_weight_grad_scratch(const fv_context *context,
                                       const fv__geometry *geometry);
void fv__grouped_weight_grad_run(const fv__conv_call *call);
double fv__grouped_weight_grad_cost(const fv__geometry *geometry);

#endif
