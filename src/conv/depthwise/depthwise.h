/* What the directions of depthwise convolution share. */
#ifndef FV_CONV_DEPTHWISE_DEPTHWISE_H
#define FV_CONV_DEPTHWISE_DEPTHWISE_H

#include "conv/shared.h"

#include <string.h>

/* Items have no fewer channels. */
enum { FV__DEPTHWISE_CHANNELS = 64 };

typedef struct fv__depthwise_plan {
    const fv__kernels *kernels;
    const fv__geometry *g;
    fv__direction direction;
    size_t element;
    int64_t rows, blocks;     /* of an item; in an image */
    int64_t channels, pieces; /* of an item; of all channels */
    size_t padded;            /* bytes of each worker's, 0: there is none */
    bool uncached,
        nontemporal; /* inputs are not in a cache; outputs go past it */
    const fv__conv_call *call;
} fv__depthwise_plan;

/* Through a number of that size, so that nothing is called. */
static inline void fv__copy_element(size_t size, void *to, const void *from)
{
    uint32_t four;
    uint64_t eight;

    if (size == sizeof four) {
        memcpy(&four, from, sizeof four);
        memcpy(to, &four, sizeof four);
    } else {
        memcpy(&eight, from, sizeof eight);
        memcpy(to, &eight, sizeof eight);
    }
}

/* Cuts `channels` in about `pieces`. */
void fv__depthwise_cut(fv__depthwise_plan *plan, int64_t channels,
                       int64_t pieces);

/* Bytes of a strip, for rows of outputs of that stride; and a convolution over
 * it, whose weights are [line of channels][tap][channel]. */
size_t fv__depthwise_padded_bytes(int64_t stride, const int64_t taps[2]);
void fv__depthwise_run_padded(const fv__kernels *kernels,
                              const fv__depthwise *work, void *padded);

void fv__depthwise_weight_grad_run(const fv__conv_call *call);
size_t fv__depthwise_weight_grad_scratch(const fv_context *context,
                                         const fv__geometry *geometry);

#endif
