/* The inside of training: optimizers, one planned step, checkpoints. */
#ifndef FV_TRAIN_TRAIN_H
#define FV_TRAIN_TRAIN_H

#include "network/network.h"

#include <fovea/train.h>

typedef enum fv__rule { FV__RULE_SGD, FV__RULE_ADAM, FV__RULE_ADAMW } fv__rule;

struct fv_optimizer {
    fv__object object;
    fv_context *context;
    fv_network *network;     /* NULL: leaves of one's own */
    fv_variable **variables; /* the network's, or a copy of the list */
    int64_t count;
    fv__rule rule;
    fv__sgd sgd;
    fv__adam adam;
    int32_t slots; /* numbers of state for each parameter */
    size_t slot_bytes;
    unsigned char *state; /* slots flat arrays; NULL until needed */
    int64_t *counts;      /* updates of each variable, behind them; NULL: SGD */
};

/* Bytes that the optimizer has yet to allocate. */
size_t fv__optimizer_pending(const fv_optimizer *optimizer);
/* Allocates the state. */
fv_status fv__optimizer_ready(fv_optimizer *optimizer);
/* The rule and what state it has: "sgd with momentum". */
const char *fv__optimizer_kind(const fv_optimizer *optimizer);
/* The numbers of its options as made: "momentum 0.9 weight_decay 0 ...". */
void fv__optimizer_text(const fv_optimizer *optimizer, char *out, size_t bytes);

/* A step on what lies in a ready training plan: adds the loss and the right
 * answers to the sums. */
typedef struct fv__sums {
    double loss; /* times images */
    int64_t right, count;
} fv__sums;

fv_status fv__train_plan(fv__plan *plan, fv_network *network,
                         fv_optimizer *optimizer, fv__sums *sums);
fv_metrics fv__metrics_of(const fv__sums *sums);

/* Where training stands, as a checkpoint keeps it. */
typedef struct fv__position {
    int64_t epoch; /* finished ones */
    int64_t batch; /* finished in the epoch begun */
    fv__sums sums; /* of that epoch, or of the last one at its end */
} fv__position;

/* What must agree for a run to go on from a checkpoint, and the learning rate
 * that the run was called with: where the checkpoint's run was called with the
 * same, its current learning rate is restored too. */
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
/* Restores everything, or nothing after a failure. */
fv_status fv__checkpoint_load(const fv__run *run, const char *path,
                              fv__position *position);

#endif
