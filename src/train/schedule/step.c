/* A factor gamma each time that so many steps have passed. */
#include "train/schedule.h"

#include <math.h>

typedef struct options {
    int64_t steps;
    double gamma;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, steps), .usual = 1, .positive = true,
      .positional = true },
    { FV__FIELD(options, NUMBER, gamma), .usual = 0.1, .positive = true,
      .range = FV__ABOVE_0 },
    { .key = NULL },
};

static double rate(const void *given, const fv__moment *moment)
{
    const options *o = given;
    const int64_t passed = moment->step / o->steps;
    return moment->base * pow(o->gamma, (double)passed);
}

const fv__schedule_type fv__schedule_step = {
    .name = "step",
    .fields = fields,
    .rate = rate,
};
