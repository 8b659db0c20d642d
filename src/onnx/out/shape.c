/* Operators that move elements. */
#include "onnx/out/out.h"
#include "op/attributes.h"
#include "op/shape/rearrange.h"

#include <string.h>

fv__out_emit fv__out_reshape_of, fv__out_permute, fv__out_broadcast,
    fv__out_concat, fv__out_stack, fv__out_split, fv__out_slice, fv__out_pad,
    fv__out_channel_shuffle, fv__out_pixel_shuffle, fv__out_pixel_unshuffle;

static int32_t counted(int32_t axis, int32_t rank)
{
    return axis < 0 ? axis + rank : axis;
}

/* ---- reshape ------------------------------------------------------------- */

/* Axes of extent 1 that come and go while the others stay. */
typedef struct squeezing {
    bool gone[FV_MAX_RANK];    /* axes of the operand */
    int32_t from[FV_MAX_RANK]; /* the axis of the operand; -1: a new one */
} squeezing;

/* Whether extent i of the operand is extent j of the result in both records. */
static bool stays(const fv__out *out, int32_t i, int32_t j)
{
    const fv__node *a = out->node, *b = out->twin;
    return a->inputs[0]->value.shape[i] == a->outputs[0]->value.shape[j]
           && b->inputs[0]->value.shape[i] == b->outputs[0]->value.shape[j];
}

static bool is_one(const fv__out *out, bool result, int32_t axis)
{
    const fv__node *a = out->node, *b = out->twin;
    return result ? a->outputs[0]->value.shape[axis] == 1
                        && b->outputs[0]->value.shape[axis] == 1
                  : a->inputs[0]->value.shape[axis] == 1
                        && b->inputs[0]->value.shape[axis] == 1;
}

static bool squeezes(const fv__out *out, squeezing *s)
{
    const int32_t in = out->node->inputs[0]->value.rank;
    const int32_t count = out->node->outputs[0]->value.rank;
    int32_t i = 0, j = 0;
    *s = (squeezing){ .gone = { false } };
    while (i < in || j < count) {
        if (i < in && j < count && stays(out, i, j))
            s->from[j++] = i++;
        else if (i < in && is_one(out, false, i))
            s->gone[i++] = true;
        else if (j < count && is_one(out, true, j))
            s->from[j++] = -1;
        else
            return false;
    }
    return true;
}

/* Whether the axes that stay come in that order, given that of the operand. */
static bool keeps_order(const squeezing *s, const fv__out_form *form,
                        int32_t rank, const int32_t order[])
{
    int32_t at = 0;
    for (int32_t i = 0; i < form->rank; i++) {
        if (s->gone[form->order[i]]) continue;
        while (at < rank && s->from[order[at]] < 0) at++;
        if (at == rank || s->from[order[at++]] != form->order[i]) return false;
    }
    return true;
}

/* An order of the result that keeps that of the axes that stay: channels first,
 * as they are, or new axes in front. */
static void kept_order(const squeezing *s, const fv__out_form *form,
                       int32_t rank, int32_t order[])
{
    int32_t count = 0;
    fv__out_first(rank, order);
    if (keeps_order(s, form, rank, order)) return;
    fv__out_same(rank, order);
    if (keeps_order(s, form, rank, order)) return;
    for (int32_t j = 0; j < rank; j++)
        if (s->from[j] < 0) order[count++] = j;
    for (int32_t i = 0; i < form->rank; i++)
        for (int32_t j = 0; j < rank; j++)
            if (s->from[j] == form->order[i]) order[count++] = j;
}

static void squeeze(fv__out *out, const squeezing *s)
{
    const int32_t rank = out->node->outputs[0]->value.rank;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    int64_t axes[FV_MAX_RANK], count = 0;
    int32_t order[FV_MAX_RANK];
    for (int32_t i = 0; i < form->rank; i++)
        if (s->gone[form->order[i]]) axes[count++] = i;
    if (count) x = fv__out_squeeze(out, x, count, axes);
    kept_order(s, form, rank, order);
    count = 0;
    for (int32_t i = 0; i < rank; i++)
        if (s->from[order[i]] < 0) axes[count++] = i;
    if (count) x = fv__out_unsqueeze(out, x, count, axes);
    fv__out_set(out, 0, x, order);
}

/* The shape for Reshape: numbers, 0 for an extent that stays open where it was,
 * -1 for one other open extent. */
static bool open_shape(const fv__out *out, int64_t shape[FV_MAX_RANK])
{
    const fv_tensor *y = &out->node->outputs[0]->value;
    const int32_t in = out->node->inputs[0]->value.rank;
    int32_t unknown = 0;
    for (int32_t j = 0; j < y->rank; j++) {
        shape[j] = y->shape[j];
        if (fv__out_result_fixed(out, 0, j)) continue;
        shape[j] = j < in && stays(out, j, j) ? 0 : -1;
        unknown += shape[j] < 0;
    }
    return unknown <= 1;
}

/* [n, ...] to [n, all others]: of no more than one extent other than 1 in any
 * order. */
static bool flattens(fv__out *out, bool squeezed)
{
    const fv__node *node = out->node;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    if (node->outputs[0]->value.rank != 2 || form->rank < 3 || form->order[0]
        || !stays(out, 0, 0))
        return false;
    if (!squeezed) x = fv__out_plain(out, 0);
    fv__out_value *y = FV__OUT_NODE(out, "Flatten", x);
    fv__out_int(out, "axis", 1);
    fv__out_set_plain(out, 0, y);
    return true;
}

/* The shape is made of extents of the network's inputs. */
static void reshape_open(fv__out *out)
{
    const fv_tensor *y = &out->node->outputs[0]->value;
    fv__out_value *shape = fv__out_shape(
        out, y->rank, y->shape, out->twin->outputs[0]->value.shape, true);
    if (shape)
        fv__out_set_plain(
            out, 0, FV__OUT_NODE(out, "Reshape", fv__out_plain(out, 0), shape));
    else
        fv__out_refuse(out, "several extents of a shape depend on open sizes");
}

void fv__out_reshape_of(fv__out *out)
{
    const int32_t rank = out->node->outputs[0]->value.rank;
    int64_t shape[FV_MAX_RANK];
    squeezing s;
    if (!fv_tensor_count(&out->node->outputs[0]->value)) {
        fv__out_refuse(out, "a tensor without elements is reshaped");
        return;
    }
    const bool squeezed = squeezes(out, &s);
    if (flattens(out, squeezed)) return;
    if (squeezed) {
        squeeze(out, &s);
    } else if (open_shape(out, shape)) {
        fv__out_set_plain(
            out, 0, fv__out_reshape(out, fv__out_plain(out, 0), rank, shape));
    } else {
        reshape_open(out);
    }
}

/* Only the order of the axes changes. */
void fv__out_permute(fv__out *out)
{
    const fv__axes *a = out->node->attributes;
    const fv__out_form *form;
    int32_t order[FV_MAX_RANK];
    fv__out_value *x = fv__out_any(out, 0, &form);
    for (int32_t i = 0; i < form->rank; i++)
        for (int32_t j = 0; j < form->rank; j++)
            if (counted(a->axes[j], form->rank) == form->order[i]) order[i] = j;
    fv__out_set(out, 0, x, order);
}

/* ---- along an axis ------------------------------------------------------- */

/* Extents that stay are 1 in the shape of Expand. */
void fv__out_broadcast(fv__out *out)
{
    const fv_tensor *x = &out->node->inputs[0]->value;
    const fv_tensor *y = &out->node->outputs[0]->value;
    const int32_t more = y->rank - x->rank;
    int32_t order[FV_MAX_RANK];
    int64_t shape[FV_MAX_RANK] = { 0 }, other[FV_MAX_RANK] = { 0 };
    fv__out_same(y->rank, order);
    if (!more) {
        const fv__out_form *form = fv__out_form_of(out, out->node->inputs[0]);
        if (form) memcpy(order, form->order, sizeof order);
    }
    for (int32_t i = 0; i < y->rank; i++) {
        const int32_t axis = order[i];
        const bool same = axis >= more && stays(out, axis - more, axis);
        shape[i] = same ? 1 : y->shape[axis];
        other[i] = same ? 1 : out->twin->outputs[0]->value.shape[axis];
    }
    const bool fixed = !memcmp(shape, other, (size_t)y->rank * sizeof *shape);
    fv__out_value *wanted =
        fixed ? fv__out_wholes(out, "shape", y->rank, shape)
              : fv__out_shape(out, y->rank, shape, other, false);
    if (!wanted)
        fv__out_refuse(out,
                       "an extent to be repeated to depends on open sizes");
    fv__out_value *value = FV__OUT_NODE(
        out, "Expand", fv__out_read(out, out->node->inputs[0], y->rank, order),
        wanted);
    fv__out_set(out, 0, value, order);
}

/* The order of the first operand that is computed. */
static void order_of_any(fv__out *out, int32_t order[FV_MAX_RANK])
{
    const fv__node *node = out->node;
    fv__out_same(node->inputs[0]->value.rank, order);
    for (int32_t k = 0; k < node->num_inputs; k++) {
        if (fv__out_known(out, node->inputs[k])) continue;
        const fv__out_form *form = fv__out_form_of(out, node->inputs[k]);
        if (form) memcpy(order, form->order, sizeof form->order);
        return;
    }
}

static int64_t place_of(int32_t rank, const int32_t order[], int32_t axis)
{
    int64_t at = 0;
    for (int32_t i = 0; i < rank; i++)
        if (order[i] == axis) at = i;
    return at;
}

/* All operands in one order. */
static fv__out_value **operands(fv__out *out, const int32_t order[])
{
    const fv__node *node = out->node;
    fv__out_value **values =
        fv__out_memory(out, (size_t)node->num_inputs * sizeof *values);
    for (int32_t k = 0; values && k < node->num_inputs; k++)
        values[k] = fv__out_read(out, node->inputs[k],
                                 node->inputs[k]->value.rank, order);
    return values;
}

void fv__out_concat(fv__out *out)
{
    const fv__node *node = out->node;
    const int32_t rank = node->inputs[0]->value.rank;
    const fv__axis *a = node->attributes;
    int32_t order[FV_MAX_RANK];
    order_of_any(out, order);
    fv__out_value **values = operands(out, order);
    if (!values) return;
    fv__out_value *y = fv__out_node_of(out, "Concat", node->num_inputs, values);
    fv__out_int(out, "axis", place_of(rank, order, counted(a->axis, rank)));
    fv__out_set(out, 0, y, order);
}

void fv__out_stack(fv__out *out)
{
    const fv__node *node = out->node;
    const int32_t rank = node->inputs[0]->value.rank;
    const fv__axis *a = node->attributes;
    int32_t order[FV_MAX_RANK];
    const int64_t axis = counted(a->axis, rank + 1);
    fv__out_same(rank, order);
    fv__out_value **values = operands(out, order);
    if (!values) return;
    for (int32_t k = 0; k < node->num_inputs; k++)
        values[k] = fv__out_unsqueeze(out, values[k], 1, &axis);
    fv__out_value *y = fv__out_node_of(out, "Concat", node->num_inputs, values);
    fv__out_int(out, "axis", axis);
    fv__out_set_plain(out, 0, y);
}

void fv__out_split(fv__out *out)
{
    const fv__split *a = out->node->attributes;
    const fv__split *b = out->twin->attributes;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form), *part;
    bool equal = true, fixed = true;
    for (int32_t k = 0; k < a->count; k++) {
        equal &= a->sizes[k] == a->sizes[0] && b->sizes[k] == b->sizes[0];
        fixed &= a->sizes[k] == b->sizes[k];
    }
    if (!equal && !fixed) {
        fv__out_refuse(out, "sizes of parts depend on the batch or on open "
                            "sizes");
        return;
    }
    part = fixed
               ? FV__OUT_NODE(out, "Split", x,
                              fv__out_wholes(out, "sizes", a->count, a->sizes))
               : FV__OUT_NODE(out, "Split", x);
    fv__out_int(out, "axis", fv__out_at(form, counted(a->axis, form->rank)));
    if (!fixed && out->opset >= 18) fv__out_int(out, "num_outputs", a->count);
    for (int32_t k = 0; k < a->count; k++) {
        if (k) part = fv__out_more(out);
        fv__out_set(out, k, part, form->order);
    }
}

/* An index that is one in both records: a number, or the end. */
static int64_t index_of(fv__out *out, int64_t a, int64_t b, int32_t axis)
{
    const int64_t whole = out->node->inputs[0]->value.shape[axis];
    const int64_t other = out->twin->inputs[0]->value.shape[axis];
    if (a == b) return a;
    if (a >= whole && b >= other) return INT64_MAX;
    if (a - whole == b - other && a < whole) return a - whole;
    fv__out_refuse(out, "where a part begins or ends depends on the batch or "
                        "on open sizes");
    return a;
}

void fv__out_slice(fv__out *out)
{
    const fv__slice *a = out->node->attributes, *b = out->twin->attributes;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    int64_t starts[FV_MAX_RANK], stops[FV_MAX_RANK], axes[FV_MAX_RANK],
        steps[FV_MAX_RANK];
    bool single = true;
    for (int32_t i = 0; i < a->count; i++) {
        const fv__slice_part *p = &a->parts[i], *q = &b->parts[i];
        const int32_t axis = counted(p->axis, form->rank);
        starts[i] = index_of(out, p->start, q->start, axis);
        stops[i] = index_of(out, p->stop, q->stop, axis);
        steps[i] = p->step;
        axes[i] = fv__out_at(form, axis);
        single &= p->step == 1;
    }
    if (!a->count) {
        fv__out_pass(out);
        return;
    }
    fv__out_value *y = FV__OUT_NODE(
        out, "Slice", x, fv__out_wholes(out, "starts", a->count, starts),
        fv__out_wholes(out, "ends", a->count, stops),
        fv__out_wholes(out, "axes", a->count, axes),
        single ? NULL : fv__out_wholes(out, "steps", a->count, steps));
    fv__out_set(out, 0, y, form->order);
}

void fv__out_pad(fv__out *out)
{
    const fv__pad *a = out->node->attributes;
    const fv__out_form *form;
    fv__out_value *x = fv__out_any(out, 0, &form);
    int64_t begin[FV_MAX_RANK], end[FV_MAX_RANK];
    for (int32_t i = 0; i < form->rank; i++) {
        begin[i] = a->begin[form->order[i]];
        end[i] = a->end[form->order[i]];
    }
    x = fv__out_padded(out, x, form->rank, begin, end, (fv_padding_mode)a->mode,
                       a->value);
    fv__out_set(out, 0, x, form->order);
}

/* ---- channels and pixels ------------------------------------------------- */

/* Channels in another order: output i is input from[i]. */
static fv__out_value *chosen(fv__out *out, fv__out_value *x, int64_t count,
                             const int64_t from[], int64_t axis)
{
    fv__out_value *y = FV__OUT_NODE(
        out, "Gather", x, fv__out_wholes(out, "channels", count, from));
    fv__out_int(out, "axis", axis);
    return y;
}

/* Channels k groups + g are channels g (c / groups) + k of the operand. */
static fv__out_value *mixed(fv__out *out, fv__out_value *x, int64_t channels,
                            int64_t groups, int64_t axis)
{
    const int64_t each = channels / groups;
    int64_t *from = fv__out_memory(out, (size_t)channels * sizeof *from);
    for (int64_t i = 0; from && i < channels; i++)
        from[i] = i % groups * each + i / groups;
    return from ? chosen(out, x, channels, from, axis) : NULL;
}

/* Of an image of known size a reshape, as networks are written elsewhere. */
void fv__out_channel_shuffle(fv__out *out)
{
    const fv__channel_shuffle *a = out->node->attributes;
    const fv_tensor *x = &out->node->inputs[0]->value;
    const int64_t channels = x->shape[x->rank - 1];
    const fv__out_form *form;
    if (x->rank < 3 || x->rank > FV_MAX_RANK - 1 || !fv__out_sized(out)) {
        fv__out_value *any = fv__out_any(out, 0, &form);
        any =
            mixed(out, any, channels, a->groups, fv__out_at(form, x->rank - 1));
        fv__out_set(out, 0, any, form->order);
        return;
    }
    int64_t apart[FV_MAX_RANK] = { 0, a->groups, channels / a->groups };
    int64_t joined[FV_MAX_RANK] = { 0, channels };
    int32_t perm[FV_MAX_RANK];
    fv__out_same(x->rank + 1, perm);
    perm[1] = 2;
    perm[2] = 1;
    for (int32_t i = 1; i + 1 < x->rank; i++)
        apart[i + 2] = joined[i + 1] = x->shape[i];
    fv__out_value *y =
        fv__out_reshape(out, fv__out_image(out, 0), x->rank + 1, apart);
    y = fv__out_transpose(out, y, x->rank + 1, perm);
    fv__out_set_image(out, 0, fv__out_reshape(out, y, x->rank, joined));
}

void fv__out_pixel_shuffle(fv__out *out)
{
    const fv__depth_to_space *a = out->node->attributes;
    fv__out_value *y = FV__OUT_NODE(out, "DepthToSpace", fv__out_image(out, 0));
    fv__out_int(out, "blocksize", a->factor);
    fv__out_word(out, "mode", a->order == FV_DEPTH_CRD ? "CRD" : "DCR");
    fv__out_set_image(out, 0, y);
}

/* SpaceToDepth numbers channels by row, column, channel. */
void fv__out_pixel_unshuffle(fv__out *out)
{
    const fv__depth_to_space *a = out->node->attributes;
    const fv_tensor *y = &out->node->outputs[0]->value;
    fv__out_value *value =
        FV__OUT_NODE(out, "SpaceToDepth", fv__out_image(out, 0));
    fv__out_int(out, "blocksize", a->factor);
    if (a->order == FV_DEPTH_CRD)
        value = mixed(out, value, y->shape[3], a->factor * a->factor, 1);
    fv__out_set_image(out, 0, value);
}
