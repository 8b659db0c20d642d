/* Up to the learning rate and down again within the steps (Smith and Topin
 * 2018). */
#include "train/schedule.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

typedef struct options {
    int64_t steps;
    double rise, divide, final_divide;
    int32_t linear, three_phases;
} options;

static const fv__field fields[] = {
    FV__STEPS_FIELD(options),
    { FV__FIELD(options, NUMBER, rise), .usual = 0.3, .positive = true,
      .range = FV__BETWEEN_0_AND_1 },
    { FV__FIELD(options, NUMBER, divide), .usual = 25, .positive = true,
      .range = FV__ABOVE_0 },
    { FV__FIELD(options, NUMBER, final_divide), .usual = 1e4, .positive = true,
      .range = FV__ABOVE_0 },
    { FV__FIELD(options, SWITCH, linear) },
    { FV__FIELD(options, SWITCH, three_phases) },
    { .key = NULL },
};

/* From a to b, by a line or half a cosine. */
static double between(const options *o, double a, double b, double part)
{
    if (o->linear) return a + (b - a) * part;
    return b + (a - b) * (1 + cos(PI * part)) / 2;
}

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    if (!o->three_phases || o->rise < 0.5) return FV_OK;
    return fv_fail(context, FV_MISUSE,
                   "one_cycle: rise %s is not below 0.5, with three_phases",
                   FV__NUMBER(o->rise));
}

static double rate(const void *given, const fv__moment *moment)
{
    const options *o = given;
    const double first = moment->base / o->divide;
    const double last = first / o->final_divide, peak = moment->base;
    const double steps = (double)moment->steps, top = o->rise * steps - 1;
    const double step = fmin((double)moment->step, steps - 1);
    if (top > 0 && step <= top) return between(o, first, peak, step / top);
    if (!o->three_phases)
        return between(o, peak, last, (step - top) / (steps - 1 - top));
    const double foot = 2 * o->rise * steps - 2;
    if (step <= foot)
        return between(o, peak, first, (step - top) / (foot - top));
    return between(o, first, last, (step - foot) / (steps - 1 - foot));
}

const fv__schedule_type fv__schedule_one_cycle = {
    .name = "one_cycle",
    .fields = fields,
    .whole = true,
    .check = check,
    .rate = rate,
};
