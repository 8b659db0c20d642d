/* Strips of channels that are spread under a vector of filters. */
#include "conv/grouped/grouped.h"

#include <string.h>

/* Of a first-level cache, beside weights or outputs; outputs of a row that are
 * not cut any more; the widest vector. */
enum { STRIP_BYTES = 1 << 15, FEWEST = 8, LANES = 16 };

/* Columns of inputs that so many outputs meet. */
static int64_t width(const fv__replicated *s, int64_t outputs)
{
    const int64_t whole =
        fv__divide_up(outputs, FV__GROUPED_COLUMNS) * FV__GROUPED_COLUMNS;

    return s->reach[1] ? (whole - 1) * s->stride[1] + s->reach[1] : 0;
}

static size_t bytes(const fv__replicated *s, int64_t rows, int64_t columns)
{
    const int64_t row = width(s, columns) * s->channels * s->lanes;
    size_t all;

    if (!fv__multiply((size_t)fv__replicated_rows(s, rows),
                      (size_t)row * s->element, &all))
        return SIZE_MAX;
    return all;
}

static void cut(fv__replicated *s, int64_t least, int64_t most)
{
    const int64_t out = s->subconv.out[1];
    int64_t columns = out, pieces = 1, rows = least;

    while (columns > FEWEST && bytes(s, least, columns) > STRIP_BYTES) {
        pieces++;
        columns = fv__divide_up(fv__divide_up(out, pieces), FEWEST) * FEWEST;
    }
    while (pieces == 1 && rows < most
           && bytes(s, rows + 1, columns) <= STRIP_BYTES)
        rows++;
    s->outputs[0] = rows;
    s->outputs[1] = columns;
    s->rows = fv__replicated_rows(s, rows);
    s->row = width(s, columns) * s->channels * s->lanes;
    s->bytes = bytes(s, rows, columns);
}

fv__replicated fv__replicated_of(const fv__kernels *kernels,
                                 const fv__subconv *subconv, int64_t channels,
                                 int64_t least, int64_t most)
{
    fv__replicated s = { .kernels = kernels,
                         .subconv = *subconv,
                         .element = fv__element(kernels),
                         .lanes = kernels->nr / 2,
                         .channels = channels };

    for (int i = 0; i < 2; i++) {
        const bool alone = subconv->taps[i] < 2;

        s.unit[i] =
            alone ? subconv->stride[i]
                  : fv__common_divisor(subconv->stride[i], subconv->step[i]);
        s.stride[i] = subconv->stride[i] / s.unit[i];
        s.step[i] = alone ? 1 : subconv->step[i] / s.unit[i];
        if (subconv->taps[i])
            s.reach[i] = (subconv->taps[i] - 1) * s.step[i] + 1;
    }
    cut(&s, least, most);
    return s;
}

bool fv__replicated_fit(const fv__geometry *g)
{
    const fv__direction directions[] = { FV__FORWARD, FV__BACKWARD_DATA };

    for (int i = 0; i < 2; i++) {
        const int64_t count = fv__subconv_count(g, directions[i]);

        for (int64_t n = 0; n < count && count <= FV__MOST_SUBCONVS; n++) {
            const fv__subconv s = fv__subconv_of(g, directions[i], n);
            const int64_t extents[] = { (s.out[0] - 1) * s.stride[0]
                                            + fv__max(s.taps[0], 1) * s.step[0],
                                        (s.out[1] + FV__GROUPED_COLUMNS)
                                                * s.stride[1]
                                            + fv__max(s.taps[1], 1) * s.step[1],
                                        s.channels, LANES };

            if (fv__product(4, extents) < 0) return false;
        }
    }
    return true;
}

/* One row of an image: pixels from `left` on, some of them beside the image. */
static void fill_row(const fv__replicated *s, const fv__replicated_block *piece,
                     int64_t left, const char *in, char *out)
{
    const fv__subconv *w = &s->subconv;
    const int64_t columns = width(s, piece->columns), unit = s->unit[1];
    const size_t pixel = (size_t)(s->channels * s->lanes) * s->element;
    const int64_t low =
        fv__min(fv__max(fv__divide_up(-left, unit), 0), columns);
    const int64_t end = fv__divide_up(fv__max(w->in[1] - left, 0), unit);
    const int64_t high = fv__max(fv__min(end, columns), low);
    const int64_t at = (left + low * unit) * w->in_pixel;
    const fv__replicate replicate = {
        .channels = (size_t)w->channels,
        .filters = (size_t)w->filters,
        .channel = (size_t)piece->channel,
        .made = (size_t)s->channels,
        .first = (size_t)(piece->vector * s->lanes),
        .count = (size_t)fv__replicated_filters(s, piece->vector),
        .pixels = (size_t)(high - low),
        .x = in + at * (int64_t)s->element,
        .from = unit * w->in_pixel,
        .out = out + (size_t)low * pixel,
    };

    memset(out, 0, (size_t)low * pixel);
    if (low < high) s->kernels->replicate(&replicate);
    memset(out + (size_t)high * pixel, 0, (size_t)(columns - high) * pixel);
}

void fv__replicated_inside(const fv__replicated *s,
                           const fv__replicated_block *piece, int axis,
                           int64_t *low, int64_t *high)
{
    const int64_t first = axis ? piece->first.column : piece->first.row;
    const fv__subconv *w = &s->subconv;
    const int64_t at = first * w->stride[axis] + w->first[axis];

    *low = fv__divide_up(fv__max(-at, 0), s->unit[axis]);
    *high = fv__divide_up(fv__max(w->in[axis] - at, 0), s->unit[axis]);
}

void fv__replicated_fill(const fv__replicated *s,
                         const fv__replicated_block *piece, int64_t begin,
                         int64_t end, const void *in, void *to)
{
    const fv__subconv *w = &s->subconv;
    const size_t row = (size_t)(w->in[1] * w->in_pixel);
    const size_t made = (size_t)s->row * s->element;
    const int64_t top = piece->first.row * w->stride[0] + w->first[0];
    const int64_t left = piece->first.column * w->stride[1] + w->first[1];

    for (int64_t i = begin; i < end; i++) {
        const int64_t at = top + i * s->unit[0];
        char *out = (char *)to + (size_t)(i % s->rows) * made;

        if (at < 0 || at >= w->in[0])
            memset(out, 0, made);
        else
            fill_row(
                s, piece, left,
                fv__at(in,
                       (ptrdiff_t)((size_t)(piece->first.image * w->in[0] + at)
                                   * row),
                       s->element),
                out);
    }
}
