/* Cutting along an axis, the inverse of concat. */
#include "op/attributes.h"
#include "op/tensor_layer.h"

#include <inttypes.h>
#include <string.h>

static fv_status infer(fv_inference *inference)
{
    const fv__split *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    int64_t total = 0;
    int32_t axis;
    fv_status status = fv__infer_axis(inference, a->axis, x->rank, &axis);
    if (status) return status;
    inference->num_outputs = a->count;
    for (int32_t k = 0; k < a->count; k++) {
        if (a->sizes[k] < 0)
            return fv_fail(inference->context, FV_MISUSE,
                           "%s: part %d has size %" PRId64, inference->name,
                           k + 1, a->sizes[k]);
        total = fv__saturated_sum(total, a->sizes[k]);
        inference->outputs[k] = *x;
        inference->outputs[k].shape[axis] = a->sizes[k];
    }
    if (total == x->shape[axis]) return FV_OK;
    return fv_fail(inference->context, FV_MISUSE,
                   "%s: %d parts have %" PRId64
                   " elements, axis %d has %" PRId64,
                   inference->name, a->count, total, axis, x->shape[axis]);
}

/* Part k of a tensor; `*begin` is where it begins and then where it ends. */
static fv_tensor next_part(const fv_call *call, const fv_tensor *whole,
                           int32_t k, int64_t *begin)
{
    const fv__split *a = call->attributes;
    const int32_t axis = a->axis < 0 ? a->axis + whole->rank : a->axis;
    const int64_t first = *begin;
    *begin += a->sizes[k];
    return fv__region(whole, axis, first, a->sizes[k]);
}

static void forward(const fv_call *call)
{
    int64_t begin = 0;
    for (int32_t k = 0; k < call->num_outputs; k++) {
        const fv_tensor part = next_part(call, call->inputs[0], k, &begin);
        fv__copy_all(call->context, call->outputs[k], &part);
    }
}

static void backward(const fv_call *call)
{
    int64_t begin = 0;
    for (int32_t k = 0; k < call->num_outputs; k++) {
        const fv_tensor part = next_part(call, call->input_grads[0], k, &begin);
        if (call->output_grads[k])
            fv__add_all(call->context, &part, call->output_grads[k]);
    }
}

const fv_operator fv__op_split = {
    .size = sizeof(fv_operator),
    .name = "split",
    .min_inputs = 1,
    .max_inputs = 1,
    .max_outputs = FV__MOST_PARTS,
    .attributes_size = sizeof(fv__split),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "Split",
};

/* The extent of an axis; 0: the operator refuses it. */
static int64_t extent_of(const fv_variable *x, int32_t axis)
{
    const fv_tensor *value = fv_variable_value(x);
    const int32_t at = axis < 0 ? axis + value->rank : axis;
    return at >= 0 && at < value->rank ? value->shape[at] : 0;
}

static bool count_fits(fv_context *context, int64_t count)
{
    if (count >= 1 && count <= FV__MOST_PARTS) return true;
    fv_fail(context, FV_MISUSE, "%s: %" PRId64 " parts, expected 1 to %d",
            fv__who(context, "split"), count, FV__MOST_PARTS);
    return false;
}

fv_status fv_split(fv_variable *x, int32_t axis, int32_t count,
                   const int64_t sizes[], fv_variable *parts[])
{
    fv__split a = { .axis = axis, .count = count };
    for (int32_t k = 0; k < count; k++) parts[k] = NULL;
    if (!x) return FV_MISUSE;
    fv_context *context = fv_variable_context(x);
    if (!count_fits(context, count)) return fv_failed(context);
    for (int32_t k = 0; k < count; k++)
        a.sizes[k] = sizes ? sizes[k] : extent_of(x, axis) / count;
    return fv_apply_n(&fv__op_split, &a, 1, &x, count, parts);
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    int64_t axis, parts; /* of equal size, unless there are sizes */
    fv__list sizes;
    int32_t uneven, reserved;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, parts), .usual = 2, .positional = true },
    { FV__FIELD(options, INDEX, axis), .usual = -1 },
    { FV__FIELD(options, LIST, sizes) },
    { FV__FIELD(options, SWITCH, uneven) },
    { .key = NULL },
};

static int32_t apply(fv_layer *layer, int32_t count,
                     fv_variable *const inputs[],
                     fv_variable *outputs[FV__MAX_OUTPUTS])
{
    const options *o = layer->options;
    int64_t sizes[FV__MOST_PARTS];
    int32_t n;
    if (!fv__layer_list(layer, count, inputs, 1, "the sizes", &o->sizes, &n,
                        sizes))
        return 0;
    const int64_t parts = n ? n : o->parts;
    if (!count_fits(layer->context, parts)) return 0;
    const int64_t extent = extent_of(inputs[0], (int32_t)o->axis);
    const int64_t each = fv__divide_up(extent, parts);
    for (int64_t k = 0; o->uneven && !n && k < parts; k++)
        sizes[k] = fv__max(fv__min(each, extent - k * each), 0);
    fv_split(inputs[0], (int32_t)o->axis, (int32_t)parts,
             n || o->uneven ? sizes : NULL, outputs);
    return fv__ok(layer->context) ? (int32_t)parts : 0;
}

const fv__layer_type fv__layer_split = {
    .kind = "split",
    .about =
        "pieces along an axis, of equal size, the last ones of what is "
        "left if they are uneven, or of sizes, which may be a second input",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .max_outputs = FV__MOST_PARTS,
    .forward_n = apply,
};
