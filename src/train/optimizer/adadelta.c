/* Adadelta (Zeiler 2012): steps as large as those before. */
#include "train/optimizer.h"

static const fv__field fields[] = {
    FV__RATE_FIELD(fv_adadelta_options, 1),
    { FV__FIELD(fv_adadelta_options, NUMBER, rho), .usual = 0.9,
      .positive = true, .range = FV__BETWEEN_0_AND_1 },
    FV__EPSILON_FIELD(fv_adadelta_options, 1e-6),
    FV__DECAY_FIELD(fv_adadelta_options, 0),
    { .key = NULL },
};

static void prepare(const void *options, const fv__hyper *hyper,
                    fv__update *update)
{
    const fv_adadelta_options *o = options;
    *update = (fv__update){
        .rule = FV__RULE_ADADELTA,
        .rate = hyper->rate,
        .decay = hyper->weight_decay,
        .beta2 = o->rho,
        .rest2 = 1 - o->rho,
        .epsilon = o->epsilon,
    };
}

const fv__optimizer_type fv__optimizer_adadelta = {
    .name = "adadelta",
    FV__OPTIMIZER_OPTIONS(fv_adadelta_options),
    .fields = fields,
    .slots = { { .name = "square" }, { .name = "step" } },
    .prepare = prepare,
};

fv_optimizer *fv_adadelta_new(const fv_adadelta_options *options)
{
    return fv__optimizer_new(&fv__optimizer_adadelta, options);
}
