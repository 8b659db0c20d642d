/* Pooling operators: the shape rule, and passes image by image. */
#ifndef FV_OP_POOL_WINDOW_H
#define FV_OP_POOL_WINDOW_H

#include "op/conv/conv2d.h"
#include "op/operand.h"

/* Completes the numbers of a pooling, NULL being one without a kernel, which is
 * refused under that name. */
fv_status fv__pool_complete(fv_context *context, const char *name,
                            const fv_pooling *pooling, fv_pooling *full);
/* Applies a pooling operator, whose attributes are an fv_pooling with every
 * default filled in. */
fv_variable *fv__pool_apply(const fv_operator *op, fv_variable *x,
                            const fv_pooling *pooling);

/* Whether operand 0, called "input", is a batch of images; otherwise records
 * so.
 */
bool fv__operand_images(const fv_inference *inference);
/* Output 0 is a batch of the geometry's outputs, with as many axes as input 0.
 */
void fv__infer_images(fv_inference *inference, const fv__geometry *g);
/* A geometry of batch, extents and channels of x, with windows of one pixel. */
fv__geometry fv__image_geometry(const fv_tensor *x);
/* The geometry of pooling x; out[] is not set. */
fv__geometry fv__pool_geometry(const fv_tensor *x, const fv_pooling *pooling);
/* The shape rule of pooling. */
fv_status fv__pool_infer(fv_inference *inference);
/* Counts the saved memory of max pooling to output 0: the position of each
 * maximum in its image, an int32_t. Refuses images that are too large for it.
 */
fv_status fv__pool_positions(fv_inference *inference);

/* Pools some windows of one image, g->out[] of them. `x` is the whole image or
 * its gradient; `y`, its gradient and `where` begin at the first of those
 * windows. */
typedef void fv__pool_image(const fv_call *call, const fv__geometry *g, void *x,
                            void *y, int32_t *where);
/* Pools each image of the batch, in blocks. `where` is the saved memory of the
 * call, or NULL. */
void fv__pool_forward(const fv_call *call, fv__pool_image *image);
/* The same with memory for the positions of maxima, or NULL. */
void fv__pool_forward_to(const fv_call *call, fv__pool_image *image,
                         int32_t *where);
/* Computes the gradient of the input, if it is wanted, image by image: windows
 * may overlap, so an image is not split. */
void fv__pool_backward(const fv_call *call, fv__pool_image *image);
/* Max pooling, and its gradient, of output 0. */
fv__pool_image fv__maxpool_image, fv__maxpool_image_grad;
/* The mean of the elements inside the image, and its gradient. */
fv__pool_image fv__mean_image, fv__mean_image_grad;

/* ---- windows that divide an image evenly -----------------------------------
 */

/* Attributes: the output's extents, in the order of the axes of x; 0 repeats
 * the first, -1 is the extent of x. */
typedef struct fv__bins {
    int64_t size[FV__AXES];
} fv__bins;

fv_variable *fv__bins_apply(const fv_operator *op, fv_variable *x,
                            const int64_t size[]);
fv_status fv__bins_infer(fv_inference *inference);
void fv__bins_forward(const fv_call *call, fv__pool_image *image);
void fv__bins_backward(const fv_call *call, fv__pool_image *image);
/* For layers: refuses an image of fewer axes than there are sizes. */
fv_status fv__bins_declare(fv_layer *layer, int32_t count,
                           const fv_shape inputs[]);

/* ---- layers ---------------------------------------------------------------
 */

/* Refuses an input that does not have as many axes as the kernel. */
fv_status fv__pool_declare(fv_layer *layer, int32_t count,
                           const fv_shape inputs[]);
/* Refuses an input without an axis before the channels, or with over three. */
fv_status fv__image_declare(fv_layer *layer, int32_t count,
                            const fv_shape inputs[]);
fv_variable *fv__maxpool_layer(fv_layer *layer, int32_t count,
                               fv_variable *const inputs[]);
fv_variable *fv__avgpool_layer(fv_layer *layer, int32_t count,
                               fv_variable *const inputs[]);
fv_variable *fv__lppool_layer(fv_layer *layer, int32_t count,
                              fv_variable *const inputs[]);

/* The options that every kind of pooling of that many axes has. */
#define FV__POOL_FIELDS(number)                                                \
    { FV__FIELD(fv_pool_options, AXES, kernel), .axes = (number),              \
      .positional = true, .positive = true },                                  \
        { FV__FIELD(fv_pool_options, AXES, stride), .axes = (number),          \
          .as = offsetof(fv_pool_options, kernel), .positive = true },         \
        FV__PADDING_FIELDS(fv_pool_options, number),                           \
        { FV__FIELD(fv_pool_options, AXES, dilation), .axes = (number),        \
          .usual = 1, .positive = true },                                      \
    {                                                                          \
        FV__FIELD(fv_pool_options, SWITCH, ceil_mode)                          \
    }
/* ... and those of averages, and of Lp pooling, besides. */
#define FV__AVGPOOL_FIELDS                                                     \
    { FV__FIELD_AS("count_padding", fv_pool_options, LACK, exclude_padding) }, \
    {                                                                          \
        FV__FIELD(fv_pool_options, COUNT, divisor)                             \
    }
#define FV__LPPOOL_FIELDS                                                      \
    {                                                                          \
        FV__FIELD(fv_pool_options, NUMBER, p), .usual = 2, .positive = true,   \
                                               .range = FV__ABOVE_0            \
    }

/* The layer type of a kind of pool, with `fields`. */
#define FV__POOL_LAYER(word, pool, text)                                       \
    .kind = (word), .stem = #pool, .about = (text),                            \
    FV__LAYER_OPTIONS(fv_pool_options), .fields = fields, .min_inputs = 1,     \
    .max_inputs = 1, .declare = fv__pool_declare, .checks = true,              \
    .forward = fv__##pool##_layer
extern const fv__layer_type fv__layer_maxpool1d, fv__layer_maxpool3d,
    fv__layer_avgpool1d, fv__layer_avgpool, fv__layer_avgpool3d,
    fv__layer_lppool1d, fv__layer_lppool, fv__layer_lppool3d;
/* Whether the layer is a max pool. */
bool fv__layer_is_maxpool(const fv__layer_type *type);

/* Options whose numbers are lists: one for each axis of the image, or one for
 * all. Begins as fv_layer_options. */
typedef struct fv__window_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
    fv__list kernel, stride, padding, padding_end, dilation;
    fv__list
        output; /* extents of the output; empty: those that it has to have */
    int32_t ceil_mode;
} fv__window_options;

/* The defaults are for reports. */
#define FV__WINDOW_FIELDS                                                      \
    { FV__FIELD(fv__window_options, LIST, kernel), .positional = true },       \
        { FV__FIELD(fv__window_options, LIST, stride),                         \
          .as = offsetof(fv__window_options, kernel) },                        \
        { FV__FIELD(fv__window_options, LIST, padding) },                      \
        { FV__FIELD(fv__window_options, LIST, padding_end),                    \
          .as = offsetof(fv__window_options, padding) },                       \
    {                                                                          \
        FV__FIELD(fv__window_options, LIST, dilation), .usual = 1              \
    }
/* Those options for an image of so many axes; `size` is set where the output is
 * given. */
fv_status fv__window_lists(const fv_layer *layer, int32_t axes,
                           fv_pooling *pooling, int64_t size[FV__AXES]);
fv_status fv__window_lists_declare(fv_layer *layer, int32_t count,
                                   const fv_shape inputs[]);

/* Max pooling followed by a clamp, for graphs in which nothing else reads the
 * clamped values. Every default is filled in. */
typedef struct fv__clamped_pooling {
    fv_pooling pooling;
    double low, high;
} fv__clamped_pooling;

fv_variable *fv__maxpool_clamped(fv_variable *x,
                                 const fv__clamped_pooling *attributes);
/* The shape rule of max pooling, with positions. */
fv_status fv__maxpool_infer(fv_inference *inference);

#endif
