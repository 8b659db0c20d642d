/** @file
 * Why a network answers as it does: which parts of an image a class depends on,
 * what layers compute from it, and pictures of both.
 *
 * Maps are FV_F32 [rows, columns], of the image's size, in new memory. Networks
 * have one input of images, [h, w, c] without the batch, and run as in
 * evaluation; their weights, gradients and statistics stay as they are, and so
 * does the context's tape. `image` has the shape of the input, with a batch of
 * 1 or without one, in the order of the context, and holds the numbers that
 * fv_network_predict() takes. */
#ifndef FOVEA_EXPLAIN_H
#define FOVEA_EXPLAIN_H

#include <fovea/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/** In place of a class: the one that the network answers. */
#define FV_PREDICTED (-1)

/** What a network says of a class. The score is the (first) output for it,
 *  before a softmax, log_softmax or sigmoid at the end; the mean over all
 *  positions if the output has several. One output that is log odds tells
 *  classes 1 and, by its negative, 0. */
typedef struct fv_decision {
    int64_t class_index;
    int64_t classes; /**< that there are: the channels of the output, or 2 */
    double score;
    double probability; /**< NaN where the outputs are no probabilities: of a
                             network without a loss and without a softmax or
                             sigmoid at the end */
    const char *layer;  /**< of fv_grad_cam() and fv_feature_maps(), which tells
                             this alone: the layer that is shown; owned by the
                             network; NULL: none */
} fv_decision;

/** How to explain; zero is the default of each. */
typedef struct fv_explain_options {
    size_t size;
    /** name of a layer whose (first) output has rows and columns; the last one
     *  before the head, see fv_network_with_head() */
    const char *layer FV_ZERO;
    fv_decision *decision FV_ZERO; /**< gets the class that is explained */
    int32_t raw FV_ZERO;   /**< 1: a map's numbers as the formula has them; 0:
                                negative ones become 0, and the largest 1 */
    int32_t plain FV_ZERO; /**< 1: saliency by the gradient itself */
    int64_t window[2] FV_ZERO; /**< of occlusion, in pixels; a missing number
                                    repeats the first (1/8 of the image) */
    int64_t stride[2] FV_ZERO; /**< likewise (half the window) */
    double fill FV_ZERO;       /**< what the window is filled with (0) */
    int64_t most FV_ZERO;      /**< channels or filters in a picture (64) */
} fv_explain_options;

/** Grad-CAM (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep
 *  Networks via Gradient-based Localization", ICCV 2017): the values A of a
 *  layer's channels, added with weights that are the means of the gradients of
 *  the score, max(0, sum over k of a_k A_k), a_k = mean over i, j of
 *  d score / d A_k(i, j); scaled to the image bilinearly. `options` may be
 *  NULL. */
FV_API fv_tensor fv_grad_cam(fv_network *network, const fv_tensor *image,
                             int64_t class_index,
                             const fv_explain_options *options);
/** At each pixel the largest |gradient| of the score with respect to a channel
 *  (Simonyan et al., "Deep Inside Convolutional Networks", ICLR 2014), by
 *  guided backpropagation (Springenberg et al., "Striving for Simplicity: The
 *  All Convolutional Net", ICLR 2015): relu, relu6 and other clamps at 0 pass
 *  positive gradients only. With `plain`, by the gradient itself. */
FV_API fv_tensor fv_saliency(fv_network *network, const fv_tensor *image,
                             int64_t class_index,
                             const fv_explain_options *options);
/** By how much the output for the class falls where the image is covered
 *  (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks",
 *  ECCV 2014): the mean over the windows that cover a pixel. Windows begin at
 *  multiples of the stride and end at the image's edge. The output is that of
 *  fv_network_predict(): a probability, if the network ends with a softmax
 *  layer. */
FV_API fv_tensor fv_occlusion(fv_network *network, const fv_tensor *image,
                              int64_t class_index,
                              const fv_explain_options *options);

/** The channels of a layer's output for the image, each in colours of its own
 *  from its smallest value to its largest, as one picture, FV_U8 [rows,
 *  columns, 3] in new memory: small maps are enlarged, white lines lie between
 *  them. */
FV_API fv_tensor fv_feature_maps(fv_network *network, const fv_tensor *image,
                                 const fv_explain_options *options);
/** The filters of a two-dimensional convolution, the first one if no layer is
 *  named, as such a picture: in colours where they have 3 channels, else in
 *  grey, those of more than one channel in a row each. Each filter is scaled by
 *  its largest |weight|; 0 is the grey in the middle. */
FV_API fv_tensor fv_filters(fv_network *network,
                            const fv_explain_options *options);

/** A map, [rows, columns] of any real type, as a picture, FV_U8 [rows, columns,
 *  3] in new memory: 0 to 1 in the colours of viridis, dark blue to yellow
 *  (Smith and van der Walt, matplotlib 2.0, CC0), which are perceptually
 *  uniform; numbers beyond are as 0 and 1, NaN is as 0. */
FV_API fv_tensor fv_heat_map(fv_context *context, const fv_tensor *map);
/** The same laid over a picture, FV_U8 [rows, columns, 1 or 3], to whose size
 *  the map is scaled bilinearly. An opacity of 0 gives the picture, 1 the
 *  map. */
FV_API fv_tensor fv_overlay(fv_context *context, const fv_tensor *picture,
                            const fv_tensor *map, double opacity);

#ifdef __cplusplus
}
#endif
#endif
