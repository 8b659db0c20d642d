/* What emitters of convolutions share: calls of the functions of
 * runtime/convolution.c. */
#ifndef FV_EXPORT_CONVOLUTION_H
#define FV_EXPORT_CONVOLUTION_H

#include "export/emitters.h"

#include "op/conv/conv_transpose.h"

/* Filters of a panel of weights, for tiles and for one window: COLUMNS and WIDE
 * there. */
enum { FV__COLUMNS_OF_PANEL = 16, FV__WIDE = 32 };

static inline int64_t fv__volume(const int64_t extents[FV__AXES])
{
    return extents[FV__DEPTH] * extents[FV__ROWS] * extents[FV__COLUMNS];
}

/* Declares runs of that name of a sum, its terms cut where memory does and
 * where blocks of the chain end; returns how many. The chain's terms are
 * channels of pixels, taps[] of the padded input in order, `pixel` elements
 * apart. */
int32_t fv__write_runs(fv__export *e, const char *name, fv__chain chain,
                       const int64_t taps[], int64_t pixel);
/* The same of a sum of terms that follow each other. */
static inline int32_t fv__write_sum(fv__export *e, const char *name,
                                    int64_t terms)
{
    return fv__write_runs(e, name, (fv__chain){ 1, 1, terms },
                          (const int64_t[]){ 0 }, terms);
}
/* Declares the convolution `c`. Numbers are groups, channels and filters of a
 * group, terms and runs. */
void fv__write_windows(fv__export *e, int64_t batch,
                       const int64_t out[FV__AXES],
                       const int64_t stride[FV__AXES],
                       const int64_t padded[FV__AXES], int64_t pixel,
                       const int64_t numbers[5]);
/* Copies weights [groups x filters][terms] to panels of `width` filters,
 * [group][panel][term][width], and returns where they are. */
size_t fv__pack(fv__export *e, int64_t groups, int64_t filters, int64_t terms,
                int64_t width, const float *weights);
/* The same of a bias; NULL: of numbers that change no sum. */
size_t fv__pack_bias(fv__export *e, int64_t groups, int64_t filters,
                     int64_t width, const float *bias);
/* Copies input 0 with its padding to the scratch, if it has any; returns where
 * the convolution reads. */
const char *fv__write_border(fv__export *e, const fv__node *node, int64_t batch,
                             int64_t channels, const int64_t in[FV__AXES],
                             const int64_t begin[FV__AXES],
                             const int64_t padded[FV__AXES], double value);

#endif
