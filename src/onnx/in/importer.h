/* The importer itself, for the files that it is made of. */
#ifndef FV_ONNX_IN_IMPORTER_H
#define FV_ONNX_IN_IMPORTER_H

#include "onnx/in/import.h"

#include <fovea/onnx.h>

/* A file with the numbers of tensors. */
typedef struct fv__onnx_file fv__onnx_file;
struct fv__onnx_file {
    const char *location;
    unsigned char *bytes;
    size_t size;
    fv__onnx_file *next;
};

/* A parameter that gets numbers when all layers are known. */
typedef struct fv__onnx_weights fv__onnx_weights;
struct fv__onnx_weights {
    int32_t place;    /* of the layer */
    const char *name; /* "weight" */
    fv_tensor numbers;
    fv__onnx_weights *next;
};

/* A reason why nodes of one operator cannot be read. */
typedef struct fv__refusal fv__refusal;
struct fv__refusal {
    const char *kind, *shown; /* as it is, and printable */
    const char *why, *name;   /* printable; the first node's name */
    int64_t version, count;
    fv__refusal *next;
};

enum { FV__NAME_SLOTS = 1024 };

/* The values of a graph, of a branch of one or of a call of a function, by
 * name. */
typedef struct fv__scope fv__scope;
struct fv__scope {
    fv__value *slots[FV__NAME_SLOTS];
    fv__scope *outer; /* of a branch; NULL: there is none */
};

struct fv__importer {
    fv_context *context;
    const char *path, *shown; /* of the model; printable */
    const fv__onnx_model *model;
    const fv_onnx_options *options;
    fv__arena arena;
    fv__onnx_file *files;
    fv_network *network;
    fv__scope *scope;
    int32_t depth;             /* of calls and branches */
    const fv__onnx_node *node; /* being translated; NULL: none */
    fv__onnx_weights *weights;
    /* all layers, recorded for two images, which shows what the batch changes;
     * `doubled` is of each result, NULL: it does not work */
    fv__graph twice;
    fv_variable **doubled;
    int32_t num_doubled;
    fv__refusal *refusals; /* in order */
};

/* The value of that name in the scope or those around it, made if there is
 * none; NULL after a failure. */
fv__value *fv__onnx_named(fv__importer *to, const char *name);
/* Fails with "PATH: WHAT "NAME"", whose name is made printable. */
fv_status fv__onnx_malformed(const fv__importer *to, const char *what,
                             const char *name);
/* Begins a scope within `outer`, NULL: none; returns the former one. */
fv__scope *fv__onnx_scope(fv__importer *to, fv__scope *outer);
/* A name for a layer that no other has, made of any text. */
const char *fv__onnx_unique(fv__importer *to, const char *text);
/* Adds a layer to the network. */
fv_status fv__onnx_append(fv__importer *to, fv_layer *layer);
/* The result of a line of known values, in *result; false: it is to be added.
 */
bool fv__onnx_compute(fv__importer *to, const char *base, int32_t count,
                      fv__value *const inputs[], const char *options,
                      fv__value **result);
/* Reads the numbers of an initializer that nobody has read yet. */
fv_status fv__onnx_read_initializer(fv__importer *to, fv__value *value);
/* The bytes of a tensor that are in another file. */
fv_status fv__onnx_external(fv__importer *to, const char *who,
                            const fv__onnx_tensor *message, const void **data,
                            size_t *bytes);
/* Translates nodes that are needed, in their order. `versions` are those of the
 * operators of each domain. */
fv_status fv__onnx_nodes(fv__importer *to, size_t count,
                         fv__onnx_node_message *const nodes[],
                         size_t num_versions,
                         Fv__Onnx__OperatorSetIdProto *const versions[],
                         const fv__onnx_node *caller);
/* The domain of nodes that fv__onnx_fuse makes. */
extern const char fv__onnx_own[];
/* A copy of the list in which the last nodes of known patterns are replaced by
 * one that does the same; NULL after a failure. */
fv__onnx_node_message **fv__onnx_fuse(fv__importer *to, size_t count,
                                      fv__onnx_node_message *const nodes[]);
/* Lists the initialisers of a graph and marks what its outputs need. Returns
 * its nodes as they are to be translated, NULL after a failure. */
fv__onnx_node_message **fv__onnx_prepare(fv__importer *to,
                                         const fv__onnx_graph *graph);
/* The translation of an operator; NULL: there is none. */
fv__translate *fv__onnx_translation(const char *domain, const char *kind);
/* Translates a graph of an attribute in the place of the node. */
fv_status fv__onnx_branch(fv__importer *to, fv__onnx_node *node,
                          const fv__onnx_graph *graph);

#endif
