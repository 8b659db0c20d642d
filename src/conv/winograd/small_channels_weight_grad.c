/* Winograd's convolution: the weight gradient with few channels, whose vectors
 * run over filters. It computes dU = sum over tiles of V . Z as weight_grad.c
 * does, from products of phases x channels x tiles and tiles x filters. An
 * element of dU is a sum over the rows of tiles of the batch, in order: one
 * chain of fma for each row, cut as kernel/chain.h says; the rows of a part are
 * added up, then the parts. */
#include "conv/winograd/winograd.h"

/* Parts of the sum: at most PARTS, of PARTS_ELEMENTS elements together, and of
 * at least PART_ROWS rows of tiles each. These constants decide where sums are
 * cut and so which bits come out: changing one changes every trained network.
 */
enum { PARTS = 8, PARTS_ELEMENTS = 1 << 22, PART_ROWS = 4 };

typedef struct plan {
    const fv__kernels *kernels;
    size_t element;
    fv__winograd_tiling tiling;
    fv__winograd_tile_row tile_row; /* V */
    fv__point_matrices z;           /* [tile][filter] of a row */
    fv__point_matrices du;          /* [phase][channel][filter] */
    fv__partials bias;
    int64_t parts;
    size_t weights;        /* of a filter: taps x channels */
    size_t gradient_bytes; /* of all weights, [tap][channel][filter] */
    size_t zeros_bytes;    /* of a pixel of dy outside the image */
    size_t v_z_bytes;      /* of V and Z, for each worker */
    const fv__conv_call *call;
    char *zeros, *du_all, *gradients, *v_z_all;
} plan;

static plan plan_of(fv__conv_target target, const fv__geometry *g,
                    const fv__winograd_tiling *w)
{
    const fv__subconv *s = &w->subconv;
    const int64_t phases = fv__scheme_phases(w->in_scheme);
    plan p = { .kernels = target.kernels,
               .element = fv__element(target.kernels),
               .tiling = *w };

    p.tile_row = fv__winograd_tile_row_of(p.element, w);
    p.z = fv__point_matrices_of(p.element, w->points, p.tile_row.tiles,
                                s->filters);
    p.du = fv__point_matrices_of(p.element, w->points, phases * s->channels,
                                 s->filters);
    p.parts = PARTS_ELEMENTS / (w->macs * s->channels * s->filters);
    p.parts = fv__max(
        1, fv__min(fv__min(PARTS, p.parts), p.tile_row.rows / PART_ROWS));
    p.parts = fv__partials_count(p.parts, p.tile_row.rows);
    p.bias = fv__partials_of_bias(target.kernels, g, p.tile_row.rows, p.parts);
    p.weights = (size_t)(w->taps * s->channels);
    p.gradient_bytes = fv__align(p.weights * (size_t)s->filters * p.element);
    p.zeros_bytes = fv__align((size_t)s->filters * p.element);
    p.v_z_bytes = p.tile_row.bytes + p.z.bytes;
    return p;
}

size_t fv__winograd_small_channels_weight_grad_scratch(
    fv__conv_target target, const fv__geometry *g, const fv__winograd_tiling *w)
{
    const plan p = plan_of(target, g, w);

    return p.bias.bytes + p.zeros_bytes + (size_t)p.parts * p.du.bytes
           + 2 * p.gradient_bytes
           + (size_t)fv__min(target.threads, p.parts) * p.v_z_bytes;
}

static void dy_pixels(const plan *p, int64_t tile, const void **pixels)
{
    fv__winograd_output_pixels(&p->tiling, 0, tile, p->call->dy, p->zeros,
                               p->element, pixels);
}

/* Z of a row of tiles. The pixels of a tile are prefetched while the one before
 * it is transformed. */
static void transform_dy(const plan *p, int64_t row, char *z)
{
    const fv__winograd_tiling *w = &p->tiling;
    const size_t filters = (size_t)w->subconv.filters;
    const int64_t first = row * p->tile_row.tiles;
    const void *pixels[2][FV__WINOGRAD_OUTPUTS];

    dy_pixels(p, first, pixels[0]);
    for (int64_t i = 0; i < p->tile_row.tiles; i++) {
        if (first + i + 1 < w->all_tiles) {
            dy_pixels(p, first + i + 1, pixels[(i + 1) % 2]);
            fv__winograd_prefetch(pixels[(i + 1) % 2], w->out_step, 0,
                                  filters * p->element);
        }
        p->kernels->winograd_output_grad(
            w->out_scheme, filters, pixels[i % 2],
            &(fv__transformed_tile){
                fv__slot(z, (ptrdiff_t)((size_t)i * p->z.row_step), p->element),
                p->z.point_step, 0 });
    }
}

/* The product at one point: phases x channels x tiles times tiles x filters. */
static void multiply(const plan *p, size_t point, bool first_row, const char *v,
                     const char *z, char *du)
{
    const size_t depth =
        (size_t)(fv__scheme_phases_at(p->tiling.in_scheme, point)
                 * p->tiling.subconv.channels);
    const fv__chain chain = { 1, 1, p->tile_row.tiles };

    for (int64_t at = 0, n; at < p->tile_row.tiles; at += n) {
        const size_t tile = (size_t)at;

        n = fv__chain_block(chain, at);
        fv__conv_tiles(
            p->kernels, depth, (size_t)p->tiling.subconv.filters,
            (fv__tile){
                .a = fv__at(v,
                            (ptrdiff_t)(point * p->tile_row.point_step + tile),
                            p->element),
                .b = fv__at(
                    z,
                    (ptrdiff_t)(point * p->z.point_step + tile * p->z.row_step),
                    p->element),
                .c = fv__slot(du, (ptrdiff_t)(point * p->du.point_step),
                              p->element),
                .a_row = p->tile_row.channel_step,
                .a_step = 1,
                .b_step = p->z.row_step,
                .c_row = p->du.row_step,
                .segments = 1,
                .k = (size_t)n,
                .accumulation =
                    first_row && at == 0 ? FV__STORE : FV__ACCUMULATE });
    }
}

/* The rows of a part. */
static void part_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const int64_t first =
        fv__partial_first_block(&p->bias.sizes, (int64_t)item);
    const int64_t end =
        fv__partial_first_block(&p->bias.sizes, (int64_t)item + 1);
    char *v = p->v_z_all + worker * p->v_z_bytes, *z = v + p->tile_row.bytes;
    char *du = p->du_all + item * p->du.bytes;

    /* The bias reads dy after the transform has brought it into a cache. */
    for (int64_t row = first; row < end; row++) {
        fv__winograd_tile_row_transform(p->kernels, &p->tiling, &p->tile_row,
                                        row, p->call->x, v);
        transform_dy(p, row, z);
        fv__partial_add_bias(&p->bias, (int64_t)item, row);
        for (size_t e = 0; e < (size_t)p->tiling.points; e++)
            multiply(p, e, row == first, v, z, du);
    }
}

/* The gradient of all filters for one channel, after all parts. */
static void channel_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const size_t channels = (size_t)p->tiling.subconv.channels;
    const size_t filters = (size_t)p->tiling.subconv.filters;
    const size_t phase_step = channels * p->du.row_step;
    char *du =
        fv__slot(p->du_all, (ptrdiff_t)(item * p->du.row_step), p->element);

    (void)worker;
    fv__winograd_reduce_parts(p->kernels, p->tiling.in_scheme, &p->du, p->parts,
                              filters, phase_step, du);
    p->kernels->winograd_filter_grad(
        p->tiling.scheme, filters,
        &(fv__transformed_tile){ du, p->du.point_step, phase_step },
        fv__slot(p->gradients, (ptrdiff_t)(item * filters), p->element),
        channels * filters, false);
}

/* Transposes [tap][channel][filter] to [filter][tap][channel]. */
static void transpose_gradient(const plan *p)
{
    const size_t filters = (size_t)p->tiling.subconv.filters;
    const fv__conv_call *call = p->call;
    char *transposed = p->gradients + p->gradient_bytes;

    p->kernels->transpose(p->weights, filters, p->gradients, filters,
                          call->overwrite ? call->dweight : transposed,
                          p->weights, p->weights);
    if (!call->overwrite)
        p->kernels->axpy(p->weights * filters, 1, transposed, call->dweight);
}

void fv__winograd_small_channels_weight_grad(const fv__conv_call *call,
                                             const fv__winograd_tiling *w)
{
    plan p = plan_of(fv__conv_target_of(call->context), call->geometry, w);
    const fv__subconv *s = &w->subconv;

    p.call = call;
    p.zeros = (char *)call->scratch + p.bias.bytes;
    p.du_all = p.zeros + p.zeros_bytes;
    p.gradients = p.du_all + (size_t)p.parts * p.du.bytes;
    p.v_z_all = p.gradients + 2 * p.gradient_bytes;
    p.kernels->fill((size_t)s->filters, 0, p.zeros);
    fv__partials_begin(&p.bias, call);
    fv__parallel(call->context, (size_t)p.parts,
                 (double)(w->all_tiles * w->macs * s->channels)
                     * (double)s->filters,
                 part_item, &p);
    fv__parallel(call->context, (size_t)s->channels,
                 (double)(w->macs * s->channels)
                     * (double)(s->filters * p.parts),
                 channel_item, &p);
    transpose_gradient(&p);
    fv__partials_reduce(&p.bias);
}
