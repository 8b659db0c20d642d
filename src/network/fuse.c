/* Which layers a plan runs as one operator (fusion). In evaluation: a
 * convolution, its batch normalisation, the sum with another branch, and an
 * activation. In training: a convolution or a batch normalisation with its
 * activation, or a clamp with a max pool. In both, a transposed convolution
 * with its activation. */
#include "network/network.h"
#include "op/conv_transpose.h"
#include "op/window.h"

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

/* The number of inputs of layers up to `last` that read from a place. */
static int32_t readers(const fv_network *network, int32_t last, int32_t place)
{
    int32_t count = 0;
    for (int32_t i = place + 1; i <= last; i++)
        for (int32_t k = 0; k < network->places[i].num_inputs; k++)
            count += network->places[i].inputs[k] == place;
    return count;
}

/* The place that `place` reads as its input k, if no other layer reads it and
 * it is of that type; else -1. */
static int32_t before(const fv_network *network, int32_t last, int32_t place,
                      int32_t k, const fv__layer_type *type)
{
    int32_t source = network->places[place].inputs[k];
    if (type_at(network, source) != type || readers(network, last, source) != 1)
        return -1;
    return source;
}

/* The same for a convolution of any number of axes. */
static int32_t convolution_before(const fv_network *network, int32_t last,
                                  int32_t place, int32_t k)
{
    const int32_t source = network->places[place].inputs[k];
    const fv__layer_type *type = type_at(network, source);
    if (!type || !fv__layer_is_convolution(type)) return -1;
    return before(network, last, place, k, type);
}

/* A convolution, alone or with its normalisation, that ends at input k of
 * `place`. */
static bool find_convolution(const fv_network *network, int32_t last,
                             int32_t place, int32_t k, fv__fusion *f)
{
    f->norm = before(network, last, place, k, &fv__layer_batchnorm);
    if (f->norm >= 0)
        f->convolution = convolution_before(network, last, f->norm, 0);
    else
        f->convolution = convolution_before(network, last, place, k);
    return f->convolution >= 0;
}

/* A transposed convolution that ends at a clamp. */
static bool find_transposed(const fv_network *network, int32_t last,
                            int32_t place, fv__fusion *f)
{
    const int32_t source = network->places[place].inputs[0];
    const fv__layer_type *type = type_at(network, source);
    *f = none;
    if (!type || !fv__layer_is_conv_transpose(type)) return false;
    f->clamp = place;
    f->convolution = before(network, last, place, 0, type);
    return f->convolution >= 0;
}

/* Finds the sum of two branches. The branch that is computed later is the
 * convolution, so that the other one, the residual, exists when the convolution
 * runs. */
static bool find_sum(const fv_network *network, int32_t last, int32_t place,
                     fv__fusion *f)
{
    const fv__place *sum = &network->places[place];
    if (sum->layer->type != &fv__layer_add || sum->num_inputs != 2)
        return false;
    int32_t later = sum->inputs[1] > sum->inputs[0];
    for (int32_t i = 0; i < 2; i++) {
        int32_t k = i ? !later : later;
        if (!find_convolution(network, last, place, k, f)) continue;
        f->add = place;
        f->residual = sum->inputs[!k];
        return true;
    }
    return false;
}

static fv__fusion fusion_at(const fv_network *network, int32_t last,
                            int32_t place)
{
    fv__fusion f = none;
    int32_t at = place;
    if (clamps(type_at(network, place))) {
        f.clamp = place;
        at = before(network, last, place, 0, &fv__layer_add);
        if (at >= 0 && find_sum(network, last, at, &f)) return f;
        if (find_convolution(network, last, place, 0, &f)) return f;
        if (find_transposed(network, last, place, &f)) return f;
    } else {
        if (find_sum(network, last, place, &f)) return f;
        if (type_at(network, place) == &fv__layer_batchnorm) {
            f.norm = place;
            f.convolution = convolution_before(network, last, place, 0);
            if (f.convolution >= 0) return f;
        }
    }
    return none;
}

/* Finds a max pool of clamped values. Run as one operator, the clamp needs no
 * saved input and handles fewer values. */
static bool find_pool(const fv_network *network, int32_t last, int32_t place,
                      fv__fusion *f)
{
    if (type_at(network, place) != &fv__layer_maxpool) return false;
    f->clamp = before(network, last, place, 0, &fv__layer_relu);
    if (f->clamp < 0)
        f->clamp = before(network, last, place, 0, &fv__layer_relu6);
    if (f->clamp >= 0) f->pool = place;
    return f->clamp >= 0;
}

static fv__fusion training_at(const fv_network *network, int32_t last,
                              int32_t place)
{
    fv__fusion f = none;
    if (find_pool(network, last, place, &f)) return f;
    if (!clamps(type_at(network, place))) return none;
    f.clamp = place;
    f.norm = before(network, last, place, 0, &fv__layer_batchnorm);
    if (f.norm >= 0) return f;
    f.convolution = convolution_before(network, last, place, 0);
    if (f.convolution >= 0 || find_transposed(network, last, place, &f))
        return f;
    return none;
}

void fv__network_fuse(const fv_network *network, int32_t last, bool training,
                      fv__fusion *fusions, bool *inside)
{
    for (int32_t i = last; i > 0; i--) {
        fusions[i] = none;
        if (inside[i]) continue;
        fusions[i] = training ? training_at(network, last, i)
                              : fusion_at(network, last, i);
        const fv__fusion *f = &fusions[i];
        if (!fv__fused(f)) continue;
        if (f->convolution >= 0) inside[f->convolution] = true;
        if (f->norm >= 0 && f->norm != i) inside[f->norm] = true;
        if (f->add >= 0 && f->add != i) inside[f->add] = true;
        if (f->clamp >= 0 && f->clamp != i) inside[f->clamp] = true;
    }
}

/* The upper limit of the clamp; the lower one is 0. */
static double limit(const fv_network *network, const fv__fusion *f)
{
    return type_at(network, f->clamp) == &fv__layer_relu6 ? 6
                                                          : (double)INFINITY;
}

static fv_variable *clamped_norm(const fv_network *network, const fv__fusion *f,
                                 fv_variable *const outputs[])
{
    const fv__place *norm = &network->places[f->norm];
    const fv__parameter *p = norm->layer->parameters;
    const fv__batchnorm attributes = {
        .epsilon = fv__layer_epsilon(norm->layer),
        .momentum = fv__layer_momentum(norm->layer),
        .low = 0,
        .high = limit(network, f),
    };
    fv_variable *inputs[] = { outputs[norm->inputs[0]], p[0].variable,
                              p[1].variable, p[2].variable, p[3].variable };
    return fv__apply_batchnorm(inputs, &attributes);
}

static fv_variable *clamped_pool(const fv_network *network, const fv__fusion *f,
                                 fv_variable *const outputs[])
{
    const fv_layer *pool = network->places[f->pool].layer;
    const fv__clamped_pooling attributes = {
        .pooling = fv__layer_pooling(pool),
        .low = 0,
        .high = limit(network, f),
    };
    return fv__maxpool_clamped(outputs[network->places[f->clamp].inputs[0]],
                               &attributes);
}

static fv_variable *clamped_transposed(const fv_network *network,
                                       const fv__fusion *f,
                                       fv_variable *const outputs[])
{
    const fv__place *place = &network->places[f->convolution];
    const fv__parameter *p = place->layer->parameters;
    fv__conv_transpose a = fv__layer_conv_transpose(place->layer);
    a.clamp = true;
    a.low = 0;
    a.high = limit(network, f);
    return fv__conv_transpose_clamped(&a, outputs[place->inputs[0]],
                                      p[0].variable,
                                      a.bias ? p[1].variable : NULL);
}

fv_variable *fv__fusion_apply(const fv_network *network, const fv__fusion *f,
                              fv_variable *const outputs[])
{
    if (f->pool >= 0) return clamped_pool(network, f, outputs);
    if (f->convolution < 0) return clamped_norm(network, f, outputs);
    const fv__place *conv = &network->places[f->convolution];
    if (fv__layer_is_conv_transpose(conv->layer->type))
        return clamped_transposed(network, f, outputs);
    const fv__parameter *weights = conv->layer->parameters;
    fv__conv2d attributes = {
        .convolution = fv__layer_convolution(conv->layer),
        .low = 0,
        .high = limit(network, f),
        .bias = conv->layer->num_parameters > 1,
        .normalised = f->norm >= 0,
        .residual = f->add >= 0,
        .clamp = f->clamp >= 0,
    };
    fv_variable *inputs[8] = { outputs[conv->inputs[0]], weights[0].variable };
    int32_t count = 2;
    if (attributes.bias) inputs[count++] = weights[1].variable;
    if (attributes.normalised) {
        const fv_layer *norm = network->places[f->norm].layer;
        attributes.epsilon = fv__layer_epsilon(norm);
        for (int32_t k = 0; k < 4; k++)
            inputs[count++] = norm->parameters[k].variable;
    }
    if (attributes.residual) inputs[count++] = outputs[f->residual];
    return fv__conv2d_fused(&attributes, count, inputs);
}
