/* One image run through a network so that gradients of the score of a class
 * reach the image and every layer, and maps made of what that gives. */
#ifndef FV_EXPLAIN_EXPLAIN_H
#define FV_EXPLAIN_EXPLAIN_H

#include "network/network.h"

#include <fovea/explain.h>

/* A run in evaluation on a tape of its own. Parameters take no gradients. */
typedef struct fv__probe {
    fv_network *network;
    fv_context *context;
    const char *who;
    fv_explain_options options;
    fv_tensor input;       /* the caller's image with its batch of 1 */
    fv_variable *image;    /* a leaf with the same numbers */
    fv_variable **results; /* of all layers, with channels last */
    int32_t scores;        /* the result that the scores are read from */
    fv_meaning meaning;    /* of them */
    fv_decision decision;
    int64_t channels;      /* of the scores, once there is a decision */
    int64_t rows, columns; /* of the image */
    /* what the run replaces, until fv__probe_end */
    fv__tape *tape;
    uint64_t draws;
    int former_training;
    bool no_grad, begun;
    bool *trained; /* requires_grad of each variable of the network */
} fv__probe;

/* Runs the network; fv__probe_end follows in any case. */
fv_status fv__probe_begin(fv__probe *probe, const char *who,
                          fv_network *network, const fv_tensor *image,
                          const fv_explain_options *options);
void fv__probe_end(fv__probe *probe);
/* Decides which class is explained, and returns its score, of rank 0, on the
 * tape; NULL after a failure. */
fv_variable *fv__probe_score(fv__probe *probe, int64_t class_index);
/* The place of the layer of the options, or the last one before the head, whose
 * first output, [h, w, c], depends on the image; -1 after a failure. */
int32_t fv__probe_layer(const fv__probe *probe);

/* The place of a layer by its name; -1 after recording that there is none. */
int32_t fv__explain_find(const char *who, const fv_network *network,
                         const char *name);

/* Element i of a contiguous tensor of real numbers. */
static inline double fv__real_at(const fv_tensor *tensor, int64_t i)
{
    return tensor->dtype == FV_F32 ? (double)((const float *)tensor->data)[i]
                                   : ((const double *)tensor->data)[i];
}

/* A map of the image's size from one of any size, of which it scales negative
 * numbers to 0 and the largest to 1, unless the options say `raw`. */
fv_tensor fv__map_new(const fv__probe *probe, const double *values,
                      int64_t rows, int64_t columns);
/* The number at row i, column j of a map that is scaled to rows x columns
 * bilinearly: centres of pixels lie at halves, edges are repeated. */
double fv__map_at(const double *values, int64_t from_rows, int64_t from_columns,
                  int64_t rows, int64_t columns, int64_t i, int64_t j);
/* The colour of a number from 0 to 1. */
void fv__map_colour(double value, unsigned char rgb[3]);

/* A picture of tiles of equal size, FV_U8 [rows, columns, 3], with white lines
 * between them. */
typedef struct fv__tiles {
    fv_tensor picture;
    int64_t columns; /* tiles in a row */
    int64_t height, width, zoom;
} fv__tiles;

/* The picture in white; `columns` 0: about as many as rows. */
fv__tiles fv__tiles_new(fv_context *context, const char *who, int64_t count,
                        int64_t columns, int64_t height, int64_t width);
/* Fills pixel (i, j) of a tile. */
void fv__tiles_set(const fv__tiles *tiles, int64_t tile, int64_t i, int64_t j,
                   const unsigned char rgb[3]);

#endif
