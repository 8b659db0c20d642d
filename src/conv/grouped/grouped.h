/* What the files of grouped convolution share: convolutions of several groups
 * of few channels. */
#ifndef FV_CONV_GROUPED_GROUPED_H
#define FV_CONV_GROUPED_GROUPED_H

#include "conv/shared.h"

/* Bytes of `count` blocks of packed weights of `each` bytes, in whole cache
 * lines; SIZE_MAX if they cannot be counted. */
static inline size_t fv__grouped_packed_bytes(int64_t count, size_t each)
{
    size_t bytes;

    if (!fv__multiply((size_t)count, each, &bytes) || bytes > SIZE_MAX - 64)
        return SIZE_MAX;
    return fv__align(bytes);
}

/* Whether the forward pass or the input gradient is computed with vectors over
 * pixels, not over filters: it can be, and is predicted to take less time
 * (algorithm.c). */
bool fv__grouped_is_planar(const fv__geometry *geometry,
                           fv__direction direction);

/* The forward pass and the input gradient with vectors over filters
 * (channels_last.c). Sizes are SIZE_MAX if they cannot be counted; costs are
 * those of fv__conv_algorithm. */
size_t fv__grouped_channels_last_packed(fv__conv_target target,
                                        const fv__geometry *geometry,
                                        fv__direction direction);
size_t fv__grouped_channels_last_scratch(fv__conv_target target,
                                         const fv__geometry *geometry,
                                         fv__direction direction);
void fv__grouped_channels_last_pack(const fv__conv_call *call,
                                    fv__direction direction);
void fv__grouped_channels_last_run(const fv__conv_call *call,
                                   fv__direction direction);
double fv__grouped_channels_last_cost(const fv__geometry *geometry,
                                      fv__direction direction);
double fv__grouped_channels_last_cost_of(const fv__subconv *subconv);

/* The same with vectors over the pixels of a row (planar.c). */
size_t fv__grouped_planar_packed(fv__conv_target target,
                                 const fv__geometry *geometry,
                                 fv__direction direction);
size_t fv__grouped_planar_scratch(fv__conv_target target,
                                  const fv__geometry *geometry,
                                  fv__direction direction);
void fv__grouped_planar_pack(const fv__conv_call *call,
                             fv__direction direction);
void fv__grouped_planar_run(const fv__conv_call *call, fv__direction direction);
double fv__grouped_planar_cost(const fv__geometry *geometry,
                               fv__direction direction);

/* The weight gradient (weight_grad.c). */
size_t fv__grouped_weight_grad_scratch(fv__conv_target target,
                                       const fv__geometry *geometry);
void fv__grouped_weight_grad_run(const fv__conv_call *call);
double fv__grouped_weight_grad_cost(const fv__geometry *geometry);

#endif
