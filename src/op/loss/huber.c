/* Huber loss: squared error near zero, absolute error beyond. */
#include "op/loss/loss.h"

const fv_operator fv__op_huber = { FV__ELEMENT_LOSS("huber") };

fv_variable *fv_huber_of(fv_variable *x, fv_variable *target, double delta,
                         fv_reduction reduction)
{
    return fv__element_mean(&fv__op_huber, x, target, FV__HUBER, delta,
                            reduction);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_huber_options, NUMBER, delta), .positive = true, .usual = 1,
      .range = FV__ABOVE_0 },
    { FV__REDUCTION_FIELD(fv_huber_options, FV_REDUCTION_MEAN) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_huber_options *o = layer->options;
    (void)count;
    return fv_huber_of(inputs[0], inputs[1], o->delta, o->reduction);
}

const fv__layer_type fv__layer_huber = {
    .kind = "huber",
    .about =
        "the mean of (x - target)^2 / 2, beyond a distance of delta linear",
    FV__VALUES_LOSS_LAYER(fv_huber_options),
};

fv_layer *fv_huber_new(const fv_huber_options *options)
{
    return fv__layer_new(&fv__layer_huber, options);
}
