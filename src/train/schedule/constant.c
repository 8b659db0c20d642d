/* The learning rate times a factor. */
#include "train/schedule.h"

typedef struct options {
    int64_t steps;
    double factor;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBER, factor), .usual = 1, .positional = true,
      .range = FV__AT_LEAST_0 },
    { .key = NULL },
};

static double rate(const void *given, const fv__moment *moment)
{
    const options *o = given;
    return moment->base * o->factor;
}

const fv__schedule_type fv__schedule_constant = {
    .name = "constant",
    .fields = fields,
    .rate = rate,
};
