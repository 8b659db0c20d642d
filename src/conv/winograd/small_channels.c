/* Winograd's convolution: the inputs of few channels, which fill no vector.
 * Vectors go over the tiles of a row: of each line of the image that they meet,
 * pixels at the same place in their tiles are laid side by side. */
#include "conv/winograd/winograd.h"

#include <string.h>

/* Channels that fill no vector, or few, of an image of one phase and of
 * several; and tiles that do. */
enum { FEW_WHOLE = 12, FEW_APART = 8, LEAST_TILES = 4 };
/* Elements behind the points that are read, but not used. */
enum { READ_BEHIND = 4 };

fv__winograd_tile_row fv__winograd_tile_row_of(size_t element,
                                               const fv__winograd *w)
{
    const fv__subconv *s = &w->subconv;
    const int64_t phases = fv__winograd_phases(w->in);
    const int64_t small_channels = w->in.phases == 1 ? FEW_WHOLE : FEW_APART;
    fv__winograd_tile_row r = { .tiles = w->tiles[1] };

    if (s->groups > 1 || s->channels >= small_channels || r.tiles < LEAST_TILES
        || w->out.phases > 1)
        return r;
    r.all = w->all / r.tiles;
    r.channel = (size_t)(r.tiles + (w->pixels - 1) / w->step);
    r.phase = (size_t)s->channels * r.channel;
    r.step = fv__odd_row((size_t)phases * r.phase, element);
    r.points = fv__align((r.step * (size_t)w->points + READ_BEHIND) * element);
    r.line = fv__align((size_t)w->step * r.phase * element);
    r.bytes = r.points + (size_t)(w->pixels + 1) * r.line;
    return r;
}

/* A line of the image from a column on, zeros outside. */
static void copy_line(const fv__subconv *s, fv__pixel at, int64_t pixels,
                      size_t element, const char *in, char *out)
{
    const size_t pixel = (size_t)s->channels * element;
    const bool inside = at.row >= 0 && at.row < s->in[0];
    const int64_t first = fv__min(fv__max(-at.column, 0), pixels);
    const int64_t end = fv__max(fv__min(s->in[1] - at.column, pixels), first);
    const size_t before = (size_t)first * pixel;
    const size_t some = inside ? (size_t)(end - first) * pixel : 0;

    memset(out, 0, before);
    if (some)
        memcpy(out + before,
               in
                   + (size_t)((at.image * s->in[0] + at.row) * s->in[1]
                              + at.column + first)
                         * pixel,
               some);
    memset(out + before + some, 0, (size_t)pixels * pixel - before - some);
}

/* Makes the points of a row of tiles at `points`. Its lines are behind them,
 * [pixel of a step][channel][tile] each, and one as it is in the image. */
void fv__winograd_tile_row_transform(const fv__kernels *kernels,
                                     const fv__winograd *w,
                                     const fv__winograd_tile_row *r,
                                     int64_t row, const void *in, char *points)
{
    const size_t element = fv__element(kernels);
    const size_t columns = (size_t)(w->step * w->subconv.channels);
    const void *pixels[FV__WINOGRAD_PIXELS];
    char *image = points + r->points, *line = image + r->line;
    fv__pixel at = fv__winograd_in(w, row * r->tiles);

    for (int64_t i = 0; i < w->pixels; i++, at.row++, line += r->line) {
        copy_line(&w->subconv, at, (int64_t)r->channel * w->step, element, in,
                  image);
        kernels->transpose(r->channel, columns, image, columns, line,
                           r->channel, r->channel);
        for (int64_t j = 0; j < w->pixels; j++)
            pixels[i * w->pixels + j] =
                fv__at(line,
                       (ptrdiff_t)((size_t)(j % w->step) * r->phase
                                   + (size_t)(j / w->step)),
                       element);
    }
    kernels->winograd_input(w->in, r->phase - (r->channel - (size_t)r->tiles),
                            pixels, &(fv__points){ points, r->step, r->phase });
}
