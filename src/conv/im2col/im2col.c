/* Convolution as matrix products over blocks of the column matrix. */
#include "conv/shared.h"

#include <string.h>

/* Elements of a worker's column matrix, and columns of one piece of that of the
 * weight gradient. They cut outputs only. */
enum { COLUMN_ELEMENTS = 1 << 16, SLAB_COLUMNS = 512 };

static size_t bytes(size_t element, int64_t rows, int64_t columns)
{
    return fv__align((size_t)rows * (size_t)columns * element);
}

/* ---- a sweep: the forward pass, or a phase of the input gradient --------- */

typedef struct sweep_plan {
    const fv__kernels *kernels;
    fv__subconv subconv;
    size_t element;
    bool aliases;         /* rows of the column matrix are pixels */
    int64_t span, pixels; /* columns of the matrix; rows in all */
    int64_t rows, items;  /* rows of an item */
    size_t pack_bytes;    /* packed weights of a group */
    size_t worker;        /* bytes of scratch of a worker */
    const fv__conv_call *call;
    const void *in;
    void *out;
    bool data, add; /* an input gradient; adds to what is in out */
    char *packed, *scratch;
} sweep_plan;

static sweep_plan plan_sweep(const fv_context *context, const fv__geometry *g,
                             fv__direction direction, int64_t number)
{
    sweep_plan p = {
        .kernels = context->kernels,
        .subconv = fv__subconv_of(g, direction, number),
        .element = fv__element(context->kernels),
        .data = direction == FV__BACKWARD_DATA,
    };
    const fv__subconv *s = &p.subconv;

    p.aliases = fv__subconv_is_pointwise(s);
    p.span = s->taps[0] * s->taps[1] * s->channels;
    p.pixels = s->batch * s->out[0] * s->out[1];
    p.rows = fv__matrix_rows(COLUMN_ELEMENTS, fv__max(p.span, 1));
    p.items = fv__divide_up(p.pixels, p.rows);
    if (!p.aliases) p.worker = bytes(p.element, p.rows, p.span);
    p.pack_bytes =
        fv__gemm_packed(p.kernels, (size_t)s->filters, (size_t)p.span);
    return p;
}

static void pack_panel(void *argument, size_t item, size_t worker)
{
    const sweep_plan *p = argument;
    size_t panels = fv__panels(p->kernels, (size_t)p->subconv.filters);
    size_t group = item / panels, panel = item % panels;

    (void)worker;
    fv__subconv_pack(p->kernels, &p->subconv, (int64_t)group, (int64_t)panel,
                     p->call->weight, p->packed + group * p->pack_bytes);
}

/* Of the forward pass, where a filter is a row of a matrix, and where they are
 * there besides being packed; else NULL. */
static const void *weights_of(const sweep_plan *p, int64_t group)
{
    if (p->data || !p->call->weight) return NULL;
    return fv__at(p->call->weight, group * p->subconv.weight_group, p->element);
}

/* The products of `count` pixels from `pixel` on; those of one row of the image
 * lie at equal distances. */
static void multiply(const sweep_plan *p, int64_t group, int64_t pixel,
                     int64_t count, const char *a, int64_t a_row)
{
    const fv__subconv *s = &p->subconv;
    bool even = s->out_row == s->out[1] * s->out_pixel
                && s->out_image == s->out[0] * s->out_row;
    int64_t end = pixel + count;

    while (pixel < end) {
        fv__pixel at = fv__pixel_at(s->out, pixel);
        int64_t m =
            even ? end - pixel : fv__min(end - pixel, s->out[1] - at.column);
        int64_t to = s->out_at + at.image * s->out_image + at.row * s->out_row
                     + at.column * s->out_pixel + group * s->filters;
        const fv__gemm product = { .m = (size_t)m,
                                   .n = (size_t)s->filters,
                                   .k = (size_t)p->span,
                                   .a = a,
                                   .a_row = (size_t)a_row,
                                   .b = weights_of(p, group),
                                   .b_row = (size_t)s->weight_filter,
                                   .b_transposed = true,
                                   .c = fv__slot(p->out, to, p->element),
                                   .c_row = (size_t)s->out_pixel,
                                   .accumulate = p->add };

        fv__gemm_run(p->kernels, &product, fv__subconv_chain(s),
                     p->packed + (size_t)group * p->pack_bytes);
        pixel += m;
        a += (size_t)(m * a_row) * p->element;
    }
}

static void sweep_item(void *argument, size_t item, size_t worker)
{
    const sweep_plan *p = argument;
    const fv__subconv *s = &p->subconv;
    int64_t pixel = (int64_t)item * p->rows;
    int64_t count = fv__min(p->rows, p->pixels - pixel);
    void *matrix = p->scratch + worker * p->worker;

    for (int64_t group = 0; group < s->groups; group++) {
        const fv__im2col_matrix columns = {
            s, p->element, group, 0, s->taps[0] * s->taps[1], pixel, count
        };

        if (p->aliases) {
            int64_t at = pixel * s->in_pixel + group * s->channels;

            multiply(p, group, pixel, count, fv__at(p->in, at, p->element),
                     s->in_pixel);
        } else {
            if (p->span) fv__im2col_gather(&columns, p->in, matrix);
            multiply(p, group, pixel, count, matrix, p->span);
        }
    }
    if (!p->data) fv__conv_apply_epilogue(p->call, pixel, count);
}

static size_t packed(const fv_context *context, const fv__geometry *g,
                     fv__direction direction)
{
    size_t all = 0;

    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const sweep_plan p = plan_sweep(context, g, direction, i);
        size_t bytes_needed;

        if (!fv__multiply(p.pack_bytes, (size_t)g->groups, &bytes_needed)
            || !fv__add(all, bytes_needed, &all))
            return SIZE_MAX;
    }
    return all;
}

static void pack(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        sweep_plan p = plan_sweep(call->context, g, direction, i);
        size_t panels = fv__panels(p.kernels, (size_t)p.subconv.filters);

        p.call = call;
        p.packed = at;
        fv__parallel(call->context, (size_t)g->groups * panels,
                     (double)(g->groups * p.subconv.filters) * (double)p.span,
                     pack_panel, &p);
        at += p.pack_bytes * (size_t)g->groups;
    }
}

static void run_sweeps(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        sweep_plan p = plan_sweep(call->context, g, direction, i);

        p.call = call;
        p.packed = at;
        p.scratch = call->scratch;
        p.in = p.data ? call->dy : call->x;
        p.out = p.data ? call->dx : call->y;
        p.add = p.data && !call->overwrite;
        fv__parallel(call->context, (size_t)p.items,
                     (double)p.pixels * (double)p.span
                         * (double)p.subconv.filters * (double)g->groups,
                     sweep_item, &p);
        at += p.pack_bytes * (size_t)g->groups;
    }
}

/* ---- weight gradient ---------------------------------------------------- */

/* They cut outputs only. Items that any number of threads finds enough, and the
 * fewest filters that are worth a copy of their columns. */
enum { FEW_ITEMS = 4, FEW_FILTERS = 64 };

typedef struct plan {
    const fv__kernels *kernels;
    const fv__geometry *g;
    fv__subconv subconv; /* forward */
    fv__partials parts;
    size_t element;
    bool aliases;             /* rows of the column matrix are pixels of x */
    int64_t slab_taps, slabs; /* taps of one piece of the matrix */
    int64_t splits;           /* pieces of the filters */
    int64_t items;
    size_t worker; /* bytes of scratch */
    const fv__conv_call *call;
    char *scratch;
} plan;

static int64_t slab_taps(const fv__conv_sizes *s)
{
    return fv__min(s->taps, fv__max(1, SLAB_COLUMNS / s->channels));
}

int64_t fv__im2col_splits(const fv__geometry *g)
{
    const fv__conv_sizes s = fv__conv_sizes_of(g);
    const int64_t items =
        s.parts * g->groups * fv__divide_up(s.taps, slab_taps(&s));

    return fv__max(
        1, fv__min(fv__divide_up(FEW_ITEMS, items), s.filters / FEW_FILTERS));
}

/* An item is a part, a group, a slab of taps and, where these are few, some of
 * the filters. */
static plan plan_weights(const fv_context *context, const fv__geometry *g)
{
    plan p = {
        .kernels = context->kernels,
        .g = g,
        .subconv = fv__subconv_of(g, FV__FORWARD, 0),
        .parts = fv__partials_of(context->kernels, g),
        .element = fv__element(context->kernels),
    };
    const fv__conv_sizes *s = &p.parts.sizes;

    p.aliases = fv__subconv_is_pointwise(&p.subconv);
    p.slab_taps = slab_taps(s);
    p.slabs = fv__divide_up(s->taps, p.slab_taps);
    p.splits = fv__im2col_splits(g);
    p.items = s->parts * g->groups * p.slabs * p.splits;
    p.worker =
        fv__gemm_scratch(p.kernels, (size_t)s->filters,
                         (size_t)(p.slab_taps * s->channels), (size_t)s->block);
    if (!p.aliases)
        p.worker += bytes(p.element, s->block, p.slab_taps * s->channels);
    return p;
}

/* One block: filters x pixels times pixels x columns. */
static void block_product(const plan *p, const fv__im2col_matrix *columns,
                          int64_t split, char *scratch, void *sum,
                          bool accumulate)
{
    const fv__conv_sizes *s = &p->parts.sizes;
    const fv__geometry *g = p->g;
    int64_t group = columns->group, width = columns->taps * s->channels;
    const size_t filters = (size_t)s->filters, splits = (size_t)p->splits;
    int64_t filter = group * s->filters
                     + (int64_t)fv__even_at(filters, splits, (size_t)split);
    int64_t from = columns->pixel * g->filters + filter;
    int64_t x = columns->pixel * g->channels + group * s->channels;
    int64_t to = filter * s->span + columns->tap * s->channels;
    size_t matrix =
        p->aliases ? 0
                   : bytes(p->element, s->block, p->slab_taps * s->channels);
    fv__gemm product = {
        .m = fv__even(filters, splits, (size_t)split),
        .n = (size_t)width,
        .k = (size_t)columns->count,
        .a = fv__at(p->call->dy, from, p->element),
        .a_row = (size_t)g->filters,
        .a_transposed = true,
        .b = p->aliases ? fv__at(p->call->x, x, p->element) : scratch,
        .b_row = (size_t)(p->aliases ? g->channels : width),
        .c = fv__slot(sum, to, p->element),
        .c_row = (size_t)s->span,
        .accumulate = accumulate,
    };

    if (!p->aliases) fv__im2col_gather(columns, p->call->x, scratch);
    fv__gemm_one(p->kernels, &product, scratch + matrix);
}

static void weights(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__conv_sizes *s = &p->parts.sizes;
    int64_t split = (int64_t)item % p->splits, rest = (int64_t)item / p->splits;
    int64_t slab = rest % p->slabs;
    int64_t group = rest / p->slabs % p->g->groups;
    int64_t part = rest / p->slabs / p->g->groups;
    int64_t tap = slab * p->slab_taps;
    void *sum = fv__partial_weights(&p->parts, part);

    for (int64_t i = fv__partial_first_block(s, part);
         i < fv__partial_first_block(s, part + 1); i++) {
        const fv__im2col_matrix columns = {
            &p->subconv,
            p->element,
            group,
            tap,
            fv__min(p->slab_taps, s->taps - tap),
            i * s->block,
            fv__min(s->block, s->pixels - i * s->block)
        };

        if (split == 0 && slab == 0 && group == 0)
            fv__partial_add_bias(&p->parts, part, i);
        block_product(p, &columns, split,
                      p->scratch + p->parts.bytes + worker * p->worker, sum,
                      fv__partial_accumulation(&p->parts, part, i)
                          == FV__ACCUMULATE);
    }
}

static void run_weights(const fv__conv_call *call)
{
    plan p = plan_weights(call->context, call->geometry);

    p.call = call;
    p.scratch = call->scratch;
    fv__partials_begin(&p.parts, call);
    fv__parallel(call->context, (size_t)p.items,
                 (double)fv__geometry_macs(call->geometry), weights, &p);
    fv__partials_reduce(&p.parts);
}

/* ---- the algorithm ------------------------------------------------------ */

static bool applicable(const fv_context *context, const fv__geometry *g)
{
    const fv__conv_sizes s = fv__conv_sizes_of(g);
    const int64_t matrix[] = { fv__matrix_rows(COLUMN_ELEMENTS, s.span),
                               s.span };

    (void)context;
    return fv__product(2, matrix) >= 0;
}

static size_t needed(const fv_context *context, size_t shared, size_t worker)
{
    size_t all;

    if (!fv__multiply(worker, (size_t)context->threads, &all)
        || !fv__add(all, shared, &all))
        return SIZE_MAX;
    return all;
}

static size_t scratch(const fv_context *context, const fv__geometry *g,
                      fv__direction direction)
{
    size_t most = 0;

    if (direction == FV__BACKWARD_WEIGHTS) {
        plan p = plan_weights(context, g);

        return needed(context, p.parts.bytes, p.worker);
    }
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        sweep_plan p = plan_sweep(context, g, direction, i);
        size_t bytes_needed = needed(context, 0, p.worker);

        if (bytes_needed > most) most = bytes_needed;
    }
    return most;
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    if (call->geometry->batch == 0) return;
    if (direction == FV__BACKWARD_WEIGHTS)
        run_weights(call);
    else
        run_sweeps(call, direction);
}

const fv__conv_algorithm fv__conv_im2col = {
    .name = "im2col",
    .applicable = applicable,
    .cost = fv__im2col_cost,
    .plain = true,
    .by_phases = true,
    .packed = packed,
    .scratch = scratch,
    .pack = pack,
    .run = run,
};
