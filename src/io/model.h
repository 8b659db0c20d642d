/* A network's parameters as named tensors of a file, in both directions. */
#ifndef FV_IO_MODEL_H
#define FV_IO_MODEL_H

#include "io/io.h"
#include "network/network.h"

/* Entries of a file: "conv1.weight", as PyTorch names and orders them
 * ([filters, c, kh, kw]), views of the network's memory. */
typedef struct fv__model {
    fv_context *context;
    fv_network *network;
    size_t count, capacity;
    fv_named_tensor *entries;
    fv_tensor *read; /* what each is to be read from, in its shape; rank -1:
                        nothing. Set by fv__model_match */
} fv__model;

/* Lists the parameters of a drawn network, with room for `extra` more entries.
 */
fv_status fv__model_begin(fv__model *model, fv_network *network, size_t extra);
/* Lists the gradients of parameters, not the parameters. */
fv_status fv__model_begin_gradients(fv__model *model, fv_network *network);
/* Adds an entry named "<prefix><name>". */
fv_status fv__model_add(fv__model *model, const char *prefix, const char *name,
                        const fv_tensor *tensor);
void fv__model_end(fv__model *model);
enum { FV__MODEL_PAIRS = 4 };
/* The metadata that make a file one of that network, the text first; returns
 * their number. `classes` is what they refer to, to be released; NULL: there is
 * none. */
size_t fv__model_pairs(fv_network *network, const char *path,
                       fv__pair pairs[FV__MODEL_PAIRS], char **classes);
/* Whether they can have that key. */
bool fv__model_has_key(const char *key);
/* Finds the tensors of the archive for the entries, as fv_network_match_weights
 * does; NULL: without options. Records all differences. */
fv_status fv__model_match(fv__model *model, const fv__archive *archive,
                          const char *path, const fv_match_options *options);
/* Copies and converts the numbers of those tensors into the entries. */
void fv__model_restore(const fv__model *model);

#endif
