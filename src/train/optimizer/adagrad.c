/* Adagrad (Duchi, Hazan and Singer 2011): divides by the root of all squares.
 */
#include "train/optimizer.h"

static const fv__field fields[] = {
    FV__RATE_FIELD(fv_adagrad_options, 0.01),
    { FV__FIELD(fv_adagrad_options, NUMBER, rate_decay),
      .range = FV__AT_LEAST_0 },
    { FV__FIELD(fv_adagrad_options, NUMBER, initial), .range = FV__AT_LEAST_0 },
    FV__EPSILON_FIELD(fv_adagrad_options, 1e-10),
    FV__DECAY_FIELD(fv_adagrad_options, 0),
    { .key = NULL },
};

static void prepare(const void *options, const fv__hyper *hyper,
                    fv__update *update)
{
    const fv_adagrad_options *o = options;
    *update = (fv__update){
        .rule = FV__RULE_ADAGRAD,
        .rate =
            hyper->rate / (1 + (double)(hyper->updates - 1) * o->rate_decay),
        .decay = hyper->weight_decay,
        .epsilon = o->epsilon,
    };
}

const fv__optimizer_type fv__optimizer_adagrad = {
    .name = "adagrad",
    FV__OPTIMIZER_OPTIONS(fv_adagrad_options),
    .fields = fields,
    .slots = { { .name = "sum", .initial = "initial" } },
    .counted = true,
    .prepare = prepare,
};

fv_optimizer *fv_adagrad_new(const fv_adagrad_options *options)
{
    return fv__optimizer_new(&fv__optimizer_adagrad, options);
}
