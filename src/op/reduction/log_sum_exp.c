/* The logarithm of the sum of exp(x) along axes, which stays finite. */
#include "op/tensor_layer.h"

#include <math.h>

static fv__extremes extremes_of(fv_context *context,
                                const fv__reduction *reduction,
                                const fv_tensor *x)
{
    return (fv__extremes){
        .context = context, .reduction = reduction, .largest = true, .x = x
    };
}

/* Scratch: the largest elements, the powers, then that of both reductions. */
static fv_status infer(fv_inference *inference)
{
    fv_status status = fv__reduction_sum_infer(inference, true);
    if (status) return status;
    const fv_tensor *x = inference->inputs[0];
    const fv__extremes extremes =
        extremes_of(inference->context, inference->attributes, x);
    const size_t search = fv__extremes_scratch(&extremes);
    if (inference->forward_scratch < search)
        inference->forward_scratch = search;
    inference->forward_scratch +=
        fv__align(fv__tensor_bytes(&inference->outputs[0]))
        + fv__align(fv__tensor_bytes(x));
    inference->backward_scratch = fv__tensor_bytes(x);
    return FV_OK;
}

/* Infinite numbers become 0: nothing is taken from the exponents there. */
static void make_finite(const fv_tensor *most)
{
    for (size_t i = 0; i < fv__count(most); i++) {
        if (most->dtype == FV_F64) {
            double *at = (double *)most->data + i;
            if (isinf(*at)) *at = 0;
        } else {
            float *at = (float *)most->data + i;
            if (isinf(*at)) *at = 0;
        }
    }
}

static void forward(const fv_call *call)
{
    fv_context *context = call->context;
    const fv_tensor *x = call->inputs[0];
    const fv_tensor y = fv__reduction_of(call, call->outputs[0]);
    char *memory = call->scratch;
    fv_tensor most = y, powers = *x;
    most.data = memory;
    powers.data = memory += fv__align(fv__tensor_bytes(&y));
    memory += fv__align(fv__tensor_bytes(x));
    fv__extremes extremes = extremes_of(context, call->attributes, x);
    extremes.y = most.data;
    fv__extremes_run(&extremes, memory);
    make_finite(&most);
    fv__binary_all(context, FV__SUB, x, &most, &powers);
    fv__unary_all(context, FV__EXP, fv__count(x), powers.data, powers.data, 0,
                  0);
    const fv__sum_to_shape sum = fv__reduction_sum(context, &powers, &y);
    fv__sum_to_shape_run(&sum, memory);
    fv__unary_all(context, FV__LOG, fv__count(&y), y.data, y.data, 0, 0);
    fv__binary_all(context, FV__ADD, &y, &most, &y);
}

/* dx += dy exp(x - y) */
static void backward(const fv_call *call)
{
    fv_context *context = call->context;
    const fv_tensor *x = call->inputs[0];
    const fv_tensor y = fv__reduction_of(call, call->outputs[0]);
    const fv_tensor dy = fv__reduction_of(call, call->output_grads[0]);
    fv_tensor share = *x;
    share.data = call->scratch;
    fv__binary_all(context, FV__SUB, x, &y, &share);
    fv__unary_all(context, FV__EXP, fv__count(x), share.data, share.data, 0, 0);
    fv__binary_all(context, FV__MUL, &share, &dy, &share);
    fv__axpy_all(context, fv__count(x), 1, share.data,
                 call->input_grads[0]->data);
}

const fv_operator fv__op_log_sum_exp = {
    FV__REDUCTION("log_sum_exp"),
    .backward_reads = FV_READS_INPUT(0) | FV_READS_OUTPUT,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "ReduceLogSumExp",
};

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *reduce(fv_layer *layer, int32_t count,
                           fv_variable *const inputs[])
{
    return fv__reduction_layer(layer, count, inputs, &fv__op_log_sum_exp,
                               FV_REDUCE_LOG_SUM_EXP);
}

const fv__layer_type fv__layer_log_sum_exp = {
    FV__REDUCTION_LAYER("log_sum_exp"),
    .about =
        "log sum exp(x) along axes: all but the batch unless they are given",
};
