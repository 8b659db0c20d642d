/* Splits axes, puts them in another order and merges them again. */
#include "op/shape/rearrange.h"

#include <inttypes.h>

fv_status fv__rearrange_infer(fv_inference *inference,
                              const fv__arrangement *arrangement, int32_t rank,
                              const int64_t *shape)
{
    fv__arrangement *kept =
        fv_inference_allocate(inference, sizeof *arrangement);
    if (!kept) return fv_failed(inference->context);
    *kept = *arrangement;
    inference->resolved = kept;
    fv__infer_output(inference, rank, shape);
    inference->outputs[0].dtype = inference->inputs[0]->dtype;
    return FV_OK;
}

/* The input or its gradient, and the output or its gradient, with the axes of
 * the arrangement, in the order of the output. */
static void views(const fv_call *call, const fv_tensor *x, const fv_tensor *y,
                  fv_tensor *from, fv_tensor *to)
{
    const fv__arrangement *a = call->resolved;
    const fv_tensor split = fv_tensor_of(x->data, x->dtype, a->rank, a->shape);
    *from = fv_tensor_permute(call->context, &split, a->axes);
    *to = fv_tensor_of(y->data, y->dtype, a->rank, from->shape);
}

void fv__rearrange_forward(const fv_call *call)
{
    fv_tensor from, to;
    views(call, call->inputs[0], call->outputs[0], &from, &to);
    fv__copy_all(call->context, &to, &from);
}

void fv__rearrange_backward(const fv_call *call)
{
    fv_tensor dx, dy;
    views(call, call->input_grads[0], call->output_grads[0], &dx, &dy);
    if (fv__accumulation_of(call, 0) == FV__STORE)
        fv__copy_all(call->context, &dx, &dy);
    else
        fv__add_all(call->context, &dx, &dy);
}

/* ---- depth to space and back --------------------------------------------- */

const char *const fv__depth_order_words[] = { "crd", "dcr", NULL };

bool fv__depth_to_space_check(const fv_inference *inference)
{
    const fv__depth_to_space *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    fv_context *context = inference->context;
    if (x->rank != 4)
        fv_fail(context, FV_MISUSE, "%s: input %s has rank %d, expected 4",
                inference->name, FV__SHAPE(x), x->rank);
    else if (a->factor < 1 || a->factor > INT32_MAX)
        fv_fail(context, FV_MISUSE, "%s: factor %" PRId64 " is not in 1..%d",
                inference->name, a->factor, INT32_MAX);
    else if (a->order != FV_DEPTH_CRD && a->order != FV_DEPTH_DCR)
        fv_fail(context, FV_MISUSE, "%s: order %d is unknown (0 to 1)",
                inference->name, (int)a->order);
    else
        return true;
    return false;
}
