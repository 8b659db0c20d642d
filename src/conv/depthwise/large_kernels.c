/* Depthwise convolution with large kernels: of one cache line of channels after
 * another, what some outputs meet is copied to a strip, with zeros beside the
 * image. Taps come back to each input so often that these had better be
 * neighbours: pixels of many channels, far apart, meet in few sets of a cache.
 */
#include "conv/depthwise/depthwise.h"

/* Outputs that a strip holds the inputs of, bytes of a cache line. */
enum { ROWS = 8, COLUMNS = 8 * FV__DEPTHWISE_COLUMNS, LINE = 64 };

size_t fv__depthwise_padded_bytes(int64_t stride, const int64_t taps[2])
{
    return (size_t)(((ROWS - 1) * stride + taps[0]) * (COLUMNS - 1 + taps[1]))
           * LINE;
}

/* Inputs [low, high) of an axis. */
typedef struct range {
    int64_t low, high;
} range;

/* Those inside the image that the first `outputs` outputs read. */
static range inputs_read(const fv__window *a, int64_t outputs)
{
    const int64_t reach = (outputs - 1) * a->stride + a->taps;

    return (range){ fv__max(a->low, 0), fv__min(a->high, reach) };
}

/* A block of outputs and the strip of what it meets. */
typedef struct block {
    const fv__kernels *kernels;
    fv__depthwise work;
    range rows, columns;
    int64_t width; /* of the strip */
    char *padded;
} block;

/* The line of channels from `channel` on, `bytes` of each pixel. */
static void fill(const block *b, size_t channel, size_t bytes)
{
    const fv__window *r = &b->work.axis[0], *s = &b->work.axis[1];
    const int64_t size = (int64_t)fv__element(b->kernels);

    for (int64_t i = b->rows.low; i < b->rows.high; i++) {
        const int64_t from = i * r->from + b->columns.low * s->from;
        const int64_t at = (i - b->rows.low) * b->width + b->columns.low;
        const char *x =
            (const char *)b->work.x + (from + (int64_t)channel) * size;
        char *to = b->padded + at * LINE;

        for (int64_t j = b->columns.low; j < b->columns.high; j++) {
            if (bytes == LINE)
                memcpy(to, x, LINE);
            else
                fv__copy_run(to, x, bytes);
            x += s->from * size;
            to += LINE;
        }
    }
}

static void run_block(const block *b)
{
    const size_t size = fv__element(b->kernels), line = LINE / size;
    const fv__window *r = &b->work.axis[0], *s = &b->work.axis[1];
    const int64_t tall = fv__max(b->rows.high - b->rows.low, 0);
    fv__depthwise some = b->work;

    memset(b->padded, 0, (size_t)(tall * b->width) * LINE);
    some.padded = true;
    some.axis[0].from = (ptrdiff_t)(b->width * (int64_t)line);
    some.axis[0].weight = (ptrdiff_t)(s->taps * (int64_t)line);
    some.axis[1].from = some.axis[1].weight = (ptrdiff_t)line;
    some.x = b->padded - b->rows.low * b->width * LINE;
    for (size_t c = 0; c < b->work.channels; c += line) {
        const size_t left = b->work.channels - c;
        const size_t taps = (size_t)(r->taps * s->taps);
        const fv__epilogue *f = &b->work.epilogue;

        some.channels = left < line ? left : line;
        some.weight = fv__at(b->work.weight, (ptrdiff_t)(c * taps), size);
        some.y = fv__slot(b->work.y, (ptrdiff_t)c, size);
        if (f->bias) some.epilogue.bias = fv__at(f->bias, (ptrdiff_t)c, size);
        if (f->residual)
            some.epilogue.residual = fv__at(f->residual, (ptrdiff_t)c, size);
        fill(b, c, some.channels * size);
        b->kernels->depthwise(&some);
    }
}

/* Leaves `count` outputs from `first` on. */
static void take(fv__depthwise *d, int axis, int64_t first, int64_t count,
                 size_t size)
{
    fv__window *a = &d->axis[axis];
    const int64_t in = first * a->stride, out = first * a->to;

    a->outputs = fv__min(count, a->outputs - first);
    a->low -= in;
    a->high -= in;
    d->x = (const char *)d->x + in * a->from * (int64_t)size;
    d->y = fv__slot(d->y, out, size);
    if (d->epilogue.residual)
        d->epilogue.residual = fv__at(d->epilogue.residual, out, size);
}

void fv__depthwise_run_padded(const fv__kernels *kernels,
                              const fv__depthwise *work, void *padded)
{
    const fv__window *r = &work->axis[0], *s = &work->axis[1];
    const size_t size = fv__element(kernels);

    for (int64_t row = 0; row < r->outputs; row += ROWS)
        for (int64_t column = 0; column < s->outputs; column += COLUMNS) {
            block b = { .kernels = kernels, .work = *work, .padded = padded };
            const fv__window *across = &b.work.axis[1];

            take(&b.work, 0, row, ROWS, size);
            take(&b.work, 1, column, COLUMNS, size);
            const int64_t groups =
                fv__divide_up(across->outputs, FV__DEPTHWISE_COLUMNS);

            b.width = groups * FV__DEPTHWISE_COLUMNS - 1 + across->taps;
            b.rows = inputs_read(&b.work.axis[0], b.work.axis[0].outputs);
            b.columns = inputs_read(across, groups * FV__DEPTHWISE_COLUMNS);
            run_block(&b);
        }
}
