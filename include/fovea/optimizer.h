/** @file
 * Optimizers: rules that change weights along their gradients.
 *
 * An optimizer is made for a network, or for leaves of one's own. The learning
 * rate is required and comes by its place, options by name:
 *
 *     fv_optimizer *sgd = fv_sgd(net, 0.01, .momentum = 0.9);
 *     fv_optimizer *own = fv_adam(NULL, 1e-3, .variables = { 2, leaves }); */
#ifndef FOVEA_OPTIMIZER_H
#define FOVEA_OPTIMIZER_H

#include <fovea/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An optimizer; belongs to its context. */
typedef struct fv_optimizer fv_optimizer;

/** g = gradient + weight_decay w; m = momentum m + g; w -= learning_rate m, or
 *  with Nesterov w -= learning_rate (g + momentum m): PyTorch's form, equal to
 *  num.cr's while the learning rate is constant. */
typedef struct fv_sgd_options {
    size_t size;
    fv_network *network;            /**< whose variables are updated; or NULL */
    double learning_rate;           /**< required, at least 0 */
    fv_variables variables FV_ZERO; /**< leaves of one's own; copied list */
    double momentum FV_ZERO;        /**< at least 0, below 1 */
    double weight_decay FV_ZERO;    /**< at least 0 */
    int32_t nesterov FV_ZERO;       /**< 1: with a momentum above 0 */
    int32_t reserved FV_ZERO;
} fv_sgd_options;

/** Kingma and Ba; epsilon after the bias correction, as in PyTorch. Adam adds
 *  weight_decay w to the gradient; AdamW shrinks w by learning_rate
 *  weight_decay first. */
typedef struct fv_adam_options {
    size_t size;
    fv_network *network;            /**< whose variables are updated; or NULL */
    double learning_rate;           /**< required, at least 0 */
    double weight_decay FV_ZERO;    /**< at least 0 */
    fv_variables variables FV_ZERO; /**< leaves of one's own; copied list */
    double betas[2] FV_ZERO; /**< of the first and the second moment: {0, 0} is
                                  {0.9, 0.999}; else at least 0 and above 0,
                                  both below 1 */
    double epsilon FV_ZERO;  /**< above 0; 0: 1e-8 */
} fv_adam_options;

/** `fv_sgd(net, 0.01, .momentum = 0.9)`: the learning rate, then options; for
 *  leaves of one's own `fv_sgd(NULL, 0.01, .variables = { 2, leaves })`. */
#define fv_sgd(net, ...)                                                       \
    fv_sgd_new(FV_OPTIONS(fv_sgd_options, .network = (net),                    \
                          .learning_rate = __VA_ARGS__))
/** `fv_adam(net, 1e-3)`: the learning rate. */
#define fv_adam(net, ...)                                                      \
    fv_adam_new(FV_OPTIONS(fv_adam_options, .network = (net),                  \
                           .learning_rate = __VA_ARGS__))
/** `fv_adamw(net, 1e-3, 0.01)`: the learning rate and the weight decay. */
#define fv_adamw(net, rate, ...)                                               \
    fv_adamw_new(FV_OPTIONS(fv_adam_options, .network = (net),                 \
                            .learning_rate = (rate),                           \
                            .weight_decay = __VA_ARGS__))

/** Stochastic gradient descent; see #fv_sgd_options. */
FV_API fv_optimizer *fv_sgd_new(const fv_sgd_options *options);
/** Adam; see #fv_adam_options. */
FV_API fv_optimizer *fv_adam_new(const fv_adam_options *options);
/** AdamW, with decoupled weight decay; see #fv_adam_options. */
FV_API fv_optimizer *fv_adamw_new(const fv_adam_options *options);

/** By name, with the options of its struct as words: "adam", "sgd 0.1
 *  momentum=0.9 nesterov=yes", "adamw 0.001 beta1=0.8 weight_decay=0.1". The
 *  learning rate is the number behind the name; what is left out has its
 * default, the learning rate too. */
FV_API fv_optimizer *fv_optimizer_parse(fv_network *network, const char *text);
/** Names that fv_optimizer_parse() knows, by index from 0; NULL behind the
 *  last. */
FV_API const char *fv_optimizer_name(int32_t index);

/** Applies the rule to every variable that requires a gradient, then sets the
 *  gradients to zero, in place. Adam's bias correction counts the updates of
 *  each variable: one that requires a gradient later begins with its first. */
FV_API fv_status fv_optimizer_update(fv_optimizer *optimizer);
/** Sets the gradients to zero without an update. */
FV_API void fv_zero_grad(fv_optimizer *optimizer);
/** The learning rate of the next update. */
FV_API double fv_learning_rate(const fv_optimizer *optimizer);
/** Any finite number of at least 0, from the next update on; 0 leaves the
 *  weights as they are. */
FV_API fv_status fv_set_learning_rate(fv_optimizer *optimizer, double rate);
/** Frees the optimizer before its context. NULL is allowed. */
FV_API void fv_optimizer_free(fv_optimizer *optimizer);

#ifdef __cplusplus
}
#endif
#endif
