/** @file
 * What an operator is: the struct through which the library's own operators,
 * and a user's, enter the graph. */
#ifndef FOVEA_OPERATOR_H
#define FOVEA_OPERATOR_H

#include <fovea/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A value in a graph, with or without a gradient; made by the functions of
 *  variable.h and owned by its context. */
typedef struct fv_variable fv_variable;

/** Question and answer of an operator's shape rule. */
typedef struct fv_inference {
    const char *name; /**< of the operator, for messages */
    fv_context *context;
    const void *attributes;
    int32_t num_inputs;
    int32_t training; /**< 1: behave as in training */
    int32_t gradient; /**< 1: a backward pass may follow */
    /** part of the answer: 1 on entry; at most fv_operator::max_outputs, 0 for
     * an operator that only has an effect */
    int32_t num_outputs;
    /** shapes and types; do not read data, but of integers that decide the
     *  shape: it is NULL in a plan where it is not known yet */
    const fv_tensor *const *inputs;
    struct fv__arena *memory; /**< for #fv_inference_allocate */
    /* The answer, zero on entry: */
    fv_tensor *outputs;      /**< type, rank and shape of each output */
    size_t forward_scratch;  /**< bytes free to use in forward */
    size_t backward_scratch; /**< bytes free to use in backward */
    size_t saved;            /**< bytes kept from forward to backward */
    size_t cached; /**< bytes that a plan for evaluation caches from run to
                        run; elsewhere they are scratch of each forward */
    const void *resolved; /**< what forward and backward should not work out
                               anew in each call, as fv_call::resolved; from
                               #fv_inference_allocate */
    /* For reports: */
    int64_t multiply_accumulates;
    int64_t window[2]; /**< rows and columns of input 0 that an element of
                            output 0 depends on: 1 on entry; 0: all */
    int64_t step[2];   /**< and how far they move to the next element: 1 on
                            entry */
} fv_inference;

/** Zeroed memory of `bytes` bytes, aligned to 64, that lives as long as the
 *  node; NULL after recording why there is none. */
FV_API void *fv_inference_allocate(const fv_inference *inference, size_t bytes);

/** What forward and backward work on. All tensors are contiguous; scratch and
 *  saved memory is aligned to 64 bytes. */
typedef struct fv_call {
    fv_context *context;
    const void *attributes;
    const void *resolved; /**< from the shape rule; NULL: it resolved nothing */
    int32_t num_inputs;
    int32_t num_outputs;
    const fv_tensor *const *inputs;
    const fv_tensor *const *outputs;
    const fv_tensor *const *output_grads; /**< backward only; an entry is NULL
                                               where no gradient arrives; at
                                               least one is not */
    const fv_tensor *const *input_grads;  /**< backward only; an entry is NULL
                                               where nobody wants it; at least
                                               one is not */
    void *saved; /**< NULL where no backward pass will follow */
    void *scratch;
    void *cached;        /**< forward only: fv_inference::cached bytes */
    uint64_t draw;       /**< names this call in the stream of random numbers */
    uint64_t fresh;      /**< bit k: input_grads[k] holds arbitrary bytes, to be
                              overwritten; 0 unless the operator #FV_OVERWRITES */
    int32_t cache_valid; /**< 1: `cached` holds what the last run wrote there,
                              and no leaf has changed since */
    int32_t training;    /**< 1: behave as in training */
} fv_call;

/** An application of an operator whose gradients are to be recorded as
 *  operations, so that they have gradients themselves. */
typedef struct fv_derivation {
    fv_context *context;
    const void *attributes;
    const void *resolved; /**< from the shape rule; NULL: it resolved nothing */
    int32_t num_inputs;
    int32_t num_outputs;
    fv_variable *const *inputs;
    fv_variable *const *outputs;
    fv_variable *const *output_grads; /**< an entry is NULL where no gradient
                                           arrives; at least one is not */
    const int32_t *wanted; /**< whether the gradient of input k is wanted; at
                                least one is */
    fv_variable **input_grads; /**< the answer; NULL on entry, and in the answer
                                    where the gradient is zero */
} fv_derivation;

/** An operator: immutable, usually `static const`; it must outlive every
 *  context that uses it. */
typedef struct fv_operator {
    size_t size; /**< sizeof(fv_operator) */
    const char *name;
    int32_t min_inputs;
    int32_t max_inputs;
    size_t attributes_size; /**< bytes of the attributes struct, copied */
    uint32_t backward_reads FV_ZERO;   /**< which values backward uses:
                                            FV_READS_* */
    uint32_t abilities FV_ZERO;        /**< #FV_OVERWRITES, #FV_IN_PLACE,
                                            #FV_READS_SHAPES, #FV_DRAWS_NUMBERS */
    int32_t max_outputs FV_ZERO;       /**< 0: 1 */
    uint32_t without_gradient FV_ZERO; /**< bit k: no gradient passes through
                                            output k; one of integers never has
                                            a gradient */

    /** The shape rule; the only one of the three that may fail. Records why
     *  with #fv_fail and returns its status. */
    fv_status (*infer)(fv_inference *inference);
    /** Fills all outputs, which hold arbitrary bytes on entry. */
    void (*forward)(const fv_call *call);
    /** Adds into each input gradient that is not NULL. A NULL function means
     *  that no gradient passes. */
    void (*backward)(const fv_call *call) FV_ZERO;
    /** Sets the gradients that are wanted to variables, made by operations on
     *  the others, for fv_gradients(), which refuses an operator without it.
     *  The library's own have theirs elsewhere, where they may need each
     *  other. */
    void (*differentiate)(const fv_derivation *derivation) FV_ZERO;

    const char *onnx FV_ZERO; /**< name in ONNX; NULL: composed or absent */
} fv_operator;

/** backward reads the values of input k (0..29) */
#define FV_READS_INPUT(k) (1u << (k))
/** backward reads the values of all inputs */
#define FV_READS_INPUTS 0x3fffffffu
/** backward reads the values of the outputs */
#define FV_READS_OUTPUT 0x40000000u

/** backward heeds fv_call::fresh; without it, gradients that nobody has added
 *  to are cleared before */
#define FV_OVERWRITES 1u
/** Element i of output 0 depends on element i of input 0, and nothing else that
 *  is read after it is written; so in a gradient. Then output 0 may lie in the
 *  memory of input 0, and, with #FV_OVERWRITES, a fresh gradient of input 0 in
 *  that of output 0, where they have as many bytes. */
#define FV_IN_PLACE 2u

/** forward reads the shapes of its inputs and not their elements: a plan
 *  computes it when it is recorded, as all operators on constants */
#define FV_READS_SHAPES 4u

/** forward draws random numbers (fv_call::draw): a plan computes it in each
 * run, also where all inputs are known when it is recorded */
#define FV_DRAWS_NUMBERS 8u

/** Applies an operator to variables of one context. `attributes` is copied.
 *  Returns the first output; NULL after a failure, a NULL input included. */
FV_API fv_variable *fv_apply(const fv_operator *op, const void *attributes,
                             int32_t num_inputs, fv_variable *const inputs[]);
/** The same for the first `num_outputs` outputs: NULL for those that the
 *  operator does not have here, and after a failure. */
FV_API fv_status fv_apply_n(const fv_operator *op, const void *attributes,
                            int32_t num_inputs, fv_variable *const inputs[],
                            int32_t num_outputs, fv_variable *outputs[]);

#ifdef __cplusplus
}
#endif
#endif
