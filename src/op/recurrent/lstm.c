/* Long short-term memory (Hochreiter and Schmidhuber 1997), with forget gates.
 */
#include "op/recurrent/recurrent.h"

static void step(const fv__kernels *kernels, size_t n, size_t gate,
                 const fv__cell_step *s)
{
    kernels->lstm(n, gate, s->gates, s->c_before, s->c, s->h);
}

/* h reaches the next step through the products alone. */
static void step_back(const fv__kernels *kernels, size_t n, size_t gate,
                      const fv__cell_step *s)
{
    kernels->lstm_grad(n, gate, s->gates, s->c_before, s->c, s->dh, s->dc);
    kernels->fill(n, 0, s->dh);
}

static const fv__cell cell = { .gates = 4,
                               .products = 4,
                               .sums = 4,
                               .has_c = true,
                               .forward = step,
                               .backward = step_back };

const fv_operator fv__op_lstm = { FV__RECURRENT_OPERATOR, .name = "lstm",
                                  .onnx = "LSTM" };

fv_variable *fv_lstm_of(fv_variable *x, const fv_recurrent *recurrent,
                        fv_variable **last_h, fv_variable **last_c)
{
    fv_variable *outputs[3];
    fv__recurrent_apply(&fv__op_lstm, &cell, x, recurrent, outputs);
    if (last_h) *last_h = outputs[1];
    if (last_c) *last_c = outputs[2];
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
    return fv__recurrent_layer(layer, &fv__op_lstm, &cell, count, inputs,
                               outputs);
}

const fv__layer_type fv__layer_lstm = {
    .kind = "lstm",
    .about = "c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c) "
             "over positions; i, f, g, o = x W^T + h V^T + biases",
    FV__RECURRENT_LAYER,
    .max_inputs = 4,
    .max_outputs = 3,
};

fv_layer *fv_lstm_new(const fv_recurrent_options *options)
{
    return fv__layer_new(&fv__layer_lstm, options);
}
