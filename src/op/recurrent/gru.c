/* Gated recurrent units (Cho et al. 2014), with the reset gate behind the
 * product of the state. */
#include "op/recurrent/recurrent.h"

static void step(const fv__kernels *kernels, size_t n, size_t gate,
                 const fv__cell_step *s)
{
    kernels->gru(n, gate, s->gates, s->h_before, s->h);
}

static void step_back(const fv__kernels *kernels, size_t n, size_t gate,
                      const fv__cell_step *s)
{
    kernels->gru_grad(n, gate, s->gates, s->h_before, s->dh);
}

static const fv__cell cell = {
    .gates = 4, .products = 3, .sums = 2, .forward = step, .backward = step_back
};

const fv_operator fv__op_gru = { FV__RECURRENT_OPERATOR, .name = "gru",
                                 .onnx = "GRU" };

fv_variable *fv_gru_of(fv_variable *x, const fv_recurrent *recurrent,
                       fv_variable **last_h)
{
    fv_variable *outputs[3];
    fv__recurrent_apply(&fv__op_gru, &cell, x, recurrent, outputs);
    if (last_h) *last_h = outputs[1];
    return outputs[0];
}

/* ---- the layer ----------------------------------------------------------- */

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    return fv__recurrent_declare(layer, &cell, &inputs[0]);
}

static int32_t apply(fv_layer *layer, int32_t count,
                     fv_variable *const inputs[],
                     fv_variable *outputs[FV__MAX_OUTPUTS])
{
    return fv__recurrent_layer(layer, &fv__op_gru, &cell, count, inputs,
                               outputs);
}

const fv__layer_type fv__layer_gru = {
    .kind = "gru",
    .about = "h = (1 - sigmoid(z)) tanh(n + sigmoid(r) m) + sigmoid(z) h over "
             "positions; r, z = x W^T + h V^T + biases, n of x, m of h",
    FV__RECURRENT_LAYER,
    .max_inputs = 3,
    .max_outputs = 2,
};

fv_layer *fv_gru_new(const fv_recurrent_options *options)
{
    return fv__layer_new(&fv__layer_gru, options);
}
