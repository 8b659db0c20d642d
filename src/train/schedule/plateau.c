/* A factor each time that the metric has not improved for a while. */
#include "train/schedule.h"

#include <math.h>

enum { LOSS, ACCURACY };
static const char *const watched[] = { "loss", "accuracy", NULL };

typedef struct options {
    int64_t steps;
    double factor, threshold, minimum, epsilon;
    int64_t patience, cooldown;
    int32_t watch, absolute;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBER, factor), .usual = 0.1, .positive = true,
      .range = FV__BETWEEN_0_AND_1 },
    { FV__FIELD(options, COUNT, patience), .usual = 10 },
    { FV__FIELD(options, NUMBER, threshold), .usual = 1e-4,
      .range = FV__AT_LEAST_0 },
    { FV__FIELD(options, SWITCH, absolute) },
    { FV__FIELD(options, COUNT, cooldown) },
    { FV__FIELD(options, NUMBER, minimum), .range = FV__AT_LEAST_0 },
    { FV__FIELD(options, NUMBER, epsilon), .usual = 1e-8,
      .range = FV__AT_LEAST_0 },
    { FV__FIELD(options, WORD, watch), .words = watched },
    { .key = NULL },
};

/* Whether the value is better than the best by more than the threshold, which
 * is a share of the best unless it is absolute. */
static bool better(const options *o, double value, double best)
{
    const double sign = o->watch == ACCURACY ? 1 : -1;
    if (o->absolute) return sign * value > sign * best + o->threshold;
    return sign * value > sign * best * (1 + sign * o->threshold);
}

void fv__plateau_observe(const void *given, fv__plateau *plateau, double loss,
                         double accuracy)
{
    const options *o = given;
    const double value = o->watch == ACCURACY ? accuracy : loss;
    if (isfinite(value)
        && (!plateau->seen || better(o, value, plateau->best))) {
        plateau->seen = true;
        plateau->best = value;
        plateau->bad = 0;
    } else {
        plateau->bad++;
    }
    if (plateau->cooling) {
        plateau->cooling--;
        plateau->bad = 0;
    }
    if (plateau->bad <= o->patience) return;
    plateau->reductions++;
    plateau->cooling = o->cooldown;
    plateau->bad = 0;
}

static double rate(const void *given, const fv__moment *moment)
{
    const options *o = given;
    double now = moment->base;
    for (int64_t i = 0; i < moment->reductions; i++) {
        const double next = fmax(now * o->factor, o->minimum);
        if (!(now - next > o->epsilon)) break;
        now = next;
    }
    return now;
}

const fv__schedule_type fv__schedule_plateau = {
    .name = "plateau",
    .fields = fields,
    .watches = true,
    .rate = rate,
};
