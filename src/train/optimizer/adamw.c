/* AdamW (Loshchilov and Hutter 2019): Adam with decoupled weight decay. */
#include "train/optimizer/adam.h"

static const fv__field fields[] = {
    FV__RATE_FIELD(fv_adam_options, 1e-3),
    FV__BETA_FIELDS(fv_adam_options, 0.9, 0.999),
    FV__EPSILON_FIELD(fv_adam_options, 1e-8),
    FV__DECAY_FIELD(fv_adam_options, 0.01),
    { FV__FIELD(fv_adam_options, SWITCH, amsgrad) },
    { .key = NULL },
};

static void prepare(const void *options, const fv__hyper *hyper,
                    fv__update *update)
{
    const fv_adam_options *o = options;
    fv__adam_moments(o->betas, hyper, update);
    update->epsilon = o->epsilon;
    update->keep = 1 - hyper->rate * hyper->weight_decay;
}

const fv__optimizer_type fv__optimizer_adamw = {
    .name = "adamw",
    FV__OPTIMIZER_OPTIONS(fv_adam_options),
    .fields = fields,
    .slots = { { .name = "first" },
               { .name = "second" },
               { .name = "largest", .key = "amsgrad" } },
    .counted = true,
    .prepare = prepare,
};

fv_optimizer *fv_adamw_new(const fv_adam_options *options)
{
    return fv__optimizer_new(&fv__optimizer_adamw, options);
}
