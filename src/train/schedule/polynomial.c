/* (1 - step / steps)^power of the learning rate; 0 from then on. */
#include "train/schedule.h"

#include <math.h>

typedef struct options {
    int64_t steps;
    double power;
} options;

static const fv__field fields[] = {
    FV__STEPS_FIELD(options),
    { FV__FIELD(options, NUMBER, power), .usual = 1, .positive = true,
      .range = FV__ABOVE_0 },
    { .key = NULL },
};

static double rate(const void *given, const fv__moment *moment)
{
    const options *o = given;
    const double at = (double)fv__min(moment->step, moment->steps);
    return moment->base * pow(1 - at / (double)moment->steps, o->power);
}

const fv__schedule_type fv__schedule_polynomial = {
    .name = "polynomial",
    .fields = fields,
    .whole = true,
    .rate = rate,
};
