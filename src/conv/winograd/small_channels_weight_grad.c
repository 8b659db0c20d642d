/* Winograd's convolution: the weight gradient of few channels. At every point,
 * a weight is a sum over the rows of tiles of the batch, in order: chains of a
 * row, cut if it is long, added up in each of some ranges of rows; then these
 * parts. Vectors go over filters. */
#include "conv/winograd/winograd.h"

/* The most parts, elements of all, and the fewest rows of one. They decide
 * which bits come out: changing one changes every trained network. */
enum { PARTS = 8, PARTS_ELEMENTS = 1 << 22, PART_ROWS = 4 };

typedef struct plan {
    const fv__kernels *kernels;
    size_t element;
    fv__winograd tiling;
    fv__winograd_tile_row x;
    fv__planes dy, sum; /* [tile][filter], [phase][channel][filter] */
    fv__partials bias;
    int64_t parts;
    size_t taps;     /* and channels, of a filter */
    size_t gradient; /* bytes of one [tap][channel][filter] */
    size_t zeros, worker;
    const fv__conv_call *call;
    char *zero, *sums, *gradients, *points;
} plan;

static plan plan_of(const fv_context *context, const fv__geometry *g,
                    const fv__winograd *w)
{
    const fv__subconv *s = &w->subconv;
    const int64_t phases = fv__winograd_phases(w->in);
    plan p = { .kernels = context->kernels,
               .element = fv__element(context->kernels),
               .tiling = *w };

    p.x = fv__winograd_tile_row_of(p.element, w);
    p.dy = fv__planes_of(p.element, w->points, p.x.tiles, s->filters);
    p.sum =
        fv__planes_of(p.element, w->points, phases * s->channels, s->filters);
    p.parts = PARTS_ELEMENTS / (w->products * s->channels * s->filters);
    p.parts = fv__max(1, fv__min(fv__min(PARTS, p.parts), p.x.all / PART_ROWS));
    p.parts = fv__partials_count(p.parts, p.x.all);
    p.bias = fv__partials_of_bias(context->kernels, g, p.x.all, p.parts);
    p.taps = (size_t)(w->taps * s->channels);
    p.gradient = fv__align(p.taps * (size_t)s->filters * p.element);
    p.zeros = fv__align((size_t)s->filters * p.element);
    p.worker = p.x.bytes + p.dy.bytes;
    return p;
}

size_t fv__winograd_small_channels_weight_grad_scratch(
    const fv_context *context, const fv__geometry *g, const fv__winograd *w)
{
    const plan p = plan_of(context, g, w);

    return p.bias.bytes + p.zeros + (size_t)p.parts * p.sum.bytes
           + 2 * p.gradient
           + (size_t)fv__min(context->threads, p.parts) * p.worker;
}

static void find(const plan *p, int64_t tile, const void **pixels)
{
    const fv__winograd *w = &p->tiling;

    fv__winograd_pixels(w->subconv.out, w->subconv.out_pixel, w->m,
                        fv__winograd_out(w, tile), p->call->dy, p->zero,
                        p->element, pixels);
}

/* The points of dy in a row of tiles. While one is transformed, the pixels of
 * the next come. */
static void transform(const plan *p, int64_t row, char *out)
{
    const fv__winograd *w = &p->tiling;
    const size_t filters = (size_t)w->subconv.filters;
    const int64_t first = row * p->x.tiles;
    const void *pixels[2][FV__WINOGRAD_OUTPUTS];

    find(p, first, pixels[0]);
    for (int64_t i = 0; i < p->x.tiles; i++) {
        if (first + i + 1 < w->all) {
            find(p, first + i + 1, pixels[(i + 1) % 2]);
            fv__winograd_prefetch(pixels[(i + 1) % 2], w->m, 0,
                                  filters * p->element);
        }
        p->kernels->winograd_output_grad(
            w->out, filters, pixels[i % 2],
            &(fv__points){
                fv__slot(out, (ptrdiff_t)((size_t)i * p->dy.row), p->element),
                p->dy.step, 0 });
    }
}

/* At one point: phases and channels x tiles times tiles x filters. */
static void multiply(const plan *p, size_t point, bool first, const char *x,
                     const char *dy, char *sum)
{
    const size_t rows = (size_t)(fv__scheme_phases(p->tiling.in, point)
                                 * p->tiling.subconv.channels);
    const fv__chain chain = { 1, 1, p->x.tiles };

    for (int64_t at = 0, n; at < p->x.tiles; at += n) {
        const size_t tile = (size_t)at;

        n = fv__chain_block(chain, at);
        fv__conv_tiles(
            p->kernels, rows, (size_t)p->tiling.subconv.filters,
            (fv__tile){
                .a = fv__at(x, (ptrdiff_t)(point * p->x.step + tile),
                            p->element),
                .b = fv__at(dy,
                            (ptrdiff_t)(point * p->dy.step + tile * p->dy.row),
                            p->element),
                .c =
                    fv__slot(sum, (ptrdiff_t)(point * p->sum.step), p->element),
                .a_row = p->x.channel,
                .a_step = 1,
                .b_step = p->dy.row,
                .c_row = p->sum.row,
                .segments = 1,
                .k = (size_t)n,
                .accumulation =
                    first && at == 0 ? FV__STORE : FV__ACCUMULATE });
    }
}

/* A range of rows. */
static void part_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const int64_t first =
        fv__partial_first_block(&p->bias.sizes, (int64_t)item);
    const int64_t last =
        fv__partial_first_block(&p->bias.sizes, (int64_t)item + 1);
    char *x = p->points + worker * p->worker, *dy = x + p->x.bytes;
    char *sum = p->sums + item * p->sum.bytes;

    /* dy is near once it is transformed. */
    for (int64_t row = first; row < last; row++) {
        fv__winograd_tile_row_transform(p->kernels, &p->tiling, &p->x, row,
                                        p->call->x, x);
        transform(p, row, dy);
        fv__partial_add_bias(&p->bias, (int64_t)item, row);
        for (size_t e = 0; e < (size_t)p->tiling.points; e++)
            multiply(p, e, row == first, x, dy, sum);
    }
}

/* One channel, after all parts. */
static void channel_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const size_t filters = (size_t)p->tiling.subconv.filters;
    const size_t phase = (size_t)p->tiling.subconv.channels * p->sum.row;
    char *sum = fv__slot(p->sums, (ptrdiff_t)(item * p->sum.row), p->element);

    (void)worker;
    for (size_t i = 1; i < (size_t)p->parts; i++)
        for (size_t e = 0; e < (size_t)p->tiling.points; e++) {
            const int32_t phases = fv__scheme_phases(p->tiling.in, e);

            for (int32_t q = 0; q < phases; q++) {
                char *at = fv__slot(
                    sum, (ptrdiff_t)(e * p->sum.step + (size_t)q * phase),
                    p->element);

                p->kernels->axpy(filters, 1, at + i * p->sum.bytes, at);
            }
        }
    p->kernels->winograd_filter_grad(
        p->tiling.scheme, filters, &(fv__points){ sum, p->sum.step, phase },
        fv__slot(p->gradients, (ptrdiff_t)(item * filters), p->element),
        (size_t)p->tiling.subconv.channels * filters, false);
}

/* [tap][channel][filter] to [filter][tap][channel]. */
static void transpose_tile(const plan *p)
{
    const size_t filters = (size_t)p->tiling.subconv.filters;
    const fv__conv_call *call = p->call;
    char *transposed = p->gradients + p->gradient;

    p->kernels->transpose(p->taps, filters, p->gradients, filters,
                          call->overwrite ? call->dweight : transposed, p->taps,
                          p->taps);
    if (!call->overwrite)
        p->kernels->axpy(p->taps * filters, 1, transposed, call->dweight);
}

void fv__winograd_small_channels_weight_grad(const fv__conv_call *call,
                                             const fv__winograd *w)
{
    plan p = plan_of(call->context, call->geometry, w);
    const fv__subconv *s = &w->subconv;

    p.call = call;
    p.zero = (char *)call->scratch + p.bias.bytes;
    p.sums = p.zero + p.zeros;
    p.gradients = p.sums + (size_t)p.parts * p.sum.bytes;
    p.points = p.gradients + 2 * p.gradient;
    p.kernels->fill((size_t)s->filters, 0, p.zero);
    fv__partials_begin(&p.bias, call);
    fv__parallel(call->context, (size_t)p.parts,
                 (double)(w->all * w->products * s->channels)
                     * (double)s->filters,
                 part_item, &p);
    fv__parallel(call->context, (size_t)s->channels,
                 (double)(w->products * s->channels)
                     * (double)(s->filters * p.parts),
                 channel_item, &p);
    transpose_tile(&p);
    fv__partials_reduce(&p.bias);
}
