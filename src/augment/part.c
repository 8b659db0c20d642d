/* Parts of pictures, which may reach beyond them, and parts in another size. */
#include "augment/shared.h"

#include <string.h>

int64_t fv__border_source(int64_t at, int64_t extent, fv__border border)
{
    if (at >= 0 && at < extent) return at;
    if (border == FV__BORDER_FILL) return -1;
    if (border == FV__BORDER_EDGE) return at < 0 ? 0 : extent - 1;
    if (extent == 1) return 0;
    const int64_t period = 2 * (extent - 1);
    int64_t place = at % period;
    if (place < 0) place += period;
    return place < extent ? place : period - place;
}

void fv__fill_pixels(unsigned char *to, int64_t pixels, int64_t channels,
                     const int64_t fill[3])
{
    if (channels == 1) {
        memset(to, (int)fill[0], (size_t)pixels);
        return;
    }
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = 0; c < channels; c++)
            to[i * channels + c] =
                c == 3 ? 255 : (unsigned char)fill[fv__min(c, 2)];
}

/* Pixels `begin` to `end` of a row of the part, taken one by one. */
static void copy_outside(const unsigned char *row, const fv_tensor *picture,
                         const fv__part *part, int64_t begin, int64_t end,
                         unsigned char *to)
{
    const int64_t channels = picture->shape[2];
    for (int64_t j = begin; j < end; j++) {
        const int64_t from =
            fv__border_source(part->left + j, picture->shape[1], part->border);
        if (from < 0)
            fv__fill_pixels(to + j * channels, 1, channels, part->fill);
        else
            memcpy(to + j * channels, row + from * channels, (size_t)channels);
    }
}

static fv_status take(fv_context *context, fv__frame *frame,
                      const fv__part *part)
{
    fv_tensor from = frame->tensor;
    const int64_t channels = from.shape[2];
    unsigned char *to = fv__frame_next(context, frame, part->rows,
                                       part->columns, channels, &from);
    /* columns begin..end of the part lie in the picture */
    const int64_t begin = fv__min(part->columns, fv__max(0, -part->left));
    const int64_t end =
        fv__max(begin, fv__min(part->columns, from.shape[1] - part->left));
    for (int64_t i = 0; to && i < part->rows;
         i++, to += part->columns * channels) {
        const int64_t source =
            fv__border_source(part->top + i, from.shape[0], part->border);
        if (source < 0) {
            fv__fill_pixels(to, part->columns, channels, part->fill);
            continue;
        }
        const unsigned char *row = (const unsigned char *)from.data
                                   + source * from.shape[1] * channels;
        copy_outside(row, &from, part, 0, begin, to);
        if (end > begin)
            memcpy(to + begin * channels, row + (part->left + begin) * channels,
                   (size_t)((end - begin) * channels));
        copy_outside(row, &from, part, end, part->columns, to);
    }
    return fv_failed(context);
}

fv_status fv__example_part(fv__example *example, const fv__part *part)
{
    const int64_t *shape = example->image.tensor.shape;
    fv__part masked = *part;
    masked.fill =
        (int64_t[]){ part->mask_fill, part->mask_fill, part->mask_fill };
    if (!part->top && !part->left && part->rows == shape[0]
        && part->columns == shape[1])
        return FV_OK;
    if (take(example->context, &example->image, part) == FV_OK
        && example->mask.tensor.rank)
        take(example->context, &example->mask, &masked);
    return fv_failed(example->context);
}

static fv_status resize(fv__example *example, fv__frame *frame,
                        const fv__box *box, int64_t rows, int64_t columns,
                        fv_resample filter)
{
    const bool second = frame->tensor.data == frame->buffers[0].at;
    const fv_tensor resized =
        fv__image_resize(example->context, &frame->tensor, box, rows, columns,
                         filter, &frame->buffers[second], &example->scratch);
    if (fv__ok(example->context)) frame->tensor = resized;
    return fv_failed(example->context);
}

fv_status fv__example_resize(fv__example *example, const fv__box *box,
                             int64_t rows, int64_t columns, fv_resample filter)
{
    const int64_t *shape = example->image.tensor.shape;
    if (!box && rows == shape[0] && columns == shape[1]) return FV_OK;
    if (resize(example, &example->image, box, rows, columns, filter) == FV_OK
        && example->mask.tensor.rank)
        resize(example, &example->mask, box, rows, columns,
               FV_RESAMPLE_NEAREST);
    return fv_failed(example->context);
}
