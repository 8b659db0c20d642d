/* The weights of resizing along one axis. */
#ifndef FV_OP_RESIZE_RESIZE_H
#define FV_OP_RESIZE_RESIZE_H

#include "op/operand.h"

/* One axis: which inputs each output is made of, and in `transposed` which
 * outputs each input is read by. If the axis stays as it is, `same`. */
typedef struct fv__resize_axis {
    fv__taps taps, transposed;
    bool same;
} fv__resize_axis;

/* Computes axis `number`, of `in` pixels, resized to `out`; `scale` 0 stands
 * for out / in. The memory lives as long as the node; false after a failure. */
bool fv__resize_axis_make(const fv_inference *inference,
                          const fv_resizing *resizing, int32_t number,
                          int64_t in, int64_t out, double scale,
                          fv__resize_axis *axis);

/* What the operator resolves: the passes of the forward direction, in order;
 * that which makes the image smallest is first. The backward direction goes the
 * other way. */
typedef struct fv__resize_plan {
    int32_t rank; /* of the images, with batch and channels */
    int32_t passes, axis[FV__AXES];
    int64_t shape[FV__AXES + 1][FV_MAX_RANK]; /* before each pass and at the
                                                 end */
    fv__resize_axis axes[FV__AXES];
} fv__resize_plan;

#endif
