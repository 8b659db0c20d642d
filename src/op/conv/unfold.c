/* The windows of an image as columns. */
#include "op/conv/unfolding.h"
#include "op/operand.h"

#include <inttypes.h>
#include <string.h>

static fv_status infer(fv_inference *inference)
{
    const fv_tensor *x = inference->inputs[0];
    const int32_t axes = x->rank - 2;
    fv__geometry g;
    if (axes < 1 || axes > FV__AXES)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: input %s has rank %d, expected 3 to 5",
                       inference->name, FV__SHAPE(x), x->rank);
    if (!fv__operand(inference, 0, "input", axes + 2)
        || fv__unfolding_geometry(inference, x->shape[0], axes, x->shape + 1,
                                  x->shape[axes + 1], &g)
               != FV_OK)
        return fv_failed(inference->context);
    const int64_t shape[] = { g.batch, g.out[FV__DEPTH] * g.out[0] * g.out[1],
                              g.channels * g.kernel[FV__DEPTH] * g.kernel[0]
                                  * g.kernel[1] };
    fv__geometry *resolved = fv_inference_allocate(inference, sizeof g);
    if (!resolved) return fv_failed(inference->context);
    memcpy(resolved, &g, sizeof g);
    inference->resolved = resolved;
    inference->backward_scratch = fv__unfolding_scratch(inference->context, &g);
    return fv__infer_output(inference, 3, shape);
}

static void forward(const fv_call *call)
{
    fv__unfolding_gather(call, call->resolved, call->inputs[0]->data,
                         call->outputs[0]->data, FV__STORE);
}

static void backward(const fv_call *call)
{
    fv__unfolding_scatter(call, call->resolved, call->output_grads[0]->data,
                          call->input_grads[0]->data,
                          fv__accumulation_of(call, 0));
}

const fv_operator fv__op_unfold = {
    .size = sizeof(fv_operator),
    .name = "unfold",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv__unfolding),
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

fv_variable *fv_unfold(fv_variable *x, const fv_unfolding *window)
{
    const fv__unfolding a = fv__unfolding_of(window, 0, NULL);
    return fv_apply(&fv__op_unfold, &a, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    FV__UNFOLDING_FIELDS,
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    return fv__layer_expect_image(layer, &inputs[0]);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    const fv_unfolding w =
        fv__unfolding_window(layer, inputs[0]->value.shape + 1);
    return fv_unfold(inputs[0], &w);
}

const fv__layer_type fv__layer_unfold = {
    .kind = "unfold",
    .about = "windows as columns: [windows, channels*kh*kw], the taps of a "
             "channel side by side",
    FV__LAYER_OPTIONS(fv__unfolding_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};
