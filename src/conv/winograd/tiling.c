/* Winograd's convolution: the scheme of a geometry, the tiles of an image, and
 * the layout of matrices. */
#include "conv/winograd/winograd.h"

/* The scheme of each square kernel and stride. */
static const struct {
    int64_t kernel, stride;
    fv__scheme scheme;
} kernels[] = {
    { 3, 1, { 4, 3, 1 } }, { 5, 1, { 2, 5, 1 } }, { 3, 2, { 4, 2, 2 } },
    { 5, 2, { 4, 3, 2 } }, { 7, 2, { 3, 4, 2 } }, { 11, 4, { 4, 3, 4 } },
};
enum { KERNELS = sizeof kernels / sizeof *kernels };

static bool matches(const fv__geometry *g, int i)
{
    return g->kernel[0] == kernels[i].kernel
           && g->stride[0] == kernels[i].stride;
}

/* The entry that matches, or the last one if none does. */
static int find(const fv__geometry *g)
{
    int i = 0;

    while (i < KERNELS - 1 && !matches(g, i)) i++;
    return i;
}

bool fv__winograd_applies(const fv__geometry *g)
{
    return !fv__geometry_has_depth(g) && matches(g, find(g))
           && g->kernel[1] == g->kernel[0] && g->stride[1] == g->stride[0]
           && g->dilation[0] == 1 && g->dilation[1] == 1;
}

/* The time to read U of one point, counted in tiles whose products take as
 * long: in proportion to channels x filters of a group, since caches hold less
 * of larger weights. */
static int64_t read_tiles_of(const fv__subconv *s)
{
    return fv__min((int64_t)fv__costs.winograd_most_read_tiles,
                   s->channels * s->filters
                       / (int64_t)fv__costs.winograd_weights_per_tile);
}

/* Chooses between F(2, 3) and F(4, 3) for 3x3 kernels of stride 1 by the
 * multiplications of an image, 16 or 36 for each tile; on a tie F(2, 3), whose
 * rounding error is smaller. */
static fv__scheme scheme_of(const fv__geometry *g, const fv__subconv *s)
{
    const fv__scheme small = { 2, 3, 1 }, scheme = kernels[find(g)].scheme;
    const int64_t *out = s->out;
    const int64_t tiles_of_2 =
        fv__divide_up(out[0], 2) * fv__divide_up(out[1], 2);
    const int64_t tiles_of_4 =
        fv__divide_up(out[0], 4) * fv__divide_up(out[1], 4);
    const int64_t read_tiles = read_tiles_of(s);

    if (g->kernel[0] == 3 && g->stride[0] == 1
        && 16 * (tiles_of_2 + read_tiles) <= 36 * (tiles_of_4 + read_tiles))
        return small;
    return scheme;
}

/* The input gradient is one subconvolution over the whole image, whatever the
 * stride: its phases are those of the scheme. */
static fv__subconv subconv_of(const fv__geometry *g, fv__direction direction)
{
    fv__geometry dense = *g;

    if (direction != FV__BACKWARD_DATA)
        return fv__subconv_of(g, FV__FORWARD, 0);
    dense.stride[0] = dense.stride[1] = 1;
    return fv__subconv_of(&dense, direction, 0);
}

/* Sets where the first tile of an axis begins. In the input gradient of a
 * kernel of stride s, pixel i of dx has phase (padding + i) mod s. Pixels of
 * phase s - 1, which has one tap less, read the same pixels of dy as those of
 * phases 0 to s - 2 that follow them. So tiles begin with phase s - 1, the
 * first of them at the last such pixel that is not behind pixel 0. */
static void set_first(fv__winograd_tiling *w, const fv__geometry *g, int axis)
{
    const int64_t phases = w->out_scheme.phases;
    const int64_t periods = (g->begin[axis] + 1) / phases;

    w->in_first[axis] =
        phases > 1 ? periods - w->out_scheme.taps + 1 : w->subconv.first[axis];
    w->out_first[axis] = phases > 1 ? periods * phases - 1 - g->begin[axis] : 0;
}

fv__winograd_tiling fv__winograd_tiling_of(const fv__geometry *g,
                                           fv__direction direction)
{
    fv__winograd_tiling w = { .subconv = subconv_of(g, direction) };
    const fv__subconv *s = &w.subconv;
    int64_t points, values;

    w.scheme = w.in_scheme = w.out_scheme = scheme_of(g, s);
    if (direction == FV__BACKWARD_DATA)
        w.in_scheme.phases = 1;
    else
        w.out_scheme.phases = 1;
    points = fv__scheme_axis_points(w.scheme);
    values = fv__scheme_axis_values(w.scheme);
    w.points = points * points;
    w.macs = values * values;
    w.taps = s->taps[0] * s->taps[1];
    w.out_step = w.scheme.outputs * w.out_scheme.phases;
    w.in_step = w.scheme.outputs * w.in_scheme.phases;
    w.in_side = fv__scheme_axis_values(w.in_scheme);
    w.all_tiles = s->batch;
    for (int i = 0; i < 2; i++) {
        set_first(&w, g, i);
        w.tiles[i] = fv__divide_up(s->out[i] - w.out_first[i], w.out_step);
        w.all_tiles *= w.tiles[i];
    }
    return w;
}

/* Pointers to the side x side pixels from pixel `at` on, which are `pixel`
 * bytes apart in an image of rows x columns `extent`. */
static void find_pixels(const int64_t extent[2], int64_t pixel, int64_t side,
                        fv__pixel at, const char *image, const void *zeros,
                        const void **pixels)
{
    for (int64_t i = at.row; i < at.row + side; i++) {
        const bool inside = i >= 0 && i < extent[0];
        const char *row =
            image
            + (inside ? (at.image * extent[0] + i) * extent[1] * pixel : 0);

        for (int64_t j = at.column; j < at.column + side; j++)
            *pixels++ =
                inside && j >= 0 && j < extent[1] ? row + j * pixel : zeros;
    }
}

void fv__winograd_input_pixels(const fv__winograd_tiling *w, int64_t group,
                               int64_t tile, const void *in, const void *zeros,
                               size_t size, const void **pixels)
{
    const fv__subconv *s = &w->subconv;

    find_pixels(s->in, s->in_pixel * (int64_t)size, w->in_side,
                fv__winograd_tile_input(w, tile),
                fv__at(in, group * s->channels, size), zeros, pixels);
}

void fv__winograd_output_pixels(const fv__winograd_tiling *w, int64_t group,
                                int64_t tile, const void *out,
                                const void *zeros, size_t size,
                                const void **pixels)
{
    const fv__subconv *s = &w->subconv;

    find_pixels(s->out, s->out_pixel * (int64_t)size, w->out_step,
                fv__winograd_tile_output(w, tile),
                fv__at(out, group * s->filters, size), zeros, pixels);
}

fv__point_matrices fv__point_matrices_of(size_t element, int64_t points,
                                         int64_t rows, int64_t n)
{
    fv__point_matrices p = { .row_step = fv__odd_row((size_t)n, element) };

    p.point_step = p.row_step * (size_t)rows + 64 / element;
    p.bytes = p.point_step * (size_t)points * element;
    return p;
}
