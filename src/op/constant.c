/* Constants of a network: numbers in its text, which decide shapes where they
 * are read for that, or a parameter in the model file. */
#include "op/op.h"

#include <inttypes.h>
#include <string.h>

/* Begins as fv_layer_options. */
typedef struct options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
    fv__list shape;
    const char *values; /* separated by commas; NULL: in the model file */
    int32_t type;       /* index in `words` */
    int32_t trainable;
    double init_value; /* of a parameter */
} options;

static const char *const words[] = { "real", "i64", "i32", "u8", "bool", NULL };

static const fv__field fields[] = {
    { FV__FIELD(options, LIST, shape), .positional = true },
    { FV__FIELD(options, TEXT, values) },
    { FV__FIELD(options, WORD, type), .words = words },
    { FV__FIELD(options, SWITCH, trainable) },
    { FV__FIELD(options, NUMBER, init_value) },
    { .key = NULL },
};

static fv_dtype dtype_of(const fv_layer *layer)
{
    const options *o = layer->options;
    const fv_dtype types[] = { layer->context->dtype, FV_I64, FV_I32, FV_U8,
                               FV_BOOL };
    return types[o->type];
}

/* The rank and extents: those of the options or, where the options have none,
 * of `count` values. */
static int32_t shape_of(const options *o, int64_t count,
                        int64_t shape[FV_MAX_RANK])
{
    memcpy(shape, o->shape.at, sizeof o->shape.at);
    if (o->shape.count || count == 1) return (int32_t)o->shape.count;
    shape[0] = count;
    return 1;
}

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count, (void)inputs;
    const options *o = layer->options;
    int64_t shape[FV_MAX_RANK];
    fv_context *context = layer->context;
    for (int64_t i = 0; i < o->shape.count; i++)
        if (o->shape.at[i] < 0)
            return fv_fail(context, FV_MISUSE,
                           "%s: extent %" PRId64 " is below 0", layer->name,
                           o->shape.at[i]);
    if (o->trainable && (o->values || o->type))
        return fv_fail(context, FV_MISUSE, "%s: %s cannot be trained",
                       layer->name,
                       o->type ? "integers" : "values in the text");
    if (o->values) return FV_OK;
    const fv__init init = { .initializer = FV_INIT_CONSTANT,
                            .value = o->init_value };
    const int32_t rank = shape_of(o, 1, shape);
    fv__parameter *parameter =
        fv__layer_parameter(layer, "value", rank, shape, init);
    if (!parameter) return fv_failed(context);
    parameter->dtype = dtype_of(layer);
    parameter->trainable = o->trainable != 0;
    return FV_OK;
}

/* Reads a number of the text as f64 or, of integers, as i64. */
static bool read_value(const char *at, size_t length, bool real, void *to)
{
    int64_t *whole = to;
    const bool minus = length && *at == '-';
    if (real) return fv__number_read(at, length, to);
    if (!fv__whole_read(at + minus, length - minus, whole)) return false;
    if (minus) *whole = -*whole;
    return true;
}

/* Reads the values of the text; the number of them, -1 after a failure. */
static int64_t read_values(const fv_layer *layer, bool real, int64_t *to)
{
    const options *o = layer->options;
    int64_t count = 0;
    for (const char *at = o->values; at; count++) {
        const size_t length = strcspn(at, ",");
        char shown[64];
        if (!read_value(at, length, real, to + count)) {
            fv_fail(layer->context, FV_MALFORMED, "%s: \"%s\" is no %snumber",
                    layer->name, fv__printable(at, length, shown, sizeof shown),
                    real ? "" : "whole ");
            return -1;
        }
        at = at[length] ? at + length + 1 : NULL;
    }
    return count;
}

static fv_variable *make(fv_layer *layer, int64_t *values)
{
    const options *o = layer->options;
    fv_context *context = layer->context;
    const fv_dtype dtype = dtype_of(layer);
    const bool real = fv__dtype_is_real(dtype);
    const int64_t count = read_values(layer, real, values);
    int64_t shape[FV_MAX_RANK];
    if (count < 0) return NULL;
    const int32_t rank = shape_of(o, count, shape);
    if (fv__product(rank, shape) != count) {
        fv_fail(context, FV_MISUSE,
                "%s: %" PRId64 " values for %" PRId64 " elements", layer->name,
                count, fv__product(rank, shape));
        return NULL;
    }
    const fv_tensor given =
        fv_tensor_of(values, real ? FV_F64 : FV_I64, rank, shape);
    if (real || dtype == FV_I64) return fv_constant(context, &given);
    fv_tensor converted = fv_tensor_new(context, dtype, rank, shape);
    fv_variable *constant = NULL;
    if (converted.rank >= 0
        && fv__tensor_assign(context, layer->name, &converted, &given) == FV_OK)
        constant = fv_constant(context, &converted);
    fv_tensor_free(context, &converted);
    return constant;
}

static fv_variable *forward(fv_layer *layer, int32_t count,
                            fv_variable *const inputs[])
{
    (void)count, (void)inputs;
    const options *o = layer->options;
    fv_context *context = layer->context;
    if (!o->values) return layer->parameters[0].variable;
    size_t most = 1;
    for (const char *at = o->values; *at; at++) most += *at == ',';
    int64_t *values = fv__allocate(context, FV__DATA, most * sizeof *values);
    fv_variable *constant = values ? make(layer, values) : NULL;
    fv__release(context, values);
    return constant;
}

const fv__layer_type fv__layer_constant = {
    .kind = "constant",
    .about = "a tensor of that shape: the values, or a parameter",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .declare = declare,
    .forward = forward,
};
