/* The shape rules, reductions and chunks that losses share. */
#include "op/loss/loss.h"

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

fv_status fv__loss_check_elements(const fv_inference *inference,
                                  int32_t least_rank)
{
    if (check_real(inference, FV__LOGITS, "input", least_rank)
        && check_real(inference, FV__TARGET, "target", least_rank))
        fv__operands_alike(inference, FV__LOGITS, "input", FV__TARGET,
                           "target");
    return fv_failed(inference->context);
}

fv_status fv__loss_infer(fv_inference *inference, const fv__chunks *chunks,
                         fv_reduction reduction, int32_t rank)
{
    const fv_tensor *x = inference->inputs[FV__LOGITS];
    if (fv_tensor_count(x) == 0)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: input %s has no elements", inference->name,
                       FV__SHAPE(x));
    if (reduction < FV_REDUCTION_MEAN || reduction > FV_REDUCTION_BATCH)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: reduction %d is unknown (0 to %d)", inference->name,
                       (int)reduction, FV_REDUCTION_BATCH);
    inference->forward_scratch = fv__chunks_scratch(inference->context, chunks);
    inference->backward_scratch = inference->forward_scratch;
    return fv__infer_output(
        inference, reduction == FV_REDUCTION_NONE ? rank : 0, x->shape);
}

double fv__loss_divisor(const fv_call *call, fv_reduction reduction,
                        double weight)
{
    const fv_tensor *x = call->inputs[FV__LOGITS];
    if (reduction == FV_REDUCTION_MEAN) return weight;
    if (reduction == FV_REDUCTION_BATCH && x->rank > 0)
        return (double)x->shape[0];
    return 1;
}

void fv__loss_forward(const fv_call *call, const fv__chunks *chunks,
                      fv_reduction reduction, double divisor,
                      fv__chunk_work *terms)
{
    const double sum = fv__chunks_run(call, chunks, call->scratch, terms);
    if (reduction != FV_REDUCTION_NONE)
        fv__real_set(call->context, call->outputs[0]->data, 0, sum / divisor);
}

double fv__loss_scale(const fv_call *call, fv_reduction reduction,
                      double divisor)
{
    if (reduction == FV_REDUCTION_NONE) return 1;
    return fv__real_get(call->context, call->output_grads[0]->data, 0)
           / divisor;
}
