/* Pooling operators: their shape rule and their work, image by image. */
#ifndef FV_OP_WINDOW_H
#define FV_OP_WINDOW_H

#include "op/operand.h"

/* Applies a pooling operator, whose attributes are an fv_pooling with every
 * default filled in. */
fv_variable *fv__pool_apply(const fv_operator *op, fv_variable *x,
                            const fv_pooling *pooling);
/* Geometry of a pool over x; out[] is not filled. */
fv__geometry fv__pool_geometry(const fv_tensor *x, const fv_pooling *pooling);
/* The shape rule of x [n, h, w, c] -> [n, h', w', c]. */
fv_status fv__pool_infer(fv_inference *inference);

/* Rows of the output of one image, g->out[0] of them: x, or its gradient, is
 * that of the whole image; y, or its gradient, and where, are of the rows. */
typedef void fv__pool_image(const fv_call *call, const fv__geometry *g, void *x,
                            void *y, int32_t *where);
/* Runs it on each image of the batch, cut into rows; `where` is what the call
 * saved, or NULL. */
void fv__pool_forward(const fv_call *call, fv__pool_image *image);
/* On whole images, since windows may overlap; not if nobody asks for the
 * gradient of the input. */
void fv__pool_backward(const fv_call *call, fv__pool_image *image);

/* Max pooling, its output clamped: for those who know that nobody else reads
 * the clamped values that it stands for. Every default is filled in. */
typedef struct fv__clamped_pooling {
    fv_pooling pooling;
    double low, high;
} fv__clamped_pooling;

fv_variable *fv__maxpool_clamped(fv_variable *x,
                                 const fv__clamped_pooling *attributes);
/* The shape rule of both. */
fv_status fv__maxpool_infer(fv_inference *inference);

#endif
