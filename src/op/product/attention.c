/* Multi-head self-attention, composed of products and softmax. */
#include "op/operand.h"

#include <math.h>

/* Exchanges the last two axes. */
static fv_variable *transposed(fv_variable *x)
{
    int32_t axes[FV_MAX_RANK], rank = x ? fv_variable_value(x)->rank : 0;
    for (int32_t i = 0; i < rank; i++) axes[i] = i;
    if (rank < 2) return x;
    axes[rank - 2] = rank - 1;
    axes[rank - 1] = rank - 2;
    return fv_permute(x, axes);
}

fv_variable *fv_attention_of(fv_variable *query, fv_variable *key,
                             fv_variable *value, fv_variable *mask,
                             int32_t causal)
{
    if (!query || !key || !value) return NULL;
    const fv_tensor *q = fv_variable_value(query);
    const int64_t features = q->rank > 0 ? q->shape[q->rank - 1] : 1;
    fv_variable *scores =
        fv_matmul(fv_mul_number(query, 1 / sqrt((double)fv__max(features, 1))),
                  transposed(key));
    if (mask) scores = fv_add(scores, mask);
    if (causal) scores = fv_causal_mask(scores);
    return fv_matmul(fv_softmax_of(scores), value);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_attention_options, COUNT, num_heads), .positional = true },
    { FV__FIELD(fv_attention_options, SWITCH, causal) },
    { FV__FIELD_AS("bias", fv_attention_options, LACK, no_bias) },
    { .key = NULL },
};

static fv_status check(const fv_layer *layer, int32_t count,
                       const fv_shape inputs[])
{
    const fv_attention_options *options = layer->options;
    const int64_t heads = options->num_heads, t = inputs[0].extent[0],
                  features = inputs[0].extent[1];
    char text[FV__SHAPE_BYTES];
    if (inputs[0].rank != 2)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: input %s is not positions and their features",
                       layer->name, fv__shape_show(text, &inputs[0]));
    if (heads < 1 || features % heads)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: %lld heads do not divide %lld features",
                       layer->name, (long long)heads, (long long)features);
    if (count == 1) return FV_OK;
    const fv_shape *mask = &inputs[1];
    const bool keys = mask->rank == 1 && mask->extent[0] == t;
    const bool pairs =
        mask->rank == 2 && mask->extent[0] == t && mask->extent[1] == t;
    if (keys || pairs) return FV_OK;
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: mask %s is neither [%lld] nor [%lld, %lld]",
                   layer->name, fv__shape_show(text, mask), (long long)t,
                   (long long)t, (long long)t);
}

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv_attention_options *options = layer->options;
    if (check(layer, count, inputs) != FV_OK) return fv_failed(layer->context);
    const int64_t f = inputs[0].extent[1], packed = 3 * f;
    const fv__init zeros = { .initializer = FV_INIT_ZEROS };
    fv__layer_parameter(layer, "in_proj_weight", 2,
                        (const int64_t[]){ packed, f },
                        (fv__init){ .initializer = FV_INIT_XAVIER_UNIFORM,
                                    .fan_in = f,
                                    .fan_out = packed });
    if (!options->no_bias)
        fv__layer_parameter(layer, "in_proj_bias", 1, &packed, zeros);
    fv__layer_parameter(layer, "out_proj.weight", 2, (const int64_t[]){ f, f },
                        (fv__init){ .initializer = FV_INIT_XAVIER_UNIFORM,
                                    .fan_in = f,
                                    .fan_out = f });
    if (!options->no_bias)
        fv__layer_parameter(layer, "out_proj.bias", 1, &f, zeros);
    return FV_OK;
}

/* Query, key and value [n, heads, t, f / heads] of rows [n t, f]. */
static bool project(const fv_layer *layer, fv_variable *rows,
                    const int64_t *shape, fv_variable *parts[3])
{
    const fv_attention_options *options = layer->options;
    const fv__parameter *p = layer->parameters;
    const int64_t heads = options->num_heads;
    const int64_t split[] = { shape[0], shape[1], 3, heads, shape[2] / heads };
    const int64_t part[] = { split[0], heads, split[1], split[4] };
    fv_variable *all = fv_linear_of(rows, p[0].variable,
                                    options->no_bias ? NULL : p[1].variable);
    all = fv_permute(fv_reshape(all, 5, split),
                     (const int32_t[]){ 2, 0, 3, 1, 4 });
    if (fv_split(all, 0, 3, NULL, parts) != FV_OK) return false;
    for (int i = 0; i < 3; i++) parts[i] = fv_reshape(parts[i], 4, part);
    return true;
}

/* Made to broadcast to scores [n, heads, t, t]. */
static fv_variable *broadcast(fv_variable *mask)
{
    const fv_tensor *value = fv_variable_value(mask);
    const int64_t t = value->shape[value->rank - 1];
    const int64_t shape[] = { value->shape[0], 1, value->rank == 3 ? t : 1, t };
    return fv_reshape(mask, 4, shape);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_attention_options *options = layer->options;
    const fv__parameter *out = &layer->parameters[options->no_bias ? 1 : 2];
    const int64_t *shape = fv_variable_value(inputs[0])->shape;
    const int64_t rows[] = { shape[0] * shape[1], shape[2] };
    fv_variable *parts[3];
    if (!project(layer, fv_reshape(inputs[0], 2, rows), shape, parts))
        return NULL;
    fv_variable *y = fv_attention_of(parts[0], parts[1], parts[2],
                                     count > 1 ? broadcast(inputs[1]) : NULL,
                                     options->causal);
    y = fv_permute(y, (const int32_t[]){ 0, 2, 1, 3 });
    y = fv_linear_of(fv_reshape(y, 2, rows), out[0].variable,
                     options->no_bias ? NULL : out[1].variable);
    return fv_reshape(y, 3, shape);
}

const fv__layer_type fv__layer_attention = {
    .kind = "attention",
    .about = "multi-head self-attention over positions [t, features]; what a "
             "second input, a mask [t] or [t, t], holds is added to the scores",
    FV__LAYER_OPTIONS(fv_attention_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 2,
    .declare = declare,
    .forward = apply,
};

fv_layer *fv_attention_new(const fv_attention_options *options)
{
    return fv__layer_new(&fv__layer_attention, options);
}
