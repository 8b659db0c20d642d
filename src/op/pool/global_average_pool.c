/* Mean of each channel's plane. */
#include "op/chunk.h"
#include "op/columns.h"
#include "op/pool/window.h"

/* The window is the whole plane. */
static fv__geometry geometry_of(const fv_tensor *x)
{
    fv__geometry g = fv__image_geometry(x);
    for (int32_t axis = 0; axis < FV__AXES; axis++) {
        g.kernel[axis] = g.stride[axis] = g.in[axis];
        g.out[axis] = 1;
    }
    return g;
}

static int64_t pixels_of(const fv_tensor *x)
{
    return fv__product(x->rank - 2, x->shape + 1);
}

/* The units of work are images. */
static fv__chunks chunks_of(const fv_context *context, const fv_tensor *x)
{
    const int64_t pixels = pixels_of(x), c = x->shape[x->rank - 1];
    return (fv__chunks){ .units = x->shape[0],
                         .each = fv__rows_per_chunk(pixels * c),
                         .buffer = fv__columns_scratch(context, pixels, c),
                         .cost = (double)pixels * (double)c };
}

static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *x = inference->inputs[0];
    if (!fv__operand_images(inference)) return fv_failed(context);
    fv__geometry g = geometry_of(x);
    fv_status status = fv__geometry_check(context, inference->name, true, &g);
    if (status != FV_OK) return status;
    const fv__chunks chunks = chunks_of(context, x);
    fv__infer_images(inference, &g);
    inference->window[0] = inference->window[1] = 0;
    inference->forward_scratch = fv__chunks_scratch(context, &chunks);
    inference->backward_scratch = inference->forward_scratch;
    return FV_OK;
}

static void chunk_forward(const fv_call *call, int64_t first, int64_t count,
                          void *buffer, double *sum)
{
    const fv_tensor *x = call->inputs[0];
    const int64_t pixels = pixels_of(x), c = x->shape[x->rank - 1];
    (void)sum;
    for (int64_t i = first; i < first + count; i++) {
        const fv__columns plane = { .m = pixels,
                                    .c = c,
                                    .x = fv__tensor_byte(x, i * pixels * c) };
        void *y = fv__tensor_byte(call->outputs[0], i * c);
        fv__columns_sum(call->context, &plane, y, buffer);
        call->context->kernels->unary(FV__SCALE_ADD, (size_t)c, y, y,
                                      1 / (double)pixels, 0);
    }
}

static void forward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->context, call->inputs[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_forward);
}

static void chunk_grad(const fv_call *call, int64_t first, int64_t count,
                       void *buffer, double *sum)
{
    const fv_tensor *dx = call->input_grads[0];
    const fv__geometry g = geometry_of(dx);
    const int64_t image = pixels_of(dx) * g.channels;
    (void)buffer;
    (void)sum;
    for (int64_t i = first; i < first + count; i++)
        fv__mean_image_grad(
            call, &g, fv__tensor_byte(dx, i * image),
            fv__tensor_byte(call->output_grads[0], i * g.channels), NULL);
}

static void backward(const fv_call *call)
{
    const fv__chunks chunks = chunks_of(call->context, call->input_grads[0]);
    fv__chunks_run(call, &chunks, call->scratch, chunk_grad);
}

const fv_operator fv__op_global_average_pool = {
    .size = sizeof(fv_operator),
    .name = "global_average_pool",
    .min_inputs = 1,
    .max_inputs = 1,
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "GlobalAveragePool",
};

fv_variable *fv_global_average_pool_of(fv_variable *x)
{
    return fv_apply(&fv__op_global_average_pool, NULL, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_global_average_pool_of(inputs[0]);
}

const fv__layer_type fv__layer_global_average_pool = {
    .kind = "global_average_pool",
    .about = "the mean of the plane of each channel: {h, w, c} to {1, 1, c}",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = fv__image_declare,
    .checks = true,
    .forward = apply,
};

fv_layer *fv_global_average_pool_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_global_average_pool, options);
}
