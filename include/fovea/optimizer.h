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

/* Formulas are PyTorch's, where it has them: w is a weight, g its gradient, to
 * which weight_decay w is added first unless the decay is said to be decoupled,
 * which is w -= learning_rate weight_decay w. */

/** m = momentum m + (1 - dampening) g, m = g in the first step;
 *  w -= learning_rate m, or with Nesterov w -= learning_rate (g + momentum m):
 *  equal to num.cr's while the learning rate is constant. */
typedef struct fv_sgd_options {
    size_t size;
    fv_network *network;            /**< whose variables are updated; or NULL */
    double learning_rate;           /**< required, at least 0 */
    fv_variables variables FV_ZERO; /**< leaves of one's own; copied list */
    double momentum FV_ZERO;        /**< at least 0, below 1 */
    double weight_decay FV_ZERO;    /**< at least 0 */
    int32_t nesterov FV_ZERO;       /**< 1: with a momentum above 0 */
    int32_t reserved FV_ZERO;
    double dampening FV_ZERO; /**< at least 0, below 1; 0 with nesterov */
} fv_sgd_options;

/** Kingma and Ba; epsilon after the bias correction. Adam adds weight_decay w
 * to the gradient; AdamW's decay is decoupled. */
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
    int32_t amsgrad FV_ZERO; /**< 1: divide by the largest second moment so far
                                  (Reddi et al. 2018) */
    int32_t reserved FV_ZERO;
} fv_adam_options;

/** v = alpha v + (1 - alpha) g^2; s = g / (sqrt(v) + epsilon), centred: with
 *  v - a^2 for v, where a = alpha a + (1 - alpha) g; m = momentum m + s;
 *  w -= learning_rate m. */
typedef struct fv_rmsprop_options {
    size_t size;
    fv_network *network;            /**< whose variables are updated; or NULL */
    double learning_rate;           /**< required, at least 0 */
    fv_variables variables FV_ZERO; /**< leaves of one's own; copied list */
    double alpha FV_ZERO;           /**< above 0, below 1; 0: 0.99 */
    double momentum FV_ZERO;        /**< at least 0, below 1 */
    double weight_decay FV_ZERO;    /**< at least 0 */
    double epsilon FV_ZERO;         /**< above 0; 0: 1e-8 */
    int32_t centered FV_ZERO;       /**< 1: see above */
    int32_t reserved FV_ZERO;
} fv_rmsprop_options;

/** v = v + g^2, from `initial`; w -= rate g / (sqrt(v) + epsilon), rate =
 *  learning_rate / (1 + t rate_decay) after t updates. */
typedef struct fv_adagrad_options {
    size_t size;
    fv_network *network;            /**< whose variables are updated; or NULL */
    double learning_rate;           /**< required, at least 0 */
    fv_variables variables FV_ZERO; /**< leaves of one's own; copied list */
    double rate_decay FV_ZERO;      /**< at least 0 */
    double initial FV_ZERO;         /**< at least 0 */
    double weight_decay FV_ZERO;    /**< at least 0 */
    double epsilon FV_ZERO;         /**< above 0; 0: 1e-10 */
} fv_adagrad_options;

/** v = rho v + (1 - rho) g^2; s = g sqrt(a + epsilon) / sqrt(v + epsilon);
 *  a = rho a + (1 - rho) s^2; w -= learning_rate s. Zeiler's learning rate
 *  is 1. */
typedef struct fv_adadelta_options {
    size_t size;
    fv_network *network;            /**< whose variables are updated; or NULL */
    double learning_rate;           /**< required, at least 0 */
    fv_variables variables FV_ZERO; /**< leaves of one's own; copied list */
    double rho FV_ZERO;             /**< above 0, below 1; 0: 0.9 */
    double weight_decay FV_ZERO;    /**< at least 0 */
    double epsilon FV_ZERO;         /**< above 0; 0: 1e-6 */
} fv_adadelta_options;

/** Adam with Nesterov's momentum, which grows from beta1 / 2 to beta1: in step
 * t it is beta1 (1 - 0.96^(t momentum_decay) / 2). */
typedef struct fv_nadam_options {
    size_t size;
    fv_network *network;            /**< whose variables are updated; or NULL */
    double learning_rate;           /**< required, at least 0 */
    fv_variables variables FV_ZERO; /**< leaves of one's own; copied list */
    double betas[2] FV_ZERO;        /**< as those of #fv_adam_options */
    double weight_decay FV_ZERO;    /**< at least 0 */
    double epsilon FV_ZERO;         /**< above 0; 0: 1e-8 */
    double momentum_decay FV_ZERO;  /**< above 0; 0: 0.004 */
} fv_nadam_options;

/** Adam whose first steps do without the second moment, until that is an
 *  estimate over more than 5 steps, and whose steps are smaller until it is one
 *  over many (Liu et al. 2020). */
typedef struct fv_radam_options {
    size_t size;
    fv_network *network;            /**< whose variables are updated; or NULL */
    double learning_rate;           /**< required, at least 0 */
    fv_variables variables FV_ZERO; /**< leaves of one's own; copied list */
    double betas[2] FV_ZERO;        /**< as those of #fv_adam_options */
    double weight_decay FV_ZERO;    /**< at least 0 */
    double epsilon FV_ZERO;         /**< above 0; 0: 1e-8 */
} fv_radam_options;

/** w -= learning_rate sign(beta1 m + (1 - beta1) g), then
 *  m = beta2 m + (1 - beta2) g (Chen et al. 2023). The decay is decoupled. */
typedef struct fv_lion_options {
    size_t size;
    fv_network *network;            /**< whose variables are updated; or NULL */
    double learning_rate;           /**< required, at least 0 */
    fv_variables variables FV_ZERO; /**< leaves of one's own; copied list */
    double betas[2] FV_ZERO;        /**< {0, 0}: {0.9, 0.99}; as in Adam */
    double weight_decay FV_ZERO;    /**< at least 0 */
} fv_lion_options;

/** s = Adam's step for a learning rate of 1, plus weight_decay w; for each
 * array of weights w -= learning_rate |w| / |s| s, with Euclidean norms, or 1
 * for their ratio if one of them is 0 (You et al. 2020). */
typedef struct fv_lamb_options {
    size_t size;
    fv_network *network;            /**< whose variables are updated; or NULL */
    double learning_rate;           /**< required, at least 0 */
    fv_variables variables FV_ZERO; /**< leaves of one's own; copied list */
    double betas[2] FV_ZERO;        /**< as those of #fv_adam_options */
    double weight_decay FV_ZERO;    /**< at least 0 */
    double epsilon FV_ZERO;         /**< above 0; 0: 1e-6 */
} fv_lamb_options;

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

/** `fv_rmsprop(net, 0.01)`: the learning rate, then options. */
#define fv_rmsprop(net, ...)                                                   \
    fv_rmsprop_new(FV_OPTIONS(fv_rmsprop_options, .network = (net),            \
                              .learning_rate = __VA_ARGS__))
/** `fv_adagrad(net, 0.01)`: the learning rate, then options. */
#define fv_adagrad(net, ...)                                                   \
    fv_adagrad_new(FV_OPTIONS(fv_adagrad_options, .network = (net),            \
                              .learning_rate = __VA_ARGS__))
/** `fv_adadelta(net, 1)`: the learning rate, then options. */
#define fv_adadelta(net, ...)                                                  \
    fv_adadelta_new(FV_OPTIONS(fv_adadelta_options, .network = (net),          \
                               .learning_rate = __VA_ARGS__))
/** `fv_nadam(net, 2e-3)`: the learning rate, then options. */
#define fv_nadam(net, ...)                                                     \
    fv_nadam_new(FV_OPTIONS(fv_nadam_options, .network = (net),                \
                            .learning_rate = __VA_ARGS__))
/** `fv_radam(net, 1e-3)`: the learning rate, then options. */
#define fv_radam(net, ...)                                                     \
    fv_radam_new(FV_OPTIONS(fv_radam_options, .network = (net),                \
                            .learning_rate = __VA_ARGS__))
/** `fv_lion(net, 1e-4)`: the learning rate, then options. */
#define fv_lion(net, ...)                                                      \
    fv_lion_new(FV_OPTIONS(fv_lion_options, .network = (net),                  \
                           .learning_rate = __VA_ARGS__))
/** `fv_lamb(net, 1e-3)`: the learning rate, then options. */
#define fv_lamb(net, ...)                                                      \
    fv_lamb_new(FV_OPTIONS(fv_lamb_options, .network = (net),                  \
                           .learning_rate = __VA_ARGS__))

/** Stochastic gradient descent; see #fv_sgd_options. */
FV_API fv_optimizer *fv_sgd_new(const fv_sgd_options *options);
/** Adam; see #fv_adam_options. */
FV_API fv_optimizer *fv_adam_new(const fv_adam_options *options);
/** AdamW, with decoupled weight decay; see #fv_adam_options. */
FV_API fv_optimizer *fv_adamw_new(const fv_adam_options *options);
/** RMSprop; see #fv_rmsprop_options. */
FV_API fv_optimizer *fv_rmsprop_new(const fv_rmsprop_options *options);
/** Adagrad; see #fv_adagrad_options. */
FV_API fv_optimizer *fv_adagrad_new(const fv_adagrad_options *options);
/** Adadelta; see #fv_adadelta_options. */
FV_API fv_optimizer *fv_adadelta_new(const fv_adadelta_options *options);
/** NAdam; see #fv_nadam_options. */
FV_API fv_optimizer *fv_nadam_new(const fv_nadam_options *options);
/** RAdam; see #fv_radam_options. */
FV_API fv_optimizer *fv_radam_new(const fv_radam_options *options);
/** Lion; see #fv_lion_options. */
FV_API fv_optimizer *fv_lion_new(const fv_lion_options *options);
/** LAMB; see #fv_lamb_options. */
FV_API fv_optimizer *fv_lamb_new(const fv_lamb_options *options);

/** By name, with the options of its struct as words: "adam", "sgd 0.1
 *  momentum=0.9 nesterov=yes", "adamw 0.001 beta1=0.8 weight_decay=0.1". The
 *  learning rate is the number behind the name; what is left out has its
 *  default, the learning rate too. */
FV_API fv_optimizer *fv_optimizer_parse(fv_network *network, const char *text);
/** Names that fv_optimizer_parse() knows, by index from 0; NULL behind the
 *  last. */
FV_API const char *fv_optimizer_name(int32_t index);

/** Applies the rule to every variable that requires a gradient, then sets the
 *  gradients to zero, in place. A bias correction counts the updates of
 *  each variable: one that requires a gradient later begins with its first. */
FV_API fv_status fv_optimizer_update(fv_optimizer *optimizer);
/** Sets the gradients to zero without an update. */
FV_API void fv_zero_grad(fv_optimizer *optimizer);
/** The learning rate of the next update, as the schedule has it. */
FV_API double fv_learning_rate(const fv_optimizer *optimizer);
/** Any finite number of at least 0, from the next update on; 0 leaves the
 *  weights as they are. With a schedule it is the rate that the schedule starts
 *  from, in place of the one that the optimizer was made with. */
FV_API fv_status fv_set_learning_rate(fv_optimizer *optimizer, double rate);
/** Lets the learning rate of each update follow from the number of updates
 *  before it and the rate that the optimizer was made with, here called rate:
 *
 *      constant FACTOR
 *          rate x factor (1)
 *      linear [STEPS] start= end=
 *          rate x start (0.01) to rate x end (1)
 *      polynomial [STEPS] power=
 *          rate (1 - step / steps)^power (1)
 *      exponential GAMMA
 *          rate x gamma^step (0.99)
 *      step STEPS gamma=
 *          rate x gamma (0.1) each time that so many updates have passed
 *      multi_step M1 M2 ... gamma=
 *          the same at up to 8 milestones
 *      cosine [STEPS] minimum= restarts=
 *          rate to minimum (0) along half a cosine; with restarts again and
 *          again, each period so many times as long as the one before
 *      one_cycle [STEPS] rise= divide= final_divide= linear= three_phases=
 *          from rate / divide (25) up to rate in the share rise (0.3) of the
 *          steps, then down to the first rate / final_divide (1e4)
 *      plateau factor= patience= threshold= absolute= cooldown= minimum=
 *              epsilon= watch=loss|accuracy
 *          rate x factor (0.1) each time that more than patience (10) epochs
 *          were not better than the best by the threshold (1e-4, a share unless
 *          absolute); see fv_optimizer_observe()
 *
 *  Steps are updates. Where they are in brackets they may be left out: they are
 *  then what is left of the run of fv_fit(). `A for N then B` is B after N
 *  updates of A: "linear 500 for 500 then cosine". The numbers are those of
 *  PyTorch's schedulers. NULL or "": the rate stays. */
FV_API fv_status fv_set_schedule(fv_optimizer *optimizer, const char *schedule);
/** For a plateau in a loop of one's own: the metrics of an epoch. fv_fit() does
 *  that with those of the test data, or of the training without test data. */
FV_API fv_status fv_optimizer_observe(fv_optimizer *optimizer, double loss,
                                      double accuracy);
/** The learning rate of the parameters whose names fit the pattern is this
 *  multiple of the optimizer's; the last call that fits a parameter counts. A
 *  pattern is a name, "conv1.weight", in which * stands for any characters and
 * ? for one; one that fits no parameter is refused. Of a network's optimizer
 *  only; like options of the optimizer it is not in checkpoints. */
FV_API fv_status fv_scale_learning_rate(fv_optimizer *optimizer,
                                        const char *pattern, double factor);
/** Their weight decay, in place of that of the options; at least 0. */
FV_API fv_status fv_set_weight_decay(fv_optimizer *optimizer,
                                     const char *pattern, double decay);
/** No weight decay for arrays of one axis: biases, and scale and shift of
 *  normalisations. */
FV_API fv_status fv_decay_weights_only(fv_optimizer *optimizer);
/** Whether parameters whose names fit the pattern are trained: 0 freezes them.
 */
FV_API fv_status fv_set_trained(fv_network *network, const char *pattern,
                                int on);
/** Before each update, limits every gradient to [-limit, limit]; above 0, or 0
 *  for no limit. */
FV_API fv_status fv_set_clip_value(fv_optimizer *optimizer, double limit);
/** Before each update, and after the limit of fv_set_clip_value(), multiplies
 * all gradients by limit / (norm + 1e-6), if that is below 1, where norm is the
 *  Euclidean norm of them all; above 0, or 0 for no limit. */
FV_API fv_status fv_set_clip_norm(fv_optimizer *optimizer, double limit);
/** Keeps an exponential average of the weights, from what they are now:
 *  average = decay average + (1 - decay) w after each update; decay above 0 and
 *  below 1, or 0 for none. fv_fit() tests the averages in place of the weights,
 *  and its checkpoint holds both. */
FV_API fv_status fv_set_average(fv_optimizer *optimizer, double decay);
/** Exchanges the weights with their averages, to evaluate or save these; once
 *  more puts them back, which an update needs. */
FV_API fv_status fv_swap_average(fv_optimizer *optimizer);
/** Frees the optimizer before its context. NULL is allowed. */
FV_API void fv_optimizer_free(fv_optimizer *optimizer);

#ifdef __cplusplus
}
#endif
#endif
