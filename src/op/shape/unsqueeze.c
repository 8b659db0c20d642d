/* Axes of extent 1 inserted: the layer. */
#include "op/tensor_layer.h"

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
    fv__list list = { .count = 0 };
    int32_t n, axes[FV_MAX_RANK];
    if (!fv__layer_list(layer, count, inputs, 1, "the axes", &o->axes, &n,
                        list.at))
        return NULL;
    list.count = n;
    fv__list_axes(&list, axes);
    return fv_unsqueeze(inputs[0], n, axes);
}

const fv__layer_type fv__layer_unsqueeze = {
    .kind = "unsqueeze",
    .about = "axes of extent 1 inserted, which are axes of the result and may "
             "be a second input",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .forward = apply,
};
