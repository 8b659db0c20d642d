/* What the rooms of the file floor share: safetensors archives. */
#ifndef FV_IO_IO_H
#define FV_IO_IO_H

#include <fovea/tensor.h>

#include "base/base.h"

/* A named tensor; its memory belongs to somebody else. */
typedef struct fv__entry {
    const char *name;
    fv_tensor tensor;
} fv__entry;

/* One line of metadata. */
typedef struct fv__pair {
    const char *key;
    const char *value;
} fv__pair;

/* Writes a safetensors file, atomically. Tensors may have any strides; they
 * are stored row-major, in the order given. The file carries the digest of its
 * own content as metadata "fovea.crc32", which no pair may name. */
fv_status fv__safetensors_write(fv_context *context, const char *path,
                                size_t num_entries, const fv__entry *entries,
                                size_t num_pairs, const fv__pair *pairs);

/* A safetensors file in memory (account FV__DATA), all of it checked. */
typedef struct fv__archive {
    fv_context *context;
    size_t num_entries;
    fv__entry *entries; /* in the order of their data, row-major */
    size_t num_pairs;
    fv__pair *pairs; /* in the file's order, without the digest */
    bool has_digest; /* and it is right; files from elsewhere have none */

    unsigned char *bytes; /* the file */
    char *names;          /* text of entries and pairs */
    void *copies;         /* of tensors that are not aligned in the file, or
                             of another type there */
    fv__entry **by_name;
} fv__archive;

/* NULL after recording what is wrong with the file. Free the archive with
 * fv__archive_free before its context. */
fv__archive *fv__safetensors_read(fv_context *context, const char *path);
/* The same from its bytes, which it takes over, even when it fails. `path` is
 * for messages. */
fv__archive *fv__safetensors_parse(fv_context *context, const char *path,
                                   void *bytes, size_t size);
/* The tensor of that name, NULL if there is none. */
const fv_tensor *fv__archive_find(const fv__archive *archive, const char *name);
/* The metadata of that key, NULL if there is none. */
const char *fv__archive_value(const fv__archive *archive, const char *key);
/* NULL is allowed. */
void fv__archive_free(fv__archive *archive);

#endif
