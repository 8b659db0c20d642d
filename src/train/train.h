/* Training: optimizers, one planned step, checkpoints. */
#ifndef FV_TRAIN_TRAIN_H
#define FV_TRAIN_TRAIN_H

#include "network/network.h"

#include <fovea/train.h>

typedef enum fv__rule { FV__RULE_SGD, FV__RULE_ADAM, FV__RULE_ADAMW } fv__rule;

struct fv_optimizer {
    fv__object object;
    fv_context *context;
    fv_network *network;     /* NULL: the caller gave the list of variables */
    fv_variable **variables; /* the network's, or a copy of the list */
    int64_t count;
    fv__rule rule;
    fv__sgd sgd;
    fv__adam adam;
    int32_t slots; /* numbers of state per parameter */
    size_t slot_bytes;
    unsigned char *state; /* `slots` flat arrays; NULL until needed */
    int64_t *counts; /* number of updates of each variable, behind the state;
                        NULL for SGD */
};

/* Bytes of state that are still to be allocated. */
size_t fv__optimizer_pending(const fv_optimizer *optimizer);
/* Allocates the state. */
fv_status fv__optimizer_ready(fv_optimizer *optimizer);
/* The rule and its state in words: "sgd with momentum". */
const char *fv__optimizer_kind(const fv_optimizer *optimizer);
/* The numbers of its options as made: "momentum 0.9 weight_decay 0 ...". */
void fv__optimizer_text(const fv_optimizer *optimizer, char *out, size_t bytes);

/* Runs a step on the batch in a ready training plan; adds loss and right
 * answers to the sums. */
typedef struct fv__sums {
    double loss; /* loss times images */
    int64_t right, count;
} fv__sums;

fv_status fv__train_plan(fv__plan *plan, fv_network *network,
                         fv_optimizer *optimizer, fv__sums *sums);
fv_metrics fv__metrics_of(const fv__sums *sums);

/* The position of a training run, as a checkpoint stores it. */
typedef struct fv__position {
    int64_t epoch; /* finished epochs */
    int64_t batch; /* finished batches of the current epoch */
    /* sums of the current epoch or, at its end, of the last one */
    fv__sums sums;
} fv__position;

/* What must agree for a run to resume from a checkpoint. If the checkpoint's
 * run was called with the same learning rate, its current learning rate is
 * restored too. */
typedef struct fv__run {
    fv_network *network;
    fv_optimizer *optimizer;
    int64_t batch, images, epochs;
    int64_t used; /* images of an epoch */
    bool drop_last;
    double initial_rate;
} fv__run;

fv_status fv__checkpoint_save(const fv__run *run, const char *path,
                              const fv__position *position);
/* Restores everything, or nothing if it fails. */
fv_status fv__checkpoint_load(const fv__run *run, const char *path,
                              fv__position *position);

#endif
