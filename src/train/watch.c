/* Early stopping, and the best epoch. */
#include "train/watch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = { "loss", "accuracy", "train_loss",
                                     "train_accuracy" };
enum { NAMES = sizeof names / sizeof *names };

const char *fv_monitor_name(fv_monitor monitor)
{
    return (unsigned)monitor < NAMES ? names[monitor] : NULL;
}

static bool is_accuracy(const fv_fit_options *o)
{
    return o->monitor == FV_MONITOR_ACCURACY
           || o->monitor == FV_MONITOR_TRAIN_ACCURACY;
}

double fv__watch_value(const fv_fit_options *o, const fv_metrics *train,
                       const fv_metrics *test)
{
    const bool tested = test->count && o->monitor <= FV_MONITOR_ACCURACY;
    const fv_metrics *from = tested ? test : train;
    return is_accuracy(o) ? from->accuracy : from->loss;
}

bool fv__watch_observe(const fv_fit_options *o, fv__watch *watch, int64_t epoch,
                       double value)
{
    const double gain =
        is_accuracy(o) ? value - watch->best : watch->best - value;
    if (isfinite(value) && (!watch->best_epoch || gain > o->min_delta)) {
        *watch = (fv__watch){ .best_epoch = epoch, .best = value };
        return true;
    }
    watch->bad++;
    return false;
}

bool fv__watch_ends(const fv_fit_options *o, const fv__watch *watch)
{
    return o->patience && watch->bad >= o->patience;
}

void fv__watch_text(const fv_fit_options *o, char *out, size_t bytes)
{
    *out = '\0';
    if (o->patience || o->best)
        snprintf(out, bytes, "%s min_delta %s%s", names[o->monitor],
                 FV__NUMBER(o->min_delta), o->best ? " best" : "");
}

void fv__watch_state(const fv__watch *watch, char *out, size_t bytes)
{
    snprintf(out, bytes, "%lld %lld %s", (long long)watch->best_epoch,
             (long long)watch->bad, FV__NUMBER(watch->best));
}

bool fv__watch_restore(const char *state, int64_t epochs, fv__watch *out)
{
    const char *bad = strchr(state, ' ');
    const char *best = bad ? strchr(bad + 1, ' ') : NULL;
    fv__watch w;
    if (!best || !fv__whole_read(state, (size_t)(bad - state), &w.best_epoch)
        || !fv__whole_read(bad + 1, (size_t)(best - bad - 1), &w.bad)
        || !fv__number_read(best + 1, strlen(best + 1), &w.best)
        || w.best_epoch > epochs || w.bad > epochs - w.best_epoch)
        return false;
    *out = w;
    return true;
}
