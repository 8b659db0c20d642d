/* NumPy files and archives of them in memory. */
#ifndef FV_ARRAY_NPY_H
#define FV_ARRAY_NPY_H

#include "tensor/tensor.h"

enum {
    FV__NPY_MOST_HEADER = 10000, /* as in NumPy */
    /* Bytes at the beginning of any file that hold all of its header. */
    FV__NPY_HEAD = FV__NPY_MOST_HEADER + 12,
    FV__NPY_HEADER = 512 /* enough for a header that is written here */
};

/* What the header of a file says. */
typedef struct fv__npy_facts {
    fv_dtype dtype;
    int32_t rank;
    int64_t shape[FV_MAX_RANK];
    size_t at;  /* byte where the elements begin */
    bool plain; /* row-major, in the byte order of this machine, not halves */
} fv__npy_facts;

/* Checks the header, and that a file of `size` bytes is what it says.
 * `present` bytes are at `head`: at least the smaller of `size` and
 * FV__NPY_HEAD. `name` is for messages, printable. */
bool fv__npy_check(fv_context *context, const char *name, const void *head,
                   size_t present, size_t size);
/* The same, with what the header says. */
bool fv__npy_read_facts(fv_context *context, const char *name, const void *head,
                        size_t present, size_t size, fv__npy_facts *out);
/* The array of a whole file in new memory; the failed tensor after a failure.
 */
fv_tensor fv__npy_parse(fv_context *context, const char *name,
                        const void *bytes, size_t size);

/* Whether an array of that name is to be read. */
typedef bool fv__npz_wanted(void *user, const char *name);

/* As fv_npz_load, from the bytes of a file, which remain the caller's; arrays
 * that are not wanted have failed tensors. `wanted` may be NULL. `path` is for
 * messages. */
fv_named_tensors fv__npz_parse(fv_context *context, const char *path,
                               const void *bytes, size_t size,
                               fv__npz_wanted *wanted, void *user);

/* Writes the header of a tensor's file; returns its length. */
size_t fv__npy_header(const fv_tensor *tensor, char out[FV__NPY_HEADER]);
/* The elements as they follow the header: the tensor's own memory or that of
 * *copy, which is to be freed. NULL after a failure, or of no elements. */
const void *fv__npy_elements(fv_context *context, const fv_tensor *tensor,
                             fv_tensor *copy);

#endif
