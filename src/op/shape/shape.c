/* The extents of a tensor, as a vector of FV_I64. */
#include "op/op.h"

static fv_status infer(fv_inference *inference)
{
    const int64_t rank = inference->inputs[0]->rank;
    fv__infer_output(inference, 1, &rank);
    inference->outputs[0].dtype = FV_I64;
    return FV_OK;
}

static void forward(const fv_call *call)
{
    int64_t *y = call->outputs[0]->data;
    for (int32_t i = 0; i < call->inputs[0]->rank; i++)
        y[i] = call->inputs[0]->shape[i];
}

const fv_operator fv__op_shape = { .size = sizeof(fv_operator),
                                   .name = "shape",
                                   .min_inputs = 1,
                                   .max_inputs = 1,
                                   .abilities = FV_READS_SHAPES,
                                   .infer = infer,
                                   .forward = forward,
                                   .onnx = "Shape" };

fv_variable *fv_shape_of(fv_variable *a)
{
    return fv_apply(&fv__op_shape, NULL, 1, &a);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_shape = {
    FV__PLAIN_LAYER("shape", fv_shape_of),
    .about = "the extents, the batch among them, as i64"
};
