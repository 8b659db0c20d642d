/* The shape rules, chunks and forward pass that losses share. */
#include "op/loss.h"

fv__chunks fv__loss_elements(const fv_context *context, const fv_tensor *x,
                             double cost)
{
    const int64_t each = fv__rows_per_chunk(1);
    return (fv__chunks){ .units = fv_tensor_count(x),
                         .each = each,
                         .buffer = fv__real_bytes(context, each),
                         .cost = cost };
}

static bool check_real(const fv_inference *inference, int32_t k,
                       const char *what, int32_t least_rank)
{
    return fv__operand(inference, k, what,
                       least_rank ? -1 : inference->inputs[k]->rank);
}

fv_status fv__loss_infer_elements(fv_inference *inference, int32_t least_rank,
                                  double cost)
{
    if (!check_real(inference, FV__LOGITS, "input", least_rank)
        || !check_real(inference, FV__TARGET, "target", least_rank)
        || !fv__operands_alike(inference, FV__LOGITS, "input", FV__TARGET,
                               "target"))
        return fv_failed(inference->context);
    const fv__chunks chunks = fv__loss_elements(
        inference->context, inference->inputs[FV__LOGITS], cost);
    return fv__loss_infer(inference, &chunks);
}

fv_status fv__loss_infer(fv_inference *inference, const fv__chunks *chunks)
{
    const fv_tensor *x = inference->inputs[FV__LOGITS];
    if (fv_tensor_count(x) == 0)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: input %s has no elements", inference->name,
                       FV__SHAPE(x));
    inference->forward_scratch = fv__chunks_scratch(inference->context, chunks);
    inference->backward_scratch = inference->forward_scratch;
    return fv__infer_output(inference, 0, x->shape);
}

void fv__loss_forward(const fv_call *call, const fv__chunks *chunks,
                      int64_t count, fv__chunk_work *terms)
{
    const double sum = fv__chunks_run(call, chunks, call->scratch, terms);
    fv__real_set(call->context, call->outputs[0]->data, 0, sum / (double)count);
}

double fv__loss_scale(const fv_call *call, int64_t count)
{
    return fv__real_get(call->context, call->output_grads[0]->data, 0)
           / (double)count;
}
