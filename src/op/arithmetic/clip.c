/* min(max(a, low), high). Limits that are known numbers make a function of one
 * element, whose gradient is 0 at both; others the minimum of a maximum. */
#include "op/tensor_layer.h"

#include <float.h>
#include <math.h>

const fv_operator fv__op_clip = { FV__UNARY_OPERATOR("clip", FV_READS_OUTPUT),
                                  .onnx = "Clip" };

/* Whether a limit is absent or one known number that nothing trains; if so, its
 * value, or `none`. */
static bool is_number(const fv_variable *limit, double none, double *value)
{
    *value = none;
    if (!limit) return true;
    const fv_tensor *at = &limit->value;
    if (limit->requires_grad || fv_tensor_count(at) != 1
        || at->dtype != limit->context->dtype || !fv__tape_begin(limit->context)
        || !fv__is_known(limit))
        return false;
    fv__load_doubles(at->dtype, at->data, 1, 1, value);
    return !isnan(*value);
}

fv_variable *fv_clip(fv_variable *a, fv_variable *low, fv_variable *high)
{
    double least, most;
    if (!a) return NULL;
    if (fv__dtype_is_real(a->value.dtype)
        && is_number(low, -(double)INFINITY, &least)
        && is_number(high, (double)INFINITY, &most) && least <= most)
        return fv__apply_unary(&fv__op_clip, a, FV__CLAMP, least, most);
    if (low) a = fv_maximum(a, low);
    return high ? fv_minimum(a, high) : a;
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    double low, high;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBER, low), .usual = -DBL_MAX },
    { FV__FIELD(options, NUMBER, high), .usual = DBL_MAX },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    fv_variable *low = count > 1 ? inputs[1] : NULL;
    fv_variable *high = count > 2 ? inputs[2] : NULL;
    if (!low && o->low > -DBL_MAX) low = fv__number_like(inputs[0], o->low);
    if (!high && o->high < DBL_MAX) high = fv__number_like(inputs[0], o->high);
    return fv_clip(inputs[0], low, high);
}

const fv__layer_type fv__layer_clip = {
    .kind = "clip",
    .about = "min(max(x, low), high); the limits may be further inputs",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 3,
    .forward = apply,
};
