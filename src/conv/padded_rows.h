/* Where the rows of an image that a sweep meets are read: in the image itself,
 * or in a strip, a copy with zeros around it. */
#ifndef FV_CONV_PADDED_ROWS_H
#define FV_CONV_PADDED_ROWS_H

#include "conv/shared.h"

/* Rows of one group, `pixel` elements from column to column, `row` from row to
 * row. Row 0, column 0 is what tap (0, 0) of output (0, 0) meets. */
typedef struct fv__padded_rows {
    bool in_place;    /* no copy: windows never leave the image */
    bool contiguous;  /* taps of a row are neighbours in memory */
    int64_t reach[2]; /* inputs across a window */
    int64_t columns;  /* of the copy */
    int64_t pixel, row;
} fv__padded_rows;

/* Whether a copy of a whole image could be counted. */
bool fv__padded_rows_fit(const fv__subconv *subconv);
/* The strip of a sweep. Where tiles come back to pixels, `again`, those that a
 * first-level cache cannot hold together are copied too. */
fv__padded_rows fv__padded_rows_of(const fv__subconv *subconv, size_t element,
                                   bool copy_if_aliased);
/* The image itself, for taps that do not leave it where they are met. */
fv__padded_rows fv__padded_rows_in_place(const fv__subconv *subconv);
/* Rows of the image that `rows` output rows meet. */
int64_t fv__padded_rows_count(const fv__subconv *subconv,
                              const fv__padded_rows *padded, int64_t rows);
/* Bytes of a copy for `rows` output rows; 0 in place. */
size_t fv__padded_rows_bytes(const fv__subconv *subconv,
                             const fv__padded_rows *padded, int64_t rows,
                             size_t element);
/* Fills the copy for output rows [first, first + rows) of an image. */
void fv__padded_rows_fill(const fv__subconv *subconv,
                          const fv__padded_rows *padded, int64_t image,
                          int64_t group, int64_t first, int64_t rows,
                          size_t element, const void *in, void *copy);

/* A strip of windows, of an image with one channel: each output row has a row
 * of its own, where column follows column of what its windows meet, so that a
 * window is one run of memory, column by column. */
fv__padded_rows fv__padded_rows_of_windows(const fv__subconv *subconv);
void fv__padded_rows_fill_windows(const fv__kernels *kernels,
                                  const fv__subconv *subconv,
                                  const fv__padded_rows *padded, int64_t image,
                                  int64_t first, int64_t rows, const void *in,
                                  void *copy);

#endif
