/* Writes convolutions and linear layers. */
#include "export/emitters.h"

#include "op/conv/conv2d.h"

#include <math.h>
#include <string.h>

/* Filters of a panel of weights; those of src/export/runtime/convolution.c. */
enum { COLUMNS = 16, WIDE = 32 };

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

static int64_t pixels_of(const int64_t extents[FV__AXES])
{
    return extents[FV__DEPTH] * extents[FV__ROWS] * extents[FV__COLUMNS];
}

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
    j.terms = pixels_of(g->kernel) * j.channels;
    j.chain = (fv__chain){ g->kernel[FV__DEPTH] * g->kernel[FV__ROWS],
                           g->kernel[FV__COLUMNS], j.channels };
    if (fv__geometry_is_depthwise(g) && !fv__chain_is_cut(j.chain))
        j.form = DEPTHWISE;
    else if (pixels_of(g->out) == 1 && g->groups == 1)
        j.form = ONE_WINDOW;
    return j;
}

const char *fv__lacks_conv(const fv__node *node)
{
    const fv__conv2d *a = node->attributes;
    const fv_padding_mode mode = a->convolution.padding_mode;
    return mode == FV_PAD_ZEROS || mode == FV_PAD_CONSTANT
               ? NULL
               : "padding by its own elements";
}

int64_t fv__scratch_conv(const fv__node *node)
{
    const job j = job_of(node);
    const int64_t extents[] = { j.g.batch, pixels_of(j.padded), j.g.channels };
    return j.pads ? fv__product(3, extents) : 0;
}

/* ---- the terms of a sum -------------------------------------------------- */

/* Writes the runs of a sum: its terms, cut where memory does and where blocks
 * of the chain end. Returns how many. */
static int32_t write_runs(fv__export *e, const job *j)
{
    const fv__geometry *g = &j->g;
    const bool joined = g->dilation[FV__COLUMNS] == 1 && g->groups == 1;
    const int64_t length =
        joined ? j->chain.columns * j->channels : j->channels;
    int64_t end = 0;
    int32_t count = 0;
    fv__text_add(&e->calls, "        static const run runs[] = {");
    for (int64_t at = 0; at < j->terms;) {
        if (at == end) end += fv__chain_block(j->chain, at);
        const int64_t tap = at / j->channels, channel = at % j->channels;
        const int64_t row = tap / g->kernel[FV__COLUMNS];
        const int64_t place[FV__AXES] = {
            [FV__ROWS] = row % g->kernel[FV__ROWS] * g->dilation[FV__ROWS],
            [FV__COLUMNS] =
                tap % g->kernel[FV__COLUMNS] * g->dilation[FV__COLUMNS],
            [FV__DEPTH] = row / g->kernel[FV__ROWS] * g->dilation[FV__DEPTH]
        };
        const int64_t pixel =
            (place[FV__DEPTH] * j->padded[FV__ROWS] + place[FV__ROWS])
                * j->padded[FV__COLUMNS]
            + place[FV__COLUMNS];
        const int64_t next = fv__min(end, (at / length + 1) * length);
        fv__text_add(&e->calls, "%s{ %lld, %lld, %d }",
                     count % 4 ? ", "
                     : count   ? ",\n            "
                               : "\n            ",
                     (long long)(pixel * g->channels + channel),
                     (long long)(next - at), next == end);
        at = next;
        count++;
    }
    fv__text_add(&e->calls, "\n        };\n");
    return count;
}

/* ---- weights ------------------------------------------------------------- */

/* Copies weights [groups x filters][terms] to panels of `width` filters,
 * [group][panel][term][width], and the bias to as many numbers as lanes. With
 * depthwise filters, a panel has filters of several groups. */
static size_t pack(fv__export *e, int64_t groups, int64_t filters,
                   int64_t terms, int64_t width, const float *weights)
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
    return at;
}

static size_t pack_bias(fv__export *e, int64_t groups, int64_t filters,
                        int64_t width, const float *bias)
{
    return pack(e, groups, filters, 1, width, bias);
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
    const int64_t width = j->form == ONE_WINDOW ? WIDE : COLUMNS;
    const int64_t groups = joins ? 1 : j->g.groups;
    const int64_t filters = joins ? j->g.filters : j->filters;
    size_t weights = 0, bias = 0;
    if (fv__ok(e->context))
        weights = pack(e, groups, filters, j->terms, width, o.weights);
    if (o.bias && fv__ok(e->context))
        bias = pack_bias(e, groups, filters, width, o.bias);
    fv__text_add(&e->calls, "        const epilogue after = { ");
    if (o.bias)
        fv__text_add(&e->calls, "weights + %zu, ", bias);
    else
        fv__text_add(&e->calls, "NULL, ");
    const int32_t residual = fv__conv_places_of(a).residual;
    fv__text_add(&e->calls, "%s, %s, %s };\n",
                 residual < 0 ? "NULL"
                              : fv__export_at(e, node->inputs[residual]),
                 FV__C_NUMBER(a->clamp ? a->low : -(double)INFINITY),
                 FV__C_NUMBER(a->clamp ? a->high : (double)INFINITY));
    fv__release(e->context, o.folded);
    return weights;
}

/* Copies the input with its padding to the scratch; returns where the
 * convolution reads. */
static const char *write_border(fv__export *e, const fv__node *node,
                                const job *j)
{
    const fv__conv2d *a = node->attributes;
    const fv__geometry *g = &j->g;
    const char *x = fv__export_at(e, node->inputs[0]);
    if (!j->pads) return x;
    const char *scratch = fv__export_scratch(e, node);
    const int64_t *sets[] = { g->in, g->begin, j->padded };
    static const char *const names[] = { "extents", "begin", "size" };
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
                 (long long)g->batch, (long long)g->channels,
                 FV__C_NUMBER(a->convolution.padding_mode == FV_PAD_CONSTANT
                                  ? a->convolution.padding_value
                                  : 0),
                 x, scratch);
    return scratch;
}

/* The windows, groups and numbers of a sum. */
static void write_shape(fv__export *e, const job *j, int32_t runs)
{
    const fv__geometry *g = &j->g;
    const int64_t line = j->padded[FV__COLUMNS] * g->channels;
    const int64_t plane = j->padded[FV__ROWS] * line;
    fv__text_add(&e->calls,
                 "        static const convolution c = { { %lld, %lld, %lld, "
                 "%lld, %lld, %lld, %lld, %lld },\n            %lld, %lld, "
                 "%lld, %lld, %d };\n",
                 (long long)g->batch, (long long)g->out[FV__DEPTH],
                 (long long)g->out[FV__ROWS], (long long)g->out[FV__COLUMNS],
                 (long long)(j->padded[FV__DEPTH] * plane),
                 (long long)(g->stride[FV__DEPTH] * plane),
                 (long long)(g->stride[FV__ROWS] * line),
                 (long long)(g->stride[FV__COLUMNS] * g->channels),
                 (long long)g->groups, (long long)j->channels,
                 (long long)j->filters, (long long)j->terms, runs);
}

void fv__write_conv(fv__export *e, const fv__node *node)
{
    const job j = job_of(node);
    const int32_t runs = write_runs(e, &j);
    if (j.form != ONE_WINDOW) write_shape(e, &j, runs);
    const size_t weights = write_epilogue(e, node, &j);
    const char *x = write_border(e, node, &j);
    const char *y = fv__export_at(e, node->outputs[0]);
    if (j.form == ONE_WINDOW)
        fv__text_add(&e->calls,
                     "        multiply(runs, %d, %lld, %lld, %lld, &after, "
                     "weights + %zu, %s, %lld, %s);\n",
                     runs, (long long)j.g.batch, (long long)j.terms,
                     (long long)j.filters, weights, x,
                     (long long)(pixels_of(j.padded) * j.g.channels), y);
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
    const job j = { .g = { .channels = in,
                           .filters = out,
                           .groups = 1,
                           .kernel = { 1, 1, 1 },
                           .dilation = { 1, 1, 1 } },
                    .padded = { 1, 1, 1 },
                    .channels = in,
                    .filters = out,
                    .terms = in,
                    .chain = { 1, 1, in } };
    const int32_t runs = write_runs(e, &j);
    const size_t weights = pack(e, 1, out, in, WIDE, weight->data);
    fv__text_add(&e->calls, "        const epilogue after = { ");
    if (node->num_inputs > 2)
        fv__text_add(&e->calls, "weights + %zu, ",
                     pack_bias(e, 1, out, WIDE, node->values[2]->data));
    else
        fv__text_add(&e->calls, "NULL, ");
    fv__text_add(&e->calls,
                 "NULL, -(float)INFINITY, (float)INFINITY };\n        "
                 "multiply(runs, %d, %lld, %lld, "
                 "%lld, &after, weights + %zu, %s, %lld, %s);\n",
                 runs, (long long)node->values[0]->shape[0], (long long)in,
                 (long long)out, weights, fv__export_at(e, node->inputs[0]),
                 (long long)in, fv__export_at(e, node->outputs[0]));
}
