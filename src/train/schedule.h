/* Schedules: what a type of schedule is, and the phases of one. */
#ifndef FV_TRAIN_SCHEDULE_H
#define FV_TRAIN_SCHEDULE_H

#include "layer/words.h"

#include <fovea/optimizer.h>

/* What a rate depends on beside the options. */
typedef struct fv__moment {
    double base;        /* the learning rate that the optimizer was given */
    int64_t step;       /* updates before this one, in this phase */
    int64_t steps;      /* of the options or, if those are 0, of the phase */
    int64_t reductions; /* of a plateau */
} fv__moment;

typedef struct fv__schedule_type {
    const char *name;
    const fv__field *fields;
    bool whole;   /* its steps may be left out: the rest of the run */
    bool watches; /* a plateau */
    /* Refuses options that contradict each other; NULL: none do. */
    fv_status (*check)(fv_context *context, const void *options);
    /* The learning rate: a pure function. */
    double (*rate)(const void *options, const fv__moment *moment);
} fv__schedule_type;

/* Members that the options of every schedule begin with. */
typedef struct fv__schedule_options {
    int64_t steps; /* 0: the rest of the run, or of no meaning */
} fv__schedule_options;

/* What a plateau has seen. */
typedef struct fv__plateau {
    bool seen; /* there is a best value */
    double best;
    int64_t bad, cooling, reductions;
} fv__plateau;

enum { FV__MOST_PHASES = 8, FV__MOST_SCHEDULE_BYTES = 128 };

/* A schedule and when it begins and ends, in updates. */
typedef struct fv__phase {
    const fv__schedule_type *type;
    union {
        fv__schedule_options first;
        unsigned char bytes[FV__MOST_SCHEDULE_BYTES];
    } options;
    int64_t begin, end; /* INT64_MAX: never ends */
    fv__plateau plateau;
} fv__phase;

typedef struct fv__schedule {
    int32_t count; /* 0: the learning rate stays */
    fv__phase phases[FV__MOST_PHASES];
} fv__schedule;

/* All types; NULL ends them. */
extern const fv__schedule_type *const fv__schedule_types[];

/* Reads "linear 500 for 500 then cosine 9500"; `out` stays after a failure. */
fv_status fv__schedule_parse(fv_context *context, const char *text,
                             fv__schedule *out);
/* Writes it so; "" without phases. */
void fv__schedule_text(const fv__schedule *schedule, fv__text *out);
/* The learning rate of the update after `updates`; NaN if a phase needs the
 * end of the run, which is unknown if it is below 0. */
double fv__schedule_rate(const fv__schedule *schedule, double base,
                         int64_t updates, int64_t run_end);
/* Shows the phase of that update the metrics of an epoch. */
void fv__schedule_observe(fv__schedule *schedule, int64_t updates, double loss,
                          double accuracy);
/* For plateaus: the options' decision about one more value. */
void fv__plateau_observe(const void *options, fv__plateau *plateau, double loss,
                         double accuracy);
/* What plateaus have seen, as numbers in words, both ways. */
void fv__schedule_state(const fv__schedule *schedule, fv__text *out);
bool fv__schedule_restore(fv__schedule *schedule, const char *state);

/* The number of steps of a schedule. */
#define FV__STEPS_FIELD(options)                                               \
    {                                                                          \
        FV__FIELD(options, COUNT, steps), .positional = true                   \
    }

#endif
