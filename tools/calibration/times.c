/* Measured times, and how well they are predicted. */
#include "calibration.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of so many random shapes one is held out. */
enum { OUT_OF = 3, LINE_BYTES = 256 };
/* A constant is used if half or twice its value, or much less or more, changes
 * what is predicted. */
static const double changes[] = { 0.125, 0.5, 2, 8 };
enum { CHANGES = sizeof changes / sizeof *changes };

static void predict(const problem *p, entry *e)
{
    const uint64_t variant =
        shape_variant(e->number, &p->geometry, p->direction);
    double slowest = 0;

    e->predicted = e->algorithm->cost(&p->geometry, p->direction);
    for (int i = 0; i < e->count; i++) {
        if (e->variants[i] == variant) {
            e->measured = e->seconds[i];
            return;
        }
        slowest = fmax(slowest, e->seconds[i]);
    }
    e->measured = slowest; /* of a variant that nobody timed */
}

/* ---- reading ------------------------------------------------------------ */

/* The part of the last shape. */
static int part_of(const times *t)
{
    if (t->shapes <= t->layers) return LAYERS;
    return (t->shapes - t->layers) % OUT_OF == 0 ? HELD_OUT : FITTED;
}

static problem *problem_of(fv_context *context, times *t,
                           const int64_t shape[SHAPE_NUMBERS], int direction)
{
    const size_t bytes = SHAPE_NUMBERS * sizeof *shape;
    problem *last = t->count ? &t->problems[t->count - 1] : NULL;
    const bool same = last && memcmp(last->shape, shape, bytes) == 0;

    if (same && (int)last->direction == direction) return last;
    if (t->count == t->room) {
        const size_t room = 2 * t->room + 64;
        problem *all = realloc(t->problems, room * sizeof *all);

        if (!all) {
            fv_fail(context, FV_NO_MEMORY, "calibrate: no memory for times");
            return NULL;
        }
        t->problems = all;
        t->room = room;
    }
    if (!same) t->shapes++;
    last = &t->problems[t->count];
    *last = (problem){ .direction = (fv__direction)direction,
                       .part = part_of(t),
                       .fastest = (double)INFINITY };
    memcpy(last->shape, shape, bytes);
    if (shape_geometry(context, shape, &last->geometry) != FV_OK) return NULL;
    t->count++;
    return last;
}

static fv_status add_time(fv_context *context, problem *p, int number,
                          uint64_t variant, double seconds)
{
    const fv__conv_request request = { 0 };
    entry *e = p->entries;

    while (e < p->entries + p->count && e->number != number) e++;
    if (e == p->entries + p->count) {
        const fv__conv_candidate c = fv__conv_consider(
            context, number, &request, &p->geometry, p->direction);

        if (!c.algorithm || p->count == MOST_ALGORITHMS)
            return fv_fail(context, FV_MALFORMED,
                           "calibrate: there is no algorithm %d", number);
        *e = (entry){ .number = number, .algorithm = c.algorithm };
        p->count++;
    }
    if (e->count == MOST_VARIANTS) return FV_OK;
    e->variants[e->count] = variant;
    e->seconds[e->count++] = seconds;
    p->fastest = fmin(p->fastest, seconds);
    return FV_OK;
}

static fv_status read_line(fv_context *context, times *t, const char *line)
{
    int64_t shape[SHAPE_NUMBERS];
    const char *rest = shape_read(line, shape);
    int direction, number;
    uint64_t variant;
    double seconds;

    if (!rest
        || sscanf(rest, "%d,%d,%" SCNx64 ",%lf", &direction, &number, &variant,
                  &seconds)
               != 4
        || direction < 0 || direction >= DIRECTIONS || number < 1
        || number > MOST_ALGORITHMS || !(seconds > 0))
        return fv_fail(context, FV_MALFORMED, "calibrate: not a time: %.*s",
                       (int)strcspn(line, "\n"), line);
    problem *p = problem_of(context, t, shape, direction);

    return p ? add_time(context, p, number, variant, seconds)
             : fv_failed(context);
}

/* Finds the constants that an entry uses. */
static void find_uses(const problem *p, entry *e)
{
    const entry before = *e;

    for (int i = 0; i < constant_count; i++) {
        for (int j = 0; j < CHANGES; j++) {
            constant_set(&constants[i], constants[i].today, changes[j]);
            predict(p, e);
            if (e->predicted < before.predicted
                || e->predicted > before.predicted
                || e->measured < before.measured
                || e->measured > before.measured)
                e->uses |= (uint64_t)1 << i;
        }
        constant_set(&constants[i], constants[i].today, 1);
    }
    e->predicted = before.predicted;
    e->measured = before.measured;
}

fv_status times_read(fv_context *context, int64_t layers, times *t)
{
    char line[LINE_BYTES];

    *t = (times){ .layers = layers };
    while (fgets(line, sizeof line, stdin))
        if (read_line(context, t, line) != FV_OK) return fv_failed(context);
    for (size_t i = 0; i < t->count; i++) {
        problem *p = &t->problems[i];

        for (int j = 0; j < p->count; j++) {
            predict(p, &p->entries[j]);
            find_uses(p, &p->entries[j]);
            t->used |= p->entries[j].uses;
        }
    }
    return FV_OK;
}

void times_free(times *t) { free(t->problems); }

/* ---- predicting anew ---------------------------------------------------- */

/* Calls change() for the entries that use any of these constants. */
static void for_users(times *t, uint64_t used,
                      void (*change)(const problem *p, entry *e))
{
    for (size_t i = 0; i < t->count; i++)
        for (int j = 0; j < t->problems[i].count; j++)
            if (t->problems[i].entries[j].uses & used)
                change(&t->problems[i], &t->problems[i].entries[j]);
}

static void keep(const problem *p, entry *e)
{
    (void)p;
    e->kept_predicted = e->predicted;
    e->kept_measured = e->measured;
}

static void restore(const problem *p, entry *e)
{
    (void)p;
    e->predicted = e->kept_predicted;
    e->measured = e->kept_measured;
}

void times_refresh(times *t, uint64_t used) { for_users(t, used, predict); }

void times_keep(times *t, uint64_t used) { for_users(t, used, keep); }

void times_restore(times *t, uint64_t used) { for_users(t, used, restore); }

/* ---- scores ------------------------------------------------------------- */

const entry *problem_chosen(const problem *p)
{
    const entry *chosen = p->entries;

    for (int i = 1; i < p->count; i++)
        if (p->entries[i].predicted < chosen->predicted)
            chosen = &p->entries[i];
    return chosen;
}

double problem_ratio(const problem *p)
{
    return problem_chosen(p)->measured / p->fastest;
}

static int by_ratio(const void *a, const void *b)
{
    const double x = problem_ratio(a), y = problem_ratio(b);

    return (x < y) - (x > y);
}

void times_sort(times *t)
{
    if (t->count) qsort(t->problems, t->count, sizeof *t->problems, by_ratio);
}

static void add_choice(score *s, const problem *p)
{
    const double ratio = problem_ratio(p);

    s->problems++;
    s->ratio += ratio;
    s->log_ratio += log(ratio);
    s->worst = fmax(s->worst, ratio);
}

/* The logarithm of the factor, the mean over the problems that are fitted to.
 */
static double log_factor(const times *t)
{
    double sum = 0;
    size_t count = 0;

    for (size_t i = 0; i < t->count; i++) {
        const problem *p = &t->problems[i];

        for (int j = 0; j < p->count && p->part != HELD_OUT; j++, count++)
            sum += log(p->entries[j].measured / p->entries[j].predicted);
    }
    return count ? sum / (double)count : 0;
}

score times_score(const times *t, int parts)
{
    const double factor = log_factor(t);
    double chosen = 0, fastest = 0;
    score s = { .problems = 0 };

    for (size_t i = 0; i < t->count; i++) {
        const problem *p = &t->problems[i];

        if (!(p->part & parts)) continue;
        chosen += problem_chosen(p)->measured;
        fastest += p->fastest;
        add_choice(&s, p);
        for (int j = 0; j < p->count; j++) {
            const entry *e = &p->entries[j];
            const double deviation =
                fabs(log(e->measured / e->predicted) - factor);

            s.entries++;
            s.deviation += deviation;
            s.deviations[e->number - 1] += deviation;
            s.counts[e->number - 1]++;
        }
    }
    const double problems = s.problems ? (double)s.problems : 1;

    s.total = s.problems ? chosen / fastest : 0;
    s.ratio /= problems;
    s.log_ratio /= problems;
    if (s.entries) s.deviation /= (double)s.entries;
    for (int i = 0; i < MOST_ALGORITHMS; i++)
        if (s.counts[i]) s.deviations[i] /= (double)s.counts[i];
    return s;
}
