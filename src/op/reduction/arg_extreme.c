/* Where the largest or smallest element along an axis is, as FV_I64: the first
 * of equals; NaN counts as extreme. */
#include "op/op.h"

typedef struct arg_extreme {
    fv__reduction reduction;
    int32_t largest;
} arg_extreme;

static fv__extremes extremes_of(fv_context *context, const arg_extreme *a,
                                const fv_tensor *x)
{
    return (fv__extremes){ .context = context,
                           .reduction = &a->reduction,
                           .largest = a->largest,
                           .x = x };
}

static fv_status infer(fv_inference *inference)
{
    fv_status status = fv__infer_reduction(inference, true);
    if (status) return status;
    const fv__extremes extremes = extremes_of(
        inference->context, inference->attributes, inference->inputs[0]);
    inference->forward_scratch =
        fv__align(fv__tensor_bytes(&inference->outputs[0]))
        + fv__extremes_scratch(&extremes);
    inference->outputs[0].dtype = FV_I64;
    return FV_OK;
}

static void forward(const fv_call *call)
{
    const arg_extreme *a = call->attributes;
    const fv_tensor *y = call->outputs[0];
    int64_t *at = y->data;
    const size_t n = fv__count(y);
    const fv__lines lines =
        fv__lines_along(call->inputs[0], a->reduction.axes[0]);
    fv__extremes extremes = extremes_of(call->context, a, call->inputs[0]);
    extremes.y = call->scratch;
    extremes.positions = at;
    fv__extremes_run(&extremes,
                     (char *)call->scratch
                         + fv__align(n * fv__number_bytes(call->context)));
    for (size_t i = 0; i < n; i++) at[i] = at[i] / lines.inner % lines.extent;
}

const fv_operator fv__op_arg_extreme = {
    .size = sizeof(fv_operator),
    .name = "arg_extreme",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(arg_extreme),
    .infer = infer,
    .forward = forward,
};

static fv_variable *apply(fv_variable *a, int32_t axis, int keep, bool largest)
{
    const arg_extreme attributes = {
        .reduction = { .count = 1, .keep = keep != 0, .axes = { axis } },
        .largest = largest
    };
    return fv_apply(&fv__op_arg_extreme, &attributes, 1, &a);
}

fv_variable *fv_arg_max(fv_variable *a, int32_t axis, int keep)
{
    return apply(a, axis, keep, true);
}

fv_variable *fv_arg_min(fv_variable *a, int32_t axis, int keep)
{
    return apply(a, axis, keep, false);
}
