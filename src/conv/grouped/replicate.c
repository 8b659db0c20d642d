/* Padded copies of rows of an image with replicated channels: their sizes, and
 * filling them. */
#include "conv/grouped/replicate.h"

enum {
    COPY_BYTES = 1 << 15, /* of a copy, at most, unless LEAST_COLUMNS need more:
                             they stay in a first-level cache beside weights or
                             outputs; tuned by measurement */
    LEAST_COLUMNS = 8,    /* outputs of a row that are not cut further; tuned by
                             measurement */
    LANES = 16            /* of the widest vector of any table */
};

/* Columns of inputs that so many outputs of a row read, in whole multiples of
 * FV__GROUPED_COLUMNS outputs. */
static int64_t width_of(const fv__replicated *r, int64_t outputs)
{
    const int64_t whole =
        fv__divide_up(outputs, FV__GROUPED_COLUMNS) * FV__GROUPED_COLUMNS;

    return r->reach[1] ? (whole - 1) * r->stride[1] + r->reach[1] : 0;
}

/* Of a copy for a block of outputs; SIZE_MAX if they cannot be counted. */
static size_t bytes_of(const fv__replicated *r, int64_t rows, int64_t columns)
{
    const int64_t row = width_of(r, columns) * r->channels * r->lanes;
    size_t all;

    if (!fv__multiply((size_t)fv__replicated_rows(r, rows),
                      (size_t)row * r->element, &all))
        return SIZE_MAX;
    return all;
}

static void choose_block(fv__replicated *r, int64_t least, int64_t most)
{
    const int64_t out = r->subconv.out[1];
    int64_t columns = out, blocks = 1, rows = least;

    while (columns > LEAST_COLUMNS
           && bytes_of(r, least, columns) > COPY_BYTES) {
        blocks++;
        columns = fv__divide_up(fv__divide_up(out, blocks), LEAST_COLUMNS)
                  * LEAST_COLUMNS;
    }
    while (blocks == 1 && rows < most
           && bytes_of(r, rows + 1, columns) <= COPY_BYTES)
        rows++;
    r->outputs[0] = rows;
    r->outputs[1] = columns;
    r->rows = fv__replicated_rows(r, rows);
    r->row = width_of(r, columns) * r->channels * r->lanes;
    r->bytes = bytes_of(r, rows, columns);
}

fv__replicated fv__replicated_of(const fv__kernels *kernels,
                                 const fv__subconv *subconv, int64_t channels,
                                 int64_t least, int64_t most)
{
    fv__replicated r = { .kernels = kernels,
                         .subconv = *subconv,
                         .element = fv__element(kernels),
                         .lanes = kernels->nr / 2,
                         .channels = channels };

    for (int i = 0; i < 2; i++) {
        const int64_t taps = subconv->taps[i];
        const int64_t stride = subconv->stride[i], step = subconv->step[i];

        r.unit[i] = taps < 2 ? stride : fv__common_divisor(stride, step);
        r.stride[i] = stride / r.unit[i];
        r.step[i] = taps < 2 ? 1 : step / r.unit[i];
        if (taps) r.reach[i] = (taps - 1) * r.step[i] + 1;
    }
    choose_block(&r, least, most);
    return r;
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

/* One row of a copy, from the row of the image at `in`; its column 0 is column
 * `left` of the image, which may lie before the first. */
static void fill_row(const fv__replicated *r, const fv__replicated_block *block,
                     int64_t left, const char *in, char *out)
{
    const fv__subconv *s = &r->subconv;
    const int64_t columns = width_of(r, block->columns), unit = r->unit[1];
    const size_t pixel = (size_t)(r->channels * r->lanes) * r->element;
    const int64_t low =
        fv__min(fv__max(fv__divide_up(-left, unit), 0), columns);
    const int64_t end = fv__divide_up(fv__max(s->in[1] - left, 0), unit);
    const int64_t high = fv__max(fv__min(end, columns), low);
    const int64_t at = (left + low * unit) * s->in_pixel;
    const fv__replicate replicate = {
        .channels = (size_t)s->channels,
        .filters = (size_t)s->filters,
        .channel = (size_t)block->channel,
        .channel_count = (size_t)r->channels,
        .filter = (size_t)(block->vector * r->lanes),
        .filter_count = (size_t)fv__replicated_filters(r, block->vector),
        .pixels = (size_t)(high - low),
        .x = in + at * (int64_t)r->element,
        .x_stride = unit * s->in_pixel,
        .out = out + (size_t)low * pixel,
    };

    memset(out, 0, (size_t)low * pixel);
    if (low < high) r->kernels->replicate(&replicate);
    memset(out + (size_t)high * pixel, 0, (size_t)(columns - high) * pixel);
}

void fv__replicated_inside(const fv__replicated *r,
                           const fv__replicated_block *block, int axis,
                           int64_t *low, int64_t *high)
{
    const int64_t first = axis ? block->first.column : block->first.row;
    const fv__subconv *s = &r->subconv;
    const int64_t at = first * s->stride[axis] + s->first[axis];

    *low = fv__divide_up(fv__max(-at, 0), r->unit[axis]);
    *high = fv__divide_up(fv__max(s->in[axis] - at, 0), r->unit[axis]);
}

void fv__replicated_fill(const fv__replicated *r,
                         const fv__replicated_block *block, int64_t begin,
                         int64_t end, const void *in, void *copy)
{
    const fv__subconv *s = &r->subconv;
    const int64_t in_row = s->in[1] * s->in_pixel;
    const size_t bytes = (size_t)r->row * r->element;
    const int64_t top = block->first.row * s->stride[0] + s->first[0];
    const int64_t left = block->first.column * s->stride[1] + s->first[1];

    for (int64_t i = begin; i < end; i++) {
        const int64_t row = top + i * r->unit[0];
        char *out = (char *)copy + (size_t)(i % r->rows) * bytes;

        if (row < 0 || row >= s->in[0]) {
            memset(out, 0, bytes);
            continue;
        }
        const int64_t at = (block->first.image * s->in[0] + row) * in_row;
        fill_row(r, block, left, fv__at(in, at, r->element), out);
    }
}
