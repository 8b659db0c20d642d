/* Sums, products and extremes of whole numbers along axes, modulo 2^bits. */
#include "op/attributes.h"
#include "op/op.h"

static fv_status infer(fv_inference *inference)
{
    const fv__whole_reduction *r = inference->attributes;
    const bool extreme = r->kind == FV_REDUCE_MAX || r->kind == FV_REDUCE_MIN;
    if (!extreme && r->kind != FV_REDUCE_SUM && r->kind != FV_REDUCE_PROD)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: whole numbers have sums, products and extremes",
                       inference->name);
    return fv__infer_whole_reduction(inference, extreme);
}

static int64_t join(fv_reduce_kind kind, int64_t a, int64_t b)
{
    switch (kind) {
    case FV_REDUCE_PROD:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case FV_REDUCE_MAX:
        return fv__max(a, b);
    case FV_REDUCE_MIN:
        return fv__min(a, b);
    default:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    }
}

static int64_t element_of(const fv_tensor *x, int64_t at)
{
    int64_t number;
    fv__load_integers(x->dtype, fv__tensor_byte(x, at), 1, 1, &number);
    return number;
}

static void forward(const fv_call *call)
{
    const fv__whole_reduction *r = call->attributes;
    const fv_tensor *x = call->inputs[0], *y = call->outputs[0];
    const fv_tensor kept = fv__reduction_kept(&r->reduction, x);
    const fv_tensor *tensors[] = { &kept, x };
    const int64_t none = r->kind == FV_REDUCE_PROD;
    fv__broadcast_iterator iterator;
    if (!fv__count(x)) {
        for (int64_t i = 0; i < fv_tensor_count(y); i++)
            fv__store_wrapped(y->dtype, fv__tensor_byte(y, i), 1, &none);
        return;
    }
    fv__broadcast_begin(&iterator, x, 2, tensors);
    const int32_t axes = fv__broadcast_sort(&iterator, iterator.rank);
    const int64_t count = fv__broadcast_count(&iterator, axes, iterator.rank);
    for (int64_t i = 0; i < fv_tensor_count(y); i++) {
        fv__cursor place = { .at = { 0 } };
        fv__broadcast_seek(&iterator, 0, axes, i, &place);
        const int64_t to = place.at[0];
        int64_t total = element_of(x, place.at[1]);
        for (int64_t k = 1; k < count; k++) {
            fv__broadcast_next(&iterator, axes, iterator.rank, &place);
            total = join(r->kind, total, element_of(x, place.at[1]));
        }
        fv__store_wrapped(y->dtype, fv__tensor_byte(y, to), 1, &total);
    }
}

const fv_operator fv__op_reduce_whole = {
    .size = sizeof(fv_operator),
    .name = "reduce",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv__whole_reduction),
    .infer = infer,
    .forward = forward,
};

fv_variable *fv__reduce_whole(fv_variable *a, fv_reduce_kind kind,
                              const fv__reduction *reduction)
{
    const fv__whole_reduction attributes = { *reduction, kind };
    return fv_apply(&fv__op_reduce_whole, &attributes, 1, &a);
}
