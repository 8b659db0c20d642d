/* Kullback-Leibler divergence. */
#include "op/loss/loss.h"

const fv_operator fv__op_kl = { FV__ELEMENT_LOSS("kl") };

fv_variable *fv_kl_of(fv_variable *x, fv_variable *target, int log_target,
                      fv_reduction reduction)
{
    return fv__element_mean(&fv__op_kl, x, target,
                            log_target ? FV__KL_LOG : FV__KL, 0, reduction);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_kl_options, SWITCH, log_target) },
    { FV__REDUCTION_FIELD(fv_kl_options, FV_REDUCTION_MEAN) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_kl_options *o = layer->options;
    (void)count;
    return fv_kl_of(inputs[0], inputs[1], o->log_target, o->reduction);
}

const fv__layer_type fv__layer_kl = {
    .kind = "kl",
    .about =
        "the mean of t (log t - x), where x are logarithms of probabilities",
    FV__VALUES_LOSS_LAYER(fv_kl_options),
};

fv_layer *fv_kl_new(const fv_kl_options *options)
{
    return fv__layer_new(&fv__layer_kl, options);
}
