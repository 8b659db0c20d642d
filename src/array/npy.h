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

/* Checks the header, and that a file of `size` bytes is what it says.
 * `present` bytes are at `head`: at least the smaller of `size` and
 * FV__NPY_HEAD. `name` is for messages, printable. */
bool fv__npy_check(fv_context *context, const char *name, const void *head,
                   size_t present, size_t size);
/* The array of a whole file in new memory; the failed tensor after a failure.
 */
fv_tensor fv__npy_parse(fv_context *context, const char *name,
                        const void *bytes, size_t size);

/* As fv_npz_load, from the bytes of a file, which remain the caller's. `path`
 * is for messages. */
fv_named_tensors fv__npz_parse(fv_context *context, const char *path,
                               const void *bytes, size_t size);

/* Writes the header of a tensor's file; returns its length. */
size_t fv__npy_header(const fv_tensor *tensor, char out[FV__NPY_HEADER]);
/* The elements as they follow the header: the tensor's own memory or that of
 * *copy, which is to be freed. NULL after a failure, or of no elements. */
const void *fv__npy_elements(fv_context *context, const fv_tensor *tensor,
                             fv_tensor *copy);

#endif
