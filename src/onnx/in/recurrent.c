/* LSTM, GRU and RNN. What is as usual becomes a layer: positions are axis 1 of
 * its input, which only concerns the order of axes, gates are put in its order.
 * The rest is written step by step (unrolled.c). */
#include "onnx/in/recurrent.h"

#include <string.h>

static const fv__recurrent_kind kinds[] = {
    /* gates of ONNX in the order of the layer: i f g o, r z n */
    { "LSTM", "lstm", 4, { 0, 2, 3, 1 }, { "Sigmoid", "Tanh", "Tanh" }, 3 },
    { "GRU", "gru", 3, { 1, 0, 2 }, { "Sigmoid", "Tanh" }, 2 },
    { "RNN", "rnn", 1, { 0 }, { "Tanh" }, 1 },
};

/* ---- attributes and inputs -------------------------------------------------
 */

/* Activation k of all directions. */
static fv_status read_activations(fv__importer *to, const fv__onnx_node *node,
                                  fv__recurrent_node *r)
{
    const fv__onnx_attribute *a = fv__onnx_find(node, "activations");
    const int32_t each = r->kind->activations;
    const bool given = a && a->n_strings > 0;
    if (given && a->n_strings != (size_t)each * (size_t)r->directions)
        return fv__onnx_refuse(to, node, "%zu activations, expected %d",
                               a->n_strings, each * r->directions);
    r->usual = true;
    for (int32_t k = 0; k < each * r->directions; k++) {
        const char *usual = r->kind->usual[k % each];
        char *word = r->activation[k];
        const size_t length = given ? a->strings[k].len : strlen(usual);
        const void *text = given ? (const void *)a->strings[k].data : usual;
        if (length >= sizeof r->activation[k])
            return fv__onnx_refuse(to, node, "activation %d is unknown", k + 1);
        memcpy(word, text, length);
        word[length] = '\0';
        r->usual = r->usual && strcmp(word, usual) == 0;
    }
    return FV_OK;
}

static fv_status read_attributes(fv__importer *to, fv__onnx_node *node,
                                 fv__recurrent_node *r)
{
    static const char *const ways[][2] = { { "forward", "" },
                                           { "reverse", "r" },
                                           { "bidirectional", "b" },
                                           { NULL, NULL } };
    const char *way = fv__onnx_word(to, node, "direction", "forward", ways);
    if (!way) return FV_UNSUPPORTED;
    r->reversed = *way == 'r';
    r->directions = *way == 'b' ? 2 : 1;
    r->batch_first = fv__onnx_int(node, "layout", 0) != 0;
    r->reset_behind = fv__onnx_int(node, "linear_before_reset", 0) != 0;
    r->coupled = fv__onnx_int(node, "input_forget", 0) != 0;
    r->clip = fv__onnx_float(node, "clip", 0);
    if (read_activations(to, node, r) != FV_OK) return FV_UNSUPPORTED;
    r->usual = r->usual && r->clip == 0 && !r->coupled && !r->peepholes
               && (r->reset_behind || r->kind->gates != 3);
    return FV_OK;
}

/* The order of three axes, the first two of which are positions or directions,
 * and images, in that order unless batch_first. */
static fv__order images_first(const fv__recurrent_node *r)
{
    static const fv__order exchanged = { { 1, 0, 2 } };
    return r->batch_first ? fv__order_plain() : exchanged;
}

/* A state [directions, n, h], or [n, directions, h], as [n, directions h];
 * zeros are NULL. */
static fv__value *state(fv__importer *to, fv__onnx_node *node,
                        const fv__recurrent_node *r, int32_t k)
{
    fv__value *h = fv__onnx_operand(node, k);
    const bool none = !h || fv__onnx_all_zero(h);
    if (none) return NULL;
    h = fv__onnx_ordered(to, h, images_first(r));
    return fv__onnx_line(to, node, 1, &h, "reshape 0 %lld",
                         (long long)r->hidden * r->directions);
}

static fv_status read_inputs(fv__importer *to, fv__onnx_node *node,
                             fv__recurrent_node *r)
{
    for (int32_t k = 0; k < 3; k++)
        if (!fv__onnx_input(to, node, k)) return FV_UNSUPPORTED;
    r->w = fv__onnx_plain(to, node->inputs[1]);
    r->v = fv__onnx_plain(to, node->inputs[2]);
    r->b = fv__onnx_plain(to, fv__onnx_operand(node, 3));
    if (!r->w || !r->v || fv__onnx_rank(to, node->inputs[0]) != 3
        || fv__onnx_rank(to, r->w) != 3 || fv__onnx_rank(to, r->v) != 3)
        return fv__onnx_refuse(to, node, "input, W and R must have 3 axes");
    r->hidden = fv__onnx_extent(to, r->v, 2);
    const int64_t features = fv__onnx_extent(to, r->w, 2);
    const int64_t rows = r->kind->gates * r->hidden;
    const fv__value *weights[] = { r->w, r->v };
    for (int k = 0; k < 2; k++)
        if (fv__onnx_extent(to, weights[k], 0) != r->directions
            || fv__onnx_extent(to, weights[k], 1) != rows)
            return fv__onnx_refuse(
                to, node, "%s of other shape than [%d, %lld, %lld]",
                k ? "R" : "W", r->directions, (long long)rows,
                (long long)(k ? r->hidden : features));
    if (r->b
        && (fv__onnx_rank(to, r->b) != 2
            || fv__onnx_extent(to, r->b, 0) != r->directions
            || fv__onnx_extent(to, r->b, 1) != 2 * rows))
        return fv__onnx_refuse(to, node, "B of other shape than [%d, %lld]",
                               r->directions, 2 * (long long)rows);
    r->lengths = fv__onnx_operand(node, 4);
    r->lengths = fv__onnx_cast(to, node, r->lengths, FV_I64);
    r->first[0] = state(to, node, r, 5);
    r->first[1] = r->kind->gates == 4 ? state(to, node, r, 6) : NULL;
    r->x = fv__onnx_ordered(to, node->inputs[0], images_first(r));
    return r->x ? FV_OK : FV_UNSUPPORTED;
}

/* ---- outputs ---------------------------------------------------------------
 */

fv_status fv__recurrent_outputs(fv__importer *to, fv__onnx_node *node,
                                const fv__recurrent_node *r,
                                fv__value *const made[3])
{
    static const fv__order all = { { 2, 0, 1, 3 } };
    if (fv__onnx_wanted(node, 0)) {
        fv__value *y = made[0];
        y = fv__onnx_line(to, node, 1, &y, "reshape 0 0 %d %lld", r->directions,
                          (long long)r->hidden);
        fv__onnx_set_ordered(node, 0, y,
                             r->batch_first ? fv__order_plain() : all);
    }
    for (int32_t k = 1; k < (r->kind->gates == 4 ? 3 : 2); k++) {
        if (!fv__onnx_wanted(node, k)) continue;
        fv__value *h = made[k];
        h = fv__onnx_line(to, node, 1, &h, "reshape 0 %d %lld", r->directions,
                          (long long)r->hidden);
        fv__onnx_set_ordered(node, k, h, images_first(r));
    }
    return fv_failed(to->context);
}

/* ---- the layer -------------------------------------------------------------
 */

/* Rows of the gates of a direction in the order of the layer: `count` gates of
 * `rows` rows of `width` numbers, from number `first` on. */
static fv_tensor gates_of(fv__importer *to, const fv_tensor *from,
                          const fv__recurrent_kind *kind, int64_t first,
                          int32_t rank, const int64_t shape[])
{
    const fv_tensor y = fv__onnx_tensor_new(to, from->dtype, rank, shape);
    if (y.rank < 0) return y;
    const int64_t gate = fv_tensor_count(&y) / kind->gates;
    const size_t bytes = (size_t)gate * fv_dtype_bytes(y.dtype);
    for (int32_t k = 0; k < kind->gates; k++)
        memcpy(fv__tensor_byte(&y, k * gate),
               fv__tensor_byte(from, first + kind->from[k] * gate), bytes);
    return y;
}

static fv_status weigh(fv__importer *to, const fv__recurrent_node *r)
{
    static const char *const names[2][4] = {
        { "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0" },
        { "weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_ih_l0_reverse",
          "bias_hh_l0_reverse" },
    };
    const int64_t rows = r->kind->gates * r->hidden;
    for (int32_t d = 0; d < r->directions; d++)
        for (int32_t k = 0; k < (r->b ? 4 : 2); k++) {
            const fv_tensor *from = k == 0   ? &r->w->known
                                    : k == 1 ? &r->v->known
                                             : &r->b->known;
            const int64_t shape[] = { rows, k < 2 ? from->shape[2] : 1 };
            const int64_t first =
                k < 2 ? d * rows * shape[1] : (2 * d + k - 2) * rows;
            const fv_tensor gates =
                gates_of(to, from, r->kind, first, k < 2 ? 2 : 1, shape);
            if (gates.rank < 0
                || fv__onnx_weight(to, names[d][k], &gates) != FV_OK)
                return fv_failed(to->context);
        }
    return FV_OK;
}

static fv_status as_layer(fv__importer *to, fv__onnx_node *node,
                          const fv__recurrent_node *r)
{
    fv__value *inputs[4] = { r->x }, *made[3];
    int32_t count = 1;
    if (r->first[0] || r->first[1]) {
        for (int32_t k = 0; k < (r->kind->gates == 4 ? 2 : 1); k++) {
            fv__value *other = r->first[1 - k];
            inputs[count++] = r->first[k]
                                  ? r->first[k]
                                  : fv__onnx_line(to, node, 1, &other, "mul 0");
        }
    }
    if (r->lengths) inputs[count++] = r->lengths;
    made[0] =
        fv__onnx_line(to, node, count, inputs, "%s %lld bias=%s%s",
                      r->kind->layer, (long long)r->hidden, r->b ? "yes" : "no",
                      r->reversed          ? " reversed=yes"
                      : r->directions == 2 ? " bidirectional=yes"
                                           : "");
    if (!made[0] || weigh(to, r) != FV_OK) return FV_UNSUPPORTED;
    for (int32_t k = 1; k < 3; k++) made[k] = fv__onnx_sibling(to, made[0], k);
    return fv__recurrent_outputs(to, node, r, made);
}

static fv_status recurrent(fv__importer *to, fv__onnx_node *node)
{
    fv__recurrent_node r = { .kind = kinds };
    while (strcmp(r.kind->kind, node->kind) != 0) r.kind++;
    r.peepholes = r.kind->gates == 4
                      ? fv__onnx_plain(to, fv__onnx_operand(node, 7))
                      : NULL;
    if (read_attributes(to, node, &r) != FV_OK
        || read_inputs(to, node, &r) != FV_OK || !r.x || !r.w || !r.v)
        return FV_UNSUPPORTED;
    const bool known = r.w->known.data && r.v->known.data
                       && (!r.b || r.b->known.data) && !r.x->known.data;
    return r.usual && known ? as_layer(to, node, &r)
                            : fv__recurrent_unrolled(to, node, &r);
}

const fv__onnx_operator fv__onnx_recurrents[] = {
    { "LSTM", recurrent, NULL },
    { "GRU", recurrent, NULL },
    { "RNN", recurrent, NULL },
    { NULL, NULL, NULL },
};
