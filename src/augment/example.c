/* A picture and its mask in memory that is used again for the next. */
#include "augment/augment.h"

#include <string.h>

/* The buffer in which the picture lies; -1: none. */
static int buffer_of(const fv__frame *frame)
{
    for (int i = 0; i < 2; i++)
        if (frame->tensor.rank && frame->tensor.data == frame->buffers[i].at)
            return i;
    return -1;
}

unsigned char *fv__frame_next(fv_context *context, fv__frame *frame,
                              int64_t rows, int64_t columns, int64_t channels,
                              fv_tensor *before)
{
    const int64_t shape[] = { rows, columns, channels };
    const int64_t bytes = fv__product(3, shape);
    fv__pixels *next = &frame->buffers[buffer_of(frame) == 0];
    if (!fv__pixels_reserve(context, next,
                            bytes < 0 ? SIZE_MAX : (size_t)bytes))
        return NULL;
    if (before) *before = frame->tensor;
    frame->tensor = fv_tensor_of(next->at, FV_U8, 3, shape);
    return next->at;
}

void fv__frame_view(fv__frame *frame, const fv_tensor *picture)
{
    frame->tensor = *picture;
}

unsigned char *fv__frame_own(fv_context *context, fv__frame *frame)
{
    fv_tensor before;
    if (buffer_of(frame) >= 0) return frame->tensor.data;
    const int64_t *shape = frame->tensor.shape;
    unsigned char *bytes =
        fv__frame_next(context, frame, shape[0], shape[1], shape[2], &before);
    if (bytes) memcpy(bytes, before.data, (size_t)fv_tensor_count(&before));
    return bytes;
}

void fv__example_free(fv__example *example)
{
    for (int i = 0; i < 2; i++) {
        fv__pixels_free(example->context, &example->image.buffers[i]);
        fv__pixels_free(example->context, &example->mask.buffers[i]);
    }
    fv__pixels_free(example->context, &example->scratch);
    *example = (fv__example){ .context = example->context };
}
