/* NAdam (Dozat 2016): Adam with Nesterov's momentum. */
#include "train/optimizer/adam.h"

#include <math.h>

static const fv__field fields[] = {
    FV__RATE_FIELD(fv_nadam_options, 2e-3),
    FV__BETA_FIELDS(fv_nadam_options, 0.9, 0.999),
    FV__EPSILON_FIELD(fv_nadam_options, 1e-8),
    FV__DECAY_FIELD(fv_nadam_options, 0),
    { FV__FIELD(fv_nadam_options, NUMBER, momentum_decay), .usual = 4e-3,
      .positive = true, .range = FV__ABOVE_0 },
    { .key = NULL },
};

/* The product of the momenta of the first `updates` steps. Below 2^-60, 1 minus
 * the product is 1, and the rest of it does not matter. */
static double momenta(double beta, double base, int64_t updates)
{
    double product = 1, power = 1;
    for (int64_t t = 1; t <= updates && product > 0x1p-60; t++) {
        power *= base;
        product *= beta * (1 - 0.5 * power);
    }
    return product;
}

static void prepare(const void *options, const fv__hyper *hyper,
                    fv__update *update)
{
    const fv_nadam_options *o = options;
    const double base = pow(0.96, o->momentum_decay);
    const double beta = o->betas[0], t = (double)hyper->updates;
    const double now = beta * (1 - 0.5 * pow(base, t));
    const double next = beta * (1 - 0.5 * pow(base, t + 1));
    const double product = momenta(beta, base, hyper->updates);
    fv__adam_moments(o->betas, hyper, update);
    update->rule = FV__RULE_NADAM;
    update->epsilon = o->epsilon;
    update->decay = hyper->weight_decay;
    update->rate = hyper->rate * next / (1 - product * next);
    update->gradient_rate = hyper->rate * (1 - now) / (1 - product);
}

const fv__optimizer_type fv__optimizer_nadam = {
    .name = "nadam",
    FV__OPTIMIZER_OPTIONS(fv_nadam_options),
    .fields = fields,
    .slots = { { .name = "first" }, { .name = "second" } },
    .counted = true,
    .prepare = prepare,
};

fv_optimizer *fv_nadam_new(const fv_nadam_options *options)
{
    return fv__optimizer_new(&fv__optimizer_nadam, options);
}
