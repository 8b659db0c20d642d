/* Mean absolute error. */
#include "op/loss/loss.h"

const fv_operator fv__op_l1 = { FV__ELEMENT_LOSS("l1") };

fv_variable *fv_l1_of(fv_variable *x, fv_variable *target,
                      fv_reduction reduction)
{
    return fv__element_mean(&fv__op_l1, x, target, FV__L1, 0, reduction);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__REDUCTION_FIELD(fv_loss_options, FV_REDUCTION_MEAN) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_loss_options *o = layer->options;
    (void)count;
    return fv_l1_of(inputs[0], inputs[1], o->reduction);
}

const fv__layer_type fv__layer_l1 = {
    .kind = "l1",
    .about = "the mean over all elements of |x - target|",
    FV__VALUES_LOSS_LAYER(fv_loss_options),
};

fv_layer *fv_l1_new(const fv_loss_options *options)
{
    return fv__layer_new(&fv__layer_l1, options);
}
