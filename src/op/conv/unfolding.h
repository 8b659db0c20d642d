/* Windows of an image as columns, and columns added to an image. */
#ifndef FV_OP_CONV_UNFOLDING_H
#define FV_OP_CONV_UNFOLDING_H

#include "op/conv/conv2d.h"

/* The attributes; `size` is of fold, the extents of the image. */
typedef struct fv__unfolding {
    fv_unfolding window; /* every default is filled in */
    int64_t size[FV__AXES];
    int32_t axes;
} fv__unfolding;

/* Fills in defaults; `size` is NULL or has `axes` numbers. */
fv__unfolding fv__unfolding_of(const fv_unfolding *window, int32_t axes,
                               const int64_t size[]);

/* The windows of images [n, ..., channels]: sets in[] to `in` and checks it. */
fv_status fv__unfolding_geometry(const fv_inference *inference, int64_t batch,
                                 int32_t axes, const int64_t in[],
                                 int64_t channels, fv__geometry *geometry);
/* Bytes of scratch of either of the two below. */
size_t fv__unfolding_scratch(const fv_context *context, const fv__geometry *g);

/* columns [n, windows, channels * taps] (+)= the windows of the images, the
 * taps of a channel side by side; taps in the padding are 0. */
void fv__unfolding_gather(const fv_call *call, const fv__geometry *g,
                          const void *images, void *columns,
                          fv__accumulation accumulation);
/* images (+)= the sums of the columns' elements at each pixel. */
void fv__unfolding_scatter(const fv_call *call, const fv__geometry *g,
                           const void *columns, void *images,
                           fv__accumulation accumulation);

/* ---- layers of two axes -------------------------------------------------- */

/* The options of the layers, `size` of fold. */
typedef struct fv__unfolding_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
    int64_t extents[FV__AXES];
    int64_t kernel[FV__AXES], stride[FV__AXES], dilation[FV__AXES];
    int64_t padding[FV__AXES], padding_begin[FV__AXES], padding_end[FV__AXES];
    fv_auto_pad auto_pad;
    int32_t reserved;
} fv__unfolding_options;

#define FV__UNFOLDING_FIELDS                                                   \
    { FV__FIELD(fv__unfolding_options, AXES, kernel), .positional = true,      \
      .positive = true },                                                      \
        { FV__FIELD(fv__unfolding_options, AXES, stride), .usual = 1,          \
          .positive = true },                                                  \
        FV__PADDING_FIELDS(fv__unfolding_options, 2),                          \
    {                                                                          \
        FV__FIELD(fv__unfolding_options, AXES, dilation), .usual = 1,          \
                                                          .positive = true     \
    }

/* The windows that the options mean for an image of those extents. */
fv_unfolding fv__unfolding_window(const fv_layer *layer, const int64_t in[2]);

#endif
