/* Weight gradient of a convolution of groups of few channels: for one channel
 * of all groups after another, that of a depthwise convolution. */
#include "conv/grouped/grouped.h"

#include <string.h>

/* An item is a part and a vector of filters. A worker has a strip, as many
 * pixels of dy, a block's sums and a part's, [tap][channel][lane], and those of
 * a block of the bias. */
typedef struct weights {
    fv__replicated padded;
    fv__partials parts;
    size_t sums;       /* elements, of all taps */
    size_t dy, worker; /* bytes */
    const fv__conv_call *call;
} weights;

static weights plan(const fv_context *context, const fv__geometry *g)
{
    const fv__subconv s = fv__subconv_of(g, FV__FORWARD, 0);
    weights w = { .parts = fv__partials_of(context->kernels, g) };
    const int64_t lines = fv__min(w.parts.sizes.lines, s.out[0]);
    size_t sums;

    w.padded = fv__replicated_of(context->kernels, &s, 1, 1, lines);
    w.sums = (size_t)(w.parts.sizes.span * w.padded.lanes);
    w.dy = fv__align(
        (size_t)(w.padded.outputs[0] * w.padded.outputs[1] * w.padded.lanes)
        * w.padded.element);
    if (!fv__multiply(2 * w.sums + (size_t)w.padded.lanes, w.padded.element,
                      &sums)
        || sums > SIZE_MAX - 64 || w.padded.bytes > SIZE_MAX - 64
        || !fv__add(fv__align(w.padded.bytes), w.dy + fv__align(sums),
                    &w.worker))
        w.worker = SIZE_MAX;
    return w;
}

/* What an item works on. */
typedef struct part {
    const weights *weights;
    int64_t number, vector;
    size_t count; /* filters that there are */
    char *padded, *dy;
    void *bias; /* of a block; NULL: not wanted */
} part;

/* Sums, [tap][lane], from those of a part, [filter][tap], or to them. */
static void move_sums(const part *at, void *sums, bool store)
{
    const weights *w = at->weights;
    const fv__kernels *kernels = w->padded.kernels;
    const size_t lanes = (size_t)w->padded.lanes, span = w->sums / lanes;
    void *whole =
        fv__slot(fv__partial_weights(&w->parts, at->number),
                 (ptrdiff_t)((size_t)at->vector * w->sums), w->padded.element);

    if (store)
        kernels->transpose(span, at->count, sums, lanes, whole, span, span);
    else
        kernels->transpose(at->count, span, whole, span, sums, lanes, lanes);
}

/* Pixels of dy, a vector of each. */
static void copy_dy(const part *at, fv__pixel first, int64_t rows,
                    int64_t columns)
{
    const weights *w = at->weights;
    const fv__subconv *s = &w->padded.subconv;
    fv__replicate replicate = { .channels = 1,
                                .filters = 1,
                                .made = 1,
                                .first = (size_t)(at->vector * w->padded.lanes),
                                .count = at->count,
                                .pixels = (size_t)columns,
                                .from = s->out_pixel,
                                .out = at->dy };

    for (int64_t i = 0; i < rows; i++) {
        const int64_t from = first.image * s->out_image
                             + (first.row + i) * s->out_row
                             + first.column * s->out_pixel;

        replicate.x = fv__at(w->call->dy, from, w->padded.element);
        replicate.out =
            fv__slot(at->dy, i * columns * w->padded.lanes, w->padded.element);
        w->padded.kernels->replicate(&replicate);
    }
}

/* Rows of outputs, or a part of one. */
static void add_rows(const part *at, fv__pixel first, int64_t rows,
                     int64_t columns, bool fresh, void *sums)
{
    const weights *w = at->weights;
    const fv__replicated *padded = &w->padded;
    const fv__subconv *s = &padded->subconv;
    const int64_t lanes = padded->lanes, tap = s->channels * lanes;
    fv__replicated_block piece = { at->vector, 0, first, columns };
    fv__depthwise_grad d = { .channels = (size_t)lanes,
                             .x = at->padded,
                             .dy = at->dy,
                             .dbias = at->bias,
                             .fresh = fresh };

    for (int i = 0; i < 2; i++) {
        int64_t low, high;

        fv__replicated_inside(padded, &piece, i, &low, &high);
        high = fv__min(high, i ? padded->row / lanes : padded->rows);
        d.axis[i] = (fv__window){ .outputs = i ? columns : rows,
                                  .taps = s->taps[i],
                                  .stride = padded->stride[i],
                                  .step = padded->step[i],
                                  .low = low,
                                  .high = high,
                                  .from = i ? lanes : padded->row,
                                  .to = i ? lanes : columns * lanes,
                                  .weight = i ? tap : s->taps[1] * tap };
    }
    copy_dy(at, first, rows, columns);
    for (; piece.channel < s->channels; piece.channel++) {
        fv__replicated_fill(padded, &piece, 0,
                            fv__replicated_rows(padded, rows), w->call->x,
                            at->padded);
        d.dweight = fv__slot(sums, piece.channel * lanes, padded->element);
        padded->kernels->depthwise_grad(&d);
        d.dbias = NULL;
    }
}

/* The chains of a block of output rows, of `count` columns from `column` on. */
static void add_block(const part *at, int64_t block, int64_t column,
                      int64_t count, void *sums)
{
    const weights *w = at->weights;
    const fv__conv_sizes *sizes = &w->parts.sizes;
    const fv__subconv *s = &w->padded.subconv;
    const int64_t begin = block * sizes->lines;
    const int64_t end = fv__min(begin + sizes->lines, s->batch * s->out[0]);
    const int64_t *most = w->padded.outputs;

    for (int64_t rows, line = begin; line < end; line += rows) {
        fv__pixel first = { line / s->out[0], line % s->out[0], column };

        rows = fv__min(fv__min(end - line, s->out[0] - first.row), most[0]);
        for (; first.column < column + count; first.column += most[1])
            add_rows(at, first, rows,
                     fv__min(most[1], column + count - first.column),
                     line == begin && first.column == column, sums);
    }
}

static void add_part(void *argument, size_t item, size_t worker)
{
    const weights *w = argument;
    const fv__replicated *s = &w->padded;
    const fv__geometry *g = w->call->geometry;
    const int64_t vectors = fv__replicated_vectors(s);
    const size_t lanes = (size_t)s->lanes, size = s->element;
    part at = { .weights = w,
                .number = (int64_t)item / vectors,
                .vector = (int64_t)item % vectors,
                .padded = (char *)w->call->scratch + w->parts.bytes
                          + worker * w->worker };
    const int64_t first = fv__partial_first_block(&w->parts.sizes, at.number);
    const int64_t end = fv__partial_first_block(&w->parts.sizes, at.number + 1);
    bool fresh =
        fv__partial_accumulation(&w->parts, at.number, first) == FV__STORE;

    at.count = (size_t)fv__replicated_filters(s, at.vector);
    at.dy = at.padded + fv__align(s->bytes);
    void *block = at.dy + w->dy,
         *all = fv__slot(block, (ptrdiff_t)w->sums, size);
    void *dbias = fv__partial_bias(&w->parts, at.number,
                                   (size_t)at.vector * lanes, at.count);
    if (dbias) at.bias = fv__slot(all, (ptrdiff_t)w->sums, size);
    if (!fresh) move_sums(&at, all, false);
    for (int64_t i = first; i < end; i++)
        for (int64_t c = 0, n; c < g->out[1]; c += n) {
            n = fv__chain_columns(g, c);
            if (dbias) s->kernels->fill(lanes, 0, at.bias);
            add_block(&at, i, c, n, fresh ? all : block);
            if (!fresh) s->kernels->axpy(w->sums, 1, block, all);
            if (dbias) s->kernels->axpy(at.count, 1, at.bias, dbias);
            fresh = false;
        }
    move_sums(&at, all, true);
}

void fv__grouped_weight_grad_run(const fv__conv_call *call)
{
    weights w = plan(call->context, call->geometry);

    w.call = call;
    fv__partials_begin(&w.parts, call);
    fv__parallel(
        call->context,
        (size_t)(w.parts.sizes.parts * fv__replicated_vectors(&w.padded)),
        (double)fv__geometry_macs(call->geometry), add_part, &w);
    fv__partials_reduce(&w.parts);
}

size_t fv__grouped_weight_grad_scratch(const fv_context *context,
                                       const fv__geometry *g)
{
    const weights w = plan(context, g);
    size_t bytes;

    if (!fv__multiply(w.worker, (size_t)context->threads, &bytes)
        || !fv__add(bytes, w.parts.bytes, &bytes))
        return SIZE_MAX;
    return bytes;
}
