/* Lion (Chen et al. 2023): steps by the sign of the momentum. */
#include "train/optimizer.h"

static const fv__field fields[] = {
    FV__RATE_FIELD(fv_lion_options, 1e-4),
    FV__BETA_FIELDS(fv_lion_options, 0.9, 0.99),
    FV__DECAY_FIELD(fv_lion_options, 0),
    { .key = NULL },
};

static void prepare(const void *options, const fv__hyper *hyper,
                    fv__update *update)
{
    const fv_lion_options *o = options;
    *update = (fv__update){
        .rule = FV__RULE_LION,
        .rate = hyper->rate,
        .keep = 1 - hyper->rate * hyper->weight_decay,
        .beta1 = o->betas[0],
        .rest1 = 1 - o->betas[0],
        .beta2 = o->betas[1],
        .rest2 = 1 - o->betas[1],
    };
}

const fv__optimizer_type fv__optimizer_lion = {
    .name = "lion",
    FV__OPTIMIZER_OPTIONS(fv_lion_options),
    .fields = fields,
    .slots = { { .name = "first" } },
    .prepare = prepare,
};

fv_optimizer *fv_lion_new(const fv_lion_options *options)
{
    return fv__optimizer_new(&fv__optimizer_lion, options);
}
