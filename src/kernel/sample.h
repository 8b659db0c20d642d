/* The operands of the kernels that read an image at the points of a grid. */
#ifndef FV_KERNEL_SAMPLE_H
#define FV_KERNEL_SAMPLE_H

#include "base/base.h"

/* Points of a grid [count][2], x then y, from -1 to 1 across an image
 * [rows][columns][channels]. The result y is [count][channels]. */
typedef struct fv__sample {
    int64_t rows, columns;
    size_t channels, count;
    int taps; /* of each axis: 1 is the nearest pixel, 2 linear interpolation, 4
                 cubic */
    bool reflect, clip; /* the image is mirrored; its border is repeated; else
                           what lies outside is zero */
    bool align_corners; /* -1 and 1 are centres of pixels, not edges */
    const void *grid;
} fv__sample;

#endif
