/* Pictures, and lists of transforms from lines, for tests of transforms. */
#ifndef FV_TESTS_PICTURES_H
#define FV_TESTS_PICTURES_H

#include "support.h"

#include "augment/shared.h"

/* The picture of tests/augment/answers.py. */
static inline void draw_picture(int rows, int columns, int channels,
                                unsigned char *to)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            for (int c = 0; c < channels; c++)
                *to++ = (unsigned char)((i * 9 + j * 7 + c * 60 + i * j % 5 * 3
                                         + (i * i + j * j) / 7 % 29)
                                        % 256);
}

static inline fv__transforms list_of(fv_context *context, const char *line)
{
    fv__transforms list = { 0 };
    fv__words words = {
        .context = context, .file = "t", .begin = line, .at = line
    };
    fv__transforms_read(context, &list, &words);
    return list;
}

/* Makes a picture of memory of the caller that of the example. */
static inline void view(fv__frame *frame, const unsigned char *bytes, int rows,
                        int columns, int channels)
{
    const fv_tensor picture =
        fv_tensor_of((void *)(uintptr_t)bytes, FV_U8, 3,
                     (int64_t[]){ rows, columns, channels });
    fv__frame_view(frame, &picture);
}

#endif
