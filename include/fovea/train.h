/** @file
 * Training: optimizers, steps, epochs, metrics and checkpoints. */
#ifndef FOVEA_TRAIN_H
#define FOVEA_TRAIN_H

#include <fovea/data.h>
#include <fovea/metrics.h>
#include <fovea/network.h>
#include <fovea/optimizer.h>

#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One planned step on a batch: forward, loss, backward, update. Allocates
 *  nothing after the first step with as many images. A loss that is not finite
 *  is a failure, and the weights stay as they were. */
FV_API fv_metrics fv_train_step(fv_network *network, fv_optimizer *optimizer,
                                const fv_tensor *images,
                                const fv_tensor *labels);

/** The same for any inputs, in any order. */
FV_API fv_metrics fv_train_step_named(fv_network *network,
                                      fv_optimizer *optimizer,
                                      int32_t num_inputs,
                                      const fv_named_tensor inputs[],
                                      const fv_tensor *target);

/** What tells a better epoch from a worse one. */
typedef enum fv_monitor {
    FV_MONITOR_LOSS,     /**< of the test data or, without any, of training */
    FV_MONITOR_ACCURACY, /**< the same */
    FV_MONITOR_TRAIN_LOSS,
    FV_MONITOR_TRAIN_ACCURACY
} fv_monitor;

/** "loss", "accuracy", "train_loss", "train_accuracy"; NULL for other
 *  numbers. */
FV_API const char *fv_monitor_name(fv_monitor monitor);

/** Where training stands; handed to the progress function. */
typedef struct fv_progress {
    int64_t epoch, epochs;  /**< epoch counts from 1 */
    int64_t batch, batches; /**< done in this epoch */
    fv_metrics train;       /**< of this epoch so far */
    const fv_metrics *test; /**< at the end of an epoch, of count 0 without
                                 test data; else NULL */
    double images_per_s;
    double seconds_left; /**< estimate, all epochs */
    size_t planned_bytes;
    int64_t step;         /**< updates of the run, earlier runs included */
    fv_metrics last;      /**< of the last batch */
    double learning_rate; /**< of its update */
    double seconds;       /**< since fv_fit() began, without evaluation */
    double wait_share; /**< of the time, spent waiting for images to be read */
} fv_progress;

/** What fv_fit() did. */
typedef struct fv_fit_report {
    fv_metrics train; /**< of the last epoch */
    fv_metrics test;  /**< after the last epoch; count 0 without test data */
    double seconds, images_per_s;
    size_t planned_bytes; /**< of network, optimizer and step, before the run */
    size_t peak_bytes;    /**< of the same, counted during the run */
    int64_t epochs;       /**< finished, earlier runs included */
    int32_t resumed;      /**< 1: went on from the checkpoint */
    int32_t stopped;      /**< 1: by `patience`, before the last epoch */
    int64_t best_epoch;   /**< 0: none was watched */
    double best;          /**< what was watched, of that epoch */
    int64_t rollbacks;    /**< of the run, earlier runs included */
    double wait_share; /**< of the time, spent waiting for images to be read */
    int64_t damaged; /**< images that others stood for, see fv_dataset_open() */
} fv_fit_report;

/** Options of fv_fit(). */
typedef struct fv_fit_options {
    size_t size;
    fv_dataset *train;
    fv_dataset *test FV_ZERO;       /**< evaluated after each epoch; NULL:
                                         not */
    int64_t epochs FV_ZERO;         /**< at least 1; 0: 1 */
    int64_t batch FV_ZERO;          /**< at least 1; 0: 32 */
    int64_t micro_batch FV_ZERO;    /**< images that are computed at a time, to
                                         save memory: the gradients of a batch
                                         are the mean over its images all the
                                         same, while batch normalisation sees
                                         these images only; 0: the batch */
    const char *checkpoint FV_ZERO; /**< written after each epoch; NULL:
                                         none */
    int32_t resume FV_ZERO;    /**< 1: go on from the checkpoint if it exists,
                                    see fv_fit() */
    int32_t drop_last FV_ZERO; /**< 1: an epoch leaves out the images that do
                                    not fill a last batch, unless they are
                                    all */
    const volatile sig_atomic_t *stop FV_ZERO; /**< not 0: finish the batch,
                                                    write the checkpoint, fail
                                                    with FV_INTERRUPTED */
    void (*progress)(void *user, const fv_progress *progress) FV_ZERO;
    void *user FV_ZERO;
    fv_fit_report *report FV_ZERO;
    fv_monitor monitor FV_ZERO; /**< what `patience` and `best` look at; loss is
                                     better when it is less, accuracy when it is
                                     more */
    int32_t keep FV_ZERO;       /**< so many epochs' checkpoints stay, each as
                                     `checkpoint`.EPOCH beside it; 0: none */
    int64_t patience FV_ZERO;   /**< training ends after so many epochs in a row
                                     that were not better than the best before;
                                     0: it does not */
    double min_delta FV_ZERO;   /**< a better epoch is better by more than
                                     this */
    const char *best FV_ZERO;   /**< a model, written after each epoch that is
                                     the best so far: with the averages of the
                                     weights, if there are any; NULL: none */
    int64_t rollbacks FV_ZERO;  /**< so many times in a run a loss or gradient
                                     that is not finite does not end it:
                                     training goes back to the checkpoint, halves
                                     the learning rate, tells the context's log,
                                     and goes on. One is written at the start */
    const char *log FV_ZERO; /**< a line for each epoch and for some updates is
                                  appended to this file, .csv or .jsonl; a run
                                  that goes on removes those of later updates,
                                  one that begins anew all; NULL: none */
    const char *tensorboard FV_ZERO; /**< the same as event files of TensorBoard
                                          in this folder, which exists */
    int32_t balanced FV_ZERO; /**< 1: all classes come equally often: an epoch
                                   has images of small classes several times,
                                 and not all of large ones */
    /** Threads that read and transform images ahead of training; 0: as many as
     *  processors for pictures from files, 2 for what is transformed in memory,
     *  none for other data in memory, for functions of the caller, and where
     *  the context's allocator or files are the caller's. #FV_OFF: none,
     *  training reads them. To ask for workers says that such functions,
     *  allocator and files may be called from several threads at once. The
     *  result does not depend on it. */
    int32_t workers FV_ZERO;
    int64_t log_every FV_ZERO; /**< updates from one line of them to the next;
                                    0: 50 */
    int64_t freeze_epochs FV_ZERO; /**< so many epochs at the beginning train
                                        the head alone, see
                                        fv_network_with_head(); 0: none */
} fv_fit_options;

/** Trains: `fv_fit(net, fv_adam(net, 1e-3), data, .epochs = 5, .batch = 64)`.
 *  The order of images depends on the context's seed and the epoch alone; the
 *  last short batch is used unless `drop_last` leaves it out.
 *
 *  A loss or gradient that is not finite ends the run, unless there are
 *  `rollbacks`; the sentence names the layer, the step and the image that it
 *  comes from, and the last checkpoint stays.
 *
 *  With `resume` the run goes on where the checkpoint was written, and ends
 * with the bits of a run that was never stopped. Network, seed, element type,
 * batch, micro batch, number of images, `drop_last`, `balanced` and the
 * optimizer's rule
 * must be the checkpoint's. The optimizer's other options may differ and are
 * those of this call. The learning rate is the one that the checkpoint's run
 * had at last, as its progress function may have set it, provided that fv_fit()
 * was called with the same learning rate then and now; else it is the one of
 * this call. The progress function is called before the checkpoint of an epoch
 * is written. Which variables require gradients is not in the checkpoint. */
#define fv_fit(network, optimizer, ...)                                        \
    fv_fit_with((network), (optimizer),                                        \
                FV_OPTIONS(fv_fit_options, .train = __VA_ARGS__))
/** See fv_fit(). */
FV_API fv_status fv_fit_with(fv_network *network, fv_optimizer *optimizer,
                             const fv_fit_options *options);

/** Measures mean and deviation of the images, see fv_dataset_moments(), for
 *  lines `augment normalise auto` of the network, which hold the numbers after
 *  that; pictures are read with as many channels as the network takes. Nothing
 *  without such a line. fv_fit() does it with its training data. */
FV_API fv_status fv_network_measure(fv_network *network,
                                    const fv_dataset *dataset);
/** A step of the learning rate range test. */
typedef struct fv_rate_step {
    double learning_rate;
    double loss;     /**< of the batch, before its update */
    double smoothed; /**< the mean of the losses so far, each counting 0.9 times
                          as much as the next */
} fv_rate_step;

/** What fv_find_learning_rate() found; rates that there are none of are NaN. */
typedef struct fv_rate_report {
    double suggested;  /**< a tenth of `least`; NaN where the loss did not
                            fall */
    double least;      /**< where the smoothed loss was least */
    double least_loss; /**< and that loss */
    int64_t steps;     /**< that were made */
    int32_t diverged;  /**< 1: the test ended before its last rate, because the
                            smoothed loss was above that of the first step and 4
                            times the least, or a number was not finite */
    int32_t reserved;
} fv_rate_report;

/** Options of fv_find_learning_rate(). */
typedef struct fv_rate_options {
    size_t size;
    fv_dataset *train;
    int64_t steps FV_ZERO; /**< at least 2; 0: 100 */
    int64_t batch FV_ZERO; /**< at most the images there are; 0: 32 */
    double from FV_ZERO;   /**< the first rate; 0: 1e-7 */
    double to FV_ZERO;     /**< the last one; 0: 10 */
    void (*see)(void *user, const fv_rate_step *step)
        FV_ZERO; /**< gets each step; NULL: nobody */
    void *user FV_ZERO;
    const volatile sig_atomic_t *stop FV_ZERO; /**< not 0: fail with
                                                    FV_INTERRUPTED */
    int32_t workers FV_ZERO;                   /**< as in #fv_fit_options */
    int32_t reserved FV_ZERO;
} fv_rate_options;

/** Makes training steps on batches of the data, the learning rate growing from
 *  step to step by the same factor, and ends when the loss diverges:
 *  `fv_find_learning_rate(net, optimizer, data, .batch = 64)`. The optimizer's
 *  schedule is left aside, factors of fv_scale_learning_rate() are not.
 *  Afterwards weights, running statistics and the optimizer have the bits that
 *  they had, and gradients are zero. */
#define fv_find_learning_rate(network, optimizer, ...)                         \
    fv_find_learning_rate_with(                                                \
        (network), (optimizer),                                                \
        FV_OPTIONS(fv_rate_options, .train = __VA_ARGS__))
/** See fv_find_learning_rate(). */
FV_API fv_rate_report
fv_find_learning_rate_with(fv_network *network, fv_optimizer *optimizer,
                           const fv_rate_options *options);

/** Evaluates by plan in batches of `batch` (0: 32). Answers are counted in
 *  `scores`, NULL: not; they have the network's number of classes. */
FV_API fv_metrics fv_evaluate(fv_network *network, const fv_dataset *dataset,
                              int64_t batch, fv_scores *scores);
/** Share of right answers; NaN after a failure. */
FV_API double fv_accuracy(fv_network *network, const fv_dataset *dataset);

#ifdef __cplusplus
}
#endif
#endif
