/* Fits constants to measured times by coordinate descent: one constant at a
 * time is made larger or smaller, in smaller and smaller steps, and keeps what
 * improves the problems that are fitted to. */
#include "calibration.h"

#include <stdio.h>
#include <string.h>

/* Steps are factors; constants stay within `range` times today's value. */
static const double steps[] = { 2, 1.4, 1.2, 1.1, 1.05 }, range = 8;
enum { STEPS = sizeof steps / sizeof *steps, MOST_PASSES = 6 };
enum { PARTS = 3, ALL = LAYERS | FITTED | HELD_OUT };
/* Choices that are shown. */
enum { WORST = 10 };
/* What is minimised: the mean logarithm of the ratio of chosen and fastest
 * time, and this share of the mean deviation, since a choice changes only where
 * two predictions cross. */
static const double deviation_share = 0.1;
/* A change that improves it by less is not made. */
static const double least_gain = 2e-5;

static double value_of(const times *t)
{
    const score s = times_score(t, LAYERS | FITTED);

    return s.log_ratio + deviation_share * s.deviation;
}

/* Whether `factor` times the constant is better; then it stays so. */
static bool attempt(times *t, int i, double factor, double *least)
{
    const constant *c = &constants[i];
    const uint64_t bit = (uint64_t)1 << i;
    const double before = *c->at;

    constant_set(c, before, factor);
    if (*c->at > c->today * range || *c->at * range < c->today) {
        *c->at = before;
        return false;
    }
    times_keep(t, bit);
    times_refresh(t, bit);
    const double value = value_of(t);

    if (value < *least - least_gain) {
        *least = value;
        return true;
    }
    *c->at = before;
    times_restore(t, bit);
    return false;
}

static bool is_fitted(const times *t, const char *theme, int i)
{
    return constants[i].how == TUNED && (t->used >> i & 1)
           && (!theme || strcmp(constants[i].theme, theme) == 0);
}

static void descend(times *t, const char *theme)
{
    double least = value_of(t);

    for (int step = 0; step < STEPS; step++)
        for (int pass = 0, better = 1; pass < MOST_PASSES && better; pass++) {
            better = 0;
            for (int i = 0; i < constant_count; i++)
                if (is_fitted(t, theme, i))
                    better |= attempt(t, i, steps[step], &least)
                              || attempt(t, i, 1 / steps[step], &least);
        }
}

/* ---- the report --------------------------------------------------------- */

static size_t users_of(const times *t, int i)
{
    size_t users = 0;

    for (size_t j = 0; j < t->count; j++)
        for (int k = 0; k < t->problems[j].count; k++)
            users += t->problems[j].entries[k].uses >> i & 1;
    return users;
}

/* The value is "-" for a constant that was not fitted. */
static void print_constants(const times *t, const char *theme)
{
    printf("%-31s %9s %9s %6s  %-8s  %s\n", "constant", "today", "fitted",
           "times", "unit", "what");
    for (int i = 0; i < constant_count; i++) {
        const constant *c = &constants[i];
        char fitted[32] = "-";

        if (is_fitted(t, theme, i))
            snprintf(fitted, sizeof fitted, "%.3g", *c->at);
        printf("%-31s %9g %9s %6zu  %-8s  %s\n", c->name, c->today, fitted,
               users_of(t, i), c->unit, c->what);
    }
}

static void print_choices(const times *t, const score today[PARTS])
{
    static const char *const names[] = { "layers of networks", "random shapes",
                                         "random shapes, held out" };

    printf("\n%-24s %6s  %-22s  %s\n%-31s  %6s %6s %8s  %6s %6s %8s\n",
           "chosen time / fastest", "passes", "today", "fitted", "", "mean",
           "worst", "of sums", "mean", "worst", "of sums");
    for (int i = 0; i < PARTS; i++) {
        const score fitted = times_score(t, 1 << i);

        if (fitted.problems)
            printf("%-24s %6zu  %.4f %6.2f %8.4f  %.4f %6.2f %8.4f\n", names[i],
                   fitted.problems, today[i].ratio, today[i].worst,
                   today[i].total, fitted.ratio, fitted.worst, fitted.total);
    }
}

static void print_deviations(const times *t, const score *today)
{
    const score fitted = times_score(t, ALL);

    printf("\n%-32s %6s  %6s    %6s\n", "mean |log(measured / predicted)|",
           "times", "today", "fitted");
    for (int i = 0; i < MOST_ALGORITHMS; i++)
        if (fitted.counts[i])
            printf("%-32s %6zu  %6.3f    %6.3f\n",
                   fv_algorithm_name((fv_algorithm)(i + 1)), fitted.counts[i],
                   today->deviations[i], fitted.deviations[i]);
}

/* The algorithm that has the fastest time. */
static const entry *fastest_of(const problem *p)
{
    for (int i = 0; i < p->count; i++)
        for (int j = 0; j < p->entries[i].count; j++)
            if (p->entries[i].seconds[j] <= p->fastest) return &p->entries[i];
    return p->entries;
}

/* Where the constants as they are choose worst. */
static void print_worst(const times *t)
{
    static const char *const directions[] = { "forward", "backward_data",
                                              "backward_weights" };

    printf("\n%-7s %-16s  %-9s  %-9s  %s\n", "ratio", "pass", "chosen",
           "fastest", "N,H,W,C,K,R,S,sh,sw,ph,pw,dh,dw,groups");
    for (size_t i = 0; i < t->count && i < WORST; i++) {
        const problem *p = &t->problems[i];

        printf("%-7.2f %-16s  %-9s  %-9s  ", problem_ratio(p),
               directions[p->direction], problem_chosen(p)->algorithm->name,
               fastest_of(p)->algorithm->name);
        for (int j = 0; j < SHAPE_NUMBERS; j++)
            printf("%s%lld", j ? "," : "", (long long)p->shape[j]);
        printf("\n");
    }
    printf("\n");
}

fv_status fit(fv_context *context, int64_t layers, const char *theme)
{
    times t;

    if (times_read(context, layers, &t) == FV_OK) {
        const score today = times_score(&t, ALL);
        score parts[PARTS];

        for (int i = 0; i < PARTS; i++) parts[i] = times_score(&t, 1 << i);
        times_sort(&t);
        print_worst(&t);
        descend(&t, theme);
        print_constants(&t, theme);
        print_choices(&t, parts);
        print_deviations(&t, &today);
    }
    times_free(&t);
    return fv_failed(context);
}
