/* What dropout, in all its forms, and noise share: operators of one operand
 * that draw numbers in training and pass everything on in evaluation. */
#ifndef FV_OP_RANDOM_RANDOM_H
#define FV_OP_RANDOM_RANDOM_H

#include "op/chunk.h"

/* Attributes of a dropout, or the first of them. */
typedef struct fv__dropout {
    double probability;
} fv__dropout;

/* The members of an operator but for attributes and backward_reads; `infer`,
 * `forward` and `backward` are the file's. */
#define FV__RANDOM_OPERATOR(operator_name)                                     \
    .size = sizeof(fv_operator), .name = (operator_name), .min_inputs = 1,     \
    .max_inputs = 1,                                                           \
    .abilities = FV_OVERWRITES | FV_IN_PLACE | FV_DRAWS_NUMBERS,               \
    .infer = infer, .forward = forward, .backward = backward

/* The stream of random numbers of a call. */
uint64_t fv__random_stream(const fv_call *call);
/* y = x, and dx (+)= dy. */
void fv__random_pass(const fv_call *call);
void fv__random_pass_grad(const fv_call *call);

/* Refuses a probability outside 0..1. */
fv_status fv__dropout_check(const fv_inference *inference);
/* Whether the call drops anything. */
bool fv__dropout_drops(const fv_call *call);
/* Numbers `first` on of what is drawn: to = from / (1 - probability) where they
 * are kept, else 0; `to` may be `from`. */
void fv__dropout_apply(const fv_call *call, int64_t first, int64_t count,
                       const void *from, void *to);

/* The fields of fv_dropout_options. */
extern const fv__field fv__dropout_fields[];
/* The members of a layer type but for kind, about and fields; `apply` is the
 * file's. */
#define FV__RANDOM_LAYER(options)                                              \
    FV__LAYER_OPTIONS(options), .min_inputs = 1, .max_inputs = 1,              \
                                .forward = apply

#endif
