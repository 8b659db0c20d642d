/* One sweep of direct convolution: the plan, and its run. */
#ifndef FV_CONV_DIRECT_DIRECT_H
#define FV_CONV_DIRECT_DIRECT_H

#include "conv/padded_rows.h"

typedef enum fv__tile_axis {
    FV__TILE_WIDTH,
    FV__TILE_HEIGHT,
    FV__TILE_BATCH
} fv__tile_axis;

typedef struct fv__direct {
    const fv__kernels *kernels;
    fv__subconv subconv;
    fv__padded_rows padded;
    size_t element;
    bool pack_per_thread;    /* weights are packed by those who meet them */
    bool flat;               /* pixels of an item are one row */
    bool merged;             /* taps of a row are one run */
    fv__tile_axis tile_axis; /* tiles go */
    bool in_memory;          /* the image is read in one run, from there */
    fv__chain chain;         /* of the whole sweep */
    int64_t segments, k;     /* of a chain: runs of taps, elements of each */
    int64_t rows, blocks;    /* output rows of an item; of them, an image's */
    int64_t images, items;   /* of an item, if small; in all, if not split */
    int64_t panels, splits;  /* of the filters; pieces they are cut into */
    size_t panel_bytes, padded_bytes; /* a strip is one of an image */
    size_t thread_bytes;  /* of a worker: what it packs, and sums of a block */
    int64_t padded_count; /* those of an item for each worker, or for each */
    bool data;
    bool nontemporal; /* caches, outputs go */
    const fv__conv_call *call;
    const char *in;
    char *out, *packed, *padded_copies,
        *thread_panels;                        /* one for each worker */
    const ptrdiff_t *offsets, *weight_offsets; /* of the segments */
} fv__direct;

/* How a sweep is cut so that it leaves out taps that meet padding only, if that
 * is predicted to pay. */
fv__subconv_blocks fv__direct_blocks(const fv__subconv *subconv);

/* Whether tiles go down columns, where pixels are far apart: if that halves
 * them. */
bool fv__direct_prefers_height(int64_t rows, int64_t columns, int64_t mr);

/* Bytes of the part of a panel that a worker packs where it is met. */
size_t fv__direct_thread_panel(const fv__direct *direct);

/* Bytes at the beginning of scratch: where segments begin, in the image and
 * among weights, packed or where they lie. Strips follow, then what workers
 * pack. */
size_t fv__direct_offsets(const fv__direct *direct);

/* The call and its memory are in the plan. */
void fv__direct_run(fv__direct *direct);

/* The forward pass with vectors along output rows, filters being the rows of
 * tiles: if there is one channel and filters are few. Packed
 * weights are a copy. */
bool fv__direct_is_single_channel(const fv__geometry *geometry);
size_t fv__direct_single_channel_packed(const fv_context *context,
                                        const fv__geometry *geometry);
void fv__direct_single_channel_pack(const fv__conv_call *call);
size_t fv__direct_single_channel_scratch(const fv_context *context,
                                         const fv__geometry *geometry);
void fv__direct_single_channel_run(const fv__conv_call *call);

/* How the weight gradient is done, what is cheapest: whether runs of the image
 * are the rows of its tiles and filters the columns; whether they are whole
 * windows, copied, or rows of taps; whether each tap is a run, which leaves out
 * the pixels of dy at which it meets padding. */
typedef struct fv__direct_weight_grad_form {
    bool transposed, windows, inside;
} fv__direct_weight_grad_form;

fv__direct_weight_grad_form
fv__direct_weight_grad_form_of(const fv__geometry *geometry);
size_t fv__direct_weight_grad_scratch(const fv_context *context,
                                      const fv__geometry *geometry);
void fv__direct_weight_grad_run(const fv__conv_call *call);

#endif
