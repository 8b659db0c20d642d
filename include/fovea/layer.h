/** @file
 * Layers: recipes that own parameters and are made of operators.
 *
 * A layer is made from a context and named options, then used alone or added
 * to a network. Its weights are drawn when it is first used.
 *
 *     fv_layer *conv = fv_convolutional(ctx, .in_shape = { 28, 28, 1 },
 *                                       .num_filters = 20, .kernel = { 5, 5 });
 *     fv_variable *y = fv_layer_forward(conv, x);
 *
 * A number in options is what is written, zero too: `.padding = { 1, 0 }` is
 * one row and no column. Where zero cannot be meant, it stands for the default,
 * and a missing second number repeats the first: `.kernel = { 5 }` is 5 x 5.
 *
 * This file is longer than 600 lines because every layer has its options and
 * its maker here. */
#ifndef FOVEA_LAYER_H
#define FOVEA_LAYER_H

#include <fovea/function.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A layer; belongs to its context. */
typedef struct fv_layer fv_layer;

/** Extents without the batch: {h, w, c} or, in an FV_NCHW context, {c, h, w};
 *  {n} after flatten and linear. */
typedef struct fv_shape {
    int32_t rank; /**< -1: unknown, or a failure */
    int32_t reserved;
    int64_t extent[FV_MAX_RANK]; /**< #FV_OPEN: of any size */
} fv_shape;

/** An extent that differs from batch to batch: `fv_input(ctx, FV_OPEN, FV_OPEN,
 *  3)`, in the network text `input ? ? 3`. */
#define FV_OPEN (-1)
/** The most extents that an image may have. */
#define FV_MAX_EXTENTS (FV_MAX_RANK - 1)

/** Applies the layer to a batch, x [n, in_shape...]. NULL after a failure. */
FV_API fv_variable *fv_layer_forward(fv_layer *layer, fv_variable *x);
/** The same for layers with several inputs (add, concat) or a target. */
FV_API fv_variable *fv_layer_forward_n(fv_layer *layer, int32_t count,
                                       fv_variable *const inputs[]);
/** The same for the first `num_outputs` outputs, NULL for those that the layer
 *  does not have and after a failure. */
FV_API fv_status fv_layer_apply(fv_layer *layer, int32_t count,
                                fv_variable *const inputs[],
                                int32_t num_outputs, fv_variable *outputs[]);
/** Shape of one output, known as soon as `in_shape` is. */
FV_API fv_shape fv_layer_output_shape(fv_layer *layer);
/** Trainable parameters: weight, then bias. Draws them if need be. */
FV_API fv_variables fv_layer_variables(fv_layer *layer);
/** "conv2d", "relu": the word of the network text. */
FV_API const char *fv_layer_kind(const fv_layer *layer);
/** "conv1", or the name that was given. */
FV_API const char *fv_layer_name(const fv_layer *layer);

/** A kind of layer, for programs that list them. */
typedef struct fv_layer_kind_facts {
    const char *kind;   /**< NULL: there is none at that index */
    const char *about;  /**< what it computes, in a line */
    int32_t min_inputs; /**< without the target of a loss */
    int32_t max_inputs;
    int32_t loss; /**< 1: it takes a target and ends a network */
    int32_t reserved;
} fv_layer_kind_facts;

/** An option of a kind of layer, as the network text has it. */
typedef struct fv_layer_option {
    const char *name; /**< NULL: there is none at that index */
    const char *type; /**< "whole number", "whole number, maybe negative", "two
                           whole numbers", "three whole numbers", "one to seven
                           whole numbers", "list of whole numbers", "number",
                           "number, or two", "list of numbers",
                           "yes or no", "word", "text" */
    const char *const *words; /**< that stand for it, NULL behind the last, ""
                                   is none; NULL: no words */
    const char *range; /**< of a number: "above 0 and at most 1"; NULL: any */
    const char *as;    /**< the option whose value is its default; NULL: none */
    double usual;      /**< its default where `as` is NULL, for words the
                            index of one; INFINITY: no limit */
    double high; /**< the second number of a default of two; 0: it is one */
    int32_t required;    /**< 1: it has no default */
    int32_t by_position; /**< 1: it may stand without its name */
} fv_layer_option;

/** The kind at an index from 0, in alphabetical order. */
FV_API fv_layer_kind_facts fv_layer_kind_at(int32_t index);
/** Option `option`, from 0, of the kind at `index`. */
FV_API fv_layer_option fv_layer_option_at(int32_t index, int32_t option);

/** How weights are drawn. `fan` is fan_in, fan_out or their mean:
 *  Kaiming variance 2/fan, Xavier 2/(fan_in + fan_out), LeCun 1/fan_in. A
 *  convolution's fan_in is kh kw c/groups, its fan_out kh kw
 *  filters/groups. */
typedef enum fv_initializer {
    FV_INIT_DEFAULT = 0, /**< Kaiming normal for weights, zeros for biases */
    FV_INIT_KAIMING_NORMAL,
    FV_INIT_KAIMING_UNIFORM,
    FV_INIT_XAVIER_NORMAL,
    FV_INIT_XAVIER_UNIFORM,
    FV_INIT_LECUN_NORMAL,
    FV_INIT_LECUN_UNIFORM,
    FV_INIT_ZEROS,
    FV_INIT_CONSTANT,         /**< `init_value` */
    FV_INIT_NORMAL,           /**< of `init_deviation` */
    FV_INIT_TRUNCATED_NORMAL, /**< the same within two deviations */
    FV_INIT_UNIFORM,          /**< from `init_low` to `init_high` */
    FV_INIT_ORTHOGONAL,       /**< rows, or columns where there are fewer, are
                                   orthogonal and `init_gain` long; an array of
                                   weights is a matrix with a row for each
                                   filter */
    FV_INIT_DIRAC,   /**< convolutions that pass their channels on: 1 at the
                          middle tap of filter i and channel i of each group
                          */
    FV_INIT_IDENTITY /**< of a matrix */
} fv_initializer;

/** Which number of connections a variance is divided by. */
typedef enum fv_fan { FV_FAN_IN = 0, FV_FAN_OUT, FV_FAN_AVERAGE } fv_fan;

/** What the weight of a layer is computed from, with PyTorch's names of the
 *  parameters. A filter is what one output is a sum with. */
typedef enum fv_parametrization {
    FV_PARAMETRIZATION_NONE = 0,     /**< `weight` itself */
    FV_PARAMETRIZATION_STANDARDISE,  /**< `weight`, each filter shifted and
                                          scaled to mean 0 and variance 1:
                                          (w - mean) / sqrt(variance +
                                          `weight_epsilon`) */
    FV_PARAMETRIZATION_WEIGHT_NORM,  /**< fv_weight_norm() of the direction
                                          `weight_v` and the length `weight_g`,
                                          one for each index of the first axis
                                          of the weight, which are drawn as
                                          `weight` is */
    FV_PARAMETRIZATION_SPECTRAL_NORM /**< fv_spectral_norm() of `weight_orig`;
                                          its vectors `weight_u` and `weight_v`
                                          are running state, which 15 steps of
                                          the iteration begin */
} fv_parametrization;

/* Options begin with what is required; the others are zero unless they are
 * named, and their comments say what zero means. Two macros hold the options
 * that every layer has, one those of layers with weights. */
/** `in_shape`: required for a layer with weights that is used alone. */
#define FV_LAYER_SHAPE int64_t in_shape[FV_MAX_EXTENTS] FV_ZERO
/** `name`, NULL: kind and number; `from`: names of the layers it reads,
 *  separated by commas, "split1:1" for an output that is not the first, NULL:
 *  the layer before; `weights`: the layer of the same kind whose parameters it
 *  shares, NULL: it has its own. */
#define FV_LAYER_NAMES                                                         \
    const char *name FV_ZERO;                                                  \
    const char *from FV_ZERO;                                                  \
    const char *weights FV_ZERO

/** How weights are drawn. */
#define FV_LAYER_INIT                                                          \
    fv_initializer init FV_ZERO;                                               \
    fv_fan init_fan FV_ZERO;                                                   \
    double init_value FV_ZERO;     /**< of a constant */                       \
    double init_gain FV_ZERO;      /**< 0: 1 */                                \
    double init_deviation FV_ZERO; /**< above 0; 0: 1 */                       \
    double init_low FV_ZERO;       /**< both 0: from 0 to 1 */                 \
    double init_high FV_ZERO

/** Numbers of the caller, read before the function returns. */
typedef struct fv_numbers {
    int64_t count;    /**< 0: none */
    const double *at; /**< */
} fv_numbers;

/** Options of layers that have no others. */
typedef struct fv_layer_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
} fv_layer_options;

/** The element type of an input. */
typedef enum fv_input_type {
    FV_INPUT_REAL = 0, /**< that of the context */
    FV_INPUT_I64,
    FV_INPUT_I32,
    FV_INPUT_U8,
    FV_INPUT_BOOL
} fv_input_type;

/** Options of fv_input(). */
typedef struct fv_input_options {
    size_t size;
    fv_context *context;
    /** {h, w, c} or {c, h, w}; {n} for vectors; {l, c} and {d, h, w, c} for 1
     *  and 3 axes; all but channels may be #FV_OPEN */
    int64_t shape[FV_MAX_EXTENTS];
    FV_LAYER_SHAPE;
    fv_input_type type FV_ZERO;
    int32_t no_batch FV_ZERO; /**< 1: the extents are all that it has; else a
                                   batch is before them */
    FV_LAYER_NAMES;
} fv_input_options;

/** Options of fv_convolutional(). The input decides how many axes it has: 1
 *  for {l, c}, 2 for {h, w, c}, 3 for {d, h, w, c}. Numbers for axes are in
 *  that order, and padding is what is written. */
typedef struct fv_convolutional_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    int64_t num_filters;              /**< required */
    int64_t kernel[3];                /**< required; height, width */
    int64_t padding[3] FV_ZERO;       /**< zeros on both sides: rows, columns */
    int64_t stride[3] FV_ZERO;        /**< 0: 1 */
    int64_t dilation[3] FV_ZERO;      /**< 0: 1 */
    int64_t groups FV_ZERO;           /**< 0: 1 */
    int64_t padding_begin[3] FV_ZERO; /**< instead of padding: zeros above and
                                           to the left */
    int64_t padding_end[3] FV_ZERO;   /**< zeros below and to the right */
    fv_auto_pad auto_pad FV_ZERO;     /**< causal: one axis only */
    int32_t no_bias FV_ZERO;          /**< 1: the sums alone */
    FV_LAYER_INIT;
    int64_t max_workspace FV_ZERO; /**< bytes for each thread; 0: no limit,
                                        #FV_OFF: none */
    fv_algorithm algorithm FV_ZERO;
    int32_t strict FV_ZERO; /**< 1: only algorithms that round as plain sums
                                 do */
    fv_padding_mode padding_mode FV_ZERO; /**< what stands there in place of
                                               zeros */
    int32_t depthwise FV_ZERO; /**< 1: as many groups as there are channels */
    double padding_value FV_ZERO; /**< of #FV_PAD_CONSTANT */
    fv_parametrization parametrization FV_ZERO;
    int32_t reserved FV_ZERO;
    double weight_epsilon FV_ZERO; /**< of standardised weights; 0: 1e-5 */
    FV_LAYER_NAMES;
} fv_convolutional_options;

/** Options of fv_conv_transpose(); numbers for axes as in
 *  #fv_convolutional_options. An extent of the output is (in - 1) stride +
 *  dilation (kernel - 1) + 1 - padding + output_padding. */
typedef struct fv_conv_transpose_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    int64_t num_filters;               /**< required */
    int64_t kernel[3];                 /**< required; height, width */
    int64_t padding[3] FV_ZERO;        /**< taken from both sides of the
                                            output: rows, columns */
    int64_t output_padding[3] FV_ZERO; /**< added to the end; below stride or
                                            dilation */
    int64_t stride[3] FV_ZERO;         /**< 0: 1 */
    int64_t dilation[3] FV_ZERO;       /**< 0: 1 */
    int64_t groups FV_ZERO;            /**< 0: 1 */
    int64_t padding_begin[3] FV_ZERO;  /**< instead of padding: above and to the
                                            left */
    int64_t padding_end[3] FV_ZERO;    /**< below and to the right */
    fv_auto_pad auto_pad FV_ZERO;      /**< same: the output is in stride */
    int32_t no_bias FV_ZERO;           /**< 1: the sums alone */
    FV_LAYER_INIT;
    int64_t max_workspace FV_ZERO; /**< bytes for each thread; 0: no limit,
                                        #FV_OFF: none */
    fv_algorithm algorithm FV_ZERO;
    int32_t strict FV_ZERO; /**< 1: only algorithms that round as plain sums
                                 do */
    fv_parametrization parametrization FV_ZERO;
    int32_t reserved FV_ZERO;
    double weight_epsilon FV_ZERO; /**< of standardised weights; 0: 1e-5 */
    FV_LAYER_NAMES;
} fv_conv_transpose_options;

/** Options of fv_separable_conv2d(): `multiplier` filters for each channel,
 *  then filters of 1x1 over all of their outputs. */
typedef struct fv_separable_conv2d_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    int64_t num_filters;              /**< required */
    int64_t kernel[3];                /**< required; height, width */
    int64_t padding[3] FV_ZERO;       /**< zeros on both sides: rows, columns */
    int64_t stride[3] FV_ZERO;        /**< 0: 1 */
    int64_t dilation[3] FV_ZERO;      /**< 0: 1 */
    int64_t multiplier FV_ZERO;       /**< 0: 1 */
    int64_t padding_begin[3] FV_ZERO; /**< instead of padding: zeros above and
                                           to the left */
    int64_t padding_end[3] FV_ZERO;   /**< zeros below and to the right */
    fv_auto_pad auto_pad FV_ZERO;
    int32_t no_bias FV_ZERO; /**< 1: the sums alone */
    FV_LAYER_INIT;
    FV_LAYER_NAMES;
} fv_separable_conv2d_options;

/** Options of fv_linear(). */
typedef struct fv_linear_options {
    size_t size;
    fv_context *context;
    int64_t num_outputs; /**< required */
    FV_LAYER_SHAPE;
    int32_t no_bias FV_ZERO; /**< 1: the sums alone */
    fv_parametrization parametrization FV_ZERO;
    FV_LAYER_INIT;
    double weight_epsilon FV_ZERO; /**< of standardised weights; 0: 1e-5 */
    FV_LAYER_NAMES;
} fv_linear_options;

/** Options of fv_maxpool(), fv_avgpool() and fv_lppool(). The input decides
 *  along how many axes: {l, c}, {h, w, c} or {d, h, w, c}; arrays have a number
 *  for each, in that order. */
typedef struct fv_pool_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    int64_t kernel[3];                /**< required; missing numbers repeat the
                                           first */
    int64_t padding[3] FV_ZERO;       /**< on both sides, below kernel */
    int64_t stride[3] FV_ZERO;        /**< 0: the kernel's */
    int64_t dilation[3] FV_ZERO;      /**< 0: 1 */
    int64_t padding_begin[3] FV_ZERO; /**< instead of padding: above and to the
                                           left */
    int64_t padding_end[3] FV_ZERO;   /**< below and to the right */
    fv_auto_pad auto_pad FV_ZERO;
    int32_t ceil_mode FV_ZERO; /**< 1: windows may reach past the padding, see
                                    #fv_pooling */
    int32_t exclude_padding FV_ZERO; /**< 1: averages divide by what lies in the
                                          image alone */
    int32_t reserved FV_ZERO;
    int64_t divisor FV_ZERO; /**< of averages; 0: the size of the window */
    double p FV_ZERO;        /**< of fv_lppool(), above 0; 0: 2 */
    FV_LAYER_NAMES;
} fv_pool_options;

/** Options of fv_adaptive_avgpool() and fv_adaptive_maxpool(). */
typedef struct fv_adaptive_pool_options {
    size_t size;
    fv_context *context;
    int64_t output[FV_MAX_EXTENTS]; /**< required: a size for each axis, missing
                                         ones repeat the first; #FV_OPEN: that
                                         of the image */
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
} fv_adaptive_pool_options;

/** Options of fv_dropout(). */
typedef struct fv_dropout_options {
    size_t size;
    fv_context *context;
    double probability; /**< required, 0 to 1; of dropping a value */
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
} fv_dropout_options;

/** Options of fv_stochastic_depth(). */
typedef struct fv_stochastic_depth_options {
    size_t size;
    fv_context *context;
    double probability; /**< required, 0 to 1; of dropping an image */
    FV_LAYER_SHAPE;
    fv_stochastic_depth_mode mode FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_stochastic_depth_options;

/** Options of fv_gaussian_noise(). */
typedef struct fv_gaussian_noise_options {
    size_t size;
    fv_context *context;
    double deviation; /**< required; at least 0 */
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
} fv_gaussian_noise_options;

/** Options of fv_resize(); see #fv_resizing. Sizes, a scale or a second input
 * is required: a vector that is known when the plan is made, of whole numbers,
 *  which are sizes, or of real ones, which are scales. */
typedef struct fv_resize_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    int64_t sizes[FV_MAX_EXTENTS] FV_ZERO; /**< without channels; one number is
                                                for all axes */
    double scale FV_ZERO;                  /**< of all axes */
    fv_numbers scales FV_ZERO;             /**< of each, without channels */
    fv_numbers region FV_ZERO; /**< the begin of each axis, then each end; none:
                                    all of the input */
    fv_resize_mode mode FV_ZERO;
    fv_resize_coordinates coordinates FV_ZERO;
    fv_resize_rounding rounding FV_ZERO;
    fv_resize_antialias antialias FV_ZERO;
    int32_t exclude_outside FV_ZERO;
    fv_resize_fit fit FV_ZERO;
    double cubic_coefficient FV_ZERO; /**< 0: -0.75, with antialias -0.5 */
    FV_LAYER_NAMES;
} fv_resize_options;

/** Options of fv_pixel_shuffle() and fv_pixel_unshuffle(). */
typedef struct fv_pixel_shuffle_options {
    size_t size;
    fv_context *context;
    int64_t factor; /**< required */
    FV_LAYER_SHAPE;
    fv_depth_order order FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_pixel_shuffle_options;

/** Options of fv_channel_shuffle(). */
typedef struct fv_channel_shuffle_options {
    size_t size;
    fv_context *context;
    int64_t groups; /**< required; divides the number of channels */
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
} fv_channel_shuffle_options;

/** Options of fv_grid_sample(); see #fv_sampling. */
typedef struct fv_grid_sample_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    fv_sample_mode mode FV_ZERO;
    fv_sample_padding padding FV_ZERO;
    int32_t align_corners FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_grid_sample_options;

/** Options of fv_affine_grid(). */
typedef struct fv_affine_grid_options {
    size_t size;
    fv_context *context;
    int64_t height; /**< required */
    int64_t width;  /**< required */
    FV_LAYER_SHAPE;
    int32_t align_corners FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_affine_grid_options;

/** Options of fv_attention(). */
typedef struct fv_attention_options {
    size_t size;
    fv_context *context;
    int64_t num_heads; /**< required; divides the number of features */
    FV_LAYER_SHAPE;
    int32_t causal FV_ZERO;  /**< 1: no position sees those behind it */
    int32_t no_bias FV_ZERO; /**< 1: the sums alone */
    FV_LAYER_NAMES;
} fv_attention_options;

/** Options of fv_batchnorm(). */
typedef struct fv_batchnorm_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    double epsilon FV_ZERO;    /**< above 0, at most 1; 0: 1e-5 */
    double momentum FV_ZERO;   /**< weight of the new batch in the running mean:
                                    above 0, at most 1; 0: 0.1 */
    int32_t no_affine FV_ZERO; /**< 1: neither weight nor bias */
    int32_t no_track FV_ZERO;  /**< 1: no running statistics; those of the
                                    batch in evaluation, too */
    int32_t cumulative FV_ZERO; /**< 1: instead of by momentum, running
                                     statistics are averages of all batches */
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_batchnorm_options;

/** Options of fv_layernorm(). */
typedef struct fv_layernorm_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    int64_t axes FV_ZERO;   /**< how many of the last axes, channels being the
                                 last, are normalised together; 0: 1 */
    double epsilon FV_ZERO; /**< above 0, at most 1; 0: 1e-5 */
    int32_t no_affine FV_ZERO; /**< 1: neither weight nor bias */
    int32_t no_bias FV_ZERO;   /**< 1: no bias */
    FV_LAYER_NAMES;
} fv_layernorm_options;

/** Options of fv_rmsnorm(). */
typedef struct fv_rmsnorm_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    int64_t axes FV_ZERO;   /**< how many of the last axes, channels being the
                                 last, are normalised together; 0: 1 */
    double epsilon FV_ZERO; /**< above 0, at most 1; 0: 1e-5 */
    int32_t no_affine FV_ZERO; /**< 1: no weight */
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_rmsnorm_options;

/** Options of fv_l2norm(). */
typedef struct fv_l2norm_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    int64_t axes FV_ZERO;   /**< how many of the last axes, channels being the
                                 last, are normalised together; 0: 1 */
    double epsilon FV_ZERO; /**< above 0, at most 1; 0: 1e-12 */
    FV_LAYER_NAMES;
} fv_l2norm_options;

/** Options of fv_groupnorm(). */
typedef struct fv_groupnorm_options {
    size_t size;
    fv_context *context;
    int64_t groups; /**< required; divides the channels */
    FV_LAYER_SHAPE;
    double epsilon FV_ZERO;    /**< above 0, at most 1; 0: 1e-5 */
    int32_t no_affine FV_ZERO; /**< 1: neither weight nor bias */
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_groupnorm_options;

/** Options of fv_instancenorm(). */
typedef struct fv_instancenorm_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    double epsilon FV_ZERO; /**< above 0, at most 1; 0: 1e-5 */
    int32_t affine FV_ZERO; /**< 1: with weight and bias */
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_instancenorm_options;

/** Options of fv_lrn(). */
typedef struct fv_lrn_options {
    size_t size;
    fv_context *context;
    int64_t channels; /**< required; of a window */
    FV_LAYER_SHAPE;
    double alpha FV_ZERO; /**< above 0; 0: 1e-4 */
    double beta FV_ZERO;  /**< above 0; 0: 0.75 */
    double k FV_ZERO;     /**< above 0; 0: 1 */
    FV_LAYER_NAMES;
} fv_lrn_options;

/** Options of fv_leaky_relu(). */
typedef struct fv_leaky_relu_options {
    size_t size;
    fv_context *context;
    double slope; /**< required */
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
} fv_leaky_relu_options;

/** Options of fv_prelu(). */
typedef struct fv_prelu_options {
    size_t size;
    fv_context *context;
    double slope; /**< required; of all channels at first */
    FV_LAYER_SHAPE;
    int32_t shared FV_ZERO; /**< 1: one slope for all channels */
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_prelu_options;

/** Options of fv_elu(). */
typedef struct fv_elu_options {
    size_t size;
    fv_context *context;
    double alpha; /**< required */
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
} fv_elu_options;

/** Options of fv_softplus(). */
typedef struct fv_softplus_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    double beta FV_ZERO;      /**< 0: 1 */
    double threshold FV_ZERO; /**< of beta x, above which y is x; 0: 20 */
    FV_LAYER_NAMES;
} fv_softplus_options;

/** Options of fv_celu(). */
typedef struct fv_celu_options {
    size_t size;
    fv_context *context;
    double alpha; /**< required; above 0 */
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
} fv_celu_options;

/** Options of fv_gelu(). */
typedef struct fv_gelu_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    fv_gelu_approximation approximate FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_gelu_options;

/** Options of fv_hard_tanh(). */
typedef struct fv_hard_tanh_options {
    size_t size;
    fv_context *context;
    double low;  /**< required */
    double high; /**< required; above low */
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
} fv_hard_tanh_options;

/** Options of fv_lstm(), fv_gru() and fv_rnn(). */
typedef struct fv_recurrent_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    int64_t hidden;                /**< required; units of a direction */
    int32_t bidirectional FV_ZERO; /**< 1: both directions, one's units before
                                        the other's */
    int32_t reversed FV_ZERO;      /**< 1: one, from the end */
    int32_t no_bias FV_ZERO;       /**< 1: products alone */
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_recurrent_options;

/* Each maker is a macro over its function: first what is required, by place,
 * then options by name: fv_dropout(ctx, 0.2, .name = "drop"). */
/** Calls the maker of a layer whose options are all named. */
#define FV_LAYER_(function, options, ...)                                      \
    function(FV_OPTIONS(options, .context = __VA_ARGS__))
/** `fv_input(ctx, 28, 28, 1)`: the extents of one image. */
#define fv_input(ctx, ...)                                                     \
    fv_input_new(FV_OPTIONS(fv_input_options, .context = (ctx),                \
                            .shape = { __VA_ARGS__ }))
/** `fv_output(ctx, .name = "logits")`: an output of the network. */
#define fv_output(...) FV_LAYER_(fv_output_new, fv_layer_options, __VA_ARGS__)
/** `fv_convolutional(ctx, .num_filters = 20, .kernel = { 5 })`. */
#define fv_convolutional(...)                                                  \
    FV_LAYER_(fv_convolutional_new, fv_convolutional_options, __VA_ARGS__)
/** `fv_conv_transpose(ctx, .num_filters = 20, .kernel = { 4 }, .stride = { 2 },
 *  .padding = { 1, 1 })`: twice as many rows and columns. */
#define fv_conv_transpose(...)                                                 \
    FV_LAYER_(fv_conv_transpose_new, fv_conv_transpose_options, __VA_ARGS__)
/** `fv_separable_conv2d(ctx, .num_filters = 20, .kernel = { 3 })`. */
#define fv_separable_conv2d(...)                                               \
    FV_LAYER_(fv_separable_conv2d_new, fv_separable_conv2d_options, __VA_ARGS__)
/** `fv_linear(ctx, 10)`: the number of outputs. */
#define fv_linear(ctx, ...)                                                    \
    fv_linear_new(FV_OPTIONS(fv_linear_options, .context = (ctx),              \
                             .num_outputs = __VA_ARGS__))
/** `fv_maxpool(ctx, .kernel = { 2 })`. */
#define fv_maxpool(...) FV_LAYER_(fv_maxpool_new, fv_pool_options, __VA_ARGS__)
/** `fv_avgpool(ctx, .kernel = { 2 })`. */
#define fv_avgpool(...) FV_LAYER_(fv_avgpool_new, fv_pool_options, __VA_ARGS__)
/** `fv_lppool(ctx, .kernel = { 2 })`. */
#define fv_lppool(...) FV_LAYER_(fv_lppool_new, fv_pool_options, __VA_ARGS__)
/** `fv_adaptive_avgpool(ctx, .output = { 7 })`. */
#define fv_adaptive_avgpool(...)                                               \
    FV_LAYER_(fv_adaptive_avgpool_new, fv_adaptive_pool_options, __VA_ARGS__)
/** `fv_adaptive_maxpool(ctx, .output = { 7 })`. */
#define fv_adaptive_maxpool(...)                                               \
    FV_LAYER_(fv_adaptive_maxpool_new, fv_adaptive_pool_options, __VA_ARGS__)
/** `fv_dropout(ctx, 0.2)`: the probability of dropping. */
#define fv_dropout(ctx, ...)                                                   \
    fv_dropout_new(FV_OPTIONS(fv_dropout_options, .context = (ctx),            \
                              .probability = __VA_ARGS__))
/** `fv_spatial_dropout(ctx, 0.2)`: the probability of dropping a channel. */
#define fv_spatial_dropout(ctx, ...)                                           \
    fv_spatial_dropout_new(FV_OPTIONS(fv_dropout_options, .context = (ctx),    \
                                      .probability = __VA_ARGS__))
/** `fv_alpha_dropout(ctx, 0.1)`: the probability of dropping. */
#define fv_alpha_dropout(ctx, ...)                                             \
    fv_alpha_dropout_new(FV_OPTIONS(fv_dropout_options, .context = (ctx),      \
                                    .probability = __VA_ARGS__))
/** `fv_stochastic_depth(ctx, 0.2)`: the probability of dropping an image. */
#define fv_stochastic_depth(ctx, ...)                                          \
    fv_stochastic_depth_new(FV_OPTIONS(fv_stochastic_depth_options,            \
                                       .context = (ctx),                       \
                                       .probability = __VA_ARGS__))
/** `fv_gaussian_noise(ctx, 0.1)`: the standard deviation. */
#define fv_gaussian_noise(ctx, ...)                                            \
    fv_gaussian_noise_new(FV_OPTIONS(fv_gaussian_noise_options,                \
                                     .context = (ctx),                         \
                                     .deviation = __VA_ARGS__))
/** `fv_resize(ctx, .sizes = { 64, 64 }, .mode = FV_RESIZE_LINEAR)`,
 *  `fv_resize(ctx, .scale = 2)`. */
#define fv_resize(...) FV_LAYER_(fv_resize_new, fv_resize_options, __VA_ARGS__)
/** `fv_pixel_shuffle(ctx, 2)`: the factor. */
#define fv_pixel_shuffle(ctx, ...)                                             \
    fv_pixel_shuffle_new(FV_OPTIONS(fv_pixel_shuffle_options,                  \
                                    .context = (ctx), .factor = __VA_ARGS__))
/** `fv_pixel_unshuffle(ctx, 2)`: the factor. */
#define fv_pixel_unshuffle(ctx, ...)                                           \
    fv_pixel_unshuffle_new(FV_OPTIONS(                                         \
        fv_pixel_shuffle_options, .context = (ctx), .factor = __VA_ARGS__))
/** `fv_channel_shuffle(ctx, 3)`: the groups. */
#define fv_channel_shuffle(ctx, ...)                                           \
    fv_channel_shuffle_new(FV_OPTIONS(                                         \
        fv_channel_shuffle_options, .context = (ctx), .groups = __VA_ARGS__))
/** `fv_grid_sample(ctx, .from = "image,grid")`. */
#define fv_grid_sample(...)                                                    \
    FV_LAYER_(fv_grid_sample_new, fv_grid_sample_options, __VA_ARGS__)
/** `fv_affine_grid(ctx, 28, 28)`: height and width. */
#define fv_affine_grid(ctx, rows, ...)                                         \
    fv_affine_grid_new(FV_OPTIONS(fv_affine_grid_options, .context = (ctx),    \
                                  .height = (rows), .width = __VA_ARGS__))
/** `fv_attention(ctx, 8)`: the number of heads. */
#define fv_attention(ctx, ...)                                                 \
    fv_attention_new(FV_OPTIONS(fv_attention_options, .context = (ctx),        \
                                .num_heads = __VA_ARGS__))
/** `fv_batchnorm(ctx)`; see #fv_batchnorm_options. */
#define fv_batchnorm(...)                                                      \
    FV_LAYER_(fv_batchnorm_new, fv_batchnorm_options, __VA_ARGS__)
/** `fv_layernorm(ctx)`; see #fv_layernorm_options. */
#define fv_layernorm(...)                                                      \
    FV_LAYER_(fv_layernorm_new, fv_layernorm_options, __VA_ARGS__)
/** `fv_rmsnorm(ctx)`; see #fv_rmsnorm_options. */
#define fv_rmsnorm(...)                                                        \
    FV_LAYER_(fv_rmsnorm_new, fv_rmsnorm_options, __VA_ARGS__)
/** `fv_l2norm(ctx)`; see #fv_l2norm_options. */
#define fv_l2norm(...) FV_LAYER_(fv_l2norm_new, fv_l2norm_options, __VA_ARGS__)
/** `fv_groupnorm(ctx, 32)`: the number of groups. */
#define fv_groupnorm(ctx, ...)                                                 \
    fv_groupnorm_new(FV_OPTIONS(fv_groupnorm_options, .context = (ctx),        \
                                .groups = __VA_ARGS__))
/** `fv_instancenorm(ctx)`; see #fv_instancenorm_options. */
#define fv_instancenorm(...)                                                   \
    FV_LAYER_(fv_instancenorm_new, fv_instancenorm_options, __VA_ARGS__)
/** `fv_lrn(ctx, 5)`: the channels of a window. */
#define fv_lrn(ctx, ...)                                                       \
    fv_lrn_new(                                                                \
        FV_OPTIONS(fv_lrn_options, .context = (ctx), .channels = __VA_ARGS__))
/** `fv_leaky_relu(ctx, 0.01)`: the slope. */
#define fv_leaky_relu(ctx, ...)                                                \
    fv_leaky_relu_new(FV_OPTIONS(fv_leaky_relu_options, .context = (ctx),      \
                                 .slope = __VA_ARGS__))
/** `fv_prelu(ctx, 0.25)`: the first value of the slopes. */
#define fv_prelu(ctx, ...)                                                     \
    fv_prelu_new(                                                              \
        FV_OPTIONS(fv_prelu_options, .context = (ctx), .slope = __VA_ARGS__))
/** `fv_elu(ctx, 1)`: alpha. */
#define fv_elu(ctx, ...)                                                       \
    fv_elu_new(                                                                \
        FV_OPTIONS(fv_elu_options, .context = (ctx), .alpha = __VA_ARGS__))
/** `fv_softplus(ctx)`; see #fv_softplus_options. */
#define fv_softplus(...)                                                       \
    FV_LAYER_(fv_softplus_new, fv_softplus_options, __VA_ARGS__)
/** `fv_celu(ctx, 1)`: alpha. */
#define fv_celu(ctx, ...)                                                      \
    fv_celu_new(                                                               \
        FV_OPTIONS(fv_celu_options, .context = (ctx), .alpha = __VA_ARGS__))
/** `fv_gelu(ctx)`, `fv_gelu(ctx, .approximate = FV_GELU_TANH)`. */
#define fv_gelu(...) FV_LAYER_(fv_gelu_new, fv_gelu_options, __VA_ARGS__)
/** `fv_hard_tanh(ctx, -1, 1)`: the limits. */
#define fv_hard_tanh(ctx, lowest, ...)                                         \
    fv_hard_tanh_new(FV_OPTIONS(fv_hard_tanh_options, .context = (ctx),        \
                                .low = (lowest), .high = __VA_ARGS__))
/** x / (1 + |x|). */
#define fv_softsign(...)                                                       \
    FV_LAYER_(fv_softsign_new, fv_layer_options, __VA_ARGS__)
/** ELU that keeps mean 0 and variance 1; see fv_selu_of(). */
#define fv_selu(...) FV_LAYER_(fv_selu_new, fv_layer_options, __VA_ARGS__)
/** x / (1 + exp(-x)), also called swish. */
#define fv_silu(...) FV_LAYER_(fv_silu_new, fv_layer_options, __VA_ARGS__)
/** x tanh(log(1 + exp(x))). */
#define fv_mish(...) FV_LAYER_(fv_mish_new, fv_layer_options, __VA_ARGS__)
/** min(max(x + 3, 0), 6) / 6. */
#define fv_hard_sigmoid(...)                                                   \
    FV_LAYER_(fv_hard_sigmoid_new, fv_layer_options, __VA_ARGS__)
/** x min(max(x + 3, 0), 6) / 6. */
#define fv_hard_swish(...)                                                     \
    FV_LAYER_(fv_hard_swish_new, fv_layer_options, __VA_ARGS__)
/** max(x, 0). */
#define fv_relu(...) FV_LAYER_(fv_relu_new, fv_layer_options, __VA_ARGS__)
/** min(max(x, 0), 6). */
#define fv_relu6(...) FV_LAYER_(fv_relu6_new, fv_layer_options, __VA_ARGS__)
/** 1 / (1 + exp(-x)). */
#define fv_sigmoid(...) FV_LAYER_(fv_sigmoid_new, fv_layer_options, __VA_ARGS__)
/** The hyperbolic tangent. */
#define fv_tanh(...) FV_LAYER_(fv_tanh_new, fv_layer_options, __VA_ARGS__)
/** `fv_lstm(ctx, .hidden = 64, .bidirectional = 1)`. */
#define fv_lstm(...) FV_LAYER_(fv_lstm_new, fv_recurrent_options, __VA_ARGS__)
/** `fv_gru(ctx, .hidden = 64)`. */
#define fv_gru(...) FV_LAYER_(fv_gru_new, fv_recurrent_options, __VA_ARGS__)
/** `fv_rnn(ctx, .hidden = 64)`. */
#define fv_rnn(...) FV_LAYER_(fv_rnn_new, fv_recurrent_options, __VA_ARGS__)
/** exp(x) / sum exp(x) over the last axis. */
#define fv_softmax(...) FV_LAYER_(fv_softmax_new, fv_layer_options, __VA_ARGS__)
/** The logarithm of softmax over the last axis. */
#define fv_log_softmax(...)                                                    \
    FV_LAYER_(fv_log_softmax_new, fv_layer_options, __VA_ARGS__)
/** A vector of all extents; see fv_flatten_new(). */
#define fv_flatten(...) FV_LAYER_(fv_flatten_new, fv_layer_options, __VA_ARGS__)
/** The mean of each channel's plane. */
#define fv_global_average_pool(...)                                            \
    FV_LAYER_(fv_global_average_pool_new, fv_layer_options, __VA_ARGS__)
/** The largest value of each channel's plane. */
#define fv_global_max_pool(...)                                                \
    FV_LAYER_(fv_global_max_pool_new, fv_layer_options, __VA_ARGS__)
/** Sum of the layers named in `.from`. */
#define fv_add_layers(...)                                                     \
    FV_LAYER_(fv_add_layers_new, fv_layer_options, __VA_ARGS__)
/** Channels of the layers named in `.from`, one after another. */
#define fv_concat_layers(...)                                                  \
    FV_LAYER_(fv_concat_layers_new, fv_layer_options, __VA_ARGS__)

/** Marks the input of a network: extents without the batch. */
FV_API fv_layer *fv_input_new(const fv_input_options *options);
/** Marks what it reads as an output of the network, under its own name. */
FV_API fv_layer *fv_output_new(const fv_layer_options *options);
/** y = conv(x, weight) + bias; weight [filters, kh, kw, c/groups]. */
FV_API fv_layer *fv_convolutional_new(const fv_convolutional_options *options);
/** The input gradient of a convolution, as a function; weight
 *  [c, kh, kw, filters/groups]. */
FV_API fv_layer *
fv_conv_transpose_new(const fv_conv_transpose_options *options);
/** A depthwise convolution, then one of 1x1. */
FV_API fv_layer *
fv_separable_conv2d_new(const fv_separable_conv2d_options *options);
/** y = x W^T + b on vectors; weight [outputs, inputs]. */
FV_API fv_layer *fv_linear_new(const fv_linear_options *options);
/** The largest value of each window. */
FV_API fv_layer *fv_maxpool_new(const fv_pool_options *options);
/** The mean of each window. */
FV_API fv_layer *fv_avgpool_new(const fv_pool_options *options);
/** (sum of x^p)^(1/p) of each window. */
FV_API fv_layer *fv_lppool_new(const fv_pool_options *options);
/** See fv_adaptive_avgpool_of(). */
FV_API fv_layer *
fv_adaptive_avgpool_new(const fv_adaptive_pool_options *options);
/** See fv_adaptive_maxpool_of(). */
FV_API fv_layer *
fv_adaptive_maxpool_new(const fv_adaptive_pool_options *options);
/** Drops values in training; the identity in evaluation. */
FV_API fv_layer *fv_dropout_new(const fv_dropout_options *options);
/** Drops whole channels of an image in training. */
FV_API fv_layer *fv_spatial_dropout_new(const fv_dropout_options *options);
/** Dropout that goes with SELU. */
FV_API fv_layer *fv_alpha_dropout_new(const fv_dropout_options *options);
/** Drops whole images in training. */
FV_API fv_layer *
fv_stochastic_depth_new(const fv_stochastic_depth_options *options);
/** Adds random numbers in training. */
FV_API fv_layer *
fv_gaussian_noise_new(const fv_gaussian_noise_options *options);
/** Images in other sizes. */
FV_API fv_layer *fv_resize_new(const fv_resize_options *options);
/** Channels to pixels. */
FV_API fv_layer *fv_pixel_shuffle_new(const fv_pixel_shuffle_options *options);
/** Pixels to channels. */
FV_API fv_layer *
fv_pixel_unshuffle_new(const fv_pixel_shuffle_options *options);
/** Mixes the channels of groups. */
FV_API fv_layer *
fv_channel_shuffle_new(const fv_channel_shuffle_options *options);
/** An image at the points of a grid. */
FV_API fv_layer *fv_grid_sample_new(const fv_grid_sample_options *options);
/** A grid for fv_grid_sample(), from 6 numbers. */
FV_API fv_layer *fv_affine_grid_new(const fv_affine_grid_options *options);
/** Self-attention over [t, features], as PyTorch's MultiheadAttention;
 *  in_proj_weight [3 f, f] and in_proj_bias [3 f] of query, key and value,
 *  out_proj.weight [f, f], out_proj.bias [f]. */
FV_API fv_layer *fv_attention_new(const fv_attention_options *options);
/** Normalises each channel; weight (gamma) and bias (beta) [c]. */
FV_API fv_layer *fv_batchnorm_new(const fv_batchnorm_options *options);
/** Normalises the elements along the last axes; weight (gamma) and bias (beta)
 *  have their shape. */
FV_API fv_layer *fv_layernorm_new(const fv_layernorm_options *options);
/** Divides the elements along the last axes by the root of their mean square;
 *  weight has their shape. */
FV_API fv_layer *fv_rmsnorm_new(const fv_rmsnorm_options *options);
/** Divides the elements along the last axes by their length. */
FV_API fv_layer *fv_l2norm_new(const fv_l2norm_options *options);
/** Normalises the channels of each group of an image; weight (gamma) and bias
 *  (beta) [c]. */
FV_API fv_layer *fv_groupnorm_new(const fv_groupnorm_options *options);
/** Normalises each channel of an image; weight and bias [c] if `affine`. */
FV_API fv_layer *fv_instancenorm_new(const fv_instancenorm_options *options);
/** Local response normalisation across the channels; see fv_lrn_of(). */
FV_API fv_layer *fv_lrn_new(const fv_lrn_options *options);
/** x > 0 ? x : slope x. */
FV_API fv_layer *fv_leaky_relu_new(const fv_leaky_relu_options *options);
/** x > 0 ? x : weight x; weight [c], or [1]. */
FV_API fv_layer *fv_prelu_new(const fv_prelu_options *options);
/** x > 0 ? x : alpha (exp(x) - 1). */
FV_API fv_layer *fv_elu_new(const fv_elu_options *options);
/** log(1 + exp(beta x)) / beta; x where beta x > threshold. */
FV_API fv_layer *fv_softplus_new(const fv_softplus_options *options);
/** x > 0 ? x : alpha (exp(x / alpha) - 1). */
FV_API fv_layer *fv_celu_new(const fv_celu_options *options);
/** x times the normal distribution up to x. */
FV_API fv_layer *fv_gelu_new(const fv_gelu_options *options);
/** min(max(x, low), high). */
FV_API fv_layer *fv_hard_tanh_new(const fv_hard_tanh_options *options);
/** x / (1 + |x|). */
FV_API fv_layer *fv_softsign_new(const fv_layer_options *options);
/** ELU that keeps mean 0 and variance 1; see fv_selu_of(). */
FV_API fv_layer *fv_selu_new(const fv_layer_options *options);
/** x / (1 + exp(-x)), also called swish. */
FV_API fv_layer *fv_silu_new(const fv_layer_options *options);
/** x tanh(log(1 + exp(x))). */
FV_API fv_layer *fv_mish_new(const fv_layer_options *options);
/** min(max(x + 3, 0), 6) / 6. */
FV_API fv_layer *fv_hard_sigmoid_new(const fv_layer_options *options);
/** x min(max(x + 3, 0), 6) / 6. */
FV_API fv_layer *fv_hard_swish_new(const fv_layer_options *options);
/** max(x, 0). */
FV_API fv_layer *fv_relu_new(const fv_layer_options *options);
/** min(max(x, 0), 6). */
FV_API fv_layer *fv_relu6_new(const fv_layer_options *options);
/** 1 / (1 + exp(-x)). */
FV_API fv_layer *fv_sigmoid_new(const fv_layer_options *options);
/** The hyperbolic tangent. */
FV_API fv_layer *fv_tanh_new(const fv_layer_options *options);
/** Over positions, {t, features} -> {t, hidden} or {t, 2 hidden}; see
 *  fv_lstm_of(). Further outputs are the last h and the last c, further inputs
 *  the first h and the first c, and lengths, which are integers. */
FV_API fv_layer *fv_lstm_new(const fv_recurrent_options *options);
/** The same, without c; see fv_gru_of(). */
FV_API fv_layer *fv_gru_new(const fv_recurrent_options *options);
/** The same, without c; see fv_rnn_of(). */
FV_API fv_layer *fv_rnn_new(const fv_recurrent_options *options);
/** exp(x) / sum exp(x) over the last axis. */
FV_API fv_layer *fv_softmax_new(const fv_layer_options *options);
/** The logarithm of softmax over the last axis. */
FV_API fv_layer *fv_log_softmax_new(const fv_layer_options *options);
/** All extents in one, in channel, row, column order whatever the context's
 *  layout, so that the weights behind it mean the same everywhere. */
FV_API fv_layer *fv_flatten_new(const fv_layer_options *options);
/** The mean of each channel's plane: {h, w, c} -> {1, 1, c}. */
FV_API fv_layer *fv_global_average_pool_new(const fv_layer_options *options);
/** The largest value of each channel's plane: {h, w, c} -> {1, 1, c}. */
FV_API fv_layer *fv_global_max_pool_new(const fv_layer_options *options);
/** The sum of several layers of one shape. */
FV_API fv_layer *fv_add_layers_new(const fv_layer_options *options);
/** The channels of several layers, one after another. */
FV_API fv_layer *fv_concat_layers_new(const fv_layer_options *options);

#ifdef __cplusplus
}
#endif
#endif
