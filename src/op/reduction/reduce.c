/* Reductions of any kind along any axes. */
#include "op/op.h"

extern const fv_operator fv__op_sum, fv__op_mean, fv__op_max, fv__op_min,
    fv__op_prod, fv__op_reduce_l2, fv__op_log_sum_exp;

static fv_variable *apply(const fv_operator *op, fv_variable *a,
                          const fv__reduction *reduction)
{
    return fv_apply(op, reduction, 1, &a);
}

fv_variable *fv_reduce(fv_variable *a, fv_reduce_kind kind, int32_t count,
                       const int32_t axes[], int keep)
{
    fv__reduction reduction = { .count = count, .keep = keep != 0 };
    if (!a) return NULL;
    if (count < 0 || count > FV_MAX_RANK || (count && !axes)) {
        fv_fail(fv_variable_context(a), FV_MISUSE,
                "%s: %d axes, expected 0 to %d", fv__who(a->context, "reduce"),
                count, FV_MAX_RANK);
        return NULL;
    }
    for (int32_t i = 0; i < count; i++) reduction.axes[i] = axes[i];
    if (!fv__dtype_is_real(a->value.dtype))
        return fv__reduce_whole(a, kind, &reduction);
    switch (kind) {
    case FV_REDUCE_SUM:
        return apply(&fv__op_sum, a, &reduction);
    case FV_REDUCE_MEAN:
        return apply(&fv__op_mean, a, &reduction);
    case FV_REDUCE_MAX:
        return apply(&fv__op_max, a, &reduction);
    case FV_REDUCE_MIN:
        return apply(&fv__op_min, a, &reduction);
    case FV_REDUCE_PROD:
        return apply(&fv__op_prod, a, &reduction);
    case FV_REDUCE_L1:
        return apply(&fv__op_sum, fv_abs(a), &reduction);
    case FV_REDUCE_L2:
        return apply(&fv__op_reduce_l2, a, &reduction);
    case FV_REDUCE_SUM_SQUARE:
        return apply(&fv__op_sum, fv_mul(a, a), &reduction);
    case FV_REDUCE_LOG_SUM:
        return fv_log(apply(&fv__op_sum, a, &reduction));
    case FV_REDUCE_LOG_SUM_EXP:
        return apply(&fv__op_log_sum_exp, a, &reduction);
    }
    fv_fail(a->context, FV_MISUSE, "%s: unknown kind %d",
            fv__who(a->context, "reduce"), (int)kind);
    return NULL;
}
