/* Writes recurrent networks. */
#include "export/convolution.h"

#include "op/recurrent/recurrent_run.h"

#include <string.h>

const char *fv__lacks_recurrent(const fv__node *node)
{
    const fv__recurrence *r = node->attributes;
    return r->lengths ? "lengths of sequences" : NULL;
}

/* The gates, h and c of an image. */
int64_t fv__scratch_recurrent(const fv__node *node)
{
    const fv__recurrence *r = node->attributes;
    const fv__recurrent_sizes s = fv__recurrent_sizes_of(r, node->values);
    return (int64_t)(s.row + 2 * s.h);
}

/* Packs the rows of the first gates, then those of the others. */
static void write_weights(fv__export *e, const fv__recurrent_sizes *s,
                          int64_t terms, const float *weights)
{
    const int64_t first = s->cell->sums * (int64_t)s->h;
    const int64_t rest = s->cell->products * (int64_t)s->h - first;
    const size_t at = fv__pack(e, 1, first, terms, FV__WIDE, weights);
    const size_t more =
        rest ? fv__pack(e, 1, rest, terms, FV__WIDE, weights + first * terms)
             : at;
    fv__text_add(&e->calls, "%zu, %zu, ", at, more);
}

/* Declares where the weights of each direction are. */
static void write_places(fv__export *e, const fv__node *node,
                         const fv__recurrent_sizes *s)
{
    const fv__recurrence *r = node->attributes;
    fv__text_add(&e->calls, "        static const int32_t places[][6] = {");
    for (size_t d = 0; d < s->directions; d++) {
        const fv_tensor *const *w = node->values + fv__recurrent_input(r, d, 0);
        fv__text_add(&e->calls, "%s{ ", d ? ", " : " ");
        write_weights(e, s, (int64_t)s->f, w[FV__WEIGHT_IH]->data);
        write_weights(e, s, (int64_t)s->h, w[FV__WEIGHT_HH]->data);
        for (int k = FV__BIAS_IH; k <= FV__BIAS_HH; k++) {
            size_t at = 0;
            float *room =
                r->biases ? fv__export_room(e, fv__count(w[k]), &at) : NULL;
            if (room) memcpy(room, w[k]->data, fv__tensor_bytes(w[k]));
            fv__text_add(&e->calls, "%lld%s", r->biases ? (long long)at : -1LL,
                         k == FV__BIAS_IH ? ", " : " }");
        }
    }
    fv__text_add(&e->calls, " };\n");
}

void fv__write_recurrent(fv__export *e, const fv__node *node)
{
    const fv__recurrence *r = node->attributes;
    const fv__recurrent_sizes s = fv__recurrent_sizes_of(r, node->values);
    const int32_t state = fv__recurrent_state(r);
    const bool first_c = r->state && s.cell->has_c;
    fv__text_add(
        &e->calls,
        "        static const recurrence r = { %zu, %zu, %zu, %zu, %zu, "
        "%s, %d, %d, %d };\n",
        s.n, s.t, s.f, s.h, s.directions, r->reversed ? "true" : "false",
        s.cell->gates, s.cell->products, s.cell->sums);
    const int32_t of_x = fv__write_sum(e, "x_runs", (int64_t)s.f);
    const int32_t of_h = fv__write_sum(e, "h_runs", (int64_t)s.h);
    write_places(e, node, &s);
    fv__text_add(
        &e->calls,
        "        static const run *const both[] = { x_runs, h_runs };\n        "
        "static const int32_t num_runs[] = { %d, %d };\n        recur(&r, "
        "%s_step, both, num_runs, places, weights, %s, %s, %s, %s, %s, %s, "
        "%s);\n",
        of_x, of_h, node->op->name,
        r->state ? fv__export_at(e, node->inputs[state]) : "NULL",
        first_c ? fv__export_at(e, node->inputs[state + 1]) : "NULL",
        fv__export_at(e, node->inputs[0]), fv__export_at(e, node->outputs[0]),
        fv__export_at(e, node->outputs[1]),
        s.cell->has_c ? fv__export_at(e, node->outputs[2]) : "NULL",
        fv__export_scratch(e, node));
}
