/* Mean of windows that divide an image evenly. */
#include "op/pool/window.h"

static void forward(const fv_call *call)
{
    fv__bins_forward(call, fv__mean_image);
}

static void backward(const fv_call *call)
{
    fv__bins_backward(call, fv__mean_image_grad);
}

const fv_operator fv__op_adaptive_avgpool = {
    .size = sizeof(fv_operator),
    .name = "adaptive_avgpool",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv__bins),
    .abilities = FV_OVERWRITES,
    .infer = fv__bins_infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_adaptive_avgpool_of(fv_variable *x, const int64_t size[])
{
    return fv__bins_apply(&fv__op_adaptive_avgpool, x, size);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_adaptive_pool_options, EXTENTS, output),
      .positional = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_adaptive_pool_options *options = layer->options;
    (void)count;
    return fv_adaptive_avgpool_of(inputs[0], options->output);
}

const fv__layer_type fv__layer_adaptive_avgpool = {
    .kind = "adaptive_avgpool",
    .about = "the mean of each of so many windows that divide an image "
             "evenly; ? keeps the size of an axis",
    FV__LAYER_OPTIONS(fv_adaptive_pool_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = fv__bins_declare,
    .forward = apply,
};

fv_layer *fv_adaptive_avgpool_new(const fv_adaptive_pool_options *options)
{
    return fv__layer_new(&fv__layer_adaptive_avgpool, options);
}
