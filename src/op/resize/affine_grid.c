/* The grid that an affine map of the plane makes, for grid_sample. */
#include "op/attributes.h"
#include "op/operand.h"

#include <inttypes.h>

static fv_status infer(fv_inference *inference)
{
    const fv__affine_grid *a = inference->attributes;
    const fv_tensor *theta = inference->inputs[0];
    if (!fv__operand(inference, 0, "theta", 3)
        || fv__infer_shape(inference, 0, 3, (const int64_t[]){ -1, 2, 3 })
               != FV_OK)
        return fv_failed(inference->context);
    if (a->height < 1 || a->width < 1)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: size %" PRId64 "x%" PRId64 " is below 1",
                       inference->name, a->height, a->width);
    const int64_t shape[] = { theta->shape[0], a->height, a->width, 2 };
    inference->window[0] = inference->window[1] = 0;
    return fv__infer_output(inference, 4, shape);
}

/* Coordinate i of `count` from -1 to 1. */
static double coordinate(const fv__affine_grid *a, int64_t i, int64_t count)
{
    if (!a->align_corners) return (double)(2 * i + 1) / (double)count - 1;
    return count > 1 ? (double)(2 * i) / (double)(count - 1) - 1 : 0;
}

typedef struct job {
    const fv_call *call;
    fv__affine_grid map;
} job;

/* One row of one image. */
static void make_row(void *argument, size_t item, size_t worker)
{
    const job *j = argument;
    const fv__affine_grid *a = &j->map;
    const fv_context *context = j->call->context;
    const int64_t n = (int64_t)item / a->height;
    const double y = coordinate(a, (int64_t)item % a->height, a->height);
    void *grid =
        fv__tensor_byte(j->call->outputs[0], (int64_t)item * a->width * 2);
    double theta[6];
    (void)worker;
    for (int i = 0; i < 6; i++)
        theta[i] = fv__real_get(context, j->call->inputs[0]->data, 6 * n + i);
    for (int64_t i = 0; i < a->width; i++) {
        const double x = coordinate(a, i, a->width);
        for (int k = 0; k < 2; k++)
            fv__real_set(context, grid, 2 * i + k,
                         theta[3 * k] * x + theta[3 * k + 1] * y
                             + theta[3 * k + 2]);
    }
}

static void forward(const fv_call *call)
{
    job j = { .call = call, .map = *(const fv__affine_grid *)call->attributes };
    const int64_t rows = call->inputs[0]->shape[0] * j.map.height;
    fv__parallel(call->context, (size_t)rows,
                 8 * (double)rows * (double)j.map.width, make_row, &j);
}

/* Adds the sums over one image: rows are summed by themselves first. */
static void sum_image(void *argument, size_t n, size_t worker)
{
    const job *j = argument;
    const fv__affine_grid *a = &j->map;
    const fv_context *context = j->call->context;
    const int64_t image = (int64_t)n * a->height * a->width * 2;
    const void *dgrid = fv__tensor_byte(j->call->output_grads[0], image);
    void *dtheta = fv__tensor_byte(j->call->input_grads[0], 6 * (int64_t)n);
    double sum[6] = { 0 };
    (void)worker;
    for (int64_t r = 0; r < a->height; r++) {
        const double y = coordinate(a, r, a->height);
        for (int k = 0; k < 2; k++) {
            double by_x = 0, by_one = 0;
            for (int64_t i = 0; i < a->width; i++) {
                const double g =
                    fv__real_get(context, dgrid, (r * a->width + i) * 2 + k);
                by_x += coordinate(a, i, a->width) * g;
                by_one += g;
            }
            sum[3 * k] += by_x;
            sum[3 * k + 1] += y * by_one;
            sum[3 * k + 2] += by_one;
        }
    }
    for (int i = 0; i < 6; i++)
        fv__real_set(context, dtheta, i,
                     fv__real_get(context, dtheta, i) + sum[i]);
}

static void backward(const fv_call *call)
{
    job j = { .call = call, .map = *(const fv__affine_grid *)call->attributes };
    const int64_t n = call->input_grads[0]->shape[0];
    fv__parallel(call->context, (size_t)n,
                 8 * (double)fv_tensor_count(call->output_grads[0]), sum_image,
                 &j);
}

const fv_operator fv__op_affine_grid = {
    .size = sizeof(fv_operator),
    .name = "affine_grid",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv__affine_grid),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "AffineGrid",
};

fv_variable *fv_affine_grid_of(fv_variable *theta, int64_t height,
                               int64_t width, int32_t align_corners)
{
    const fv__affine_grid attributes = { height, width, align_corners, 0 };
    return fv_apply(&fv__op_affine_grid, &attributes, 1, &theta);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_affine_grid_options, COUNT, height), .positional = true },
    { FV__FIELD(fv_affine_grid_options, COUNT, width), .positional = true },
    { FV__FIELD(fv_affine_grid_options, SWITCH, align_corners) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_affine_grid_options *options = layer->options;
    const fv_tensor *x = fv_variable_value(inputs[0]);
    fv_variable *theta = inputs[0];
    (void)count;
    if (x->rank == 2 && x->shape[1] == 6)
        theta = fv_reshape(theta, 3, (const int64_t[]){ x->shape[0], 2, 3 });
    return fv_affine_grid_of(theta, options->height, options->width,
                             options->align_corners);
}

const fv__layer_type fv__layer_affine_grid = {
    .kind = "affine_grid",
    .about = "the grid [height, width, 2] of points theta (x, y, 1), for "
             "grid_sample; theta is 6 numbers, two rows of three",
    FV__LAYER_OPTIONS(fv_affine_grid_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_affine_grid_new(const fv_affine_grid_options *options)
{
    return fv__layer_new(&fv__layer_affine_grid, options);
}
