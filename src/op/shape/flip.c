/* Axes read backwards: a slice of step -1. */
#include "op/tensor_layer.h"

fv_variable *fv_flip(fv_variable *a, int32_t count, const int32_t axes[])
{
    int64_t starts[FV_MAX_RANK], stops[FV_MAX_RANK], steps[FV_MAX_RANK];
    for (int32_t i = 0; i < FV_MAX_RANK; i++) {
        starts[i] = -1;
        stops[i] = INT64_MIN;
        steps[i] = -1;
    }
    return fv_slice_axes(a, count, starts, stops, axes, steps);
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    fv__list axes;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, LIST, axes), .positional = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    int32_t axes[FV_MAX_RANK];
    (void)count;
    return fv_flip(inputs[0], fv__list_axes(&o->axes, axes), axes);
}

const fv__layer_type fv__layer_flip = {
    .kind = "flip",
    .about = "axes read backwards",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};
