/* Elements of one tensor where a condition holds, else of another; all three
 * are broadcast. */
#include "op/op.h"

#include <string.h>

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

#define CHOOSE(type)                                                           \
    do {                                                                       \
        const type *a = (const type *)call->inputs[1]->data + row->at[1];      \
        const type *b = (const type *)call->inputs[2]->data + row->at[2];      \
        type *y = (type *)call->outputs[0]->data + row->first;                 \
        if (c_step && a_step && b_step)                                        \
            for (int64_t i = 0; i < row->n; i++) y[i] = c[i] ? a[i] : b[i];    \
        else                                                                   \
            for (int64_t i = 0; i < row->n; i++)                               \
                y[i] = c[i * c_step] ? a[i * a_step] : b[i * b_step];          \
    } while (0)

static void run_row(const void *argument, const fv__broadcast_row *row)
{
    const fv_call *call = argument;
    const uint8_t *c = (const uint8_t *)call->inputs[0]->data + row->at[0];
    const int64_t c_step = row->step[0], a_step = row->step[1],
                  b_step = row->step[2];
    switch (fv_dtype_bytes(call->outputs[0]->dtype)) {
    case 1:
        CHOOSE(uint8_t);
        break;
    case 2:
        CHOOSE(uint16_t);
        break;
    case 4:
        CHOOSE(uint32_t);
        break;
    default:
        CHOOSE(uint64_t);
        break;
    }
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
    const mask_job *job = argument;
    const fv_tensor *dy = job->call->output_grads[0];
    const uint8_t *c = (const uint8_t *)job->call->inputs[0]->data + row->at[0];
    const int64_t step = row->step[0];
    if (dy->dtype == FV_F64) {
        const double *from = (const double *)dy->data + row->first;
        double *to = (double *)job->call->scratch + row->first;
        for (int64_t i = 0; i < row->n; i++)
            to[i] = (c[i * step] != 0) == job->wanted ? from[i] : 0;
    } else {
        const float *from = (const float *)dy->data + row->first;
        float *to = (float *)job->call->scratch + row->first;
        for (int64_t i = 0; i < row->n; i++)
            to[i] = (c[i * step] != 0) == job->wanted ? from[i] : 0;
    }
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
