/* Running a network's layers on a variable. */
#include "network/network.h"

/* Runs fused layers, with the name of the one whose operator runs them. */
static fv_status apply_fused(const fv_network *network,
                             const fv__fusion *fusion, int32_t last,
                             fv_variable *results[])
{
    fv__tape *tape = network->context->tape;
    const char *former = tape->who;
    const int32_t place = fusion->convolution >= 0 ? fusion->convolution
                          : fusion->norm >= 0      ? fusion->norm
                                                   : last;
    const fv_layer *layer = network->places[place].layer;
    tape->who = layer->name;
    fv_variable *output = fv__fusion_apply(network, fusion, results);
    tape->who = former;
    if (!output) fv__layer_blame(layer);
    results[network->places[last].first] = output;
    return fv_failed(network->context);
}

static fv_status apply_layer(const fv__place *place, fv_variable *results[])
{
    fv_variable *inputs[FV__MAX_INPUTS], *outputs[FV__MAX_OUTPUTS];
    for (int32_t k = 0; k < place->num_inputs; k++)
        inputs[k] = results[place->inputs[k]];
    const int32_t made =
        fv__layer_apply_n(place->layer, place->num_inputs, inputs, outputs);
    for (int32_t k = 0; k < made; k++) results[place->first + k] = outputs[k];
    return fv_failed(place->layer->context);
}

/* Runs the layers; `fusions` of all places is NULL on the tape. */
static fv_status apply_all(fv_network *network, fv_variable *const inputs[],
                           const fv__fusion *fusions, const bool *inside,
                           fv_variable *results[])
{
    int32_t input = 0;
    for (int32_t i = 0; i < network->count; i++) {
        const fv__place *place = &network->places[i];
        if (place->layer->type->target || (fusions && inside[i])) continue;
        if (place->layer->type == &fv__layer_input)
            results[place->first] = inputs[input++];
        else if (fusions && fv__fused(&fusions[i]))
            apply_fused(network, &fusions[i], i, results);
        else
            apply_layer(place, results);
        if (!fv__ok(network->context)) break;
    }
    return fv_failed(network->context);
}

fv_status fv__network_apply(fv_network *network, fv__graph *plan,
                            fv_variable *const inputs[], fv_variable *results[])
{
    fv_context *context = network->context;
    const size_t count = (size_t)network->count;
    if (!plan) return apply_all(network, inputs, NULL, NULL, results);
    fv__fusion *fusions =
        fv__allocate(context, FV__DATA, count * sizeof *fusions);
    bool *inside = fv__allocate_zero(context, FV__DATA, count * sizeof *inside);
    if (fusions && inside
        && fv__network_fuse(network, plan->training, fusions, inside)
               == FV_OK) {
        fv__graph *former = fv__tape_record(context, plan);
        apply_all(network, inputs, fusions, inside, results);
        fv__tape_record(context, former);
    }
    fv__release(context, inside);
    fv__release(context, fusions);
    return fv_failed(context);
}

/* ---- on the tape -----------------------------------------------------------
 */

/* Checks that x is a batch of input k; converts it to channels last. */
static fv_variable *take_input(const fv_network *network, int32_t k,
                               fv_variable *x)
{
    fv_context *context = network->context;
    const fv__result *r = &network->results[network->inputs[k]];
    if (!x || x->context != context) {
        fv_fail(context, FV_MISUSE, "network: the input %s",
                x ? "belongs to another context" : "is NULL");
        return NULL;
    }
    if (fv__input_fits(network, k, &x->value) != FV_OK) return NULL;
    return r->batched ? fv__variable_inside(x) : x;
}

fv_status fv_network_apply(fv_network *network, int32_t num_inputs,
                           fv_variable *const inputs[], int32_t num_outputs,
                           fv_variable *outputs[])
{
    fv_variable *inside[FV__MOST_INPUTS] = { NULL }, **results;
    for (int32_t k = 0; k < num_outputs; k++) outputs[k] = NULL;
    if (!network || fv__network_draw(network) != FV_OK) return FV_MISUSE;
    fv_context *context = network->context;
    if (fv__input_count_fits(network, num_inputs) != FV_OK)
        return fv_failed(context);
    for (int32_t k = 0; k < num_inputs; k++) {
        inside[k] = take_input(network, k, inputs[k]);
        if (!inside[k]) return fv_failed(context);
    }
    results = fv__allocate_zero(context, FV__DATA,
                                (size_t)network->num_results * sizeof *results);
    if (results && fv__network_apply(network, NULL, inside, results) == FV_OK)
        for (int32_t k = 0; k < num_outputs; k++) {
            const int32_t result = fv__network_output(network, k);
            if (result < 0) break;
            outputs[k] = network->results[result].batched
                             ? fv__variable_outside(results[result])
                             : results[result];
        }
    fv__release(context, results);
    return fv_failed(context);
}

fv_variable *fv_network_forward(fv_network *network, fv_variable *x)
{
    fv_variable *output = NULL;
    if (network && x) fv_network_apply(network, 1, &x, 1, &output);
    return output;
}
