/* LAMB (You et al. 2020): Adam with a step in proportion to the weights. */
#include "train/optimizer/adam.h"

static const fv__field fields[] = {
    FV__RATE_FIELD(fv_lamb_options, 1e-3),
    FV__BETA_FIELDS(fv_lamb_options, 0.9, 0.999),
    FV__EPSILON_FIELD(fv_lamb_options, 1e-6),
    FV__DECAY_FIELD(fv_lamb_options, 0),
    { .key = NULL },
};

static void prepare(const void *options, const fv__hyper *hyper,
                    fv__update *update)
{
    const fv_lamb_options *o = options;
    const fv__hyper unscaled = { .rate = 1, .updates = hyper->updates };
    fv__adam_moments(o->betas, &unscaled, update);
    update->rule = FV__RULE_LAMB;
    update->epsilon = o->epsilon;
    update->decay = hyper->weight_decay;
}

const fv__optimizer_type fv__optimizer_lamb = {
    .name = "lamb",
    FV__OPTIMIZER_OPTIONS(fv_lamb_options),
    .fields = fields,
    .slots = { { .name = "first" }, { .name = "second" } },
    .counted = true,
    .layerwise = true,
    .prepare = prepare,
};

fv_optimizer *fv_lamb_new(const fv_lamb_options *options)
{
    return fv__optimizer_new(&fv__optimizer_lamb, options);
}
