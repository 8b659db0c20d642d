/* Stochastic gradient descent with momentum. */
#include "train/optimizer.h"

static const fv__field fields[] = {
    FV__RATE_FIELD(fv_sgd_options, 0.01),
    { FV__FIELD(fv_sgd_options, NUMBER, momentum), .range = FV__0_TO_BELOW_1 },
    FV__DECAY_FIELD(fv_sgd_options, 0),
    { FV__FIELD(fv_sgd_options, SWITCH, nesterov) },
    { FV__FIELD(fv_sgd_options, NUMBER, dampening), .range = FV__0_TO_BELOW_1 },
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *options)
{
    const fv_sgd_options *o = options;
    if (o->nesterov && o->momentum == 0)
        fv_fail(context, FV_MISUSE, "sgd: nesterov needs a momentum above 0");
    else if (o->nesterov && o->dampening != 0)
        fv_fail(context, FV_MISUSE,
                "sgd: nesterov with dampening %s, expected 0",
                FV__NUMBER(o->dampening));
    return fv_failed(context);
}

static void prepare(const void *options, const fv__hyper *hyper,
                    fv__update *update)
{
    const fv_sgd_options *o = options;
    *update = (fv__update){
        .rule = FV__RULE_SGD,
        .rate = hyper->rate,
        .decay = hyper->weight_decay,
        .beta1 = o->momentum,
        .rest1 = hyper->updates > 1 ? 1 - o->dampening : 1,
        .nesterov = o->nesterov != 0,
    };
}

const fv__optimizer_type fv__optimizer_sgd = {
    .name = "sgd",
    FV__OPTIMIZER_OPTIONS(fv_sgd_options),
    .fields = fields,
    .slots = { { .name = "first", .key = "momentum" } },
    .counted_key = "dampening",
    .check = check,
    .prepare = prepare,
};

fv_optimizer *fv_sgd_new(const fv_sgd_options *options)
{
    return fv__optimizer_new(&fv__optimizer_sgd, options);
}
