/* Padding that is found from the extents of input, kernel and stride. */
#include "op/conv/conv2d.h"

/* TensorFlow's and ONNX's rule: as many zeros as give ceil(in / stride). */
static int64_t same_total(const fv__geometry *g, int32_t axis)
{
    int64_t out = fv__divide_up(g->in[axis], g->stride[axis]);
    int64_t span = g->dilation[axis] * (g->kernel[axis] - 1) + 1;
    return fv__max(0, (out - 1) * g->stride[axis] + span - g->in[axis]);
}

void fv__auto_pad(fv_auto_pad mode, fv__geometry *g)
{
    for (int32_t axis = 0; axis < FV__AXES && mode != FV_AUTO_PAD_EXPLICIT;
         axis++) {
        /* invalid values are refused by the geometry check */
        bool sane = g->stride[axis] > 0 && g->kernel[axis] > 0
                    && g->kernel[axis] < INT32_MAX && g->dilation[axis] > 0
                    && g->dilation[axis] < INT32_MAX;
        int64_t total =
            mode == FV_AUTO_PAD_VALID || !sane ? 0 : same_total(g, axis);
        int64_t less = total / 2;
        bool lower = mode == FV_AUTO_PAD_SAME_LOWER;
        g->begin[axis] = lower ? total - less : less;
        g->end[axis] = total - g->begin[axis];
    }
}
