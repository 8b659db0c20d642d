/* The inside of variables and graphs. A graph is an append-only array of nodes;
 * a node uses only values that exist, so array order is topological order. The
 * same array is run as it grows (the context's tape) or recorded once, placed
 * in one block of memory and swept (a network's plan). */
#ifndef FV_GRAPH_GRAPH_H
#define FV_GRAPH_GRAPH_H

#include "base/base.h"
#include "kernel/kernel.h"
#include "tensor/tensor.h"

#include <fovea/variable.h>

/* ---- memory that is given back as a whole ------------------------------- */

typedef struct fv__chunk fv__chunk;

typedef struct fv__arena {
    fv_context *context;
    fv__chunk *chunks; /* newest first */
} fv__arena;

/* Memory aligned to 64 bytes, arbitrary content; NULL after a failure. */
void *fv__arena_allocate(fv__arena *arena, size_t bytes);
/* Takes everything back. Keeps one chunk as large as all were, so that equal
 * rounds stop allocating. */
void fv__arena_reset(fv__arena *arena);
void fv__arena_free(fv__arena *arena);
/* Whether the address lies in memory that the arena holds. */
bool fv__arena_holds(const fv__arena *arena, const void *memory);

/* ---- variables ---------------------------------------------------------- */

typedef struct fv__graph fv__graph;

struct fv_variable {
    fv__object object; /* of leaves, which hang from the context */
    fv_context *context;
    fv__graph *graph; /* NULL: a leaf */
    fv_tensor value;
    fv_tensor grad; /* data NULL: none yet */
    int32_t node;   /* that makes it; -1: leaf, constant, not recorded */
    bool requires_grad;
    bool retain_grad;
    bool owns_value, owns_grad; /* leaves: memory of its own */
    bool kept;                  /* plans: the value is read after the run */
    bool begun;                 /* its gradient has been given to a node */
    /* plans: lifetimes in steps of a run, and offsets in the block */
    int32_t birth, death, grad_birth, grad_death;
    size_t value_at, grad_at;
    /* plans: in whose memory it lies; NULL: its own */
    fv_variable *value_host, *grad_host;
};

/* A leaf without memory. */
fv_variable *fv__leaf_new(fv_context *context, int32_t rank,
                          const int64_t shape[]);
/* Gives it memory of its own, zeros, unless it has some. */
fv_status fv__leaf_own(fv_variable *leaf);
/* Moves a leaf's value, or its gradient, to memory that somebody else owns;
 * what it held is copied there. */
void fv__leaf_bind_value(fv_variable *leaf, void *data);
void fv__leaf_bind_grad(fv_variable *leaf, void *data);
/* The leaf's gradient, made of zeros if need be; NULL after a failure. */
fv_tensor *fv__leaf_grad(fv_variable *leaf);

/* ---- graphs ------------------------------------------------------------- */

typedef struct fv__node {
    const fv_operator *op;
    const void *attributes;
    int32_t num_inputs;
    bool training; /* behave as in training */
    bool active;   /* backward has something to do */
    fv_variable **inputs;
    const fv_tensor **values; /* the inputs' */
    const fv_tensor **grads;  /* the inputs', NULL where not wanted */
    bool *fresh;              /* the first to add into that gradient */
    fv_variable *output;
    void *saved;
    size_t saved_bytes, kept_bytes, forward_scratch, backward_scratch;
    size_t saved_at, forward_at, backward_at; /* plans: offsets */
    size_t kept_at;   /* plans that keep: in the memory for that */
    uint64_t draw;    /* names the call in the stream of random numbers */
    uint64_t ordinal; /* plans: among the nodes of its operator */
} fv__node;

struct fv__graph {
    fv_context *context;
    fv__arena arena;
    fv__node **nodes;
    int32_t count, capacity;
    bool planned; /* recorded now, run later */
    bool training;
    /* plans: values made in the graph, and the block they are placed in */
    fv_variable **values;
    int32_t num_values, values_capacity;
    size_t block_bytes;
    unsigned char *block;
    /* plans for evaluation: what nodes keep from run to run, and the context's
     * changes when they did; 0: nothing is there yet */
    size_t kept_bytes;
    unsigned char *kept;
    uint64_t kept_changes;
};

/* The context's tape: a graph that is run as it grows. */
typedef struct fv__tape {
    fv__graph graph;
    bool spent; /* fv_backprop() ran: the next operation starts afresh */
    void *scratch;
    size_t scratch_bytes;
} fv__tape;

/* Makes the tape unless there is one, whatever failure is pending; false if
 * memory is lacking. */
bool fv__tape_begin(fv_context *context);
void fv__tape_end(fv_context *context);
/* The tape, emptied first if it is spent; NULL after a failure. */
fv__tape *fv__tape_ready(fv_context *context);
/* Scratch of at least that many bytes, kept for the next call. */
void *fv__tape_scratch(fv__tape *tape, size_t bytes);

/* fv_backprop() of the sum of result times `seed`, a contiguous tensor of the
 * result's shape; NULL is ones. */
fv_status fv__backprop(fv_variable *result, const fv_tensor *seed);

/* Starts a plan's graph in zeroed memory. */
void fv__graph_begin(fv__graph *graph, fv_context *context, bool training);
void fv__graph_free(fv__graph *graph);
/* A variable of the graph that no node makes; its data is NULL. */
fv_variable *fv__graph_value(fv__graph *graph, fv_dtype dtype, int32_t rank,
                             const int64_t shape[]);
/* Appends a node and its output, with copies of attributes and inputs and
 * everything that `inference` answered. NULL after a failure. */
fv__node *fv__graph_append(fv__graph *graph, const fv_operator *op,
                           const void *attributes, int32_t num_inputs,
                           fv_variable *const inputs[],
                           const fv_inference *inference, bool requires_grad);
/* Marks the nodes through which gradients flow from `result` to leaves, and
 * for each gradient the node that is the first to add into it. */
void fv__graph_activate(fv__graph *graph, const fv_variable *result);
/* Settles lifetimes and offsets of a plan; block_bytes is known afterwards.
 * `loss` is where backward starts, NULL in evaluation. */
fv_status fv__graph_place(fv__graph *graph, fv_variable *loss);
/* Points everything into the block (block_bytes, aligned to 64). */
void fv__graph_bind(fv__graph *graph, void *block);
/* Gives a plan that keeps anything memory for it: kept_bytes, aligned to 64. */
void fv__graph_keep(fv__graph *graph, void *kept);
/* Runs a plan's nodes; `step` names the random numbers. */
void fv__graph_forward(fv__graph *graph, uint64_t step);
/* Adds d(loss)/d(leaf) into the gradients of a plan's leaves. */
void fv__graph_backward(fv__graph *graph, fv_variable *loss);

/* Runs one node on memory that is in place. */
void fv__node_forward(const fv__graph *graph, const fv__node *node,
                      void *scratch);
void fv__node_backward(const fv__graph *graph, const fv__node *node,
                       void *scratch);

#endif
