/* The rows of the input that a subconvolution reads: in place, or in a copy
 * with the padding around them. */
#ifndef FV_CONV_PADDED_ROWS_H
#define FV_CONV_PADDED_ROWS_H

#include "conv/shared.h"

/* Where rows of the input are read, one group of channels. Row 0, column 0 is
 * what tap (0, 0) reads for output pixel (0, 0). */
typedef struct fv__padded_rows {
    bool in_place;      /* in the input itself: no tap reads padding */
    bool contiguous;    /* taps of a row are contiguous in memory */
    int64_t step;       /* rows from one row of taps to the next */
    int64_t reach[2];   /* rows and columns from the first to the last tap */
    int64_t columns;    /* pixels of a row of the copy */
    int64_t pixel, row; /* elements from pixel to pixel and from row to row */
} fv__padded_rows;

/* Whether the elements of a padded copy of an image can be counted. */
bool fv__padded_rows_fit(const fv__subconv *subconv);
/* In place if no tap reads padding; with `skips_rows`, the caller leaves out
 * the rows of taps that do. With `copy_if_aliased`, rows whose pixels map to
 * few sets of a first-level cache are copied all the same. */
fv__padded_rows fv__padded_rows_of(const fv__subconv *subconv, size_t element,
                                   bool skips_rows, bool copy_if_aliased);
/* In place, for callers that leave out taps in the padding themselves. */
fv__padded_rows fv__padded_rows_in_place(const fv__subconv *subconv);
/* Leaves out of the copy the rows between those that the rows of taps read, for
 * at most `rows` output rows. */
void fv__padded_rows_close_gaps(const fv__subconv *subconv,
                                fv__padded_rows *padded, int64_t rows);
/* Number of rows that `rows` output rows read. */
int64_t fv__padded_rows_count(const fv__subconv *subconv,
                              const fv__padded_rows *padded, int64_t rows);
/* Bytes of the copy for `rows` output rows; 0 in place. */
size_t fv__padded_rows_bytes(const fv__subconv *subconv,
                             const fv__padded_rows *padded, int64_t rows,
                             size_t element);
/* Fills the copy of a plane, which is one of all images, for output rows
 * [first, first + rows). */
void fv__padded_rows_fill(const fv__subconv *subconv,
                          const fv__padded_rows *padded, int64_t plane,
                          int64_t group, int64_t first, int64_t rows,
                          size_t element, const void *in, void *copy);

/* A copy of the windows of an image with one channel: row i has what the
 * windows of output row i read, [column][row of taps], so that each window is
 * contiguous in memory. */
fv__padded_rows fv__padded_rows_of_windows(const fv__subconv *subconv);
void fv__padded_rows_fill_windows(const fv__kernels *kernels,
                                  const fv__subconv *subconv,
                                  const fv__padded_rows *padded, int64_t image,
                                  int64_t first, int64_t rows, const void *in,
                                  void *copy);

#endif
