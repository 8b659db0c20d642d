/* Convolution as matrix products over blocks of the column matrix. */
#include "kernel/conv.h"

#include <string.h>

/* Elements of a worker's column matrix, and of the input of one item of the
 * input gradient. They cut outputs only. */
enum {
    COLUMN_ELEMENTS = 1 << 16,
    SCATTER_ELEMENTS = 1 << 15,
    INPUT_ELEMENTS = 1 << 13
};

/* Everything a direction needs to know, from shapes alone but for `threads`
 * and the table. */
typedef struct plan {
    fv__direction direction;
    const fv__kernels *kernels;
    const fv__geometry *g;
    fv__conv_sizes sizes;
    size_t element;
    bool aliases;            /* rows of the column matrix are pixels of x */
    int64_t rows, items;     /* output pixels or input rows of an item */
    int64_t packs, width, k; /* packed weights: [k x width] each */
    size_t pack_bytes;       /* of one of them */
    size_t shared, worker;   /* bytes of scratch */
    const fv__conv_call *call;
    char *scratch;
} plan;

static size_t bytes(const plan *p, int64_t rows, int64_t columns)
{
    return fv__align((size_t)rows * (size_t)columns * p->element);
}

static void plan_forward(plan *p)
{
    const fv__conv_sizes *s = &p->sizes;

    p->packs = p->g->groups;
    p->k = s->span;
    p->width = s->filters;
    p->rows = fv__conv_rows(COLUMN_ELEMENTS, s->span);
    p->items = fv__divide_up(s->pixels, p->rows);
    if (!p->aliases) p->worker = bytes(p, p->rows, s->span);
}

/* An item is a range of input rows of an image; for each kernel row, the output
 * rows that it takes there are multiplied and added. */
static void plan_data(plan *p)
{
    const fv__conv_sizes *s = &p->sizes;
    const fv__geometry *g = p->g;

    p->packs = g->groups * g->kernel[0];
    p->k = s->filters;
    p->width = g->kernel[1] * s->channels;
    if (p->aliases) {
        p->rows = fv__conv_rows(COLUMN_ELEMENTS, s->filters);
        p->items = fv__divide_up(s->pixels, p->rows);
        return;
    }
    p->rows = INPUT_ELEMENTS / fv__min(INPUT_ELEMENTS, g->in[1] * g->channels);
    p->rows = fv__min(p->rows, g->in[0]);
    p->items = g->batch * fv__divide_up(g->in[0], p->rows);
    p->worker = bytes(p, fv__conv_rows(SCATTER_ELEMENTS, p->width), p->width);
}

/* An item is a part, a group and a slab of taps. */
static void plan_weights(plan *p)
{
    const fv__conv_sizes *s = &p->sizes;
    int64_t columns = s->slab_taps * s->channels;

    p->items = s->parts * p->g->groups * s->slabs;
    p->shared = bytes(p, s->parts, s->span * p->g->filters)
                + bytes(p, s->parts, p->g->filters);
    p->worker = fv__gemm_scratch(p->kernels, (size_t)s->filters,
                                 (size_t)columns, (size_t)s->block);
    if (!p->aliases) p->worker += bytes(p, s->block, columns);
}

static plan plan_of(const fv_context *context, const fv__geometry *g,
                    fv__direction direction)
{
    plan p = {
        .direction = direction,
        .kernels = context->kernels,
        .g = g,
        .sizes = fv__conv_measure(g),
        .element = fv__element(context->kernels),
        .aliases = true,
    };

    for (int i = 0; i < 2; i++)
        if (g->kernel[i] != 1 || g->stride[i] != 1 || g->begin[i] || g->end[i])
            p.aliases = false;
    if (direction == FV__BACKWARD_WEIGHTS) {
        plan_weights(&p);
        return p;
    }
    if (direction == FV__FORWARD)
        plan_forward(&p);
    else
        plan_data(&p);
    p.pack_bytes = fv__gemm_packed(p.kernels, (size_t)p.width, (size_t)p.k);
    p.shared = p.pack_bytes * (size_t)p.packs;
    return p;
}

static fv__columns columns_of(const plan *p, int64_t group, int64_t tap,
                              int64_t taps, int64_t pixel, int64_t count)
{
    return (fv__columns){ p->g, p->element, group * p->sizes.channels,
                          tap,  taps,       pixel,
                          count };
}

/* ---- packed weights ----------------------------------------------------- */

/* Number `pack`: of a group, and for the input gradient of a kernel row too. */
static fv__gemm weights_at(const plan *p, int64_t pack)
{
    const fv__conv_sizes *s = &p->sizes;
    int64_t rows = p->packs / p->g->groups;
    int64_t at = pack / rows * s->filters * s->span + pack % rows * p->width;

    return (fv__gemm){
        .n = (size_t)p->width,
        .k = (size_t)p->k,
        .b = fv__at(p->call->weight, (size_t)at, p->element),
        .b_row = (size_t)s->span,
        .b_transposed = p->direction == FV__FORWARD,
    };
}

static void pack_panel(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    size_t panels = fv__panels(p->kernels, (size_t)p->width);
    size_t pack = item / panels, panel = item % panels;
    size_t at = panel * (size_t)p->kernels->nr * (size_t)p->k * p->element;
    fv__gemm product = weights_at(p, (int64_t)pack);

    (void)worker;
    fv__gemm_pack(p->kernels, &product, panel,
                  p->scratch + pack * p->pack_bytes + at);
}

static void pack_all(plan *p)
{
    size_t panels = fv__panels(p->kernels, (size_t)p->width);

    fv__parallel(p->call->context, (size_t)p->packs * panels,
                 (double)(p->packs * p->width) * (double)p->k, pack_panel, p);
}

/* ---- forward ------------------------------------------------------------ */

/* The bias is the last term of every sum: c starts with it. */
static void fill_bias(const plan *p, int64_t pixel, int64_t count)
{
    size_t filters = (size_t)p->g->filters;

    for (int64_t i = pixel; i < pixel + count; i++)
        memcpy(fv__slot(p->call->y, (size_t)i * filters, p->element),
               p->call->bias, filters * p->element);
}

static void forward(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__conv_sizes *s = &p->sizes;
    int64_t pixel = (int64_t)item * p->rows;
    int64_t count = fv__min(p->rows, s->pixels - pixel);
    void *matrix = p->scratch + p->shared + worker * p->worker;

    if (p->call->bias) fill_bias(p, pixel, count);
    for (int64_t group = 0; group < p->g->groups; group++) {
        fv__columns columns = columns_of(p, group, 0, s->taps, pixel, count);
        int64_t at = pixel * p->g->channels + columns.channel;
        int64_t to = pixel * p->g->filters + group * s->filters;
        fv__gemm product = weights_at(p, group);

        if (!p->aliases) fv__columns_gather(&columns, p->call->x, matrix);
        product.m = (size_t)count;
        product.a =
            p->aliases ? fv__at(p->call->x, (size_t)at, p->element) : matrix;
        product.a_row = (size_t)(p->aliases ? p->g->channels : s->span);
        product.c = fv__slot(p->call->y, (size_t)to, p->element);
        product.c_row = (size_t)p->g->filters;
        product.accumulate = p->call->bias != NULL;
        fv__gemm_run(p->kernels, &product,
                     p->scratch + (size_t)group * p->pack_bytes);
    }
}

/* ---- input gradient ----------------------------------------------------- */

/* Output pixels [pixel, pixel + count) times the weights of a pack. */
static fv__gemm data_product(const plan *p, int64_t pack, int64_t pixel,
                             int64_t count)
{
    int64_t group = pack / (p->packs / p->g->groups);
    int64_t at = pixel * p->g->filters + group * p->sizes.filters;
    fv__gemm product = weights_at(p, pack);

    product.m = (size_t)count;
    product.a = fv__at(p->call->dy, (size_t)at, p->element);
    product.a_row = (size_t)p->g->filters;
    return product;
}

static void data_aliased(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__conv_sizes *s = &p->sizes;
    int64_t pixel = (int64_t)item * p->rows;
    int64_t count = fv__min(p->rows, s->pixels - pixel);

    (void)worker;
    for (int64_t group = 0; group < p->g->groups; group++) {
        fv__gemm product = data_product(p, group, pixel, count);
        int64_t to = pixel * p->g->channels + group * s->channels;

        product.c = fv__slot(p->call->dx, (size_t)to, p->element);
        product.c_row = (size_t)p->g->channels;
        product.accumulate = true;
        fv__gemm_run(p->kernels, &product,
                     p->scratch + (size_t)group * p->pack_bytes);
    }
}

/* Output pixels of an image, [first, last), through one kernel row. Later
 * pixels meet an input element with earlier taps: they go first. */
static void data_pixels(const plan *p, int64_t pack, int64_t first,
                        int64_t last, void *matrix)
{
    const fv__geometry *g = p->g;
    int64_t most = fv__conv_rows(SCATTER_ELEMENTS, p->width);

    for (int64_t end = last; end > first; end -= most) {
        int64_t pixel = fv__max(first, end - most), count = end - pixel;
        fv__gemm product = data_product(p, pack, pixel, count);
        fv__columns columns = columns_of(p, pack / g->kernel[0],
                                         pack % g->kernel[0] * g->kernel[1],
                                         g->kernel[1], pixel, count);

        product.c = matrix;
        product.c_row = (size_t)p->width;
        fv__gemm_run(p->kernels, &product,
                     p->scratch + (size_t)pack * p->pack_bytes);
        fv__columns_scatter(&columns, p->kernels, matrix, p->call->dx);
    }
}

static void data(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__geometry *g = p->g;
    int64_t ranges = fv__divide_up(g->in[0], p->rows);
    int64_t image = (int64_t)item / ranges;
    int64_t top = (int64_t)item % ranges * p->rows;
    int64_t bottom = fv__min(top + p->rows, g->in[0]);
    void *matrix = p->scratch + p->shared + worker * p->worker;

    for (int64_t pack = 0; pack < p->packs; pack++) {
        int64_t shift = g->begin[0] - pack % g->kernel[0] * g->dilation[0];
        /* output rows i with top <= i stride - shift < bottom */
        int64_t first = fv__max(0, top + shift);
        int64_t last = fv__max(0, bottom + shift);

        first = fv__min(fv__divide_up(first, g->stride[0]), g->out[0]);
        last = fv__min(fv__divide_up(last, g->stride[0]), g->out[0]);
        data_pixels(p, pack, (image * g->out[0] + first) * g->out[1],
                    (image * g->out[0] + last) * g->out[1], matrix);
    }
}

/* ---- weight gradient ---------------------------------------------------- */

/* Where the sums of the parts of the bias gradient lie. */
static void *bias_sums(const plan *p, int64_t part)
{
    size_t weights = bytes(p, p->sizes.parts, p->sizes.span * p->g->filters);

    return p->scratch + weights + (size_t)(part * p->g->filters) * p->element;
}

static void part_bias(const plan *p, int64_t part)
{
    const fv__conv_sizes *s = &p->sizes;
    size_t filters = (size_t)p->g->filters;
    int64_t pixel = fv__conv_part(s, part) * s->block;
    int64_t last = fv__min(fv__conv_part(s, part + 1) * s->block, s->pixels);

    p->kernels->fill(filters, 0, bias_sums(p, part));
    p->kernels->column_sum(
        (size_t)(last - pixel), filters,
        fv__at(p->call->dy, (size_t)pixel * filters, p->element),
        bias_sums(p, part));
}

/* One block: filters x pixels times pixels x columns. */
static void block_product(const plan *p, const fv__columns *columns,
                          char *scratch, void *sum, bool accumulate)
{
    const fv__conv_sizes *s = &p->sizes;
    const fv__geometry *g = p->g;
    int64_t group = columns->channel / s->channels;
    int64_t width = columns->taps * s->channels;
    int64_t from = columns->pixel * g->filters + group * s->filters;
    int64_t x = columns->pixel * g->channels + columns->channel;
    int64_t to = group * s->filters * s->span + columns->tap * s->channels;
    size_t matrix =
        p->aliases ? 0 : bytes(p, s->block, s->slab_taps * s->channels);
    fv__gemm product = {
        .m = (size_t)s->filters,
        .n = (size_t)width,
        .k = (size_t)columns->count,
        .a = fv__at(p->call->dy, (size_t)from, p->element),
        .a_row = (size_t)g->filters,
        .a_transposed = true,
        .b = p->aliases ? fv__at(p->call->x, (size_t)x, p->element) : scratch,
        .b_row = (size_t)(p->aliases ? g->channels : width),
        .c = fv__slot(sum, (size_t)to, p->element),
        .c_row = (size_t)s->span,
        .accumulate = accumulate,
    };

    if (!p->aliases) fv__columns_gather(columns, p->call->x, scratch);
    fv__gemm_one(p->kernels, &product, scratch + matrix);
}

static void weights(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__conv_sizes *s = &p->sizes;
    int64_t slab = (int64_t)item % s->slabs;
    int64_t group = (int64_t)item / s->slabs % p->g->groups;
    int64_t part = (int64_t)item / s->slabs / p->g->groups;
    int64_t first = fv__conv_part(s, part), tap = slab * s->slab_taps;
    size_t at = (size_t)(part * s->span * p->g->filters);

    if (p->call->dbias && slab == 0 && group == 0) part_bias(p, part);
    for (int64_t i = first; i < fv__conv_part(s, part + 1); i++) {
        fv__columns columns = columns_of(
            p, group, tap, fv__min(s->slab_taps, s->taps - tap), i * s->block,
            fv__min(s->block, s->pixels - i * s->block));

        block_product(p, &columns, p->scratch + p->shared + worker * p->worker,
                      fv__slot(p->scratch, at, p->element), i > first);
    }
}

/* Sums of the parts, in order, and then into the gradient. */
static void add_parts(const plan *p, size_t n, size_t count, void *sums,
                      void *gradient)
{
    for (int64_t part = 1; part < p->sizes.parts; part++)
        p->kernels->axpy(count, 1, fv__at(sums, (size_t)part * n, p->element),
                         sums);
    p->kernels->axpy(count, 1, sums, gradient);
}

enum { ADD_ELEMENTS = 1 << 13 };

static void add_weights(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    size_t n = (size_t)(p->sizes.span * p->g->filters);
    size_t at = item * ADD_ELEMENTS;

    (void)worker;
    add_parts(p, n, n - at < ADD_ELEMENTS ? n - at : ADD_ELEMENTS,
              fv__slot(p->scratch, at, p->element),
              fv__slot(p->call->dweight, at, p->element));
}

/* ---- the algorithm ------------------------------------------------------ */

static bool applicable(const fv_context *context, const fv__geometry *g)
{
    const fv__conv_sizes s = fv__conv_measure(g);
    const int64_t matrix[] = { fv__conv_rows(COLUMN_ELEMENTS, s.span), s.span };

    (void)context;
    return fv__product(2, matrix) >= 0;
}

static size_t scratch(const fv_context *context, const fv__geometry *g,
                      fv__direction direction)
{
    const plan p = plan_of(context, g, direction);
    size_t all;

    if (!fv__multiply(p.worker, (size_t)context->threads, &all)
        || !fv__add(all, p.shared, &all))
        return SIZE_MAX;
    return all;
}

static void run_weights(plan *p, double cost)
{
    fv_context *context = p->call->context;
    size_t n = (size_t)(p->sizes.span * p->g->filters);

    fv__parallel(context, (size_t)p->items, cost, weights, p);
    fv__parallel(context, (n + ADD_ELEMENTS - 1) / ADD_ELEMENTS,
                 (double)n * (double)p->sizes.parts, add_weights, p);
    if (p->call->dbias) {
        size_t filters = (size_t)p->g->filters;

        add_parts(p, filters, filters, bias_sums(p, 0), p->call->dbias);
    }
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    plan p = plan_of(call->context, g, direction);
    double cost = (double)fv__geometry_macs(g);

    p.call = call;
    p.scratch = call->scratch;
    if (p.sizes.pixels == 0) return;
    if (direction == FV__BACKWARD_WEIGHTS) {
        run_weights(&p, cost);
        return;
    }
    pack_all(&p);
    fv__parallel(call->context, (size_t)p.items, cost,
                 direction == FV__FORWARD ? forward
                 : p.aliases              ? data_aliased
                                          : data,
                 &p);
}

const fv__conv_algorithm fv__conv_im2col = { "im2col", applicable, scratch,
                                             run };
