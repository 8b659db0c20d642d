/* Running a network's layers on a variable. */
#include "network/network.h"

/* Arrays for running the layers: the outputs so far, the fusions, which layers
 * are part of one, and the inputs of one layer. */
typedef struct applying {
    fv_variable **outputs, **inputs;
    fv__fusion *fusions;
    bool *inside;
} applying;

/* Runs fused layers, with the name of the one whose operator runs them. */
static fv_variable *apply_fused(const fv_network *network,
                                const fv__fusion *fusion, int32_t last,
                                fv_variable *const outputs[])
{
    fv__tape *tape = network->context->tape;
    const char *former = tape->who;
    const int32_t place = fusion->convolution >= 0 ? fusion->convolution
                          : fusion->norm >= 0      ? fusion->norm
                                                   : last;
    const fv_layer *layer = network->places[place].layer;
    tape->who = layer->name;
    fv_variable *output = fv__fusion_apply(network, fusion, outputs);
    tape->who = former;
    if (!output) fv__layer_blame(layer);
    return output;
}

static fv_variable *apply_all(fv_network *network, int32_t last, bool fuse,
                              bool training, const applying *a)
{
    if (fuse) fv__network_fuse(network, last, training, a->fusions, a->inside);
    for (int32_t i = 1; i <= last; i++) {
        const fv__place *place = &network->places[i];
        if (a->inside[i]) continue;
        if (fuse && fv__fused(&a->fusions[i])) {
            a->outputs[i] = apply_fused(network, &a->fusions[i], i, a->outputs);
            if (!a->outputs[i]) return NULL;
            continue;
        }
        for (int32_t k = 0; k < place->num_inputs; k++)
            a->inputs[k] = a->outputs[place->inputs[k]];
        a->outputs[i] =
            fv__layer_apply(place->layer, place->num_inputs, a->inputs);
        if (!a->outputs[i]) return NULL;
    }
    return a->outputs[last];
}

fv_variable *fv__network_apply(fv_network *network, fv_variable *x)
{
    fv_context *context = network->context;
    int32_t last = fv__network_output_place(network), most = 1;
    size_t places = (size_t)last + 1;
    for (int32_t i = 0; i <= last; i++)
        most = (int32_t)fv__max(most, network->places[i].num_inputs);
    const applying a = {
        fv__allocate_zero(context, FV__DATA, places * sizeof(fv_variable *)),
        fv__allocate(context, FV__DATA, (size_t)most * sizeof(fv_variable *)),
        fv__allocate(context, FV__DATA, places * sizeof(fv__fusion)),
        fv__allocate_zero(context, FV__DATA, places * sizeof(bool)),
    };
    fv_variable *output = NULL;
    if (fv__ok(context)) {
        bool planned = x->graph && x->graph->planned;
        a.outputs[0] = x;
        output = apply_all(network, last, planned,
                           planned && x->graph->training, &a);
    }
    fv__release(context, a.inside);
    fv__release(context, a.fusions);
    fv__release(context, a.inputs);
    fv__release(context, a.outputs);
    return output;
}

/* Checks that x is a batch of the network's inputs. */
static fv_status check_input(const fv_network *network, const fv_variable *x)
{
    if (x->context != network->context)
        return fv_fail(network->context, FV_MISUSE,
                       "network: the input belongs to another context");
    fv_shape expected = fv_network_input_shape(network);
    const fv_tensor *value = &x->value;
    const fv_shape image = fv__shape_of_image(value);
    if (fv__shape_fits(&expected, &image)) return FV_OK;
    char is[FV__SHAPE_BYTES], text[FV__SHAPE_BYTES];
    return fv_fail(network->context, FV_MISUSE,
                   "network: input %s is not a batch of %s",
                   fv__shape_text(is, sizeof is, value->rank, value->shape),
                   fv__shape_show(text, &expected));
}

fv_variable *fv_network_forward(fv_network *network, fv_variable *x)
{
    if (!network || !x) return NULL;
    if (fv__network_draw(network) != FV_OK || check_input(network, x) != FV_OK)
        return NULL;
    fv_variable *inside = fv__variable_inside(x);
    if (!inside) return NULL;
    return fv__variable_outside(fv__network_apply(network, inside));
}
