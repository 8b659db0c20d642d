/* Transposed convolutions of one to three axes. */
#ifndef FV_OP_CONV_CONV_TRANSPOSE_H
#define FV_OP_CONV_CONV_TRANSPOSE_H

#include "op/conv/conv2d.h"

/* The attributes; every default is filled in. */
typedef struct fv__conv_transpose {
    fv_convolution convolution;
    int64_t output_padding[FV__AXES];
    double low, high; /* of the clamp */
    bool bias, clamp;
} fv__conv_transpose;

/* The geometry of the convolution of which it is the input gradient, for x of
 * shape [n, ..., channels] and weight [channels, ..., filters of a group]: its
 * in[] are the extents of the output. Refuses what does not fit. */
fv_status fv__conv_transpose_geometry(fv_context *context, const char *who,
                                      const fv_tensor *x,
                                      const fv_tensor *weight,
                                      const fv__conv_transpose *attributes,
                                      fv__geometry *geometry);

/* The members of the operator with and without a clamp. */
#define FV__CONV_TRANSPOSE_OPERATOR(word)                                      \
    .size = sizeof(fv_operator), .name = (word), .min_inputs = 2,              \
    .max_inputs = 3, .attributes_size = sizeof(fv__conv_transpose),            \
    .abilities = FV_OVERWRITES, .infer = fv__conv_transpose_infer,             \
    .forward = fv__conv_transpose_forward,                                     \
    .backward = fv__conv_transpose_backward

fv_status fv__conv_transpose_infer(fv_inference *inference);
void fv__conv_transpose_forward(const fv_call *call);
void fv__conv_transpose_backward(const fv_call *call);

/* The transposed convolution followed by a clamp, for graphs in which nothing
 * else reads what lies between. `bias` may be NULL. */
fv_variable *fv__conv_transpose_clamped(const fv__conv_transpose *attributes,
                                        fv_variable *x, fv_variable *weight,
                                        fv_variable *bias);

/* ---- layers -------------------------------------------------------------- */

#define FV__CONV_TRANSPOSE_FIELDS(number)                                      \
    FV__CONVOLUTION_FIELDS(fv_conv_transpose_options, number),                 \
        FV__PADDING_FIELDS(fv_conv_transpose_options, number),                 \
        { FV__FIELD(fv_conv_transpose_options, AXES, output_padding),          \
          .axes = (number) },                                                  \
        FV__CONVOLUTION_MORE_FIELDS(fv_conv_transpose_options, number)
#define FV__CONV_TRANSPOSE_LAYER                                               \
    .stem = "conv_transpose", FV__LAYER_OPTIONS(fv_conv_transpose_options),    \
    .fields = fields, .min_inputs = 1, .max_inputs = 1, .declare = declare,    \
    .forward = fv__conv_transpose_apply

extern const fv__layer_type fv__layer_conv_transpose1d,
    fv__layer_conv_transpose2d, fv__layer_conv_transpose3d;
bool fv__layer_is_conv_transpose(const fv__layer_type *type);
fv__conv_transpose fv__layer_conv_transpose(const fv_layer *layer);
fv_variable *fv__conv_transpose_weight(const fv_layer *layer);
fv_status fv__conv_transpose_declare(fv_layer *layer, int32_t axes,
                                     const fv_shape *input);
fv_variable *fv__conv_transpose_apply(fv_layer *layer, int32_t count,
                                      fv_variable *const inputs[]);

#endif
