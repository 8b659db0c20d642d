/* Writes operators that only move elements. Where to is not worked out from
 * their attributes: the operator runs on numbers that tell elements apart, and
 * the places are written as nested loops. */
#include "export/train.h"

#include <string.h>

enum { MOST_LOOPS = 8, MOST_ELEMENTS = 1 << 24 };

/* Elements `from` of one input that are elements `to` of one output. */
typedef struct places {
    int64_t count;
    int32_t *from, *to;
} places;

typedef struct loops {
    int32_t rank;
    int64_t extent[MOST_LOOPS]; /* the innermost first */
    int64_t from[MOST_LOOPS], to[MOST_LOOPS];
} loops;

/* Whether all blocks of `length` places step as the first does. */
static bool repeats(const places *p, int64_t length, int64_t from, int64_t to)
{
    for (int64_t i = 0; i < p->count; i++) {
        if (i % length == 0) continue;
        if (p->from[i] - p->from[i - 1] != from
            || p->to[i] - p->to[i - 1] != to)
            return false;
    }
    return true;
}

/* Finds the innermost loop and leaves the places where it begins. */
static bool find_loop(places *p, loops *l)
{
    const int64_t from = p->count > 1 ? p->from[1] - p->from[0] : 0;
    const int64_t to = p->count > 1 ? p->to[1] - p->to[0] : 0;
    int64_t length = 1;
    while (length < p->count && p->from[length] - p->from[length - 1] == from
           && p->to[length] - p->to[length - 1] == to)
        length++;
    while (length > 1 && (p->count % length || !repeats(p, length, from, to)))
        length--;
    if ((length == 1 && p->count > 1) || l->rank == MOST_LOOPS) return false;
    l->extent[l->rank] = length;
    l->from[l->rank] = from;
    l->to[l->rank++] = to;
    p->count /= length;
    for (int64_t i = 0; i < p->count; i++) {
        p->from[i] = p->from[i * length];
        p->to[i] = p->to[i * length];
    }
    return true;
}

static bool find_loops(places *p, loops *l)
{
    l->rank = 0;
    do
        if (!find_loop(p, l)) return false;
    while (p->count > 1);
    return true;
}

/* ---- running the operator ------------------------------------------------ */

static bool is_moved(const fv_tensor *input) { return input->dtype == FV_F32; }

static int64_t numbers_of(const fv__node *node)
{
    int64_t count = 0;
    for (int32_t k = 0; k < node->num_inputs; k++)
        if (is_moved(node->values[k]))
            count += fv_tensor_count(node->values[k]);
    return count;
}

/* Runs the node on inputs whose elements, of all inputs together, are `sign`
 * times 1, 2, ...; output `slot` goes to `result`. */
static void run(const fv__node *node, int32_t slot, float sign, float *numbers,
                float *others, void *scratch, float *result)
{
    fv_tensor tensors[2 * FV__MAX_INPUTS + FV__MAX_OUTPUTS];
    const fv_tensor *inputs[2 * FV__MAX_INPUTS], *outputs[FV__MAX_OUTPUTS];
    const int64_t all = numbers_of(node);
    fv_tensor *next = tensors;
    for (int64_t i = 0; i < all; i++) numbers[i] = sign * (float)(i + 1);
    for (int32_t k = 0; k < node->num_inputs; k++) {
        inputs[k] = node->values[k];
        if (!is_moved(inputs[k])) continue;
        *next = *inputs[k];
        next->data = numbers;
        numbers += fv_tensor_count(next);
        inputs[k] = next++;
    }
    for (int32_t k = 0; k < node->num_outputs; k++) {
        *next = *node->results[k];
        next->data = k == slot ? result : others;
        if (k != slot) others += fv_tensor_count(next);
        outputs[k] = next++;
    }
    const fv_call call = { .context = node->outputs[0]->context,
                           .attributes = node->attributes,
                           .resolved = node->resolved,
                           .num_inputs = node->num_inputs,
                           .num_outputs = node->num_outputs,
                           .inputs = inputs,
                           .outputs = outputs,
                           .scratch = scratch };
    node->op->forward(&call);
}

/* What an output is made of. */
typedef struct origin {
    float *up, *down; /* the output for each sign */
    int64_t count;
    places places;
    unsigned char *memory;
} origin;

static bool find_origin(const fv__node *node, int32_t slot, origin *o)
{
    fv_context *context = node->outputs[0]->context;
    size_t all = 0;
    if (!fv__ok(context)) return false; /* operators do nothing then */
    for (int32_t k = 0; k < node->num_outputs; k++)
        all += fv__align(fv__tensor_bytes(node->results[k]));
    const size_t in = fv__align((size_t)numbers_of(node) * sizeof(float));
    const size_t out = fv__align(fv__tensor_bytes(node->results[slot]));
    o->count = fv_tensor_count(node->results[slot]);
    o->memory = fv__allocate(context, FV__DATA,
                             in + all + 4 * out + node->forward_scratch);
    if (!o->memory) return false;
    unsigned char *at = o->memory + in + all;
    o->up = (void *)at;
    o->down = (void *)(at + out);
    o->places.from = (void *)(at + 2 * out);
    o->places.to = (void *)(at + 3 * out);
    for (int sign = 0; sign < 2; sign++)
        run(node, slot, sign ? -1.0f : 1.0f, (void *)o->memory,
            (void *)(o->memory + in), at + 4 * out, sign ? o->down : o->up);
    return true;
}

/* The places of elements that come from numbers first + 1 .. first + count. */
static void take(origin *o, int64_t first, int64_t count)
{
    places *p = &o->places;
    p->count = 0;
    for (int64_t i = 0; i < o->count; i++) {
        const int64_t number = (int64_t)o->up[i] - 1 - first;
        if (o->up[i] == o->down[i] || number < 0 || number >= count) continue;
        p->from[p->count] = (int32_t)number;
        p->to[p->count++] = (int32_t)i;
    }
}

/* ---- writing ------------------------------------------------------------- */

static uint32_t bits_of(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* Writes fixed elements: all alike; false if they are not. */
static bool write_fixed(fv__export *e, const fv__node *node, int32_t slot,
                        const origin *o)
{
    int64_t first = -1;
    for (int64_t i = 0; i < o->count; i++) {
        if (o->up[i] != o->down[i]) continue;
        if (first < 0) first = i;
        if (bits_of(o->up[i]) != bits_of(o->up[first])) return false;
    }
    if (first >= 0 && e)
        fv__text_add(&e->calls, "        fill(%lld, %s, %s);\n",
                     (long long)o->count, FV__C_NUMBER((double)o->up[first]),
                     fv__export_at(e, node->outputs[slot]));
    return true;
}

static void write_list(fv__export *e, const loops *l, const int64_t values[])
{
    for (int32_t i = l->rank - 1; i >= 0; i--)
        fv__text_add(&e->calls, "%lld%s", (long long)values[i],
                     i ? ", " : " }");
}

static void write_loops(fv__export *e, const loops *l, const places *first,
                        const char *function, const char *from, const char *to)
{
    fv__text_add(
        &e->calls,
        "        {\n            static const loops l = { %d, %d, %d, { ",
        l->rank, first->from[0], first->to[0]);
    write_list(e, l, l->extent);
    fv__text_add(&e->calls, ", { ");
    write_list(e, l, l->from);
    fv__text_add(&e->calls, ", { ");
    write_list(e, l, l->to);
    fv__text_add(&e->calls, " };\n            %s(&l, %s, %s);\n        }\n",
                 function, from, to);
}

enum { MOST_GATHERED = 1 << 16 };

/* Places in no regular order, of all elements of the output, as a table. */
static bool write_table(fv__export *e, const origin *o, const char *function,
                        const char *from, const char *to)
{
    const places *p = &o->places;
    if (p->count != o->count || p->count > MOST_GATHERED) return false;
    if (!e) return true;
    fv__text_add(&e->calls,
                 "        {\n            static const int32_t from[] = {");
    for (int64_t i = 0; i < p->count; i++)
        fv__text_add(&e->calls, "%s%d",
                     i % 12 ? ", "
                     : i    ? ",\n                "
                            : "\n                ",
                     p->from[i]);
    fv__text_add(&e->calls,
                 "\n            };\n            %s(%lld, from, %s, %s);\n"
                 "        }\n",
                 function, (long long)p->count, from, to);
    return true;
}

/* Writes an output; with e NULL, only tells whether that can be done. */
static bool write_output(fv__export *e, const fv__node *node, int32_t slot)
{
    fv_context *context = node->outputs[0]->context;
    origin o;
    loops l;
    int64_t first = 0;
    if (!find_origin(node, slot, &o)) return true; /* the context has failed */
    bool done = write_fixed(e, node, slot, &o);
    for (int32_t k = 0; k < node->num_inputs && done; k++) {
        if (!is_moved(node->values[k])) continue;
        const int64_t count = fv_tensor_count(node->values[k]);
        take(&o, first, count);
        if (o.places.count) {
            const char *from = e ? fv__export_at(e, node->inputs[k]) : NULL;
            const char *to = e ? fv__export_at(e, node->outputs[slot]) : NULL;
            if (!find_loops(&o.places, &l)) {
                take(&o, first, count);
                done = write_table(e, &o, "gather", from, to);
            } else if (e) {
                write_loops(e, &l, &o.places, "move_elements", from, to);
            }
        }
        first += count;
    }
    fv__release(context, o.memory);
    return done;
}

/* That of the operator itself, which runs once more when it is written. */
int64_t fv__scratch_moved(const fv__node *node)
{
    return (int64_t)(node->forward_scratch / sizeof(float));
}

const char *fv__lacks_moved(const fv__node *node)
{
    if (numbers_of(node) > MOST_ELEMENTS) return "more than 2^24 elements";
    for (int32_t k = 0; k < node->num_outputs; k++)
        if (!write_output(NULL, node, k)) return "elements in no regular order";
    return NULL;
}

void fv__write_moved(fv__export *e, const fv__node *node)
{
    for (int32_t k = 0; k < node->num_outputs; k++) write_output(e, node, k);
}

/* ---- gradients ----------------------------------------------------------- */

/* Writes what the gradient of an output gives that of input k, whose elements
 * are numbers first + 1 .. first + count; each goes to one output at most. With
 * e NULL, only counts them. */
static int64_t write_back(fv__export *e, const fv__node *node, int32_t slot,
                          int32_t k, int64_t first)
{
    fv_context *context = node->outputs[0]->context;
    const int64_t count = fv_tensor_count(node->values[k]);
    const bool adds = fv__adds(node, k);
    origin o;
    loops l, back;
    if (!node->result_grads[slot] || !find_origin(node, slot, &o)) return 0;
    take(&o, first, count);
    const int64_t taken = o.places.count;
    if (e && taken) {
        const char *dy = fv__grad_at(e, node->outputs[slot]);
        const char *dx = fv__grad_at(e, node->inputs[k]);
        if (find_loops(&o.places, &l)) {
            back = l;
            memcpy(back.from, l.to, sizeof l.to);
            memcpy(back.to, l.from, sizeof l.from);
            const places begin = { 1, o.places.to, o.places.from };
            write_loops(e, &back, &begin,
                        adds ? "add_elements" : "move_elements", dy, dx);
        } else {
            take(&o, first, count);
            write_table(e, &o, adds ? "scatter_add" : "scatter", dy, dx);
        }
    }
    fv__release(context, o.memory);
    return taken;
}

void fv__write_moved_grad(fv__export *e, const fv__node *node)
{
    int64_t first = 0;
    for (int32_t k = 0; k < node->num_inputs; k++) {
        if (!is_moved(node->values[k])) continue;
        const int64_t count = fv_tensor_count(node->values[k]);
        int64_t taken = 0;
        for (int32_t i = 0; node->grads[k] && i < node->num_outputs; i++)
            taken += write_back(NULL, node, i, k, first);
        if (node->grads[k] && taken < count) fv__clear_grad(e, node, k);
        for (int32_t i = 0; node->grads[k] && i < node->num_outputs; i++)
            write_back(e, node, i, k, first);
        first += count;
    }
}

void fv__write_same(fv__export *e, const fv__node *node)
{
    fv__export_copy(e, fv__export_at(e, node->outputs[0]),
                    fv__export_at(e, node->inputs[0]),
                    fv_tensor_count(node->results[0]));
}
