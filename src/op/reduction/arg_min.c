/* The index of the smallest element along an axis: the layer. */
#include "op/tensor_layer.h"

static const fv__field fields[] = {
    FV__AXIS_FIELD(-1),
    { FV__FIELD_AS("keepdims", fv__axis_options, LACK, drop) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv__axis_options *o = layer->options;
    (void)count;
    return fv_arg_min(inputs[0], (int32_t)o->axis, !o->drop);
}

const fv__layer_type fv__layer_arg_min = {
    .kind = "arg_min",
    .about =
        "the index of the smallest element along an axis, of equals the first",
    FV__LAYER_OPTIONS(fv__axis_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};
