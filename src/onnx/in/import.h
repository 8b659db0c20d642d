/* From an ONNX graph to a network, node by node.
 *
 * A node becomes lines of a network. Values of the graph are outputs of lines,
 * or numbers that are known. Lines compute with channels last while the graph
 * counts axes with channels second, so a value has an order: axis i of the
 * tensor that its line makes is axis order[i] of the graph's value. Operators
 * that do not mind pass the order of their input on, a Transpose only changes
 * the order, and the others ask for the order that they need, for which a
 * "permute" is added once. So transposes cancel without a search for pairs. */
#ifndef FV_ONNX_IN_IMPORT_H
#define FV_ONNX_IN_IMPORT_H

#include "graph/graph.h"
#include "network/network.h"
#include "onnx/proto.h"
#include "tensor/tensor.h"

typedef struct fv__importer fv__importer;
typedef struct fv__value fv__value;
typedef struct fv__deferred fv__deferred;

/* axis[i] of the graph's value is axis i of the tensor. */
typedef struct fv__order {
    int32_t axis[FV_MAX_RANK];
} fv__order;

struct fv__value {
    const char *name;                   /* in the graph */
    fv__value *next;                    /* in the table of names */
    const fv__onnx_tensor *initializer; /* not read yet; NULL: none */
    const fv__onnx_node_message *maker; /* NULL: an input, or a known value */
    /* Known numbers, contiguous, in the graph's order; data NULL: it is not
     * known. Empty tensors have data, too. */
    fv_tensor known;
    fv__deferred *deferred; /* the line to add when one reads it; NULL: none */
    fv__order order;
    fv__value *others; /* the same value in other orders */
    /* It is this value, of channels last, with all axes but the batch in one,
     * in the order of the graph, and has no line yet; NULL: it is not. */
    fv__value *flattened;
    int32_t result;  /* in the network; -1: a value without a line yet */
    int32_t readers; /* inputs of nodes that it is, counted at least once */
    bool needed;     /* for the outputs of the graph */
    bool made;       /* it has been set, or refused */
    bool refused;    /* its node was refused: so are those that read it */
};

/* A line that is added when another one reads it, if ever: of sizes, which may
 * all be known once others have been taken away, or of padding, which a window
 * may do itself. The type and shape are those of the value, in the order of the
 * graph. */
struct fv__deferred {
    const char *base, *options; /* the name is made of `base` */
    int32_t count;
    fv__value **inputs;
    int32_t depth;  /* of deferred lines that read each other */
    int32_t result; /* -1: it has not been added */
    fv_dtype dtype;
    int32_t rank;
    int64_t extent[FV_MAX_RANK];
    const int64_t *sizes; /* numbers, or those below; NULL: none */
    bool padding;         /* zeros around the only input, with channels last */
    int64_t begin[FV__AXES], end[FV__AXES]; /* of its spatial axes */
};

/* Sizes that depend on the input. */
enum { FV__MOST_SIZES = 64 };
static const int64_t fv__size_batch = INT64_MIN, /* it is that of the network */
    fv__size_open = INT64_MIN + 1;

/* A node of a graph or of a function. */
typedef struct fv__onnx_node {
    const fv__onnx_node_message *message;
    const struct fv__onnx_node *caller; /* of its function; NULL: none */
    const char *kind;                   /* "Conv" */
    int64_t version;                    /* of the operators of its domain */
    const char *name;                   /* of its layer */
    int32_t num_inputs, num_outputs;
    fv__value **inputs;  /* NULL: left out */
    fv__value **outputs; /* to be set; NULL: nobody reads it */
} fv__onnx_node;

/* Adds the lines of a node and sets its outputs; or refuses it. */
typedef fv_status fv__translate(fv__importer *to, fv__onnx_node *node);

/* The operators of a file of this folder; a NULL kind ends them. */
typedef struct fv__onnx_operator {
    const char *kind;
    fv__translate *translate;
    const char *domain; /* NULL: ONNX's own */
} fv__onnx_operator;

/* ---- attributes (attribute.c) ---------------------------------------------
 */

/* The attribute, NULL if it is left out. One that is a reference to an
 * attribute of the function is that of the caller. */
const fv__onnx_attribute *fv__onnx_find(const fv__onnx_node *node,
                                        const char *name);
int64_t fv__onnx_int(const fv__onnx_node *node, const char *name,
                     int64_t fallback);
double fv__onnx_float(const fv__onnx_node *node, const char *name,
                      double fallback);
/* Terminated, owned by the message or the importer. */
const char *fv__onnx_text(fv__importer *to, const fv__onnx_node *node,
                          const char *name, const char *fallback);
/* The second of the two words whose first one the attribute is; a NULL ends
 * them. NULL after refusing what is none of them. */
const char *fv__onnx_word(fv__importer *to, const fv__onnx_node *node,
                          const char *name, const char *fallback,
                          const char *const words[][2]);
/* At most FV_MAX_RANK numbers. False if it is left out; more are refused. */
bool fv__onnx_ints(fv__importer *to, const fv__onnx_node *node,
                   const char *name, fv__list *list);
/* Whether there is an input k, or that attribute. */
bool fv__onnx_given(const fv__onnx_node *node, int32_t k, const char *name);
/* The numbers of input k, or of an attribute where that is NULL: operators took
 * them as attributes once. False if there are none, or after refusing what is
 * not known. */
bool fv__onnx_list(fv__importer *to, fv__onnx_node *node, int32_t k,
                   const char *name, fv__list *list);

/* Axes of a value of that rank, from input k or an attribute: none is negative
 * or named twice. False as for fv__onnx_list. */
bool fv__onnx_axes(fv__importer *to, fv__onnx_node *node, int32_t k,
                   const char *name, int32_t rank, fv__list *axes);

/* ---- tensors (tensor.c) ---------------------------------------------------
 */

/* The type here of one of ONNX: reals become the context's, unsigned ones the
 * next larger; false: there is none, as of strings. */
bool fv__onnx_dtype(const fv_context *context, int32_t type, fv_dtype *dtype);
/* The word of a type of inputs and constants, which have some of the types: a
 * larger one for others (type.c). */
const char *fv__onnx_input_word(fv_dtype dtype);
/* The numbers of a message, in memory of the importer; refused under `who`. */
fv_status fv__onnx_numbers(fv__importer *to, const char *who,
                           const fv__onnx_tensor *message, fv_tensor *numbers);

/* ---- sizes and lines that are added later (deferred.c) --------------------
 */

/* The numbers of a value of FV_I64, with fv__size_batch and fv__size_open for
 * those that depend on the input; false: it has too many, or they are computed
 * from elements. */
bool fv__onnx_sizes(fv__importer *to, const fv__value *value, fv_tensor *sizes);
/* A value of these sizes, for which that line is added when it is read; known
 * if all of them are. */
fv__value *fv__onnx_sizes_later(fv__importer *to, const char *base,
                                int32_t count, fv__value *const inputs[],
                                const fv_tensor *sizes, const char *options);
/* The same for a line that moves sizes or computes them, as concat and mul do;
 * NULL: it is none. */
fv__value *fv__onnx_move_sizes(fv__importer *to, const char *base,
                               int32_t count, fv__value *const inputs[],
                               const char *options);
/* A value whose line is added when it is read; what `deferred` says of inputs
 * and options is ignored. */
fv__value *fv__onnx_defer(fv__importer *to, fv__deferred deferred,
                          int32_t count, fv__value *const inputs[],
                          const char *options);
/* Adds the line of a value that has none yet. */
fv_status fv__onnx_add(fv__importer *to, fv__value *value);

/* ---- values (value.c) -----------------------------------------------------
 */

/* Number of axes. */
int32_t fv__onnx_rank(const fv__importer *to, const fv__value *value);
/* Extent of an axis of the graph; FV_OPEN: it depends on the input, as the
 * batch does. */
int64_t fv__onnx_extent(const fv__importer *to, const fv__value *value,
                        int32_t axis);
/* Whether that extent is the batch of the network. */
bool fv__onnx_is_batch(const fv__importer *to, const fv__value *value,
                       int32_t axis);
fv_dtype fv__onnx_type_of(const fv__importer *to, const fv__value *value);
/* Input k of the node; NULL: it is left out. */
fv__value *fv__onnx_operand(const fv__onnx_node *node, int32_t k);
/* The same as a tensor, in whatever order of axes it has. */
fv__value *fv__onnx_option(fv__importer *to, const fv__onnx_node *node,
                           int32_t k);
/* The same; refused if it is left out. */
fv__value *fv__onnx_input(fv__importer *to, fv__onnx_node *node, int32_t k);
/* Makes a negative axis of the value count from the end; refuses others. */
bool fv__onnx_axis(fv__importer *to, const fv__onnx_node *node,
                   const fv__value *value, int64_t *axis);
/* The axis of the tensor that is this axis of the graph's value. */
int32_t fv__onnx_stored(const fv__importer *to, const fv__value *value,
                        int64_t axis);

fv__order fv__order_plain(void);
/* The batch, the spatial axes, the channels. */
fv__order fv__order_last(int32_t rank);
bool fv__order_equal(int32_t rank, const fv__order *a, const fv__order *b);

/* The value in that order, for which lines may be added; NULL after a failure.
 */
fv__value *fv__onnx_ordered(fv__importer *to, fv__value *value,
                            fv__order order);
fv__value *fv__onnx_plain(fv__importer *to, fv__value *value);
fv__value *fv__onnx_last(fv__importer *to, fv__value *value);
/* Brings values that are broadcast to one rank and order: that of the first of
 * the highest rank which is not known. Returns that rank, -1 after a failure;
 * *order is that of the result. */
int32_t fv__onnx_align(fv__importer *to, int32_t count, fv__value *values[],
                       fv__order *order);

/* A known value, of numbers in memory of the importer. */
fv__value *fv__onnx_known(fv__importer *to, const fv_tensor *numbers);
/* A vector of whole numbers. */
fv__value *fv__onnx_integers(fv__importer *to, int32_t count,
                             const int64_t *numbers);
/* One of rank 0, of a type. */
fv__value *fv__onnx_scalar(fv__importer *to, fv_dtype dtype, double number);
/* Element i of known numbers, in their order. */
double fv__onnx_element(const fv_tensor *numbers, int64_t i);
/* Whether the value is one known number. */
bool fv__onnx_number(const fv__value *value, double *number);
/* Whether the value is known and all of its elements are 0. */
bool fv__onnx_all_zero(const fv__value *value);
/* The value with its axes in that order, axes[i] of which becomes axis i, as a
 * known value; NULL after a failure. */
fv__value *fv__onnx_permuted(fv__importer *to, const fv__value *value,
                             const int32_t axes[]);
/* Memory of the importer. */
void *fv__onnx_allocate(fv__importer *to, size_t bytes);
/* A new tensor in it; rank -1 after a failure. */
fv_tensor fv__onnx_tensor_new(fv__importer *to, fv_dtype dtype, int32_t rank,
                              const int64_t shape[]);

/* ---- lines (line.c) -------------------------------------------------------
 */

/* Adds a line that reads these values as their tensors are, whatever their
 * order; `format` is its kind and options. If all of them are known, its result
 * is computed now and known, too. Returns its first output, of the plain order,
 * which the caller changes; NULL after a failure. */
fv__value *fv__onnx_line(fv__importer *to, const fv__onnx_node *node,
                         int32_t count, fv__value *const inputs[],
                         const char *format, ...) FV_PRINTF(5, 6);
/* The same of one value, whose order the result has. */
fv__value *fv__onnx_map(fv__importer *to, const fv__onnx_node *node,
                        fv__value *x, const char *format, ...) FV_PRINTF(4, 5);
/* Adds the line of what is flattened, of `from`, under the name of its node. */
fv__value *fv__onnx_rows(fv__importer *to, const fv__value *flattened,
                         fv__value *from, const char *line);
/* Output k of the line that made `first`. */
fv__value *fv__onnx_sibling(fv__importer *to, const fv__value *first,
                            int32_t k);
/* The line that was added last gets these numbers as that parameter, in the
 * order of axes that it has in files. */
fv_status fv__onnx_weight(fv__importer *to, const char *parameter,
                          const fv_tensor *numbers);

/* An output of the network that is this value, under its name in the graph or
 * one made of it. */
fv__value *fv__onnx_output(fv__importer *to, fv__value *value,
                           const char *name);

/* Whether somebody reads output k of the node. */
bool fv__onnx_wanted(const fv__onnx_node *node, int32_t k);
/* Output k of the node is that value, if somebody reads it; NULL, after a
 * failure, is FV_UNSUPPORTED. */
fv_status fv__onnx_set(fv__onnx_node *node, int32_t k, fv__value *value);
/* The same, in another order than the value says. */
fv_status fv__onnx_set_ordered(fv__onnx_node *node, int32_t k,
                               const fv__value *value, fv__order order);

/* Refuses the node with a sentence, which follows its name, its operator and
 * version. Import goes on, so that all refusals are known. */
fv_status fv__onnx_refuse(fv__importer *to, const fv__onnx_node *node,
                          const char *format, ...) FV_PRINTF(3, 4);

#endif
