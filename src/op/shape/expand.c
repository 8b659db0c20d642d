/* Broadcasting in both directions: the operand and the request are broadcast to
 * one shape. */
#include "op/tensor_layer.h"

fv_variable *fv_expand(fv_variable *a, int32_t rank, const int64_t shape[])
{
    if (!a || !fv__ok(a->context)) return NULL;
    int64_t wanted[FV_MAX_RANK] = { 0 }, both[FV_MAX_RANK];
    int32_t result;
    bool fits = rank >= 0 && rank <= FV_MAX_RANK && (shape || !rank);
    for (int32_t i = 0; fits && i < rank; i++) {
        wanted[i] = shape[i] == -1 ? 1 : shape[i]; /* -1 keeps an extent */
        fits = wanted[i] >= 0;
    }
    const fv_tensor request =
        fv_tensor_of(NULL, FV_I64, fits ? rank : -1, wanted);
    if (request.rank >= 0
        && fv__broadcast_shape(&a->value, &request, &result, both))
        return fv_broadcast(a, result, both);
    char is[FV__SHAPE_BYTES], text[FV__SHAPE_BYTES];
    fv_fail(a->context, FV_MISUSE, "%s: %s does not broadcast to %s",
            fv__who(a->context, "expand"),
            fv__shape_text(is, sizeof is, a->value.rank, a->value.shape),
            fv__shape_text(text, sizeof text, fits ? rank : 0, wanted));
    return NULL;
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    fv__list shape;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, LIST, shape), .positional = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    int64_t shape[FV_MAX_RANK];
    int32_t rank;
    if (!fv__layer_list(layer, count, inputs, 1, "the shape", &o->shape, &rank,
                        shape))
        return NULL;
    return fv_expand(inputs[0], rank, shape);
}

const fv__layer_type fv__layer_expand = {
    .kind = "expand",
    .about = "extents of 1 repeated to a shape, which may be a second input; "
             "-1 keeps an extent",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .forward = apply,
};
