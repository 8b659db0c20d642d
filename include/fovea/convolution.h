/** @file
 * One convolution, planned: algorithm, packed weights and scratch are settled
 * when it is made, and running it allocates nothing.
 *
 *     fv_conv *conv = fv_conv_plan(ctx, .in_shape = { 56, 56, 64 },
 *                                  .num_filters = 64, .kernel = { 3 },
 *                                  .padding = { 1, 1 });
 *     fv_conv_forward(conv, &x, &weight, &bias, NULL, &y);
 *
 * It is what layers and networks compute with, for programs that bring their
 * own memory: im2col and a matrix product in num.cr, a call of NNPACK. */
#ifndef FOVEA_CONVOLUTION_H
#define FOVEA_CONVOLUTION_H

#include <fovea/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A planned convolution; belongs to its context. */
typedef struct fv_conv fv_conv;

/** Options of fv_conv_plan(); pairs as in #fv_convolutional_options. */
typedef struct fv_conv_options {
    size_t size;
    fv_context *context;
    int64_t in_shape[3];              /**< required; {h, w, c} or {c, h, w} */
    int64_t num_filters;              /**< required */
    int64_t kernel[2];                /**< required; height, width */
    int64_t padding[2] FV_ZERO;       /**< zeros on both sides: rows, columns */
    int64_t stride[2] FV_ZERO;        /**< 0: 1 */
    int64_t dilation[2] FV_ZERO;      /**< 0: 1 */
    int64_t groups FV_ZERO;           /**< 0: 1 */
    int64_t padding_begin[2] FV_ZERO; /**< instead of padding: zeros above and
                                           to the left */
    int64_t padding_end[2] FV_ZERO;   /**< zeros below and to the right */
    int64_t batch FV_ZERO;            /**< 0: 1 */
    double clamp[2] FV_ZERO; /**< limits of y: {0, INFINITY} is ReLU, {0, 6} is
                                  ReLU6; both 0: none */
    int64_t max_workspace FV_ZERO; /**< bytes for each thread; 0: no limit,
                                        #FV_OFF: none */
    fv_algorithm algorithm FV_ZERO;
    int32_t strict FV_ZERO; /**< 1: only algorithms that round as plain sums
                                 do */
    int32_t forward_only FV_ZERO; /**< 1: no memory for gradients, which are
                                       refused */
    int32_t weights_unchanged FV_ZERO; /**< 1: packed weights are kept, see
                                            fv_conv_weights_changed() */
    const char *name FV_ZERO; /**< who it is in messages; NULL: "conv" */
    /** planes of an image, {d, h, w, c} or {c, d, h, w}; 0: it has one, and no
     *  axis for it */
    int64_t in_depth FV_ZERO;
    int64_t kernel_depth FV_ZERO;     /**< 0: 1, like the next two */
    int64_t stride_depth FV_ZERO;     /**< from plane to plane */
    int64_t dilation_depth FV_ZERO;   /**< from tap to tap */
    int64_t padding_depth[2] FV_ZERO; /**< planes of zeros before, behind */
} fv_conv_options;

/** `fv_conv_plan(ctx, .in_shape = { 28, 28, 1 }, .num_filters = 20,
 *  .kernel = { 5 })` */
#define fv_conv_plan(...)                                                      \
    fv_conv_new(FV_OPTIONS(fv_conv_options, .context = __VA_ARGS__))

/** Checks the geometry, chooses the algorithms and allocates everything. NULL
 *  after a failure. */
FV_API fv_conv *fv_conv_new(const fv_conv_options *options);
/** The convolution of a layer of kind "conv1d", "conv2d" or "conv3d", in a
 *  network or with in_shape, on `batch` images; that of one axis is one of
 *  images of one row. Bias and activation are the caller's to give, and
 *  `weights_unchanged` is the option of that name. Where a layer pads with
 * other numbers than zeros, its convolution takes padded images. */
FV_API fv_conv *fv_conv_of_layer(fv_layer *layer, int64_t batch,
                                 int weights_unchanged);
/** Frees it before its context. NULL is allowed. */
FV_API void fv_conv_free(fv_conv *conv);

/** Extents of one image that goes in, of one that comes out, and of the
 *  weights: [filters, kh, kw, c/groups] in either layout, with in_depth
 *  [filters, kd, kh, kw, c/groups]. */
FV_API fv_shape fv_conv_input_shape(const fv_conv *conv);
/** See fv_conv_input_shape(). */
FV_API fv_shape fv_conv_output_shape(const fv_conv *conv);
/** See fv_conv_input_shape(). */
FV_API fv_shape fv_conv_weight_shape(const fv_conv *conv);

/* Tensors are contiguous, of the context's type, images [batch, ...] in its
 * layout; FV_NCHW is permuted on the way in and out. Results are overwritten;
 * one that overlaps what is read, or another result, is refused. */

/** y = clamp(conv(x, weight) + bias + residual); bias [filters] and residual,
 *  of y's shape, may be NULL. A residual needs an FV_NHWC context. */
FV_API fv_status fv_conv_forward(fv_conv *conv, const fv_tensor *x,
                                 const fv_tensor *weight, const fv_tensor *bias,
                                 const fv_tensor *residual, const fv_tensor *y);
/** dx, from the gradient dy of the sums (what clamp does is not undone). */
FV_API fv_status fv_conv_backward_data(fv_conv *conv, const fv_tensor *dy,
                                       const fv_tensor *weight,
                                       const fv_tensor *dx);
/** dweight and, unless it is NULL, dbias [filters]. */
FV_API fv_status fv_conv_backward_weights(fv_conv *conv, const fv_tensor *x,
                                          const fv_tensor *dy,
                                          const fv_tensor *dweight,
                                          const fv_tensor *dbias);
/** Each call packs the weights anew. With the option `weights_unchanged` they
 *  are packed when they are first used and kept for the calls with weights at
 *  the same address: the caller promises that the numbers there stay as they
 *  are until this function is called. Memory that is freed and allocated again
 *  may have the same address, so call it then, too. */
FV_API void fv_conv_weights_changed(fv_conv *conv);

/** The directions of a convolution. */
typedef enum fv_conv_pass {
    FV_PASS_FORWARD = 0,
    FV_PASS_BACKWARD_DATA,
    FV_PASS_BACKWARD_WEIGHTS
} fv_conv_pass;

/** What is known of one direction before it runs. */
typedef struct fv_conv_facts {
    const char *algorithm;        /**< "im2col", ... */
    int64_t multiply_accumulates; /**< of the batch, by the definition */
    int64_t performed;    /**< those that the algorithm does in their place */
    size_t packed_bytes;  /**< of weights made ready; 0: used as they are */
    size_t scratch_bytes; /**< of working memory, shared by the directions */
    int32_t candidates;   /**< algorithms that were considered */
    int32_t reserved;
} fv_conv_facts;

/** Facts of a direction; zeros and NULL for a direction without memory. */
FV_API fv_conv_facts fv_conv_pass_facts(const fv_conv *conv, fv_conv_pass pass);

/** An algorithm that was considered for a direction. */
typedef struct fv_conv_candidate {
    const char *algorithm;  /**< "im2col", ... */
    const char *reason;     /**< why it was chosen, or was not */
    double cost;            /**< predicted time, in multiply-accumulates of
                                 vectors of 16; the lowest is chosen */
    size_t workspace_bytes; /**< of a thread, as max_workspace counts them */
    int32_t possible;       /**< 1: geometry and options allow it */
    int32_t chosen;         /**< 1: it is the direction's algorithm */
} fv_conv_candidate;

/** Candidate `index`, from 0; zeros and NULL when out of range. */
FV_API fv_conv_candidate fv_conv_pass_candidate(const fv_conv *conv,
                                                fv_conv_pass pass,
                                                int32_t index);

/** "auto", "reference", "im2col", ...: the words of the network text; NULL
 *  beyond the last. */
FV_API const char *fv_algorithm_name(fv_algorithm algorithm);

#ifdef __cplusplus
}
#endif
#endif
