/* Sums of pixels along one axis. */
#ifndef FV_IMAGE_PASSES_H
#define FV_IMAGE_PASSES_H

#include "image/weights.h"

/* Pixels in memory; the pixels of a row lie next to each other. */
typedef struct fv__view {
    const unsigned char *at;
    int64_t stride; /* bytes from row to row */
    int64_t rows, columns;
    int32_t channels;
} fv__view;

/* Bytes that fv__pass_columns needs for so many rows. */
size_t fv__pass_columns_bytes(const fv__axis *x, int64_t rows,
                              int32_t channels);
/* The rows of the view in the width of x, [rows, x->out, channels] at `to`. */
void fv__pass_columns(const fv__axis *x, const fv__view *in, unsigned char *to,
                      unsigned char *memory);
/* The view in the height of y, [y->out, columns, channels] at `to`. Row 0 of
 * the view is row `first` of the input of y. */
void fv__pass_rows(const fv__axis *y, const fv__view *in, int64_t first,
                   unsigned char *to);

#endif
