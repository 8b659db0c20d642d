/* Slices replaced by vectors of indices: the layer. */
#include "op/index/places.h"
#include "op/tensor_layer.h"

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    fv_scatter_reduction reduction;
    int32_t reserved;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, WORD, reduction), .words = fv__scatter_words },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    (void)count;
    return fv_scatter_nd(inputs[0], inputs[1], inputs[2], o->reduction);
}

const fv__layer_type fv__layer_scatter_nd = {
    .kind = "scatter_nd",
    .about = "the first input with slices of the third at the vectors of "
             "indices in the second, by the reduction",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 3,
    .max_inputs = 3,
    .forward = apply,
};
