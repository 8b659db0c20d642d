/* What dropout, in all its forms, and noise share. */
#include "op/random/random.h"

uint64_t fv__random_stream(const fv_call *call)
{
    return FV__STREAM_DROPOUT + (call->draw << 8);
}

void fv__random_pass(const fv_call *call)
{
    const fv_tensor *x = call->inputs[0], *y = call->outputs[0];
    if (x->data != y->data) fv__copy_all(call->context, y, x);
}

void fv__random_pass_grad(const fv_call *call)
{
    const fv_tensor *dy = call->output_grads[0], *dx = call->input_grads[0];
    if (fv__accumulation_of(call, 0) == FV__ACCUMULATE)
        fv__add_all(call->context, dx, dy);
    else if (dx->data != dy->data)
        fv__copy_all(call->context, dx, dy);
}

fv_status fv__dropout_check(const fv_inference *inference)
{
    const fv__dropout *a = inference->attributes;
    if (a->probability >= 0 && a->probability <= 1) return FV_OK;
    return fv_fail(inference->context, FV_MISUSE,
                   "%s: probability %s is outside 0..1", inference->name,
                   FV__NUMBER(a->probability));
}

bool fv__dropout_drops(const fv_call *call)
{
    const fv__dropout *a = call->attributes;
    return call->training && a->probability > 0;
}

void fv__dropout_apply(const fv_call *call, int64_t first, int64_t count,
                       const void *from, void *to)
{
    const fv__dropout *a = call->attributes;
    const fv_context *context = call->context;
    context->kernels->dropout(context->seed, fv__random_stream(call),
                              (uint64_t)first, (size_t)count, a->probability,
                              from, to);
}

const fv__field fv__dropout_fields[] = {
    { FV__FIELD(fv_dropout_options, NUMBER, probability), .usual = 0.5,
      .range = FV__0_TO_1, .positional = true },
    { .key = NULL },
};
