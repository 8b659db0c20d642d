/* Copies of rows of the input with the padding around them. */
#include "conv/padded_rows.h"

#include <string.h>

/* Bytes: a cache line; the distance at which addresses map to the same set of a
 * first-level cache. */
enum { LINE = 64, SET_BYTES = 4096 };

/* Whether pixels so many elements apart map to the same set. */
static bool aliases(int64_t elements, size_t element)
{
    return (size_t)elements * element % SET_BYTES == 0;
}

/* Whether no tap reads padding, of columns alone if `skips_rows`. */
static bool stays_inside(const fv__subconv *s, const fv__padded_rows *padded,
                         bool skips_rows)
{
    for (int i = skips_rows; i < 2; i++)
        if (s->first[i] < 0
            || (s->out[i] - 1) * s->stride[i] + s->first[i] + padded->reach[i]
                   > s->in[i])
            return false;
    return true;
}

bool fv__padded_rows_fit(const fv__subconv *s)
{
    int64_t extents[] = { 0, 0, s->channels + LINE,
                          fv__max(s->taps[FV__DEPTH], 1) };

    for (int i = 0; i < 2; i++) {
        extents[i] = (s->out[i] - 1) * s->stride[i] + 1
                     + fv__max(s->taps[i] - 1, 0) * s->step[i];
    }
    return fv__product(4, extents) >= 0;
}

fv__padded_rows fv__padded_rows_in_place(const fv__subconv *s)
{
    return (fv__padded_rows){ .in_place = true,
                              .step = s->step[0],
                              .pixel = s->in_pixel,
                              .row = s->in[1] * s->in_pixel };
}

fv__padded_rows fv__padded_rows_of(const fv__subconv *s, size_t element,
                                   bool skips_rows, bool copy_if_aliased)
{
    fv__padded_rows padded = fv__padded_rows_in_place(s);

    for (int i = 0; i < 2; i++)
        padded.reach[i] = (s->taps[i] - 1) * s->step[i] + 1;
    padded.in_place =
        stays_inside(s, &padded, skips_rows)
        && !(copy_if_aliased && aliases(s->in_pixel * s->stride[1], element));
    if (!padded.in_place) {
        padded.columns = (s->out[1] - 1) * s->stride[1] + padded.reach[1];
        padded.pixel = s->channels;
        if (aliases(s->channels * s->stride[1], element))
            padded.pixel += LINE / (int64_t)element;
        padded.row = padded.columns * padded.pixel;
    }
    padded.contiguous = s->step[1] == 1 && padded.pixel == s->channels;
    return padded;
}

void fv__padded_rows_close_gaps(const fv__subconv *s, fv__padded_rows *padded,
                                int64_t rows)
{
    const int64_t read = (rows - 1) * s->stride[0] + 1;

    if (padded->in_place) return;
    padded->step = fv__min(padded->step, read);
    padded->reach[0] = (s->taps[0] - 1) * padded->step + 1;
}

int64_t fv__padded_rows_count(const fv__subconv *s,
                              const fv__padded_rows *padded, int64_t rows)
{
    return (rows - 1) * s->stride[0] + padded->reach[0];
}

size_t fv__padded_rows_bytes(const fv__subconv *s,
                             const fv__padded_rows *padded, int64_t rows,
                             size_t element)
{
    if (padded->in_place) return 0;
    return fv__align(
        (size_t)(fv__padded_rows_count(s, padded, rows) * padded->row)
        * element);
}

/* Columns [low, high) of the copy that are inside rows of `width` pixels. */
typedef struct span {
    int64_t low, high;
} span;

static span columns_inside(const fv__subconv *s, const fv__padded_rows *padded,
                           int64_t width)
{
    const int64_t low = fv__min(fv__max(-s->first[1], 0), padded->columns);

    return (span){ low, fv__max(fv__min(padded->columns, width - s->first[1]),
                                low) };
}

/* Copies one row of the image, of `width` pixels. */
static void fill_row(const fv__subconv *s, const fv__padded_rows *padded,
                     int64_t width, size_t element, const char *in, char *out)
{
    const size_t pixel = (size_t)padded->pixel * element;
    const span inside = columns_inside(s, padded, width);
    const int64_t left = inside.low, right = inside.high;
    const char *from = fv__at(in, (s->first[1] + left) * s->in_pixel, element);

    memset(out, 0, (size_t)left * pixel);
    if (padded->pixel == s->in_pixel)
        memcpy(fv__slot(out, left, pixel), from,
               (size_t)(right - left) * pixel);
    else
        for (int64_t i = left; i < right; i++)
            fv__copy_run(fv__slot(out, i, pixel),
                         fv__at(from, (i - left) * s->in_pixel, element),
                         (size_t)s->channels * element);
    memset(fv__slot(out, right, pixel), 0,
           (size_t)(padded->columns - right) * pixel);
}

void fv__padded_rows_fill(const fv__subconv *s, const fv__padded_rows *padded,
                          int64_t plane, int64_t group, int64_t first,
                          int64_t rows, size_t element, const void *in,
                          void *copy)
{
    const size_t bytes = (size_t)padded->row * element;
    const int64_t top = first * s->stride[0] + s->first[0];
    const int64_t count = fv__padded_rows_count(s, padded, rows);
    char *out = copy;

    for (int64_t i = 0; i < count; i++, out += bytes) {
        const int64_t tap = i / padded->step;
        const int64_t row = top + tap * s->step[0] + i % padded->step;
        const int64_t ragged = row == s->in[0] - 1 ? s->ragged : 0;
        const int64_t at = (plane * s->in[0] + row) * s->in[1] * s->in_pixel
                           + group * s->channels;

        if (row < 0 || row >= s->in[0])
            memset(out, 0, bytes);
        else
            fill_row(s, padded, s->in[1] - ragged, element,
                     fv__at(in, at, element), out);
    }
}

fv__padded_rows fv__padded_rows_of_windows(const fv__subconv *s)
{
    fv__padded_rows padded = { .contiguous = true, .pixel = s->taps[0] };

    for (int i = 0; i < 2; i++)
        padded.reach[i] = (s->taps[i] - 1) * s->step[i] + 1;
    padded.columns = (s->out[1] - 1) * s->stride[1] + padded.reach[1];
    padded.row = padded.columns * padded.pixel;
    return padded;
}

void fv__padded_rows_fill_windows(const fv__kernels *kernels,
                                  const fv__subconv *s,
                                  const fv__padded_rows *padded, int64_t image,
                                  int64_t first, int64_t rows, const void *in,
                                  void *copy)
{
    const size_t size = fv__element(kernels);
    const size_t bytes = (size_t)padded->row * size;
    const span columns = columns_inside(s, padded, s->in[1]);
    char *out = copy;

    for (int64_t i = first; i < first + rows; i++, out += bytes) {
        const int64_t top = i * s->stride[0] + s->first[0], step = s->step[0];
        const int64_t low = fv__divide_up(fv__max(-top, 0), step);
        const int64_t high = fv__min(
            s->taps[0], fv__divide_up(fv__max(s->in[0] - top, 0), step));
        const int64_t from = (image * s->in[0] + top + low * step) * s->in[1]
                             + s->first[1] + columns.low;

        memset(out, 0, bytes);
        if (low >= high || columns.low >= columns.high) continue;
        kernels->transpose(
            (size_t)(high - low), (size_t)(columns.high - columns.low),
            fv__at(in, from, size), (size_t)(step * s->in[1]),
            fv__slot(out, columns.low * padded->pixel + low, size),
            (size_t)padded->pixel, (size_t)(high - low));
    }
}
