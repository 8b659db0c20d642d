/* Winograd's convolution: the input transform of few channels, which do not
 * fill a vector. Vectors run over the tiles of a row instead: of each line of
 * the image, the pixels at the same place in their tiles are made contiguous.
 */
#include "conv/winograd/winograd.h"

#include <string.h>

/* A row needs this many tiles to fill a vector. Tuned by measurement. */
enum { LEAST_TILES = 4 };
/* Elements behind V that the products may read but do not use. */
enum { READ_BEHIND = 4 };

fv__winograd_tile_row fv__winograd_tile_row_of(size_t element,
                                               const fv__winograd_tiling *w)
{
    const fv__subconv *s = &w->subconv;
    const int64_t phases = fv__scheme_phases(w->in_scheme);
    const double limit = w->in_scheme.phases == 1
                             ? fv__costs.winograd_row_channels
                             : fv__costs.winograd_row_channels_phases;
    fv__winograd_tile_row r = { .tiles = w->tiles[1] };

    if (s->groups > 1 || (double)s->channels >= limit || r.tiles < LEAST_TILES
        || w->out_scheme.phases > 1)
        return r;
    r.rows = w->all_tiles / r.tiles;
    r.channel_step = (size_t)(r.tiles + (w->in_side - 1) / w->in_step);
    r.phase_step = (size_t)s->channels * r.channel_step;
    r.point_step = fv__odd_row((size_t)phases * r.phase_step, element);
    r.v_bytes =
        fv__align((r.point_step * (size_t)w->points + READ_BEHIND) * element);
    r.line_bytes = fv__align((size_t)w->in_step * r.phase_step * element);
    r.bytes = r.v_bytes + (size_t)(w->in_side + 1) * r.line_bytes;
    return r;
}

/* Copies `pixels` pixels of a line of the image from pixel `at` on, with zeros
 * outside the image. */
static void copy_line(const fv__subconv *s, fv__pixel at, int64_t pixels,
                      size_t element, const char *in, char *out)
{
    const size_t pixel = (size_t)s->channels * element;
    const bool inside = at.row >= 0 && at.row < s->in[0];
    const int64_t first = fv__min(fv__max(-at.column, 0), pixels);
    const int64_t end = fv__max(fv__min(s->in[1] - at.column, pixels), first);
    const size_t before = (size_t)first * pixel;
    const size_t copied = inside ? (size_t)(end - first) * pixel : 0;

    memset(out, 0, before);
    if (copied)
        memcpy(out + before,
               in
                   + (size_t)((at.image * s->in[0] + at.row) * s->in[1]
                              + at.column + first)
                         * pixel,
               copied);
    memset(out + before + copied, 0, (size_t)pixels * pixel - before - copied);
}

/* Behind V, `scratch` holds a line as it is in the image, and then the in_side
 * lines of the tiles, each as [pixel of a step][channel][tile]. */
void fv__winograd_tile_row_transform(const fv__kernels *kernels,
                                     const fv__winograd_tiling *w,
                                     const fv__winograd_tile_row *r,
                                     int64_t row, const void *in, char *scratch)
{
    const size_t element = fv__element(kernels);
    const size_t columns = (size_t)(w->in_step * w->subconv.channels);
    const void *pixels[FV__WINOGRAD_INPUTS];
    char *image = scratch + r->v_bytes, *line = image + r->line_bytes;
    fv__pixel at = fv__winograd_tile_input(w, row * r->tiles);

    for (int64_t i = 0; i < w->in_side; i++, at.row++, line += r->line_bytes) {
        copy_line(&w->subconv, at, (int64_t)r->channel_step * w->in_step,
                  element, in, image);
        kernels->transpose(r->channel_step, columns, image, columns, line,
                           r->channel_step, r->channel_step);
        for (int64_t j = 0; j < w->in_side; j++)
            pixels[i * w->in_side + j] =
                fv__at(line,
                       (ptrdiff_t)((size_t)(j % w->in_step) * r->phase_step
                                   + (size_t)(j / w->in_step)),
                       element);
    }
    kernels->winograd_input(
        w->in_scheme, r->phase_step - (r->channel_step - (size_t)r->tiles),
        pixels,
        &(fv__transformed_tile){ scratch, r->point_step, r->phase_step });
}
