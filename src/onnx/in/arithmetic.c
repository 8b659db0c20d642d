/* Functions of several elements, broadcast to one shape. */
#include "onnx/in/operators.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- operands --------------------------------------------------------------
 */

bool fv__onnx_number(const fv__value *value, double *number)
{
    if (!value || !value->known.data || fv_tensor_count(&value->known) != 1)
        return false;
    fv__load_doubles(value->known.dtype, value->known.data, 1, 1, number);
    return true;
}

fv__value *fv__onnx_scalar(fv__importer *to, fv_dtype dtype, double number)
{
    const fv_tensor scalar = fv__onnx_tensor_new(to, dtype, 0, NULL);
    if (scalar.rank < 0) return NULL;
    const fv_tensor given = fv_tensor_of(&number, FV_F64, 0, NULL);
    if (fv__tensor_assign(to->context, "a number", &scalar, &given) != FV_OK)
        return NULL;
    return fv__onnx_known(to, &scalar);
}

fv__value *fv__onnx_cast(fv__importer *to, const fv__onnx_node *node,
                         fv__value *value, fv_dtype dtype)
{
    static const char *const words[] = { "real", "real", "u8",  "i8",
                                         "i16",  "i32",  "i64", "bool" };
    if (!value || fv__onnx_type_of(to, value) == dtype) return value;
    fv__value *y =
        fv__onnx_line(to, node, 1, &value, "cast type=%s", words[dtype]);
    if (y) y->order = value->order;
    return y;
}

/* ---- broadcasting ----------------------------------------------------------
 */

/* Whether a line can name the second of two values as a number. */
static bool names_number(const fv__importer *to, fv__value *const values[],
                         double *number)
{
    const fv_dtype type = fv__onnx_type_of(to, values[0]);
    return !values[0]->known.data && type != FV_BOOL
           && fv__onnx_number(values[1], number)
           && fv__onnx_type_of(to, values[1]) == type
           && fv__onnx_rank(to, values[1]) <= fv__onnx_rank(to, values[0])
           && fabs(*number) <= (fv__dtype_is_real(type) ? 1e300 : 0x1p53);
}

fv__value *fv__onnx_broadcast(fv__importer *to, const fv__onnx_node *node,
                              int32_t count, fv__value *const values[],
                              const char *kind, bool with_number)
{
    fv__value *group[FV__MAX_INPUTS] = { values[0] };
    char text[FV__NUMBER_BYTES];
    double number;
    fv__order order;
    int32_t n = 0;
    if (with_number && count == 2 && values[0] && values[1]
        && names_number(to, values, &number)
        && (number != 0 || strcmp(kind, "add") != 0)) {
        const fv_tensor *known = &values[1]->known;
        fv__value *y =
            fv__onnx_line(to, node, 1, values, "%s %s", kind,
                          fv__element_text(known->dtype, known->data, text));
        if (y) y->order = values[0]->order;
        return y;
    }
    for (int32_t k = 0; k < count; k++) {
        if (!values[k]) return NULL;
        group[n++] = values[k];
        if (n == 1 || (n < FV__MAX_INPUTS && k < count - 1)) continue;
        if (fv__onnx_align(to, n, group, &order) < 0) return NULL;
        group[0] = fv__onnx_line(to, node, n, group, "%s", kind);
        if (!group[0]) return NULL;
        group[0]->order = order;
        n = 1;
    }
    return group[0];
}

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
    if (axis < 0 || axis + has > rank) {
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

static fv_status set(fv__onnx_node *node, fv__value *y)
{
    return fv__onnx_set(node, 0, y, y ? y->order : fv__order_plain());
}

fv_status fv__onnx_broadcast_node(fv__importer *to, fv__onnx_node *node,
                                  int32_t count, const char *kind,
                                  bool with_number)
{
    fv__value **values = inputs_of(to, node, count);
    if (!values) return FV_UNSUPPORTED;
    return set(node, fv__onnx_broadcast(to, node, node->num_inputs, values,
                                        kind, with_number));
}

#define BROADCAST(function, count, kind, with_number)                          \
    static fv_status function(fv__importer *to, fv__onnx_node *node)           \
    {                                                                          \
        return fv__onnx_broadcast_node(to, node, count, kind, with_number);    \
    }
BROADCAST(add, 2, "add", true)
BROADCAST(sum, 0, "add", false)
BROADCAST(sub, 2, "sub", true)
BROADCAST(mul, 2, "mul", true)
BROADCAST(divide, 2, "div", true)
BROADCAST(minimum, 0, "min", false)
BROADCAST(maximum, 0, "max", false)

static fv_status mean(fv__importer *to, fv__onnx_node *node)
{
    fv__value **values = inputs_of(to, node, 0);
    if (!values) return FV_UNSUPPORTED;
    fv__value *y =
        fv__onnx_broadcast(to, node, node->num_inputs, values, "add", false);
    if (!y || node->num_inputs == 1) return set(node, y);
    const fv__order order = y->order;
    return fv__onnx_set(
        node, 0, fv__onnx_line(to, node, 1, &y, "div %d", node->num_inputs),
        order);
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
    fv__value *y = fv__onnx_broadcast(to, node, 2, values, "pow", true);
    return set(node, fv__onnx_cast(to, node, y, type));
}

static fv_status modulo(fv__importer *to, fv__onnx_node *node)
{
    const bool truncated = fv__onnx_int(node, "fmod", 0) != 0;
    return fv__onnx_broadcast_node(
        to, node, 2, truncated ? "mod truncated=yes" : "mod", false);
}

/* x times or divided by 2^y */
static fv_status bit_shift(fv__importer *to, fv__onnx_node *node)
{
    const char *way = fv__onnx_text(to, node, "direction", "");
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__value *y = x ? fv__onnx_input(to, node, 1) : NULL;
    if (!y) return FV_UNSUPPORTED;
    const bool left = strcmp(way, "LEFT") == 0;
    if (!left && strcmp(way, "RIGHT") != 0)
        return fv__onnx_refuse(to, node, "direction \"%.40s\" is unknown", way);
    fv__value *power[] = { fv__onnx_scalar(to, fv__onnx_type_of(to, y), 2), y };
    y = fv__onnx_broadcast(to, node, 2, power, "pow", false);
    return set(node, fv__onnx_broadcast(to, node, 2, (fv__value *[]){ x, y },
                                        left ? "mul" : "div", false));
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
    if (low == 0 && isinf(high)) return fv__onnx_line(to, node, 1, &x, "relu");
    if (low == 0 && high == 6) return fv__onnx_line(to, node, 1, &x, "relu6");
    if (isinf(low)) return fv__onnx_line(to, node, 1, &x, "clip high=%s", most);
    if (isinf(high))
        return fv__onnx_line(to, node, 1, &x, "clip low=%s", least);
    return fv__onnx_line(to, node, 1, &x, "clip low=%s high=%s", least, most);
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
            node, 0, clip_by_numbers(to, node, x, low.number, high.number),
            x->order);
    for (int k = 0; k < 2 && y; k++) {
        fv__value *l = limits[k].value;
        if (!l && isinf(limits[k].number) && (limits[k].number > 0) == k)
            continue;
        if (!l) l = fv__onnx_scalar(to, to->context->dtype, limits[k].number);
        y = fv__onnx_broadcast(to, node, 2, (fv__value *[]){ y, l }, kinds[k],
                               false);
    }
    return set(node, y);
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
    fv__value *y = fv__onnx_line(to, node, 1, &x, "prelu%s",
                                 count == 1 ? " shared=yes" : "");
    if (y) fv__onnx_weight(to, "weight", &weight);
    return y ? fv__onnx_set(node, 0, y, x->order) : FV_UNSUPPORTED;
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
    fv__value *zero = fv__onnx_scalar(to, fv__onnx_type_of(to, x), 0);
    fv__value *above = fv__onnx_broadcast(
        to, node, 2, (fv__value *[]){ x, zero }, "greater", true);
    fv__value *y = fv__onnx_broadcast(to, node, 2, (fv__value *[]){ x, slope },
                                      "mul", true);
    return set(node,
               fv__onnx_broadcast(to, node, 3, (fv__value *[]){ above, x, y },
                                  "where", false));
}

const fv__onnx_operator fv__onnx_arithmetic[] = {
    { "Add", add, NULL },
    { "Sum", sum, NULL },
    { "Sub", sub, NULL },
    { "Mul", mul, NULL },
    { "Div", divide, NULL },
    { "Min", minimum, NULL },
    { "Max", maximum, NULL },
    { "Mean", mean, NULL },
    { "Pow", power, NULL },
    { "Mod", modulo, NULL },
    { "Clip", clip, NULL },
    { "PRelu", prelu, NULL },
    { "BitShift", bit_shift, NULL },
    { NULL, NULL, NULL },
};
