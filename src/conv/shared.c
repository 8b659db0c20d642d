/* Where the sums of a convolution are cut. */
#include "conv/shared.h"

/* Pixels of a chain of the weight gradient, the most parts, and the most
 * elements of all parts. They decide which bits come out: changing one changes
 * every trained network. */
enum { CHAIN_PIXELS = 256, PARTS = 8, PARTS_ELEMENTS = 1 << 22 };

/* Sixteenths of the last cache that it keeps from one call to the next, and the
 * most bytes, as others share it; bytes that had better go past any, and ninths
 * of them that outputs alone are. No sum depends on them. */
enum { KEPT = 9, MOST_KEPT = 1 << 26, OUTGROWN = 18 << 20, OUTPUTS = 4 };

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
    const int64_t fewest = 48, most = 960, step = 24; /* of every mr, a whole */

    return fv__max(fewest, fv__min(most, elements / width / step * step));
}

fv__conv_sizes fv__conv_sizes_of(const fv__geometry *g)
{
    fv__conv_sizes s = {
        .pixels = g->batch * g->out[0] * g->out[1],
        .taps = g->kernel[0] * g->kernel[1],
        .channels = g->channels / g->groups,
        .filters = g->filters / g->groups,
    };

    s.span = s.taps * s.channels;
    s.lines = fv__max(1, CHAIN_PIXELS / g->out[1]);
    s.block = s.lines * g->out[1];
    s.blocks = fv__divide_up(s.pixels, s.block);
    s.parts = fv__min(PARTS, PARTS_ELEMENTS / (s.span * g->filters));
    s.parts = fv__max(1, fv__min(s.parts, s.blocks));
    s.parts = fv__partials_count(s.parts, s.blocks);
    return s;
}

static int64_t count_x(const fv__geometry *g)
{
    return g->batch * g->in[0] * g->in[1] * g->channels;
}

static int64_t count_y(const fv__geometry *g)
{
    return g->batch * g->out[0] * g->out[1] * g->filters;
}

/* Elements that the last cache keeps. */
static int64_t kept(const fv_context *context)
{
    const size_t bytes = context->cache_bytes / 16 * KEPT;

    return (int64_t)((bytes < MOST_KEPT ? bytes : MOST_KEPT)
                     / fv__element(context->kernels));
}

bool fv__conv_reads_uncached(const fv_context *context, const fv__geometry *g,
                             fv__direction direction)
{
    const int64_t x = direction == FV__BACKWARD_DATA ? 0 : count_x(g);
    const int64_t y = direction == FV__FORWARD ? 0 : count_y(g);

    return x + y >= kept(context);
}

bool fv__conv_is_nontemporal(const fv__conv_call *call, fv__direction direction)
{
    const fv_context *context = call->context;
    const int64_t most = OUTGROWN / (int64_t)fv__element(context->kernels);
    const int64_t outgrown = fv__min(kept(context), most);
    const int64_t x = count_x(call->geometry), y = count_y(call->geometry);

    return (direction == FV__FORWARD || call->overwrite)
           && (direction == FV__FORWARD ? y : x) >= outgrown / 9 * OUTPUTS
           && x + y >= outgrown;
}

void fv__conv_apply_epilogue(const fv__conv_call *call, int64_t pixel,
                             int64_t count)
{
    const fv__kernels *kernels = call->context->kernels;
    const fv__epilogue *f = &call->epilogue;
    size_t filters = (size_t)call->geometry->filters;
    size_t size = fv__element(kernels), n = (size_t)count * filters;
    void *y = fv__slot(call->y, (ptrdiff_t)((size_t)pixel * filters), size);

    for (size_t i = 0; f->bias && i < (size_t)count; i++) {
        void *row = fv__slot(y, (ptrdiff_t)(i * filters), size);

        kernels->binary(FV__ADD, filters, row, 1, f->bias, 1, row);
    }
    if (f->residual)
        kernels->binary(
            FV__ADD, n, y, 1,
            fv__at(f->residual, (ptrdiff_t)((size_t)pixel * filters), size), 1,
            y);
    if (f->clamp) kernels->unary(FV__CLAMP, n, y, y, f->low, f->high);
}
