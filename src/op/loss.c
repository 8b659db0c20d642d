/* What losses share. */
#include "op/loss.h"

fv_status fv__loss_infer(fv_inference *inference, const fv__chunks *pieces)
{
    const fv_tensor *x = inference->inputs[FV__LOGITS];
    if (fv_tensor_count(x) == 0)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: input %s has no elements", inference->name,
                       FV__SHAPE(x));
    inference->forward_scratch = fv__chunks_scratch(inference->context, pieces);
    inference->backward_scratch = inference->forward_scratch;
    return fv__infer_output(inference, 0, x->shape);
}

void fv__loss_forward(const fv_call *call, const fv__chunks *pieces,
                      int64_t count, fv__chunk_work *piece)
{
    const double sum = fv__chunks_run(call, pieces, call->scratch, piece);
    fv__real_set(call->context, call->output->data, 0, sum / (double)count);
}

double fv__loss_scale(const fv_call *call, int64_t count)
{
    return fv__real_get(call->context, call->output_grad->data, 0)
           / (double)count;
}
