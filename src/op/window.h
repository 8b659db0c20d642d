/* Pooling operators: the shape rule, and passes image by image. */
#ifndef FV_OP_WINDOW_H
#define FV_OP_WINDOW_H

#include "op/operand.h"

/* Sets the padding of a geometry whose other extents are set, unless it is
 * explicit: TensorFlow's and ONNX's rule. */
void fv__auto_pad(fv_auto_pad mode, fv__geometry *geometry);

/* Applies a pooling operator, whose attributes are an fv_pooling with every
 * default filled in. */
fv_variable *fv__pool_apply(const fv_operator *op, fv_variable *x,
                            const fv_pooling *pooling);
/* The geometry of pooling x; out[] is not set. */
fv__geometry fv__pool_geometry(const fv_tensor *x, const fv_pooling *pooling);
/* The shape rule of x [n, h, w, c] -> [n, h', w', c]. */
fv_status fv__pool_infer(fv_inference *inference);

/* Pools g->out[0] rows of the output of one image. `x` is the whole image or
 * its gradient; `y`, its gradient and `where` begin at the first of those rows.
 */
typedef void fv__pool_image(const fv_call *call, const fv__geometry *g, void *x,
                            void *y, int32_t *where);
/* Pools each image of the batch, in blocks of rows. `where` is the saved memory
 * of the call, or NULL. */
void fv__pool_forward(const fv_call *call, fv__pool_image *image);
/* Computes the gradient of the input, if it is wanted, image by image: windows
 * may overlap, so an image is not split. */
void fv__pool_backward(const fv_call *call, fv__pool_image *image);

/* For layers: the declaration, and the options that every kind of pooling has.
 */
fv_status fv__pool_declare(fv_layer *layer, int32_t count,
                           const fv_shape inputs[]);
#define FV__POOL_FIELDS                                                        \
    { FV__FIELD(fv_pool_options, AXES, kernel), .positional = true,            \
      .positive = true },                                                      \
        { FV__FIELD(fv_pool_options, AXES, stride),                            \
          .as = offsetof(fv_pool_options, kernel), .positive = true },         \
        FV__PADDING_FIELDS(fv_pool_options, 2)

/* Max pooling followed by a clamp, for graphs in which nothing else reads the
 * clamped values. Every default is filled in. */
typedef struct fv__clamped_pooling {
    fv_pooling pooling;
    double low, high;
} fv__clamped_pooling;

fv_variable *fv__maxpool_clamped(fv_variable *x,
                                 const fv__clamped_pooling *attributes);
/* The shape rule of max pooling with and without a clamp. */
fv_status fv__maxpool_infer(fv_inference *inference);

#endif
