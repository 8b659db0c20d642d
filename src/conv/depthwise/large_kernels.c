/* Depthwise convolution with large kernels, over padded copies: for one cache
 * line of channels after another, the inputs of a block of outputs are copied
 * next to each other, with zeros around the image. Every input is read by many
 * taps, and in the image the pixels of many channels are so far apart that they
 * map to few sets of a cache. */
#include "conv/depthwise/depthwise.h"

/* Tuned by measurement. */
enum {
    ROWS = 8,                           /* of outputs, of a block */
    COLUMNS = 8 * FV__DEPTHWISE_COLUMNS /* of outputs, of a block */
};
enum { LINE = FV__DEPTHWISE_LINE }; /* bytes */

size_t fv__depthwise_padded_bytes(int64_t stride, const int64_t taps[2])
{
    return (size_t)(((ROWS - 1) * stride + taps[0]) * (COLUMNS - 1 + taps[1]))
           * LINE;
}

/* Inputs [low, high) of an axis. */
typedef struct range {
    int64_t low, high;
} range;

/* The inputs inside the image that the first `outputs` outputs read. */
static range inputs_read(const fv__window *a, int64_t outputs)
{
    const int64_t end = (outputs - 1) * a->stride + a->taps;

    return (range){ fv__max(a->low, 0), fv__min(a->high, end) };
}

/* A block of outputs and the padded copy of its inputs, [row from rows.low
 * on][column][channel of the line]. */
typedef struct block {
    const fv__kernels *kernels;
    fv__depthwise work;  /* the outputs of the block, on the image */
    range rows, columns; /* inputs inside the image */
    int64_t width;       /* columns of the copy */
    char *padded;
} block;

/* Copies `bytes` of each pixel, from channel `channel` on. */
static void copy_pixels(const block *b, size_t channel, size_t bytes)
{
    const fv__window *row = &b->work.axis[0], *column = &b->work.axis[1];
    const int64_t element = (int64_t)fv__element(b->kernels);

    for (int64_t i = b->rows.low; i < b->rows.high; i++) {
        const int64_t from =
            i * row->x_stride + b->columns.low * column->x_stride;
        const int64_t to = (i - b->rows.low) * b->width + b->columns.low;
        const char *x =
            (const char *)b->work.x + (from + (int64_t)channel) * element;
        char *out = b->padded + to * LINE;

        for (int64_t j = b->columns.low; j < b->columns.high; j++) {
            if (bytes == LINE)
                memcpy(out, x, LINE);
            else
                fv__copy_run(out, x, bytes);
            x += column->x_stride * element;
            out += LINE;
        }
    }
}

static void run_block(const block *b)
{
    const size_t element = fv__element(b->kernels), line = LINE / element;
    const fv__window *row = &b->work.axis[0], *column = &b->work.axis[1];
    const size_t taps = (size_t)(row->taps * column->taps);
    const int64_t height = fv__max(b->rows.high - b->rows.low, 0);
    const fv__epilogue *e = &b->work.epilogue;
    fv__depthwise d = b->work;

    /* the columns outside the image stay zero for all lines of channels */
    memset(b->padded, 0, (size_t)(height * b->width) * LINE);
    d.padded = true;
    d.axis[0].x_stride = (ptrdiff_t)(b->width * (int64_t)line);
    d.axis[0].weight_stride = (ptrdiff_t)(column->taps * (int64_t)line);
    d.axis[1].x_stride = d.axis[1].weight_stride = (ptrdiff_t)line;
    d.x = b->padded - b->rows.low * b->width * LINE;
    for (size_t c = 0; c < b->work.channels; c += line) {
        const size_t left = b->work.channels - c;

        d.channels = left < line ? left : line;
        d.weight = fv__at(b->work.weight, (ptrdiff_t)(c * taps), element);
        d.y = fv__slot(b->work.y, (ptrdiff_t)c, element);
        if (e->bias) d.epilogue.bias = fv__at(e->bias, (ptrdiff_t)c, element);
        if (e->residual)
            d.epilogue.residual = fv__at(e->residual, (ptrdiff_t)c, element);
        copy_pixels(b, c, d.channels * element);
        b->kernels->depthwise(&d);
    }
}

/* Leaves at most `count` outputs of an axis, from `first` on. */
static void limit_outputs(fv__depthwise *d, int axis, int64_t first,
                          int64_t count, size_t element)
{
    fv__window *a = &d->axis[axis];
    const int64_t in = first * a->stride;
    const size_t out = (size_t)(first * a->y_stride);

    a->outputs = fv__min(count, a->outputs - first);
    a->low -= in;
    a->high -= in;
    d->x = (const char *)d->x + in * a->x_stride * (int64_t)element;
    d->y = fv__slot(d->y, (ptrdiff_t)out, element);
    if (d->epilogue.residual)
        d->epilogue.residual =
            fv__at(d->epilogue.residual, (ptrdiff_t)out, element);
}

void fv__depthwise_run_padded(const fv__kernels *kernels,
                              const fv__depthwise *work, void *padded)
{
    const size_t element = fv__element(kernels);

    for (int64_t row = 0; row < work->axis[0].outputs; row += ROWS)
        for (int64_t column = 0; column < work->axis[1].outputs;
             column += COLUMNS) {
            block b = { .kernels = kernels, .work = *work, .padded = padded };
            const fv__window *rows = &b.work.axis[0];
            const fv__window *columns = &b.work.axis[1];

            limit_outputs(&b.work, 0, row, ROWS, element);
            limit_outputs(&b.work, 1, column, COLUMNS, element);
            /* the kernel reads the inputs of whole groups of outputs */
            const int64_t outputs =
                fv__divide_up(columns->outputs, FV__DEPTHWISE_COLUMNS)
                * FV__DEPTHWISE_COLUMNS;

            b.width = outputs - 1 + columns->taps;
            b.rows = inputs_read(rows, rows->outputs);
            b.columns = inputs_read(columns, outputs);
            run_block(&b);
        }
}
