/* What the files of depthwise convolution share: each channel has one filter,
 * and vectors run over channels. */
#ifndef FV_CONV_DEPTHWISE_DEPTHWISE_H
#define FV_CONV_DEPTHWISE_DEPTHWISE_H

#include "conv/shared.h"

/* ---- decisions (plan.c) ------------------------------------------------- */

/* Channels of a block are a multiple of this number, four cache lines of
 * floats: tuned by measurement. */
enum { FV__DEPTHWISE_CHANNELS = 64 };
/* Bytes of the cache line of channels that a padded copy holds at a time, and
 * that its weights are packed by. */
enum { FV__DEPTHWISE_LINE = 64 };

/* How an axis of a subconvolution is cut into residue classes. Outputs `count`
 * apart form a class; all its taps read inputs `input_step` apart, so over
 * these a class is a convolution with this stride and without dilation. */
typedef struct fv__depthwise_classes {
    int64_t count, input_step, stride;
} fv__depthwise_classes;

fv__depthwise_classes fv__depthwise_classes_of(const fv__subconv *subconv,
                                               int axis);
/* Whether a subconvolution reads padded copies of the image
 * (large_kernels.c) instead of the image itself. */
bool fv__depthwise_is_padded(const fv__subconv *subconv);

/* How a forward pass or an input gradient is cut into items: one image, a block
 * of output rows and a block of channels, of all subconvolutions. Cutting
 * changes no sum. */
typedef struct fv__depthwise_plan {
    const fv__geometry *geometry;
    fv__direction direction;
    const fv__kernels *kernels;
    size_t element;                   /* bytes */
    int64_t rows, row_blocks;         /* rows of a class in an item; blocks */
    int64_t channels, channel_blocks; /* channels of an item; blocks */
    size_t padded_bytes; /* of the padded copy of each worker; 0: none */
    bool uncached;       /* inputs exceed the last-level cache */
    bool nontemporal;    /* outputs are stored without being cached */
    const fv__conv_call *call;
} fv__depthwise_plan;

/* Without a call, on which `uncached` and `nontemporal` depend. */
fv__depthwise_plan fv__depthwise_plan_of(fv__conv_target target,
                                         const fv__geometry *geometry,
                                         fv__direction direction);
fv__depthwise_plan fv__depthwise_plan_of_call(const fv__conv_call *call,
                                              fv__direction direction);
/* Channels of a block, a multiple of FV__DEPTHWISE_CHANNELS, so that `channels`
 * make about `blocks` blocks, at least one. */
int64_t fv__depthwise_block(int64_t channels, int64_t blocks);

/* ---- padded copies (large_kernels.c) ------------------------------------ */

/* Bytes of a padded copy, for output rows of this stride. */
size_t fv__depthwise_padded_bytes(int64_t stride, const int64_t taps[2]);
/* A convolution over padded copies, made at `padded`. Weights are [line of
 * channels][tap][channel]. */
void fv__depthwise_run_padded(const fv__kernels *kernels,
                              const fv__depthwise *work, void *padded);

/* ---- weight gradient (weight_grad.c) ------------------------------------ */

void fv__depthwise_weight_grad_run(const fv__conv_call *call);
size_t fv__depthwise_weight_grad_scratch(fv__conv_target target,
                                         const fv__geometry *geometry);

#endif
