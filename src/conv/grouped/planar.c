/* The directions of a convolution of groups that make an image, along its rows:
 * channels become planes, vectors lie along rows of pixels, and filters are the
 * rows of tiles. What they make, plane by plane, is turned into pixels. */
#include "conv/grouped/grouped.h"

#include <string.h>

/* They cut outputs only. Columns of an item, at most, and rows that are not cut
 * any more; bytes of planes that stay in a second-level cache; channels that
 * are worth a turn; outputs of a plane that are made at a time; bytes of a
 * cache line. */
enum {
    MOST_COLUMNS = 256,
    FEW_ROWS = 8,
    PLANES_BYTES = 1 << 19,
    CHANNELS = 64,
    TOGETHER = 128,
    LINE = 64
};

/* Inputs `unit` apart, from that which the first tap of any sweep meets at
 * output 0. Outputs step over `stride` of them, so many phases, taps over
 * `step`. */
typedef struct axis {
    int64_t unit, stride, step, first, reach;
} axis;

/* Rows of outputs made at a time, which lie like rows of inputs, `row` apart:
 * vectors go on from one to the next. */
typedef struct chunk {
    int64_t row, rows;
} chunk;

/* An item is a block of rows and columns of an image, of all sweeps, and some
 * of the groups. Its inputs lie as [channel][phase][row][column]. Weights are
 * [filter][tap][channel], sweep after sweep. */
typedef struct plan {
    const fv__kernels *kernels;
    const fv__geometry *g;
    fv__direction direction;
    size_t element;
    fv__subconv subconv; /* the first, which has most outputs */
    axis axis[2];
    int64_t rows, columns, groups; /* of an item, at most */
    int64_t blocks[2], pieces;     /* of an image; of all groups */
    chunk chunk;
    int64_t phase, plane, made; /* elements, of a channel's; of a filter's */
    size_t inputs, outputs, segments, worker; /* bytes */
    const fv__conv_call *call;
} plan;

static bool has_taps(const fv__subconv *s) { return s->taps[0] && s->taps[1]; }

static axis axis_of(const fv__geometry *g, fv__direction direction, int i)
{
    axis a = { .first = INT64_MAX };
    int64_t last = INT64_MIN, taps = 0, stride = 1, step = 1;

    for (int64_t n = 0; n < fv__subconv_count(g, direction); n++) {
        const fv__subconv s = fv__subconv_of(g, direction, n);

        if (s.taps[i] == 0) continue;
        a.first = fv__min(a.first, s.first[i]);
        last = fv__max(last, s.first[i] + (s.taps[i] - 1) * s.step[i]);
        taps = fv__max(taps, s.taps[i]);
        stride = s.stride[i];
        step = s.step[i];
    }
    a.unit = taps < 2 ? stride : fv__common_divisor(stride, step);
    a.stride = stride / a.unit;
    a.step = taps < 2 ? 1 : step / a.unit;
    if (taps == 0) a.first = 0;
    if (taps) a.reach = (last - a.first) / a.unit + 1;
    return a;
}

/* Inputs that so many outputs meet. */
static int64_t inputs_of(const axis *a, int64_t outputs)
{
    return a->reach ? (outputs - 1) * a->stride + a->reach : 0;
}

/* Of those, how many there are of a phase. */
static int64_t phase_of(const axis *a, int64_t outputs)
{
    return outputs + fv__max(a->reach - 1, 0) / a->stride;
}

static chunk chunk_of(const axis *across, int64_t columns)
{
    const int64_t row = phase_of(across, columns);

    return (chunk){ row, fv__max(1, TOGETHER / row) };
}

/* Elements of a channel, for so many rows of outputs. */
static int64_t plane_of(const plan *p, int64_t rows)
{
    const int64_t phases = p->axis[0].stride * p->axis[1].stride;
    const int64_t plane = phases * phase_of(&p->axis[0], rows) * p->chunk.row;

    return (int64_t)fv__odd_row((size_t)plane, p->element);
}

static int64_t bytes_of(const plan *p, int64_t rows, int64_t groups)
{
    return groups * p->subconv.channels * plane_of(p, rows)
           * (int64_t)p->element;
}

static void cut(plan *p)
{
    const fv__subconv *s = &p->subconv;
    const int64_t together =
        fv__min(s->groups, fv__divide_up(CHANNELS, s->channels));

    p->blocks[1] = fv__divide_up(s->out[1], MOST_COLUMNS);
    p->columns = fv__divide_up(s->out[1], p->blocks[1]);
    p->chunk = chunk_of(&p->axis[1], p->columns);
    p->rows = fv__divide_up(
        s->out[0],
        fv__divide_up(FV__FEW_ITEMS, fv__max(s->batch, 1) * p->blocks[1]));
    while (p->rows > FEW_ROWS && bytes_of(p, p->rows, together) > PLANES_BYTES)
        p->rows = fv__divide_up(p->rows, 2);
    p->blocks[0] = fv__divide_up(s->out[0], p->rows);
    p->groups = PLANES_BYTES / bytes_of(p, p->rows, 1);
    p->groups = fv__max(1, fv__min(p->groups, s->groups));
    p->pieces = fv__divide_up(s->groups, p->groups);
    p->groups = fv__divide_up(s->groups, p->pieces);
}

static plan plan_of(const fv_context *context, const fv__geometry *g,
                    fv__direction direction)
{
    plan p = { .kernels = context->kernels,
               .g = g,
               .direction = direction,
               .element = fv__element(context->kernels),
               .subconv = fv__subconv_of(g, direction, 0),
               .axis = { axis_of(g, direction, 0), axis_of(g, direction, 1) } };

    cut(&p);
    p.chunk.rows = fv__min(p.chunk.rows, p.rows);
    p.phase = phase_of(&p.axis[0], p.rows) * p.chunk.row;
    p.plane = plane_of(&p, p.rows);
    p.made =
        (int64_t)fv__odd_row((size_t)(p.chunk.rows * p.chunk.row), p.element);
    p.inputs = fv__align((size_t)bytes_of(&p, p.rows, p.groups));
    p.outputs =
        fv__align((size_t)(p.groups * p.subconv.filters * p.made) * p.element);
    p.segments =
        fv__align((size_t)(g->kernel[0] * g->kernel[1]) * sizeof(ptrdiff_t));
    p.worker = p.inputs + 2 * p.outputs + p.segments;
    return p;
}

/* ---- packed weights ----------------------------------------------------- */

static size_t packed_bytes(const fv__subconv *s, size_t element)
{
    const int64_t span = s->taps[0] * s->taps[1] * s->channels;

    return fv__align((size_t)(s->groups * s->filters * span) * element);
}

size_t fv__grouped_planar_packed(const fv_context *context,
                                 const fv__geometry *g, fv__direction direction)
{
    size_t all = 0;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);

        all += packed_bytes(&s, fv__element(context->kernels));
    }
    return all;
}

typedef struct packing {
    const fv__kernels *kernels;
    const fv__subconv *subconv;
    const void *weight;
    char *out;
} packing;

static void pack_group(void *argument, size_t item, size_t worker)
{
    const packing *p = argument;
    const fv__subconv *s = p->subconv;
    const size_t size = fv__element(p->kernels), channels = (size_t)s->channels;
    const size_t span = (size_t)(s->taps[0] * s->taps[1]) * channels;
    const size_t filters = (size_t)s->filters;
    const char *from =
        fv__at(p->weight, s->weight_at + (int64_t)item * s->weight_group, size);
    char *out = p->out + item * filters * span * size;

    (void)worker;
    if (s->weight_filter != 1) { /* forward: they lie like that */
        memcpy(out, from, filters * span * size);
        return;
    }
    for (int64_t r = 0; r < s->taps[0]; r++)
        for (int64_t q = 0; q < s->taps[1]; q++, out += channels * size) {
            const int64_t at = r * s->weight_tap[0] + q * s->weight_tap[1];

            p->kernels->transpose(channels, filters, from + at * (int64_t)size,
                                  (size_t)s->weight_channel, out, span,
                                  channels);
        }
}

void fv__grouped_planar_pack(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);
        const size_t bytes =
            packed_bytes(&s, fv__element(call->context->kernels));
        packing p = { call->context->kernels, &s, call->weight, at };

        if (bytes)
            fv__parallel(call->context, (size_t)s.groups, (double)bytes,
                         pack_group, &p);
        at += bytes;
    }
}

/* ---- an item ------------------------------------------------------------ */

/* Outputs and groups that it makes, and its memory: planes of inputs and of
 * outputs, these turned, and where taps begin. */
typedef struct block {
    const plan *plan;
    int64_t image, row, column, rows, columns, group, groups;
    char *inputs, *outputs, *transposed;
    ptrdiff_t *segments;
} block;

/* Columns of a row of the image that are there, from `in` on. */
static void fill_row(const block *b, const char *in, char *out)
{
    const plan *p = b->plan;
    const fv__subconv *s = &p->subconv;
    const axis *a = &p->axis[1];
    const int64_t step = a->stride * a->unit, width = p->chunk.row;

    for (int64_t f = 0; f < a->stride; f++) {
        const int64_t first = b->column * s->stride[1] + a->first + f * a->unit;
        const int64_t low = fv__max(fv__divide_up(-first, step), 0);
        const int64_t high =
            fv__min(width, fv__divide_up(fv__max(s->in[1] - first, 0), step));
        const int64_t from = (first + low * step) * s->in_pixel;

        if (low < high)
            p->kernels->transpose(
                (size_t)(high - low), (size_t)(b->groups * s->channels),
                in + from * (int64_t)p->element, (size_t)(step * s->in_pixel),
                fv__slot(out, f * p->phase + low, p->element), (size_t)p->plane,
                (size_t)(high - low));
    }
}

static bool leaves_image(const block *b)
{
    const fv__subconv *s = &b->plan->subconv;
    const int64_t at[] = { b->row, b->column };
    const int64_t extent[] = { phase_of(&b->plan->axis[0], b->plan->rows),
                               b->plan->chunk.row };

    for (int i = 0; i < 2; i++) {
        const axis *a = &b->plan->axis[i];
        const int64_t first = at[i] * s->stride[i] + a->first;

        if (first < 0 || first + extent[i] * a->stride * a->unit > s->in[i])
            return true;
    }
    return false;
}

/* Pixels of a row are met many at a time, which no processor foresees. */
static void prefetch(const block *b, const char *in)
{
    const fv__subconv *s = &b->plan->subconv;
    const size_t size = b->plan->element;
    const size_t bytes = (size_t)(b->groups * s->channels) * size;

    for (int64_t i = 0; i < s->in[1]; i++, in += (size_t)s->in_pixel * size)
        for (size_t at = 0; at < bytes; at += LINE)
            __builtin_prefetch(in + at, 0, 2);
}

static void fill(const block *b)
{
    const plan *p = b->plan;
    const fv__subconv *s = &p->subconv;
    const axis *a = &p->axis[0];
    const int64_t line = s->in[1] * s->in_pixel;
    const void *in =
        p->direction == FV__BACKWARD_DATA ? p->call->dy : p->call->x;

    if (leaves_image(b))
        memset(b->inputs, 0,
               (size_t)(b->groups * s->channels * p->plane) * p->element);
    for (int64_t i = 0; i < inputs_of(a, b->rows); i++) {
        const int64_t row = b->row * s->stride[0] + a->first + i * a->unit;
        const int64_t from =
            (b->image * s->in[0] + row) * line + b->group * s->channels;
        const int64_t to = i % a->stride * p->axis[1].stride * p->phase
                           + i / a->stride * p->chunk.row;

        if (row < 0 || row >= s->in[0]) continue;
        const char *x = fv__at(in, from, p->element);

        if (row + a->unit < s->in[0])
            prefetch(b, x + (size_t)(a->unit * line) * p->element);
        fill_row(b, x, fv__slot(b->inputs, to, p->element));
    }
}

/* Where the taps of a sweep meet a plane, from the first output on. */
static void write_segments(const block *b, const fv__subconv *s)
{
    const plan *p = b->plan;
    const axis *down = &p->axis[0], *across = &p->axis[1];
    ptrdiff_t *to = b->segments;

    for (int64_t r = 0; r < s->taps[0]; r++)
        for (int64_t q = 0; q < s->taps[1]; q++) {
            const int64_t i =
                (s->first[0] - down->first) / down->unit + r * down->step;
            const int64_t j =
                (s->first[1] - across->first) / across->unit + q * across->step;
            const int64_t phase =
                i % down->stride * across->stride + j % across->stride;

            *to++ =
                (ptrdiff_t)(phase * p->phase + i / down->stride * p->chunk.row
                            + j / across->stride);
        }
}

/* So many outputs of one group, filters against whole vectors of them. */
static void run_tiles(const block *b, const fv__subconv *s, size_t count,
                      const char *in, const char *weights, char *out)
{
    const plan *p = b->plan;
    const fv__chain chain = fv__subconv_chain(s);
    const int64_t terms = fv__chain_terms(chain), channels = s->channels;

    for (int64_t at = 0, length; at < terms; at += length) {
        length = fv__chain_block(chain, at);
        fv__conv_tiles(
            p->kernels, (size_t)s->filters, count,
            (fv__tile){ .a = fv__at(weights, at, p->element),
                        .b = fv__at(in, at % channels * p->plane, p->element),
                        .c = out,
                        .a_row = (size_t)terms,
                        .a_step = 1,
                        .b_step = (size_t)p->plane,
                        .c_row = (size_t)p->made,
                        .segments = (size_t)fv__max(length / channels, 1),
                        .k = (size_t)fv__min(length, channels),
                        .b_segment = b->segments + at / channels,
                        .accumulation = at ? FV__ACCUMULATE : FV__STORE });
    }
}

/* What there is to do with the first `count` outputs of planes, but for a
 * residual. */
static void finish_planes(const block *b, const fv__subconv *s, size_t count)
{
    const plan *p = b->plan;
    const fv__epilogue *f = &p->call->epilogue;
    const size_t first = (size_t)(b->group * s->filters);

    for (size_t i = 0; i < (size_t)(b->groups * s->filters); i++) {
        void *plane =
            fv__slot(b->outputs, (ptrdiff_t)(i * (size_t)p->made), p->element);

        if (f->bias)
            p->kernels->binary(
                FV__ADD, count, plane, 1,
                fv__at(f->bias, (ptrdiff_t)(first + i), p->element), 0, plane);
        if (f->clamp && !f->residual)
            p->kernels->unary(FV__CLAMP, count, plane, plane, f->low, f->high);
    }
}

/* A row of planes becomes pixels, from element `at` of the output on. */
static void transpose_tile(const block *b, const fv__subconv *s, size_t count,
                           const void *planes, size_t at)
{
    const plan *p = b->plan;
    const fv__kernels *kernels = p->kernels;
    const fv__conv_call *call = p->call;
    const fv__epilogue *f = &call->epilogue;
    const bool data = p->direction == FV__BACKWARD_DATA;
    const size_t size = p->element, n = (size_t)(b->groups * s->filters);
    const size_t made = (size_t)p->made, pixel = (size_t)s->out_pixel;
    void *y = fv__slot(data ? call->dx : call->y, (ptrdiff_t)at, size);

    if (data ? call->overwrite : !f->residual) {
        kernels->transpose(n, count, planes, made, y, pixel, n);
        return;
    }
    kernels->transpose(n, count, planes, made, b->transposed, n, n);
    if (data) {
        kernels->add_rows(count, n, b->transposed, n, y, pixel);
        return;
    }
    kernels->add_rows(count, n, fv__at(f->residual, (ptrdiff_t)at, size), pixel,
                      b->transposed, n);
    if (f->clamp)
        kernels->unary(FV__CLAMP, count * n, b->transposed, b->transposed,
                       f->low, f->high);
    for (size_t i = 0; i < count; i++)
        memcpy(fv__slot(y, (ptrdiff_t)(i * pixel), size),
               fv__at(b->transposed, (ptrdiff_t)(i * n), size), n * size);
}

/* Rows [first, first + rows) of what a sweep makes of the block. */
static void run_chunk(const block *b, const fv__subconv *s, const char *weights,
                      int64_t first, int64_t rows)
{
    const plan *p = b->plan;
    const size_t size = p->element;
    const int64_t columns = fv__min(b->columns, s->out[1] - b->column);
    const int64_t span = s->taps[0] * s->taps[1] * s->channels;
    const int64_t width = p->chunk.row;
    const size_t count = (size_t)((rows - 1) * width + columns);

    for (int64_t g = 0; g < b->groups; g++) {
        const int64_t in = first * width + g * s->channels * p->plane;
        const int64_t filter = (b->group + g) * s->filters;

        run_tiles(b, s, count, fv__at(b->inputs, in, size),
                  fv__at(weights, filter * span, size),
                  fv__slot(b->outputs, g * s->filters * p->made, size));
    }
    if (p->direction == FV__FORWARD) finish_planes(b, s, count);
    for (int64_t i = 0; i < rows; i++)
        transpose_tile(
            b, s, (size_t)columns, fv__at(b->outputs, i * width, size),
            (size_t)(s->out_at + b->image * s->out_image
                     + (b->row + first + i) * s->out_row
                     + b->column * s->out_pixel + b->group * s->filters));
}

/* Where no tap steps onto a pixel, nothing is added to it. */
static void clear(const block *b, const fv__subconv *s, int64_t rows)
{
    const fv__conv_call *call = b->plan->call;
    const size_t size = b->plan->element;
    const size_t bytes = (size_t)(b->groups * s->filters) * size;

    for (int64_t i = b->row; i < b->row + rows; i++)
        for (int64_t j = b->column;
             j < fv__min(b->column + b->columns, s->out[1]); j++) {
            const int64_t at = s->out_at + b->image * s->out_image
                               + i * s->out_row + j * s->out_pixel
                               + b->group * s->filters;

            if (call->overwrite) memset(fv__slot(call->dx, at, size), 0, bytes);
        }
}

static void run_sweep(const block *b, const fv__subconv *s, const char *weights)
{
    const int64_t rows = fv__min(b->rows, s->out[0] - b->row);
    const int64_t most = b->plan->chunk.rows;

    if (b->column >= s->out[1]) return;
    if (!has_taps(s)) {
        clear(b, s, rows);
        return;
    }
    write_segments(b, s);
    for (int64_t i = 0; i < rows; i += most)
        run_chunk(b, s, weights, i, fv__min(most, rows - i));
}

static void run_item(void *argument, size_t item, size_t worker)
{
    const plan *p = argument;
    const fv__pixel at = fv__pixel_at(p->blocks, (int64_t)item / p->pieces);
    const int64_t piece = (int64_t)item % p->pieces;
    const char *weights = p->call->packed;
    block b = { .plan = p,
                .image = at.image,
                .row = at.row * p->rows,
                .column = at.column * p->columns,
                .group = piece * p->groups,
                .inputs = (char *)p->call->scratch + worker * p->worker };

    b.rows = fv__min(p->rows, p->subconv.out[0] - b.row);
    b.columns = fv__min(p->columns, p->subconv.out[1] - b.column);
    b.groups = fv__min(p->groups, p->subconv.groups - b.group);
    b.outputs = b.inputs + p->inputs;
    b.transposed = b.outputs + p->outputs;
    b.segments = (ptrdiff_t *)(void *)(b.transposed + p->outputs);
    fill(&b);
    for (int64_t i = 0; i < fv__subconv_count(p->g, p->direction); i++) {
        const fv__subconv s = fv__subconv_of(p->g, p->direction, i);

        run_sweep(&b, &s, weights);
        weights += packed_bytes(&s, p->element);
    }
}

size_t fv__grouped_planar_scratch(const fv_context *context,
                                  const fv__geometry *g,
                                  fv__direction direction)
{
    size_t all;

    return fv__multiply(plan_of(context, g, direction).worker,
                        (size_t)context->threads, &all)
               ? all
               : SIZE_MAX;
}

void fv__grouped_planar_run(const fv__conv_call *call, fv__direction direction)
{
    plan p = plan_of(call->context, call->geometry, direction);

    p.call = call;
    fv__parallel(call->context,
                 (size_t)(p.g->batch * p.blocks[0] * p.blocks[1] * p.pieces),
                 (double)fv__geometry_macs(p.g), run_item, &p);
}

/* ---- what it costs ------------------------------------------------------ */

/* A square of so many numbers is turned in that many multiply-adds. Weights of
 * an input gradient are, for so many images. */
enum { LANES = 16, TURN = 200, IMAGES = 4 };

static double squares(double lines, int64_t columns, int64_t channels)
{
    return lines * (double)TURN * (double)fv__divide_up(columns, LANES)
           * (double)fv__divide_up(channels, LANES);
}

/* Blocks of few columns are like all others. */
static double sweep_cost(const fv__subconv *s, const axis *across)
{
    const int64_t columns = fv__min(s->out[1], MOST_COLUMNS);
    const chunk c = chunk_of(across, columns);
    const int64_t rows = fv__min(c.rows, s->out[0]);
    const double lines =
        (double)(s->batch * s->out[0]) * ((double)s->out[1] / (double)columns);

    return squares(lines, columns, s->groups * s->filters)
           + fv__gemm_cost_separate(lines * (double)s->groups / (double)rows,
                                    s->filters, (rows - 1) * c.row + columns,
                                    (double)(s->taps[0] * s->taps[1]),
                                    (double)s->channels);
}

double fv__grouped_planar_cost(const fv__geometry *g, fv__direction direction)
{
    const axis down = axis_of(g, direction, 0);
    const axis across = axis_of(g, direction, 1);
    double all = 0;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);

        if (i == 0)
            all += squares(
                (double)(s.batch * inputs_of(&down, s.out[0]) * across.stride),
                phase_of(&across, s.out[1]), s.groups * s.channels);
        if (has_taps(&s)) all += sweep_cost(&s, &across);
        if (direction == FV__BACKWARD_DATA)
            all += squares((double)(s.groups * s.taps[0] * s.taps[1])
                               * (double)s.batch / IMAGES,
                           s.channels, s.filters);
    }
    return all;
}
