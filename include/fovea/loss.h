/** @file
 * Losses: functions of variables, and the layers that end a network.
 *
 * A loss is a number of rank 0, unless nothing is reduced. A layer takes its
 * target as one more input. */
#ifndef FOVEA_LOSS_H
#define FOVEA_LOSS_H

#include <fovea/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the outputs of a network are, which its loss says. */
typedef enum fv_meaning {
    FV_MEANS_VALUES = 0,       /**< what the network was trained on; without a
                                    loss, too */
    FV_MEANS_LOGITS,           /**< softmax makes probabilities of classes */
    FV_MEANS_LOG_ODDS,         /**< the sigmoid of each is a probability */
    FV_MEANS_LOG_PROBABILITIES /**< exp makes probabilities of classes */
} fv_meaning;

/** What becomes of the terms of a loss. */
typedef enum fv_reduction {
    FV_REDUCTION_DEFAULT = 0, /**< the mean, unless the loss says otherwise */
    FV_REDUCTION_MEAN,        /**< their sum, divided by their weight */
    FV_REDUCTION_SUM,         /**< their sum */
    FV_REDUCTION_NONE,        /**< the terms as they are, of the shape of the
                                   target's classes or of the input */
    FV_REDUCTION_BATCH        /**< their sum, divided by the first extent */
} fv_reduction;

/** As `ignore_index`: the label 0, since 0 itself is none. */
#define FV_LABEL_0 INT64_MIN

/** What losses with a class for each row have in common. */
typedef struct fv_class_loss {
    int64_t ignore_index FV_ZERO; /**< label of rows that are left out; 0: none,
                                       #FV_LABEL_0: label 0 */
    fv_numbers class_weights FV_ZERO; /**< one for each class; none: 1. A mean
                                           is divided by the weights of the
                                           classes that occur. */
    double label_smoothing FV_ZERO;   /**< part, 0 to 1, of a row's weight that
                                           all classes share; cross-entropy only
                                           */
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
} fv_class_loss;

/** Mean over all elements of (x - target)^2. */
FV_API fv_variable *fv_mse_of(fv_variable *x, fv_variable *target);
/** The same, reduced in another way. */
FV_API fv_variable *fv_mse_with(fv_variable *x, fv_variable *target,
                                fv_reduction reduction);
/** |x - target|, with gradient 0 where both are equal. */
FV_API fv_variable *fv_l1_of(fv_variable *x, fv_variable *target,
                             fv_reduction reduction);
/** (x - target)^2 / 2 where the distance is below delta, above 0, and
 *  delta (|x - target| - delta / 2) beyond. */
FV_API fv_variable *fv_huber_of(fv_variable *x, fv_variable *target,
                                double delta, fv_reduction reduction);
/** fv_huber_of() divided by delta, here beta; fv_l1_of() where beta is 0. */
FV_API fv_variable *fv_smooth_l1_of(fv_variable *x, fv_variable *target,
                                    double beta, fv_reduction reduction);
/** Binary cross-entropy of probabilities x: -t log x - (1 - t) log(1 - x), with
 *  logarithms of at least -100. `weights`, NULL or one for all or for each
 *  element of the last axis, are factors of the terms. */
FV_API fv_variable *fv_bce_of(fv_variable *x, fv_variable *target,
                              const fv_numbers *weights,
                              fv_reduction reduction);
/** Kullback-Leibler divergence of a target from logarithms x of probabilities:
 *  t (log t - x), or exp(t) (t - x) where the target is logarithms, too. */
FV_API fv_variable *fv_kl_of(fv_variable *x, fv_variable *target,
                             int log_target, fv_reduction reduction);
/** Sum over the elements of max(x, 0) - x t + log(1 + exp(-|x|)), divided by
 *  the batch, the first extent, as in num.cr. A logit of +inf gives what
 *  PyTorch's (1 - t) x gives: inf, or NaN where t is 1. One of -inf gives inf,
 *  or NaN where t is 0; PyTorch gives NaN for every t. */
FV_API fv_variable *fv_sigmoid_cross_entropy_of(fv_variable *logits,
                                                fv_variable *target);
/** The same with factors of the terms and of their part with t, each NULL or
 *  one for all or for each element of the last axis. By default it is divided
 *  by the batch. */
FV_API fv_variable *fv_sigmoid_cross_entropy_with(
    fv_variable *logits, fv_variable *target, const fv_numbers *weights,
    const fv_numbers *positive_weights, fv_reduction reduction);
/** fv_sigmoid_cross_entropy_of() for each element, times u^gamma, where u is
 *  the probability of what the target is not, and, where alpha is not negative,
 *  times alpha t + (1 - alpha) (1 - t). The target has no gradient. */
FV_API fv_variable *fv_sigmoid_focal_of(fv_variable *logits,
                                        fv_variable *target, double alpha,
                                        double gamma, fv_reduction reduction);
/** Mean over the rows of logits [n, .., classes] of -sum t log softmax(x). The
 *  target is a constant of integer class indices [n, ..] or of weights
 *  [n, .., classes]. A weight of 0 at a logit of -inf makes the loss NaN, as in
 *  PyTorch (0 times inf); with class indices the logits of other classes may
 *  be -inf. */
FV_API fv_variable *fv_softmax_cross_entropy_of(fv_variable *logits,
                                                fv_variable *target);
/** The same with class weights, labels that are left out, smoothing and other
 *  reductions. A mean over rows that are all left out is NaN. */
FV_API fv_variable *fv_softmax_cross_entropy_with(fv_variable *logits,
                                                  fv_variable *target,
                                                  const fv_class_loss *how);
/** fv_softmax_cross_entropy_of() of class indices, each row times
 *  (1 - p)^gamma, p being the probability of its class. `how` may be NULL, here
 *  and below. */
FV_API fv_variable *fv_softmax_focal_of(fv_variable *logits,
                                        fv_variable *labels, double gamma,
                                        const fv_class_loss *how);
/** -x at the class of each row of x [n, .., classes], logarithms of
 *  probabilities. */
FV_API fv_variable *fv_nll_of(fv_variable *x, fv_variable *labels,
                              const fv_class_loss *how);
/** Hinge loss of several classes: the sum over the other classes j of
 *  max(0, margin - x_class + x_j)^power, divided by the number of classes;
 *  power is 1 or 2. A mean is divided by the number of rows, as in PyTorch. */
FV_API fv_variable *fv_hinge_of(fv_variable *scores, fv_variable *labels,
                                double margin, double power,
                                const fv_class_loss *how);

/** Dice loss of probabilities x [n, .., classes]: 1 - (2 sum x t + smooth) /
 *  (sum x + sum t + smooth) for each image and class, over its pixels; nothing
 *  reduced is [n, classes]. The target is class indices [n, ..] or values of
 * the shape of x, and has no gradient. */
FV_API fv_variable *fv_dice_of(fv_variable *x, fv_variable *target,
                               double smooth, fv_reduction reduction);

/** How fv_ctc_of() computes. */
typedef struct fv_ctc {
    int64_t blank FV_ZERO;          /**< the class between labels */
    int32_t zero_infinity FV_ZERO;  /**< 1: sequences that are impossible have
                                         neither loss nor gradient */
    fv_reduction reduction FV_ZERO; /**< in a mean each sequence is divided by
                                         its number of labels */
} fv_ctc;
/** Connectionist temporal classification of x [n, steps, classes], logarithms
 *  of probabilities: -log of the probability of all paths that read as the
 *  labels [n, length], integers. Lengths [n] tell how many steps and labels
 *  count; NULL: all steps, and labels before the first below 0. A sequence with
 *  a label or length that is out of range has the loss NaN and no gradient. */
FV_API fv_variable *fv_ctc_of(fv_variable *x, fv_variable *labels,
                              fv_variable *input_lengths,
                              fv_variable *target_lengths, const fv_ctc *how);

/** Pairs of rows x and y [n, features]: 1 - cos where `alike` [n] is above 0,
 *  else max(0, cos - margin). `alike` is of any type and has no gradient. */
FV_API fv_variable *fv_cosine_embedding_of(fv_variable *x, fv_variable *y,
                                           fv_variable *alike, double margin,
                                           fv_reduction reduction);

/** How fv_triplet_of() computes. */
typedef struct fv_triplet {
    double margin FV_ZERO; /**< 0: 1 */
    double power FV_ZERO;  /**< of the norm, at least 1; 0: 2 */
    int32_t swap FV_ZERO;  /**< 1: the negative's distance is the smaller of
                                those from anchor and positive */
    fv_reduction reduction FV_ZERO;
} fv_triplet;
/** Rows [n, features]: max(0, margin + |anchor - positive| -
 *  |anchor - negative|), where 1e-6 is added to each difference. */
FV_API fv_variable *fv_triplet_of(fv_variable *anchor, fv_variable *positive,
                                  fv_variable *negative, const fv_triplet *how);

/** Options of fv_mse() and fv_l1(). */
typedef struct fv_loss_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_loss_options;

/** Options of fv_huber(). */
typedef struct fv_huber_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    double delta FV_ZERO; /**< above 0; 0: 1 */
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_huber_options;

/** Options of fv_smooth_l1(). */
typedef struct fv_smooth_l1_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    double beta FV_ZERO; /**< above 0; 0: 1 */
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_smooth_l1_options;

/** Options of fv_bce(). */
typedef struct fv_bce_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    fv_numbers class_weights FV_ZERO; /**< of the terms, as in fv_bce_of() */
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_bce_options;

/** Options of fv_kl(). */
typedef struct fv_kl_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    int32_t log_target FV_ZERO; /**< 1: the target is logarithms */
    fv_reduction reduction FV_ZERO;
    FV_LAYER_NAMES;
} fv_kl_options;

/** Options of fv_sigmoid_cross_entropy(). */
typedef struct fv_sigmoid_cross_entropy_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    fv_numbers class_weights FV_ZERO;    /**< of the terms */
    fv_numbers positive_weights FV_ZERO; /**< of their part with the target */
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_sigmoid_cross_entropy_options;

/** Options of fv_sigmoid_focal(). */
typedef struct fv_sigmoid_focal_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    double alpha FV_ZERO; /**< 0: 0.25; below 0: no balance */
    double gamma FV_ZERO; /**< above 0; 0: 2 */
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_sigmoid_focal_options;

/** Options of fv_softmax_cross_entropy(). */
typedef struct fv_softmax_cross_entropy_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    fv_numbers class_weights FV_ZERO; /**< as in fv_class_loss */
    int64_t ignore_index FV_ZERO;
    double label_smoothing FV_ZERO; /**< 0 to 1 */
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_softmax_cross_entropy_options;

/** Options of fv_softmax_focal(). */
typedef struct fv_softmax_focal_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    double gamma FV_ZERO;             /**< above 0; 0: 2 */
    fv_numbers class_weights FV_ZERO; /**< as in fv_class_loss */
    int64_t ignore_index FV_ZERO;
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_softmax_focal_options;

/** Options of fv_nll(). */
typedef struct fv_nll_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    fv_numbers class_weights FV_ZERO; /**< as in fv_class_loss */
    int64_t ignore_index FV_ZERO;
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_nll_options;

/** Options of fv_hinge(). */
typedef struct fv_hinge_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    double margin FV_ZERO;            /**< 0: 1 */
    double power FV_ZERO;             /**< 1 or 2; 0: 1 */
    fv_numbers class_weights FV_ZERO; /**< as in fv_class_loss */
    int64_t ignore_index FV_ZERO;
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_hinge_options;

/** Options of fv_cosine_embedding(). */
typedef struct fv_cosine_embedding_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    double margin FV_ZERO;
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_cosine_embedding_options;

/** Options of fv_triplet(). */
typedef struct fv_triplet_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    double margin FV_ZERO; /**< as in fv_triplet_of() */
    double power FV_ZERO;
    int32_t swap FV_ZERO;
    fv_reduction reduction FV_ZERO;
    FV_LAYER_NAMES;
} fv_triplet_options;

/** Options of fv_dice(). */
typedef struct fv_dice_options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    double smooth FV_ZERO; /**< above 0; 0: 1 */
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_dice_options;

/** Options of fv_ctc(). */
typedef struct fv_ctc_options {
    size_t size;
    fv_context *context;
    int64_t max_labels; /**< required; of a sequence of a network's target */
    FV_LAYER_SHAPE;
    int64_t blank FV_ZERO;
    int32_t logits FV_ZERO; /**< 1: log_softmax is applied first */
    int32_t zero_infinity FV_ZERO;
    fv_reduction reduction FV_ZERO;
    int32_t reserved FV_ZERO;
    FV_LAYER_NAMES;
} fv_ctc_options;

/** Of probabilities of pixels; see fv_dice_of(). */
#define fv_dice(...) FV_LAYER_(fv_dice_new, fv_dice_options, __VA_ARGS__)
/** `fv_ctc(ctx, 32)`: the most labels of a sequence; see fv_ctc_of(). */
#define fv_ctc(ctx, ...)                                                       \
    fv_ctc_new(FV_OPTIONS(fv_ctc_options, .context = (ctx),                    \
                          .max_labels = __VA_ARGS__))
/** `fv_cosine_embedding(ctx, .from = "a,b")`; see fv_cosine_embedding_of(). */
#define fv_cosine_embedding(...)                                               \
    FV_LAYER_(fv_cosine_embedding_new, fv_cosine_embedding_options, __VA_ARGS__)
/** `fv_triplet(ctx, .from = "a,p,n")`; see fv_triplet_of(). */
#define fv_triplet(...)                                                        \
    FV_LAYER_(fv_triplet_new, fv_triplet_options, __VA_ARGS__)
/** Mean squared error. */
#define fv_mse(...) FV_LAYER_(fv_mse_new, fv_loss_options, __VA_ARGS__)
/** Mean absolute error. */
#define fv_l1(...) FV_LAYER_(fv_l1_new, fv_loss_options, __VA_ARGS__)
/** Squared error near zero, absolute error beyond; see fv_huber_of(). */
#define fv_huber(...) FV_LAYER_(fv_huber_new, fv_huber_options, __VA_ARGS__)
/** See fv_smooth_l1_of(). */
#define fv_smooth_l1(...)                                                      \
    FV_LAYER_(fv_smooth_l1_new, fv_smooth_l1_options, __VA_ARGS__)
/** Binary cross-entropy of probabilities. */
#define fv_bce(...) FV_LAYER_(fv_bce_new, fv_bce_options, __VA_ARGS__)
/** Kullback-Leibler divergence; see fv_kl_of(). */
#define fv_kl(...) FV_LAYER_(fv_kl_new, fv_kl_options, __VA_ARGS__)
/** Of logits; see fv_sigmoid_cross_entropy_of(). */
#define fv_sigmoid_cross_entropy(...)                                          \
    FV_LAYER_(fv_sigmoid_cross_entropy_new, fv_sigmoid_cross_entropy_options,  \
              __VA_ARGS__)
/** Of logits; see fv_sigmoid_focal_of(). */
#define fv_sigmoid_focal(...)                                                  \
    FV_LAYER_(fv_sigmoid_focal_new, fv_sigmoid_focal_options, __VA_ARGS__)
/** Of logits; see fv_softmax_cross_entropy_of(). */
#define fv_softmax_cross_entropy(...)                                          \
    FV_LAYER_(fv_softmax_cross_entropy_new, fv_softmax_cross_entropy_options,  \
              __VA_ARGS__)
/** Of logits; see fv_softmax_focal_of(). */
#define fv_softmax_focal(...)                                                  \
    FV_LAYER_(fv_softmax_focal_new, fv_softmax_focal_options, __VA_ARGS__)
/** Of logarithms of probabilities; see fv_nll_of(). */
#define fv_nll(...) FV_LAYER_(fv_nll_new, fv_nll_options, __VA_ARGS__)
/** Of scores of classes; see fv_hinge_of(). */
#define fv_hinge(...) FV_LAYER_(fv_hinge_new, fv_hinge_options, __VA_ARGS__)

/** Mean over all elements of (x - target)^2. */
FV_API fv_layer *fv_mse_new(const fv_loss_options *options);
/** Mean absolute error. */
FV_API fv_layer *fv_l1_new(const fv_loss_options *options);
/** Squared error near zero, absolute error beyond; see fv_huber_of(). */
FV_API fv_layer *fv_huber_new(const fv_huber_options *options);
/** See fv_smooth_l1_of(). */
FV_API fv_layer *fv_smooth_l1_new(const fv_smooth_l1_options *options);
/** Binary cross-entropy of probabilities. */
FV_API fv_layer *fv_bce_new(const fv_bce_options *options);
/** Kullback-Leibler divergence; see fv_kl_of(). */
FV_API fv_layer *fv_kl_new(const fv_kl_options *options);
/** See fv_sigmoid_cross_entropy_of(). */
FV_API fv_layer *
fv_sigmoid_cross_entropy_new(const fv_sigmoid_cross_entropy_options *options);
/** Of logits; see fv_sigmoid_focal_of(). */
FV_API fv_layer *fv_sigmoid_focal_new(const fv_sigmoid_focal_options *options);
/** See fv_softmax_cross_entropy_of(). */
FV_API fv_layer *
fv_softmax_cross_entropy_new(const fv_softmax_cross_entropy_options *options);
/** Of logits; see fv_softmax_focal_of(). */
FV_API fv_layer *fv_softmax_focal_new(const fv_softmax_focal_options *options);
/** Of logarithms of probabilities; see fv_nll_of(). */
FV_API fv_layer *fv_nll_new(const fv_nll_options *options);
/** Of scores of classes; see fv_hinge_of(). */
FV_API fv_layer *fv_hinge_new(const fv_hinge_options *options);
/** Dice loss; see fv_dice_of(). */
FV_API fv_layer *fv_dice_new(const fv_dice_options *options);
/** Connectionist temporal classification; see fv_ctc_of(). */
FV_API fv_layer *fv_ctc_new(const fv_ctc_options *options);
/** Cosine embedding loss of two inputs; see fv_cosine_embedding_of(). */
FV_API fv_layer *
fv_cosine_embedding_new(const fv_cosine_embedding_options *options);
/** Triplet loss of three inputs; see fv_triplet_of(). */
FV_API fv_layer *fv_triplet_new(const fv_triplet_options *options);

#ifdef __cplusplus
}
#endif
#endif
