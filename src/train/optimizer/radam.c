/* RAdam (Liu et al. 2020): Adam whose first steps do without the second moment.
 */
#include "train/optimizer/adam.h"

#include <math.h>

static const fv__field fields[] = {
    FV__RATE_FIELD(fv_radam_options, 1e-3),
    FV__BETA_FIELDS(fv_radam_options, 0.9, 0.999),
    FV__EPSILON_FIELD(fv_radam_options, 1e-8),
    FV__DECAY_FIELD(fv_radam_options, 0),
    { .key = NULL },
};

static void prepare(const void *options, const fv__hyper *hyper,
                    fv__update *update)
{
    const fv_radam_options *o = options;
    const double most = 2 / (1 - o->betas[1]) - 1;
    const double power = pow(o->betas[1], (double)hyper->updates);
    const double length =
        most - 2 * (double)hyper->updates * power / (1 - power);
    fv__adam_moments(o->betas, hyper, update);
    update->epsilon = o->epsilon;
    update->decay = hyper->weight_decay;
    if (length > 5) {
        const double rectified = (length - 4) * (length - 2) * most
                                 / ((most - 4) * (most - 2) * length);
        update->rate *= sqrt(rectified) * update->root;
        update->root = 1;
    } else {
        update->rule = FV__RULE_MEAN;
    }
}

const fv__optimizer_type fv__optimizer_radam = {
    .name = "radam",
    FV__OPTIMIZER_OPTIONS(fv_radam_options),
    .fields = fields,
    .slots = { { .name = "first" }, { .name = "second" } },
    .counted = true,
    .prepare = prepare,
};

fv_optimizer *fv_radam_new(const fv_radam_options *options)
{
    return fv__optimizer_new(&fv__optimizer_radam, options);
}
