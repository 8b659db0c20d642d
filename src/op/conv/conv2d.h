/* Convolution with what follows it, as one operator: for those who know that
 * nobody else reads what lies between; and what convolutions of one, two and
 * three axes have in common. */
#ifndef FV_OP_CONV_CONV2D_H
#define FV_OP_CONV_CONV2D_H

#include "op/norm/parametrization.h"

/* ---- geometry ------------------------------------------------------------ */

/* The axis of a geometry that number i of `axes` is for. */
static inline int32_t fv__axis_of(int32_t axes, int32_t i)
{
    static const int32_t order[] = { FV__COLUMNS, FV__ROWS, FV__DEPTH };
    return order[axes - 1 - i];
}
/* The geometry of a convolution of x [n, ..., c], whose rank tells the number
 * of axes; out[] is not set. Of weights only the extents but the last count. */
fv__geometry fv__convolution_geometry(const fv_tensor *x,
                                      const fv_tensor *weight,
                                      const fv_convolution *convolution);
/* Sets the padding of a geometry whose other extents are set, unless it is
 * explicit: TensorFlow's and ONNX's rule. */
void fv__auto_pad(fv_auto_pad mode, fv__geometry *geometry);

/* [batch, extents of the axes, channels] */
void fv__convolution_shape(int32_t axes, int64_t batch,
                           const int64_t extents[FV__AXES], int64_t channels,
                           int64_t shape[FV_MAX_RANK]);
/* Outputs of the batch, of one channel. */
static inline int64_t fv__convolution_pixels(const fv__geometry *g)
{
    return g->batch * g->out[FV__DEPTH] * g->out[0] * g->out[1];
}
fv__conv_request fv__convolution_request(const fv_convolution *convolution);

/* ---- operators ----------------------------------------------------------- */

/* The attributes. Batch normalisation is by running statistics and folded into
 * the weights; it and the residual are for evaluation, no gradient passes. */
typedef struct fv__conv2d {
    fv_convolution convolution;
    double epsilon;   /* of the normalisation */
    double low, high; /* of the clamp */
    bool bias, normalised, residual, clamp;
} fv__conv2d;

/* Where the operands are; -1: not there. Mean and variance follow gamma and
 * beta. */
typedef struct fv__conv_places {
    int32_t bias, gamma, residual, count;
} fv__conv_places;
fv__conv_places fv__conv_places_of(const fv__conv2d *attributes);
/* For each filter of a convolution that is normalised, weight' = s weight and
 * bias' = s (bias - mean) + beta, where s = gamma / sqrt(variance + epsilon).
 * The call has operands and attributes. */
void fv__conv_fold(const fv_call *call, void *weights, void *biases);

/* The members of a convolution's operator but for a shape rule `infer`, which
 * calls fv__conv_infer with the number of axes. */
#define FV__CONV_OPERATOR(word)                                                \
    .size = sizeof(fv_operator), .name = (word), .min_inputs = 2,              \
    .max_inputs = 3, .attributes_size = sizeof(fv__conv2d),                    \
    .backward_reads = FV_READS_INPUT(0) | FV_READS_INPUT(1),                   \
    .abilities = FV_OVERWRITES, .infer = infer, .forward = fv__conv_forward,   \
    .backward = fv__conv_backward, .onnx = "Conv"

fv_status fv__conv_infer(fv_inference *inference, int32_t axes);
void fv__conv_forward(const fv_call *call);
void fv__conv_backward(const fv_call *call);
/* Fills in defaults and applies the operator; bias and geometry may be NULL. */
fv_variable *fv__conv_apply(const fv_operator *op, fv_variable *x,
                            fv_variable *weight, fv_variable *bias,
                            const fv_convolution *geometry);
/* The attributes of a weight gradient: of the convolution, every default is
 * filled in, and the padding is explicit, by zeros. */
typedef struct fv__conv_weight_gradient {
    fv_convolution convolution;
    int64_t kernel[FV__AXES];
} fv__conv_weight_gradient;

/* The gradient of the weights of a convolution whose result has the gradient
 * dy, as an operation. `kernel` has an extent for each axis. */
fv_variable *fv__conv_weight_grad(fv_variable *x, fv_variable *dy,
                                  const fv_convolution *convolution,
                                  const int64_t kernel[]);
/* Packs the weights for a direction in the scratch of the call: first the
 * packed weights, then the scratch of the algorithm. */
void fv__conv_pack_in_scratch(const fv_call *call, fv__conv_call *conv,
                              const fv__conv_descriptor *descriptor);

/* y = clamp(normalise(conv(x, weight) + bias) + residual). `inputs` are x and
 * weight; then bias; gamma, beta, mean and variance; residual, of y's shape:
 * those that the attributes name. */
fv_variable *fv__conv2d_fused(const fv__conv2d *attributes, int32_t num_inputs,
                              fv_variable *const inputs[]);

/* ---- layers -------------------------------------------------------------- */

/* The options of a convolution of so many axes, in a struct of that type,
 * without those of the padding. */
#define FV__CONVOLUTION_FIELDS(options, number)                                \
    { FV__FIELD(options, COUNT, num_filters), .positional = true,              \
      .outputs = true },                                                       \
        { FV__FIELD(options, AXES, kernel), .axes = (number),                  \
          .positional = true, .positive = true },                              \
    {                                                                          \
        FV__FIELD(options, AXES, stride), .axes = (number), .usual = 1,        \
                                          .positive = true                     \
    }
#define FV__CONVOLUTION_MORE_FIELDS(options, number)                           \
    { FV__FIELD(options, AXES, dilation), .axes = (number), .usual = 1,        \
      .positive = true },                                                      \
        { FV__FIELD(options, COUNT, groups), .usual = 1, .positive = true },   \
        { FV__FIELD_AS("bias", options, LACK, no_bias) },                      \
        FV__INIT_FIELDS(options),                                              \
        { FV__FIELD(options, WORD, algorithm), .words = fv__algorithm_words }, \
        { FV__FIELD(options, SWITCH, strict) },                                \
        { FV__FIELD(options, LIMIT, max_workspace) },                          \
        FV__PARAMETRIZATION_FIELDS(options)
/* Those of convolutions that are not transposed. */
#define FV__CONVOLUTION_OWN_FIELDS                                             \
    { FV__FIELD(fv_convolutional_options, WORD, padding_mode),                 \
      .words = fv__padding_mode_words },                                       \
        { FV__FIELD(fv_convolutional_options, NUMBER, padding_value) },        \
    {                                                                          \
        FV__FIELD(fv_convolutional_options, SWITCH, depthwise)                 \
    }
/* The members of a layer type but for kind and about. */
#define FV__CONVOLUTION_LAYER                                                  \
    .stem = "conv", FV__LAYER_OPTIONS(fv_convolutional_options),               \
    .fields = fields, .min_inputs = 1, .max_inputs = 1, .convolution = true,   \
    .declare = declare, .forward = apply

/* The rank of in_shape, which stands at `offset` in options; 0: there is none.
 */
int32_t fv__in_shape_rank(const void *options, size_t offset);
/* The weight, which may be computed from parameters. */
fv_variable *fv__convolution_weight(const fv_layer *layer);
/* The convolution of one image of that shape. */
fv__geometry fv__convolution_of_image(const fv_layer *layer,
                                      const fv_shape *image);
fv_status fv__convolution_declare(fv_layer *layer, int32_t axes,
                                  const fv_shape *input);
typedef fv_variable *fv__conv_function(fv_variable *x, fv_variable *weight,
                                       fv_variable *bias,
                                       const fv_convolution *geometry);
fv_variable *fv__convolution_apply(const fv_layer *layer,
                                   fv__conv_function *function, fv_variable *x);

#endif
