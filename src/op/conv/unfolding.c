/* Windows of an image as columns, and columns added to an image: gather and
 * scatter, each the adjoint of the other. */
#include "op/conv/unfolding.h"
#include "op/operand.h"
#include "op/pool/window.h"

fv__unfolding fv__unfolding_of(const fv_unfolding *window, int32_t axes,
                               const int64_t size[])
{
    const int64_t one[FV__AXES] = { 1, 1, 1 };
    fv__unfolding a = { .axes = axes };
    if (window) a.window = *window;
    fv__option_axes(FV__AXES, a.window.kernel, 0, a.window.kernel);
    fv__option_axes(FV__AXES, a.window.stride, 0, one);
    fv__option_axes(FV__AXES, a.window.dilation, 0, one);
    for (int32_t i = 0; size && axes <= FV__AXES && i < axes; i++)
        a.size[i] = size[i];
    return a;
}

fv_status fv__unfolding_geometry(const fv_inference *inference, int64_t batch,
                                 int32_t axes, const int64_t in[],
                                 int64_t channels, fv__geometry *g)
{
    const fv_unfolding *w =
        &((const fv__unfolding *)inference->attributes)->window;
    *g = (fv__geometry){ .batch = batch,
                         .in = { 1, 1, 1 },
                         .channels = channels,
                         .filters = 1,
                         .kernel = { 1, 1, 1 },
                         .stride = { 1, 1, 1 },
                         .dilation = { 1, 1, 1 },
                         .groups = 1 };
    for (int32_t i = 0; i < axes; i++) {
        const int32_t axis = fv__axis_of(axes, i);
        g->in[axis] = in[i];
        g->kernel[axis] = w->kernel[i];
        g->stride[axis] = w->stride[i];
        g->dilation[axis] = w->dilation[i];
        g->begin[axis] = w->padding_begin[i];
        g->end[axis] = w->padding_end[i];
    }
    return fv__geometry_check(inference->context, inference->name, false, g);
}

static int64_t taps_of(const fv__geometry *g)
{
    return g->kernel[FV__DEPTH] * g->kernel[0] * g->kernel[1];
}

size_t fv__unfolding_scratch(const fv_context *context, const fv__geometry *g)
{
    return fv__bytes_times(
        (size_t)context->threads,
        fv__align(fv__real_bytes(context, taps_of(g) * g->channels)));
}

/* ---- both directions ----------------------------------------------------- */

typedef struct job {
    fv_context *context;
    const fv__geometry *g;
    const void *from;
    void *to, *scratch;
    fv__accumulation accumulation;
} job;

static void *scratch_of(const job *j, size_t worker)
{
    return (unsigned char *)j->scratch
           + worker
                 * fv__align(fv__real_bytes(j->context,
                                            taps_of(j->g) * j->g->channels));
}

/* Copies the taps of a window in one row of pixels, which begins at `row`, to
 * the column from tap `tap` on. */
static void gather_row(const job *j, int64_t column, const void *row, void *out,
                       int64_t tap)
{
    const fv__geometry *g = j->g;
    const int64_t dilation = g->dilation[1], c = g->channels;
    const int64_t first = column * g->stride[1] - g->begin[1];
    const int64_t low = fv__divide_up(fv__max(-first, 0), dilation);
    const int64_t high = fv__min(
        g->kernel[1], fv__divide_up(fv__max(g->in[1] - first, 0), dilation));
    if (low >= high) return;
    j->context->kernels->transpose(
        (size_t)(high - low), (size_t)c,
        fv__number_in(j->context, row, (first + low * dilation) * c),
        (size_t)(dilation * c), fv__number_at(j->context, out, tap + low),
        (size_t)taps_of(g), (size_t)(high - low));
}

/* The column of one window. */
static void gather_window(const job *j, int64_t image, int64_t plane,
                          int64_t line, int64_t column, void *out)
{
    const fv__geometry *g = j->g;
    const int64_t width = g->in[1] * g->channels;
    j->context->kernels->fill((size_t)(taps_of(g) * g->channels), 0, out);
    for (int64_t d = 0; d < g->kernel[FV__DEPTH]; d++)
        for (int64_t r = 0; r < g->kernel[0]; r++) {
            const int64_t deep = plane * g->stride[FV__DEPTH]
                                 + d * g->dilation[FV__DEPTH]
                                 - g->begin[FV__DEPTH];
            const int64_t row =
                line * g->stride[0] + r * g->dilation[0] - g->begin[0];
            if (deep < 0 || deep >= g->in[FV__DEPTH] || row < 0
                || row >= g->in[0])
                continue;
            const int64_t at =
                ((image * g->in[FV__DEPTH] + deep) * g->in[0] + row) * width;
            gather_row(j, column, fv__number_in(j->context, j->from, at), out,
                       (d * g->kernel[0] + r) * g->kernel[1]);
        }
}

/* A row of windows. */
static void gather_line(void *argument, size_t item, size_t worker)
{
    const job *j = argument;
    const fv__geometry *g = j->g;
    const int64_t line = (int64_t)item % g->out[0];
    const int64_t plane = (int64_t)item / g->out[0] % g->out[FV__DEPTH];
    const int64_t image = (int64_t)item / g->out[0] / g->out[FV__DEPTH];
    const int64_t n = taps_of(g) * g->channels;
    void *buffer = scratch_of(j, worker);
    for (int64_t q = 0; q < g->out[1]; q++) {
        void *out = fv__number_at(j->context, j->to,
                                  ((int64_t)item * g->out[1] + q) * n);
        const bool adds = j->accumulation == FV__ACCUMULATE;
        gather_window(j, image, plane, line, q, adds ? buffer : out);
        if (adds) j->context->kernels->axpy((size_t)n, 1, buffer, out);
    }
}

void fv__unfolding_gather(const fv_call *call, const fv__geometry *g,
                          const void *images, void *columns,
                          fv__accumulation accumulation)
{
    job j = { call->context, g, images, columns, call->scratch, accumulation };
    const int64_t items = g->batch * g->out[FV__DEPTH] * g->out[0];
    fv__parallel(call->context, (size_t)items,
                 (double)(items * g->out[1] * taps_of(g) * g->channels),
                 gather_line, &j);
}

/* Adds the taps of one row of taps of a row of windows, of which `columns` is
 * the first, to a row of pixels. */
static void scatter_row(const job *j, const void *columns, int64_t tap,
                        void *row, void *buffer)
{
    const fv__geometry *g = j->g;
    const int64_t taps = taps_of(g), c = g->channels;
    for (int64_t q = 0; q < g->out[1]; q++) {
        j->context->kernels->transpose(
            (size_t)c, (size_t)g->kernel[1],
            fv__number_in(j->context, columns, q * taps * c + tap),
            (size_t)taps, buffer, (size_t)c, (size_t)c);
        for (int64_t s = 0; s < g->kernel[1]; s++) {
            const int64_t at =
                q * g->stride[1] + s * g->dilation[1] - g->begin[1];
            if (at < 0 || at >= g->in[1]) continue;
            j->context->kernels->axpy((size_t)c, 1,
                                      fv__number_in(j->context, buffer, s * c),
                                      fv__number_at(j->context, row, at * c));
        }
    }
}

/* The window whose tap lies at a position of an axis; -1: there is none. */
static int64_t window_at(const fv__geometry *g, int axis, int64_t position,
                         int64_t tap)
{
    const int64_t from = position + g->begin[axis] - tap * g->dilation[axis];
    if (from < 0 || from % g->stride[axis]) return -1;
    return from / g->stride[axis] < g->out[axis] ? from / g->stride[axis] : -1;
}

/* A row of pixels: the sum over the rows of taps that lie there. */
static void scatter_line(void *argument, size_t item, size_t worker)
{
    const job *j = argument;
    const fv__geometry *g = j->g;
    const int64_t row = (int64_t)item % g->in[0];
    const int64_t deep = (int64_t)item / g->in[0] % g->in[FV__DEPTH];
    const int64_t image = (int64_t)item / g->in[0] / g->in[FV__DEPTH];
    const int64_t width = g->in[1] * g->channels;
    const int64_t line = g->out[1] * taps_of(g) * g->channels;
    void *to = fv__number_at(j->context, j->to, (int64_t)item * width);
    if (j->accumulation == FV__STORE)
        j->context->kernels->fill((size_t)width, 0, to);
    for (int64_t d = 0; d < g->kernel[FV__DEPTH]; d++)
        for (int64_t r = 0; r < g->kernel[0]; r++) {
            const int64_t plane = window_at(g, FV__DEPTH, deep, d);
            const int64_t at = window_at(g, FV__ROWS, row, r);
            if (plane < 0 || at < 0) continue;
            const int64_t first =
                ((image * g->out[FV__DEPTH] + plane) * g->out[0] + at) * line;
            scatter_row(j, fv__number_in(j->context, j->from, first),
                        (d * g->kernel[0] + r) * g->kernel[1], to,
                        scratch_of(j, worker));
        }
}

void fv__unfolding_scatter(const fv_call *call, const fv__geometry *g,
                           const void *columns, void *images,
                           fv__accumulation accumulation)
{
    job j = { call->context, g, columns, images, call->scratch, accumulation };
    const int64_t items = g->batch * g->in[FV__DEPTH] * g->in[0];
    fv__parallel(call->context, (size_t)items,
                 (double)(items * g->in[1] * taps_of(g) * g->channels),
                 scatter_line, &j);
}

/* ---- layers -------------------------------------------------------------- */

fv_unfolding fv__unfolding_window(const fv_layer *layer, const int64_t in[2])
{
    const fv__unfolding_options *o = layer->options;
    fv__geometry g = { .in = { in[0], in[1] } };
    fv_unfolding w = { .kernel = { o->kernel[0], o->kernel[1] } };
    for (int i = 0; i < 2; i++) {
        g.kernel[i] = o->kernel[i];
        g.stride[i] = w.stride[i] = o->stride[i];
        g.dilation[i] = w.dilation[i] = o->dilation[i];
        g.begin[i] = o->padding_begin[i];
        g.end[i] = o->padding_end[i];
    }
    fv__auto_pad(o->auto_pad, &g);
    for (int i = 0; i < 2; i++) {
        w.padding_begin[i] = g.begin[i];
        w.padding_end[i] = g.end[i];
    }
    return w;
}
