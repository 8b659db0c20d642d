/* The k largest or smallest elements along an axis, in order, and their
 * indices; of equals the one with the lower index comes first, and NaN counts
 * as largest.
 */
#include "op/attributes.h"
#include "op/tensor_layer.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct entry {
    union {
        double real;
        int64_t whole;
    } value;
    int64_t index;
} entry;

static fv_status infer(fv_inference *inference)
{
    const fv__top_k *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    int32_t axis;
    fv_status status = fv__infer_numbers(inference);
    if (!status) status = fv__infer_axis(inference, a->axis, x->rank, &axis);
    if (status) return status;
    if (a->k < 0 || a->k > x->shape[axis])
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: k %" PRId64 " is outside 0..%" PRId64
                       ", the extent of axis %d",
                       inference->name, a->k, x->shape[axis], axis);
    inference->num_outputs = 2;
    for (int32_t i = 0; i < 2; i++) {
        inference->outputs[i] = *x;
        inference->outputs[i].shape[axis] = a->k;
    }
    inference->outputs[1].dtype = FV_I64;
    inference->forward_scratch = (size_t)inference->context->threads
                                 * (size_t)x->shape[axis] * sizeof(entry);
    if (inference->gradient)
        inference->saved = fv__count(&inference->outputs[1]) * sizeof(int64_t);
    return FV_OK;
}

/* The order of two values, NaN last, times `sign`; of equals that of indices.
 */
static int order_of(const entry *a, const entry *b, int sign)
{
    const double x = a->value.real, y = b->value.real;
    const int nan = (x != x) - (y != y);
    const int order = nan ? nan : (x > y) - (x < y);
    return order ? sign * order : (a->index > b->index) - (a->index < b->index);
}

static int order_of_whole(const entry *a, const entry *b, int sign)
{
    const int64_t x = a->value.whole, y = b->value.whole;
    const int order = (x > y) - (x < y);
    return order ? sign * order : (a->index > b->index) - (a->index < b->index);
}

static int falling(const void *a, const void *b) { return order_of(a, b, -1); }
static int rising(const void *a, const void *b) { return order_of(a, b, 1); }
static int whole_falling(const void *a, const void *b)
{
    return order_of_whole(a, b, -1);
}
static int whole_rising(const void *a, const void *b)
{
    return order_of_whole(a, b, 1);
}

static void run_line(void *argument, size_t item, size_t worker)
{
    const fv_call *call = argument;
    const fv__top_k *a = call->attributes;
    const fv_tensor *x = call->inputs[0], *y = call->outputs[0];
    const fv__lines l = fv__lines_along(x, a->axis);
    const int64_t line = (int64_t)item;
    const int64_t column = line % l.inner, row = line / l.inner;
    const int64_t first = row * l.extent * l.inner + column;
    const int64_t out = row * a->k * l.inner + column;
    entry *entries = (entry *)call->scratch + (int64_t)worker * l.extent;
    const bool real = fv__dtype_is_real(x->dtype);
    for (int64_t i = 0; i < l.extent; i++) {
        const void *from = fv__tensor_byte(x, first + i * l.inner);
        entries[i].index = i;
        if (real)
            fv__load_doubles(x->dtype, from, 1, 1, &entries[i].value.real);
        else
            fv__load_integers(x->dtype, from, 1, 1, &entries[i].value.whole);
    }
    qsort(entries, (size_t)l.extent, sizeof *entries,
          real ? (a->smallest ? rising : falling)
               : (a->smallest ? whole_rising : whole_falling));
    for (int64_t i = 0; i < a->k; i++) {
        const int64_t at = out + i * l.inner;
        if (!real)
            fv__store_wrapped(y->dtype, fv__tensor_byte(y, at), 1,
                              &entries[i].value.whole);
        else if (y->dtype == FV_F64)
            ((double *)y->data)[at] = entries[i].value.real;
        else
            ((float *)y->data)[at] = (float)entries[i].value.real;
        ((int64_t *)call->outputs[1]->data)[at] = entries[i].index;
        if (call->saved)
            ((int64_t *)call->saved)[at] = first + entries[i].index * l.inner;
    }
}

static void forward(const fv_call *call)
{
    const fv__top_k *a = call->attributes;
    const fv__lines l = fv__lines_along(call->inputs[0], a->axis);
    if (!fv__count(call->outputs[0])) return;
    fv__parallel(call->context, (size_t)(l.outer * l.inner),
                 30 * (double)fv__count(call->inputs[0]), run_line,
                 (void *)(uintptr_t)call);
}

static void backward(const fv_call *call)
{
    const int64_t *at = call->saved;
    const size_t n =
        call->output_grads[0] ? fv__count(call->output_grads[0]) : 0;
    for (size_t i = 0; i < n; i++) {
        if (call->context->dtype == FV_F64)
            ((double *)call->input_grads[0]->data)[at[i]] +=
                ((const double *)call->output_grads[0]->data)[i];
        else
            ((float *)call->input_grads[0]->data)[at[i]] +=
                ((const float *)call->output_grads[0]->data)[i];
    }
}

const fv_operator fv__op_top_k = { .size = sizeof(fv_operator),
                                   .name = "top_k",
                                   .min_inputs = 1,
                                   .max_inputs = 1,
                                   .attributes_size = sizeof(fv__top_k),
                                   .max_outputs = 2,
                                   .infer = infer,
                                   .forward = forward,
                                   .backward = backward,
                                   .onnx = "TopK" };

fv_status fv_top_k(fv_variable *a, int64_t k, int32_t axis, int smallest,
                   fv_variable *outputs[2])
{
    const fv__top_k attributes = { k, axis, smallest != 0 };
    return fv_apply_n(&fv__op_top_k, &attributes, 1, &a, 2, outputs);
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    int64_t k, axis;
    int32_t smallest;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, k), .usual = 1, .positional = true },
    { FV__FIELD(options, INDEX, axis), .usual = -1 },
    { FV__FIELD(options, SWITCH, smallest) },
    { .key = NULL },
};

static int32_t apply(fv_layer *layer, int32_t count,
                     fv_variable *const inputs[],
                     fv_variable *outputs[FV__MAX_OUTPUTS])
{
    const options *o = layer->options;
    int64_t k;
    if (!fv__layer_number(layer, count, inputs, 1, "k", o->k, &k)) return 0;
    const fv_status status =
        fv_top_k(inputs[0], k, (int32_t)o->axis, o->smallest, outputs);
    return status == FV_OK ? 2 : 0;
}

const fv__layer_type fv__layer_top_k = {
    .kind = "top_k",
    .about = "the k largest or smallest elements along an axis and their "
             "indices; k may be a second input",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .max_outputs = 2,
    .forward_n = apply,
};
