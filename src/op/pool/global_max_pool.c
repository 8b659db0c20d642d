/* Largest value of each channel's plane. */
#include "op/pool/window.h"

static fv_status infer(fv_inference *inference)
{
    const fv_status status = fv__bins_infer(inference);
    return status ? status : fv__pool_positions(inference);
}

static void forward(const fv_call *call)
{
    fv__bins_forward(call, fv__maxpool_image);
}

static void backward(const fv_call *call)
{
    fv__bins_backward(call, fv__maxpool_image_grad);
}

const fv_operator fv__op_global_max_pool = {
    .size = sizeof(fv_operator),
    .name = "global_max_pool",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv__bins),
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "GlobalMaxPool",
};

fv_variable *fv_global_max_pool_of(fv_variable *x)
{
    return fv__bins_apply(&fv__op_global_max_pool, x,
                          (const int64_t[]){ 1, 1, 1 });
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_global_max_pool_of(inputs[0]);
}

const fv__layer_type fv__layer_global_max_pool = {
    .kind = "global_max_pool",
    .about = "the largest value of the plane of each channel: {h, w, c} to {1, "
             "1, c}",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = fv__image_declare,
    .checks = true,
    .forward = apply,
};

fv_layer *fv_global_max_pool_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_global_max_pool, options);
}
