/* Variables and graphs. A graph is an append-only array of nodes; a node reads
 * only values that exist, so array order is topological order. The same array
 * either runs while it grows (the context's tape) or is recorded once, placed
 * in one block of memory and then run many times (a network's plan). */
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
    fv__account account;
    fv__chunk *chunks; /* newest first */
} fv__arena;

/* Memory aligned to 64 bytes, arbitrary content; NULL after a failure. */
void *fv__arena_allocate(fv__arena *arena, size_t bytes);
/* Frees all memory that was handed out, but keeps one chunk as large as all of
 * it, so that repeated rounds of the same size allocate nothing. */
void fv__arena_reset(fv__arena *arena);
void fv__arena_free(fv__arena *arena);
/* Whether the address lies in memory that the arena holds. */
bool fv__arena_holds(const fv__arena *arena, const void *memory);

/* ---- variables ---------------------------------------------------------- */

typedef struct fv__graph fv__graph;

struct fv_variable {
    fv__object object; /* leaves only: the context owns them */
    fv_context *context;
    fv__graph *graph; /* NULL: a leaf */
    fv_tensor value;
    fv_tensor grad; /* data NULL: none yet */
    int32_t node; /* index of the node that computes it; -1: a leaf, a constant
                     or a value that is not recorded */
    int32_t slot; /* which output of that node it is */
    bool requires_grad;
    bool retain_grad;
    bool owns_value, owns_grad; /* leaves: the memory is its own */
    bool live_out;              /* plans: the value is read after the run */
    bool constant; /* plans: the value is known when the plan is recorded */
    bool begun; /* a node that adds into its gradient has been found, or it is
                   where the backward pass starts */
    /* fv_gradients: depends on a variable that was asked for, or is one; and
     * its gradient so far. Layers that are traced: depends on an input. */
    bool leads;
    fv_variable *derivative;
    /* plans: first and last step of a run at which value and gradient are
     * needed, and their offsets in the block in bytes */
    int32_t birth, death, grad_birth, grad_death;
    size_t value_at, grad_at;
    /* plans: the variable whose memory it shares; NULL: it has its own */
    fv_variable *value_host, *grad_host;
};

/* A leaf without memory. */
fv_variable *fv__leaf_new(fv_context *context, fv_dtype dtype, int32_t rank,
                          const int64_t shape[]);
/* Allocates a zeroed value unless the leaf has one. */
fv_status fv__leaf_own(fv_variable *leaf);
/* Moves a leaf's value or gradient to memory of another owner, copying what it
 * held. */
void fv__leaf_bind_value(fv_variable *leaf, void *data);
void fv__leaf_bind_grad(fv_variable *leaf, void *data);
/* The leaf's gradient, allocated and zeroed if it has none; NULL after a
 * failure. */
fv_tensor *fv__leaf_grad(fv_variable *leaf);

/* ---- graphs ------------------------------------------------------------- */

typedef struct fv__node {
    const fv_operator *op;
    const char *who; /* plans: the layer that applied it; NULL: none */
    const void *attributes;
    const void *resolved; /* by the shape rule */
    int32_t num_inputs, num_outputs;
    bool training; /* operators behave as in training */
    bool active;   /* a gradient flows through the node */
    fv_variable **inputs, **outputs;
    const fv_tensor **values, **results; /* values of inputs and outputs */
    /* gradients of the inputs, NULL where none is wanted, and of the outputs,
     * NULL where none arrives */
    const fv_tensor **grads, **result_grads;
    /* per input: this node is the first to add into its gradient */
    bool *fresh;
    void *saved;
    size_t saved_bytes, cache_bytes, forward_scratch, backward_scratch;
    /* plans: offsets in the block, in bytes */
    size_t saved_at, forward_at, backward_at;
    size_t cache_at; /* plans for evaluation: offset in graph.cache, in bytes */
    /* as in fv_inference */
    int64_t multiply_accumulates, window[2], step[2];
    uint64_t draw; /* number of this call in the stream of random numbers */
    /* plans: number of the node among those of its operator */
    uint64_t ordinal;
} fv__node;

struct fv__graph {
    fv_context *context;
    fv__arena arena;
    fv__node **nodes;
    int32_t count;
    size_t capacity;
    bool planned; /* recorded now, run later */
    bool training;
    /* plans: values made in the graph, and the block they are placed in */
    fv_variable **values;
    int32_t num_values;
    size_t values_capacity;
    size_t block_bytes;
    unsigned char *block;
    /* plans for evaluation: what nodes cache from run to run, and the value of
     * context->changes when they did; 0: nothing is cached yet */
    size_t cache_bytes;
    unsigned char *cache;
    uint64_t cache_changes;
};

/* The context's tape: a graph that is run as it grows. */
typedef struct fv__tape {
    fv__graph graph;
    bool spent; /* fv_backprop() ran: the next operation empties the tape */
    /* who applies operators, for messages; NULL: they themselves */
    const char *who;
    fv__graph *plan; /* is being recorded; NULL: none */
    void *scratch;
    size_t scratch_bytes;
} fv__tape;

/* Creates the tape unless there is one, even while a failure is pending; false
 * if memory is lacking. */
bool fv__tape_begin(fv_context *context);
void fv__tape_end(fv_context *context);
/* The tape, emptied first if it is spent; NULL after a failure. */
fv__tape *fv__tape_ready(fv_context *context);
/* Scratch of at least that many bytes; the memory is reused by later calls. */
void *fv__tape_scratch(fv__tape *tape, size_t bytes);

/* Whether a result is on the tape; otherwise records so. */
fv_status fv__tape_check(const char *who, const fv_variable *result);
/* Backpropagates the sum of result times `seed`, a contiguous tensor of the
 * shape of the result; NULL stands for ones. */
fv_status fv__backprop(fv_variable *result, const fv_tensor *seed);

/* Operators whose operands belong to no graph, and constants, are recorded in
 * that plan from now on, NULL: on the tape; returns what it was before. */
fv__graph *fv__tape_record(fv_context *context, fv__graph *plan);

/* Starts a plan's graph in zeroed memory. */
void fv__graph_begin(fv__graph *graph, fv_context *context, bool training);
void fv__graph_free(fv__graph *graph);
/* A variable of the graph that no node makes; its data is NULL. */
fv_variable *fv__graph_value(fv__graph *graph, fv_dtype dtype, int32_t rank,
                             const int64_t shape[]);
/* A copy of the tensor, which is known from now on. */
fv_variable *fv__graph_constant(fv__graph *graph, fv_dtype dtype,
                                const fv_tensor *value);
/* Appends a node and its outputs, with copies of attributes and inputs and
 * everything that `inference` answered. NULL after a failure. */
fv__node *fv__graph_append(fv__graph *graph, const fv_operator *op,
                           const void *attributes, int32_t num_inputs,
                           fv_variable *const inputs[],
                           const fv_inference *inference, bool requires_grad);
/* Marks the nodes through which gradients flow from `result` to leaves, and
 * for each gradient the node that is the first to add into it. */
void fv__graph_activate(fv__graph *graph, fv_variable *result);
/* Computes lifetimes and offsets of a plan and sets block_bytes. `loss` is
 * where the backward pass starts, NULL in evaluation. */
fv_status fv__graph_place(fv__graph *graph, fv_variable *loss);
/* Points all values, gradients and saved memory into the block, which has
 * block_bytes and is aligned to 64. */
void fv__graph_bind(fv__graph *graph, void *block);
/* Gives a plan for evaluation its cache: cache_bytes, aligned to 64. */
void fv__graph_bind_cache(fv__graph *graph, void *cache);
/* Runs a plan's forward pass; the random numbers depend on `step`. */
void fv__graph_forward(fv__graph *graph, uint64_t step);
/* Adds d(loss)/d(leaf) into the gradients of a plan's leaves. */
void fv__graph_backward(fv__graph *graph, fv_variable *loss);

/* A number of a run that is not finite. */
typedef struct fv__not_finite {
    const fv__node *node;   /* that reads, computes or differentiates it */
    const fv_tensor *value; /* that it is in, or the gradient */
    int64_t element;        /* in row-major order */
    bool computed;          /* by a node; else of a leaf, or fed */
} fv__not_finite;

/* Run a plan as the two functions above, and stop at the first number that is
 * not finite; false if there is one. */
bool fv__graph_forward_finite(fv__graph *graph, uint64_t step,
                              fv__not_finite *found);
bool fv__graph_backward_finite(fv__graph *graph, fv_variable *loss,
                               fv__not_finite *found);

/* Runs the forward or backward function of one node, whose memory is bound. */
void fv__node_forward(const fv__graph *graph, const fv__node *node,
                      void *scratch);
void fv__node_backward(const fv__graph *graph, const fv__node *node,
                       void *scratch);

#endif
