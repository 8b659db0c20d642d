/* Strips: copies of rows of an image with the padding around them. */
#include "kernel/conv_strip.h"

#include <string.h>

enum { PAGE = 4096, LINE = 64 };

/* Pixels so far apart meet the same few sets of a first-level cache. */
static bool collides(int64_t elements, size_t element)
{
    return (size_t)elements * element % PAGE == 0;
}

static bool stays_inside(const fv__sweep *s, const fv__strip *strip)
{
    for (int i = 0; i < 2; i++)
        if (s->first[i] < 0
            || (s->out[i] - 1) * s->stride[i] + s->first[i] + strip->reach[i]
                   > s->in[i])
            return false;
    return true;
}

bool fv__strip_fits(const fv__sweep *s)
{
    int64_t extents[] = { 0, 0, s->channels + LINE };

    for (int i = 0; i < 2; i++) {
        extents[i] = (s->out[i] - 1) * s->stride[i] + 1
                     + fv__max(s->taps[i] - 1, 0) * s->step[i];
    }
    return fv__product(3, extents) >= 0;
}

fv__strip fv__strip_of(const fv__sweep *s, size_t element)
{
    fv__strip strip = { 0 };

    for (int i = 0; i < 2; i++)
        strip.reach[i] = (s->taps[i] - 1) * s->step[i] + 1;
    strip.in_place = stays_inside(s, &strip)
                     && !collides(s->in_pixel * s->stride[1], element);
    if (strip.in_place) {
        strip.pixel = s->in_pixel;
        strip.row = s->in[1] * s->in_pixel;
    } else {
        strip.columns = (s->out[1] - 1) * s->stride[1] + strip.reach[1];
        strip.pixel = s->channels;
        if (collides(s->channels * s->stride[1], element))
            strip.pixel += LINE / (int64_t)element;
        strip.row = strip.columns * strip.pixel;
    }
    strip.contiguous = s->step[1] == 1 && strip.pixel == s->channels;
    return strip;
}

int64_t fv__strip_rows(const fv__sweep *s, const fv__strip *strip, int64_t rows)
{
    return (rows - 1) * s->stride[0] + strip->reach[0];
}

size_t fv__strip_bytes(const fv__sweep *s, const fv__strip *strip, int64_t rows,
                       size_t element)
{
    if (strip->in_place) return 0;
    return fv__align((size_t)(fv__strip_rows(s, strip, rows) * strip->row)
                     * element);
}

/* One row of the image, of `width` pixels. */
static void fill_row(const fv__sweep *s, const fv__strip *strip, int64_t width,
                     size_t element, const char *in, char *out)
{
    size_t pixel = (size_t)strip->pixel * element;
    int64_t left = fv__min(fv__max(-s->first[1], 0), strip->columns);
    int64_t right = fv__max(fv__min(strip->columns, width - s->first[1]), left);
    const char *from =
        fv__at(in, (size_t)((s->first[1] + left) * s->in_pixel), element);

    memset(out, 0, (size_t)left * pixel);
    if (strip->pixel == s->in_pixel)
        memcpy(out + (size_t)left * pixel, from,
               (size_t)(right - left) * pixel);
    else
        for (int64_t i = left; i < right; i++)
            memcpy(out + (size_t)i * pixel,
                   from + (size_t)(i - left) * (size_t)s->in_pixel * element,
                   (size_t)s->channels * element);
    memset(out + (size_t)right * pixel, 0,
           (size_t)(strip->columns - right) * pixel);
}

void fv__strip_fill(const fv__sweep *s, const fv__strip *strip, int64_t image,
                    int64_t group, int64_t first, int64_t rows, size_t element,
                    const void *in, void *copy)
{
    size_t row = (size_t)(s->in[1] * s->in_pixel);
    size_t bytes = (size_t)strip->row * element;
    int64_t top = first * s->stride[0] + s->first[0];
    char *out = copy;

    for (int64_t i = 0; i < fv__strip_rows(s, strip, rows); i++, out += bytes) {
        size_t at = (size_t)(image * s->in[0] + top + i) * row;

        if (top + i < 0 || top + i >= s->in[0])
            memset(out, 0, bytes);
        else
            fill_row(
                s, strip, s->in[1] - (top + i == s->in[0] - 1 ? s->ragged : 0),
                element,
                fv__at(in, at + (size_t)(group * s->channels), element), out);
    }
}
