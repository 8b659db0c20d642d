/* The plain recurrent network (Elman 1990). */
#include "op/recurrent/recurrent.h"

#include <string.h>

static void step(const fv__kernels *kernels, size_t n, size_t gate,
                 const fv__cell_step *s)
{
    (void)gate;
    kernels->unary(FV__TANH, n, s->gates, s->gates, 0, 0);
    memcpy(s->h, s->gates, n * fv__element(kernels));
}

/* h reaches the next step through the product alone. */
static void step_back(const fv__kernels *kernels, size_t n, size_t gate,
                      const fv__cell_step *s)
{
    (void)gate;
    kernels->unary_grad(FV__TANH, n, NULL, s->gates, s->dh, s->dh, 0, 0,
                        FV__STORE);
    memcpy(s->gates, s->dh, n * fv__element(kernels));
    kernels->fill(n, 0, s->dh);
}

static const fv__cell cell = {
    .gates = 1, .products = 1, .sums = 1, .forward = step, .backward = step_back
};

const fv_operator fv__op_rnn = { FV__RECURRENT_OPERATOR, .name = "rnn",
                                 .onnx = "RNN" };

fv_variable *fv_rnn_of(fv_variable *x, const fv_recurrent *recurrent,
                       fv_variable **last_h)
{
    fv_variable *outputs[3];
    fv__recurrent_apply(&fv__op_rnn, &cell, x, recurrent, outputs);
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
    return fv__recurrent_layer(layer, &fv__op_rnn, &cell, count, inputs,
                               outputs);
}

const fv__layer_type fv__layer_rnn = {
    .kind = "rnn",
    .about = "h = tanh(x W^T + h V^T + biases) over positions",
    FV__RECURRENT_LAYER,
    .max_inputs = 3,
    .max_outputs = 2,
};

fv_layer *fv_rnn_new(const fv_recurrent_options *options)
{
    return fv__layer_new(&fv__layer_rnn, options);
}
