/* Winograd's convolution: how images are cut into tiles, and where these lie.
 */
#include "conv/winograd/winograd.h"

/* Weights beyond a cache must be read at every point, which costs as much as
 * some tiles do: a compromise between one image, which alone reads them, and
 * many. */
enum { READ_ELEMENTS = 1 << 15, READ_MOST = 8 };

/* Square kernels, and their strides. */
static const struct {
    int64_t kernel, stride;
    fv__scheme scheme;
} kernels[] = {
    { 3, 1, { 4, 3, 1 } }, { 5, 1, { 2, 5, 1 } }, { 3, 2, { 4, 2, 2 } },
    { 5, 2, { 4, 3, 2 } }, { 7, 2, { 3, 4, 2 } }, { 11, 4, { 4, 3, 4 } },
};
enum { KERNELS = sizeof kernels / sizeof *kernels };

static bool is_of(const fv__geometry *g, int i)
{
    return g->kernel[0] == kernels[i].kernel
           && g->stride[0] == kernels[i].stride;
}

/* The last of them if it is none. */
static int find(const fv__geometry *g)
{
    int i = 0;

    while (i < KERNELS - 1 && !is_of(g, i)) i++;
    return i;
}

bool fv__winograd_applies(const fv__geometry *g)
{
    return is_of(g, find(g)) && g->kernel[1] == g->kernel[0]
           && g->stride[1] == g->stride[0] && g->dilation[0] == 1
           && g->dilation[1] == 1;
}

/* Of two schemes for 3x3 kernels what takes fewer products for an image. On a
 * tie F(2, 3), which is more exact. */
static fv__scheme scheme_of(const fv__geometry *g, const fv__subconv *s)
{
    const fv__scheme small = { 2, 3, 1 }, scheme = kernels[find(g)].scheme;
    const int64_t *out = s->out;
    const int64_t small_channels =
        fv__divide_up(out[0], 2) * fv__divide_up(out[1], 2);
    const int64_t many = fv__divide_up(out[0], 4) * fv__divide_up(out[1], 4);
    const int64_t read =
        fv__min(READ_MOST, s->channels * s->filters / READ_ELEMENTS);

    if (g->kernel[0] == 3 && g->stride[0] == 1
        && 16 * (small_channels + read) <= 36 * (many + read))
        return small;
    return scheme;
}

/* The input gradient as one sweep over the whole image, whatever the stride. */
static fv__subconv sweep_of(const fv__geometry *g, fv__direction direction)
{
    fv__geometry dense = *g;

    if (direction != FV__BACKWARD_DATA)
        return fv__subconv_of(g, FV__FORWARD, 0);
    dense.stride[0] = dense.stride[1] = 1;
    return fv__subconv_of(&dense, direction, 0);
}

/* Where an axis of tiles begins. The gradient of a strided input is met by the
 * first pixels of a tile at inputs of the last phase, which therefore come
 * first: the tiles begin at the last of them that is not behind the image's
 * first. */
static void begin(fv__winograd *w, const fv__geometry *g, int axis)
{
    const int64_t phases = w->out.phases;
    const int64_t whole = (g->begin[axis] + 1) / phases;

    w->in_first[axis] =
        phases > 1 ? whole - w->out.taps + 1 : w->subconv.first[axis];
    w->out_first[axis] = phases > 1 ? whole * phases - 1 - g->begin[axis] : 0;
}

fv__winograd fv__winograd_of(const fv__geometry *g, fv__direction direction)
{
    fv__winograd w = { .subconv = sweep_of(g, direction) };
    const fv__subconv *s = &w.subconv;
    int64_t side, lines;

    w.scheme = w.in = w.out = scheme_of(g, s);
    if (direction == FV__BACKWARD_DATA)
        w.in.phases = 1;
    else
        w.out.phases = 1;
    side = fv__scheme_side(w.scheme);
    lines = fv__scheme_lines(w.scheme);
    w.points = side * side;
    w.products = lines * lines;
    w.taps = s->taps[0] * s->taps[1];
    w.m = w.scheme.outputs * w.out.phases;
    w.step = w.scheme.outputs * w.in.phases;
    w.pixels = fv__scheme_lines(w.in);
    w.all = s->batch;
    for (int i = 0; i < 2; i++) {
        begin(&w, g, i);
        w.tiles[i] = fv__divide_up(s->out[i] - w.out_first[i], w.m);
        w.all *= w.tiles[i];
    }
    return w;
}

void fv__winograd_pixels(const int64_t image[2], int64_t pixel, int64_t side,
                         fv__pixel at, const void *in, const void *zeros,
                         size_t size, const void **pixels)
{
    const int64_t step = pixel * (int64_t)size;

    for (int64_t i = at.row; i < at.row + side; i++) {
        const bool inside = i >= 0 && i < image[0];
        const char *row =
            (const char *)in
            + (inside ? (at.image * image[0] + i) * image[1] * step : 0);

        for (int64_t j = at.column; j < at.column + side; j++)
            *pixels++ =
                inside && j >= 0 && j < image[1] ? row + j * step : zeros;
    }
}

fv__planes fv__planes_of(size_t element, int64_t points, int64_t rows,
                         int64_t n)
{
    fv__planes p = { .row = fv__odd_row((size_t)n, element) };

    p.step = p.row * (size_t)rows + 64 / element;
    p.bytes = p.step * (size_t)points * element;
    return p;
}
