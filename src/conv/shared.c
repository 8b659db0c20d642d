/* The division of a convolution's sums, and when outputs are nontemporal. */
#include "conv/shared.h"
#include "kernel/parallel.h"

/* Of a weight gradient: most output pixels of a block, which has at least one
 * row; most parts; and most elements of all parts. They determine which bits
 * result: changing one changes every trained network. */
enum { BLOCK_PIXELS = 256, MOST_PARTS = 8, PARTS_ELEMENTS = 1 << 22 };

void fv__conv_tiles(const fv__kernels *kernels, size_t m, size_t n,
                    fv__tile tile)
{
    const size_t element = fv__element(kernels);
    const size_t mr = (size_t)kernels->mr, nr = (size_t)kernels->nr;
    fv__tile t = tile;

    for (size_t j = 0; j < n; j += nr) {
        t.a = tile.a;
        t.b = fv__at(tile.b, (ptrdiff_t)j, element);
        t.c = fv__slot(tile.c, (ptrdiff_t)j, element);
        for (size_t i = 0, rows; i < m; i += rows) {
            rows = fv__tile_height(m - i, mr);
            kernels->microkernel(rows, n - j < nr ? n - j : nr, &t);
            t.a = fv__at(t.a, (ptrdiff_t)(rows * t.a_row), element);
            t.c = fv__slot(t.c, (ptrdiff_t)(rows * t.c_row), element);
        }
    }
}

int64_t fv__matrix_rows(int64_t elements, int64_t width)
{
    const int64_t fewest = 48, most = 960;
    const int64_t step = 24; /* whole tiles for every mr: 2, 3 or 4 of them */

    return fv__max(fewest, fv__min(most, elements / width / step * step));
}

/* Of the output, all images. */
static int64_t pixels_of(const fv__geometry *g)
{
    return g->batch * g->out[FV__DEPTH] * g->out[0] * g->out[1];
}

fv__conv_sizes fv__conv_sizes_of(const fv__geometry *g)
{
    fv__conv_sizes s = {
        .pixels = pixels_of(g),
        .taps = g->kernel[FV__DEPTH] * g->kernel[0] * g->kernel[1],
        .channels = g->channels / g->groups,
        .filters = g->filters / g->groups,
    };

    s.span = s.taps * s.channels;
    s.lines = fv__max(1, BLOCK_PIXELS / g->out[1]);
    s.block = s.lines * g->out[1];
    s.blocks = fv__divide_up(s.pixels, s.block);
    s.parts = fv__min(MOST_PARTS, PARTS_ELEMENTS / (s.span * g->filters));
    s.parts = fv__max(1, fv__min(s.parts, s.blocks));
    s.parts = fv__partials_count(s.parts, s.blocks);
    return s;
}

static int64_t count_x(const fv__geometry *g)
{
    return g->batch * g->in[FV__DEPTH] * g->in[0] * g->in[1] * g->channels;
}

static int64_t count_y(const fv__geometry *g)
{
    return pixels_of(g) * g->filters;
}

bool fv__conv_reads_uncached(const fv_context *context, const fv__geometry *g,
                             fv__direction direction)
{
    const int64_t x = direction == FV__BACKWARD_DATA ? 0 : count_x(g);
    const int64_t y = direction == FV__FORWARD ? 0 : count_y(g);

    return x + y >= fv__cached_elements(context);
}

bool fv__conv_is_nontemporal(const fv__conv_call *call, fv__direction direction)
{
    const int64_t x = count_x(call->geometry), y = count_y(call->geometry);
    const bool forward = direction == FV__FORWARD;

    return (forward || call->overwrite)
           && fv__is_nontemporal(call->context, forward ? x : y,
                                 forward ? y : x);
}

void fv__conv_apply_epilogue(const fv__conv_call *call, fv__direction direction,
                             int64_t pixel, int64_t count)
{
    const fv__kernels *kernels = call->context->kernels;
    const fv__epilogue e = fv__conv_epilogue(call, direction);
    const bool data = direction == FV__BACKWARD_DATA;
    const int64_t columns =
        data ? call->geometry->channels : call->geometry->filters;
    const size_t element = fv__element(kernels);
    const size_t n = (size_t)(count * columns);
    void *y = fv__slot(data ? call->dx : call->y, pixel * columns, element);

    for (int64_t i = 0; e.bias && i < count; i++) {
        void *row = fv__slot(y, i * columns, element);

        kernels->binary(FV__ADD, (size_t)columns, row, 1, e.bias, 1, row);
    }
    if (e.residual)
        kernels->binary(FV__ADD, n, y, 1,
                        fv__at(e.residual, pixel * columns, element), 1, y);
    if (e.clamp) kernels->unary(FV__CLAMP, n, y, y, e.low, e.high);
}

/* Pixels of an item of the pass over dx. */
enum { FINISH_PIXELS = 256 };

static int64_t count_pixels(const fv__geometry *g)
{
    return g->batch * g->in[FV__DEPTH] * g->in[0] * g->in[1];
}

static void finish_item(void *argument, size_t item, size_t worker)
{
    const fv__conv_call *call = argument;
    const int64_t pixel = (int64_t)item * FINISH_PIXELS;

    (void)worker;
    fv__conv_apply_epilogue(
        call, FV__BACKWARD_DATA, pixel,
        fv__min(FINISH_PIXELS, count_pixels(call->geometry) - pixel));
}

void fv__conv_finish_input_grad(const fv__conv_call *call)
{
    const fv__epilogue e = fv__conv_epilogue(call, FV__BACKWARD_DATA);
    const int64_t pixels = count_pixels(call->geometry);
    fv__conv_call copy = *call;

    if (!e.bias && !e.residual && !e.clamp) return;
    fv__parallel(call->context, (size_t)fv__divide_up(pixels, FINISH_PIXELS),
                 (double)(pixels * call->geometry->channels), finish_item,
                 &copy);
}
