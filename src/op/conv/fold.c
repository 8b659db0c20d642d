/* Columns added to an image where their windows lie. */
#include "op/conv/unfolding.h"
#include "op/operand.h"

#include <inttypes.h>
#include <string.h>

/* Whether there are as many columns as windows and as many rows as taps of
 * whole channels. */
static bool columns_fit(const fv_inference *inference, const fv__geometry *g,
                        int64_t taps)
{
    const fv_tensor *x = inference->inputs[0];
    const int64_t windows = g->out[FV__DEPTH] * g->out[0] * g->out[1];
    if (x->shape[2] % taps)
        fv_fail(inference->context, FV_MISUSE,
                "%s: columns of %" PRId64 " are no multiple of the %" PRId64
                " taps of a window",
                inference->name, x->shape[2], taps);
    else if (x->shape[1] != windows)
        fv_fail(inference->context, FV_MISUSE,
                "%s: %" PRId64 " columns, the image has %" PRId64 " windows",
                inference->name, x->shape[1], windows);
    return fv__ok(inference->context);
}

static fv_status infer(fv_inference *inference)
{
    const fv__unfolding *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    fv_context *context = inference->context;
    if (!fv__operand(inference, 0, "input", 3)) return fv_failed(context);
    if (a->axes < 1 || a->axes > FV__AXES)
        return fv_fail(context, FV_MISUSE, "%s: %d axes, expected 1 to 3",
                       inference->name, a->axes);
    const int64_t taps = fv__max(fv__product(a->axes, a->window.kernel), 1);
    fv__geometry g;
    if (fv__unfolding_geometry(inference, x->shape[0], a->axes, a->size,
                               fv__max(x->shape[2] / taps, 1), &g)
            != FV_OK
        || !columns_fit(inference, &g, taps))
        return fv_failed(context);
    int64_t shape[FV_MAX_RANK];
    fv__convolution_shape(a->axes, g.batch, g.in, g.channels, shape);
    fv__geometry *resolved = fv_inference_allocate(inference, sizeof g);
    if (!resolved) return fv_failed(context);
    memcpy(resolved, &g, sizeof g);
    inference->resolved = resolved;
    inference->forward_scratch = inference->backward_scratch =
        fv__unfolding_scratch(context, &g);
    return fv__infer_output(inference, a->axes + 2, shape);
}

static void forward(const fv_call *call)
{
    fv__unfolding_scatter(call, call->resolved, call->inputs[0]->data,
                          call->outputs[0]->data, FV__STORE);
}

static void backward(const fv_call *call)
{
    fv__unfolding_gather(call, call->resolved, call->output_grads[0]->data,
                         call->input_grads[0]->data,
                         fv__accumulation_of(call, 0));
}

const fv_operator fv__op_fold = {
    .size = sizeof(fv_operator),
    .name = "fold",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv__unfolding),
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "Col2Im",
};

fv_variable *fv_fold(fv_variable *x, int32_t axes, const int64_t size[],
                     const fv_unfolding *window)
{
    const fv__unfolding a = fv__unfolding_of(window, axes, size);
    return fv_apply(&fv__op_fold, &a, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD_AS("size", fv__unfolding_options, AXES, extents),
      .positional = true, .positive = true },
    FV__UNFOLDING_FIELDS,
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    const fv__unfolding_options *o = layer->options;
    const fv_unfolding w = fv__unfolding_window(layer, o->extents);
    return fv_fold(inputs[0], 2, o->extents, &w);
}

const fv__layer_type fv__layer_fold = {
    .kind = "fold",
    .about = "an image of the sums of the columns that unfold makes of one",
    FV__LAYER_OPTIONS(fv__unfolding_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};
