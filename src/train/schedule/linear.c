/* From one factor of the learning rate to another, in equal steps: a warm-up.
 */
#include "train/schedule.h"

typedef struct options {
    int64_t steps;
    double start, end;
} options;

static const fv__field fields[] = {
    FV__STEPS_FIELD(options),
    { FV__FIELD(options, NUMBER, start), .usual = 0.01,
      .range = FV__AT_LEAST_0 },
    { FV__FIELD(options, NUMBER, end), .usual = 1, .range = FV__AT_LEAST_0 },
    { .key = NULL },
};

static double rate(const void *given, const fv__moment *moment)
{
    const options *o = given;
    const double at = (double)fv__min(moment->step, moment->steps);
    const double part = at / (double)moment->steps;
    return moment->base * (o->start + (o->end - o->start) * part);
}

const fv__schedule_type fv__schedule_linear = {
    .name = "linear",
    .fields = fields,
    .whole = true,
    .rate = rate,
};
