/* Direct convolution: microkernel tiles over the taps of the image itself, or
 * of padded copies of its rows; there is no im2col matrix. */
#ifndef FV_CONV_DIRECT_DIRECT_H
#define FV_CONV_DIRECT_DIRECT_H

#include "conv/padded_rows.h"

/* ---- forward pass and input gradient ------------------------------------ */

/* A subconvolution, its packed weights, and its blocks of outputs, which are
 * run one after the other with the same packed weights. */
typedef struct fv__direct_subconv {
    fv__subconv subconv;
    fv__subconv_blocks blocks;
    bool data;            /* it is a phase of the input gradient */
    bool pack_per_thread; /* threads pack panels in the run, none is before */
    int64_t panels;       /* panels of nr filters of a group */
    size_t panel_bytes;   /* bytes of a panel, [taps][channels][nr] */
    size_t packed_bytes;  /* bytes of the panels packed before the run;
                             SIZE_MAX: more than can be counted */
} fv__direct_subconv;

fv__direct_subconv fv__direct_subconv_of(fv__conv_target target,
                                         const fv__geometry *geometry,
                                         fv__direction direction,
                                         int64_t number);

/* The axis of the output along which the rows of a tile lie. */
typedef enum fv__tile_axis {
    FV__TILE_WIDTH,
    FV__TILE_HEIGHT,
    FV__TILE_BATCH
} fv__tile_axis;

/* Most terms of k of a panel that a thread packs at a time, so that they stay
 * in a first-level cache. Tuned by measurement. */
enum { FV__DIRECT_THREAD_TERMS = 256 };

/* The plan of one block of a subconvolution. */
typedef struct fv__direct {
    const fv__kernels *kernels;
    size_t element;         /* bytes of an element */
    fv__subconv subconv;    /* the block; if pointwise, its pixels may have been
                               rearranged into rows of another length */
    fv__padded_rows padded; /* where its input is read */
    /* As in fv__direct_subconv. */
    bool data, pack_per_thread;
    int64_t panels;
    size_t panel_bytes;

    /* The sum of an output: `segments` runs of `k` terms that are contiguous
     * in the input, each a row of taps if `merged_taps`, else a tap. */
    fv__chain chain; /* of the whole subconvolution, which says where to cut */
    bool merged_taps;
    int64_t segments, k;

    /* Items of parallel work: one group of `rows` output rows of a plane of
     * `images` images (the last items have fewer), and one of `splits` even
     * parts of the panels. */
    int64_t rows, images, splits;
    int64_t row_blocks; /* blocks of `rows` rows in a plane */
    int64_t items;      /* items before panels are split */

    fv__tile_axis tile_axis;
    bool skips_rows;      /* each output row leaves out the rows of taps that
                             are outside the image: not along columns */
    int64_t joint_panels; /* an item with at most so many panels runs all of
                             them for each tile, others one at a time */
    bool prefetch_pixels; /* the first panel's tiles prefetch the next pixels
                             instead of weights */
    bool nontemporal;     /* outputs are stored past the caches */

    /* Scratch: offsets of segments, padded copies, thread buffers. */
    size_t offsets_bytes;
    size_t plane_bytes;   /* bytes of the padded copy of a plane of an item */
    size_t padded_bytes;  /* and of an image: a plane for each depth of taps */
    int64_t padded_count; /* copies: those of each item if panels are split,
                             else of each thread */
    size_t thread_panel_bytes; /* bytes of a panel packed by a thread, */
    size_t thread_bytes;  /* with the sums of a chain block: [pixels][nr] */
    size_t scratch_bytes; /* bytes of all; SIZE_MAX: more than can be counted */

    /* Set for the run. */
    const fv__conv_call *call;
    const char *in, *packed;              /* x or dy; panels of all groups */
    char *out;                            /* y or dx */
    char *padded_copies, *thread_buffers; /* in the scratch memory */
    /* Elements from tap 0 to the first tap of each segment, in the input and
     * in a packed panel (with pack_per_thread: in the weights). */
    const ptrdiff_t *offsets, *weight_offsets;
} fv__direct;

fv__direct fv__direct_plan(fv__conv_target target,
                           const fv__direct_subconv *whole, int64_t block);

/* Runs a plan whose call, in, out, packed and nontemporal are set. */
void fv__direct_run(fv__direct *plan);

/* Divides a subconvolution into blocks that leave out taps which read padding
 * only, if that is predicted to be faster. */
fv__subconv_blocks fv__direct_blocks(const fv__subconv *subconv);

/* ---- forward pass with one channel and few filters ---------------------- */

/* Vectors lie along output rows, and the rows of a tile are filters. Packed
 * weights are a copy. */
bool fv__direct_is_single_channel(const fv__geometry *geometry);
size_t fv__direct_single_channel_packed(fv__conv_target target,
                                        const fv__geometry *geometry);
void fv__direct_single_channel_pack(const fv__conv_call *call);
size_t fv__direct_single_channel_scratch(fv__conv_target target,
                                         const fv__geometry *geometry);
void fv__direct_single_channel_run(const fv__conv_call *call);

/* ---- weight gradient ---------------------------------------------------- */

/* The form of the matrix product dy^T x. A run is a contiguous range of a
 * filter's weights whose inputs are contiguous too: a row of taps or a tap,
 * with its channels. */
typedef struct fv__direct_weight_grad_form {
    bool transposed; /* tile rows are weights of a run, tile columns filters;
                        otherwise the other way round */
    bool windows;    /* one channel: windows are copied, so that a run is a
                        whole filter */
    bool inside;     /* a run is a tap, multiplied only with the pixels of dy
                        for which the tap is inside the image */
} fv__direct_weight_grad_form;

/* The form of least predicted time. */
fv__direct_weight_grad_form
fv__direct_weight_grad_form_of(const fv__geometry *geometry);
size_t fv__direct_weight_grad_scratch(fv__conv_target target,
                                      const fv__geometry *geometry);
void fv__direct_weight_grad_run(const fv__conv_call *call);

#endif
