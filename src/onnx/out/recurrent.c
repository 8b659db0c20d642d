/* Recurrent networks. */
#include "onnx/out/out.h"
#include "op/recurrent/recurrent_run.h"

#include <string.h>

fv__out_emit fv__out_recurrent;

/* Gate g of ONNX is gate order[g] here: i, o, f, c of i, f, g, o; z, r, h of r,
 * z, n. */
static const int32_t orders[][4] = { { 0, 3, 1, 2 }, { 1, 0, 2 }, { 0 } };

static const int32_t *order_of(const fv__recurrence *r)
{
    return orders[r->cell->has_c ? 0 : r->cell->products == 3 ? 1 : 2];
}

/* Weights [gates h, columns] of all directions as [directions, gates h,
 * columns], or biases, of the input and then of the state, as one. */
static fv__out_value *weights(fv__out *out, int32_t what, const char *name)
{
    const fv__recurrence *r = out->node->attributes;
    const fv_tensor *like =
        &out->node->inputs[fv__recurrent_input(r, 0, what)]->value;
    const bool bias = like->rank == 1;
    const int64_t rows = like->shape[0], columns = bias ? 1 : like->shape[1];
    const int64_t shape[] = { r->directions, rows * (bias ? 2 : 1), columns };
    const fv_tensor made =
        fv__out_tensor(out, like->dtype, bias ? 2 : 3, shape);
    const int64_t gates = r->cell->products, h = rows / gates;
    const size_t bytes = (size_t)(h * columns) * fv_dtype_bytes(like->dtype);
    if (made.rank < 0) return NULL;
    for (int64_t d = 0, at = 0; d < r->directions; d++)
        for (int32_t part = 0; part < (bias ? 2 : 1); part++) {
            const fv_tensor *from =
                &out->node
                     ->inputs[fv__recurrent_input(r, (size_t)d, what + part)]
                     ->value;
            for (int64_t g = 0; g < gates; g++, at += h * columns)
                memcpy(fv__tensor_byte(&made, at),
                       fv__tensor_byte(from, order_of(r)[g] * h * columns),
                       bytes);
        }
    return fv__out_data(out, name, &made);
}

/* A first state [n, directions h] as [directions, n, h]; NULL: zeros. */
static fv__out_value *state(fv__out *out, int32_t which)
{
    static const int32_t perm[] = { 1, 0, 2 };
    const fv__recurrence *r = out->node->attributes;
    const int64_t shape[] = { 0, r->directions, -1 };
    if (!r->state || which > (r->cell->has_c ? 1 : 0)) return NULL;
    fv__out_value *value = fv__out_plain(out, fv__recurrent_state(r) + which);
    value = fv__out_reshape(out, value, 3, shape);
    return fv__out_transpose(out, value, 3, perm);
}

static fv__out_value *lengths(fv__out *out)
{
    const fv__recurrence *r = out->node->attributes;
    if (!r->lengths) return NULL;
    fv__out_value *value =
        FV__OUT_NODE(out, "Cast", fv__out_plain(out, fv__recurrent_lengths(r)));
    fv__out_int(out, "to", fv__out_type(FV_I32));
    return value;
}

/* h of all positions, [t, directions, n, h]. */
static void set_all(fv__out *out, fv__out_value *y, int32_t directions)
{
    static const int32_t perm[] = { 0, 2, 1, 3 }, order[] = { 1, 0, 2 };
    static const int64_t axis[] = { 1 }, shape[] = { 0, 0, -1 };
    if (directions == 1)
        y = fv__out_squeeze(out, y, 1, axis);
    else
        y = fv__out_reshape(out, fv__out_transpose(out, y, 4, perm), 3, shape);
    fv__out_set(out, 0, y, order);
}

/* The last h or c, [directions, n, h]. */
static void set_last(fv__out *out, int32_t k, fv__out_value *y,
                     int32_t directions)
{
    static const int32_t perm[] = { 1, 0, 2 };
    static const int64_t axis[] = { 0 }, shape[] = { 0, -1 };
    if (directions == 1)
        y = fv__out_squeeze(out, y, 1, axis);
    else
        y = fv__out_reshape(out, fv__out_transpose(out, y, 3, perm), 2, shape);
    fv__out_set_plain(out, k, y);
}

static bool is_used(fv__out *out, int32_t k)
{
    const fv__out_entry *entry = fv__out_entry_of(out, out->node->outputs[k]);
    return entry && entry->uses;
}

void fv__out_recurrent(fv__out *out)
{
    static const int32_t positions_first[] = { 1, 0, 2 };
    const fv__node *node = out->node;
    const fv__recurrence *r = node->attributes;
    const int64_t h = node->inputs[1 + FV__WEIGHT_HH]->value.shape[1];
    int32_t used = node->num_outputs - 1;
    while (used && !is_used(out, used)) used--;
    fv__out_value *y = FV__OUT_NODE(
        out, node->op->onnx,
        fv__out_read(out, node->inputs[0], 3, positions_first),
        weights(out, FV__WEIGHT_IH, "W"), weights(out, FV__WEIGHT_HH, "R"),
        r->biases ? weights(out, FV__BIAS_IH, "B") : NULL, lengths(out),
        state(out, 0), state(out, 1));
    fv__out_value *last[2] = { NULL, NULL };
    for (int32_t k = 1; k <= used; k++) last[k - 1] = fv__out_more(out);
    fv__out_int(out, "hidden_size", h);
    fv__out_word(out, "direction",
                 r->directions == 2 ? "bidirectional"
                 : r->reversed      ? "reverse"
                                    : "forward");
    if (r->cell->products == 3) fv__out_int(out, "linear_before_reset", 1);
    set_all(out, y, r->directions);
    for (int32_t k = 1; k <= used; k++)
        if (is_used(out, k)) set_last(out, k, last[k - 1], r->directions);
}
