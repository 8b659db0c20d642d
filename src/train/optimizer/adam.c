/* Adam (Kingma and Ba 2015): steps scaled by the second moment. */
#include "train/optimizer/adam.h"

#include <math.h>

static const fv__field fields[] = {
    FV__RATE_FIELD(fv_adam_options, 1e-3),
    FV__BETA_FIELDS(fv_adam_options, 0.9, 0.999),
    FV__EPSILON_FIELD(fv_adam_options, 1e-8),
    FV__DECAY_FIELD(fv_adam_options, 0),
    { FV__FIELD(fv_adam_options, SWITCH, amsgrad) },
    { .key = NULL },
};

void fv__adam_moments(const double betas[2], const fv__hyper *hyper,
                      fv__update *update)
{
    const double updates = (double)hyper->updates;
    *update = (fv__update){
        .rule = FV__RULE_ADAM,
        .rate = hyper->rate / (1 - pow(betas[0], updates)),
        .keep = 1,
        .beta1 = betas[0],
        .rest1 = 1 - betas[0],
        .beta2 = betas[1],
        .rest2 = 1 - betas[1],
        .root = sqrt(1 - pow(betas[1], updates)),
    };
}

static void prepare(const void *options, const fv__hyper *hyper,
                    fv__update *update)
{
    const fv_adam_options *o = options;
    fv__adam_moments(o->betas, hyper, update);
    update->epsilon = o->epsilon;
    update->decay = hyper->weight_decay;
}

const fv__optimizer_type fv__optimizer_adam = {
    .name = "adam",
    FV__OPTIMIZER_OPTIONS(fv_adam_options),
    .fields = fields,
    .slots = { { .name = "first" },
               { .name = "second" },
               { .name = "largest", .key = "amsgrad" } },
    .counted = true,
    .prepare = prepare,
};

fv_optimizer *fv_adam_new(const fv_adam_options *options)
{
    return fv__optimizer_new(&fv__optimizer_adam, options);
}
