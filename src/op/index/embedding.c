/* Rows of a table of weights at indices: the layer. */
#include "op/tensor_layer.h"

#include <inttypes.h>

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    int64_t num_rows, width;
    int64_t padding; /* -1: none */
    FV_LAYER_INIT;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, num_rows), .positional = true },
    { FV__FIELD(options, COUNT, width), .positional = true },
    { FV__FIELD(options, INDEX, padding), .usual = -1 },
    FV__INIT_FIELDS(options),
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count, (void)inputs;
    const options *o = layer->options;
    const int64_t shape[] = { o->num_rows, o->width };
    if (o->num_rows < 1 || o->width < 1)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: a table of %" PRId64 " x %" PRId64 " is empty",
                       layer->name, o->num_rows, o->width);
    if (o->padding < -1 || o->padding >= o->num_rows)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: padding %" PRId64 " is no row of %" PRId64,
                       layer->name, o->padding, o->num_rows);
    fv__layer_parameter(layer, "weight", 2, shape,
                        FV__INIT(o, o->width, o->num_rows, 1));
    return fv_failed(layer->context);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    (void)count;
    return fv_embedding_of(layer->parameters[0].variable, inputs[0],
                           o->padding);
}

const fv__layer_type fv__layer_embedding = {
    .kind = "embedding",
    .about = "rows of a weight [num_rows, width] at indices; the row padding "
             "is not trained",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};
