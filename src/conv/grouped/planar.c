/* The forward pass and the input gradient of grouped convolution with vectors
 * along rows of pixels: channels are transposed into planes, filters are the
 * rows of the microkernel, and the planes of outputs are transposed back. */
#include "conv/grouped/planar.h"

enum { LINE = 64 }; /* bytes of a cache line */

/* ---- packed weights ----------------------------------------------------- */

/* SIZE_MAX if they cannot be counted. */
static size_t packed_bytes(const fv__subconv *s, size_t element)
{
    const int64_t span = s->taps[0] * s->taps[1] * s->channels;

    return fv__grouped_packed_bytes(s->groups * s->filters * span, element);
}

size_t fv__grouped_planar_packed(fv__conv_target target, const fv__geometry *g,
                                 fv__direction direction)
{
    const size_t element = fv__element(target.kernels);
    size_t all = 0;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);

        if (!fv__add(all, packed_bytes(&s, element), &all)) return SIZE_MAX;
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
    const size_t element = fv__element(p->kernels);
    const size_t channels = (size_t)s->channels, filters = (size_t)s->filters;
    const size_t span = (size_t)(s->taps[0] * s->taps[1]) * channels;
    const char *weight = fv__at(
        p->weight, s->weight_at + (int64_t)item * s->weight_group, element);
    char *out = p->out + item * filters * span * element;

    (void)worker;
    /* In the forward pass the weights of a group already lie in this order. */
    if (s->weight_filter != 1) {
        memcpy(out, weight, filters * span * element);
        return;
    }
    for (int64_t r = 0; r < s->taps[0]; r++)
        for (int64_t q = 0; q < s->taps[1]; q++, out += channels * element) {
            const int64_t at = r * s->weight_tap[0] + q * s->weight_tap[1];

            p->kernels->transpose(
                channels, filters, weight + at * (int64_t)element,
                (size_t)s->weight_channel, out, span, channels);
        }
}

void fv__grouped_planar_pack(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    const fv__kernels *kernels = call->context->kernels;
    char *at = call->packed;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);
        const size_t bytes = packed_bytes(&s, fv__element(kernels));
        packing p = { kernels, &s, call->weight, at };

        if (bytes)
            fv__parallel(call->context, (size_t)s.groups, (double)bytes,
                         pack_group, &p);
        at += bytes;
    }
}

/* ---- an item: input planes ---------------------------------------------- */

/* The outputs and groups of an item, and its scratch. */
typedef struct block {
    const fv__planar_plan *plan;
    int64_t image, row, column, group; /* the first ones */
    int64_t rows, columns, groups;
    char *inputs;        /* planes */
    char *outputs;       /* planes of a chunk */
    char *pixels;        /* the outputs of one row of a chunk, transposed */
    ptrdiff_t *segments; /* offset of each tap in a plane */
} block;

/* Transposes the row of the image at `in` into all planes, from `out` on; the
 * columns beside the image keep their value. */
static void fill_row(const block *b, const char *in, char *out)
{
    const fv__planar_plan *p = b->plan;
    const fv__subconv *s = &p->subconv;
    const fv__planar_axis *a = &p->axis[1];
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

/* Whether planes hold padding, or inputs behind the last row or column. */
static bool leaves_image(const block *b)
{
    const fv__planar_plan *p = b->plan;
    const fv__subconv *s = &p->subconv;
    const int64_t at[] = { b->row, b->column };
    const int64_t extent[] = { fv__planar_phase_inputs(&p->axis[0], p->rows),
                               p->chunk.row };

    for (int i = 0; i < 2; i++) {
        const fv__planar_axis *a = &p->axis[i];
        const int64_t first = at[i] * s->stride[i] + a->first;

        if (first < 0 || first + extent[i] * a->stride * a->unit > s->in[i])
            return true;
    }
    return false;
}

/* Prefetches the channels of the item in a row of the image: a transposition
 * reads many pixels at once, each a stream of its own, which are more than
 * hardware prefetchers follow. */
static void prefetch(const block *b, const char *in)
{
    const fv__subconv *s = &b->plan->subconv;
    const size_t element = b->plan->element;
    const size_t bytes = (size_t)(b->groups * s->channels) * element;

    for (int64_t i = 0; i < s->in[1]; i++, in += (size_t)s->in_pixel * element)
        for (size_t at = 0; at < bytes; at += LINE)
            __builtin_prefetch(in + at, 0, 2);
}

static void fill_planes(const block *b)
{
    const fv__planar_plan *p = b->plan;
    const fv__subconv *s = &p->subconv;
    const fv__planar_axis *a = &p->axis[0];
    const int64_t in_row = s->in[1] * s->in_pixel;
    const void *in =
        p->direction == FV__BACKWARD_DATA ? p->call->dy : p->call->x;

    if (leaves_image(b))
        memset(b->inputs, 0,
               (size_t)(b->groups * s->channels * p->plane) * p->element);
    for (int64_t i = 0; i < fv__planar_inputs(a, b->rows); i++) {
        const int64_t row = b->row * s->stride[0] + a->first + i * a->unit;
        const int64_t from =
            (b->image * s->in[0] + row) * in_row + b->group * s->channels;
        const int64_t to = i % a->stride * p->axis[1].stride * p->phase
                           + i / a->stride * p->chunk.row;

        if (row < 0 || row >= s->in[0]) continue;
        const char *x = fv__at(in, from, p->element);

        if (row + a->unit < s->in[0])
            prefetch(b, x + (size_t)(a->unit * in_row) * p->element);
        fill_row(b, x, fv__slot(b->inputs, to, p->element));
    }
}

/* ---- an item: products -------------------------------------------------- */

/* Where each tap of a subconvolution reads a plane for the block's first
 * output. */
static void write_segments(const block *b, const fv__subconv *s)
{
    const fv__planar_plan *p = b->plan;
    const fv__planar_axis *down = &p->axis[0], *across = &p->axis[1];
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

/* `count` outputs of the filters of one group, which are the rows of a matrix
 * product: weights times inputs. */
static void multiply(const block *b, const fv__subconv *s, size_t count,
                     const char *in, const char *weights, char *out)
{
    const fv__planar_plan *p = b->plan;
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
                        .c_row = (size_t)p->out_plane,
                        .segments = (size_t)fv__max(length / channels, 1),
                        .k = (size_t)fv__min(length, channels),
                        .b_segment = b->segments + at / channels,
                        .accumulation = at ? FV__ACCUMULATE : FV__STORE });
    }
}

/* ---- an item: outputs --------------------------------------------------- */

/* Adds the bias to the first `count` outputs of each plane, and clamps them
 * unless a residual is added before. */
static void apply_epilogue(const block *b, const fv__subconv *s, size_t count)
{
    const fv__planar_plan *p = b->plan;
    const fv__epilogue e = fv__conv_epilogue(p->call, p->direction);
    const size_t first = (size_t)(b->group * s->filters);

    for (size_t i = 0; i < (size_t)(b->groups * s->filters); i++) {
        void *plane = fv__slot(
            b->outputs, (ptrdiff_t)(i * (size_t)p->out_plane), p->element);

        if (e.bias)
            p->kernels->binary(
                FV__ADD, count, plane, 1,
                fv__at(e.bias, (ptrdiff_t)(first + i), p->element), 0, plane);
        if (e.clamp && !e.residual)
            p->kernels->unary(FV__CLAMP, count, plane, plane, e.low, e.high);
    }
}

/* Transposes `count` outputs of all planes, from `planes` on, to pixels of the
 * result, from its element `at` on. */
static void store_pixels(const block *b, const fv__subconv *s, size_t count,
                         const void *planes, size_t at)
{
    const fv__planar_plan *p = b->plan;
    const fv__kernels *kernels = p->kernels;
    const fv__conv_call *call = p->call;
    const fv__epilogue e = fv__conv_epilogue(call, p->direction);
    const bool data = p->direction == FV__BACKWARD_DATA;
    const bool add = data && !call->overwrite;
    const size_t element = p->element, n = (size_t)(b->groups * s->filters);
    const size_t plane = (size_t)p->out_plane, pixel = (size_t)s->out_pixel;
    void *y = fv__slot(data ? call->dx : call->y, (ptrdiff_t)at, element);

    if (!add && !e.residual) {
        kernels->transpose(n, count, planes, plane, y, pixel, n);
        return;
    }
    kernels->transpose(n, count, planes, plane, b->pixels, n, n);
    if (add) {
        kernels->add_rows(count, n, b->pixels, n, y, pixel);
        return;
    }
    kernels->add_rows(count, n, fv__at(e.residual, (ptrdiff_t)at, element),
                      pixel, b->pixels, n);
    if (e.clamp)
        kernels->unary(FV__CLAMP, count * n, b->pixels, b->pixels, e.low,
                       e.high);
    for (size_t i = 0; i < count; i++)
        memcpy(fv__slot(y, (ptrdiff_t)(i * pixel), element),
               fv__at(b->pixels, (ptrdiff_t)(i * n), element), n * element);
}

/* Element of the result for row `row` of the block. */
static int64_t output_at(const block *b, const fv__subconv *s, int64_t row)
{
    return s->out_at + b->image * s->out_image + (b->row + row) * s->out_row
           + b->column * s->out_pixel + b->group * s->filters;
}

/* Rows [first, first + rows) of the block, `columns` outputs of each. The
 * gradient of inputs that no tap reads is zero. */
static void run_chunk(const block *b, const fv__subconv *s, const char *weights,
                      int64_t first, int64_t rows, int64_t columns)
{
    const fv__planar_plan *p = b->plan;
    const size_t element = p->element;
    const int64_t span = s->taps[0] * s->taps[1] * s->channels;
    const int64_t width = p->chunk.row;
    const size_t count = (size_t)((rows - 1) * width + columns);

    if (span == 0)
        memset(b->outputs, 0,
               (size_t)(b->groups * s->filters * p->out_plane) * element);
    for (int64_t g = 0; g < b->groups && span; g++) {
        const int64_t in = first * width + g * s->channels * p->plane;
        const int64_t filter = (b->group + g) * s->filters;

        multiply(b, s, count, fv__at(b->inputs, in, element),
                 fv__at(weights, filter * span, element),
                 fv__slot(b->outputs, g * s->filters * p->out_plane, element));
    }
    apply_epilogue(b, s, count);
    for (int64_t i = 0; i < rows; i++)
        store_pixels(b, s, (size_t)columns,
                     fv__at(b->outputs, i * width, element),
                     (size_t)output_at(b, s, first + i));
}

static void run_subconv(const block *b, const fv__subconv *s,
                        const char *weights)
{
    const int64_t rows = fv__min(b->rows, s->out[0] - b->row);
    const int64_t columns = fv__min(b->columns, s->out[1] - b->column);
    const int64_t most = b->plan->chunk.rows;

    if (columns <= 0) return;
    if (!fv__planar_has_taps(s) && !b->plan->call->overwrite) return;
    write_segments(b, s);
    for (int64_t i = 0; i < rows; i += most)
        run_chunk(b, s, weights, i, fv__min(most, rows - i), columns);
}

static void run_item(void *argument, size_t item, size_t worker)
{
    const fv__planar_plan *p = argument;
    const fv__pixel at =
        fv__pixel_at(p->blocks, (int64_t)item / p->group_blocks);
    const char *weights = p->call->packed;
    block b = { .plan = p,
                .image = at.image,
                .row = at.row * p->rows,
                .column = at.column * p->columns,
                .group = (int64_t)item % p->group_blocks * p->groups,
                .inputs = (char *)p->call->scratch + worker * p->worker };

    b.rows = fv__min(p->rows, p->subconv.out[0] - b.row);
    b.columns = fv__min(p->columns, p->subconv.out[1] - b.column);
    b.groups = fv__min(p->groups, p->subconv.groups - b.group);
    b.outputs = b.inputs + p->in_bytes;
    b.pixels = b.outputs + p->out_bytes;
    b.segments = (ptrdiff_t *)(void *)(b.pixels + p->out_bytes);
    fill_planes(&b);
    for (int64_t i = 0; i < fv__subconv_count(p->g, p->direction); i++) {
        const fv__subconv s = fv__subconv_of(p->g, p->direction, i);

        run_subconv(&b, &s, weights);
        weights += packed_bytes(&s, p->element);
    }
}

size_t fv__grouped_planar_scratch(fv__conv_target target, const fv__geometry *g,
                                  fv__direction direction)
{
    size_t all;

    return fv__multiply(fv__planar_plan_of(target, g, direction).worker,
                        (size_t)target.threads, &all)
               ? all
               : SIZE_MAX;
}

void fv__grouped_planar_run(const fv__conv_call *call, fv__direction direction)
{
    fv__planar_plan p = fv__planar_plan_of(fv__conv_target_of(call->context),
                                           call->geometry, direction);

    p.call = call;
    fv__parallel(
        call->context,
        (size_t)(p.g->batch * p.blocks[0] * p.blocks[1] * p.group_blocks),
        (double)fv__geometry_macs(p.g), run_item, &p);
}
