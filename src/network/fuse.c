/* Which layers a plan runs as one operator (fusion). In evaluation: a
 * convolution, its batch normalisation, the sum with another branch, and an
 * activation. In training: a convolution or a batch normalisation with its
 * activation, or a clamp with a max pool. In both, a transposed convolution
 * with its activation. */
#include "network/network.h"
#include "op/conv/conv_transpose.h"
#include "op/pool/window.h"

#include <math.h>

static const fv__fusion none = { -1, -1, -1, -1, -1, -1 };

static const fv__layer_type *type_at(const fv_network *network, int32_t place)
{
    return place < 0 ? NULL : network->places[place].layer->type;
}

static bool clamps(const fv__layer_type *type)
{
    return type == &fv__layer_relu || type == &fv__layer_relu6;
}

/* A network, and how many layers read each of its results. */
typedef struct readings {
    const fv_network *network;
    const int32_t *readers;
} readings;

/* The place whose first output `place` reads as its input k, if no other layer
 * reads it and it is of that type; else -1. */
static int32_t before(const readings *r, int32_t place, int32_t k,
                      const fv__layer_type *type)
{
    const fv_network *network = r->network;
    const int32_t source = network->places[place].inputs[k];
    const fv__result *result = &network->results[source];
    if (type_at(network, result->place) != type || r->readers[source] != 1
        || result->output)
        return -1;
    return result->place;
}

/* The type of the layer that `place` reads as its input k. */
static const fv__layer_type *type_read(const readings *r, int32_t place,
                                       int32_t k)
{
    const int32_t source = r->network->places[place].inputs[k];
    return type_at(r->network, r->network->results[source].place);
}

/* The same for a convolution of any number of axes. */
static int32_t convolution_before(const readings *r, int32_t place, int32_t k)
{
    const fv__layer_type *type = type_read(r, place, k);
    return type->convolution ? before(r, place, k, type) : -1;
}

/* A convolution, alone or with its normalisation, that ends at input k of
 * `place`. */
static bool find_convolution(const readings *r, int32_t place, int32_t k,
                             fv__fusion *f)
{
    f->norm = before(r, place, k, &fv__layer_batchnorm);
    if (f->norm >= 0) {
        if (!fv__layer_folds(r->network->places[f->norm].layer)) return false;
        f->convolution = convolution_before(r, f->norm, 0);
    } else
        f->convolution = convolution_before(r, place, k);
    return f->convolution >= 0;
}

/* A transposed convolution that ends at a clamp. */
static bool find_transposed(const readings *r, int32_t place, fv__fusion *f)
{
    const fv__layer_type *type = type_read(r, place, 0);
    *f = none;
    if (!fv__layer_is_conv_transpose(type)) return false;
    f->clamp = place;
    f->convolution = before(r, place, 0, type);
    return f->convolution >= 0;
}

/* Finds the sum of two branches. The branch that is computed later is the
 * convolution, so that the other one, the residual, exists when the convolution
 * runs. */
static bool find_sum(const readings *r, int32_t place, fv__fusion *f)
{
    const fv__place *sum = &r->network->places[place];
    if (sum->layer->type != &fv__layer_add || sum->num_inputs != 2)
        return false;
    const fv__result *results = r->network->results;
    const fv__result *a = &results[sum->inputs[0]],
                     *b = &results[sum->inputs[1]];
    if (!fv__shape_equal(&a->shape, &b->shape) || a->batched != b->batched)
        return false;
    int32_t later = sum->inputs[1] > sum->inputs[0];
    for (int32_t i = 0; i < 2; i++) {
        int32_t k = i ? !later : later;
        if (!find_convolution(r, place, k, f)) continue;
        f->add = place;
        f->residual = sum->inputs[!k];
        return true;
    }
    return false;
}

static fv__fusion fusion_at(const readings *r, int32_t place)
{
    const fv_network *network = r->network;
    fv__fusion f = none;
    int32_t at = place;
    if (clamps(type_at(network, place))) {
        f.clamp = place;
        at = before(r, place, 0, &fv__layer_add);
        if (at >= 0 && find_sum(r, at, &f)) return f;
        if (find_convolution(r, place, 0, &f)) return f;
        if (find_transposed(r, place, &f)) return f;
    } else {
        if (find_sum(r, place, &f)) return f;
        if (type_at(network, place) == &fv__layer_batchnorm
            && fv__layer_folds(network->places[place].layer)) {
            f.norm = place;
            f.convolution = convolution_before(r, place, 0);
            if (f.convolution >= 0) return f;
        }
    }
    return none;
}

/* Finds a max pool of clamped values. Run as one operator, the clamp needs no
 * saved input and handles fewer values. */
static bool find_pool(const readings *r, int32_t place, fv__fusion *f)
{
    const fv_network *network = r->network;
    if (!fv__layer_is_maxpool(type_at(network, place))) return false;
    f->clamp = before(r, place, 0, &fv__layer_relu);
    if (f->clamp < 0) f->clamp = before(r, place, 0, &fv__layer_relu6);
    if (f->clamp >= 0) f->pool = place;
    return f->clamp >= 0;
}

static fv__fusion training_at(const readings *r, int32_t place)
{
    const fv_network *network = r->network;
    fv__fusion f = none;
    if (find_pool(r, place, &f)) return f;
    if (!clamps(type_at(network, place))) return none;
    f.clamp = place;
    f.norm = before(r, place, 0, &fv__layer_batchnorm);
    if (f.norm >= 0) return f;
    f.convolution = convolution_before(r, place, 0);
    if (f.convolution >= 0 || find_transposed(r, place, &f)) return f;
    return none;
}

static void find_fusions(const readings *r, bool training, fv__fusion *fusions,
                         bool *inside)
{
    for (int32_t i = r->network->count - 1; i >= 0; i--) {
        fusions[i] = none;
        if (inside[i]) continue;
        fusions[i] = training ? training_at(r, i) : fusion_at(r, i);
        const fv__fusion *f = &fusions[i];
        if (!fv__fused(f)) continue;
        if (f->convolution >= 0) inside[f->convolution] = true;
        if (f->norm >= 0 && f->norm != i) inside[f->norm] = true;
        if (f->add >= 0 && f->add != i) inside[f->add] = true;
        if (f->clamp >= 0 && f->clamp != i) inside[f->clamp] = true;
    }
}

fv_status fv__network_fuse(const fv_network *network, bool training,
                           fv__fusion *fusions, bool *inside)
{
    fv_context *context = network->context;
    const size_t results = (size_t)network->num_results;
    int32_t *readers =
        fv__allocate_zero(context, FV__DATA, results * sizeof *readers);
    for (int32_t i = 0; readers && i < network->count; i++) {
        const fv__place *place = &network->places[i];
        for (int32_t k = 0; k < place->num_inputs; k++)
            readers[place->inputs[k]]++;
    }
    const readings r = { network, readers };
    if (readers) find_fusions(&r, training, fusions, inside);
    fv__release(context, readers);
    return fv_failed(context);
}

/* The upper limit of the clamp; the lower one is 0. */
static double limit(const fv_network *network, const fv__fusion *f)
{
    return type_at(network, f->clamp) == &fv__layer_relu6 ? 6
                                                          : (double)INFINITY;
}

static fv_variable *clamped_norm(const fv_network *network, const fv__fusion *f,
                                 fv_variable *const results[])
{
    const fv__place *norm = &network->places[f->norm];
    return fv__apply_clamped_batchnorm(norm->layer, results[norm->inputs[0]], 0,
                                       limit(network, f));
}

static fv_variable *clamped_pool(const fv_network *network, const fv__fusion *f,
                                 fv_variable *const results[])
{
    const fv_layer *pool = network->places[f->pool].layer;
    const fv__clamped_pooling attributes = {
        .pooling = fv__layer_pooling(pool),
        .low = 0,
        .high = limit(network, f),
    };
    return fv__maxpool_clamped(results[network->places[f->clamp].inputs[0]],
                               &attributes);
}

static fv_variable *clamped_transposed(const fv_network *network,
                                       const fv__fusion *f,
                                       fv_variable *const results[])
{
    const fv__place *place = &network->places[f->convolution];
    fv__conv_transpose a = fv__layer_conv_transpose(place->layer);
    a.clamp = true;
    a.low = 0;
    a.high = limit(network, f);
    return fv__conv_transpose_clamped(&a, results[place->inputs[0]],
                                      fv__conv_transpose_weight(place->layer),
                                      fv__layer_bias(place->layer));
}

fv_variable *fv__fusion_apply(const fv_network *network, const fv__fusion *f,
                              fv_variable *const results[])
{
    if (f->pool >= 0) return clamped_pool(network, f, results);
    if (f->convolution < 0) return clamped_norm(network, f, results);
    const fv__place *conv = &network->places[f->convolution];
    if (fv__layer_is_conv_transpose(conv->layer->type))
        return clamped_transposed(network, f, results);
    fv_variable *bias = fv__layer_bias(conv->layer);
    fv_variable *x = results[conv->inputs[0]];
    fv__conv2d attributes = {
        .convolution = fv__layer_convolution(conv->layer,
                                             x->value.shape[x->value.rank - 1]),
        .low = 0,
        .high = limit(network, f),
        .bias = bias != NULL,
        .normalised = f->norm >= 0,
        .residual = f->add >= 0,
        .clamp = f->clamp >= 0,
    };
    fv_variable *inputs[8] = { x, fv__convolution_weight(conv->layer) };
    int32_t count = 2;
    if (bias) inputs[count++] = bias;
    if (attributes.normalised) {
        const fv_layer *norm = network->places[f->norm].layer;
        attributes.epsilon = fv__layer_epsilon(norm);
        for (int32_t k = 0; k < 4; k++)
            inputs[count++] = norm->parameters[k].variable;
    }
    if (attributes.residual) inputs[count++] = results[f->residual];
    return fv__conv2d_fused(&attributes, count, inputs);
}
