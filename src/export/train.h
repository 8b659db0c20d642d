/* The training step of an exported network. */
#ifndef FV_EXPORT_TRAIN_H
#define FV_EXPORT_TRAIN_H

#include "export/emitters.h"

#include "train/optimizer.h"

/* A leaf that training changes, and where its numbers are among those of all.
 */
typedef struct fv__trained {
    const fv_variable *leaf;
    size_t at;
    int32_t place, parameter; /* of its network */
} fv__trained;

typedef struct fv__training {
    fv__plan plan;
    const char *text; /* of the optimizer */
    fv_optimizer *optimizer;
    fv__trained *leaves; /* parameters, then running statistics */
    size_t num_leaves;
    size_t parameters, numbers; /* of parameters; of all */
    size_t initial;             /* where they begin among the weights */
    fv__text assignments;       /* of running statistics */
    fv__text body;
    /* of the self-test: losses, and a hash of all that was trained */
    float losses[FV__EXAMPLES];
    uint32_t digest;
} fv__training;

/* How a node is written in a file with a training step: forward where it reads
 * what is trained or behaves otherwise in training, and backward. */
typedef struct fv__trainer {
    fv__emitter forward; /* `write` NULL: as in evaluation */
    void (*backward)(fv__export *e, const fv__node *node);
    /* Numbers of scratch of the backward pass; a NULL function: none. */
    int64_t (*scratch)(const fv__node *node);
    /* Numbers that the forward pass saves for it; a NULL function: none. */
    int64_t (*saved)(const fv__node *node);
} fv__trainer;

/* The trainer of a node; NULL if there is none. */
const fv__trainer *fv__trainer_of(const fv__node *node);
/* Whether training changes the value, or an input of the node. */
bool fv__is_trained(const fv__export *e, const fv_variable *value);
bool fv__reads_trained(const fv__export *e, const fv__node *node);
/* Where its numbers are among those of all. */
size_t fv__trained_at(const fv__export *e, const fv_variable *value);

/* Records the training step and refuses what cannot be written. */
fv_status fv__training_begin(fv__export *e, const char *optimizer);
/* Writes the body of the step. */
void fv__training_write(fv__export *e);
/* Runs the steps of the self-test in a copy of the network. */
fv_status fv__training_examples(fv__export *e);
void fv__training_end(fv__export *e);

/* Texts of the files, for write.c. */
void fv__training_constants(fv__text *out, const fv__export *e);
void fv__training_declarations(fv__text *out, const fv__export *e);
void fv__training_memory(fv__text *out, const fv__export *e);
void fv__training_functions(fv__text *out, const fv__export *e);
void fv__training_test(fv__text *out, const fv__export *e);

/* Expressions of type float *, as fv__export_at. */
const char *fv__grad_at(fv__export *e, const fv_variable *value);
const char *fv__saved_at(fv__export *e, const fv__node *node);
const char *fv__backward_scratch_at(fv__export *e, const fv__node *node);
/* Whether the gradient of input k is added to; otherwise it is stored. */
static inline bool fv__adds(const fv__node *node, int32_t k)
{
    return !node->fresh[k];
}
/* Clears the gradient of input k if it is fresh. */
void fv__clear_grad(fv__export *e, const fv__node *node, int32_t k);

/* train_conv.c */
/* Whether the weights of the node are packed at export. */
bool fv__is_packed(const fv__node *node);
/* Why the weights of a convolution or a linear layer cannot be written. */
fv__lacks_node fv__lacks_weights;
fv__write_node fv__write_trained_conv, fv__write_conv_grad;
fv__write_node fv__write_trained_linear, fv__write_linear_grad;
fv__lacks_node fv__lacks_trained_conv;
fv__scratch_node fv__scratch_trained_conv;
/* train_norm.c */
fv__write_node fv__write_trained_batchnorm, fv__write_batchnorm_grad;
fv__lacks_node fv__lacks_trained_batchnorm;
fv__scratch_node fv__scratch_trained_batchnorm, fv__scratch_batchnorm_grad,
    fv__saved_batchnorm;
/* move.c: of operators that move each element to one place at most */
fv__write_node fv__write_moved_grad;
/* elementwise.c */
/* dx (+)= the gradient of f, for `count` numbers; how: "=" or "+=". */
void fv__write_each_grad(fv__export *e, fv__unary f, int64_t count,
                         const char *x, const char *y, const char *dy,
                         const char *dx, bool adds, double p, double q);

#endif
