/* Outputs of a network: names a value that the network is run for. */
#include "op/op.h"

static fv_variable *same(fv_variable *x) { return x; }

const fv__layer_type fv__layer_output = {
    FV__PLAIN_LAYER("output", same),
    .about = "an output of the network; without any, the last layer is it",
};

fv_layer *fv_output_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_output, options);
}
