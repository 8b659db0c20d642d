/* The index of the largest element along an axis: the layer. */
#include "op/tensor_layer.h"

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    int64_t axis;
    int32_t drop; /* the axis does not stay with extent 1 */
    int32_t last; /* of equals, the last one */
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, INDEX, axis), .usual = -1, .positional = true },
    { FV__FIELD_AS("keepdims", options, LACK, drop) },
    { FV__FIELD(options, SWITCH, last) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    (void)count;
    return fv__arg_extreme_layer(inputs[0], (int32_t)o->axis, !o->drop, o->last,
                                 fv_arg_max);
}

const fv__layer_type fv__layer_arg_max = {
    .kind = "arg_max",
    .about = "the index of the largest element along an axis, of equals the "
             "first or the last",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};
