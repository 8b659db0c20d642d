/* Convolution by plain loops, an output at a time: the definition that the
 * other plain algorithms reproduce bit for bit. */
#include "conv/shared.h"

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

/* A chain while its terms are added, in blocks as chain.h says: the sum of the
 * blocks so far, or of what the chain is added to, and that of this block. */
typedef struct chain {
    fv_dtype dtype;
    fv__chain shape;
    int64_t at, end; /* the next term; the end of its block */
    bool has_before;
    double before, sum;
} chain;

static chain chain_begin(fv_dtype dtype, fv__chain shape, bool has_before,
                         double before)
{
    return (chain){ dtype, shape, 0, 0, has_before, before, 0 };
}

static double chain_total(const chain *c)
{
    return c->has_before ? sum_of(c->dtype, c->before, c->sum) : c->sum;
}

/* Moves on to the next term. */
static void chain_next(chain *c)
{
    if (c->at == c->end) {
        if (c->at) {
            c->before = chain_total(c);
            c->has_before = true;
        }
        c->sum = 0;
        c->end += fv__chain_block(c->shape, c->at);
    }
    c->at++;
}

static void chain_term(chain *c, double a, double b)
{
    chain_next(c);
    c->sum = fused(c->dtype, a, b, c->sum);
}

/* Adds terms a[i] b[i b_step] for ascending i; skips n terms if `a` is NULL,
 * which stands for padding. */
static void chain_terms(chain *c, int64_t n, const void *a, int64_t a_at,
                        const void *b, int64_t b_at, int64_t b_step)
{
    for (int64_t i = 0; i < n; i++)
        if (a)
            chain_term(c, get(c->dtype, a, a_at + i),
                       get(c->dtype, b, b_at + i * b_step));
        else
            chain_next(c);
}

/* ---- forward ------------------------------------------------------------ */

typedef struct work {
    const fv__conv_call *call;
    const fv__geometry *g;
    fv_dtype dtype;
    fv__conv_sizes sizes;
} work;

/* Index of a pixel of an image or tap of a kernel with these extents, depth
 * first, and what it stands for. */
static int64_t index_of(const int64_t extent[FV__AXES],
                        const int64_t at[FV__AXES])
{
    return (at[FV__DEPTH] * extent[0] + at[0]) * extent[1] + at[1];
}

static void position_of(const int64_t extent[FV__AXES], int64_t index,
                        int64_t at[FV__AXES])
{
    at[1] = index % extent[1];
    at[0] = index / extent[1] % extent[0];
    at[FV__DEPTH] = index / extent[1] / extent[0];
}

static int64_t volume(const int64_t extent[FV__AXES])
{
    return extent[FV__DEPTH] * extent[0] * extent[1];
}

/* Index of the first channel of the input pixel under a tap of output pixel
 * number `pixel` of the batch; false in the padding. */
static bool input_at(const fv__geometry *g, int64_t pixel, int64_t tap,
                     int64_t *index)
{
    const int64_t image = pixel / volume(g->out);
    int64_t out[FV__AXES], k[FV__AXES];

    position_of(g->out, pixel % volume(g->out), out);
    position_of(g->kernel, tap, k);
    for (int i = 0; i < FV__AXES; i++) {
        out[i] = out[i] * g->stride[i] - g->begin[i] + k[i] * g->dilation[i];
        if (out[i] < 0 || out[i] >= g->in[i]) return false;
    }
    *index = (image * volume(g->in) + index_of(g->in, out)) * g->channels;
    return true;
}

static double with_epilogue(const work *w, fv__direction direction, double sum,
                            int64_t f, int64_t at)
{
    const fv__epilogue epilogue = fv__conv_epilogue(w->call, direction),
                       *e = &epilogue;

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
    const int64_t *kernel = w->g->kernel;
    const fv__chain shape = { kernel[FV__DEPTH] * kernel[0], kernel[1],
                              s->channels };

    (void)worker;
    for (int64_t f = 0; f < w->g->filters; f++) {
        chain sum = chain_begin(w->dtype, shape, false, 0);

        for (int64_t tap = 0; tap < s->taps; tap++) {
            int64_t at = 0;

            const bool inside = input_at(w->g, (int64_t)item, tap, &at);

            chain_terms(&sum, s->channels, inside ? call->x : NULL,
                        at + f / s->filters * s->channels, call->weight,
                        f * s->span + tap * s->channels, 1);
        }
        int64_t at = (int64_t)item * w->g->filters + f;
        put(w->dtype, call->y, at,
            with_epilogue(w, FV__FORWARD, chain_total(&sum), f, at));
    }
}

/* ---- input gradient ----------------------------------------------------- */

/* Whether tap `k` of some output of an axis lies on input `at`, and of which;
 * the output may lie outside the image. */
static bool output_at(const fv__geometry *g, int axis, int64_t at, int64_t k,
                      int64_t *output)
{
    int64_t from = at + g->begin[axis] - k * g->dilation[axis];

    *output = from / g->stride[axis];
    return from % g->stride[axis] == 0;
}

/* Taps of an axis that lie on input `at` for some output. */
static int64_t taps_onto(const fv__geometry *g, int axis, int64_t at)
{
    int64_t count = 0, output;

    for (int64_t k = 0; k < g->kernel[axis]; k++)
        count += output_at(g, axis, at, k, &output);
    return count;
}

/* One channel of input pixel number `pixel` of the batch: a chain over the taps
 * that lie on it, the last one first, and filters; added to `there` unless
 * gradients are overwritten. */
static double input_sum(const work *w, int64_t pixel, int64_t c, double there)
{
    const fv__geometry *g = w->g;
    const fv__conv_sizes *s = &w->sizes;
    const int64_t image = pixel / volume(g->in);
    int64_t first = c / s->channels * s->filters, p[FV__AXES], count[FV__AXES];

    position_of(g->in, pixel % volume(g->in), p);
    for (int i = 0; i < FV__AXES; i++) count[i] = taps_onto(g, i, p[i]);
    const fv__chain shape = { count[FV__DEPTH] * count[0], count[1],
                              s->filters };
    chain sum = chain_begin(w->dtype, shape, !w->call->overwrite, there);

    for (int64_t tap = s->taps; tap-- > 0;) {
        int64_t k[FV__AXES], out[FV__AXES];
        bool lies = true, inside = true;

        position_of(g->kernel, tap, k);
        for (int i = 0; i < FV__AXES; i++) {
            lies = output_at(g, i, p[i], k[i], &out[i]) && lies;
            inside = inside && out[i] >= 0 && out[i] < g->out[i];
        }
        if (!lies) continue;
        int64_t at =
            (image * volume(g->out) + index_of(g->out, out)) * g->filters;

        chain_terms(&sum, s->filters, inside ? w->call->dy : NULL, at + first,
                    w->call->weight,
                    first * s->span + tap * s->channels + c % s->channels,
                    s->span);
    }
    return chain_total(&sum);
}

/* One input pixel. */
static void backward_data(void *argument, size_t item, size_t worker)
{
    const work *w = argument;
    const fv__geometry *g = w->g;

    (void)worker;
    for (int64_t c = 0; c < g->channels; c++) {
        int64_t at = (int64_t)item * g->channels + c;

        const double sum =
            input_sum(w, (int64_t)item, c, get(w->dtype, w->call->dx, at));

        put(w->dtype, w->call->dx, at,
            with_epilogue(w, FV__BACKWARD_DATA, sum, c, at));
    }
}

/* ---- weight gradient ---------------------------------------------------- */

/* The sum, over the blocks of pixels of a part, of dy of filter f times the
 * input of a tap and channel, or, if x is NULL, of dy alone; added to `there`
 * if `has_there`. */
static double part_sum(const work *w, int64_t part, bool has_there,
                       double there, int64_t f, const void *x, int64_t tap,
                       int64_t channel)
{
    const fv__conv_sizes *s = &w->sizes;

    for (int64_t b = fv__partial_first_block(s, part);
         b < fv__partial_first_block(s, part + 1); b++) {
        int64_t i = b * s->block;
        int64_t last = fv__min(s->pixels, i + s->block);
        chain sum = chain_begin(w->dtype, (fv__chain){ 1, 1, last - i },
                                has_there, there);

        for (; i < last; i++) {
            int64_t at = 0;

            if (x && !input_at(w->g, i, tap, &at))
                chain_next(&sum);
            else
                chain_term(&sum,
                           get(w->dtype, w->call->dy, i * w->g->filters + f),
                           x ? get(w->dtype, x, at + channel) : 1);
        }
        there = chain_total(&sum);
        has_there = true;
    }
    return there;
}

/* The sum of the parts. Unless gradients are overwritten, a single part is
 * added to `there` block by block, and the sum of several parts at the end. */
static double pixels_sum(const work *w, double there, int64_t f, const void *x,
                         int64_t tap, int64_t channel)
{
    const fv__conv_sizes *s = &w->sizes;
    bool adds = !w->call->overwrite, one = s->parts == 1;
    double total = 0;

    for (int64_t part = 0; part < s->parts; part++) {
        double sum = part_sum(w, part, one && adds, there, f, x, tap, channel);

        total = part ? sum_of(w->dtype, total, sum) : sum;
    }
    return one || !adds ? total : sum_of(w->dtype, there, total);
}

static double weight_sum(const work *w, int64_t f, int64_t tap, int64_t c)
{
    const fv__conv_sizes *s = &w->sizes;
    int64_t channel = f / s->filters * s->channels + c;
    double there =
        get(w->dtype, w->call->dweight, f * s->span + tap * s->channels + c);

    return pixels_sum(w, there, f, w->call->x, tap, channel);
}

static double bias_sum(const work *w, int64_t f)
{
    return pixels_sum(w, get(w->dtype, w->call->dbias, f), f, NULL, 0, 0);
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

static bool applicable(const fv__geometry *g)
{
    (void)g;
    return true;
}

static size_t nothing(fv__conv_target target, const fv__geometry *g,
                      fv__direction direction)
{
    (void)target;
    (void)g;
    (void)direction;
    return 0;
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    work w = { call, g, call->context->dtype, fv__conv_sizes_of(g) };
    double cost = 4 * (double)fv__geometry_macs(g);

    if (w.sizes.pixels == 0) return;
    switch (direction) {
    case FV__FORWARD:
        fv__parallel(call->context, (size_t)w.sizes.pixels, cost, forward, &w);
        break;
    case FV__BACKWARD_DATA:
        fv__parallel(call->context, (size_t)(g->batch * volume(g->in)), cost,
                     backward_data, &w);
        break;
    case FV__BACKWARD_WEIGHTS:
        fv__parallel(call->context, (size_t)g->filters, cost, backward_weights,
                     &w);
        break;
    }
}

static double cost(const fv__geometry *g, fv__direction direction)
{
    (void)direction;
    return fv__costs.reference_multiply_add * (double)fv__geometry_macs(g);
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
