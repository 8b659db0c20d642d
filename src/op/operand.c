/* Checks of operands by name, for shape rules. */
#include "op/operand.h"

#include <inttypes.h>

bool fv__operand(const fv_inference *inference, int32_t k, const char *what,
                 int32_t rank)
{
    const fv_tensor *tensor = inference->inputs[k];
    fv_context *context = inference->context;
    if (tensor->dtype != context->dtype)
        fv_fail(context, FV_MISUSE, "%s: %s is %s, the context computes in %s",
                inference->name, what, fv_dtype_name(tensor->dtype),
                fv_dtype_name(context->dtype));
    else if (rank < 0 && tensor->rank == 0)
        fv_fail(context, FV_MISUSE, "%s: %s has rank 0, expected at least 1",
                inference->name, what);
    else if (rank >= 0 && tensor->rank != rank)
        fv_fail(context, FV_MISUSE, "%s: %s %s has rank %d, expected %d",
                inference->name, what, FV__SHAPE(tensor), tensor->rank, rank);
    else
        return true;
    return false;
}

bool fv__operand_vector(const fv_inference *inference, int32_t k,
                        const char *what, int64_t count, const char *things)
{
    if (k >= inference->num_inputs) return true;
    if (!fv__operand(inference, k, what, 1)) return false;
    const int64_t found = inference->inputs[k]->shape[0];
    if (found == count) return true;
    fv_fail(inference->context, FV_MISUSE,
            "%s: %s [%" PRId64 "] does not fit %" PRId64 " %s", inference->name,
            what, found, count, things);
    return false;
}

bool fv__operands_alike(const fv_inference *inference, int32_t j,
                        const char *j_name, int32_t k, const char *k_name)
{
    const fv_tensor *a = inference->inputs[j], *b = inference->inputs[k];
    if (fv_tensor_same_shape(a, b)) return true;
    fv_fail(inference->context, FV_MISUSE, "%s: %s is %s, %s is %s",
            inference->name, j_name, FV__SHAPE(a), k_name, FV__SHAPE(b));
    return false;
}
