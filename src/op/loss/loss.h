/* What losses share: operands, reductions, and work in chunks. */
#ifndef FV_OP_LOSS_LOSS_H
#define FV_OP_LOSS_LOSS_H

#include "op/chunk.h"

/* The operands of every loss. */
enum { FV__LOGITS, FV__TARGET };

/* Chunks of a loss that is a sum over the elements of `x`; the buffer of a
 * worker has one number for each element of a chunk. `cost` is elementary
 * operations per element. */
fv__chunks fv__loss_elements(const fv_context *context, const fv_tensor *x,
                             double cost);
/* Refuses operands that are not of one shape, of at least `least_rank` axes, 0
 * or 1. */
fv_status fv__loss_check_elements(const fv_inference *inference,
                                  int32_t least_rank);
/* Sets result and scratch: the result has rank 0 or, if nothing is reduced, the
 * first `rank` axes of the input. Refuses a batch without elements and unknown
 * reductions. */
fv_status fv__loss_infer(fv_inference *inference, const fv__chunks *chunks,
                         fv_reduction reduction, int32_t rank);
/* What the sum of the terms is divided by; `weight` is their total weight. */
double fv__loss_divisor(const fv_call *call, fv_reduction reduction,
                        double weight);
/* Runs `terms` over all chunks; the result is the sum divided by `divisor`,
 * unless nothing is reduced and `terms` writes the result. */
void fv__loss_forward(const fv_call *call, const fv__chunks *chunks,
                      fv_reduction reduction, double divisor,
                      fv__chunk_work *terms);
/* The upstream gradient divided by `divisor`; 1 if nothing is reduced, where
 * each term has a gradient of its own. */
double fv__loss_scale(const fv_call *call, fv_reduction reduction,
                      double divisor);
/* The reduction that stands for FV_REDUCTION_DEFAULT. */
static inline fv_reduction fv__reduction_or(fv_reduction reduction,
                                            fv_reduction usual)
{
    return reduction == FV_REDUCTION_DEFAULT ? usual : reduction;
}

/* ---- sums over elements -------------------------------------------------- */

/* Attributes of a loss that is a sum of f(x, t) over elements of one shape. The
 * lists have one number, or one for each element of the last axis; none: 1. */
typedef struct fv__element_loss {
    fv__loss f;
    fv_reduction reduction;
    double p, q;
    fv_numbers weights;  /* of the terms */
    fv_numbers positive; /* w of f, for FV__LOGIT */
} fv__element_loss;

#define FV__ELEMENT_LOSS(operator_name)                                        \
    .size = sizeof(fv_operator), .name = (operator_name), .min_inputs = 2,     \
    .max_inputs = 2, .attributes_size = sizeof(fv__element_loss),              \
    .backward_reads = FV_READS_INPUTS, .infer = fv__element_loss_infer,        \
    .forward = fv__element_loss_forward, .backward = fv__element_loss_backward

fv_status fv__element_loss_infer(fv_inference *inference);
void fv__element_loss_forward(const fv_call *call);
void fv__element_loss_backward(const fv_call *call);
fv_variable *fv__element_loss_apply(const fv_operator *op, fv_variable *x,
                                    fv_variable *target,
                                    const fv__element_loss *attributes);

/* That of f alone, the mean unless `reduction` says otherwise. */
fv_variable *fv__element_mean(const fv_operator *op, fv_variable *x,
                              fv_variable *target, fv__loss f, double p,
                              fv_reduction reduction);
/* The members of a layer type but for kind, about and meaning. */
#define FV__VALUES_LOSS_LAYER(options)                                         \
    FV__LAYER_OPTIONS(options), .fields = fields, .min_inputs = 1,             \
                                .max_inputs = 1, .target = FV__TARGET_VALUES,  \
                                .forward = apply

/* ---- sums over rows with a class each ------------------------------------ */

/* Attributes of a loss of rows along the last axis, each with a class. */
typedef struct fv__class_loss {
    fv_class_loss how;
    double margin, power; /* hinge */
    double gamma;         /* focal */
} fv__class_loss;

/* A row of `n` numbers: the class, or weights of all classes. */
typedef struct fv__class_row {
    int64_t n;
    const void *x;
    int64_t label;
    const void *weights; /* NULL: the label */
    void *buffer;        /* n numbers of the context's type */
} fv__class_row;

typedef struct fv__class_rule {
    /* The term of a row without the weight of its class, and its gradient times
     * `scale`, which is added to dx. */
    double (*term)(const fv_call *call, const fv__class_row *row);
    void (*grad)(const fv_call *call, const fv__class_row *row, double scale,
                 void *dx);
    bool dense; /* the target may be weights of the classes, of the input's
                   shape */
    bool rows;  /* a mean is divided by rows, not by weights of classes */
} fv__class_rule;

/* The operator's shape rule ends with fv__class_loss_infer. */
#define FV__CLASS_LOSS(operator_name, rule)                                    \
    .size = sizeof(fv_operator), .name = (operator_name), .min_inputs = 2,     \
    .max_inputs = 2, .attributes_size = sizeof(fv__class_loss),                \
    .backward_reads = FV_READS_INPUTS, .infer = (rule),                        \
    .forward = fv__class_loss_forward, .backward = fv__class_loss_backward

fv_status fv__class_loss_infer(fv_inference *inference,
                               const fv__class_rule *rule);
void fv__class_loss_forward(const fv_call *call);
void fv__class_loss_backward(const fv_call *call);
/* Refuses known labels that are no classes first. */
fv_variable *fv__class_loss_apply(const fv_operator *op, fv_variable *x,
                                  fv_variable *target,
                                  const fv__class_loss *attributes);
static inline const fv__class_loss *fv__class_loss_of(const fv_call *call)
{
    return call->attributes;
}

/* ---- options of layers --------------------------------------------------- */

/* Fields of a layer's options that have the members of fv_class_loss. */
#define FV__CLASS_LOSS_FIELDS(options)                                         \
    { FV__FIELD(options, NUMBERS, class_weights) },                            \
        { FV__FIELD(options, LABEL, ignore_index) },                           \
    {                                                                          \
        FV__REDUCTION_FIELD(options, FV_REDUCTION_MEAN)                        \
    }
/* The attributes of such options. */
#define FV__CLASS_LOSS_HOW(options)                                            \
    {                                                                          \
        .class_weights = (options)->class_weights,                             \
        .ignore_index = (options)->ignore_index,                               \
        .reduction = (options)->reduction                                      \
    }
#define FV__REDUCTION_FIELD(options, standard)                                 \
    FV__FIELD(options, WORD, reduction), .usual = (standard),                  \
                                         .words = fv__reduction_words

#endif
