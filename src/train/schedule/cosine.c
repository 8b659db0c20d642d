/* Down to a minimum along half a cosine, once or again and again (Loshchilov
 * and Hutter 2017). */
#include "train/schedule.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

typedef struct options {
    int64_t steps;
    double minimum;
    int64_t restarts;
} options;

static const fv__field fields[] = {
    FV__STEPS_FIELD(options),
    { FV__FIELD(options, NUMBER, minimum), .range = FV__AT_LEAST_0 },
    { FV__FIELD(options, COUNT, restarts) },
    { .key = NULL },
};

/* Each period is `restarts` times as long as the one before; 0: there is one.
 */
static double rate(const void *given, const fv__moment *moment)
{
    const options *o = given;
    int64_t step = moment->step, steps = moment->steps;
    if (!o->restarts) step = fv__min(step, steps);
    while (o->restarts && step >= steps) {
        step -= steps;
        if (o->restarts == 1) step %= steps;
        if (steps < INT64_MAX / o->restarts) steps *= o->restarts;
    }
    const double part = (double)step / (double)steps;
    return o->minimum + (moment->base - o->minimum) * (1 + cos(PI * part)) / 2;
}

const fv__schedule_type fv__schedule_cosine = {
    .name = "cosine",
    .fields = fields,
    .whole = true,
    .rate = rate,
};
