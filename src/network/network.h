/* Networks: layers in order with the places they read from, flat arrays of
 * parameters, and plans that share one block of memory. */
#ifndef FV_NETWORK_NETWORK_H
#define FV_NETWORK_NETWORK_H

#include "augment/augment.h"
#include "layer/layer.h"

#include <fovea/network.h>

/* An output of a layer in its network. */
typedef struct fv__result {
    int32_t place, output;
    fv_dtype dtype;
    bool batched;           /* its first axis is the batch */
    fv_shape shape;         /* without the batch; extents may be open */
    fv_variable *traced[2]; /* of one image, with each of fv__open_sizes */
} fv__result;

/* A layer in its network. */
typedef struct fv__place {
    fv_layer *layer;
    uint64_t digest; /* of its name */
    int32_t number;  /* among layers of that kind, from 1 */
    int32_t num_inputs, num_outputs;
    int32_t *inputs; /* the results that it reads */
    int32_t first;   /* the first of its own results, which follow each other */
    /* receptive field per axis, in pixels of the input: distance between those
     * of neighbours, and size (0: the whole input) */
    int64_t jump[2], field[2];
} fv__place;

enum { FV__MOST_INPUTS = 16 }; /* of a network */

/* A plan: the graph of the network for one number of images and one size, with
 * or without a backward pass. */
typedef struct fv__plan {
    fv__graph graph;
    /* of each input, in the layout of the context, without the batch */
    fv_shape images[FV__MOST_INPUTS];
    int64_t batch;
    int64_t classes; /* number of classes of labels */
    bool training;
    bool strict;                /* as the context was when it was recorded */
    bool dense;                 /* the target has the output's shape */
    const fv_layer *loss_layer; /* NULL: none */
    uint64_t trained;           /* hash of which variables require gradients */
    uint64_t used;              /* the value of network->uses at the last use */
    fv_variable *inputs[FV__MOST_INPUTS];
    int32_t num_inputs;
    fv_variable *target, *loss; /* NULL: none */
    fv_variable **outputs;      /* as many as the network's */
    fv_variable *output;        /* the first */
    unsigned char *cache;       /* what its nodes cache; NULL: nothing */
    fv_variable *expected;      /* the target in the layout of the output */
} fv__plan;

enum { FV__MAX_PLANS = 6, FV__MAX_LAYERS = 1 << 14 };

struct fv_network {
    fv__object object;
    fv_context *context;
    fv_layout layout; /* of the file that it comes from */
    fv__place *places;
    int32_t count, num_results;
    fv__result *results;
    size_t capacity, results_capacity;
    /* results of the layers of kinds input and output, in order */
    int32_t inputs[FV__MOST_INPUTS], *outputs;
    int32_t num_inputs, num_outputs;
    size_t outputs_capacity;
    /* all layers, recorded for one image, while the network is built */
    fv__graph traces[2];
    bool open;   /* an input has open extents: both are used */
    bool sealed; /* it has been used: no layers can be added */
    bool drawn;
    /* all parameters, gradients and running statistics; each array begins at
     * a multiple of 64 bytes */
    unsigned char *values, *grads, *state;
    unsigned char *former_state; /* `state` before the current step */
    size_t values_bytes, state_bytes;
    fv_variable **variables; /* trainable, in order */
    int64_t num_variables;
    char *text;
    fv__transforms transforms; /* of pictures in front of the first input */
    char *transforms_text;
    char **class_names; /* one block with the texts; NULL: none */
    int64_t num_class_names;
    fv__plan *plans[FV__MAX_PLANS];
    uint64_t uses;
    unsigned char *block;
    size_t block_bytes;
    uint64_t steps; /* training steps done; the random numbers depend on it */
};

/* Reads a network text that may hold anything: `bytes` and a zero behind.
 * Errors name it `name`. */
fv_network *fv__network_parse(fv_context *context, const char *text,
                              size_t bytes, const char *name);
/* The network text, to be released, with other options for the layer at that
 * place (-1: none), and without the layers at places that are left out (NULL:
 * none). NULL after a failure, and of no layers. */
char *fv__network_write(const fv_network *network, int32_t place,
                        const void *options, const bool left_out[]);
/* The head: the place of the last layer on the way to the first output that has
 * a number of outputs of its own; inside[place] is set for it and what follows
 * it. -1 after a failure. */
int32_t fv__network_head(const fv_network *network, bool inside[]);
/* Whether names of layers may have that character. */
bool fv__name_character(char c);
/* Whether it is a name: 1 to 255 of them. */
bool fv__name_is_legal(const char *name);
/* A hash (FNV-1a) of a name. */
uint64_t fv__name_digest(const char *name, size_t length);
/* The place of that name among the first `count`; -1 if there is none. */
int32_t fv__network_find(const fv_network *network, int32_t count,
                         const char *name, size_t length);
/* The place of the loss layer, -1 if there is none. */
int32_t fv__network_loss_place(const fv_network *network);
/* The result of input k, -1 if there are no more. */
int32_t fv__network_input(const fv_network *network, int32_t k);
/* The result that the network is run for: of output layer k or, if there is
 * none, what the loss reads or the first output of the last layer; -1 if there
 * are no more. */
int32_t fv__network_output(const fv_network *network, int32_t k);
/* The number of results that the network is run for. */
int32_t fv__network_count_outputs(const fv_network *network);
/* Records a layer, whose inputs are known, and finds the types and shapes of
 * its results. */
fv_status fv__network_trace(fv_network *network, fv__place *place);
/* Records all layers anew. */
fv_status fv__network_retrace(fv_network *network);
void fv__network_end_traces(fv_network *network);
/* The shape of a result in the layout of the context. */
fv_shape fv__network_shape(const fv_network *network, int32_t result);

/* Ends building: checks that the network is not empty, creates variables
 * without memory and counts the bytes of the flat arrays. */
fv_status fv__network_seal(fv_network *network);
/* Seals, allocates the parameters and draws them. */
fv_status fv__network_draw(fv_network *network);
/* Copies the parameters of layers of the same names, but those of the layers at
 * places that are left out (NULL: none); both networks are drawn. */
void fv__network_copy(fv_network *to, const fv_network *from,
                      const bool left_out[]);
/* Allocates the flat gradients and what else training needs. */
fv_status fv__network_grads(fv_network *network);
/* Runs all layers but the loss on `inputs`, with channels last, on the tape or,
 * if it is not NULL, in a plan, which fuses layers between which no other layer
 * reads. `results` has room for all results; those within fused layers stay
 * NULL. */
fv_status fv__network_apply(fv_network *network, fv__graph *plan,
                            fv_variable *const inputs[],
                            fv_variable *results[]);

/* Layers that run as one operator: a convolution and layers behind it or, in
 * training, a normalisation and its clamp, or a clamp and its pool. Members are
 * places, of `residual` a result; -1: none. If convolution, norm and pool are
 * all -1, the layer runs alone. */
typedef struct fv__fusion {
    int32_t convolution, norm, pool, add, residual, clamp;
} fv__fusion;

static inline bool fv__fused(const fv__fusion *fusion)
{
    return fusion->convolution >= 0 || fusion->norm >= 0 || fusion->pool >= 0;
}

/* Finds for each place the fusion that ends there. For a place that is part of
 * another fusion inside[place] is set: it does not run. In training only
 * fusions through which gradients pass are used. */
fv_status fv__network_fuse(const fv_network *network, bool training,
                           fv__fusion *fusions, bool *inside);
/* The output of the fused layers; `results` are those of all places before. */
fv_variable *fv__fusion_apply(const fv_network *network,
                              const fv__fusion *fusion,
                              fv_variable *const results[]);

/* Refuses another number of inputs than the network has. */
fv_status fv__input_count_fits(const fv_network *network, int32_t count);
/* Refuses a value that is none of input k, with a batch of any size. */
fv_status fv__input_fits(const fv_network *network, int32_t k,
                         const fv_tensor *value);

/* Before transforms are applied: refuses those of a network that does not take
 * pictures, and those that make other sizes than it takes where both are known.
 */
fv_status fv__network_check_transforms(const fv_network *network);
/* If transforms mix batches, refuses a loss that cannot take their targets:
 * rows [n, outputs] that fv__labels_one_hot() writes and fv__transforms_mix()
 * mixes.
 */
fv_status fv__network_check_mixing(const fv_network *network);

/* Whether a target is class indices: integers. */
static inline bool fv__is_labels(const fv_tensor *target)
{
    return target->rank > 0 && !fv__dtype_is_real(target->dtype);
}
/* Class index i, in row-major order, of integers of any strides. */
int64_t fv__label_at(const fv_tensor *labels, int64_t i);
/* Refuses class indices outside 0..classes - 1 that the loss, NULL: none, does
 * not leave out. */
fv_status fv__labels_check(fv_context *context, const fv_layer *loss,
                           const fv_tensor *labels, int64_t classes);
/* Writes a row of `outputs` numbers of the context's type for each class index:
 * zeros with a one at the class or, where one output tells two classes, the
 * class itself. */
void fv__labels_one_hot(fv_context *context, const fv_tensor *labels,
                        int64_t outputs, int64_t classes, void *rows);

/* The plan for `batch` images of a shape for each input, NULL: the network's,
 * recorded and placed if there is none; memory for its values is not allocated
 * yet. */
fv__plan *fv__network_plan(fv_network *network, const fv_shape images[],
                           int64_t batch, bool training, bool dense);
/* Records all layers, in training the loss too, in a plan of the caller, which
 * is zero but for the batch and whether it is for training, and places nothing.
 * The caller frees its graph. */
fv_status fv__network_record(fv_network *network, fv__plan *plan);
/* Peak bytes of memory of running all recorded plans, with `more` bytes
 * besides; SIZE_MAX stands for all larger numbers. */
size_t fv__network_planned(const fv_network *network, size_t more);
/* What a caller is going to run, with plans that are recorded. */
typedef struct fv__demand {
    const char *who;
    const fv_shape *images; /* of each input; NULL: the network's */
    int64_t batch;
    int64_t trained, evaluated; /* images per pass; 0: none */
    bool dense, drop_last;
    size_t more; /* bytes that the caller has yet to allocate itself */
} fv__demand;

/* Refuses a demand that exceeds the limit of memory, naming the largest batch
 * that would not. */
fv_status fv__network_afford(fv_network *network, const fv__demand *demand);
/* Allocates all memory that recorded plans lack; afterwards every plan can run.
 */
fv_status fv__network_ready(fv_network *network);
/* The shapes of images and the batch of tensors for all inputs, in their order,
 * which fit the network. */
fv_status fv__network_measure(const fv_network *network, int32_t count,
                              const fv_tensor *const inputs[],
                              fv_shape images[FV__MOST_INPUTS], int64_t *batch);
/* Orders named tensors as the inputs of the network. */
fv_status fv__network_order(const fv_network *network, int32_t count,
                            const fv_named_tensor inputs[],
                            const fv_tensor *ordered[FV__MOST_INPUTS]);
/* Writes a batch of an input, a batch of targets, into a ready plan: class
 * indices or values of the output's shape. */
fv_status fv__plan_input(fv__plan *plan, int32_t input, const fv_tensor *value);
fv_status fv__plan_target(fv__plan *plan, const fv_tensor *target);
/* An answer of a plan: a row of outputs, the class that it means and the one
 * that was expected. */
typedef struct fv__answer {
    const fv_tensor *outputs;
    int64_t row, width; /* outputs row * width to (row + 1) * width - 1 */
    int64_t expected, answer;
} fv__answer;

/* How many predicted classes are those of the target, one for each image or row
 * of channels; adds to *answers how many there are, without those that the loss
 * leaves out. Predicted is the largest output or, with one output that tells
 * two classes, class 1 if it is above 0. `see`, NULL: nobody, gets each. */
int64_t fv__plan_right(const fv__plan *plan,
                       void (*see)(void *user, const fv__answer *answer),
                       void *user, int64_t *answers);

#endif
