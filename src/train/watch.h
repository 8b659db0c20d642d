/* What early stopping has seen of a run, and which epoch was the best. */
#ifndef FV_TRAIN_WATCH_H
#define FV_TRAIN_WATCH_H

#include "base/base.h"

#include <fovea/train.h>

/* Of the run so far; zero at its beginning. */
typedef struct fv__watch {
    int64_t best_epoch; /* counted from 1; 0: none yet */
    double best;        /* the value watched, of that epoch */
    int64_t bad;        /* epochs since then */
} fv__watch;

/* The value of an epoch that the options ask for; `test` of count 0: there is
 * no test data. */
double fv__watch_value(const fv_fit_options *options, const fv_metrics *train,
                       const fv_metrics *test);
/* Takes the value of an epoch; true if it is the best so far. */
bool fv__watch_observe(const fv_fit_options *options, fv__watch *watch,
                       int64_t epoch, double value);
/* Whether training is to stop. */
bool fv__watch_ends(const fv_fit_options *options, const fv__watch *watch);

/* What is watched, in words; what a checkpoint has seen counts for the same
 * words only. "" if nothing is. */
void fv__watch_text(const fv_fit_options *options, char *out, size_t bytes);
/* The watch as numbers in words, both ways; false if they are none of a run
 * after `epochs` epochs. */
void fv__watch_state(const fv__watch *watch, char *out, size_t bytes);
bool fv__watch_restore(const char *state, int64_t epochs, fv__watch *out);

#endif
