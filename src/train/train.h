/* Training: optimizers, one planned step, checkpoints. */
#ifndef FV_TRAIN_TRAIN_H
#define FV_TRAIN_TRAIN_H

#include "train/optimizer.h"

#include <fovea/train.h>

/* Runs a step on the batch in a ready training plan; adds loss and right
 * answers to the sums. */
typedef struct fv__sums {
    double loss; /* loss times images */
    /* of answers, one for each image or pixel with a class; and images */
    int64_t right, answers, count;
} fv__sums;

fv_status fv__train_plan(fv__plan *plan, fv_network *network,
                         fv_optimizer *optimizer, fv__sums *sums);
/* The same in two: adds the gradients, and updates. */
fv_status fv__train_gradients(fv__plan *plan, fv_network *network,
                              fv_optimizer *optimizer, fv__sums *sums);
fv_status fv__train_update(fv_optimizer *optimizer);
/* Multiplies all gradients. */
void fv__train_scale(fv_network *network, double factor);
fv_metrics fv__metrics_of(const fv__sums *sums);

/* fv_evaluate() with a number of workers as in fv_fit_options. */
fv_metrics fv__evaluate(fv_network *network, const fv_dataset *dataset,
                        int64_t batch, int32_t workers, int64_t *confusion);

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
    int64_t batch, micro_batch, images, epochs;
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
