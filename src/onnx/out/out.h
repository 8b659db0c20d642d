/* Networks to ONNX models: the network is recorded as operators, as for a plan
 * in evaluation, and each operator becomes one or several nodes.
 *
 * A tensor is channels last inside and channels first in ONNX. Each value of
 * the ONNX graph therefore has an order: its axis i is axis order[i] of the
 * tensor. An operator takes its operands in an order that it can work on and
 * tells in which its results are; a transposition is written only where an
 * operand has another one. */
#ifndef FV_ONNX_OUT_OUT_H
#define FV_ONNX_OUT_OUT_H

#include "network/network.h"
#include "onnx/proto.h"
#include "op/op.h"

#include <fovea/onnx.h>

/* ---- values and nodes ---------------------------------------------------- */

/* A value of the ONNX graph. */
typedef struct fv__out_value {
    const char *name;   /* NULL until names are given */
    const char *stem;   /* what its name is made from: "conv1" */
    const char *ending; /* what may follow: "weight", "Transpose"; NULL: none */
    char separator;     /* between the two: '.' or '/' */
    int32_t number;     /* without an ending: among the outputs of its layer */
    const fv_tensor *data; /* of an initialiser; NULL: it is computed or an
                              input */
    bool input;
} fv__out_value;

/* A tensor as a value: with leading axes of extent 1, its axes in an order. */
typedef struct fv__out_form {
    struct fv__out_form *next;
    fv__out_value *value;
    int32_t rank;
    int32_t order[FV_MAX_RANK];
} fv__out_form;

/* What is known of a variable of the record. */
typedef struct fv__out_entry {
    const fv_variable *variable;
    const fv__parameter *parameter; /* NULL: it is none */
    const char *stem;    /* the name of the layer that it belongs to */
    int32_t number;      /* among the outputs of that layer */
    int32_t uses;        /* operators and outputs that read it */
    fv__out_form *forms; /* the first is how it was made */
} fv__out_entry;

enum { FV__OUT_MOST_ATTRIBUTES = 12 };

typedef struct fv__out_node {
    Fv__Onnx__NodeProto message;
    int32_t num_inputs, num_outputs, num_attributes;
    fv__out_value **inputs; /* NULL: an optional one that is not given */
    fv__out_value *outputs[FV__MAX_OUTPUTS];
    fv__onnx_attribute *attributes[FV__OUT_MOST_ATTRIBUTES];
} fv__out_node;

/* A list of pointers. */
typedef struct fv__out_list {
    void **at;
    size_t count, capacity;
} fv__out_list;

/* Open extents of different inputs have the same sizes if they are the same
 * axis; all have. */
enum { FV__OUT_INPUTS_ALIKE = 1, FV__OUT_AXES_ALIKE };

/* ---- the export ---------------------------------------------------------- */

typedef struct fv__out {
    fv_context *context;
    fv_network *network;
    fv_onnx_save_options options;
    int64_t opset;
    fv__arena arena;
    /* The network recorded twice, with different batches and sizes: an extent
     * that differs is open. */
    fv__graph records[2];
    int64_t batches[2];
    int32_t alike;   /* which open extents have the same sizes; 0: none */
    int32_t *places; /* the layer of each node */
    int32_t places_capacity;
    bool *needed;             /* whether an output depends on the node */
    fv_variable **results[2]; /* of all layers */
    fv__out_entry **entries;  /* a hash table */
    size_t num_entries, entries_capacity;
    /* The step that is being written. */
    const fv__node *node, *twin; /* in either record */
    const char *stem;            /* the name of its layer */
    /* The ONNX graph. */
    fv__out_list nodes, initializers, inputs, outputs;
    fv__out_value
        *shapes[FV__MOST_INPUTS]; /* of inputs; NULL: not needed yet */
    fv__text refused;             /* what cannot be written, layer by layer */
    bool refuses;                 /* in the current step */
} fv__out;

/* ---- record.c ------------------------------------------------------------ */

/* Records the network twice, and finds the nodes that are needed. */
fv_status fv__out_record(fv__out *out);
void fv__out_record_free(fv__out *out);

/* ---- build.c ------------------------------------------------------------- */

/* Appends to a list. */
bool fv__out_append(fv__out *out, fv__out_list *list, void *item);
/* What is known of a variable, made if need be; NULL after a failure. */
fv__out_entry *fv__out_entry_of(fv__out *out, const fv_variable *variable);
/* Memory that lives as long as the export, zeroed. */
void *fv__out_memory(fv__out *out, size_t bytes);

/* Appends a node; returns its first output, NULL after a failure. */
fv__out_value *fv__out_node_of(fv__out *out, const char *type,
                               int32_t num_inputs,
                               fv__out_value *const inputs[]);
#define FV__OUT_NODE(out, type, ...)                                           \
    fv__out_node_of((out), (type),                                             \
                    (int32_t)(sizeof((fv__out_value *const[]){ __VA_ARGS__ })  \
                              / sizeof(fv__out_value *)),                      \
                    (fv__out_value *const[]){ __VA_ARGS__ })
/* One more output of the last node. */
fv__out_value *fv__out_more(fv__out *out);
/* Attributes of the last node. */
void fv__out_int(fv__out *out, const char *name, int64_t number);
void fv__out_ints(fv__out *out, const char *name, int64_t count,
                  const int64_t numbers[]);
void fv__out_float(fv__out *out, const char *name, double number);
void fv__out_word(fv__out *out, const char *name, const char *word);

/* Initialisers: a vector of whole numbers, one number, a number of some type,
 * of the context's, and a tensor of any strides whose memory stays. */
fv__out_value *fv__out_wholes(fv__out *out, const char *what, int64_t count,
                              const int64_t numbers[]);
fv__out_value *fv__out_whole(fv__out *out, const char *what, int64_t number);
fv__out_value *fv__out_scalar(fv__out *out, const char *what, fv_dtype dtype,
                              double number);
fv__out_value *fv__out_number(fv__out *out, const char *what, double number);
fv__out_value *fv__out_data(fv__out *out, const char *what,
                            const fv_tensor *data);
/* A contiguous tensor of that type in memory of the export, to be filled; rank
 * -1 after a failure. */
fv_tensor fv__out_tensor(fv__out *out, fv_dtype dtype, int32_t rank,
                         const int64_t shape[]);
/* A vector of `count` equal numbers. */
fv__out_value *fv__out_fill(fv__out *out, const char *what, int64_t count,
                            double number);

/* ---- form.c -------------------------------------------------------------- */

/* The orders in which axes stay, and in which channels come first. */
void fv__out_same(int32_t rank, int32_t order[]);
void fv__out_first(int32_t rank, int32_t order[]);
/* The axis of the value that is axis `axis` of the tensor. */
int64_t fv__out_at(const fv__out_form *form, int32_t axis);

/* How a variable was made; of an initialiser, with its axes as they are. */
const fv__out_form *fv__out_form_of(fv__out *out, const fv_variable *variable);
/* The value of a variable in an order of `rank` axes; where these are more than
 * it has, as an operand that is broadcast: leading axes of extent 1 may be
 * missing. NULL after a failure. */
fv__out_value *fv__out_read(fv__out *out, const fv_variable *variable,
                            int32_t rank, const int32_t order[]);
/* Operand k of the node with its axes as they are, with channels first. */
fv__out_value *fv__out_plain(fv__out *out, int32_t k);
fv__out_value *fv__out_image(fv__out *out, int32_t k);
/* Operand k as it was made. */
fv__out_value *fv__out_any(fv__out *out, int32_t k, const fv__out_form **form);
/* An operand that is a parameter or known: its numbers; NULL: it is not. */
const fv_tensor *fv__out_known(fv__out *out, const fv_variable *variable);

/* Output k of the node is that value, in that order; as it is, or with channels
 * first. */
void fv__out_set(fv__out *out, int32_t k, fv__out_value *value,
                 const int32_t order[]);
void fv__out_set_plain(fv__out *out, int32_t k, fv__out_value *value);
void fv__out_set_image(fv__out *out, int32_t k, fv__out_value *value);
/* Output 0 is operand 0. */
void fv__out_pass(fv__out *out);

/* Whether extent `axis` of operand k (of output k) is the same in both records.
 */
bool fv__out_fixed(const fv__out *out, int32_t k, int32_t axis);
bool fv__out_result_fixed(const fv__out *out, int32_t k, int32_t axis);
/* Whether all extents between batch and channels of operand 0 are. */
bool fv__out_sized(const fv__out *out);

/* The extent of an input of the network that has these sizes in the records, as
 * a vector of one; NULL: none has. */
fv__out_value *fv__out_extent(fv__out *out, int64_t first, int64_t second);
/* A shape as an operand: extents that are the same in both records, those that
 * follow from an input, and -1 for one other if `rest`; NULL: there is none. */
fv__out_value *fv__out_shape(fv__out *out, int32_t rank, const int64_t first[],
                             const int64_t second[], bool rest);

/* Records that the layer cannot be written, and why. */
void fv__out_refuse(fv__out *out, const char *format, ...) FV_PRINTF(2, 3);

/* ---- what operators become ----------------------------------------------- */

typedef void fv__out_emit(fv__out *out);
/* NULL: the operator has no form in ONNX. */
fv__out_emit *fv__out_emitter(const fv_operator *op);

/* Nodes that several operators need. */
fv__out_value *fv__out_reduce(fv__out *out, const char *type, fv__out_value *x,
                              int64_t count, const int64_t axes[], bool keep);
fv__out_value *fv__out_unsqueeze(fv__out *out, fv__out_value *x, int64_t count,
                                 const int64_t axes[]);
fv__out_value *fv__out_squeeze(fv__out *out, fv__out_value *x, int64_t count,
                               const int64_t axes[]);
fv__out_value *fv__out_transpose(fv__out *out, fv__out_value *x, int32_t rank,
                                 const int32_t perm[]);
fv__out_value *fv__out_reshape(fv__out *out, fv__out_value *x, int32_t rank,
                               const int64_t shape[]);

/* Of windows: kernel, stride, dilation and padding of the last node, for images
 * of so many axes. */
void fv__out_window(fv__out *out, const fv__geometry *geometry, int32_t axes,
                    bool dilated);
void fv__out_padding(fv__out *out, const fv__geometry *geometry, int32_t axes,
                     fv_auto_pad mode);
/* A value of `rank` axes with numbers before and after them. */
fv__out_value *fv__out_padded(fv__out *out, fv__out_value *x, int32_t rank,
                              const int64_t begin[], const int64_t end[],
                              fv_padding_mode mode, double value);
/* The normalisation that is folded into the weights of a convolution; NULL: it
 * is none, or none is to be folded. */
const fv__node *fv__out_folded(fv__out *out, const fv__node *convolution);

/* ---- write.c ------------------------------------------------------------- */

/* The number of an element type in ONNX. */
int32_t fv__out_type(fv_dtype dtype);
/* Names all values and writes the model. */
fv_status fv__out_write(fv__out *out, const char *path);

#endif
