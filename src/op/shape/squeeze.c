/* Axes of extent 1 removed and inserted: reshapes. */
#include "op/tensor_layer.h"

#include <inttypes.h>

/* Marks the axes of a list in `named`; false after recording what is wrong. */
static bool mark(fv_context *context, const char *who, int32_t rank,
                 int32_t count, const int32_t axes[], bool named[FV_MAX_RANK])
{
    for (int32_t i = 0; i < count; i++) {
        int32_t axis = axes[i];
        if (!fv__tensor_axis(context, who, rank, &axis)) return false;
        if (named[axis]) {
            fv_fail(context, FV_MISUSE, "%s: axis %d is named twice", who,
                    axis);
            return false;
        }
        named[axis] = true;
    }
    return true;
}

fv_variable *fv_squeeze(fv_variable *a, int32_t count, const int32_t axes[])
{
    if (!a || !fv__ok(a->context)) return NULL;
    const fv_tensor *x = &a->value;
    const char *who = fv__who(a->context, "squeeze");
    bool named[FV_MAX_RANK] = { false };
    int64_t shape[FV_MAX_RANK];
    int32_t rank = 0;
    if (!mark(a->context, who, x->rank, count, axes, named)) return NULL;
    for (int32_t i = 0; i < x->rank; i++) {
        if (named[i] && x->shape[i] != 1) {
            fv_fail(a->context, FV_MISUSE,
                    "%s: axis %d has extent %" PRId64 ", not 1", who, i,
                    x->shape[i]);
            return NULL;
        }
        if (count ? !named[i] : x->shape[i] != 1) shape[rank++] = x->shape[i];
    }
    return fv_reshape(a, rank, shape);
}

fv_variable *fv_unsqueeze(fv_variable *a, int32_t count, const int32_t axes[])
{
    if (!a || !fv__ok(a->context)) return NULL;
    const fv_tensor *x = &a->value;
    const char *who = fv__who(a->context, "unsqueeze");
    const int32_t rank = x->rank + count;
    bool named[FV_MAX_RANK] = { false };
    int64_t shape[FV_MAX_RANK];
    if (count < 0 || rank > FV_MAX_RANK) {
        fv_fail(a->context, FV_MISUSE,
                "%s: the result would have rank %d, above %d", who, rank,
                FV_MAX_RANK);
        return NULL;
    }
    if (!mark(a->context, who, rank, count, axes, named)) return NULL;
    for (int32_t i = 0, from = 0; i < rank; i++)
        shape[i] = named[i] ? 1 : x->shape[from++];
    return fv_reshape(a, rank, shape);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    return fv__axes_layer(layer, count, inputs, fv_squeeze);
}

const fv__layer_type fv__layer_squeeze = {
    .kind = "squeeze",
    .about = "axes of extent 1 removed; the axes may be a second input",
    FV__LAYER_OPTIONS(fv__axes_options),
    .fields = fv__axes_fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .forward = apply,
};
