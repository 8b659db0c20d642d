/* x where x > 0, else slope x, with a slope for each channel or one for all;
 * the gradient at 0 is that to the left. */
#include "op/operand.h"

#include <inttypes.h>

/* The slopes are broadcast to x, and not the other way round. */
static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *x = inference->inputs[0], *slope = inference->inputs[1];
    if (!fv__operand(inference, 0, "input", -1)
        || !fv__operand(inference, 1, "slope", 1))
        return fv_failed(context);
    const int64_t channels = x->shape[x->rank - 1];
    if (slope->shape[0] != 1 && slope->shape[0] != channels)
        return fv_fail(context, FV_MISUSE,
                       "%s: slope %s, expected [1] or [%" PRId64
                       "], a number for each channel of input %s",
                       inference->name, FV__SHAPE(slope), channels,
                       FV__SHAPE(x));
    return fv__binary_infer(inference);
}

const fv_operator fv__op_prelu = {
    FV__BINARY_OPERATOR_INFER("prelu", FV_READS_INPUTS, FV_OVERWRITES, infer),
    .onnx = "PRelu"
};

fv_variable *fv_prelu_of(fv_variable *x, fv_variable *slope)
{
    return fv__apply_binary(&fv__op_prelu, FV__PRELU, x, slope);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_prelu_options, NUMBER, slope), .usual = 0.25,
      .positional = true },
    { FV__FIELD(fv_prelu_options, SWITCH, shared) },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    const fv_prelu_options *options = layer->options;
    if (fv__layer_expect_channels(layer, &inputs[0]) != FV_OK)
        return fv_failed(layer->context);
    const int64_t slopes =
        options->shared ? 1 : inputs[0].extent[inputs[0].rank - 1];
    fv__layer_parameter(
        layer, "weight", 1, &slopes,
        (fv__init){ .initializer = FV_INIT_CONSTANT, .value = options->slope });
    return FV_OK;
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    return fv_prelu_of(inputs[0], layer->parameters[0].variable);
}

const fv__layer_type fv__layer_prelu = {
    .kind = "prelu",
    .about = "x > 0 ? x : weight x; a weight for each channel, or one for all",
    FV__LAYER_OPTIONS(fv_prelu_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_prelu_new(const fv_prelu_options *options)
{
    return fv__layer_new(&fv__layer_prelu, options);
}
