/* The column matrix of a subconvolution: a row for each output pixel, that
 * holds the inputs of its taps and channels, zero in the padding. */
#include "conv/im2col/im2col.h"

#include <string.h>

static char *copy(char *out, const char *in, size_t bytes)
{
    fv__copy_run(out, in, bytes);
    return out + bytes;
}

static char *zeros(char *out, int64_t bytes)
{
    if (bytes > 0) memset(out, 0, (size_t)bytes);
    return out + bytes;
}

/* Copies taps [first, last) of a kernel row, one at a time; `in` is the row of
 * the image, tap 0 lies on its pixel `column`. Returns the end of the copy. */
static char *each_tap(const fv__subconv *s, size_t element, const char *in,
                      int64_t column, int64_t first, int64_t last, char *out)
{
    int64_t bytes = s->channels * (int64_t)element;

    for (int64_t t = first; t < last; t++) {
        int64_t at = column + t * s->step[1];

        if (at < 0 || at >= s->in[1])
            out = zeros(out, bytes);
        else
            out =
                copy(out, fv__at(in, at * s->in_pixel, element), (size_t)bytes);
    }
    return out;
}

/* The same for taps that are adjacent in the image, in one copy. */
static char *all_taps(const fv__subconv *s, size_t element, const char *in,
                      int64_t column, int64_t first, int64_t last, char *out)
{
    int64_t bytes = s->channels * (int64_t)element;
    int64_t low = fv__min(fv__max(first, -column), last);
    int64_t high = fv__max(fv__min(last, s->in[1] - column), low);

    out = zeros(out, (low - first) * bytes);
    if (low < high)
        out = copy(out, fv__at(in, (column + low) * s->in_pixel, element),
                   (size_t)((high - low) * bytes));
    return zeros(out, (last - high) * bytes);
}

static char *gather_pixel(const fv__im2col_matrix *c, fv__pixel pixel,
                          const char *image, char *out)
{
    const fv__subconv *s = c->subconv;
    int64_t width = s->taps[1], end = c->tap + c->taps;
    int64_t top = pixel.row * s->stride[0] + s->first[0];
    int64_t column = pixel.column * s->stride[1] + s->first[1];
    bool adjacent = s->groups == 1 && s->step[1] == 1;

    for (int64_t r = c->tap / width; r * width < end; r++) {
        int64_t first = fv__max(c->tap - r * width, 0);
        int64_t last = fv__min(end - r * width, width);
        int64_t row = top + r * s->step[0];
        const char *in;

        if (row < 0 || row >= s->in[0]) {
            out =
                zeros(out, (last - first) * s->channels * (int64_t)c->element);
            continue;
        }
        in = fv__at(image, row * s->in[1] * s->in_pixel, c->element);
        out = (adjacent ? all_taps : each_tap)(s, c->element, in, column, first,
                                               last, out);
    }
    return out;
}

void fv__im2col_gather(const fv__im2col_matrix *c, const void *in,
                       void *columns)
{
    const fv__subconv *s = c->subconv;
    size_t image = (size_t)(s->in[0] * s->in[1] * s->in_pixel);
    size_t group = (size_t)(c->group * s->channels);
    fv__pixel pixel = fv__pixel_at(s->out, c->pixel);
    char *out = columns;

    for (int64_t i = 0; i < c->count; i++) {
        out = gather_pixel(
            c, pixel,
            fv__at(in, (ptrdiff_t)((size_t)pixel.image * image + group),
                   c->element),
            out);
        if (++pixel.column < s->out[1]) continue;
        pixel.column = 0;
        if (++pixel.row < s->out[0]) continue;
        pixel.row = 0;
        pixel.image++;
    }
}
