/** @file
 * Metrics: what is counted of a network's answers, and scores of classes. */
#ifndef FOVEA_METRICS_H
#define FOVEA_METRICS_H

#include <fovea/loss.h>

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

/** Answers and labels that were counted, and the scores that follow from them;
 *  belongs to its context. An answer is that of an image or, where each pixel
 *  has a class, of a pixel; labels that the loss leaves out do not count. */
typedef struct fv_scores fv_scores;

/** Options of fv_scores_new(). */
typedef struct fv_scores_options {
    size_t size;
    fv_context *context;
    int64_t classes FV_ZERO; /**< at least 2 */
    int64_t top FV_ZERO;     /**< k of fv_scores_top(); 0: 5 */
    int32_t areas FV_ZERO;   /**< 1: areas under ROC curves, for which all
                                  outputs are kept: 8 bytes for each class of
                                  each answer */
    int32_t reserved FV_ZERO;
} fv_scores_options;

/** `fv_scores *scores = fv_scores_new(ctx, fv_network_classes(net), .areas =
 *  1); fv_evaluate(net, data, 0, scores);` */
#define fv_scores_new(ctx, ...)                                                \
    fv_scores_new_with(FV_OPTIONS(fv_scores_options, .context = (ctx),         \
                                  .classes = __VA_ARGS__))
/** See fv_scores_new(). */
FV_API fv_scores *fv_scores_new_with(const fv_scores_options *options);
/** Frees them before their context. NULL is allowed. */
FV_API void fv_scores_free(fv_scores *scores);

/** Counts answers: outputs [n, classes], or [n] or [n, 1] for two classes,
 *  which mean class 1 above 0, and labels [n] of an integer type. Areas compare
 *  the outputs of different answers as they are; fv_evaluate() takes the
 * softmax first where the outputs are logits. */
FV_API fv_status fv_scores_add(fv_scores *scores, const fv_tensor *outputs,
                               const fv_tensor *labels);

/** Number of answers. */
FV_API int64_t fv_scores_count(const fv_scores *scores);
/** Number of classes. */
FV_API int64_t fv_scores_classes(const fv_scores *scores);
/** Counts [label * classes + answer]; owned by `scores`. */
FV_API const int64_t *fv_scores_confusion(const fv_scores *scores);
/** Share of the labels that are the answers; NaN without answers. */
FV_API double fv_scores_accuracy(const fv_scores *scores);
/** Share of the labels that are among the k largest outputs; of equal outputs
 *  the first are the largest. NaN without answers. */
FV_API double fv_scores_top(const fv_scores *scores);

/** Scores of a class, or means over classes; NaN where a divisor is 0. */
typedef struct fv_class_scores {
    double precision; /**< right answers / answers */
    double recall;    /**< right answers / labels */
    double f1;        /**< 2 right answers / (answers + labels) */
    double iou; /**< right answers / (answers or labels): intersection over
                     union */
    double auc; /**< area under the ROC curve of this class against the others:
                     the probability that the output for it is larger where it
                   is the label, counting equal ones as half; NaN without
                     `areas` */
    int64_t count; /**< labels */
} fv_class_scores;

/** Of one class. */
FV_API fv_class_scores fv_scores_of(fv_scores *scores, int64_t class_index);
/** The mean over the classes that are labels or answers, in which NaN counts as
 *  0, or, `weighted`, the mean over the labels. That of `auc` is over the
 *  classes that have one; of two classes whose outputs add up to 1 it is the
 *  area of either. */
FV_API fv_class_scores fv_scores_mean(fv_scores *scores, int weighted);

#ifdef __cplusplus
}
#endif
#endif
