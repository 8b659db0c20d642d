/* safetensors archives, which models and checkpoints share. */
#ifndef FV_IO_IO_H
#define FV_IO_IO_H

#include <fovea/tensor.h>

#include "base/base.h"

/* One key and value of the metadata. */
typedef struct fv__pair {
    const char *key;
    const char *value;
} fv__pair;

/* Writes a safetensors file atomically. Tensors may have any strides; they are
 * stored row-major in the given order. The metadata "fovea.crc32" holds a
 * checksum of the file's own content; no pair may have that key. */
fv_status fv__safetensors_write(fv_context *context, const char *path,
                                size_t num_entries,
                                const fv_named_tensor *entries,
                                size_t num_pairs, const fv__pair *pairs);

/* A safetensors file in memory (account FV__DATA), completely checked. */
typedef struct fv__archive {
    fv_context *context;
    size_t num_entries;
    fv_named_tensor *entries; /* in the order of their data, row-major */
    size_t num_pairs;
    fv__pair *pairs; /* in the order of the file, without the checksum */
    bool has_digest; /* the file has a checksum, which is right; files of other
                        programs have none */

    unsigned char *bytes; /* bytes of the file */
    char *names;          /* texts of entries and pairs */
    void *copies; /* copies of tensors that are not aligned in the file or have
                     another type there */
    fv_named_tensor **by_name;
} fv__archive;

/* Reads a file; NULL after recording what is wrong with it. Free the archive
 * with fv__archive_free before its context. */
fv__archive *fv__safetensors_read(fv_context *context, const char *path);
/* The same from the bytes of a file, which it takes over even if it fails.
 * `path` is for messages. */
fv__archive *fv__safetensors_parse(fv_context *context, const char *path,
                                   void *bytes, size_t size);
/* An archive of `count` tensors of other memory; NULL after a failure. */
fv__archive *fv__archive_of(fv_context *context, int64_t count,
                            const fv_named_tensor tensors[]);
/* The tensor of that name, NULL if there is none. */
const fv_tensor *fv__archive_find(const fv__archive *archive, const char *name);
/* The entry whose name is the first `begin_length` characters of `begin` and
 * behind them the first `length` of `rest`; NULL if there is none. */
const fv_named_tensor *fv__archive_entry(const fv__archive *archive,
                                         const char *begin, size_t begin_length,
                                         const char *rest, size_t length);
/* The metadata of that key, NULL if there is none. */
const char *fv__archive_value(const fv__archive *archive, const char *key);
/* NULL is allowed. */
void fv__archive_free(fv__archive *archive);

#endif
