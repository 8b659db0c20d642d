/* Convolution by plain loops: the definition, bit for bit. */
#include "kernel/conv.h"

#include <math.h>

/* ---- numbers of either type, held in a double --------------------------- */

static double get(fv_dtype dtype, const void *x, int64_t i)
{
    if (dtype == FV_F64) return ((const double *)x)[i];
    return (double)((const float *)x)[i];
}

static void put(fv_dtype dtype, void *x, int64_t i, double value)
{
    if (dtype == FV_F64)
        ((double *)x)[i] = value;
    else
        ((float *)x)[i] = (float)value;
}

/* A sum of two floats, rounded to double and then to float, is their float
 * sum. */
static double sum_of(fv_dtype dtype, double a, double b)
{
    return dtype == FV_F64 ? a + b : (double)((float)a + (float)b);
}

static double fused(fv_dtype dtype, double a, double b, double c)
{
    if (dtype == FV_F64) return fma(a, b, c);
    return (double)fmaf((float)a, (float)b, (float)c);
}

/* sum, then fused with a[i a_step] b[i b_step] for ascending i. Without `a`,
 * zeros: padding is multiplied like any other input. */
static double chain(fv_dtype dtype, double sum, int64_t n, const void *a,
                    int64_t a_at, const void *b, int64_t b_at, int64_t b_step)
{
    for (int64_t i = 0; i < n; i++)
        sum = fused(dtype, a ? get(dtype, a, a_at + i) : 0,
                    get(dtype, b, b_at + i * b_step), sum);
    return sum;
}

/* ---- forward ------------------------------------------------------------ */

typedef struct work {
    const fv__conv_call *call;
    const fv__geometry *g;
    fv_dtype dtype;
    fv__conv_sizes sizes;
} work;

/* Index of the first channel of the input that a tap meets; false in the
 * padding. */
static bool input_at(const fv__geometry *g, fv__pixel p, int64_t tap,
                     int64_t *index)
{
    int64_t row = p.row * g->stride[0] - g->begin[0]
                  + tap / g->kernel[1] * g->dilation[0];
    int64_t column = p.column * g->stride[1] - g->begin[1]
                     + tap % g->kernel[1] * g->dilation[1];

    if (row < 0 || row >= g->in[0] || column < 0 || column >= g->in[1])
        return false;
    *index = ((p.image * g->in[0] + row) * g->in[1] + column) * g->channels;
    return true;
}

static double finished(const work *w, double sum, int64_t f, int64_t at)
{
    const fv__finish *e = &w->call->finish;

    if (e->bias) sum = sum_of(w->dtype, sum, get(w->dtype, e->bias, f));
    if (e->residual)
        sum = sum_of(w->dtype, sum, get(w->dtype, e->residual, at));
    if (e->clamp) sum = sum < e->low ? e->low : sum > e->high ? e->high : sum;
    return sum;
}

static void forward(void *argument, size_t item, size_t worker)
{
    const work *w = argument;
    const fv__conv_sizes *s = &w->sizes;
    const fv__conv_call *call = w->call;
    fv__pixel pixel = fv__pixel_at(w->g->out, (int64_t)item);

    (void)worker;
    for (int64_t f = 0; f < w->g->filters; f++) {
        double sum = 0;

        for (int64_t tap = 0; tap < s->taps; tap++) {
            int64_t at = 0;
            bool inside = input_at(w->g, pixel, tap, &at);

            sum = chain(w->dtype, sum, s->channels, inside ? call->x : NULL,
                        at + f / s->filters * s->channels, call->weight,
                        f * s->span + tap * s->channels, 1);
        }
        int64_t at = (int64_t)item * w->g->filters + f;
        put(w->dtype, call->y, at, finished(w, sum, f, at));
    }
}

/* ---- input gradient ----------------------------------------------------- */

/* Whether tap `k` of an axis steps onto input `at`; the output it comes from,
 * which may lie outside the image. */
static bool output_at(const fv__geometry *g, int axis, int64_t at, int64_t k,
                      int64_t *output)
{
    int64_t from = at + g->begin[axis] - k * g->dilation[axis];

    *output = from / g->stride[axis];
    return from % g->stride[axis] == 0;
}

/* One channel of an input pixel: a chain over the taps that step onto it, and
 * their filters. */
static double input_sum(const work *w, fv__pixel p, int64_t c)
{
    const fv__geometry *g = w->g;
    const fv__conv_sizes *s = &w->sizes;
    int64_t first = c / s->channels * s->filters;
    double sum = 0;

    for (int64_t tap = s->taps; tap-- > 0;) {
        int64_t i, j;

        if (!output_at(g, 0, p.row, tap / g->kernel[1], &i)
            || !output_at(g, 1, p.column, tap % g->kernel[1], &j))
            continue;
        bool inside = i >= 0 && i < g->out[0] && j >= 0 && j < g->out[1];
        int64_t at = ((p.image * g->out[0] + i) * g->out[1] + j) * g->filters;

        sum = chain(w->dtype, sum, s->filters, inside ? w->call->dy : NULL,
                    at + first, w->call->weight,
                    first * s->span + tap * s->channels + c % s->channels,
                    s->span);
    }
    return sum;
}

/* One input pixel. */
static void backward_data(void *argument, size_t item, size_t worker)
{
    const work *w = argument;
    const fv__geometry *g = w->g;
    int64_t line = (int64_t)item / g->in[1];
    fv__pixel pixel = { line / g->in[0], line % g->in[0],
                        (int64_t)item % g->in[1] };

    (void)worker;
    for (int64_t c = 0; c < g->channels; c++) {
        int64_t at = (int64_t)item * g->channels + c;
        double sum = input_sum(w, pixel, c);

        if (!w->call->overwrite)
            sum = sum_of(w->dtype, get(w->dtype, w->call->dx, at), sum);
        put(w->dtype, w->call->dx, at, sum);
    }
}

/* ---- weight gradient ---------------------------------------------------- */

/* A block's chain for one weight. */
static double block_sum(const work *w, int64_t block, int64_t f, int64_t tap,
                        int64_t channel)
{
    const fv__conv_sizes *s = &w->sizes;
    int64_t last = fv__min(s->pixels, (block + 1) * s->block);
    double sum = 0;

    for (int64_t i = block * s->block; i < last; i++) {
        int64_t at;
        double x = 0;

        if (input_at(w->g, fv__pixel_at(w->g->out, i), tap, &at))
            x = get(w->dtype, w->call->x, at + channel);
        sum = fused(w->dtype, get(w->dtype, w->call->dy, i * w->g->filters + f),
                    x, sum);
    }
    return sum;
}

/* Where a sum begins: `sum`, or, if that goes on from `there`, their sum. */
static double begin(const work *w, bool go_on, double there, double sum)
{
    return go_on ? sum_of(w->dtype, there, sum) : sum;
}

static double weight_sum(const work *w, int64_t f, int64_t tap, int64_t c)
{
    const fv__conv_sizes *s = &w->sizes;
    int64_t channel = f / s->filters * s->channels + c;
    double there =
        get(w->dtype, w->call->dweight, f * s->span + tap * s->channels + c);
    bool go_on = !w->call->overwrite, one = s->parts == 1;
    double total = 0;

    for (int64_t part = 0; part < s->parts; part++) {
        int64_t first = fv__conv_part(s, part);
        double sum =
            begin(w, one && go_on, there, block_sum(w, first, f, tap, channel));

        for (int64_t b = first + 1; b < fv__conv_part(s, part + 1); b++)
            sum = sum_of(w->dtype, sum, block_sum(w, b, f, tap, channel));
        total = part ? sum_of(w->dtype, total, sum) : sum;
    }
    return one ? total : begin(w, go_on, there, total);
}

static double bias_sum(const work *w, int64_t f)
{
    const fv__conv_sizes *s = &w->sizes;
    double there = get(w->dtype, w->call->dbias, f);
    bool go_on = !w->call->overwrite, one = s->parts == 1;
    double total = 0;

    for (int64_t part = 0; part < s->parts; part++) {
        int64_t last = fv__conv_part(s, part + 1) * s->block;
        double sum = one && go_on ? there : 0;

        for (int64_t i = fv__conv_part(s, part) * s->block;
             i < fv__min(last, s->pixels); i++)
            sum = sum_of(w->dtype, sum,
                         get(w->dtype, w->call->dy, i * w->g->filters + f));
        total = part ? sum_of(w->dtype, total, sum) : sum;
    }
    return one ? total : begin(w, go_on, there, total);
}

/* One filter. */
static void backward_weights(void *argument, size_t item, size_t worker)
{
    const work *w = argument;
    const fv__conv_sizes *s = &w->sizes;
    int64_t f = (int64_t)item;

    (void)worker;
    for (int64_t tap = 0; tap < s->taps; tap++)
        for (int64_t c = 0; c < s->channels; c++)
            put(w->dtype, w->call->dweight, f * s->span + tap * s->channels + c,
                weight_sum(w, f, tap, c));
    if (w->call->dbias) put(w->dtype, w->call->dbias, f, bias_sum(w, f));
}

/* ---- the algorithm ------------------------------------------------------ */

static bool applicable(const fv_context *context, const fv__geometry *g)
{
    (void)context;
    (void)g;
    return true;
}

static size_t nothing(const fv_context *context, const fv__geometry *g,
                      fv__direction direction)
{
    (void)context;
    (void)g;
    (void)direction;
    return 0;
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    work w = { call, g, call->context->dtype, fv__conv_measure(g) };
    double cost = 4 * (double)fv__geometry_macs(g);

    if (w.sizes.pixels == 0) return;
    switch (direction) {
    case FV__FORWARD:
        fv__parallel(call->context, (size_t)w.sizes.pixels, cost, forward, &w);
        break;
    case FV__BACKWARD_DATA:
        fv__parallel(call->context, (size_t)(g->batch * g->in[0] * g->in[1]),
                     cost, backward_data, &w);
        break;
    case FV__BACKWARD_WEIGHTS:
        fv__parallel(call->context, (size_t)g->filters, cost, backward_weights,
                     &w);
        break;
    }
}

/* One element at a time, each through a function. */
static double cost(const fv__geometry *g, fv__direction direction)
{
    (void)direction;
    return 64 * (double)fv__geometry_macs(g);
}

const fv__conv_algorithm fv__conv_reference = {
    .name = "reference",
    .applicable = applicable,
    .cost = cost,
    .plain = true,
    .packed = nothing,
    .scratch = nothing,
    .run = run,
};
