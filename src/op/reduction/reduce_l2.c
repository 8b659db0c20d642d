/* The square root of the sum of squares along axes; its gradient is 0 where it
 * is 0. */
#include "op/tensor_layer.h"

static fv_status infer(fv_inference *inference)
{
    fv_status status = fv__reduction_sum_infer(inference, false);
    const size_t squares = fv__align(fv__tensor_bytes(inference->inputs[0]));
    if (status) return status;
    inference->forward_scratch += squares;
    inference->backward_scratch =
        squares + fv__tensor_bytes(&inference->outputs[0]);
    return FV_OK;
}

static void forward(const fv_call *call)
{
    const fv_tensor *x = call->inputs[0];
    const fv_tensor y = fv__reduction_of(call, call->outputs[0]);
    fv_tensor squares = *x;
    squares.data = call->scratch;
    fv__binary_all(call->context, FV__MUL, x, x, &squares);
    const fv__sum_to_shape sum = fv__reduction_sum(call->context, &squares, &y);
    fv__sum_to_shape_run(&sum, (char *)call->scratch
                                   + fv__align(fv__tensor_bytes(x)));
    fv__unary_all(call->context, FV__SQRT, fv__count(&y), y.data, y.data, 0, 0);
}

/* rate = dy / y, and 0 where y is 0 */
static void divide(const fv_call *call, const fv_tensor *rate)
{
    const size_t n = fv__count(rate);
    if (rate->dtype == FV_F64) {
        const double *y = call->outputs[0]->data;
        const double *dy = call->output_grads[0]->data;
        double *to = rate->data;
        for (size_t i = 0; i < n; i++) to[i] = y[i] == 0 ? 0 : dy[i] / y[i];
    } else {
        const float *y = call->outputs[0]->data;
        const float *dy = call->output_grads[0]->data;
        float *to = rate->data;
        for (size_t i = 0; i < n; i++) to[i] = y[i] == 0 ? 0 : dy[i] / y[i];
    }
}

static void backward(const fv_call *call)
{
    const fv_tensor *x = call->inputs[0], *dx = call->input_grads[0];
    fv_tensor product = *x, rate = fv__reduction_of(call, call->outputs[0]);
    product.data = call->scratch;
    rate.data = (char *)call->scratch + fv__align(fv__tensor_bytes(x));
    divide(call, &rate);
    fv__binary_all(call->context, FV__MUL, x, &rate, &product);
    fv__axpy_all(call->context, fv__count(x), 1, product.data, dx->data);
}

const fv_operator fv__op_reduce_l2 = {
    FV__REDUCTION("reduce_l2"),
    .backward_reads = FV_READS_INPUT(0) | FV_READS_OUTPUT,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "ReduceL2",
};

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *reduce(fv_layer *layer, int32_t count,
                           fv_variable *const inputs[])
{
    return fv__reduction_layer(layer, count, inputs, &fv__op_reduce_l2,
                               FV_REDUCE_L2);
}

const fv__layer_type fv__layer_reduce_l2 = {
    FV__REDUCTION_LAYER("reduce_l2"),
    .about = "the square root of the sum of squares along axes: all but the "
             "batch unless they are given",
};
