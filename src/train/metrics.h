/* Scores of classes: answers that were counted. */
#ifndef FV_TRAIN_METRICS_H
#define FV_TRAIN_METRICS_H

#include "network/network.h"

#include <fovea/metrics.h>

/* An output for a class, and whether that class is the label. */
typedef struct fv__ranked {
    double output;
    int64_t is_label;
} fv__ranked;

struct fv_scores {
    fv__object object;
    fv_context *context;
    int64_t classes, top;
    bool areas, softmax; /* the outputs that come are logits */
    int64_t count;       /* answers */
    int64_t within;      /* labels among the `top` largest outputs */
    int64_t *confusion;  /* [label][answer] */
    double *row;         /* outputs of one answer, for each class */
    /* of all answers, if areas are wanted */
    double *outputs;
    int64_t *labels;
    size_t outputs_capacity, labels_capacity;
    /* area of each class, NaN where there is none; of the first `ranked`
     * answers */
    double *area;
    int64_t ranked;
};

/* Counts an answer; `scores` is an fv_scores whose context has not failed. */
void fv__scores_see(void *scores, const fv__answer *answer);
/* Computes the areas of all classes, unless they are known. */
fv_status fv__scores_rank(fv_scores *scores);

#endif
