/* Elements of one tensor where a condition holds, else of another; all three
 * are broadcast. */
#include "op/op.h"

/* The gradient of operand k: those of the result that came from it, and zeros,
 * which are then summed to its shape. */
static fv__sum_to_shape sum_of(fv_context *context, const fv_tensor *masked,
                               const fv_tensor *d)
{
    return (fv__sum_to_shape){ .context = context,
                               .f = FV__ADD,
                               .accumulation = FV__ACCUMULATE,
                               .a = masked,
                               .b = masked,
                               .dy = masked,
                               .d = d };
}

static fv_status infer(fv_inference *inference)
{
    const fv_tensor *a = inference->inputs[1], *b = inference->inputs[2];
    fv_status status = fv__infer_truth(inference, 0);
    if (!status && a->dtype != b->dtype)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: operand 3 has type %s, expected %s",
                       inference->name, fv_dtype_name(b->dtype),
                       fv_dtype_name(a->dtype));
    if (!status) status = fv__infer_broadcast_type(inference, 0, a->dtype);
    const fv_tensor *y = &inference->outputs[0];
    if (status || !inference->gradient || fv__product(y->rank, y->shape) < 0)
        return status;
    for (int32_t k = 1; k < 3; k++) {
        const fv__sum_to_shape sum =
            sum_of(inference->context, y, inference->inputs[k]);
        const size_t bytes =
            fv__align(fv__tensor_bytes(y)) + fv__sum_to_shape_scratch(&sum);
        if (inference->backward_scratch < bytes)
            inference->backward_scratch = bytes;
    }
    return FV_OK;
}

static void run_row(const void *argument, const fv__broadcast_row *row)
{
    const fv_call *call = argument;
    const fv_tensor *a = call->inputs[1], *b = call->inputs[2];
    call->context->kernels->choose(
        fv_dtype_bytes(a->dtype), (size_t)row->n,
        (const uint8_t *)call->inputs[0]->data + row->at[0],
        (size_t)row->step[0], fv__tensor_byte(a, row->at[1]),
        (size_t)row->step[1], fv__tensor_byte(b, row->at[2]),
        (size_t)row->step[2], fv__tensor_byte(call->outputs[0], row->first));
}

static void forward(const fv_call *call)
{
    fv__broadcast_rows(call->context, call->outputs[0], 3, call->inputs, 2,
                       run_row, call);
}

typedef struct mask_job {
    const fv_call *call;
    bool wanted; /* the condition under which gradients pass */
} mask_job;

static void mask_row(const void *argument, const fv__broadcast_row *row)
{
    static const double zero = 0; /* and the same bits of f32 */
    const mask_job *job = argument;
    const fv_context *context = job->call->context;
    const void *dy = fv__tensor_byte(job->call->output_grads[0], row->first);
    context->kernels->choose(
        fv__number_bytes(context), (size_t)row->n,
        (const uint8_t *)job->call->inputs[0]->data + row->at[0],
        (size_t)row->step[0], job->wanted ? dy : &zero, job->wanted,
        job->wanted ? &zero : dy, !job->wanted,
        fv__number_at(context, job->call->scratch, row->first));
}

static void backward(const fv_call *call)
{
    fv_tensor masked = *call->output_grads[0];
    masked.data = call->scratch;
    for (int32_t k = 1; k < 3; k++) {
        if (!call->input_grads[k]) continue;
        const mask_job job = { call, k == 1 };
        fv__broadcast_rows(call->context, &masked, 1, call->inputs, 2, mask_row,
                           &job);
        const fv__sum_to_shape sum =
            sum_of(call->context, &masked, call->input_grads[k]);
        fv__sum_to_shape_run(&sum, (char *)call->scratch
                                       + fv__align(fv__tensor_bytes(&masked)));
    }
}

const fv_operator fv__op_where = { .size = sizeof(fv_operator),
                                   .name = "where",
                                   .min_inputs = 3,
                                   .max_inputs = 3,
                                   .backward_reads = FV_READS_INPUT(0),
                                   .infer = infer,
                                   .forward = forward,
                                   .backward = backward,
                                   .onnx = "Where" };

fv_variable *fv_where(fv_variable *condition, fv_variable *a, fv_variable *b)
{
    fv_variable *const operands[] = { condition, a, b };
    return fv_apply(&fv__op_where, NULL, 3, operands);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_where(inputs[0], inputs[1], inputs[2]);
}

const fv__layer_type fv__layer_where = {
    .kind = "where",
    .about = "a where the condition holds, else b: condition, a, b; broadcast",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 3,
    .max_inputs = 3,
    .forward = apply,
};
