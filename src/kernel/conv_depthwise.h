/* What the directions of depthwise convolution share. */
#ifndef FV_KERNEL_CONV_DEPTHWISE_H
#define FV_KERNEL_CONV_DEPTHWISE_H

#include "kernel/conv.h"

#include <string.h>

/* About so many items make an image, of no fewer channels. They cut outputs
 * only. */
enum { FV__DEPTHWISE_ITEMS = 8, FV__DEPTHWISE_CHANNELS = 64 };

typedef struct fv__depthwise_plan {
    const fv__kernels *kernels;
    const fv__geometry *g;
    fv__direction direction;
    size_t element;
    int64_t rows, blocks;     /* of an item; in an image */
    int64_t channels, pieces; /* of an item; of all channels */
    size_t worker;            /* bytes of scratch */
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

/* Cuts `channels` in about `pieces`; not at all where inputs are spread. */
void fv__depthwise_cut(fv__depthwise_plan *plan, int64_t channels,
                       int64_t pieces);

/* Where a channel has several filters, the rows of inputs that an output meets
 * are copied to a strip, so that each filter meets a channel of its own: each
 * channel repeated, or, with `apart`, the first filters of all channels, then
 * the second ones, and so on. */
typedef struct fv__spread {
    size_t element, channels, filters; /* filters of a channel */
    bool apart;
    int64_t step; /* from pixel to pixel, in elements */
} fv__spread;

void fv__spread_row(const fv__spread *spread, const char *x, int64_t columns,
                    char *out);
/* Elements of a row of the strip; bytes of the strip, 0: inputs are met as
 * they are, SIZE_MAX: uncountable. */
size_t fv__spread_elements(const fv__geometry *geometry,
                           fv__direction direction);
size_t fv__spread_bytes(const fv_context *context, const fv__geometry *geometry,
                        fv__direction direction);

void fv__depthwise_grad_run(const fv__conv_call *call);
size_t fv__depthwise_grad_scratch(const fv_context *context,
                                  const fv__geometry *geometry);

#endif
