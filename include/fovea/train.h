/** @file
 * Training: optimizers, steps, epochs, metrics and checkpoints. */
#ifndef FOVEA_TRAIN_H
#define FOVEA_TRAIN_H

#include <fovea/data.h>
#include <fovea/network.h>
#include <fovea/optimizer.h>

#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Loss and number of right answers of one step or one pass. */
typedef struct fv_metrics {
    double loss;     /**< mean over the images */
    double accuracy; /**< share of images whose largest output is the label, or
                          whose one output is on the label's side of 0 */
    int64_t count;   /**< images */
} fv_metrics;

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
    int32_t reserved;
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
    /** Threads that read and transform images ahead of training; 0: as many as
     *  processors for pictures from files, 2 for what is transformed in memory,
     *  none for other data in memory, for functions of the caller, and where
     *  the context's allocator or files are the caller's. #FV_OFF: none,
     *  training reads them. To ask for workers says that such functions,
     *  allocator and files may be called from several threads at once. The
     *  result does not depend on it. */
    int32_t workers FV_ZERO;
    int32_t reserved FV_ZERO;
} fv_fit_options;

/** Trains: `fv_fit(net, fv_adam(net, 1e-3), data, .epochs = 5, .batch = 64)`.
 *  The order of images depends on the context's seed and the epoch alone; the
 *  last short batch is used unless `drop_last` leaves it out.
 *
 *  With `resume` the run goes on where the checkpoint was written, and ends
 * with the bits of a run that was never stopped. Network, seed, element type,
 * batch, micro batch, number of images, `drop_last` and the optimizer's rule
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

/** Evaluates by plan in batches of `batch` (0: 32). If `confusion` is not
 *  NULL, counts go to confusion[label * fv_network_classes() + answer]. */
FV_API fv_metrics fv_evaluate(fv_network *network, const fv_dataset *dataset,
                              int64_t batch, int64_t *confusion);
/** Share of right answers; NaN after a failure. */
FV_API double fv_accuracy(fv_network *network, const fv_dataset *dataset);

#ifdef __cplusplus
}
#endif
#endif
