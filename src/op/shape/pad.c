/* Padding of any axes as an operator. */
#include "op/attributes.h"
#include "op/shape/padding.h"
#include "op/tensor_layer.h"

#include <inttypes.h>

static fv_status infer(fv_inference *inference)
{
    const fv__pad *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    int64_t out[FV_MAX_RANK] = { 0 };
    if (fv__infer_least_rank(inference, 0, 1) != FV_OK)
        return fv_failed(inference->context);
    if (a->mode < 0 || a->mode > FV_PAD_CONSTANT)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: mode %d is unknown (0 to %d)", inference->name,
                       a->mode, FV_PAD_CONSTANT);
    fv__padding *padding = fv_inference_allocate(inference, sizeof *padding);
    inference->resolved = padding;
    if (!padding
        || fv__padding_resolve(inference, x, a->begin, a->end,
                               (fv_padding_mode)a->mode, padding, out)
               != FV_OK)
        return fv_failed(inference->context);
    return fv__infer_moved(inference, x->rank, out);
}

static void forward(const fv_call *call)
{
    const fv__pad *a = call->attributes;
    fv__padding_fill(call->context, call->resolved, call->inputs[0],
                     call->outputs[0], a->value);
}

static void backward(const fv_call *call)
{
    fv__padding_gather(call->context, call->resolved, call->output_grads[0],
                       call->input_grads[0], fv__accumulation_of(call, 0));
}

const fv_operator fv__op_pad = {
    .size = sizeof(fv_operator),
    .name = "pad",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(fv__pad),
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "Pad",
};

fv_variable *fv_pad(fv_variable *a, const int64_t begin[], const int64_t end[],
                    fv_padding_mode mode, double value)
{
    fv__pad attributes = { .mode = (int32_t)mode,
                           .value = mode == FV_PAD_CONSTANT ? value : 0 };
    const int32_t rank = a ? a->value.rank : 0;
    for (int32_t axis = 0; axis < rank; axis++) {
        attributes.begin[axis] = begin[axis];
        attributes.end[axis] = end ? end[axis] : begin[axis];
    }
    return fv_apply(&fv__op_pad, &attributes, 1, &a);
}

/* ---- the layer ----------------------------------------------------------- */

typedef struct options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
    fv__list before, after;
    int64_t axis; /* the first that is padded, of a batch */
    double value;
    fv_padding_mode mode;
    int32_t reserved;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, LIST, before), .positional = true },
    { FV__FIELD(options, LIST, after) },
    { FV__FIELD(options, COUNT, axis), .usual = 1 },
    { FV__FIELD(options, WORD, mode), .words = fv__padding_mode_words },
    { FV__FIELD(options, NUMBER, value) },
    { .key = NULL },
};

/* The numbers of a list, or of an input of all axes. */
static bool read_side(const fv_layer *layer, int32_t count,
                      fv_variable *const inputs[], int32_t k,
                      const fv__list *option, int64_t out[FV_MAX_RANK])
{
    const options *o = layer->options;
    const int32_t rank = inputs[0]->value.rank;
    int64_t numbers[FV_MAX_RANK];
    int32_t n;
    if (!fv__layer_list(layer, count, inputs, k, "the padding", option, &n,
                        numbers))
        return false;
    const int64_t axis = k < count ? 0 : o->axis;
    if (n > 0 && n > rank - axis) {
        const int64_t axes = fv__max(rank - axis, 0);
        fv_fail(layer->context, FV_MISUSE,
                "%s: padding of %d axes, the input has %" PRId64, layer->name,
                n, axes);
        return false;
    }
    for (int32_t i = 0; i < n; i++) out[axis + i] = numbers[i];
    return true;
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    const fv__list *after = o->after.count ? &o->after : &o->before;
    int64_t begin[FV_MAX_RANK] = { 0 }, end[FV_MAX_RANK] = { 0 };
    if (!read_side(layer, count, inputs, 1, &o->before, begin)
        || !read_side(layer, count, inputs, count == 2 ? 1 : 2, after, end))
        return NULL;
    return fv_pad(inputs[0], begin, end, o->mode, o->value);
}

const fv__layer_type fv__layer_pad = {
    .kind = "pad",
    .about = "numbers before and after axes, with channels last; further "
             "inputs are those before and behind all axes, the batch among "
             "them",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 3,
    .forward = apply,
};
