/* Weights of layers that are computed from parameters. */
#include "op/norm/parametrization.h"
#include "op/operand.h"

#include <math.h>
#include <string.h>

/* ---- transposed weights -------------------------------------------------- */

/* The axes with that one and the last exchanged. */
static void exchange_axes(int32_t axis, int32_t rank, int32_t axes[])
{
    for (int32_t i = 0; i < rank; i++) axes[i] = i;
    axes[axis] = rank - 1;
    axes[rank - 1] = axis;
}

/* [groups a, ..., b] as [groups b, ..., a]: a weight [channels, ..., filters of
 * a group] as [filters, ..., channels of a group], or the other way round. */
static fv_variable *exchange(fv_variable *weight, int64_t groups)
{
    int64_t shape[FV_MAX_RANK];
    int32_t axes[FV_MAX_RANK];
    if (!weight) return NULL;
    const fv_tensor *value = fv_variable_value(weight);
    const int32_t rank = value->rank;
    memcpy(shape + 1, value->shape, (size_t)rank * sizeof *shape);
    shape[0] = groups;
    shape[1] /= groups;
    exchange_axes(1, rank + 1, axes);
    fv_variable *split = fv_permute(fv_reshape(weight, rank + 1, shape), axes);
    shape[rank] = shape[1];
    shape[1] = groups * value->shape[rank - 1];
    return fv_reshape(split, rank, shape + 1);
}

/* ---- parameters ---------------------------------------------------------- */

/* The length of each row of the parameter before. */
static fv_status derive_lengths(fv_context *context,
                                const fv__parameter *parameter)
{
    const fv_tensor *from = &parameter[-1].variable->value;
    void *to = parameter->variable->value.data;
    const int64_t n = fv__product(from->rank - 1, from->shape + 1);
    for (int64_t i = 0; i < from->shape[0]; i++) {
        const void *row = fv__tensor_byte(from, i * n);
        fv__real_set(context, to, i,
                     sqrt(context->kernels->dot((size_t)n, row, row)));
    }
    return FV_OK;
}

/* The vector v of a weight; u is the parameter before, and begins anew. */
static fv_status derive_vector(fv_context *context,
                               const fv__parameter *parameter)
{
    return fv__spectral_begin(context, &parameter[-2].variable->value,
                              parameter[-1].variable->value.data,
                              parameter->variable->value.data);
}

/* The same of a transposed weight. */
static fv_status derive_transposed_vector(fv_context *context,
                                          const fv__parameter *parameter)
{
    const fv_tensor *weight = &parameter[-2].variable->value;
    int32_t axes[FV_MAX_RANK];
    exchange_axes(0, weight->rank, axes);
    const fv_tensor view = fv_tensor_permute(context, weight, axes);
    fv_tensor rows = fv_tensor_dup(context, &view);
    if (fv__ok(context))
        fv__spectral_begin(context, &rows, parameter[-1].variable->value.data,
                           parameter->variable->value.data);
    fv_tensor_free(context, &rows);
    return fv_failed(context);
}

static void declare_length(fv_layer *layer, int32_t rank, int64_t filters)
{
    int64_t shape[FV_MAX_RANK] = { filters, 1, 1, 1, 1 };
    fv__parameter *g = fv__layer_parameter(
        layer, "weight_g", rank, shape, (fv__init){ .derive = derive_lengths });
    if (g) g->filters = rank > 2;
}

/* The vectors u, of the filters, and v, of the shape of one. */
static void declare_vectors(fv_layer *layer, bool transposed, int32_t rank,
                            const int64_t weight[])
{
    int64_t shape[FV_MAX_RANK];
    const int64_t first = weight[0], last = weight[rank - 1];
    memcpy(shape, weight, (size_t)rank * sizeof *shape);
    shape[0] = 1;
    shape[rank - 1] = transposed ? first : last;
    fv__parameter *u = fv__layer_parameter(
        layer, "weight_u", 1, transposed ? &last : &first,
        (fv__init){ .initializer = FV_INIT_NORMAL, .deviation = 1 });
    fv__parameter *v = fv__layer_parameter(
        layer, "weight_v", rank, shape,
        (fv__init){ .derive = transposed ? derive_transposed_vector
                                         : derive_vector });
    if (u) u->trainable = false;
    if (!v) return;
    v->trainable = false;
    v->filters = rank > 2;
}

fv_status fv__weight_declare(fv_layer *layer, const fv__weight *w, int32_t rank,
                             const int64_t shape[], fv__init init, int64_t bias)
{
    static const char *const names[] = { "weight", "weight", "weight_v",
                                         "weight_orig" };
    fv__parameter *weight =
        fv__layer_parameter(layer, names[w->kind], rank, shape, init);
    if (weight) weight->filters = rank > 2;
    if (w->kind == FV_PARAMETRIZATION_WEIGHT_NORM)
        declare_length(layer, rank, shape[0]);
    if (w->kind == FV_PARAMETRIZATION_SPECTRAL_NORM)
        declare_vectors(layer, w->transposed, rank, shape);
    if (bias)
        fv__layer_parameter(layer, "bias", 1, &bias,
                            (fv__init){ .initializer = FV_INIT_ZEROS });
    return fv_failed(layer->context);
}

/* ---- the weight ---------------------------------------------------------- */

fv_variable *fv__layer_weight(const fv_layer *layer, const fv__weight *w)
{
    const fv__parameter *p = layer->parameters;
    fv_variable *weight = p[0].variable;
    switch (w->kind) {
    case FV_PARAMETRIZATION_NONE:
        return weight;
    case FV_PARAMETRIZATION_STANDARDISE:
        if (!w->transposed) return fv_standardise_weight(weight, w->epsilon);
        weight = exchange(weight, w->groups);
        return exchange(fv_standardise_weight(weight, w->epsilon), w->groups);
    case FV_PARAMETRIZATION_WEIGHT_NORM:
        return fv_weight_norm(weight, p[1].variable);
    case FV_PARAMETRIZATION_SPECTRAL_NORM:
        if (w->transposed) weight = exchange(weight, 1);
        weight = fv_spectral_norm(weight, p[1].variable, p[2].variable);
        return w->transposed ? exchange(weight, 1) : weight;
    }
    return weight;
}

fv_variable *fv__layer_bias(const fv_layer *layer)
{
    const int32_t last = layer->num_parameters - 1;
    const fv__parameter *bias = &layer->parameters[last];
    return strcmp(bias->name, "bias") == 0 ? bias->variable : NULL;
}
