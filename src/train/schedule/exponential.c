/* gamma^step of the learning rate. */
#include "train/schedule.h"

#include <math.h>

typedef struct options {
    int64_t steps;
    double gamma;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBER, gamma), .usual = 0.99, .positive = true,
      .positional = true, .range = FV__ABOVE_0 },
    { .key = NULL },
};

static double rate(const void *given, const fv__moment *moment)
{
    const options *o = given;
    return moment->base * pow(o->gamma, (double)moment->step);
}

const fv__schedule_type fv__schedule_exponential = {
    .name = "exponential",
    .fields = fields,
    .rate = rate,
};
