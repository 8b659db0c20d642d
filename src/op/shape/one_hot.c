/* Indices as vectors of numbers, one of which differs from the others. */
#include "op/attributes.h"
#include "op/tensor_layer.h"

#include <inttypes.h>

static fv_status infer(fv_inference *inference)
{
    const fv__one_hot *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    int32_t axis, rank = x->rank + 1;
    int64_t shape[FV_MAX_RANK];
    fv_status status = fv__infer_indices(inference, 0);
    if (!status && rank > FV_MAX_RANK)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: the result would have rank %d, above %d",
                       inference->name, rank, FV_MAX_RANK);
    if (!status) status = fv__infer_axis(inference, a->axis, rank, &axis);
    if (status) return status;
    if (a->depth < 1)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: depth %" PRId64 " is below 1", inference->name,
                       a->depth);
    for (int32_t i = 0; i < rank; i++)
        shape[i] = i == axis ? a->depth : x->shape[i - (i > axis)];
    return fv__infer_output(inference, rank, shape);
}

static void forward(const fv_call *call)
{
    const fv__one_hot *a = call->attributes;
    const fv_tensor *x = call->inputs[0], *y = call->outputs[0];
    const fv__lines lines = fv__lines_along(y, a->axis);
    fv__number memory;
    const fv_tensor on = fv__scalar(call->context, a->on, &memory);
    call->context->kernels->fill(fv__count(y), a->off, y->data);
    for (int64_t i = 0; i < fv_tensor_count(x); i++) {
        int64_t at = fv__index_get(x, i);
        if (at < 0) at += a->depth;
        if (at < 0 || at >= a->depth) continue;
        fv_tensor to = on;
        to.data =
            fv__tensor_byte(y, (i / lines.inner * a->depth + at) * lines.inner
                                   + i % lines.inner);
        fv__tensor_copy_elements(&to, &on);
    }
}

const fv_operator fv__op_one_hot = { .size = sizeof(fv_operator),
                                     .name = "one_hot",
                                     .min_inputs = 1,
                                     .max_inputs = 1,
                                     .attributes_size = sizeof(fv__one_hot),
                                     .infer = infer,
                                     .forward = forward,
                                     .onnx = "OneHot" };

fv_variable *fv_one_hot(fv_variable *indices, int64_t depth, int32_t axis,
                        double off, double on)
{
    const fv__one_hot attributes = {
        .depth = depth, .axis = axis, .off = off, .on = on
    };
    return fv_apply(&fv__op_one_hot, &attributes, 1, &indices);
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    int64_t depth, axis;
    double off, on;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, depth), .usual = 1, .positional = true },
    { FV__FIELD(options, INDEX, axis), .usual = -1 },
    { FV__FIELD(options, NUMBER, off) },
    { FV__FIELD(options, NUMBER, on), .usual = 1 },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    int64_t depth;
    if (!fv__layer_number(layer, count, inputs, 1, "the depth", o->depth,
                          &depth))
        return NULL;
    return fv_one_hot(inputs[0], depth, (int32_t)o->axis, o->off, o->on);
}

const fv__layer_type fv__layer_one_hot = {
    .kind = "one_hot",
    .about =
        "indices as vectors along a new axis; the depth may be a second input",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .forward = apply,
};
