/* The loader: makes the batches of training and evaluation, ahead of them
 * where reading takes time. */
#ifndef FV_DATA_LOADER_H
#define FV_DATA_LOADER_H

#include "data/data.h"

typedef struct fv__loader fv__loader;

typedef struct fv__loader_options {
    const fv_dataset *dataset;
    const fv__transforms *transforms; /* NULL: none */
    fv__stage stage;
    int64_t batch;    /* images of a batch */
    int64_t part;     /* of them at a time, at most the batch */
    fv_shape image;   /* after the transforms, in the context's layout */
    int32_t channels; /* of pictures from files; 0: as they have them */
    int32_t workers;  /* threads; 0: chosen; FV_OFF: none */
} fv__loader_options;

/* NULL after a failure. */
fv__loader *fv__loader_new(fv_context *context,
                           const fv__loader_options *options);
/* Bytes that a loader of these options allocates for batches. */
size_t fv__loader_bytes(fv_context *context, const fv__loader_options *options);
/* Begins an epoch of the first `images` images of `order`, which must stay, or
 * in their own order if it is NULL, with a batch; ends the one before. */
void fv__loader_start(fv__loader *loader, uint64_t epoch, const int64_t *order,
                      int64_t images, int64_t batch);
/* Writes the next images, as many as the next part of a batch has, to `images`,
 * contiguous, and makes *targets theirs until the next call. Depends on data,
 * seed, epoch and order alone. */
fv_status fv__loader_next(fv__loader *loader, const fv_tensor *images,
                          fv_tensor *targets);
/* Seconds that callers of fv__loader_next() waited for images to be read. */
double fv__loader_waited(const fv__loader *loader);
/* Damaged images that others stand for, so far. */
int64_t fv__loader_skipped(const fv__loader *loader);
/* Ends its threads; NULL is allowed. */
void fv__loader_free(fv__loader *loader);

#endif
