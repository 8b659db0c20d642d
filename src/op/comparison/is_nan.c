/* Whether each element is NaN, FV_BOOL. */
#include "op/op.h"

static fv_status infer(fv_inference *inference)
{
    const fv_status status = fv__infer_float(inference, 0);
    return status ? status : fv__infer_broadcast_type(inference, 0, FV_BOOL);
}

static void run_row(const void *argument, const fv__broadcast_row *row)
{
    const fv_call *call = argument;
    const fv_tensor *x = call->inputs[0];
    const void *from = fv__tensor_byte(x, row->first);
    call->context->kernels->compare(
        x->dtype, FV__NOT_EQUAL, (size_t)row->n, from, 1, from, 1,
        (uint8_t *)call->outputs[0]->data + row->first);
}

static void forward(const fv_call *call)
{
    fv__broadcast_rows(call->context, call->outputs[0], 1, call->inputs, 2,
                       run_row, call);
}

const fv_operator fv__op_is_nan = { .size = sizeof(fv_operator),
                                    .name = "is_nan",
                                    .min_inputs = 1,
                                    .max_inputs = 1,
                                    .infer = infer,
                                    .forward = forward,
                                    .onnx = "IsNaN" };

fv_variable *fv_is_nan(fv_variable *a)
{
    return fv_apply(&fv__op_is_nan, NULL, 1, &a);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_is_nan = { FV__PLAIN_LAYER("is_nan", fv_is_nan),
                                          .about = "whether x is NaN" };
