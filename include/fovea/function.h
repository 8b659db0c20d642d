/** @file
 * Functions of variables that networks are made of: convolutions, pools,
 * normalisations, images in other sizes, recurrent networks. Images are
 * [n, h, w, c], sequences [n, l, c], volumes [n, d, h, w, c]. */
#ifndef FOVEA_FUNCTION_H
#define FOVEA_FUNCTION_H

#include <fovea/variable.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What stands outside an axis. */
typedef enum fv_padding_mode {
    FV_PAD_ZEROS = 0, /**< zeros */
    FV_PAD_REFLECT,   /**< the elements beside the edge, mirrored; at most one
                           fewer than there are */
    FV_PAD_REPLICATE, /**< the element at the edge */
    FV_PAD_CIRCULAR,  /**< the elements of the other end; at most as many as
                           there are */
    FV_PAD_CONSTANT   /**< a number */
} fv_padding_mode;

/** Puts `begin[i]` elements before axis i and `end[i]` behind it, as the mode
 *  says; a negative number takes elements away. `end` NULL: as `begin`. `value`
 *  is the number of #FV_PAD_CONSTANT. */
FV_API fv_variable *fv_pad(fv_variable *a, const int64_t begin[],
                           const int64_t end[], fv_padding_mode mode,
                           double value);

/** Convolution algorithms. Under FV_CONV_AUTO forward, input gradient and
 *  weight gradient of one layer each use the one that suits them. */
typedef enum fv_algorithm {
    FV_CONV_AUTO = 0,    /**< chosen by shape, type and options alone */
    FV_CONV_REFERENCE,   /**< plain loops, the definition */
    FV_CONV_IM2COL_GEMM, /**< column matrix and matrix product */
    FV_CONV_DIRECT,      /**< products over the image itself */
    FV_CONV_WINOGRAD,    /**< fewer products, at points of tiles */
    FV_CONV_DEPTHWISE,   /**< one filter for each channel: vectors over
                              channels */
    FV_CONV_COL2IM,      /**< as im2col; the input gradient's columns are added
                              where their taps lie */
    FV_CONV_GROUPED      /**< two groups or more, of few channels each: vectors
                              over the filters of several groups, or over the
                              pixels of a row */
} fv_algorithm;

/** As `max_workspace` of a convolution: no working memory. */
#define FV_OFF (-2147483647 - 1)

/** What takes the place of explicit padding numbers. */
typedef enum fv_auto_pad {
    FV_AUTO_PAD_EXPLICIT = 0,
    FV_AUTO_PAD_VALID, /**< none */
    FV_AUTO_PAD_SAME,  /**< output ceil(in / stride); the odd one at the end */
    FV_AUTO_PAD_SAME_LOWER, /**< the odd one at the beginning */
    FV_AUTO_PAD_CAUSAL      /**< convolutions of one axis: dilation (kernel - 1)
                                 zeros before and none after */
} fv_auto_pad;

/** Geometry and algorithm of a convolution. Numbers for axes are in the order
 *  of the axes: {columns}, {rows, columns} or {planes, rows, columns}. Padding
 *  is what is written; in stride and dilation, which cannot be 0, missing
 *  numbers repeat the first. */
typedef struct fv_convolution {
    int64_t stride[3] FV_ZERO;        /**< 0: 1 */
    int64_t dilation[3] FV_ZERO;      /**< 0: 1 */
    int64_t padding_begin[3] FV_ZERO; /**< zeros before: above, to the left */
    int64_t padding_end[3] FV_ZERO;   /**< zeros after: below, to the right */
    int64_t groups FV_ZERO;           /**< 0: 1 */
    int64_t max_workspace FV_ZERO;    /**< bytes for each thread; 0: no limit,
                                           #FV_OFF: none */
    fv_algorithm algorithm FV_ZERO;
    int32_t strict FV_ZERO; /**< only algorithms that round as plain sums do */
    fv_auto_pad auto_pad FV_ZERO; /**< in place of the numbers of padding */
    /** what the padding is; of a transposed convolution zeros */
    fv_padding_mode padding_mode FV_ZERO;
    double padding_value FV_ZERO; /**< of #FV_PAD_CONSTANT */
} fv_convolution;

/** Cross-correlation of x [n, h, w, c] with weight [filters, kh, kw, c/groups]
 *  plus bias [filters] or NULL -> [n, h', w', filters], where
 *  h' = floor((h + padding - dilation (kh - 1) - 1) / stride) + 1. Always
 *  NHWC. Padding is zeros that are multiplied like any input: beside a weight
 *  that is infinite or NaN it gives NaN. A NULL `geometry` is all defaults. */
FV_API fv_variable *fv_conv2d(fv_variable *x, fv_variable *weight,
                              fv_variable *bias,
                              const fv_convolution *geometry);
/** The same along one axis: x [n, l, c], weight [filters, k, c/groups]
 *  -> [n, l', filters]. */
FV_API fv_variable *fv_conv1d(fv_variable *x, fv_variable *weight,
                              fv_variable *bias,
                              const fv_convolution *geometry);
/** The same along three axes: x [n, d, h, w, c], weight [filters, kd, kh, kw,
 *  c/groups] -> [n, d', h', w', filters]. */
FV_API fv_variable *fv_conv3d(fv_variable *x, fv_variable *weight,
                              fv_variable *bias,
                              const fv_convolution *geometry);

/** Transposed convolution along one to three axes: x [n, ..., c], weight
 *  [c, ..., filters/groups], bias [filters] or NULL -> [n, ..., filters]. It is
 *  the gradient of the input of the convolution of that geometry: an extent is
 *  (in - 1) stride + dilation (kernel - 1) + 1 - padding + output_padding.
 *  Padding by FV_AUTO_PAD_SAME gives in stride. `output_padding` has a number
 *  for each axis, below its stride or its dilation; NULL: zeros. */
FV_API fv_variable *fv_conv_transpose_of(fv_variable *x, fv_variable *weight,
                                         fv_variable *bias,
                                         const fv_convolution *geometry,
                                         const int64_t output_padding[]);

/** Windows for fv_unfold() and fv_fold(); numbers for axes as in
 *  #fv_convolution. */
typedef struct fv_unfolding {
    int64_t kernel[3];                /**< missing numbers repeat the first */
    int64_t stride[3] FV_ZERO;        /**< 0: 1 */
    int64_t dilation[3] FV_ZERO;      /**< 0: 1 */
    int64_t padding_begin[3] FV_ZERO; /**< zeros before: above, to the left */
    int64_t padding_end[3] FV_ZERO;   /**< zeros after: below, to the right */
} fv_unfolding;

/** The windows of x [n, ..., c], along one to three axes, as columns [n,
 * windows, c * taps]: element c * taps + t is tap t of channel c, PyTorch's
 * order, and windows and taps are in the order of memory. */
FV_API fv_variable *fv_unfold(fv_variable *x, const fv_unfolding *window);
/** The reverse: an image [n, size..., c] of `axes` axes, at each pixel the sum
 * of the elements of x [n, windows, c * taps] that fv_unfold() would copy from
 *  there. */
FV_API fv_variable *fv_fold(fv_variable *x, int32_t axes, const int64_t size[],
                            const fv_unfolding *window);

/** Windows of a pooling operation on x [n, l, c], [n, h, w, c] or
 *  [n, d, h, w, c]. Arrays have a number for each axis between batch and
 *  channels, in their order. */
typedef struct fv_pooling {
    int64_t kernel[3];                /**< missing numbers repeat the first; so
                                           in stride and dilation */
    int64_t stride[3] FV_ZERO;        /**< 0: the kernel's */
    int64_t dilation[3] FV_ZERO;      /**< 0: 1 */
    int64_t padding_begin[3] FV_ZERO; /**< below kernel */
    int64_t padding_end[3] FV_ZERO;   /**< below kernel */
    int64_t divisor FV_ZERO;          /**< of averages; 0: the elements of the
                                           window, padding included */
    int32_t exclude_padding FV_ZERO;  /**< 1: averages divide by the elements of
                                           the window that lie in x */
    int32_t ceil_mode FV_ZERO;    /**< 1: the output is as large as the windows
                                       that begin in x, or before it, are many;
                                       what lies behind the padding is in no
                                       window */
    fv_auto_pad auto_pad FV_ZERO; /**< in place of the numbers of padding */
    int32_t reserved FV_ZERO;
} fv_pooling;

/** Largest value of each window of x; padding never wins, NaN does; the first
 *  of equals gets the gradient. */
FV_API fv_variable *fv_maxpool_of(fv_variable *x, const fv_pooling *pooling);
/** The same, and the position of each in its plane, that of an element of the
 *  axes between batch and channels in row-major order: outputs[1], of
 *  #FV_I64; -1 where a window has no element of x. After a failure both are
 *  NULL. */
FV_API fv_status fv_maxpool_indices(fv_variable *x, const fv_pooling *pooling,
                                    fv_variable *outputs[2]);
/** The inverse: x at the positions `indices` of a value that is zero elsewhere;
 *  of values at one position the last is taken, and all get the gradient.
 *  Positions outside of it are left out. `size` has the extents of the axes
 *  between batch and channels, each less than the stride from the smallest that
 *  the windows fill; NULL: that one. */
FV_API fv_variable *fv_max_unpool(fv_variable *x, fv_variable *indices,
                                  const fv_pooling *pooling,
                                  const int64_t size[]);
/** Mean of each window. */
FV_API fv_variable *fv_avgpool_of(fv_variable *x, const fv_pooling *pooling);
/** (sum of x^p)^(1/p) of each window; p is above 0. Where that is 0, no
 * gradient passes. A window that ceil mode cuts short is as any other; PyTorch
 *  multiplies its sum by the quotient of the sizes. */
FV_API fv_variable *fv_lppool_of(fv_variable *x, double p,
                                 const fv_pooling *pooling);
/** Mean of windows that divide x evenly: along an axis of i elements, output t
 *  of T is that of the elements from floor(t i / T) to, and without,
 *  ceil((t + 1) i / T). `size` has T for each axis between batch and channels:
 *  0 repeats the first, -1 stands for i. */
FV_API fv_variable *fv_adaptive_avgpool_of(fv_variable *x,
                                           const int64_t size[]);
/** The largest value of each of these windows. */
FV_API fv_variable *fv_adaptive_maxpool_of(fv_variable *x,
                                           const int64_t size[]);
/** Mean of each channel's plane: [n, h, w, c] -> [n, 1, 1, c]; so with one or
 *  three axes between batch and channels. */
FV_API fv_variable *fv_global_average_pool_of(fv_variable *x);
/** The largest value of each channel's plane. */
FV_API fv_variable *fv_global_max_pool_of(fv_variable *x);

/** How an image is read between its pixels. */
typedef enum fv_resize_mode {
    FV_RESIZE_NEAREST = 0,
    FV_RESIZE_LINEAR, /**< along each axis: bilinear, trilinear */
    FV_RESIZE_CUBIC   /**< of one or two axes */
} fv_resize_mode;

/** Coordinate x in the input of pixel o of the output, where s is the scale,
 *  output size / input size unless it is given. */
typedef enum fv_resize_coordinates {
    FV_RESIZE_HALF_PIXEL = 0,     /**< (o + 0.5) / s - 0.5 */
    FV_RESIZE_ALIGN_CORNERS,      /**< o (input - 1) / (output - 1) */
    FV_RESIZE_ASYMMETRIC,         /**< o / s */
    FV_RESIZE_PYTORCH_HALF_PIXEL, /**< half_pixel, but 0 if the output is one
                                       pixel */
    FV_RESIZE_SYMMETRIC,          /**< half_pixel, but the middles of input and
                                       output meet whatever the size is rounded to */
    FV_RESIZE_TF_HALF_PIXEL,      /**< (o + 0.5) / s */
    FV_RESIZE_CROP /**< from region_begin (input - 1) to region_end
                        (input - 1), one pixel in the middle; zeros
                        are read outside of the input */
} fv_resize_coordinates;

/** How `nearest` rounds a coordinate. PyTorch's "nearest" is `asymmetric` with
 *  `floor`, its "nearest-exact" `half_pixel` with `round_prefer_ceil`. */
typedef enum fv_resize_rounding {
    FV_RESIZE_ROUND_PREFER_FLOOR = 0, /**< to the nearest, halves down */
    FV_RESIZE_ROUND_PREFER_CEIL,      /**< to the nearest, halves up */
    FV_RESIZE_FLOOR,
    FV_RESIZE_CEIL
} fv_resize_rounding;

/** What sizes mean for the proportions of an image. */
typedef enum fv_resize_fit {
    FV_RESIZE_STRETCH = 0, /**< they are the output's */
    FV_RESIZE_NOT_LARGER, /**< one scale for all axes, the largest with which no
                               axis is larger */
    FV_RESIZE_NOT_SMALLER /**< ... the smallest with which none is smaller */
} fv_resize_fit;

/** Filters as wide as the pixels of a smaller output. */
typedef enum fv_resize_antialias {
    FV_RESIZE_SHARP = 0,
    FV_RESIZE_SMOOTH,       /**< what lies outside is left out, as in Pillow */
    FV_RESIZE_SMOOTH_BORDER /**< the border is repeated there, as in ONNX */
} fv_resize_antialias;

/** Resizing of images, either to sizes or by scales; a number for each axis, in
 *  order of memory, where missing numbers repeat the first. */
typedef struct fv_resizing {
    int64_t sizes[3] FV_ZERO; /**< of the output; #FV_OPEN: as the input's */
    double scales[3] FV_ZERO; /**< output size floor(input scale) */
    fv_resize_mode mode FV_ZERO;
    fv_resize_coordinates coordinates FV_ZERO;
    fv_resize_rounding rounding FV_ZERO;
    fv_resize_antialias antialias FV_ZERO; /**< with linear, cubic and
                                                half_pixel */
    int32_t exclude_outside FV_ZERO; /**< 1: what lies outside has weight 0, and
                                          the others sum to 1; else the border
                                          is repeated */
    fv_resize_fit fit FV_ZERO;
    double cubic_coefficient FV_ZERO; /**< 0: -0.75, with antialias -0.5 */
    double region_begin[3] FV_ZERO; /**< of #FV_RESIZE_CROP, as parts of the */
    double region_end[3] FV_ZERO;   /**< input: 0 to 1 is all of it */
} fv_resizing;

/** Resizes x [n, l, c], [n, h, w, c] or [n, d, h, w, c]. */
FV_API fv_variable *fv_resize_of(fv_variable *x, const fv_resizing *resizing);

/** How the channels c r r of an image, which become r x r pixels of c channels,
 *  are numbered. */
typedef enum fv_depth_order {
    FV_DEPTH_CRD = 0, /**< channel, row, column, as in PyTorch */
    FV_DEPTH_DCR      /**< row, column, channel */
} fv_depth_order;

/** [n, h, w, c r r] -> [n, h r, w r, c], for an upscale factor r. */
FV_API fv_variable *fv_pixel_shuffle_of(fv_variable *x, int64_t factor,
                                        fv_depth_order order);
/** The inverse: [n, h r, w r, c] -> [n, h, w, c r r]. */
FV_API fv_variable *fv_pixel_unshuffle_of(fv_variable *x, int64_t factor,
                                          fv_depth_order order);
/** Channel g (c / groups) + k, of the last axis, becomes channel
 *  k groups + g. */
FV_API fv_variable *fv_channel_shuffle_of(fv_variable *x, int64_t groups);

/** Regions of images, pooled to one size, as torchvision's roi_align. */
typedef struct fv_roi_pooling {
    int64_t height, width;   /**< of the output */
    int64_t samples FV_ZERO; /**< of each output pixel along an axis, up to
                                  1024; 0: as many as pixels of the input */
    double scale;            /**< pixels for each unit of the regions */
    int32_t aligned FV_ZERO; /**< 1: pixels' centres are half a pixel from
                                  their corner; else at it, and regions have at
                                  least a pixel */
    int32_t largest FV_ZERO; /**< 1: instead of the mean of samples the largest
                                  of their four weighted pixels, as ONNX */
} fv_roi_pooling;

/** Regions [r, 4], x1, y1, x2, y2, of images x [n, h, w, c], whose numbers are
 *  FV_I64 or FV_I32 [r] -> [r, height, width, c]; NaN where there is no such
 *  image or the region is not finite. Regions get no gradient. */
FV_API fv_variable *fv_roi_align(fv_variable *x, fv_variable *regions,
                                 fv_variable *images,
                                 const fv_roi_pooling *pooling);

/** How an image is read at a point of a grid. */
typedef enum fv_sample_mode {
    FV_SAMPLE_BILINEAR = 0,
    FV_SAMPLE_NEAREST,
    FV_SAMPLE_BICUBIC
} fv_sample_mode;

/** What lies outside of the image. */
typedef enum fv_sample_padding {
    FV_SAMPLE_ZEROS = 0,
    FV_SAMPLE_BORDER,    /**< the pixels of the border */
    FV_SAMPLE_REFLECTION /**< the image, mirrored */
} fv_sample_padding;

/** As PyTorch's grid_sample has them. */
typedef struct fv_sampling {
    fv_sample_mode mode FV_ZERO;
    fv_sample_padding padding FV_ZERO;
    int32_t align_corners FV_ZERO; /**< 1: -1 and 1 are the centres of the
                                        pixels at the border, else its edges */
    int32_t reserved FV_ZERO;
} fv_sampling;

/** x [n, h, w, c] at the points of grid [n, h', w', 2] -> [n, h', w', c]. A
 *  point is x, then y, from -1 to 1 across the image; at one that is NaN, zeros
 *  are read. A NULL `sampling` is all defaults. */
FV_API fv_variable *fv_grid_sample_of(fv_variable *x, fv_variable *grid,
                                      const fv_sampling *sampling);
/** The grid [n, height, width, 2] of the maps theta [n, 2, 3]: each point is
 *  theta (x, y, 1), where x and y go from -1 to 1. */
FV_API fv_variable *fv_affine_grid_of(fv_variable *theta, int64_t height,
                                      int64_t width, int32_t align_corners);

/** Batch normalisation over all axes but the last. gamma, beta, mean and
 *  variance are [c]. In training the batch's statistics are used and the
 *  running ones updated in place: r = (1 - momentum) r + momentum b, with the
 *  unbiased variance, as in PyTorch. gamma and beta may both be NULL, and so
 *  may mean and variance: then the batch's are used in evaluation, too. */
FV_API fv_variable *fv_batchnorm_of(fv_variable *x, fv_variable *gamma,
                                    fv_variable *beta, fv_variable *mean,
                                    fv_variable *variance, double epsilon,
                                    double momentum);
/** The elements along the last `axes` axes shifted and scaled to mean 0 and
 *  variance 1: (x - mean) / sqrt(variance + epsilon) gamma + beta. gamma and
 *  beta have the shape of those axes; beta, or both, may be NULL. */
FV_API fv_variable *fv_layernorm_of(fv_variable *x, fv_variable *gamma,
                                    fv_variable *beta, int32_t axes,
                                    double epsilon);
/** x / sqrt(mean of x^2 + epsilon) gamma over the last `axes` axes; gamma has
 *  the shape of those axes, or is NULL. */
FV_API fv_variable *fv_rmsnorm_of(fv_variable *x, fv_variable *gamma,
                                  int32_t axes, double epsilon);
/** x / max(sqrt(sum of x^2), epsilon) over the last `axes` axes. */
FV_API fv_variable *fv_l2norm_of(fv_variable *x, int32_t axes, double epsilon);
/** The channels, the last axis of x [n, ..., c], in `groups` groups of
 *  neighbours, each group of each image shifted and scaled to mean 0 and
 *  variance 1, then by gamma and beta [c]; beta, or both, may be NULL. */
FV_API fv_variable *fv_groupnorm_of(fv_variable *x, fv_variable *gamma,
                                    fv_variable *beta, int64_t groups,
                                    double epsilon);
/** The same with groups of one channel. */
FV_API fv_variable *fv_instancenorm_of(fv_variable *x, fv_variable *gamma,
                                       fv_variable *beta, double epsilon);
/** Local response normalisation across the channels, as PyTorch defines it. */
typedef struct fv_response_norm {
    int64_t channels; /**< of a window; of an even number, one more lies before
                           the channel than behind it */
    double alpha, beta, k;
} fv_response_norm;

/** x / (k + alpha / channels (sum of x^2 over the window))^beta along the last
 *  axis, with zeros beyond its ends. */
FV_API fv_variable *fv_lrn_of(fv_variable *x, const fv_response_norm *response);
/* Weights [filters, ...] that are functions of parameters. */
/** Each filter shifted and scaled to mean 0 and variance 1, as
 *  fv_layernorm_of(). */
FV_API fv_variable *fv_standardise_weight(fv_variable *weight, double epsilon);
/** Weight normalisation: each filter is its direction times a length, of
 *  [filters] or [filters, 1, ...]: length direction / |direction|. */
FV_API fv_variable *fv_weight_norm(fv_variable *direction, fv_variable *length);
/** The weight divided by u^T W v, its largest singular value, for u [filters]
 *  and v [weights a filter], which may have the shape of one filter. In
 * training, but not in a gradient check, a step of power iteration updates them
 * in place before: v is W^T u, then u is W v, both of unit length. No gradient
 * passes through u and v. */
FV_API fv_variable *fv_spectral_norm(fv_variable *weight, fv_variable *u,
                                     fv_variable *v);
/** In training drops each element with `probability` and scales the others by
 *  1 / (1 - probability); in evaluation the identity. */
FV_API fv_variable *fv_dropout_of(fv_variable *x, double probability);
/** The same, for whole channels of an image: x [n, ..., c]. */
FV_API fv_variable *fv_spatial_dropout_of(fv_variable *x, double probability);

/** The same with SELU's limit, -1.758, in place of 0; then all are mapped so
 *  that mean 0 and variance 1 stay. */
FV_API fv_variable *fv_alpha_dropout_of(fv_variable *x, double probability);

/** What stochastic depth drops together. */
typedef enum fv_stochastic_depth_mode {
    FV_STOCHASTIC_DEPTH_ROW = 0, /**< each image of the batch by itself */
    FV_STOCHASTIC_DEPTH_BATCH    /**< all or none */
} fv_stochastic_depth_mode;

/** The same, for whole images: x [n, ...]. */
FV_API fv_variable *fv_stochastic_depth_of(fv_variable *x, double probability,
                                           fv_stochastic_depth_mode mode);
/** In training adds random numbers of a normal distribution with mean 0; in
 *  evaluation the identity. */
FV_API fv_variable *fv_gaussian_noise_of(fv_variable *x, double deviation);
/** x > 0 ? x : slope x: slope [c] for the last axis of x, or [1]. */
FV_API fv_variable *fv_prelu_of(fv_variable *x, fv_variable *slope);
/** exp(x) / sum exp(x) over the last axis. */
FV_API fv_variable *fv_softmax_of(fv_variable *x);
/** The logarithm of that, which stays finite. */
FV_API fv_variable *fv_log_softmax_of(fv_variable *x);
/** The same along any axis. */
FV_API fv_variable *fv_softmax_axis(fv_variable *x, int32_t axis);
/** The same along any axis. */
FV_API fv_variable *fv_log_softmax_axis(fv_variable *x, int32_t axis);
/** Minus infinity above the diagonal of the last two axes. */
FV_API fv_variable *fv_causal_mask(fv_variable *x);
/** softmax(query key^T / sqrt(features) + mask) value, for query [..., t, d],
 *  key [..., s, d] and value [..., s, v]. The mask, which broadcasts to
 *  [..., t, s], may be NULL; with `causal`, position i does not see those
 *  behind it. */
FV_API fv_variable *fv_attention_of(fv_variable *query, fv_variable *key,
                                    fv_variable *value, fv_variable *mask,
                                    int32_t causal);

/** Weights and further inputs of a recurrent operation. Arrays have the
 *  forward direction first; the second is NULL where there is one only. */
typedef struct fv_recurrent {
    fv_variable *weight_ih[2];       /**< [gates h, features] */
    fv_variable *weight_hh[2];       /**< [gates h, h] */
    fv_variable *bias_ih[2] FV_ZERO; /**< [gates h]; NULL: none, as bias_hh */
    fv_variable *bias_hh[2] FV_ZERO;
    fv_variable *first_h FV_ZERO; /**< [n, directions h]; NULL: zeros */
    fv_variable *first_c FV_ZERO; /**< the same, of an LSTM, with first_h */
    fv_variable *lengths FV_ZERO; /**< FV_I64 [n]: positions from there on are
                                       zeros in the output and leave the state
                                       as it is; NULL: all positions count */
    int32_t reversed FV_ZERO; /**< 1: the only direction begins at the end */
    int32_t reserved FV_ZERO;
} fv_recurrent;

/** Long short-term memory over the positions of x [n, t, features], as
 *  PyTorch's: gates i, f, g, o are sums of x weight_ih^T + bias_ih and
 *  h weight_hh^T + bias_hh; c = sigmoid(f) c + sigmoid(i) tanh(g),
 *  h = sigmoid(o) tanh(c). Returns h of all positions, [n, t, h] or, in both
 *  directions, [n, t, 2 h]. `last_h` and `last_c`, if not NULL, get those after
 *  the last step of each direction, [n, directions h]. */
FV_API fv_variable *fv_lstm_of(fv_variable *x, const fv_recurrent *recurrent,
                               fv_variable **last_h, fv_variable **last_c);
/** Gated recurrent units, as PyTorch's: gates r, z, n;
 *  n = tanh(x part + sigmoid(r) h part), h = (1 - sigmoid(z)) n + sigmoid(z) h;
 *  else as fv_lstm_of(). */
FV_API fv_variable *fv_gru_of(fv_variable *x, const fv_recurrent *recurrent,
                              fv_variable **last_h);
/** h = tanh(x weight_ih^T + bias_ih + h weight_hh^T + bias_hh); else as
 *  fv_lstm_of(). */
FV_API fv_variable *fv_rnn_of(fv_variable *x, const fv_recurrent *recurrent,
                              fv_variable **last_h);

#ifdef __cplusplus
}
#endif
#endif
