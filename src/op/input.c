/* Inputs of a network: what one image is. */
#include "op/op.h"

static const char *const type_words[] = { "real", "i64",  "i32",
                                          "u8",   "bool", NULL };

static const fv__field fields[] = {
    { FV__FIELD(fv_input_options, EXTENTS, shape), .positional = true,
      .positive = true },
    { FV__FIELD(fv_input_options, WORD, type), .words = type_words },
    { FV__FIELD_AS("batch", fv_input_options, LACK, no_batch) },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count, (void)inputs;
    const fv_input_options *options = layer->options;
    fv_shape given = fv__shape_of(options->shape);
    const bool image = options->type == FV_INPUT_REAL && !options->no_batch;
    char text[FV__SHAPE_BYTES];
    for (int32_t i = 0; i < given.rank; i++)
        if (given.extent[i] < 1 && given.extent[i] != FV_OPEN)
            return fv_fail(layer->context, FV_MISUSE,
                           "%s: extent %lld is below 1", layer->name,
                           (long long)given.extent[i]);
    if (given.rank < 1 && image)
        return fv_fail(layer->context, FV_MISUSE, "%s: there is no extent",
                       layer->name);
    const fv_shape inside =
        image ? fv__shape_inside(layer->context, given) : given;
    if (image && inside.extent[inside.rank - 1] == FV_OPEN)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: the number of %s cannot be open", layer->name,
                       inside.rank == 1 ? "features" : "channels");
    if (!fv__shape_open(&given) && fv__shape_count(&given) < 0)
        return fv_fail(
            layer->context, FV_LIMIT, "%s: shape %s has too many elements",
            layer->name,
            fv__shape_text(text, sizeof text, given.rank, options->shape));
    layer->in_shape = layer->out_shape = inside;
    return FV_OK;
}

fv_dtype fv__input_dtype(const fv_layer *layer)
{
    const fv_input_options *options = layer->options;
    switch (options->type) {
    case FV_INPUT_REAL:
        break;
    case FV_INPUT_I64:
        return FV_I64;
    case FV_INPUT_I32:
        return FV_I32;
    case FV_INPUT_U8:
        return FV_U8;
    case FV_INPUT_BOOL:
        return FV_BOOL;
    }
    return layer->context->dtype;
}

bool fv__input_is_batched(const fv_layer *layer)
{
    const fv_input_options *options = layer->options;
    return !options->no_batch;
}

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return inputs[0];
}

const fv__layer_type fv__layer_input = {
    .kind = "input",
    .about = "an input of the network: height, width, channels, or a number of "
             "features; ? leaves an extent open",
    FV__LAYER_OPTIONS(fv_input_options),
    .fields = fields,
    .min_inputs = 0,
    .max_inputs = 1,
    .declare = declare,
    .forward = forward,
};

fv_layer *fv_input_new(const fv_input_options *options)
{
    return fv__layer_new(&fv__layer_input, options);
}
