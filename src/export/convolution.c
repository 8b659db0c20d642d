/* Writes convolutions and linear layers. */
#include "export/convolution.h"

#include "op/shape/padding.h"

#include <math.h>
#include <string.h>

/* How the sums of an output are computed. */
typedef enum form { TILES, ONE_WINDOW, DEPTHWISE } form;

typedef struct job {
    fv__geometry g;
    int64_t padded[FV__AXES]; /* extents of the input with its padding */
    int64_t channels, filters, terms; /* of a group; of a sum */
    fv__chain chain;
    form form;
    bool pads;
} job;

static job job_of(const fv__node *node)
{
    const fv__conv2d *a = node->attributes;
    job j = { .g = fv__convolution_geometry(node->values[0], node->values[1],
                                            &a->convolution) };
    fv__geometry *g = &j.g;
    fv__geometry_check(node->outputs[0]->context, "export", false, g);
    for (int i = 0; i < FV__AXES; i++) {
        j.padded[i] = g->in[i] + g->begin[i] + g->end[i];
        j.pads = j.pads || g->begin[i] || g->end[i];
    }
    j.channels = g->channels / g->groups;
    j.filters = g->filters / g->groups;
    j.terms = fv__volume(g->kernel) * j.channels;
    j.chain = (fv__chain){ g->kernel[FV__DEPTH] * g->kernel[FV__ROWS],
                           g->kernel[FV__COLUMNS], j.channels };
    if (fv__geometry_is_depthwise(g) && !fv__chain_is_cut(j.chain))
        j.form = DEPTHWISE;
    else if (fv__volume(g->out) == 1 && g->groups == 1)
        j.form = ONE_WINDOW;
    return j;
}

int64_t fv__scratch_conv(const fv__node *node)
{
    const job j = job_of(node);
    const int64_t extents[] = { j.g.batch, fv__volume(j.padded), j.g.channels };
    return j.pads ? fv__product(3, extents) : 0;
}

/* ---- the terms of a sum -------------------------------------------------- */

/* The pixels of the padded input under the taps of window 0, in the order of
 * the chain; to be released. */
static int64_t *taps_of(fv__export *e, const job *j)
{
    const fv__geometry *g = &j->g;
    const int64_t taps = fv__volume(g->kernel);
    int64_t *at = fv__allocate(e->context, FV__DATA, (size_t)taps * sizeof *at);
    for (int64_t t = 0; at && t < taps; t++) {
        const int64_t row = t / g->kernel[FV__COLUMNS];
        const int64_t plane =
            row / g->kernel[FV__ROWS] * g->dilation[FV__DEPTH];
        const int64_t line =
            plane * j->padded[FV__ROWS]
            + row % g->kernel[FV__ROWS] * g->dilation[FV__ROWS];
        at[t] = line * j->padded[FV__COLUMNS]
                + t % g->kernel[FV__COLUMNS] * g->dilation[FV__COLUMNS];
    }
    return at;
}

int32_t fv__write_runs(fv__export *e, const char *name, fv__chain chain,
                       const int64_t taps[], int64_t pixel)
{
    const int64_t terms = fv__chain_terms(chain);
    int64_t end = 0;
    int32_t count = 0;
    fv__text_add(&e->calls, "        static const run %s[] = {", name);
    for (int64_t at = 0, next; at < terms; at = next) {
        if (at == end) end += fv__chain_block(chain, at);
        const int64_t tap = at / chain.channels, channel = at % chain.channels;
        next = fv__min(end, (tap + 1) * chain.channels);
        while (chain.channels == pixel && next < end
               && taps[next / chain.channels]
                      == taps[next / chain.channels - 1] + 1)
            next = fv__min(end, next + chain.channels);
        const int64_t first = taps[tap] * pixel + channel;
        fv__text_add(&e->calls, "%s{ %lld, %lld, %d }",
                     count % 4 ? ", "
                     : count   ? ",\n            "
                               : "\n            ",
                     (long long)first, (long long)(next - at), next == end);
        count++;
    }
    if (!terms) fv__text_add(&e->calls, " { 0, 0, 1 }"); /* a sum of nothing */
    fv__text_add(&e->calls, "\n        };\n");
    return terms ? count : 1;
}

/* ---- weights ------------------------------------------------------------- */

size_t fv__pack(fv__export *e, int64_t groups, int64_t filters, int64_t terms,
                int64_t width, const float *weights)
{
    size_t at;
    const int64_t panels = fv__divide_up(filters, width);
    float *to =
        fv__export_room(e, (size_t)(groups * panels * terms * width), &at);
    for (int64_t f = 0; to && f < groups * filters; f++) {
        const int64_t lane = f % filters % width;
        float *panel =
            to + (f / filters * panels + f % filters / width) * terms * width;
        for (int64_t t = 0; t < terms; t++)
            panel[t * width + lane] = weights[f * terms + t];
    }
    return fv__export_once(e, at);
}

size_t fv__pack_bias(fv__export *e, int64_t groups, int64_t filters,
                     int64_t width, const float *bias)
{
    size_t at;
    const int64_t all = groups * fv__divide_up(filters, width) * width;
    if (bias) return fv__pack(e, groups, filters, 1, width, bias);
    float *to = fv__export_room(e, (size_t)all, &at);
    for (int64_t i = 0; to && i < all; i++) to[i] = -0.0f;
    return at;
}

/* Weights and bias as the definition uses them: the node's, or folded ones in
 * memory that is released by the caller. */
typedef struct operands {
    const float *weights, *bias;
    float *folded;
} operands;

static operands operands_of(fv__export *e, const fv__node *node)
{
    const fv__conv2d *a = node->attributes;
    const fv__conv_places p = fv__conv_places_of(a);
    const size_t count = fv__count(node->values[1]);
    const size_t filters = (size_t)node->values[1]->shape[0];
    operands o = { node->values[1]->data,
                   a->bias ? node->values[p.bias]->data : NULL, NULL };
    if (!a->normalised) return o;
    o.folded = fv__allocate(e->context, FV__DATA,
                            (count + filters) * sizeof *o.folded);
    if (!o.folded) return o;
    const fv_call call = { .context = e->context,
                           .attributes = a,
                           .num_inputs = node->num_inputs,
                           .inputs = node->values };
    fv__conv_fold(&call, o.folded, o.folded + count);
    o.weights = o.folded;
    o.bias = o.folded + count;
    return o;
}

/* ---- calls --------------------------------------------------------------- */

/* Declares the epilogue; returns the place of the packed weights. */
static size_t write_epilogue(fv__export *e, const fv__node *node, const job *j)
{
    const fv__conv2d *a = node->attributes;
    const operands o = operands_of(e, node);
    const bool joins = j->form == DEPTHWISE; /* groups are the filters */
    const int64_t width =
        j->form == ONE_WINDOW ? FV__WIDE : FV__COLUMNS_OF_PANEL;
    const int64_t groups = joins ? 1 : j->g.groups;
    const int64_t filters = joins ? j->g.filters : j->filters;
    size_t weights = 0, bias = 0;
    if (fv__ok(e->context))
        weights = fv__pack(e, groups, filters, j->terms, width, o.weights);
    if (fv__ok(e->context))
        bias = fv__pack_bias(e, groups, filters, width, o.bias);
    const int32_t residual = fv__conv_places_of(a).residual;
    fv__text_add(
        &e->calls,
        "        const epilogue after = { weights + %zu, %s, %s, %s "
        "};\n",
        bias, residual < 0 ? "NULL" : fv__export_at(e, node->inputs[residual]),
        FV__C_NUMBER(a->clamp ? a->low : -(double)INFINITY),
        FV__C_NUMBER(a->clamp ? a->high : (double)INFINITY));
    fv__release(e->context, o.folded);
    return weights;
}

const char *fv__write_border(fv__export *e, const fv__node *node, int64_t batch,
                             int64_t channels, const int64_t in[FV__AXES],
                             const int64_t begin[FV__AXES],
                             const int64_t padded[FV__AXES], double value)
{
    const char *x = fv__export_at(e, node->inputs[0]);
    const char *scratch = fv__export_scratch(e, node);
    const int64_t *sets[] = { in, begin, padded };
    static const char *const names[] = { "extents", "begin", "size" };
    if (memcmp(in, padded, FV__AXES * sizeof *in) == 0) return x;
    for (int i = 0; i < 3; i++)
        fv__text_add(&e->calls,
                     "        static const int32_t %s[] = { %lld, %lld, %lld "
                     "};\n",
                     names[i], (long long)sets[i][FV__DEPTH],
                     (long long)sets[i][FV__ROWS],
                     (long long)sets[i][FV__COLUMNS]);
    fv__text_add(&e->calls,
                 "        border(%lld, extents, begin, size, %lld, %s, %s, "
                 "%s);\n",
                 (long long)batch, (long long)channels, FV__C_NUMBER(value), x,
                 scratch);
    return scratch;
}

/* The same where the padding is copies of elements: tables say of which, along
 * each axis. */
static const char *write_copies(fv__export *e, const fv__node *node,
                                const job *j, fv_padding_mode mode)
{
    static const int axes[] = { FV__DEPTH, FV__ROWS, FV__COLUMNS };
    static const char *const names[] = { "planes", "lines", "columns" };
    const char *scratch = fv__export_scratch(e, node);
    for (int i = 0; i < 3; i++) {
        const int axis = axes[i];
        fv__text_add(&e->calls, "        static const int32_t %s[] = {",
                     names[i]);
        for (int64_t k = 0; k < j->padded[axis]; k++)
            fv__text_add(&e->calls, "%s%lld", k ? ", " : " ",
                         (long long)fv__padding_source(
                             mode, k - j->g.begin[axis], j->g.in[axis]));
        fv__text_add(&e->calls, " };\n");
    }
    fv__text_add(
        &e->calls,
        "        static const int32_t *const places[] = { planes, lines, "
        "columns "
        "};\n        static const int32_t extents[] = { %lld, %lld, %lld };\n"
        "        static const int32_t size[] = { %lld, %lld, %lld };\n        "
        "border_of_copies(%lld, extents, size, places, %lld, %s, %s);\n",
        (long long)j->g.in[FV__DEPTH], (long long)j->g.in[FV__ROWS],
        (long long)j->g.in[FV__COLUMNS], (long long)j->padded[FV__DEPTH],
        (long long)j->padded[FV__ROWS], (long long)j->padded[FV__COLUMNS],
        (long long)j->g.batch, (long long)j->g.channels,
        fv__export_at(e, node->inputs[0]), scratch);
    return scratch;
}

static const char *write_border(fv__export *e, const fv__node *node,
                                const job *j)
{
    const fv_convolution *c =
        &((const fv__conv2d *)node->attributes)->convolution;
    const bool number = c->padding_mode == FV_PAD_CONSTANT;
    if (j->pads && !number && c->padding_mode != FV_PAD_ZEROS)
        return write_copies(e, node, j, c->padding_mode);
    return fv__write_border(e, node, j->g.batch, j->g.channels, j->g.in,
                            j->g.begin, j->padded,
                            number ? c->padding_value : 0);
}

void fv__write_windows(fv__export *e, int64_t batch,
                       const int64_t out[FV__AXES],
                       const int64_t stride[FV__AXES],
                       const int64_t padded[FV__AXES], int64_t pixel,
                       const int64_t numbers[5])
{
    const int64_t line = padded[FV__COLUMNS] * pixel;
    const int64_t plane = padded[FV__ROWS] * line;
    const int64_t steps[] = { padded[FV__DEPTH] * plane,
                              stride[FV__DEPTH] * plane,
                              stride[FV__ROWS] * line,
                              stride[FV__COLUMNS] * pixel };
    fv__text_add(&e->calls,
                 "        static const convolution c = { { %lld, %lld, %lld, "
                 "%lld, %lld, %lld, %lld, %lld },\n            %lld, %lld, "
                 "%lld, %lld, %lld };\n",
                 (long long)batch, (long long)out[FV__DEPTH],
                 (long long)out[FV__ROWS], (long long)out[FV__COLUMNS],
                 (long long)steps[0], (long long)steps[1], (long long)steps[2],
                 (long long)steps[3], (long long)numbers[0],
                 (long long)numbers[1], (long long)numbers[2],
                 (long long)numbers[3], (long long)numbers[4]);
}

void fv__write_conv(fv__export *e, const fv__node *node)
{
    const job j = job_of(node);
    int64_t *taps = taps_of(e, &j);
    if (!taps) return;
    const int32_t runs = fv__write_runs(e, "runs", j.chain, taps, j.g.channels);
    fv__release(e->context, taps);
    const int64_t numbers[] = { j.g.groups, j.channels, j.filters, j.terms,
                                runs };
    if (j.form != ONE_WINDOW)
        fv__write_windows(e, j.g.batch, j.g.out, j.g.stride, j.padded,
                          j.g.channels, numbers);
    const size_t weights = write_epilogue(e, node, &j);
    const char *x = write_border(e, node, &j);
    const char *y = fv__export_at(e, node->outputs[0]);
    const int64_t image = fv__volume(j.padded) * j.g.channels;
    if (j.form == ONE_WINDOW)
        fv__text_add(&e->calls,
                     "        multiply(runs, %d, %lld, %lld, %lld, &after, "
                     "weights + %zu, %s, %lld, %s);\n",
                     runs, (long long)j.g.batch, (long long)j.terms,
                     (long long)j.filters, weights, x, (long long)image, y);
    else
        fv__text_add(&e->calls,
                     "        convolve%s(&c, &after, runs, weights + %zu, %s, "
                     "%s);\n",
                     j.form == DEPTHWISE ? "_depthwise" : "", weights, x, y);
}

void fv__write_linear(fv__export *e, const fv__node *node)
{
    const fv_tensor *weight = node->values[1];
    const int64_t out = weight->shape[0], in = weight->shape[1];
    const int32_t runs = fv__write_sum(e, "runs", in);
    const size_t weights = fv__pack(e, 1, out, in, FV__WIDE, weight->data);
    const size_t bias =
        fv__pack_bias(e, 1, out, FV__WIDE,
                      node->num_inputs > 2 ? node->values[2]->data : NULL);
    fv__text_add(&e->calls,
                 "        const epilogue after = { weights + %zu, NULL, "
                 "-(float)INFINITY, (float)INFINITY };\n        "
                 "multiply(runs, %d, %lld, %lld, "
                 "%lld, &after, weights + %zu, %s, %lld, %s);\n",
                 bias, runs, (long long)node->values[0]->shape[0],
                 (long long)in, (long long)out, weights,
                 fv__export_at(e, node->inputs[0]), (long long)in,
                 fv__export_at(e, node->outputs[0]));
}
