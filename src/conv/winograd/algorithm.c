/* Winograd's convolution: the forward pass and the input gradient, in three
 * steps for each block of tiles: the input transform V = B^T d B, the product
 * M = V U at each point, and the output transform Y = A^T M A. */
#include "conv/winograd/winograd.h"

#include <string.h>

/* ---- the plan ----------------------------------------------------------- */

/* From SHARED_TILES tiles in the batch on, a work item does all three steps for
 * a block of BLOCK_TILES tiles (of F(4, 3); of other schemes, as many as give
 * the same number of values), BLOCK_FILTERS filters at a time. The block is
 * large enough for its products to hide the time to read U once, and small
 * enough for V and M to stay in the second-level cache. The number of blocks is
 * made even, so that two threads get as many.
 *
 * With fewer tiles the input of all of them is transformed first, and a work
 * item does the other two steps for SHARED_FILTERS filters of a block of
 * SHARED_BLOCK_TILES tiles. These constants divide outputs and decide no sum;
 * they were tuned by measurement. */
enum { BLOCK_TILES = 48, BLOCK_FILTERS = 64 };
enum { SHARED_TILES = 192, SHARED_BLOCK_TILES = 96, SHARED_FILTERS = 32 };
/* An input gradient with a single block of tiles, whose chains are not cut,
 * transforms its weights right before their product instead of packing them,
 * since they change before the next call: FUSED_CHANNELS channels at a time,
 * which resume the chains of the channels before them. */
enum { FUSED_CHANNELS = 64 };

typedef struct plan {
    const fv__kernels *kernels;
    size_t element;
    fv__winograd_tiling tiling;
    fv__winograd_tile_row tile_row; /* 0 rows: channels are not few */
    bool shared_input;              /* V of all tiles is made first */
    int64_t block_tiles, blocks;
    int64_t block_filters, filter_blocks;
    size_t u_point_step;  /* elements of packed weights from point to point */
    size_t u_bytes;       /* of packed weights of a group; 0: not packed */
    fv__point_matrices v; /* [tile][phase][channel] of a block or of all */
    fv__point_matrices m; /* [tile][phase][filter] of a block */
    fv__point_matrices u; /* fused filter transform: weights of a worker */
    size_t zeros_bytes;   /* of a pixel outside the image */
    const fv__conv_call *call;
    bool backward_data;
    bool nontemporal; /* outputs are stored without caching */
    int64_t group;
    const char *in;
    char *out, *packed, *scratch;
} plan;

/* `filters` rounded up to whole panels. */
static int64_t panel_lanes(const plan *p, int64_t filters)
{
    return (int64_t)fv__panels(p->kernels, (size_t)filters) * p->kernels->nr;
}

static plan plan_of(fv__conv_target target, const fv__geometry *g,
                    fv__direction direction)
{
    plan p = {
        .kernels = target.kernels,
        .element = fv__element(target.kernels),
        .tiling = fv__winograd_tiling_of(g, direction),
        .backward_data = direction == FV__BACKWARD_DATA,
    };
    const fv__winograd_tiling *w = &p.tiling;
    const fv__subconv *s = &w->subconv;
    const size_t line = 64 / p.element;
    const int64_t in_phases = fv__scheme_phases(w->in_scheme);
    const int64_t out_phases = fv__scheme_phases(w->out_scheme);
    int64_t tiles;

    p.tile_row = fv__winograd_tile_row_of(p.element, w);
    p.shared_input = !p.tile_row.rows && w->all_tiles < SHARED_TILES;
    tiles = p.shared_input ? SHARED_BLOCK_TILES * 36 / w->points
                           : BLOCK_TILES * 36 / w->macs;
    p.block_filters =
        fv__min(s->filters, p.shared_input ? SHARED_FILTERS : BLOCK_FILTERS);
    p.filter_blocks = fv__divide_up(s->filters, p.block_filters);
    p.blocks = fv__divide_up(w->all_tiles, tiles);
    if (!p.shared_input) p.blocks += p.blocks % 2;
    p.block_tiles =
        fv__max(1, fv__divide_up(w->all_tiles, fv__max(p.blocks, 1)));
    p.blocks = fv__divide_up(w->all_tiles, p.block_tiles);
    p.v = fv__point_matrices_of(p.element, w->points,
                                p.shared_input ? w->all_tiles : p.block_tiles,
                                in_phases * s->channels);
    p.m = fv__point_matrices_of(p.element, w->points, p.block_tiles,
                                out_phases * p.block_filters);
    p.zeros_bytes = fv__align((size_t)s->channels * p.element);
    if (p.backward_data && p.shared_input && p.blocks <= 1
        && !fv__chain_is_cut((fv__chain){ 1, 1, s->channels })) {
        p.u = fv__point_matrices_of(p.element, w->points, 1,
                                    fv__min(FUSED_CHANNELS, s->channels)
                                        * out_phases
                                        * panel_lanes(&p, p.block_filters));
        return p;
    }
    p.u_point_step = (size_t)(panel_lanes(&p, s->filters) * s->channels
                              * in_phases * out_phases)
                     + line;
    p.u_bytes = fv__align(p.u_point_step * (size_t)w->points * p.element);
    return p;
}

/* ---- weights ------------------------------------------------------------ */

/* U of some filters and channels: [point][output phase][panel][depth][nr],
 * where depth counts the phases and channels of the input. */
typedef struct weight_panels {
    fv__transformed_tile u;
    int64_t depth;
    int64_t filters, first_channel, channels;
} weight_panels;

/* The panel of a filter at a point and an output phase. */
static fv__transformed_tile panel_at(const plan *p, const weight_panels *b,
                                     size_t point, int64_t out_phase,
                                     int64_t filter)
{
    fv__transformed_tile panel = b->u;

    panel.values = fv__slot(panel.values,
                            (ptrdiff_t)(point * panel.point_step
                                        + (size_t)out_phase * panel.phase_step
                                        + (size_t)(filter * b->depth)),
                            p->element);
    return panel;
}

/* Elements of U from phase to phase: of the output in the input gradient, each
 * phase having panels of its own; else of the input, within a panel. */
static size_t phase_step(const plan *p, int64_t filters, int64_t channels)
{
    const int64_t lanes =
        p->backward_data ? panel_lanes(p, filters) : p->kernels->nr;

    return (size_t)(channels * lanes);
}

/* All packed weights of a group. */
static weight_panels packed_weights(const plan *p, int64_t group)
{
    const fv__subconv *s = &p->tiling.subconv;

    return (weight_panels){
        .u = { p->packed + (size_t)group * p->u_bytes, p->u_point_step,
               phase_step(p, s->filters, s->channels) },
        .depth = fv__scheme_phases(p->tiling.in_scheme) * s->channels,
        .filters = s->filters,
        .channels = s->channels
    };
}

static void pack_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__subconv *s = &p->tiling.subconv;
    const size_t panels = fv__panels(p->kernels, (size_t)s->filters);
    const fv__winograd_panel panel = { (int64_t)(item / panels),
                                       (int64_t)(item % panels), 0,
                                       s->channels };
    const weight_panels b = packed_weights(p, panel.group);

    (void)worker;
    fv__winograd_transform_filters(
        p->kernels, &p->tiling, p->call->weight, &panel,
        panel_at(p, &b, 0, 0, panel.panel * p->kernels->nr));
}

static size_t packed(fv__conv_target target, const fv__geometry *g,
                     fv__direction direction)
{
    const plan p = plan_of(target, g, direction);
    size_t all;

    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    return fv__multiply(p.u_bytes, (size_t)g->groups, &all) ? all : SIZE_MAX;
}

static void pack(const fv__conv_call *call, fv__direction direction)
{
    plan p =
        plan_of(fv__conv_target_of(call->context), call->geometry, direction);
    const fv__subconv *s = &p.tiling.subconv;

    if (!p.u_bytes) return;
    p.call = call;
    p.packed = call->packed;
    fv__parallel(call->context,
                 (size_t)s->groups * fv__panels(p.kernels, (size_t)s->filters),
                 (double)(s->groups * s->channels * s->filters)
                     * (double)p.tiling.macs,
                 pack_item, &p);
}

/* ---- the input transform ------------------------------------------------ */

static void input_pixels(const plan *p, int64_t tile, const void **pixels)
{
    fv__winograd_input_pixels(&p->tiling, p->group, tile, p->in, p->scratch,
                              p->element, pixels);
}

/* V of `count` tiles. The pixels of a tile are prefetched while the one before
 * it is transformed. */
static void transform_input(const plan *p, int64_t tile, int64_t count, char *v)
{
    const fv__winograd_tiling *w = &p->tiling;
    const size_t channels = (size_t)w->subconv.channels;
    const void *pixels[2][FV__WINOGRAD_INPUTS];

    input_pixels(p, tile, pixels[0]);
    for (int64_t i = 0; i < count; i++) {
        if (i + 1 < count) {
            input_pixels(p, tile + i + 1, pixels[(i + 1) % 2]);
            fv__winograd_prefetch(pixels[(i + 1) % 2], w->in_side,
                                  w->in_side - w->in_step,
                                  channels * p->element);
        }
        p->kernels->winograd_input(
            w->in_scheme, channels, pixels[i % 2],
            &(fv__transformed_tile){
                fv__slot(v, (ptrdiff_t)((size_t)i * p->v.row_step), p->element),
                p->v.point_step, channels });
    }
}

/* ---- the products ------------------------------------------------------- */

/* Of the `calls` microkernel calls that read a panel of weights, call i
 * prefetches its share of the next panel. */
static void prefetch_next(const plan *p, fv__tile *t, const char *next,
                          size_t i, size_t calls)
{
    const size_t bytes = (size_t)p->kernels->nr * t->k * p->element;
    const size_t lines = (bytes + 63) / 64;

    t->next_step = (lines + calls * t->k - 1) / (calls * t->k) * 64;
    const size_t at = i * t->k * t->next_step;
    t->next = next && at < bytes ? next + at : NULL;
}

/* `rows` rows of V times n columns of one block of depth of a panel. */
static void multiply_block(const plan *p, size_t n, size_t rows, fv__tile t,
                           const char *next)
{
    const size_t mr = (size_t)p->kernels->mr, calls = (rows + mr - 1) / mr;

    for (size_t i = 0, m, call = 0; i < rows; i += m) {
        m = fv__tile_height(rows - i, mr);
        prefetch_next(p, &t, next, call++, calls);
        p->kernels->microkernel(m, n, &t);
        t.a = fv__at(t.a, (ptrdiff_t)(m * t.a_row), p->element);
        t.c = fv__slot(t.c, (ptrdiff_t)(m * t.c_row), p->element);
    }
}

/* The same for a whole panel, whose chains of k terms are cut into blocks. */
static void multiply_panel(const plan *p, size_t n, size_t rows, int64_t k,
                           fv__tile t, const char *next)
{
    const fv__chain chain = { 1, 1, k };
    const void *const a = t.a, *const b = t.b;

    for (int64_t at = 0; at < k; at += (int64_t)t.k) {
        const int64_t weights = at * p->kernels->nr;

        t.k = (size_t)fv__chain_block(chain, at);
        t.a = fv__at(a, at, p->element);
        t.b = fv__at(b, weights, p->element);
        if (at) t.accumulation = FV__ACCUMULATE;
        multiply_block(p, n, rows, t,
                       next ? fv__at(next, weights, p->element) : NULL);
    }
}

/* A panel of U by its point, output phase and first filter. */
typedef struct panel_index {
    size_t point;
    int64_t phase, filter;
} panel_index;

/* Goes on to the next panel in memory; false: there is none. */
static bool next_panel(const plan *p, const weight_panels *b, panel_index *at)
{
    at->filter += p->kernels->nr;
    if (at->filter < b->filters) return true;
    at->filter = 0;
    if (++at->phase < fv__scheme_phases_at(p->tiling.out_scheme, at->point))
        return true;
    at->phase = 0;
    return ++at->point < (size_t)p->tiling.points;
}

/* M = V U for `rows` tiles at all points. If the channels of U are not the
 * first, M resumes the chains of those before them. */
static void multiply(const plan *p, const weight_panels *b, int64_t rows,
                     char *v, char *m)
{
    const int64_t nr = p->kernels->nr;
    fv__tile t = { .a_row = p->v.row_step,
                   .a_step = 1,
                   .b_step = (size_t)nr,
                   .c_row = p->m.row_step,
                   .segments = 1,
                   .accumulation = b->first_channel ? FV__RESUME : FV__STORE };
    panel_index at = { 0 }, next = at;

    for (bool more = true; more; at = next) {
        more = next_panel(p, b, &next);
        t.a = fv__at(
            v,
            (ptrdiff_t)(at.point * p->v.point_step + (size_t)b->first_channel),
            p->element);
        t.b = panel_at(p, b, at.point, at.phase, at.filter).values;
        t.c = fv__slot(
            m,
            (ptrdiff_t)(at.point * p->m.point_step
                        + (size_t)(at.phase * p->block_filters + at.filter)),
            p->element);
        multiply_panel(
            p, (size_t)fv__min(b->filters - at.filter, nr), (size_t)rows,
            fv__scheme_phases_at(p->tiling.in_scheme, at.point) * b->channels,
            t,
            more ? panel_at(p, b, next.point, next.phase, next.filter).values
                 : NULL);
    }
}

/* M of filters [first, first + n), by packed weights. */
static void multiply_packed(const plan *p, int64_t first, int64_t n,
                            int64_t rows, char *v, char *m)
{
    weight_panels b = packed_weights(p, p->group);

    b.u = panel_at(p, &b, 0, 0, first);
    b.filters = n;
    multiply(p, &b, rows, v, m);
}

/* The same by weights that are transformed to `u` first. */
static void transform_and_multiply(const plan *p, int64_t first, int64_t n,
                                   int64_t rows, char *v, char *m, char *u)
{
    const int64_t nr = p->kernels->nr, channels = p->tiling.subconv.channels;

    for (int64_t c = 0; c < channels; c += FUSED_CHANNELS) {
        const int64_t count = fv__min(FUSED_CHANNELS, channels - c);
        const weight_panels b = { .u = { u, p->u.point_step,
                                         phase_step(p, n, count) },
                                  .depth = count,
                                  .filters = n,
                                  .first_channel = c,
                                  .channels = count };

        for (int64_t j = 0; j < n; j += nr)
            fv__winograd_transform_filters(
                p->kernels, &p->tiling, p->call->weight,
                &(fv__winograd_panel){ p->group, (first + j) / nr, c, count },
                panel_at(p, &b, 0, 0, j));
        multiply(p, &b, rows, v, m);
    }
}

/* ---- the output transform ----------------------------------------------- */

/* The operands of the output transform that all tiles share; `filter` is the
 * first filter, counted over all groups. */
static fv__winograd_output output_of(const plan *p, int64_t filter,
                                     fv__epilogue *epilogue)
{
    const fv__subconv *s = &p->tiling.subconv;
    fv__winograd_output o = {
        .products = { .point_step = p->m.point_step,
                      .phase_step = (size_t)p->block_filters },
        .out_row = (size_t)s->out_row,
        .out_pixel = (size_t)s->out_pixel,
        .accumulate = p->backward_data && !p->call->overwrite
    };

    *epilogue = fv__conv_epilogue(p->call, p->backward_data ? FV__BACKWARD_DATA
                                                            : FV__FORWARD);
    if (p->nontemporal || epilogue->bias || epilogue->residual
        || epilogue->clamp)
        o.epilogue = epilogue;
    epilogue->nontemporal = p->nontemporal;
    if (epilogue->bias)
        epilogue->bias = fv__at(epilogue->bias, filter, p->element);
    return o;
}

/* Sets the operands that depend on the tile. */
static void set_tile(const plan *p, int64_t tile, int64_t filter,
                     fv__winograd_output *o, fv__epilogue *epilogue)
{
    const fv__winograd_tiling *w = &p->tiling;
    const fv__subconv *s = &w->subconv;

    const fv__pixel at = fv__winograd_tile_output(w, tile);
    const int64_t row = fv__max(at.row, 0), column = fv__max(at.column, 0);
    const size_t to =
        (size_t)(s->out_at + at.image * s->out_image + row * s->out_row
                 + column * s->out_pixel + filter);

    o->out = fv__slot(p->out, (ptrdiff_t)to, p->element);
    o->first[0] = (size_t)(row - at.row);
    o->first[1] = (size_t)(column - at.column);
    o->end[0] = (size_t)fv__min(w->out_step, s->out[0] - at.row);
    o->end[1] = (size_t)(s->out[1] - at.column);
    if (epilogue->residual)
        epilogue->residual =
            fv__at(p->call->epilogue.residual, (ptrdiff_t)to, p->element);
}

/* Outputs of filters [first, first + n) of `count` tiles. */
static void transform_output(const plan *p, int64_t first, int64_t n,
                             int64_t tile, int64_t count, char *m)
{
    const int64_t filter = p->group * p->tiling.subconv.filters + first;
    fv__epilogue epilogue;
    fv__winograd_output o = output_of(p, filter, &epilogue);

    for (int64_t i = 0; i < count; i++) {
        o.products.values =
            fv__slot(m, (ptrdiff_t)((size_t)i * p->m.row_step), p->element);
        set_tile(p, tile + i, filter, &o, &epilogue);
        p->kernels->winograd_output(p->tiling.out_scheme, (size_t)n, &o);
    }
    if (p->nontemporal) p->kernels->store_fence();
}

/* ---- work items --------------------------------------------------------- */

/* All three steps for a block of tiles. */
static void block_item(void *argument, size_t item, size_t worker)
{
    plan p = *(const plan *)argument;
    const int64_t tile = (int64_t)item * p.block_tiles;
    const int64_t count = fv__min(p.block_tiles, p.tiling.all_tiles - tile);
    const int64_t filters = p.tiling.subconv.filters;
    char *v = p.scratch + p.zeros_bytes + worker * (p.v.bytes + p.m.bytes);
    char *m = v + p.v.bytes;

    for (p.group = 0; p.group < p.tiling.subconv.groups; p.group++) {
        transform_input(&p, tile, count, v);
        for (int64_t first = 0; first < filters; first += p.block_filters) {
            const int64_t n = fv__min(p.block_filters, filters - first);

            multiply_packed(&p, first, n, count, v, m);
            transform_output(&p, first, n, tile, count, m);
        }
    }
}

/* A row of tiles with few channels, whose products and output transform are one
 * kernel. */
static void tile_row_item(void *argument, size_t row, size_t worker)
{
    const plan *p = argument;
    const fv__winograd_tile_row *r = &p->tile_row;
    const weight_panels b = packed_weights(p, 0);
    char *v = p->scratch + p->zeros_bytes + worker * r->bytes;
    fv__epilogue epilogue;
    fv__winograd_small_channels t = { .v = v,
                                      .u = b.u.values,
                                      .v_point = r->point_step,
                                      .v_depth = r->channel_step,
                                      .u_point = b.u.point_step,
                                      .u_panel =
                                          (size_t)(b.depth * p->kernels->nr),
                                      .channels = (size_t)b.channels,
                                      .tiles = (size_t)r->tiles,
                                      .output = output_of(p, 0, &epilogue) };

    fv__winograd_tile_row_transform(p->kernels, &p->tiling, r, (int64_t)row,
                                    p->in, v);
    set_tile(p, (int64_t)row * r->tiles, 0, &t.output, &epilogue);
    p->kernels->winograd_small_channels(p->tiling.in_scheme, (size_t)b.filters,
                                        &t);
    if (p->nontemporal) p->kernels->store_fence();
}

/* V of one tile, for all workers. */
static void shared_input_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;

    (void)worker;
    transform_input(p, (int64_t)item, 1,
                    fv__slot(p->scratch + p->zeros_bytes,
                             (ptrdiff_t)(item * p->v.row_step), p->element));
}

/* Some filters of a block of tiles, from V of all tiles. */
static void shared_output_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const int64_t tile = (int64_t)item / p->filter_blocks * p->block_tiles;
    const int64_t first = (int64_t)item % p->filter_blocks * p->block_filters;
    const int64_t count = fv__min(p->block_tiles, p->tiling.all_tiles - tile);
    const int64_t n =
        fv__min(p->block_filters, p->tiling.subconv.filters - first);
    char *all_v = p->scratch + p->zeros_bytes;
    char *v =
        fv__slot(all_v, (ptrdiff_t)((size_t)tile * p->v.row_step), p->element);
    char *m = all_v + p->v.bytes + worker * (p->m.bytes + p->u.bytes);

    if (p->u.bytes)
        transform_and_multiply(p, first, n, count, v, m, m + p->m.bytes);
    else
        multiply_packed(p, first, n, count, v, m);
    transform_output(p, first, n, tile, count, m);
}

static void run_subconvolution(const fv__conv_call *call,
                               fv__direction direction)
{
    plan p =
        plan_of(fv__conv_target_of(call->context), call->geometry, direction);
    const fv__winograd_tiling *w = &p.tiling;
    const fv__subconv *s = &w->subconv;
    const double input_macs =
        (double)w->all_tiles * (double)w->macs * (double)s->channels;

    p.call = call;
    p.nontemporal = fv__conv_is_nontemporal(call, direction);
    p.in = p.backward_data ? call->dy : call->x;
    p.out = p.backward_data ? call->dx : call->y;
    p.packed = call->packed;
    p.scratch = call->scratch;
    memset(p.scratch, 0, p.zeros_bytes);
    if (!p.shared_input) {
        fv__parallel(call->context,
                     (size_t)(p.tile_row.rows ? p.tile_row.rows : p.blocks),
                     input_macs * (double)(s->filters * s->groups),
                     p.tile_row.rows ? tile_row_item : block_item, &p);
        return;
    }
    for (p.group = 0; p.group < s->groups; p.group++) {
        fv__parallel(call->context, (size_t)w->all_tiles,
                     FV__WINOGRAD_TRANSFORM_COST * input_macs,
                     shared_input_item, &p);
        fv__parallel(call->context, (size_t)(p.blocks * p.filter_blocks),
                     input_macs * (double)s->filters, shared_output_item, &p);
    }
}

/* ---- the algorithm ------------------------------------------------------ */

static int64_t macs(const fv__geometry *g, fv__direction direction)
{
    const fv__winograd_tiling w = fv__winograd_tiling_of(g, direction);
    const int64_t factors[] = { w.all_tiles, w.macs, w.subconv.groups,
                                w.subconv.channels, w.subconv.filters };

    return fv__saturated_product(sizeof factors / sizeof *factors, factors);
}

static size_t scratch(fv__conv_target target, const fv__geometry *g,
                      fv__direction direction)
{
    const plan p = plan_of(target, g, direction);
    const size_t worker =
        p.tile_row.rows
            ? p.tile_row.bytes
            : p.m.bytes + p.u.bytes + (p.shared_input ? 0 : p.v.bytes);
    size_t all;

    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__winograd_weight_grad_scratch(target, g);
    if (!fv__multiply(worker, (size_t)target.threads, &all)
        || !fv__add(all, p.zeros_bytes + (p.shared_input ? p.v.bytes : 0),
                    &all))
        return SIZE_MAX;
    return all;
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    if (call->geometry->batch == 0) return;
    if (direction == FV__BACKWARD_WEIGHTS)
        fv__winograd_weight_grad(call);
    else
        run_subconvolution(call, direction);
}

const fv__conv_algorithm fv__conv_winograd = {
    .name = "winograd",
    .applicable = fv__winograd_applies,
    .packed = packed,
    .scratch = scratch,
    .cost = fv__winograd_cost,
    .macs = macs,
    .pack = pack,
    .run = run,
};
