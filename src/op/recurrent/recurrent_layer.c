/* Options and weights of the recurrent layers. */
#include "op/recurrent/recurrent.h"

const fv__field fv__recurrent_fields[] = {
    { FV__FIELD(fv_recurrent_options, COUNT, hidden), .positional = true,
      .outputs = true },
    { FV__FIELD(fv_recurrent_options, SWITCH, bidirectional) },
    { FV__FIELD(fv_recurrent_options, SWITCH, reversed) },
    { FV__FIELD_AS("bias", fv_recurrent_options, LACK, no_bias) },
    { .key = NULL },
};

static const char *const names[2][4] = {
    { "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0" },
    { "weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_ih_l0_reverse",
      "bias_hh_l0_reverse" },
};

static fv_status check(const fv_layer *layer, const fv_shape *x)
{
    const fv_recurrent_options *options = layer->options;
    char text[FV__SHAPE_BYTES];
    if (options->hidden < 1)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: hidden is %lld, expected at least 1", layer->name,
                       (long long)options->hidden);
    if (options->bidirectional && options->reversed)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: bidirectional and reversed exclude each other",
                       layer->name);
    if (x->rank == 2) return FV_OK;
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: input %s, expected positions and features", layer->name,
                   fv__shape_show(text, x));
}

fv_status fv__recurrent_declare(fv_layer *layer, const fv__cell *cell,
                                const fv_shape *x)
{
    const fv_recurrent_options *options = layer->options;
    if (check(layer, x) != FV_OK) return fv_failed(layer->context);
    const int64_t h = options->hidden, factors[] = { cell->products, h };
    const int64_t rows = fv__saturated_product(2, factors);
    const int64_t shapes[2][2] = { { rows, x->extent[1] }, { rows, h } };
    /* Uniform to 1 / sqrt(h): LeCun's limit is sqrt(3 / fan_in). */
    const int64_t three[] = { 3, h };
    const fv__init init = { .initializer = FV_INIT_LECUN_UNIFORM,
                            .fan_in = fv__saturated_product(2, three),
                            .fan_out = h };
    for (int32_t d = 0; d < (options->bidirectional ? 2 : 1); d++)
        for (int32_t k = 0; k < (options->no_bias ? 2 : 4); k++)
            fv__layer_parameter(layer, names[d][k], k < 2 ? 2 : 1,
                                shapes[k % 2], init);
    return fv_failed(layer->context);
}

/* The weights, and the inputs but for x. */
static fv_status take(const fv_layer *layer, const fv__cell *cell,
                      int32_t count, fv_variable *const inputs[],
                      fv_recurrent *r)
{
    const fv_recurrent_options *options = layer->options;
    const fv__parameter *p = layer->parameters;
    for (int32_t d = 0; d < (options->bidirectional ? 2 : 1); d++) {
        r->weight_ih[d] = p++->variable;
        r->weight_hh[d] = p++->variable;
        if (options->no_bias) continue;
        r->bias_ih[d] = p++->variable;
        r->bias_hh[d] = p++->variable;
    }
    const int32_t last = count - 1;
    if (last > 0 && !fv__dtype_is_real(inputs[last]->value.dtype)) {
        r->lengths = inputs[last];
        count--;
    }
    if (count > 1 && count != 2 + cell->has_c)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: %d inputs of real numbers, expected 1, or %d with "
                       "the first state",
                       layer->name, count, 2 + cell->has_c);
    if (count > 1) r->first_h = inputs[1];
    if (count > 2) r->first_c = inputs[2];
    return FV_OK;
}

int32_t fv__recurrent_layer(fv_layer *layer, const fv_operator *op,
                            const fv__cell *cell, int32_t count,
                            fv_variable *const inputs[], fv_variable *outputs[])
{
    const fv_recurrent_options *options = layer->options;
    fv_recurrent r = { .reversed = options->reversed };
    if (take(layer, cell, count, inputs, &r) != FV_OK
        || !fv__recurrent_apply(op, cell, inputs[0], &r, outputs))
        return 0;
    return 2 + cell->has_c;
}
