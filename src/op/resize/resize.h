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

#endif
