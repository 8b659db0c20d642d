/* The inside of networks: layers in order with where they read from, flat
 * parameters, and plans that share one block of memory. */
#ifndef FV_NETWORK_NETWORK_H
#define FV_NETWORK_NETWORK_H

#include "layer/layer.h"

#include <fovea/network.h>

/* A layer's place in its network. */
typedef struct fv__place {
    fv_layer *layer;
    int32_t num_inputs;
    int32_t *inputs; /* places it reads from, all before its own */
    /* of the input, per axis: how far apart two neighbours see, and how much
     * one sees (0: everything) */
    int64_t jump[2], field[2];
} fv__place;

/* One way of running a network: so many images, with or without backward. */
typedef struct fv__plan {
    fv__graph graph;
    int64_t batch;
    int64_t classes; /* that a label may be */
    bool training;
    bool dense;       /* the target has the output's shape */
    uint64_t trained; /* which variables required gradients: a digest */
    uint64_t used;    /* when, in uses of the network's plans */
    fv_variable *images, *target, *output, *loss; /* NULL: none */
    unsigned char *kept;                          /* what its nodes keep */
    fv_variable *expected; /* the target in the order of the output */
} fv__plan;

enum { FV__MAX_PLANS = 6, FV__MAX_LAYERS = 4096 };

struct fv_network {
    fv__object object;
    fv_context *context;
    fv__place *places;
    int32_t count, capacity;
    bool sealed; /* used: no more layers */
    bool drawn;
    unsigned char *values, *grads, *state; /* flat, aligned arrays */
    unsigned char *former_state;           /* before the step in progress */
    size_t values_bytes, state_bytes;
    fv_variable **variables; /* trainable, in order */
    int64_t num_variables;
    char *text;
    char **class_names; /* with the texts behind; NULL: none */
    int64_t num_class_names;
    fv__plan *plans[FV__MAX_PLANS];
    uint64_t uses;
    unsigned char *block;
    size_t block_bytes;
    uint64_t steps; /* training steps done: names the random numbers */
};

/* Reads a network text that may hold anything: `bytes` and a zero behind.
 * Errors name it `name`. */
fv_network *fv__network_parse(fv_context *context, const char *text,
                              size_t bytes, const char *name);
/* The place of that name among the first `count`; -1 if there is none. */
int32_t fv__network_find(const fv_network *network, int32_t count,
                         const char *name, size_t length);
/* The loss layer's place, -1 if there is none; and that of the output. */
int32_t fv__network_loss_place(const fv_network *network);
int32_t fv__network_output_place(const fv_network *network);

/* Ends building: checks that there is a network, makes variables without
 * memory and counts the bytes of the flat arrays. */
fv_status fv__network_seal(fv_network *network);
/* Seals, allocates the parameters and draws them. */
fv_status fv__network_draw(fv_network *network);
/* Allocates the flat gradients and what else training needs. */
fv_status fv__network_grads(fv_network *network);
/* Runs the layers on a variable, of a tape or a plan, in NHWC. A plan runs
 * layers that nobody looks between as one. */
fv_variable *fv__network_apply(fv_network *network, fv_variable *x);

/* Layers that one operator runs: a convolution and those after it, or, in
 * training, a normalisation and its clamp, or a clamp and its pool. Places; -1:
 * there is none. Without any of the first three the last layer runs alone. */
typedef struct fv__fusion {
    int32_t convolution, norm, pool, add, residual, clamp;
} fv__fusion;

static inline bool fv__fused(const fv__fusion *fusion)
{
    return fusion->convolution >= 0 || fusion->norm >= 0 || fusion->pool >= 0;
}

/* For each place up to `last`, what ends there; a place inside of a fusion has
 * inside[place] set and is not run. In training, where a gradient has to pass,
 * that is a normalisation with its clamp. */
void fv__network_fuse(const fv_network *network, int32_t last, bool training,
                      fv__fusion *fusions, bool *inside);
/* The fused layers' output; `outputs` are those of all places before. */
fv_variable *fv__fusion_apply(const fv_network *network,
                              const fv__fusion *fusion,
                              fv_variable *const outputs[]);

/* The plan for so many images, recorded and placed if need be; nothing is
 * allocated for it to run yet. */
fv__plan *fv__network_plan(fv_network *network, int64_t batch, bool training,
                           bool dense);
/* Bytes of memory at the peak of running all plans that are recorded, with
 * `more` bytes beside; SIZE_MAX stands for all larger numbers. */
size_t fv__network_planned(const fv_network *network, size_t more);
/* What a caller is going to run by plans that it has recorded. */
typedef struct fv__demand {
    const char *who;
    int64_t batch;
    int64_t trained, evaluated; /* images of a pass; 0: none */
    bool dense, drop_last;
    size_t more; /* bytes that the caller has yet to allocate itself */
} fv__demand;

/* Refuses what would exceed the limit of memory, and says which batch would
 * not. */
fv_status fv__network_afford(fv_network *network, const fv__demand *demand);
/* Allocates what is pending; every plan can run afterwards. */
fv_status fv__network_ready(fv_network *network);
/* Writes a batch of images, a batch of targets, into a ready plan: class
 * indices or values of the output's shape. */
fv_status fv__plan_images(fv__plan *plan, const fv_tensor *images);
fv_status fv__plan_target(fv__plan *plan, const fv_tensor *target);
/* Number of images whose answer is the class of the target: the largest output,
 * or, of one output that tells two classes, class 1 above 0. Counts go to
 * confusion[class * classes + answer] if it is not NULL. */
int64_t fv__plan_right(const fv__plan *plan, int64_t *confusion);

#endif
