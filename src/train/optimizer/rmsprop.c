/* RMSprop (Tieleman and Hinton 2012), centred where asked (Graves 2013). */
#include "train/optimizer.h"

static const fv__field fields[] = {
    FV__RATE_FIELD(fv_rmsprop_options, 0.01),
    { FV__FIELD(fv_rmsprop_options, NUMBER, alpha), .usual = 0.99,
      .positive = true, .range = FV__BETWEEN_0_AND_1 },
    FV__EPSILON_FIELD(fv_rmsprop_options, 1e-8),
    { FV__FIELD(fv_rmsprop_options, NUMBER, momentum),
      .range = FV__0_TO_BELOW_1 },
    { FV__FIELD(fv_rmsprop_options, SWITCH, centered) },
    FV__DECAY_FIELD(fv_rmsprop_options, 0),
    { .key = NULL },
};

static void prepare(const void *options, const fv__hyper *hyper,
                    fv__update *update)
{
    const fv_rmsprop_options *o = options;
    *update = (fv__update){
        .rule = FV__RULE_RMSPROP,
        .rate = hyper->rate,
        .decay = hyper->weight_decay,
        .beta1 = o->momentum,
        .beta2 = o->alpha,
        .rest2 = 1 - o->alpha,
        .epsilon = o->epsilon,
    };
}

const fv__optimizer_type fv__optimizer_rmsprop = {
    .name = "rmsprop",
    FV__OPTIMIZER_OPTIONS(fv_rmsprop_options),
    .fields = fields,
    .slots = { { .name = "square" },
               { .name = "mean", .key = "centered" },
               { .name = "step", .key = "momentum" } },
    .prepare = prepare,
};

fv_optimizer *fv_rmsprop_new(const fv_rmsprop_options *options)
{
    return fv__optimizer_new(&fv__optimizer_rmsprop, options);
}
