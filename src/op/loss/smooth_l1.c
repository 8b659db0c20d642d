/* Smooth absolute error: squared error near zero, absolute error beyond. */
#include "op/loss/loss.h"

const fv_operator fv__op_smooth_l1 = { FV__ELEMENT_LOSS("smooth_l1") };

fv_variable *fv_smooth_l1_of(fv_variable *x, fv_variable *target, double beta,
                             fv_reduction reduction)
{
    return fv__element_mean(&fv__op_smooth_l1, x, target, FV__SMOOTH_L1, beta,
                            reduction);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_smooth_l1_options, NUMBER, beta), .positive = true,
      .usual = 1, .range = FV__ABOVE_0 },
    { FV__REDUCTION_FIELD(fv_smooth_l1_options, FV_REDUCTION_MEAN) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_smooth_l1_options *o = layer->options;
    (void)count;
    return fv_smooth_l1_of(inputs[0], inputs[1], o->beta, o->reduction);
}

const fv__layer_type fv__layer_smooth_l1 = {
    .kind = "smooth_l1",
    .about = "huber divided by its delta, here beta",
    FV__VALUES_LOSS_LAYER(fv_smooth_l1_options),
};

fv_layer *fv_smooth_l1_new(const fv_smooth_l1_options *options)
{
    return fv__layer_new(&fv__layer_smooth_l1, options);
}
