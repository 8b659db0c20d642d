/* Convolution as matrix products: a thread builds some rows of the column
 * matrix (output pixels x taps channels) and multiplies them by the packed
 * weights. A pointwise convolution multiplies the image itself. The weight
 * gradient is the transposed output gradient times the column matrix. */
#include "conv/im2col/im2col.h"

#include <string.h>

/* Elements of a thread's column matrix; tuned by measurement, changes the
 * speed, not the sums. */
enum { COLUMN_ELEMENTS = 1 << 16 };

static size_t matrix_bytes(size_t element, int64_t rows, int64_t columns)
{
    return fv__align((size_t)rows * (size_t)columns * element);
}

/* ---- a subconvolution: forward, or a phase of the input gradient --------- */

typedef struct subconv_plan {
    const fv__kernels *kernels;
    fv__subconv subconv;
    size_t element;
    bool pointwise;       /* the image itself is the column matrix */
    int64_t span, pixels; /* columns and rows of the whole matrix */
    int64_t rows, items;  /* rows of a work item; items */
    size_t pack_bytes;    /* packed weights of a group */
    size_t worker;        /* bytes of scratch of a thread */
    const fv__conv_call *call;
    const void *in;
    void *out;
    bool data, add; /* an input gradient; out is added to */
    char *packed, *scratch;
} subconv_plan;

static subconv_plan plan_subconv(fv__conv_target target, const fv__geometry *g,
                                 fv__direction direction, int64_t number)
{
    subconv_plan p = {
        .kernels = target.kernels,
        .subconv = fv__subconv_of(g, direction, number),
        .element = fv__element(target.kernels),
        .data = direction == FV__BACKWARD_DATA,
    };
    const fv__subconv *s = &p.subconv;

    p.pointwise = fv__subconv_is_pointwise(s);
    p.span = fv__subconv_taps(s) * s->channels;
    p.pixels = s->batch * fv__subconv_outputs(s);
    p.rows = fv__matrix_rows(COLUMN_ELEMENTS, fv__max(p.span, 1));
    p.items = fv__divide_up(p.pixels, p.rows);
    if (!p.pointwise) p.worker = matrix_bytes(p.element, p.rows, p.span);
    p.pack_bytes =
        fv__gemm_packed(p.kernels, (size_t)s->filters, (size_t)p.span);
    return p;
}

static void pack_panel(void *argument, size_t item, size_t worker)
{
    const subconv_plan *p = argument;
    size_t panels = fv__panels(p->kernels, (size_t)p->subconv.filters);
    size_t group = item / panels, panel = item % panels;

    (void)worker;
    fv__subconv_pack(p->kernels, &p->subconv, (int64_t)group, (int64_t)panel,
                     p->call->weight, p->packed + group * p->pack_bytes);
}

/* The weights of a group where they are a matrix of a row for each filter, as
 * CBLAS takes them: in the forward pass, unless only packed weights are left;
 * else NULL. */
static const void *weights_of(const subconv_plan *p, int64_t group)
{
    if (p->data || !p->call->weight) return NULL;
    return fv__at(p->call->weight, group * p->subconv.weight_group, p->element);
}

/* Multiplies rows [pixel, pixel + count) of the column matrix, at `a`, by the
 * weights of a group: in one product if all outputs lie at equal distances,
 * else in one for each output row. */
static void multiply(const subconv_plan *p, int64_t group, int64_t pixel,
                     int64_t count, const char *a, int64_t a_row)
{
    const fv__subconv *s = &p->subconv;
    bool equal_distances = s->out_row == s->out[1] * s->out_pixel
                           && s->out_plane == s->out[0] * s->out_row
                           && s->out_image == s->out[FV__DEPTH] * s->out_plane;
    int64_t end = pixel + count;

    while (pixel < end) {
        fv__pixel at = fv__pixel_at(s->out, pixel);
        int64_t m = equal_distances
                        ? end - pixel
                        : fv__min(end - pixel, s->out[1] - at.column);
        int64_t to = s->out_at + at.image / s->out[FV__DEPTH] * s->out_image
                     + at.image % s->out[FV__DEPTH] * s->out_plane
                     + at.row * s->out_row + at.column * s->out_pixel
                     + group * s->filters;
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

static void run_item(void *argument, size_t item, size_t worker)
{
    const subconv_plan *p = argument;
    const fv__subconv *s = &p->subconv;
    int64_t pixel = (int64_t)item * p->rows;
    int64_t count = fv__min(p->rows, p->pixels - pixel);
    void *matrix = p->scratch + worker * p->worker;

    for (int64_t group = 0; group < s->groups; group++) {
        const fv__im2col_matrix columns = { s,    p->element,          group,
                                            0,    fv__subconv_taps(s), pixel,
                                            count };

        if (p->pointwise) {
            int64_t at = pixel * s->in_pixel + group * s->channels;

            multiply(p, group, pixel, count, fv__at(p->in, at, p->element),
                     s->in_pixel);
        } else {
            if (p->span) fv__im2col_gather(&columns, p->in, matrix);
            multiply(p, group, pixel, count, matrix, p->span);
        }
    }
    if (!p->data) fv__conv_apply_epilogue(p->call, FV__FORWARD, pixel, count);
}

static size_t packed(fv__conv_target target, const fv__geometry *g,
                     fv__direction direction)
{
    size_t all = 0;

    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const subconv_plan p = plan_subconv(target, g, direction, i);
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
        subconv_plan p =
            plan_subconv(fv__conv_target_of(call->context), g, direction, i);
        size_t panels = fv__panels(p.kernels, (size_t)p.subconv.filters);

        p.call = call;
        p.packed = at;
        fv__parallel(call->context, (size_t)g->groups * panels,
                     (double)(g->groups * p.subconv.filters) * (double)p.span,
                     pack_panel, &p);
        at += p.pack_bytes * (size_t)g->groups;
    }
}

static void run_subconvs(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        subconv_plan p =
            plan_subconv(fv__conv_target_of(call->context), g, direction, i);

        p.call = call;
        p.packed = at;
        p.scratch = call->scratch;
        p.in = p.data ? call->dy : call->x;
        p.out = p.data ? call->dx : call->y;
        p.add = p.data && !call->overwrite;
        fv__parallel(call->context, (size_t)p.items,
                     (double)p.pixels * (double)p.span
                         * (double)p.subconv.filters * (double)g->groups,
                     run_item, &p);
        at += p.pack_bytes * (size_t)g->groups;
    }
    if (direction == FV__BACKWARD_DATA) fv__conv_finish_input_grad(call);
}

/* ---- weight gradient ---------------------------------------------------- */

typedef struct plan {
    const fv__kernels *kernels;
    const fv__geometry *g;
    fv__subconv subconv; /* forward */
    fv__partials parts;
    size_t element;
    bool pointwise;           /* the image itself is the column matrix */
    int64_t slab_taps, slabs; /* taps of a slab of columns; slabs */
    int64_t filter_blocks;    /* each builds the matrix again */
    int64_t items;
    size_t worker; /* bytes of scratch of a thread */
    const fv__conv_call *call;
    char *scratch;
} plan;

/* A work item is a part of the batch, a group, a slab of taps and, where these
 * are few, a block of filters. */
static plan plan_weights(fv__conv_target target, const fv__geometry *g)
{
    plan p = {
        .kernels = target.kernels,
        .g = g,
        .subconv = fv__subconv_of(g, FV__FORWARD, 0),
        .parts = fv__partials_of(target.kernels, g),
        .element = fv__element(target.kernels),
    };
    const fv__conv_sizes *s = &p.parts.sizes;

    p.pointwise = fv__subconv_is_pointwise(&p.subconv);
    p.slab_taps = fv__im2col_slab_taps(s);
    p.slabs = fv__divide_up(s->taps, p.slab_taps);
    p.filter_blocks = fv__im2col_filter_blocks(g);
    p.items = s->parts * g->groups * p.slabs * p.filter_blocks;
    p.worker =
        fv__gemm_scratch(p.kernels, (size_t)s->filters,
                         (size_t)(p.slab_taps * s->channels), (size_t)s->block);
    if (!p.pointwise)
        p.worker +=
            matrix_bytes(p.element, s->block, p.slab_taps * s->channels);
    return p;
}

/* Adds a block of pixels to the sum: [filters x pixels] [pixels x columns]. */
static void block_product(const plan *p, const fv__im2col_matrix *columns,
                          int64_t filter_block, char *scratch, void *sum,
                          bool accumulate)
{
    const fv__conv_sizes *s = &p->parts.sizes;
    const fv__geometry *g = p->g;
    int64_t group = columns->group, width = columns->taps * s->channels;
    const size_t filters = (size_t)s->filters,
                 blocks = (size_t)p->filter_blocks;
    int64_t filter =
        group * s->filters
        + (int64_t)fv__even_at(filters, blocks, (size_t)filter_block);
    int64_t from = columns->pixel * g->filters + filter;
    int64_t x = columns->pixel * g->channels + group * s->channels;
    int64_t to = filter * s->span + columns->tap * s->channels;
    size_t matrix = p->pointwise ? 0
                                 : matrix_bytes(p->element, s->block,
                                                p->slab_taps * s->channels);
    fv__gemm product = {
        .m = fv__even(filters, blocks, (size_t)filter_block),
        .n = (size_t)width,
        .k = (size_t)columns->count,
        .a = fv__at(p->call->dy, from, p->element),
        .a_row = (size_t)g->filters,
        .a_transposed = true,
        .b = p->pointwise ? fv__at(p->call->x, x, p->element) : scratch,
        .b_row = (size_t)(p->pointwise ? g->channels : width),
        .c = fv__slot(sum, to, p->element),
        .c_row = (size_t)s->span,
        .accumulate = accumulate,
    };

    if (!p->pointwise) fv__im2col_gather(columns, p->call->x, scratch);
    fv__gemm_one(p->kernels, &product, scratch + matrix);
}

static void weights(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__conv_sizes *s = &p->parts.sizes;
    int64_t filter_block = (int64_t)item % p->filter_blocks,
            rest = (int64_t)item / p->filter_blocks;
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

        if (filter_block == 0 && slab == 0 && group == 0)
            fv__partial_add_bias(&p->parts, part, i);
        block_product(p, &columns, filter_block,
                      p->scratch + p->parts.bytes + worker * p->worker, sum,
                      fv__partial_accumulation(&p->parts, part, i)
                          == FV__ACCUMULATE);
    }
}

static void run_weights(const fv__conv_call *call)
{
    plan p = plan_weights(fv__conv_target_of(call->context), call->geometry);

    p.call = call;
    p.scratch = call->scratch;
    fv__partials_begin(&p.parts, call);
    fv__parallel(call->context, (size_t)p.items,
                 (double)fv__geometry_macs(call->geometry), weights, &p);
    fv__partials_reduce(&p.parts);
}

/* ---- the algorithm ------------------------------------------------------ */

static bool applicable(const fv__geometry *g)
{
    const fv__conv_sizes s = fv__conv_sizes_of(g);
    const int64_t matrix[] = { fv__matrix_rows(COLUMN_ELEMENTS, s.span),
                               s.span };

    return fv__product(2, matrix) >= 0;
}

static size_t needed(fv__conv_target target, size_t shared, size_t worker)
{
    size_t all;

    if (!fv__multiply(worker, (size_t)target.threads, &all)
        || !fv__add(all, shared, &all))
        return SIZE_MAX;
    return all;
}

static size_t scratch(fv__conv_target target, const fv__geometry *g,
                      fv__direction direction)
{
    size_t most = 0;

    if (direction == FV__BACKWARD_WEIGHTS) {
        plan p = plan_weights(target, g);

        return needed(target, p.parts.bytes, p.worker);
    }
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        subconv_plan p = plan_subconv(target, g, direction, i);
        size_t bytes_needed = needed(target, 0, p.worker);

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
        run_subconvs(call, direction);
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
