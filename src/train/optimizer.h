/* Optimizers: what a type of optimizer is, and the state of one. */
#ifndef FV_TRAIN_OPTIMIZER_H
#define FV_TRAIN_OPTIMIZER_H

#include "train/schedule.h"
#include "kernel/optimizer.h"
#include "network/network.h"

#include <fovea/optimizer.h>

/* One number of state for each parameter. */
typedef struct fv__state_slot {
    const char *name; /* in checkpoints; NULL ends a list */
    const char *key;  /* the option that is on where the slot is in use; NULL:
                         always */
    const char *initial; /* the option that it begins with; NULL: 0 */
} fv__state_slot;

enum { FV__MOST_SLOTS = 4, FV__MOST_OPTIMIZER_BYTES = 256 };

/* What the numbers of a step depend on beside the options. */
typedef struct fv__hyper {
    double rate, weight_decay;
    int64_t updates; /* of this variable, this one included; 0: not counted */
} fv__hyper;

typedef struct fv__optimizer_type {
    const char *name;
    size_t options_size;
    size_t variables, weight_decay; /* offsets in the options */
    const fv__field *fields;        /* the first is the learning rate */
    fv__state_slot slots[FV__MOST_SLOTS];
    /* The numbers of a step depend on the number of updates: always, or only
     * where the option of that key is on. */
    bool counted;
    const char *counted_key;
    bool layerwise; /* the kernel writes a direction over the gradient; the step
                       along it is scaled for each array, as LAMB does */
    /* Refuses options that contradict each other; NULL: none do. */
    fv_status (*check)(fv_context *context, const void *options);
    /* Sets the rule of the kernel and its numbers. */
    void (*prepare)(const void *options, const fv__hyper *hyper,
                    fv__update *update);
} fv__optimizer_type;

#define FV__OPTIMIZER_OPTIONS(options)                                         \
    .options_size = sizeof(options),                                           \
    .variables = offsetof(options, variables),                                 \
    .weight_decay = offsetof(options, weight_decay)

/* The members that every options struct begins with. */
typedef struct fv__optimizer_options {
    size_t size;
    fv_network *network;
    double learning_rate;
} fv__optimizer_options;

/* The fields that every optimizer has, with their defaults in the text. */
#define FV__RATE_FIELD(options, rate)                                          \
    {                                                                          \
        FV__FIELD(options, NUMBER, learning_rate),                             \
            .usual = (rate), .positional = true, .range = FV__AT_LEAST_0       \
    }
#define FV__DECAY_FIELD(options, decay)                                        \
    {                                                                          \
        FV__FIELD(options, NUMBER, weight_decay), .usual = (decay),            \
                                                  .range = FV__AT_LEAST_0      \
    }
/* Those of the two moments of Adam and its kin. */
#define FV__BETA_FIELDS(options, beta1, beta2)                                 \
    { FV__FIELD_AS("beta1", options, NUMBER, betas[0]), .usual = (beta1),      \
      .range = FV__0_TO_BELOW_1, .paired = true },                             \
    {                                                                          \
        FV__FIELD_AS("beta2", options, NUMBER, betas[1]),                      \
            .usual = (beta2), .range = FV__BETWEEN_0_AND_1                     \
    }
#define FV__EPSILON_FIELD(options, epsilon_usual)                              \
    {                                                                          \
        FV__FIELD(options, NUMBER, epsilon),                                   \
            .usual = (epsilon_usual), .positive = true, .range = FV__ABOVE_0   \
    }

/* What a variable has of its own. */
typedef struct fv__group {
    double factor; /* of the learning rate */
    double decay;  /* NaN: that of the options */
} fv__group;

struct fv_optimizer {
    fv__object object;
    fv_context *context;
    fv_network *network;     /* NULL: the caller gave the list of variables */
    fv_variable **variables; /* the network's, or a copy of the list */
    int64_t count;
    const fv__optimizer_type *type;
    /* the options with every default filled in, and without pointers */
    union {
        fv__optimizer_options first;
        unsigned char bytes[FV__MOST_OPTIMIZER_BYTES];
    } options;
    int32_t slots;                /* numbers of state per parameter */
    int32_t slot[FV__MOST_SLOTS]; /* of each, its index in the type's list */
    size_t slot_bytes;
    bool counted;
    unsigned char *state; /* `slots` flat arrays; NULL until needed */
    int64_t *counts;   /* number of updates of each variable, behind the state;
                          NULL where they do not count */
    fv__group *groups; /* one a variable; NULL: none has its own */
    double clip_value, clip_norm; /* 0: none */
    double average;               /* decay of the averages; 0: there are none */
    unsigned char *averages;      /* of the weights; NULL until needed */
    bool swapped;                 /* they stand where the weights do */
    fv__schedule schedule;
    int64_t updates;  /* made so far */
    int64_t run_end;  /* number of updates at the end of the run; -1: unknown */
    double *partials; /* sums of chunks; NULL until needed, or not needed */
};

/* Updates and their sums go by chunks of so many elements. */
enum { FV__UPDATE_CHUNK = 16384 };

/* All types; NULL ends them. */
extern const fv__optimizer_type *const fv__optimizer_types[];

/* An optimizer of that type from its public options. */
fv_optimizer *fv__optimizer_new(const fv__optimizer_type *type,
                                const void *options);
/* Bytes of state that are still to be allocated. */
size_t fv__optimizer_pending(const fv_optimizer *optimizer);
/* Bytes of its state, without averages. */
size_t fv__optimizer_state_bytes(const fv_optimizer *optimizer);
/* Allocates the state. */
fv_status fv__optimizer_ready(fv_optimizer *optimizer);
/* Allocates the averages, if there are to be any, and copies the weights. */
fv_status fv__average_ready(fv_optimizer *optimizer);
/* Takes the weights of a variable, at that byte of the flat arrays, into its
 * averages. */
void fv__average_update(const fv_optimizer *optimizer,
                        const fv_variable *variable, size_t at);
/* The rule and its state in words: "sgd with momentum". */
void fv__optimizer_kind(const fv_optimizer *optimizer, char *out, size_t bytes);
/* The numbers of its options as made: "momentum 0.9 weight_decay 0 ...". */
void fv__optimizer_text(const fv_optimizer *optimizer, char *out, size_t bytes);

#endif
