/* A factor gamma at each milestone. */
#include "train/schedule.h"

#include <math.h>

enum { MILESTONES = 8 };

typedef struct options {
    int64_t steps;
    int64_t milestones[MILESTONES];
    double gamma;
} options;

#define MILESTONE(i)                                                           \
    {                                                                          \
        FV__FIELD_AS("milestone" #i, options, COUNT, milestones[i]),           \
            .positional = true, .range = FV__ANY                               \
    }

static const fv__field fields[] = {
    MILESTONE(0),
    MILESTONE(1),
    MILESTONE(2),
    MILESTONE(3),
    MILESTONE(4),
    MILESTONE(5),
    MILESTONE(6),
    MILESTONE(7),
    { FV__FIELD(options, NUMBER, gamma), .usual = 0.1, .positive = true,
      .range = FV__ABOVE_0 },
    { .key = NULL },
};

/* The milestones ascend; those that are left out are 0, at the end. */
static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    for (int i = 1; i < MILESTONES; i++)
        if (o->milestones[i] && o->milestones[i] <= o->milestones[i - 1])
            return fv_fail(context, FV_MISUSE,
                           "multi_step: milestone %lld is not above %lld",
                           (long long)o->milestones[i],
                           (long long)o->milestones[i - 1]);
    if (o->milestones[0]) return FV_OK;
    return fv_fail(context, FV_MISUSE, "multi_step: there is no milestone");
}

static double rate(const void *given, const fv__moment *moment)
{
    const options *o = given;
    int32_t passed = 0;
    while (passed < MILESTONES && o->milestones[passed]
           && moment->step >= o->milestones[passed])
        passed++;
    return moment->base * pow(o->gamma, passed);
}

const fv__schedule_type fv__schedule_multi_step = {
    .name = "multi_step",
    .fields = fields,
    .check = check,
    .rate = rate,
};
