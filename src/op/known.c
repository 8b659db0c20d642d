/* Operands of whole numbers that give sizes and must be known when an operator
 * is applied. */
#include "op/op.h"

bool fv__is_known(const fv_variable *variable)
{
    const fv__graph *own = variable->graph;
    const fv__graph *plan =
        own && own->planned ? own : variable->context->tape->plan;
    return plan ? variable->constant : variable->value.data != NULL;
}

bool fv__known_list(const char *who, const char *what, const fv_variable *from,
                    int32_t *count, int64_t out[FV__MOST_KNOWN])
{
    if (!from || !fv__ok(from->context) || !fv__tape_begin(from->context))
        return false;
    const fv_tensor *value = &from->value;
    const int64_t n = fv_tensor_count(value);
    if (value->dtype != FV_I64 && value->dtype != FV_I32)
        fv_fail(from->context, FV_MISUSE, "%s: %s has type %s, expected i64",
                who, what, fv_dtype_name(value->dtype));
    else if (value->rank > 1 || n > FV__MOST_KNOWN)
        fv_fail(from->context, FV_MISUSE,
                "%s: %s is not a vector of at most %d numbers", who, what,
                FV__MOST_KNOWN);
    else if (!fv__is_known(from) && n > 0)
        fv_fail(from->context, FV_MISUSE,
                "%s: %s must be known when the plan is made", who, what);
    if (!fv__ok(from->context)) return false;
    fv__load_integers(value->dtype, value->data, 1, n, out);
    *count = (int32_t)n;
    return true;
}

bool fv__known_number(const char *who, const char *what,
                      const fv_variable *from, int64_t *out)
{
    int64_t list[FV__MOST_KNOWN];
    int32_t count;
    if (!fv__known_list(who, what, from, &count, list)) return false;
    if (count != 1)
        fv_fail(from->context, FV_MISUSE, "%s: %s has %d numbers, expected one",
                who, what, count);
    *out = list[0];
    return count == 1;
}
