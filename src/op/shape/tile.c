/* A tensor repeated along its axes: each axis is a broadcast between reshapes.
 */
#include "op/tensor_layer.h"

/* The value with `repeats` copies along an axis, of any shape with as many
 * elements; `shape` gets the new extent. */
static fv_variable *repeat(fv_variable *a, int32_t rank, int64_t *shape,
                           int32_t axis, int64_t repeats)
{
    const int64_t outer = fv__product(axis, shape);
    const int64_t inner = fv__product(rank - axis, shape + axis);
    shape[axis] *= repeats;
    a = fv_reshape(a, 3, (const int64_t[]){ outer, 1, inner });
    return fv_broadcast(a, 3, (const int64_t[]){ outer, repeats, inner });
}

fv_variable *fv_tile(fv_variable *a, int32_t count, const int64_t repeats[])
{
    if (!a || !fv__ok(a->context)) return NULL;
    const fv_tensor *x = &a->value;
    const int32_t rank = (int32_t)fv__max(count, x->rank),
                  more = rank - x->rank;
    int64_t shape[FV_MAX_RANK], result[FV_MAX_RANK];
    bool fits = count >= 0 && rank <= FV_MAX_RANK && (repeats || !count);
    for (int32_t i = 0; fits && i < rank; i++) {
        const int32_t at = i - (rank - count);
        shape[i] = i < more ? 1 : x->shape[i - more];
        const int64_t times = at < 0 ? 1 : repeats[at];
        fits = times >= 0 && times <= INT64_MAX / fv__max(shape[i], 1);
        result[i] = fits ? shape[i] * times : 0;
    }
    if (!fits || fv__product(rank, result) < 0) {
        fv_fail(a->context, FV_MISUSE,
                "%s: %d numbers of copies do not fit rank %d, or are negative "
                "or too many",
                fv__who(a->context, "tile"), count, x->rank);
        return NULL;
    }
    for (int32_t i = 0; i < count; i++)
        if (repeats[i] != 1)
            a = repeat(a, rank, shape, rank - count + i, repeats[i]);
    return fv_reshape(a, rank, result);
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    fv__list repeats;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, LIST, repeats), .positional = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    int64_t repeats[FV_MAX_RANK];
    int32_t n;
    if (!fv__layer_list(layer, count, inputs, 1, "the numbers of copies",
                        &o->repeats, &n, repeats))
        return NULL;
    return fv_tile(inputs[0], n, repeats);
}

const fv__layer_type fv__layer_tile = {
    .kind = "tile",
    .about = "copies one behind the other along each axis; their numbers may "
             "be a second input",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .forward = apply,
};
