/* Recurrent operators step by step: what their layers do not have, which is
 * GRU with the reset gate before the product, peepholes, other activations and
 * limits of sums. */
#include "onnx/in/recurrent.h"

#include <string.h>

enum { MOST_STEPS = 256 };

/* One direction. Weights are transposed: [features, gates h]. */
typedef struct direction {
    fv__importer *to;
    fv__onnx_node *node;
    const fv__recurrent_node *r;
    int32_t number;
    fv__value *sums; /* of the input and all biases, [n, t, gates h] */
    fv__value *v, *bias_v;
    fv__value *peephole[3]; /* i, o, f; [h] */
    fv__value *h, *c;       /* [n, h]; NULL: zeros */
} direction;

static fv__value *two(const direction *d, const char *kind, fv__value *a,
                      fv__value *b)
{
    return fv__onnx_two(d->to, d->node, kind, a, b);
}

/* Columns of gates of a value whose axis `axis` has all of them. */
static fv__value *gates(const direction *d, fv__value *x, int32_t axis,
                        int64_t first, int64_t count)
{
    const int64_t h = d->r->hidden;
    if (count == d->r->kind->gates) return x;
    return fv__onnx_part(d->to, d->node, x, axis, first * h,
                         (first + count) * h);
}

/* Element k of the first axis. */
static fv__value *row(const direction *d, fv__value *x, int64_t k)
{
    x = fv__onnx_part(d->to, d->node, x, 0, k, k + 1);
    return fv__onnx_line(d->to, d->node, 1, &x, "squeeze 0");
}

/* ---- activations -----------------------------------------------------------
 */

static float parameter(const direction *d, const char *name, int32_t k,
                       float fallback)
{
    const fv__onnx_attribute *a = fv__onnx_find(d->node, name);
    return a && (size_t)k < a->n_floats ? a->floats[k] : fallback;
}

/* Activation k of the direction, of a sum within the limits; that of the cells,
 * the third, has none, as in ONNX Runtime. */
static fv__value *activate(const direction *d, int32_t k, fv__value *x)
{
    static const struct {
        const char *kind, *layer, *key;
        float alpha;
    } known[] = {
        { "Sigmoid", "sigmoid", NULL, 0 },
        { "Tanh", "tanh", NULL, 0 },
        { "Relu", "relu", NULL, 0 },
        { "Softsign", "softsign", NULL, 0 },
        { "Softplus", "softplus", NULL, 0 },
        { "LeakyRelu", "leaky_relu", "slope", 0.01f },
        { "Elu", "elu", "alpha", 1 },
    };
    const bool limited = d->r->clip > 0 && k < 2;
    k += d->number * d->r->kind->activations;
    const char *word = d->r->activation[k];
    char number[FV__NUMBER_BYTES];
    if (limited) {
        const char *limit = fv__number_text(d->r->clip, number);
        x = fv__onnx_map(d->to, d->node, x, "clip low=-%s high=%s", limit,
                         limit);
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].kind, word) != 0) continue;
        if (!known[i].key)
            return fv__onnx_map(d->to, d->node, x, "%s", known[i].layer);
        const float alpha = parameter(d, "activation_alpha", k, known[i].alpha);
        return fv__onnx_map(d->to, d->node, x, "%s %s=%s", known[i].layer,
                            known[i].key, fv__number_text_f32(alpha, number));
    }
    const bool affine = strcmp(word, "Affine") == 0;
    if (!affine && strcmp(word, "HardSigmoid") != 0) {
        fv__onnx_refuse(d->to, d->node, "activation \"%s\" is not supported",
                        word);
        return NULL;
    }
    x = fv__onnx_with(
        d->to, d->node, "mul", x,
        (double)parameter(d, "activation_alpha", k, affine ? 1 : 0.2f));
    x = fv__onnx_with(
        d->to, d->node, "add", x,
        (double)parameter(d, "activation_beta", k, affine ? 0 : 0.5f));
    return affine ? x : fv__onnx_map(d->to, d->node, x, "clip low=0 high=1");
}

/* ---- one step --------------------------------------------------------------
 */

/* State times the weights of some gates, plus their bias; NULL: nothing. */
static fv__value *product(const direction *d, fv__value *h, int64_t first,
                          int64_t count)
{
    fv__value *bias = d->bias_v ? gates(d, d->bias_v, 0, first, count) : NULL;
    if (!h) return bias;
    fv__value *both[] = { h, gates(d, d->v, 1, first, count) };
    fv__value *y = fv__onnx_line(d->to, d->node, 2, both, "matmul");
    return bias ? two(d, "add", y, bias) : y;
}

static fv__value *plus(const direction *d, fv__value *a, fv__value *b)
{
    return b ? two(d, "add", a, b) : a;
}

static fv__value *peep(const direction *d, int32_t k, fv__value *sum,
                       fv__value *c)
{
    return d->peephole[k] && c
               ? two(d, "add", sum, two(d, "mul", d->peephole[k], c))
               : sum;
}

/* i, o, f, c in the order of ONNX. */
static void step_lstm(direction *d, fv__value *x, fv__value **h, fv__value **c)
{
    fv__value *sums = plus(d, x, product(d, d->h, 0, 4)), *f;
    fv__value *i = activate(d, 0, peep(d, 0, gates(d, sums, 1, 0, 1), d->c));
    if (d->r->coupled)
        f = fv__onnx_with(d->to, d->node, "add",
                          fv__onnx_map(d->to, d->node, i, "neg"), 1);
    else
        f = activate(d, 0, peep(d, 2, gates(d, sums, 1, 2, 1), d->c));
    fv__value *g = activate(d, 1, gates(d, sums, 1, 3, 1));
    *c = two(d, "mul", i, g);
    if (d->c) *c = two(d, "add", two(d, "mul", f, d->c), *c);
    fv__value *o = activate(d, 0, peep(d, 1, gates(d, sums, 1, 1, 1), *c));
    *h = two(d, "mul", o, activate(d, 2, *c));
}

/* z, r, n in the order of ONNX. */
static void step_gru(direction *d, fv__value *x, fv__value **h)
{
    fv__value *sums = plus(d, gates(d, x, 1, 0, 2), product(d, d->h, 0, 2));
    const int64_t hidden = d->r->hidden;
    fv__value *parts[2];
    for (int64_t k = 0; k < 2; k++)
        parts[k] = activate(d, 0,
                            fv__onnx_part(d->to, d->node, sums, 1, k * hidden,
                                          (k + 1) * hidden));
    fv__value *z = parts[0], *r = parts[1], *n;
    if (d->r->reset_behind) {
        n = product(d, d->h, 2, 1);
        n = n ? two(d, "mul", r, n) : NULL;
    } else
        n = product(d, d->h ? two(d, "mul", r, d->h) : NULL, 2, 1);
    n = activate(d, 1, plus(d, gates(d, x, 1, 2, 1), n));
    /* (1 - z) n + z h = n + z (h - n) */
    *h = d->h ? two(d, "sub", d->h, n) : fv__onnx_map(d->to, d->node, n, "neg");
    *h = two(d, "add", n, two(d, "mul", z, *h));
}

/* The new state where the position is within the length, else the old one. */
static fv__value *keep(const direction *d, fv__value *within, fv__value *now,
                       fv__value *before)
{
    if (!before) {
        within = fv__onnx_cast(d->to, d->node, within, d->to->context->dtype);
        return two(d, "mul", now, within);
    }
    return fv__onnx_where(d->to, d->node, within, now, before);
}

/* Position t; returns its output [n, 1, h]. */
static fv__value *step(direction *d, int64_t t)
{
    fv__value *x = d->sums, *h = NULL, *c = NULL;
    x = fv__onnx_part(d->to, d->node, x, 1, t, t + 1);
    x = fv__onnx_line(d->to, d->node, 1, &x, "squeeze 1");
    if (d->r->kind->gates == 4)
        step_lstm(d, x, &h, &c);
    else if (d->r->kind->gates == 3)
        step_gru(d, x, &h);
    else
        h = activate(d, 0, plus(d, x, product(d, d->h, 0, 1)));
    fv__value *out = h;
    if (d->r->lengths) {
        fv__value *within =
            fv__onnx_with(d->to, d->node, "greater", d->r->lengths, (double)t);
        within = fv__onnx_line(d->to, d->node, 1, &within, "unsqueeze 1");
        out = keep(d, within, h, NULL);
        h = keep(d, within, h, d->h);
        c = c ? keep(d, within, c, d->c) : NULL;
    }
    d->h = h;
    d->c = c;
    return fv__onnx_line(d->to, d->node, 1, &out, "unsqueeze 1");
}

/* ---- a direction -----------------------------------------------------------
 */

static fv__value *first_state(const direction *d, fv__value *state)
{
    const int64_t h = d->r->hidden;
    if (!state || d->r->directions == 1) return state;
    return fv__onnx_part(d->to, d->node, state, 1, d->number * h,
                         (d->number + 1) * h);
}

static direction begin(fv__importer *to, fv__onnx_node *node,
                       const fv__recurrent_node *r, int32_t number)
{
    direction d = { .to = to, .node = node, .r = r, .number = number };
    const int64_t rows = r->kind->gates * r->hidden;
    fv__value *w = row(&d, r->w, number), *v = row(&d, r->v, number);
    fv__value *both[] = { r->x, fv__onnx_line(to, node, 1, &w, "permute 1 0") };
    d.v = fv__onnx_line(to, node, 1, &v, "permute 1 0");
    d.sums = fv__onnx_line(to, node, 2, both, "matmul");
    if (r->b) {
        fv__value *bias = row(&d, r->b, number), *part[2];
        for (int k = 0; k < 2; k++)
            part[k] =
                fv__onnx_part(to, node, bias, 0, k * rows, (k + 1) * rows);
        d.sums = two(&d, "add", d.sums, part[0]);
        d.bias_v = part[1];
    }
    for (int32_t k = 0; r->peepholes && k < 3; k++) {
        fv__value *p = row(&d, r->peepholes, number);
        d.peephole[k] = gates(&d, p, 0, k, 1);
    }
    d.h = first_state(&d, r->first[0]);
    d.c = first_state(&d, r->first[1]);
    return d;
}

static fv__value *along(direction *d, int64_t steps)
{
    fv__value *all = NULL;
    const bool backward = d->r->reversed || d->number;
    for (int64_t k = 0; k < steps && fv__ok(d->to->context); k++) {
        fv__value *out = step(d, backward ? steps - 1 - k : k);
        fv__value *pair[] = { backward ? out : all, backward ? all : out };
        all =
            all ? fv__onnx_line(d->to, d->node, 2, pair, "concat axis=1") : out;
        if (!all) return NULL;
    }
    return all;
}

fv_status fv__recurrent_unrolled(fv__importer *to, fv__onnx_node *node,
                                 const fv__recurrent_node *r)
{
    const int64_t steps =
        fv__onnx_extent(to, node->inputs[0], r->batch_first ? 1 : 0);
    fv__value *made[3] = { NULL };
    if (steps == FV_OPEN || steps > MOST_STEPS || steps < 1)
        return fv__onnx_refuse(
            to, node,
            "its %s are written step by step, for 1 to %d positions whose "
            "number is known; export it with %s, or fix the sizes of the input",
            r->usual ? "weights, which are computed,"
            : r->kind->gates == 3 && !r->reset_behind
                ? "reset gates before the product"
                : "peepholes, limits or activations",
            MOST_STEPS,
            r->kind->gates == 3 ? "linear_before_reset=1" : "the usual ones");
    for (int32_t k = 0; k < r->directions; k++) {
        direction d = begin(to, node, r, k);
        fv__value *of[] = { along(&d, steps), d.h, d.c };
        for (int i = 0; i < (r->kind->gates == 4 ? 3 : 2); i++) {
            fv__value *pair[] = { made[i], of[i] };
            made[i] = k ? fv__onnx_line(to, node, 2, pair, "concat axis=%d",
                                        i ? 1 : 2)
                        : of[i];
            if (!made[i]) return FV_UNSUPPORTED;
        }
    }
    return fv__recurrent_outputs(to, node, r, made);
}
