/* Functions of several elements, broadcast to one shape. */
#include "onnx/in/operators.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- broadcasting ----------------------------------------------------------
 */

/* The value with so many axes of extent 1 behind those that it has. */
static fv__value *with_last_axes(fv__importer *to, fv__value *value,
                                 int32_t more)
{
    const int32_t has = fv__onnx_rank(to, value);
    char options[512] = "unsqueeze";
    int64_t last[FV_MAX_RANK];
    if (more <= 0) return value;
    for (int32_t i = 0; i < more; i++) last[i] = has + i;
    fv__onnx_write(options, "axes", more, last);
    value = fv__onnx_plain(to, value);
    return fv__onnx_line(to, NULL, 1, &value, "%s", options);
}

/* Before version 7 the axes of the second input of a broadcast operator are
 * those of the first from `axis` on, or its last ones. */
static fv__value *by_attributes(fv__importer *to, const fv__onnx_node *node,
                                const fv__value *a, fv__value *b)
{
    const int32_t rank = fv__onnx_rank(to, a), has = fv__onnx_rank(to, b);
    int64_t axis = fv__onnx_int(node, "axis", rank - has);
    if (!fv__onnx_int(node, "broadcast", 0)) return b;
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis > rank - has) {
        fv__onnx_refuse(to, node,
                        "axis %lld for an input of %d axes and one of %d",
                        (long long)axis, rank, has);
        return NULL;
    }
    return with_last_axes(to, b, (int32_t)(rank - has - axis));
}

/* The inputs of a node, in memory of the importer; NULL after refusing one that
 * is left out, or that there are not `count` of them, 0: any number. */
static fv__value **inputs_of(fv__importer *to, fv__onnx_node *node,
                             int32_t count)
{
    fv__value **values =
        fv__onnx_allocate(to, (size_t)(node->num_inputs + 1) * sizeof(void *));
    if (!values) return NULL;
    if (!node->num_inputs || (count && node->num_inputs != count)) {
        fv__onnx_refuse(to, node, "%d inputs, expected %d%s", node->num_inputs,
                        count ? count : 1, count ? "" : " or more");
        return NULL;
    }
    for (int32_t k = 0; k < node->num_inputs; k++)
        if (!(values[k] = fv__onnx_input(to, node, k))) return NULL;
    if (node->version < 7 && count == 2)
        values[1] = by_attributes(to, node, values[0], values[1]);
    return values;
}

/* The operators that are one layer. */
static const struct {
    const char *kind, *layer;
    int32_t count;    /* of inputs; 0: any number */
    bool with_number; /* the layer takes a number as its second operand */
} functions[] = {
    { "Add", "add", 2, true },
    { "Sum", "add", 0, false },
    { "Sub", "sub", 2, true },
    { "Mul", "mul", 2, true },
    { "Div", "div", 2, true },
    { "Min", "min", 0, false },
    { "Max", "max", 0, false },
    { "Equal", "equal", 2, true },
    { "Greater", "greater", 2, true },
    { "GreaterOrEqual", "greater_or_equal", 2, true },
    { "Less", "less", 2, true },
    { "LessOrEqual", "less_or_equal", 2, true },
    { "And", "and", 2, false },
    { "Or", "or", 2, false },
    { "Xor", "xor", 2, false },
    { "Where", "where", 3, false },
};

static fv_status function(fv__importer *to, fv__onnx_node *node)
{
    size_t i = 0;
    while (strcmp(functions[i].kind, node->kind) != 0) i++;
    fv__value **values = inputs_of(to, node, functions[i].count);
    if (!values) return FV_UNSUPPORTED;
    return fv__onnx_set(node, 0,
                        fv__onnx_broadcast(to, node, functions[i].layer,
                                           node->num_inputs, values,
                                           functions[i].with_number));
}

static fv_status mean(fv__importer *to, fv__onnx_node *node)
{
    const int32_t count = node->num_inputs;
    fv__value **values = inputs_of(to, node, 0);
    if (!values) return FV_UNSUPPORTED;
    fv__value *y = fv__onnx_broadcast(to, node, "add", count, values, false);
    return fv__onnx_set(
        node, 0, count > 1 ? fv__onnx_map(to, node, y, "div %d", count) : y);
}

/* The result has the type of the base. */
static fv_status power(fv__importer *to, fv__onnx_node *node)
{
    fv__value **values = inputs_of(to, node, 2);
    if (!values || !values[1]) return FV_UNSUPPORTED;
    const fv_dtype type = fv__onnx_type_of(to, values[0]);
    const bool real = fv__dtype_is_real(fv__onnx_type_of(to, values[1]));
    for (int k = 0; k < 2; k++)
        values[k] = fv__onnx_cast(to, node, values[k],
                                  real ? to->context->dtype : type);
    fv__value *y = fv__onnx_broadcast(to, node, "pow", 2, values, true);
    return fv__onnx_set(node, 0, fv__onnx_cast(to, node, y, type));
}

static fv_status modulo(fv__importer *to, fv__onnx_node *node)
{
    const bool truncated = fv__onnx_int(node, "fmod", 0) != 0;
    fv__value **values = inputs_of(to, node, 2);
    if (!values) return FV_UNSUPPORTED;
    return fv__onnx_set(
        node, 0,
        fv__onnx_broadcast(to, node, truncated ? "mod truncated=yes" : "mod", 2,
                           values, false));
}

/* x times or divided by 2^y */
static fv_status bit_shift(fv__importer *to, fv__onnx_node *node)
{
    static const char *const ways[][2] = { { "LEFT", "mul" },
                                           { "RIGHT", "div" },
                                           { NULL, NULL } };
    const char *kind = fv__onnx_word(to, node, "direction", "", ways);
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__value *y = fv__onnx_input(to, node, 1);
    if (!kind || !x || !y) return FV_UNSUPPORTED;
    y = fv__onnx_two(to, node, "pow",
                     fv__onnx_scalar(to, fv__onnx_type_of(to, y), 2), y);
    return fv__onnx_set(node, 0, fv__onnx_two(to, node, kind, x, y));
}

/* ---- limits ----------------------------------------------------------------
 */

/* The lower or upper limit: a number, which may be infinite, or a value that is
 * not NULL. */
typedef struct limit {
    double number;
    fv__value *value;
} limit;

static limit limit_of(fv__importer *to, fv__onnx_node *node, int32_t k,
                      const char *attribute, double none)
{
    limit l = { .number = none };
    if (node->version < 11) {
        l.number = fv__onnx_float(node, attribute, none);
        if (fabs(l.number) >= (double)FLT_MAX) l.number = none;
    } else {
        fv__value *value = fv__onnx_option(to, node, k);
        if (value
            && (!fv__dtype_is_real(fv__onnx_type_of(to, value))
                || !fv__onnx_number(value, &l.number)))
            l.value = value;
    }
    return l;
}

static fv__value *clip_by_numbers(fv__importer *to, const fv__onnx_node *node,
                                  fv__value *x, double low, double high)
{
    char a[FV__NUMBER_BYTES], b[FV__NUMBER_BYTES];
    const bool single = to->context->dtype == FV_F32;
    const char *least =
        single ? fv__number_text_f32((float)low, a) : fv__number_text(low, a);
    const char *most =
        single ? fv__number_text_f32((float)high, b) : fv__number_text(high, b);
    if (isinf(low) && isinf(high)) return x;
    if (low == 0 && isinf(high)) return fv__onnx_map(to, node, x, "relu");
    if (low == 0 && high == 6) return fv__onnx_map(to, node, x, "relu6");
    if (isinf(low)) return fv__onnx_map(to, node, x, "clip high=%s", most);
    if (isinf(high)) return fv__onnx_map(to, node, x, "clip low=%s", least);
    return fv__onnx_map(to, node, x, "clip low=%s high=%s", least, most);
}

static fv_status clip(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0), *y = x;
    if (!x) return FV_UNSUPPORTED;
    const limit low = limit_of(to, node, 1, "min", -(double)INFINITY);
    const limit high = limit_of(to, node, 2, "max", (double)INFINITY);
    const bool usual = !low.value && !high.value
                       && low.number < (double)INFINITY
                       && high.number > -(double)INFINITY;
    const char *const kinds[] = { "max", "min" };
    const limit limits[] = { low, high };
    if (usual)
        return fv__onnx_set(
            node, 0, clip_by_numbers(to, node, x, low.number, high.number));
    for (int k = 0; k < 2 && y; k++) {
        fv__value *l = limits[k].value;
        if (!l && isinf(limits[k].number) && (limits[k].number > 0) == k)
            continue;
        if (!l) l = fv__onnx_scalar(to, to->context->dtype, limits[k].number);
        y = fv__onnx_two(to, node, kinds[k], y, l);
    }
    return fv__onnx_set(node, 0, y);
}

/* ---- slopes ----------------------------------------------------------------
 */

/* The axis of x that the slopes are numbers along, -1: there is one for all, or
 * -2: they lie along several. */
static int64_t axis_of_slopes(const fv__importer *to, const fv__onnx_node *node,
                              const fv__value *x, const fv_tensor *slope)
{
    const int32_t rank = fv__onnx_rank(to, x);
    const int64_t count = fv_tensor_count(slope);
    if (count == 1) return -1;
    if (slope->rank > rank) return -2;
    if (node->version < 7 && slope->rank == 1 && rank > 1) return 1;
    for (int32_t i = 0; i < slope->rank; i++)
        if (slope->shape[i] == count) return rank - slope->rank + i;
    return -2;
}

/* The layer, whose weights are of the last axis. */
static fv_status prelu_layer(fv__importer *to, fv__onnx_node *node,
                             fv__value *x, const fv_tensor *slope)
{
    const int64_t count = fv_tensor_count(slope);
    const fv_tensor weight = fv_tensor_of(slope->data, slope->dtype, 1, &count);
    fv__value *y =
        fv__onnx_map(to, node, x, "prelu%s", count == 1 ? " shared=yes" : "");
    if (y) fv__onnx_weight(to, "weight", &weight);
    return fv__onnx_set(node, 0, y);
}

static fv_status prelu(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__value *slope = x ? fv__onnx_input(to, node, 1) : NULL;
    if (!slope) return FV_UNSUPPORTED;
    const int32_t rank = fv__onnx_rank(to, x);
    const bool layer = !x->known.data && slope->known.data && rank > 1
                       && fv__dtype_is_real(slope->known.dtype);
    const int64_t axis =
        layer ? axis_of_slopes(to, node, x, &slope->known) : -2;
    if (axis == -1 || (axis > 0 && fv__onnx_stored(to, x, axis) == rank - 1))
        return prelu_layer(to, node, x, &slope->known);
    if (axis == 1 && rank > 2 && fv__onnx_rank(to, slope) == 1) {
        x = fv__onnx_last(to, x);
        return x ? prelu_layer(to, node, x, &slope->known) : FV_UNSUPPORTED;
    }
    if (node->version < 7 && fv__onnx_rank(to, slope) == 1)
        slope = with_last_axes(to, slope, rank - 2);
    fv__value *above = fv__onnx_with(to, node, "greater", x, 0);
    fv__value *both[] = { x, slope };
    fv__value *y = fv__onnx_broadcast(to, node, "mul", 2, both, true);
    return fv__onnx_set(node, 0, fv__onnx_where(to, node, above, x, y));
}

const fv__onnx_operator fv__onnx_arithmetic[] = {
    { "Add", function, NULL },     { "Sum", function, NULL },
    { "Sub", function, NULL },     { "Mul", function, NULL },
    { "Div", function, NULL },     { "Min", function, NULL },
    { "Max", function, NULL },     { "Equal", function, NULL },
    { "Greater", function, NULL }, { "GreaterOrEqual", function, NULL },
    { "Less", function, NULL },    { "LessOrEqual", function, NULL },
    { "And", function, NULL },     { "Or", function, NULL },
    { "Xor", function, NULL },     { "Where", function, NULL },
    { "Mean", mean, NULL },        { "Pow", power, NULL },
    { "Mod", modulo, NULL },       { "Clip", clip, NULL },
    { "PRelu", prelu, NULL },      { "BitShift", bit_shift, NULL },
    { NULL, NULL, NULL },
};
