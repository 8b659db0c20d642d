/* Training: optimizers, one planned step, checkpoints. */
#ifndef FV_TRAIN_TRAIN_H
#define FV_TRAIN_TRAIN_H

#include "train/optimizer.h"
#include "train/watch.h"

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
/* The same in two: adds the gradients, and updates. `images` are the numbers of
 * the images in their data set, for messages; NULL: they have none. */
fv_status fv__train_gradients(fv__plan *plan, fv_network *network,
                              fv_optimizer *optimizer, const int64_t *images,
                              fv__sums *sums);
fv_status fv__train_update(fv_optimizer *optimizer);
/* Fails because the loss or, if it is not NULL, a gradient of that layer is not
 * finite, after a second pass that finds where it comes from. Running
 * statistics become those before the step. */
fv_status fv__train_blame(fv__plan *plan, fv_network *network, double loss,
                          const char *layer, const int64_t *images);
/* Multiplies all gradients. */
void fv__train_scale(fv_network *network, double factor);
fv_metrics fv__metrics_of(const fv__sums *sums);

/* fv_evaluate() with a number of workers as in fv_fit_options. */
fv_metrics fv__evaluate(fv_network *network, const fv_dataset *dataset,
                        int64_t batch, int32_t workers, fv_scores *scores);

/* Changes an order of all images of the data set so that its classes come in
 * turn: of large ones not all images, those of small ones several times. */
fv_status fv__balance(const fv_dataset *dataset, fv_context *context,
                      int64_t *order);

/* The variables outside the head of a network that are trained; zero before
 * fv__body_find(). */
typedef struct fv__body {
    fv_network *network;
    bool *held; /* one a variable of the network; NULL: none */
} fv__body;

fv_status fv__body_find(fv__body *body, fv_network *network);
/* Whether they require gradients. */
void fv__body_train(const fv__body *body, bool on);
/* They do again. */
void fv__body_free(fv__body *body);

/* The position of a training run, as a checkpoint stores it. */
typedef struct fv__position {
    int64_t epoch; /* finished epochs */
    int64_t batch; /* finished batches of the current epoch */
    /* sums of the current epoch or, at its end, of the last one */
    fv__sums sums;
    fv__watch watch;
    int64_t rollbacks;
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
    const fv_fit_options *options; /* of early stopping */
} fv__run;

fv_status fv__checkpoint_save(const fv__run *run, const char *path,
                              const fv__position *position);
/* Saves the checkpoint of the options at the end of an epoch, and keeps some of
 * the epochs before. */
fv_status fv__checkpoint_save_epoch(const fv__run *run,
                                    const fv__position *position);
/* Restores everything, or nothing if it fails. */
fv_status fv__checkpoint_load(const fv__run *run, const char *path,
                              fv__position *position);

#endif
