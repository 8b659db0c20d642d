/* The input gradient by col2im. The product of the output's gradient [pixels x
 * filters] and the weights [filters x taps channels] is the column matrix: for
 * each output pixel, what each tap and channel contributes to the input. An
 * element of it is one chain of fma over filters. The rows of the matrix are
 * added to the input gradient in the order of output pixels, those outside the
 * image are skipped. So padding is not multiplied, and vectors run over taps
 * and channels together, which fills them where channels are few.
 *
 * With one input channel and column stride 1, the transposed matrix is computed
 * instead, [taps x pixels], and added along output rows, the last tap first: an
 * input then receives its contributions in the same order. */
#include "conv/shared.h"

/* Tuned by measurement; they change the speed, not the sums. Elements of a
 * thread's column matrix, which then stays in the second-level cache; and the
 * least height of a band of input rows, in heights of a window: each band
 * computes the output rows whose windows cross its border anew. */
enum { COLUMN_ELEMENTS = 1 << 14, BAND_WINDOWS = 8 };

typedef struct plan {
    const fv__kernels *kernels;
    const fv__geometry *g;
    fv__conv_sizes sizes;
    size_t element;
    bool merged;            /* taps of a kernel row are adjacent in the input */
    bool transposed;        /* the column matrix is [taps x pixels] */
    int64_t bands, rows;    /* bands of an image; input rows of a band */
    int64_t images;         /* images of a work item: 1 if there are bands */
    int64_t pixels;         /* output pixels of a column matrix */
    size_t columns, worker; /* bytes of a thread: of the matrix; of scratch */
    const fv__conv_call *call;
} plan;

/* A row of taps of one channel fills few lanes of a vector; a row of output
 * pixels whose inputs are adjacent fills them. */
static bool is_transposed(const fv__geometry *g)
{
    return g->channels == 1 && g->stride[1] == 1;
}

static size_t product_scratch(const plan *p)
{
    const size_t pixels = (size_t)p->pixels, span = (size_t)p->sizes.span;

    return fv__gemm_scratch(p->kernels, p->transposed ? span : pixels,
                            p->transposed ? pixels : span,
                            (size_t)p->sizes.filters);
}

static plan plan_of(fv__conv_target target, const fv__geometry *g)
{
    plan p = {
        .kernels = target.kernels,
        .g = g,
        .sizes = fv__conv_sizes_of(g),
        .element = fv__element(target.kernels),
        .merged = g->dilation[1] == 1 && g->groups == 1,
        .transposed = is_transposed(g),
    };
    const int64_t items = fv__max(g->batch * g->groups, 1);
    const int64_t window = (g->kernel[0] - 1) * g->dilation[0] + 1;
    const int64_t most = g->in[0] / (BAND_WINDOWS * window);

    p.bands = fv__max(1, fv__min(most, FV__FEW_ITEMS / items));
    p.rows = fv__divide_up(g->in[0], p.bands);
    p.bands = fv__divide_up(g->in[0], p.rows);
    const int64_t image = g->out[0] * g->out[1];
    const int64_t columns = fv__matrix_rows(COLUMN_ELEMENTS, p.sizes.span);

    p.images = fv__max(1, fv__min(columns / image, items / FV__FEW_ITEMS));
    if (p.bands > 1 || p.transposed) p.images = 1;
    p.pixels = fv__min(columns, p.images * image);
    if (p.transposed) p.pixels = fv__max(1, p.pixels / g->out[1]) * g->out[1];
    p.columns = fv__align((size_t)(p.pixels * p.sizes.span) * p.element);
    p.worker = p.columns + product_scratch(&p);
    return p;
}

/* ---- adding the column matrix to the input gradient --------------------- */

/* Input rows [first, last) of an image, channels of a group. */
typedef struct band {
    int64_t image, group, first, last;
    char *dx; /* the group's first channel of the image */
} band;

static void clear(const plan *p, const band *b)
{
    const fv__geometry *g = p->g;
    const int64_t from = b->first * g->in[1], to = b->last * g->in[1];
    const size_t channels = (size_t)p->sizes.channels;

    if (g->groups == 1) {
        p->kernels->fill(
            (size_t)(to - from) * channels, 0,
            fv__slot(b->dx, (ptrdiff_t)((size_t)from * channels), p->element));
        return;
    }
    for (int64_t i = from; i < to; i++)
        p->kernels->fill(channels, 0,
                         fv__slot(b->dx, i * g->channels, p->element));
}

/* Taps [low, high) of an axis that lie on inputs [first, last), where tap 0
 * lies on input `at`. */
typedef struct taps {
    int64_t low, high;
} taps;

static taps taps_of(const fv__geometry *g, int axis, int64_t at, int64_t first,
                    int64_t last)
{
    const int64_t step = g->dilation[axis], count = g->kernel[axis];

    if (at >= first && at + (count - 1) * step < last)
        return (taps){ 0, count };
    return (taps){ fv__divide_up(fv__max(first - at, 0), step),
                   fv__min(count, fv__divide_up(fv__max(last - at, 0), step)) };
}

/* Adds the matrix rows of output pixels [column, column + count) of output row
 * `row` to a band: a kernel row at a time if its taps are adjacent, else a tap
 * at a time. */
static void add_line(const plan *p, const band *b, int64_t row, int64_t column,
                     int64_t count, const char *columns)
{
    const fv__geometry *g = p->g;
    const size_t channels = (size_t)p->sizes.channels;
    const size_t pixel = (size_t)(g->dilation[1] * g->channels);
    const size_t x_row = (size_t)g->kernel[1] * channels;
    const size_t line = (size_t)(g->in[1] * g->channels);
    const size_t y_row = (size_t)g->dilation[0] * line;
    const int64_t top = row * g->stride[0] - g->begin[0];
    const taps r = taps_of(g, 0, top, b->first, b->last);
    const size_t first = (size_t)(top + r.low * g->dilation[0]) * line;
    const size_t size = p->element;

    if (r.low >= r.high) return;
    for (int64_t i = 0; i < count; i++) {
        const int64_t left = (column + i) * g->stride[1] - g->begin[1];
        const taps q = taps_of(g, 1, left, 0, g->in[1]);
        const int64_t width = q.high - q.low;
        const int64_t from =
            i * p->sizes.span
            + (r.low * g->kernel[1] + q.low) * p->sizes.channels;
        const int64_t to = left + q.low * g->dilation[1];
        const char *x = fv__at(columns, from, size);
        char *y = fv__slot(
            b->dx, (ptrdiff_t)(first + (size_t)(to * g->channels)), size);

        if (width <= 0) continue;
        if (p->merged) {
            p->kernels->add_rows((size_t)(r.high - r.low),
                                 (size_t)width * channels, x, x_row, y, y_row);
            continue;
        }
        for (int64_t j = r.low; j < r.high; j++) {
            p->kernels->add_rows((size_t)width, channels, x, channels, y,
                                 pixel);
            x += x_row * size;
            y += y_row * size;
        }
    }
}

/* Adds tap (r, q) of output rows [row, row + count) to a band; `columns` is the
 * tap's row of the transposed matrix. */
static void add_tap(const plan *p, const band *b, int64_t r, int64_t q,
                    int64_t row, int64_t count, const char *columns)
{
    const fv__geometry *g = p->g;
    const int64_t step = g->stride[0], width = g->out[1];
    const int64_t above = r * g->dilation[0] - g->begin[0];
    const int64_t left = q * g->dilation[1] - g->begin[1];
    const int64_t top =
        fv__max(row, fv__divide_up(fv__max(b->first - above, 0), step));
    const int64_t bottom =
        fv__min(row + count, fv__divide_up(fv__max(b->last - above, 0), step));
    const int64_t low = fv__max(-left, 0);
    const int64_t high = fv__min(width, g->in[1] - left);
    const int64_t from = (top - row) * width + low;
    const int64_t to = (top * step + above) * g->in[1] + left + low;

    if (top < bottom && low < high)
        p->kernels->add_rows((size_t)(bottom - top), (size_t)(high - low),
                             fv__at(columns, from, p->element), (size_t)width,
                             fv__slot(b->dx, to, p->element),
                             (size_t)(step * g->in[1]));
}

/* Adds all taps, the last one first: an input then receives the contributions
 * of output pixels in ascending order. */
static void add_taps(const plan *p, const band *b, int64_t row, int64_t count,
                     const char *columns)
{
    const fv__geometry *g = p->g;
    const size_t tap = (size_t)(count * g->out[1]) * p->element;

    for (int64_t i = p->sizes.taps - 1; i >= 0; i--)
        add_tap(p, b, i / g->kernel[1], i % g->kernel[1], row, count,
                columns + (size_t)i * tap);
}

/* ---- work items --------------------------------------------------------- */

/* The column matrix of output pixels [pixel, pixel + count) of the batch, or
 * its transpose. */
static void compute_columns(const plan *p, int64_t group, int64_t pixel,
                            int64_t count, char *scratch)
{
    const fv__geometry *g = p->g;
    const fv__conv_sizes *s = &p->sizes;
    const int64_t from = pixel * g->filters + group * s->filters;
    const int64_t weights = group * s->filters * s->span;
    const fv__gemm columns = {
        .m = (size_t)count,
        .n = (size_t)s->span,
        .k = (size_t)s->filters,
        .a = fv__at(p->call->dy, from, p->element),
        .a_row = (size_t)g->filters,
        .b = fv__at(p->call->weight, weights, p->element),
        .b_row = (size_t)s->span,
        .c = scratch,
        .c_row = (size_t)s->span,
    };
    const fv__gemm transposed = {
        .m = columns.n,
        .n = columns.m,
        .k = columns.k,
        .a = columns.b,
        .a_row = columns.b_row,
        .a_transposed = true,
        .b = columns.a,
        .b_row = columns.a_row,
        .b_transposed = true,
        .c = scratch,
        .c_row = (size_t)count,
    };

    fv__gemm_one(p->kernels, p->transposed ? &transposed : &columns,
                 scratch + p->columns);
}

/* Output rows [*first, *last) whose windows reach into a band. */
static void rows_of(const fv__geometry *g, const band *b, int64_t *first,
                    int64_t *last)
{
    const int64_t window = (g->kernel[0] - 1) * g->dilation[0] + 1;
    const int64_t above = b->first + g->begin[0] - window + 1;
    const int64_t below = b->last - 1 + g->begin[0];

    *first = fv__divide_up(fv__max(above, 0), g->stride[0]);
    *last = fv__min(g->out[0], below / g->stride[0] + 1);
}

/* A band of an image, set to zero if gradients are overwritten. */
static band band_of(const plan *p, int64_t image, int64_t group, int64_t number)
{
    const fv__geometry *g = p->g;
    band b = { .image = image, .group = group, .first = number * p->rows };

    b.last = fv__min(b.first + p->rows, g->in[0]);
    b.dx = fv__slot(p->call->dx,
                    image * g->in[0] * g->in[1] * g->channels
                        + group * p->sizes.channels,
                    p->element);
    if (p->call->overwrite) clear(p, &b);
    return b;
}

/* Adds the matrix of output pixels [pixel, pixel + count) of the batch to the
 * band, and to the whole of each following image that they reach into. */
static void add_columns(const plan *p, band *b, int64_t pixel, int64_t count,
                        const char *columns)
{
    const fv__geometry *g = p->g;

    for (int64_t i = pixel, n; i < pixel + count; i += n) {
        const fv__pixel at = fv__pixel_at(g->out, i);

        n = fv__min(g->out[1] - at.column, pixel + count - i);
        if (at.image > b->image) *b = band_of(p, at.image, b->group, 0);
        add_line(p, b, at.row, at.column, n, columns);
        columns += (size_t)(n * p->sizes.span) * p->element;
    }
}

/* A band of an image, or some whole images, of one group. */
static void run_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__geometry *g = p->g;
    const int64_t line = (int64_t)item / p->bands;
    const int64_t image = line / g->groups * p->images;
    const int64_t images = fv__min(p->images, g->batch - image);
    const int64_t pixels = g->out[0] * g->out[1];
    char *scratch = (char *)p->call->scratch + worker * p->worker;
    band b = band_of(p, image, line % g->groups, (int64_t)item % p->bands);
    int64_t first, last;

    rows_of(g, &b, &first, &last);
    first = image * pixels + first * g->out[1];
    last = (image + images - 1) * pixels + last * g->out[1];
    for (int64_t i = first; i < last; i += p->pixels) {
        const int64_t count = fv__min(p->pixels, last - i);

        compute_columns(p, b.group, i, count, scratch);
        if (p->transposed)
            add_taps(p, &b, i / g->out[1] % g->out[0], count / g->out[1],
                     scratch);
        else
            add_columns(p, &b, i, count, scratch);
    }
}

/* ---- the algorithm ------------------------------------------------------ */

/* The most outputs of an axis whose windows contain one input: as many are
 * added one after the other. */
static int64_t outputs_of_input(const fv__geometry *g, int axis)
{
    return fv__min(fv__divide_up(g->kernel[axis], g->stride[axis]),
                   g->out[axis]);
}

static bool applicable(const fv__geometry *g)
{
    return !fv__geometry_has_depth(g) && fv__conv_im2col.applicable(g)
           && outputs_of_input(g, 0) * outputs_of_input(g, 1)
                  <= FV__MOST_BLOCKS;
}

static size_t packed(fv__conv_target target, const fv__geometry *g,
                     fv__direction direction)
{
    if (direction == FV__BACKWARD_DATA) return 0;
    return fv__conv_im2col.packed(target, g, direction);
}

static size_t scratch(fv__conv_target target, const fv__geometry *g,
                      fv__direction direction)
{
    size_t all;

    if (direction != FV__BACKWARD_DATA)
        return fv__conv_im2col.scratch(target, g, direction);
    return fv__multiply(plan_of(target, g).worker, (size_t)target.threads, &all)
               ? all
               : SIZE_MAX;
}

static void pack(const fv__conv_call *call, fv__direction direction)
{
    if (direction != FV__BACKWARD_DATA) fv__conv_im2col.pack(call, direction);
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    if (direction != FV__BACKWARD_DATA) {
        fv__conv_im2col.run(call, direction);
        return;
    }
    plan p = plan_of(fv__conv_target_of(call->context), call->geometry);

    p.call = call;
    fv__parallel(
        call->context,
        (size_t)(fv__divide_up(p.g->batch, p.images) * p.g->groups * p.bands),
        (double)fv__geometry_macs(p.g), run_item, &p);
    fv__conv_finish_input_grad(call);
}

/* Vectors of n elements. */
static double vectors(int64_t n)
{
    return (double)fv__divide_up(n, FV__COST_LANES);
}

/* The time to transpose the products of an image and a group, and to add them
 * tap by tap along output rows. */
static double transposed_cost(const fv__geometry *g)
{
    const fv__conv_costs *c = &fv__costs;
    const double pixels = (double)(g->out[0] * g->out[1]);
    const double lines =
        (double)(g->out[0] * g->kernel[0]) * (double)g->kernel[1];

    return pixels * c->col2im_transpose * vectors(g->filters)
           + lines * (c->col2im_run + c->col2im_add * vectors(g->out[1]));
}

/* The time to add the products of an image and a group pixel by pixel. */
static double pixels_cost(const fv__geometry *g)
{
    const fv__conv_costs *c = &fv__costs;
    const bool merged = g->dilation[1] == 1 && g->groups == 1;
    const double rows = (double)g->kernel[0];
    const int64_t runs = g->kernel[0] * (merged ? 1 : g->kernel[1]);
    const double clear =
        g->groups > 1 ? c->col2im_clear * (double)(g->in[0] * g->in[1]) : 0;
    const double add = (double)runs * c->col2im_add
                       * vectors(fv__conv_sizes_of(g).span / runs);

    return (double)(g->out[0] * g->out[1])
               * (c->col2im_pixel + add
                  + (merged ? rows * c->col2im_run : rows * c->col2im_row))
           + clear;
}

static double cost(const fv__geometry *g, fv__direction direction)
{
    const fv__conv_sizes s = fv__conv_sizes_of(g);
    const double images = (double)(g->batch * g->groups);
    const int64_t pixels = g->out[0] * g->out[1];

    if (direction != FV__BACKWARD_DATA)
        return fv__conv_im2col.cost(g, direction);
    if (is_transposed(g))
        return fv__gemm_cost_joint(images, s.span, pixels, 1, (double)s.filters)
               + images * transposed_cost(g);
    return fv__gemm_cost_joint(images, pixels, s.span, 1, (double)s.filters)
           + images * pixels_cost(g);
}

const fv__conv_algorithm fv__conv_col2im = {
    .name = "col2im",
    .applicable = applicable,
    .packed = packed,
    .scratch = scratch,
    .cost = cost,
    .pack = pack,
    .run = run,
};
