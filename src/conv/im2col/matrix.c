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

/* An output pixel: its column, and the input row and plane under its tap 0. */
typedef struct pixel {
    int64_t column, row, plane;
} pixel;

/* The taps of plane `depth` of the kernel, of the range of taps, from the row
 * of taps `r` of all planes on. */
static char *gather_plane(const fv__im2col_matrix *c, pixel at, int64_t depth,
                          int64_t r, const char *image, char *out)
{
    const fv__subconv *s = c->subconv;
    int64_t width = s->taps[1], end = c->tap + c->taps;
    int64_t top = depth * s->taps[0],
            plane = at.plane + depth * s->step[FV__DEPTH];
    int64_t column = at.column * s->stride[1] + s->first[1];
    bool adjacent = s->groups == 1 && s->step[1] == 1;
    bool inside = plane >= 0 && plane < s->in[FV__DEPTH];

    for (; r < top + s->taps[0] && r * width < end; r++) {
        int64_t first = fv__max(c->tap - r * width, 0);
        int64_t last = fv__min(end - r * width, width);
        int64_t row = at.row + (r - top) * s->step[0];
        const char *in;

        if (!inside || row < 0 || row >= s->in[0]) {
            out =
                zeros(out, (last - first) * s->channels * (int64_t)c->element);
            continue;
        }
        in = fv__at(image, (plane * s->in[0] + row) * s->in[1] * s->in_pixel,
                    c->element);
        out = (adjacent ? all_taps : each_tap)(s, c->element, in, column, first,
                                               last, out);
    }
    return out;
}

static char *gather_pixel(const fv__im2col_matrix *c, pixel at,
                          const char *image, char *out)
{
    const fv__subconv *s = c->subconv;
    const int64_t rows = s->taps[0], width = s->taps[1];
    const int64_t end = c->tap + c->taps;

    for (int64_t r = c->tap / width; r * width < end; r = (r / rows + 1) * rows)
        out = gather_plane(c, at, r / rows, r, image, out);
    return out;
}

void fv__im2col_gather(const fv__im2col_matrix *c, const void *in,
                       void *columns)
{
    const fv__subconv *s = c->subconv;
    const int64_t plane = s->in[0] * s->in[1] * s->in_pixel;
    const int64_t end = c->pixel + c->count;
    char *out = columns;

    for (int64_t i = c->pixel, count; i < end; i += count) {
        const fv__pixel first = fv__pixel_at(s->out, i);
        const int64_t image = first.image / s->out[FV__DEPTH];
        const int64_t depth = first.image % s->out[FV__DEPTH];
        const int64_t at =
            image * s->in[FV__DEPTH] * plane + c->group * s->channels;
        pixel p = { first.column, first.row * s->stride[0] + s->first[0],
                    depth * s->stride[FV__DEPTH] + s->first[FV__DEPTH] };

        count = fv__min(end - i, s->out[1] - first.column);
        for (const int64_t last = p.column + count; p.column < last; p.column++)
            out = gather_pixel(c, p, fv__at(in, at, c->element), out);
    }
}
