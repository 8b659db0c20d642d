/* Convolution: its geometry, its algorithms, and the choice of one. */
#ifndef FV_CONV_CONV_H
#define FV_CONV_CONV_H

#include "kernel/kernel.h"

typedef enum fv__direction {
    FV__FORWARD,
    FV__BACKWARD_DATA,
    FV__BACKWARD_WEIGHTS /* and bias */
} fv__direction;

/* The operands of one call; the direction decides which of them are read and
 * which are written. */
typedef struct fv__conv_call {
    fv_context *context;
    const fv__geometry *geometry;
    const void *x, *weight, *dy;
    void *y, *dx, *dweight, *dbias; /* dbias NULL: not wanted */
    fv__epilogue epilogue; /* of y or dx, the residual being laid out as it; a
                              dx that is added to has none */
    bool overwrite;        /* gradients, instead of adding to them */
    void *packed, *scratch;
} fv__conv_call;

/* What an algorithm's memory depends on besides the geometry: the table, which
 * tells the element type and the sizes of tiles, and the number of threads. */
typedef struct fv__conv_target {
    const fv__kernels *kernels;
    int32_t threads;
} fv__conv_target;

static inline fv__conv_target fv__conv_target_of(const fv_context *context)
{
    return (fv__conv_target){ context->kernels, context->threads };
}

/* An algorithm, for all three directions of the geometries that it can do. It
 * may pack the weights for a direction before it runs; packed weights stay
 * valid until the weights change. The weight gradient packs nothing. */
typedef struct fv__conv_algorithm {
    const char *name; /* "im2col" */
    bool (*applicable)(const fv__geometry *geometry);
    /* Bytes of packed weights, 0: none, and of scratch for all workers;
     * SIZE_MAX if they cannot be counted. */
    size_t (*packed)(fv__conv_target target, const fv__geometry *geometry,
                     fv__direction direction);
    size_t (*scratch)(fv__conv_target target, const fv__geometry *geometry,
                      fv__direction direction);
    /* Predicted time, in multiply-adds of a vector of 16 elements; of the whole
     * batch, growing with it in proportion. */
    double (*cost)(const fv__geometry *geometry, fv__direction direction);
    bool plain;     /* rounds as the definition does */
    bool by_phases; /* its input gradient is a subconvolution for each phase */
    /* Packs the call's weight to its `packed`, 64-byte aligned. If the forward
     * pass packs, the call's weight may be NULL when it runs. */
    void (*pack)(const fv__conv_call *call, fv__direction direction);
    void (*run)(const fv__conv_call *call, fv__direction direction);
    /* Multiply-accumulates that it performs; NULL: those of the definition. */
    int64_t (*macs)(const fv__geometry *geometry, fv__direction direction);
} fv__conv_algorithm;

extern const fv__conv_algorithm fv__conv_reference, fv__conv_im2col,
    fv__conv_direct, fv__conv_winograd, fv__conv_depthwise, fv__conv_col2im,
    fv__conv_grouped;

/* Fills out[] by the shape rule and checks everything; records who, what, by
 * how much under the name `who`. With `pool`, padding must be below kernel. If
 * input, kernel, stride and dilation have no depth (0), it becomes 1. */
fv_status fv__geometry_check(fv_context *context, const char *who, bool pool,
                             fv__geometry *geometry);
/* Names extents, "2x3": height x width; with the depth first if there is one.
 */
enum { FV__EXTENTS_TEXT = 80 };
const char *fv__name_extents(const fv__geometry *geometry,
                             const int64_t extents[FV__AXES],
                             char text[FV__EXTENTS_TEXT]);
/* Multiply-accumulates of a convolution, for the whole batch. */
int64_t fv__geometry_macs(const fv__geometry *geometry);
/* Whether it has a third axis: a depth that is not 1, or padding there. */
static inline bool fv__geometry_has_depth(const fv__geometry *geometry)
{
    return geometry->in[FV__DEPTH] != 1 || geometry->kernel[FV__DEPTH] != 1
           || geometry->begin[FV__DEPTH] || geometry->end[FV__DEPTH];
}
/* Whether each input channel has one filter of its own and no other. */
static inline bool fv__geometry_is_depthwise(const fv__geometry *geometry)
{
    return geometry->groups == geometry->channels
           && geometry->groups == geometry->filters;
}

/* What a user asks of a convolution; zeros are the defaults. */
typedef struct fv__conv_request {
    int algorithm;         /* fv_algorithm */
    bool strict;           /* plain algorithms only */
    int64_t max_workspace; /* bytes a thread; FV_OFF: none, 0: any number */
} fv__conv_request;

typedef enum fv__conv_verdict {
    FV__CONV_UNKNOWN,
    FV__CONV_CANNOT,
    FV__CONV_NOT_PLAIN,
    FV__CONV_TOO_LARGE,
    FV__CONV_CAN
} fv__conv_verdict;

/* An algorithm that was considered. Its workspace is counted for one thread of
 * the widest table, so that the verdict is the same on every machine. */
typedef struct fv__conv_candidate {
    const fv__conv_algorithm *algorithm; /* NULL: no such number */
    size_t workspace;
    double cost;
    fv__conv_verdict verdict;
} fv__conv_candidate;

/* Numbers are those of fv_algorithm, from 1 on. */
fv__conv_candidate fv__conv_consider(const fv_context *context, int number,
                                     const fv__conv_request *request,
                                     const fv__geometry *geometry,
                                     fv__direction direction);
/* The requested algorithm; AUTO is the one with the lowest cost among those
 * that can. NULL after recording why not. */
const fv__conv_algorithm *fv__conv_choose(fv_context *context, const char *who,
                                          const fv__conv_request *request,
                                          const fv__geometry *geometry,
                                          fv__direction direction);

/* A convolution in one direction, resolved once for all calls. */
typedef struct fv__conv_descriptor {
    const fv__conv_algorithm *algorithm;
    fv__direction direction;
    size_t packed, scratch; /* bytes */
} fv__conv_descriptor;

/* Chooses the algorithm and counts its memory. */
fv_status fv__conv_resolve(fv_context *context, const char *who,
                           const fv__conv_request *request,
                           const fv__geometry *geometry,
                           fv__direction direction,
                           fv__conv_descriptor *descriptor);

#endif
