/* Where the largest or smallest element along an axis is, as FV_I64: the first
 * of equals; NaN counts as extreme. */
#include "op/attributes.h"
#include "op/tensor_layer.h"

static fv__extremes extremes_of(fv_context *context, const fv__arg_extreme *a,
                                const fv_tensor *x)
{
    return (fv__extremes){ .context = context,
                           .reduction = &a->reduction,
                           .largest = a->largest,
                           .x = x };
}

static fv_status infer(fv_inference *inference)
{
    const bool real = fv__dtype_is_real(inference->inputs[0]->dtype);
    fv_status status = real ? fv__infer_reduction(inference, true)
                            : fv__infer_whole_reduction(inference, true);
    if (!status && !real) inference->outputs[0].dtype = FV_I64;
    if (status || !real) return status;
    const fv__extremes extremes = extremes_of(
        inference->context, inference->attributes, inference->inputs[0]);
    inference->forward_scratch =
        fv__align(fv__tensor_bytes(&inference->outputs[0]))
        + fv__extremes_scratch(&extremes);
    inference->outputs[0].dtype = FV_I64;
    return FV_OK;
}

static int64_t whole_at(const fv_tensor *x, int64_t at)
{
    int64_t number;
    fv__load_integers(x->dtype, fv__tensor_byte(x, at), 1, 1, &number);
    return number;
}

/* Where the extreme of a line of whole numbers is, which begins at `first`. */
static int64_t find_whole(const fv_tensor *x, const fv__lines *lines,
                          int64_t first, bool largest)
{
    int64_t best = whole_at(x, first), at = 0;
    for (int64_t i = 1; i < lines->extent; i++) {
        const int64_t number = whole_at(x, first + i * lines->inner);
        if (largest ? number <= best : number >= best) continue;
        best = number;
        at = i;
    }
    return at;
}

static void forward(const fv_call *call)
{
    const fv__arg_extreme *a = call->attributes;
    const fv_tensor *x = call->inputs[0], *y = call->outputs[0];
    int64_t *at = y->data;
    const size_t n = fv__count(y);
    const fv__lines lines = fv__lines_along(x, a->reduction.axes[0]);
    if (!fv__dtype_is_real(x->dtype)) {
        for (int64_t i = 0; i < (int64_t)n; i++)
            at[i] = find_whole(x, &lines,
                               i / lines.inner * lines.extent * lines.inner
                                   + i % lines.inner,
                               a->largest);
        return;
    }
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
    .attributes_size = sizeof(fv__arg_extreme),
    .infer = infer,
    .forward = forward,
};

static fv_variable *apply(fv_variable *a, int32_t axis, int keep, bool largest)
{
    const fv__arg_extreme attributes = {
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

fv_variable *fv__arg_extreme_layer(fv_variable *a, int32_t axis, int keep,
                                   bool last, fv__arg_function *function)
{
    if (!last || !a || !fv__ok(a->context)) return function(a, axis, keep);
    if (!fv__tensor_axis(a->context, fv__who(a->context, "arg_extreme"),
                         a->value.rank, &axis))
        return NULL;
    const double end = (double)a->value.shape[axis] - 1;
    fv_variable *y = function(fv_flip(a, 1, &axis), axis, keep);
    return y ? fv_sub(fv__number_like(y, end), y) : NULL;
}
