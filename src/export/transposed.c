/* Writes transposed convolutions: a convolution of stride 1 for each phase of
 * the stride, whose outputs are then moved to their places. */
#include "export/convolution.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The taps that lie on the outputs of a phase of an axis, the last one first:
 * that of output t is input at[i] + t. */
typedef struct phase {
    int64_t outputs, taps;
    int64_t *kernel, *at;
} phase;

typedef struct job {
    fv__geometry g; /* of the convolution of which it is the input gradient */
    int64_t begin[FV__AXES], padded[FV__AXES]; /* of the input, with a border */
    int64_t largest;                           /* outputs of a phase */
} job;

static bool lies(const fv__geometry *g, int axis, int64_t output, int64_t k,
                 int64_t *input)
{
    const int64_t from = output + g->begin[axis] - k * g->dilation[axis];
    *input = from >= 0 ? from / g->stride[axis] : -(-from / g->stride[axis]);
    return from % g->stride[axis] == 0;
}

static int64_t outputs_of(const fv__geometry *g, int axis, int64_t first)
{
    return first < g->in[axis]
               ? fv__divide_up(g->in[axis] - first, g->stride[axis])
               : 0;
}

static job job_of(const fv__node *node)
{
    job j = { .largest = 1 };
    fv__geometry *g = &j.g;
    fv__conv_transpose_geometry(node->outputs[0]->context, "export",
                                node->values[0], node->values[1],
                                node->attributes, g);
    for (int axis = 0; axis < FV__AXES; axis++) {
        int64_t low = 0, high = g->out[axis] - 1, input;
        for (int64_t p = 0; p < g->in[axis]; p++)
            for (int64_t k = 0; k < g->kernel[axis]; k++)
                if (lies(g, axis, p, k, &input)) {
                    low = fv__min(low, input);
                    high = fv__max(high, input);
                }
        j.begin[axis] = -low;
        j.padded[axis] = high + 1 - low;
        j.largest *= outputs_of(g, axis, 0);
    }
    return j;
}

static int64_t border_of(const job *j)
{
    const int64_t extents[] = { j->g.batch, fv__volume(j->padded),
                                j->g.filters };
    return memcmp(j->padded, j->g.out, sizeof j->padded) == 0
               ? 0
               : (fv__product(3, extents) + 15) / 16 * 16;
}

int64_t fv__scratch_transposed(const fv__node *node)
{
    const job j = job_of(node);
    const int64_t extents[] = { j.g.batch, j.largest, j.g.channels };
    return border_of(&j) + fv__product(3, extents);
}

/* ---- a phase ---------------------------------------------------------------
 */

/* The taps of all axes together, in the order of the chain: which they are, and
 * their pixels of the padded input. */
typedef struct taps {
    fv__chain chain;
    int64_t *kernel, *at, count;
} taps;

static int64_t list_axis(const job *j, int axis, int64_t first,
                         int64_t kernel[], int64_t at[])
{
    int64_t count = 0;
    for (int64_t k = j->g.kernel[axis]; k-- > 0;) {
        int64_t input;
        if (!lies(&j->g, axis, first, k, &input)) continue;
        kernel[count] = k;
        at[count++] = input + j->begin[axis];
    }
    return count;
}

/* Lists the taps of the phase in memory that is to be released. */
static bool list_taps(fv_context *context, const job *j,
                      const int64_t first[FV__AXES], taps *t)
{
    const fv__geometry *g = &j->g;
    const int64_t each = g->kernel[0] + g->kernel[1] + g->kernel[FV__DEPTH];
    const int64_t all = fv__volume(g->kernel);
    int64_t count[FV__AXES], *kernel[FV__AXES], *at[FV__AXES];
    t->kernel = fv__allocate(context, FV__DATA,
                             2 * (size_t)(all + each) * sizeof(int64_t));
    if (!t->kernel) return false;
    t->at = t->kernel + all;
    int64_t *room = t->at + all;
    for (int axis = 0; axis < FV__AXES; axis++) {
        kernel[axis] = room;
        at[axis] = room + g->kernel[axis];
        room += 2 * g->kernel[axis];
        count[axis] = list_axis(j, axis, first[axis], kernel[axis], at[axis]);
    }
    t->count = fv__volume(count);
    t->chain = (fv__chain){ count[FV__DEPTH] * count[FV__ROWS],
                            count[FV__COLUMNS], g->filters / g->groups };
    for (int64_t i = 0; i < t->count; i++) {
        const int64_t column = i % count[FV__COLUMNS];
        const int64_t rest = i / count[FV__COLUMNS];
        const int64_t row = rest % count[FV__ROWS];
        const int64_t plane = rest / count[FV__ROWS];
        t->kernel[i] = (kernel[FV__DEPTH][plane] * g->kernel[FV__ROWS]
                        + kernel[FV__ROWS][row])
                           * g->kernel[FV__COLUMNS]
                       + kernel[FV__COLUMNS][column];
        t->at[i] =
            (at[FV__DEPTH][plane] * j->padded[FV__ROWS] + at[FV__ROWS][row])
                * j->padded[FV__COLUMNS]
            + at[FV__COLUMNS][column];
    }
    return true;
}

/* Packs the weights of the taps, [channel of the output][tap][filter]. */
static size_t pack_taps(fv__export *e, const job *j, const taps *t,
                        const float *weights)
{
    const fv__geometry *g = &j->g;
    const int64_t channels = g->channels / g->groups;
    const int64_t filters = g->filters / g->groups;
    const int64_t terms = t->count * filters;
    const int64_t span = fv__volume(g->kernel) * channels;
    size_t at = 0;
    float *order =
        fv__allocate(e->context, FV__DATA,
                     (size_t)(g->channels * terms + 1) * sizeof *order);
    if (!order) return 0;
    for (int64_t c = 0; c < g->channels; c++)
        for (int64_t i = 0; i < terms; i++) {
            const int64_t f = c / channels * filters + i % filters;
            order[c * terms + i] =
                weights[f * span + t->kernel[i / filters] * channels
                        + c % channels];
        }
    at = fv__pack(e, g->groups, channels, terms, FV__COLUMNS_OF_PANEL, order);
    fv__release(e->context, order);
    return at;
}

/* Moves the outputs of a phase to their places. */
static void write_places(fv__export *e, const fv__node *node, const job *j,
                         const int64_t first[FV__AXES],
                         const int64_t outputs[FV__AXES], const char *from)
{
    const fv__geometry *g = &j->g;
    const long long c = g->channels, line = g->in[FV__COLUMNS] * c;
    const long long plane = g->in[FV__ROWS] * line;
    const long long n[] = { outputs[FV__DEPTH], outputs[FV__ROWS],
                            outputs[FV__COLUMNS] };
    fv__text_add(
        &e->calls,
        "        static const loops l = { 5, 0, %lld, { %lld, %lld, %lld, "
        "%lld, "
        "%lld },\n            { %lld, %lld, %lld, %lld, 1 }, { %lld, %lld, "
        "%lld, %lld, 1 } };\n        move_elements(&l, %s, %s);\n",
        first[FV__DEPTH] * plane + first[FV__ROWS] * line
            + first[FV__COLUMNS] * c,
        (long long)g->batch, n[0], n[1], n[2], c, n[0] * n[1] * n[2] * c,
        n[1] * n[2] * c, n[2] * c, c, g->in[FV__DEPTH] * plane,
        g->stride[FV__DEPTH] * plane, g->stride[FV__ROWS] * line,
        g->stride[FV__COLUMNS] * c, from, fv__export_at(e, node->outputs[0]));
}

/* Writes the phase of the outputs from `first` on. */
static void write_phase(fv__export *e, const fv__node *node, const job *j,
                        const int64_t first[FV__AXES], const char *x,
                        size_t bias)
{
    static const int64_t ones[FV__AXES] = { 1, 1, 1 };
    const fv__conv_transpose *a = node->attributes;
    const fv__geometry *g = &j->g;
    int64_t outputs[FV__AXES];
    taps t;
    for (int axis = 0; axis < FV__AXES; axis++)
        outputs[axis] = outputs_of(g, axis, first[axis]);
    if (!fv__volume(outputs) || !list_taps(e->context, j, first, &t)) return;
    fv__text_add(&e->calls, "        {\n");
    const int64_t numbers[] = {
        g->groups, g->filters / g->groups, g->channels / g->groups,
        t.count * (g->filters / g->groups),
        fv__write_runs(e, "runs", t.chain, t.at, g->filters)
    };
    fv__write_windows(e, g->batch, outputs, ones, j->padded, g->filters,
                      numbers);
    const char *made = fv__export_scratch(e, node);
    const long long at = border_of(j);
    fv__text_add(
        &e->calls,
        "        const epilogue after = { weights + %zu, NULL, %s, %s };\n"
        "        convolve(&c, &after, runs, weights + "
        "%zu, %s, %s + %lld);\n",
        bias, FV__C_NUMBER(a->clamp ? a->low : -(double)INFINITY),
        FV__C_NUMBER(a->clamp ? a->high : (double)INFINITY),
        pack_taps(e, j, &t, node->values[1]->data), x, made, at);
    char from[96];
    snprintf(from, sizeof from, "%s + %lld", made, at);
    write_places(e, node, j, first, outputs, from);
    fv__text_add(&e->calls, "        }\n");
    fv__release(e->context, t.kernel);
}

void fv__write_transposed(fv__export *e, const fv__node *node)
{
    const fv__conv_transpose *a = node->attributes;
    const job j = job_of(node);
    const fv__geometry *g = &j.g;
    const int64_t channels = g->channels / g->groups;
    const size_t bias =
        fv__pack_bias(e, g->groups, channels, FV__COLUMNS_OF_PANEL,
                      a->bias ? node->values[2]->data : NULL);
    char x[64];
    snprintf(x, sizeof x, "%s",
             fv__write_border(e, node, g->batch, g->filters, g->out, j.begin,
                              j.padded, 0));
    int64_t first[FV__AXES];
    for (first[FV__DEPTH] = 0; first[FV__DEPTH] < g->stride[FV__DEPTH];
         first[FV__DEPTH]++)
        for (first[FV__ROWS] = 0; first[FV__ROWS] < g->stride[FV__ROWS];
             first[FV__ROWS]++)
            for (first[FV__COLUMNS] = 0;
                 first[FV__COLUMNS] < g->stride[FV__COLUMNS];
                 first[FV__COLUMNS]++)
                write_phase(e, node, &j, first, x, bias);
}
