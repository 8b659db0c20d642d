/* Operands in the order of axes that an operator works on. */
#include "onnx/out/out.h"

#include <stdio.h>
#include <string.h>

void fv__out_same(int32_t rank, int32_t order[])
{
    for (int32_t i = 0; i < rank; i++) order[i] = i;
}

void fv__out_first(int32_t rank, int32_t order[])
{
    if (rank > 2)
        fv__axes_outside(rank, order);
    else
        fv__out_same(rank, order);
}

int64_t fv__out_at(const fv__out_form *form, int32_t axis)
{
    for (int32_t i = 0; i < form->rank; i++)
        if (form->order[i] == axis) return i;
    return 0;
}

static bool same_order(int32_t rank, const int32_t a[], const int32_t b[])
{
    return !rank || !memcmp(a, b, (size_t)rank * sizeof *a);
}

/* Adds a form behind the others. */
static const fv__out_form *add_form(fv__out *out, fv__out_entry *entry,
                                    fv__out_value *value, int32_t rank,
                                    const int32_t order[])
{
    fv__out_form *form = fv__out_memory(out, sizeof *form);
    fv__out_form **at = &entry->forms;
    if (!form || !value) return NULL;
    *form = (fv__out_form){ .value = value, .rank = rank };
    if (rank) memcpy(form->order, order, (size_t)rank * sizeof *order);
    while (*at) at = &(*at)->next;
    return *at = form;
}

static fv__out_form *find_form(const fv__out_entry *entry, int32_t rank,
                               const int32_t order[])
{
    for (fv__out_form *form = entry->forms; form; form = form->next)
        if (form->rank == rank && same_order(rank, form->order, order))
            return form;
    return NULL;
}

/* ---- parameters and what is known ---------------------------------------- */

const fv_tensor *fv__out_known(fv__out *out, const fv_variable *variable)
{
    const fv__out_entry *entry = fv__out_entry_of(out, variable);
    if (!entry || (!entry->parameter && !variable->constant)) return NULL;
    return &variable->value;
}

/* The tensor with leading axes of extent 1, its axes in an order. Leading axes
 * of a broadcast operand are left out again. */
static fv_tensor arranged(fv_context *context, const fv_tensor *tensor,
                          int32_t rank, const int32_t order[])
{
    const int32_t more = rank - tensor->rank;
    int64_t shape[FV_MAX_RANK];
    for (int32_t i = 0; i < rank; i++)
        shape[i] = i < more ? 1 : tensor->shape[i - more];
    fv_tensor view = fv_tensor_reshape(context, tensor, rank, shape);
    if (view.rank < 0) return view;
    view = fv_tensor_permute(context, &view, order);
    int32_t skip = 0;
    while (skip < more && view.shape[skip] == 1) skip++;
    for (int32_t i = skip; i < view.rank; i++) {
        view.shape[i - skip] = view.shape[i];
        view.stride[i - skip] = view.stride[i];
    }
    view.rank -= skip;
    return view;
}

/* A constant in the other record: operands are known by their places. */
static const fv_tensor *twin_of(const fv__out *out, const fv_variable *variable)
{
    for (int32_t k = 0; out->node && k < out->node->num_inputs; k++)
        if (out->node->inputs[k] == variable)
            return &out->twin->inputs[k]->value;
    return &variable->value;
}

/* Whether all elements, of both, are equal. */
static bool is_uniform(const fv_tensor *a, const fv_tensor *b)
{
    const size_t bytes = fv_dtype_bytes(a->dtype);
    bool equal = fv_tensor_count(a) && fv_tensor_count(b);
    for (int64_t i = 0; equal && i < fv_tensor_count(a); i++)
        equal = !memcmp(fv__tensor_byte(a, i), a->data, bytes);
    for (int64_t i = 0; equal && i < fv_tensor_count(b); i++)
        equal = !memcmp(fv__tensor_byte(b, i), a->data, bytes);
    return equal;
}

/* A constant that differs between the records: one number, repeated. */
static fv__out_value *repeated(fv__out *out, const fv_tensor *a,
                               const fv_tensor *b, int32_t rank,
                               const int32_t order[])
{
    int64_t first[FV_MAX_RANK], second[FV_MAX_RANK];
    const int32_t more = rank - a->rank;
    fv__out_value *shape = NULL;
    for (int32_t i = 0; i < rank; i++) {
        first[i] = order[i] < more ? 1 : a->shape[order[i] - more];
        second[i] = order[i] < more ? 1 : b->shape[order[i] - more];
    }
    if (a->rank == b->rank && is_uniform(a, b))
        shape = fv__out_shape(out, rank, first, second, false);
    if (!shape) {
        fv__out_refuse(out, "a value depends on the batch or on open sizes");
        return NULL;
    }
    const fv_tensor one = fv_tensor_of(a->data, a->dtype, 0, NULL);
    return FV__OUT_NODE(out, "Expand", fv__out_data(out, "value", &one), shape);
}

static fv__out_value *initializer(fv__out *out, const fv__out_entry *entry,
                                  int32_t rank, const int32_t order[])
{
    const char *stem = out->stem;
    const fv_variable *variable = entry->variable;
    const fv_tensor view =
        arranged(out->context, &variable->value, rank, order);
    if (view.rank < 0) return NULL;
    const fv_tensor *twin = twin_of(out, variable);
    if (!entry->parameter
        && (!fv_tensor_same_shape(&variable->value, twin)
            || memcmp(variable->value.data, twin->data, fv__tensor_bytes(twin))
                   != 0))
        return repeated(out, &variable->value, twin, rank, order);
    if (entry->stem) out->stem = entry->stem;
    fv__out_value *value = fv__out_data(
        out, entry->parameter ? entry->parameter->name : "value", &view);
    out->stem = stem;
    return value;
}

/* ---- reading ------------------------------------------------------------- */

const fv__out_form *fv__out_form_of(fv__out *out, const fv_variable *variable)
{
    fv__out_entry *entry = fv__out_entry_of(out, variable);
    int32_t order[FV_MAX_RANK];
    if (!entry) return NULL;
    if (entry->forms) return entry->forms;
    const int32_t rank = variable->value.rank;
    fv__out_same(rank, order);
    if (!fv__out_known(out, variable)) return NULL;
    return add_form(out, entry, initializer(out, entry, rank, order), rank,
                    order);
}

/* A value that is computed, in another order of its axes. */
static fv__out_value *transposed(fv__out *out, const fv_variable *variable,
                                 const int32_t order[])
{
    const fv__out_form *made = fv__out_form_of(out, variable);
    int32_t perm[FV_MAX_RANK];
    if (!made) return NULL;
    for (int32_t i = 0; i < made->rank; i++)
        perm[i] = (int32_t)fv__out_at(made, order[i]);
    return fv__out_transpose(out, made->value, made->rank, perm);
}

/* A value that is computed as an operand of more axes. */
static fv__out_value *widened(fv__out *out, const fv_variable *variable,
                              int32_t rank, const int32_t order[])
{
    const int32_t more = rank - variable->value.rank;
    int32_t own[FV_MAX_RANK], count = 0;
    int64_t axes[FV_MAX_RANK], inserted = 0;
    for (int32_t i = 0; i < rank; i++)
        if (order[i] >= more) own[count++] = order[i] - more;
    fv__out_value *value =
        fv__out_read(out, variable, variable->value.rank, own);
    int32_t skip = 0;
    while (skip < rank && order[skip] < more) skip++;
    for (int32_t i = skip; i < rank; i++)
        if (order[i] < more) axes[inserted++] = i - skip;
    return inserted && count ? fv__out_unsqueeze(out, value, inserted, axes)
                             : value;
}

fv__out_value *fv__out_read(fv__out *out, const fv_variable *variable,
                            int32_t rank, const int32_t order[])
{
    fv__out_entry *entry = fv__out_entry_of(out, variable);
    if (!entry) return NULL;
    const fv__out_form *found = find_form(entry, rank, order);
    if (found) return found->value;
    fv__out_value *value =
        fv__out_known(out, variable)  ? initializer(out, entry, rank, order)
        : rank > variable->value.rank ? widened(out, variable, rank, order)
                                      : transposed(out, variable, order);
    add_form(out, entry, value, rank, order);
    return value;
}

fv__out_value *fv__out_plain(fv__out *out, int32_t k)
{
    const fv_variable *variable = out->node->inputs[k];
    int32_t order[FV_MAX_RANK];
    fv__out_same(variable->value.rank, order);
    return fv__out_read(out, variable, variable->value.rank, order);
}

fv__out_value *fv__out_image(fv__out *out, int32_t k)
{
    const fv_variable *variable = out->node->inputs[k];
    int32_t order[FV_MAX_RANK];
    fv__out_first(variable->value.rank, order);
    return fv__out_read(out, variable, variable->value.rank, order);
}

fv__out_value *fv__out_any(fv__out *out, int32_t k, const fv__out_form **form)
{
    static const fv__out_form none = { 0 };
    const fv__out_form *made = fv__out_form_of(out, out->node->inputs[k]);
    *form = made ? made : &none;
    return (*form)->value;
}

/* ---- results ------------------------------------------------------------- */

void fv__out_set(fv__out *out, int32_t k, fv__out_value *value,
                 const int32_t order[])
{
    if (k >= out->node->num_outputs) return;
    const fv_variable *variable = out->node->outputs[k];
    fv__out_entry *entry = fv__out_entry_of(out, variable);
    if (!entry || !value) return;
    if (entry->stem && !value->input && !value->data) {
        value->stem = entry->stem;
        value->number = entry->number;
        value->ending = NULL;
    }
    add_form(out, entry, value, variable->value.rank, order);
}

void fv__out_set_plain(fv__out *out, int32_t k, fv__out_value *value)
{
    int32_t order[FV_MAX_RANK];
    fv__out_same(out->node->outputs[k]->value.rank, order);
    fv__out_set(out, k, value, order);
}

void fv__out_set_image(fv__out *out, int32_t k, fv__out_value *value)
{
    int32_t order[FV_MAX_RANK];
    fv__out_first(out->node->outputs[k]->value.rank, order);
    fv__out_set(out, k, value, order);
}

void fv__out_pass(fv__out *out)
{
    const fv__out_form *form;
    fv__out_value *value = fv__out_any(out, 0, &form);
    fv__out_entry *entry = fv__out_entry_of(out, out->node->outputs[0]);
    if (entry && value) add_form(out, entry, value, form->rank, form->order);
}

/* ---- both records -------------------------------------------------------- */

bool fv__out_fixed(const fv__out *out, int32_t k, int32_t axis)
{
    return out->node->inputs[k]->value.shape[axis]
           == out->twin->inputs[k]->value.shape[axis];
}

bool fv__out_result_fixed(const fv__out *out, int32_t k, int32_t axis)
{
    return out->node->outputs[k]->value.shape[axis]
           == out->twin->outputs[k]->value.shape[axis];
}

bool fv__out_sized(const fv__out *out)
{
    bool fixed = true;
    for (int32_t i = 1; i + 1 < out->node->inputs[0]->value.rank; i++)
        fixed &= fv__out_fixed(out, 0, i);
    return fixed;
}

/* Whether axis `axis` of input k of the network has these extents. */
static bool is_extent(const fv__out *out, int32_t k, int32_t axis,
                      int64_t first, int64_t second)
{
    const int32_t result = fv__network_input(out->network, k);
    return out->results[0][result]->value.shape[axis] == first
           && out->results[1][result]->value.shape[axis] == second;
}

fv__out_value *fv__out_extent(fv__out *out, int64_t first, int64_t second)
{
    for (int32_t k = 0; k < (int32_t)out->inputs.count; k++) {
        const fv_variable *input =
            out->results[0][fv__network_input(out->network, k)];
        const fv__out_form *form = fv__out_form_of(out, input);
        for (int32_t i = 0; form && i < form->rank; i++) {
            if (!is_extent(out, k, i, first, second)) continue;
            const int64_t at = fv__out_at(form, i);
            if (!out->shapes[k])
                out->shapes[k] = FV__OUT_NODE(out, "Shape", form->value);
            return FV__OUT_NODE(out, "Gather", out->shapes[k],
                                fv__out_wholes(out, "axis", 1, &at));
        }
    }
    return NULL;
}

fv__out_value *fv__out_shape(fv__out *out, int32_t rank, const int64_t first[],
                             const int64_t second[], bool rest)
{
    fv__out_value *parts[FV_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) {
        const int64_t none = -1;
        if (first[i] == second[i]) {
            parts[i] = fv__out_wholes(out, "extent", 1, &first[i]);
            continue;
        }
        parts[i] = fv__out_extent(out, first[i], second[i]);
        if (parts[i]) continue;
        if (!rest) return NULL;
        rest = false;
        parts[i] = fv__out_wholes(out, "extent", 1, &none);
    }
    fv__out_value *shape = fv__out_node_of(out, "Concat", rank, parts);
    fv__out_int(out, "axis", 0);
    return shape;
}

void fv__out_refuse(fv__out *out, const char *format, ...)
{
    enum { LONGEST = 700 };
    char why[160];
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    char line[256];
    snprintf(line, sizeof line, "%s: %s", out->stem, why);
    out->refuses = true;
    if (out->refused.length > LONGEST
        || (out->refused.at && strstr(out->refused.at, line)))
        return;
    fv__text_add(&out->refused, "%s%s", out->refused.length ? "; " : "", line);
}

/* ---- values of values ---------------------------------------------------- */

fv__out_value *fv__out_transpose(fv__out *out, fv__out_value *x, int32_t rank,
                                 const int32_t perm[])
{
    int64_t axes[FV_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) axes[i] = perm[i];
    fv__out_value *value = FV__OUT_NODE(out, "Transpose", x);
    fv__out_ints(out, "perm", rank, axes);
    return value;
}

fv__out_value *fv__out_unsqueeze(fv__out *out, fv__out_value *x, int64_t count,
                                 const int64_t axes[])
{
    return FV__OUT_NODE(out, "Unsqueeze", x,
                        fv__out_wholes(out, "axes", count, axes));
}

fv__out_value *fv__out_squeeze(fv__out *out, fv__out_value *x, int64_t count,
                               const int64_t axes[])
{
    return FV__OUT_NODE(out, "Squeeze", x,
                        fv__out_wholes(out, "axes", count, axes));
}

fv__out_value *fv__out_reshape(fv__out *out, fv__out_value *x, int32_t rank,
                               const int64_t shape[])
{
    return FV__OUT_NODE(out, "Reshape", x,
                        fv__out_wholes(out, "shape", rank, shape));
}

fv__out_value *fv__out_reduce(fv__out *out, const char *type, fv__out_value *x,
                              int64_t count, const int64_t axes[], bool keep)
{
    const bool input = out->opset >= 18 || !strcmp(type, "ReduceSum");
    fv__out_value *value =
        input ? FV__OUT_NODE(out, type, x,
                             fv__out_wholes(out, "axes", count, axes))
              : FV__OUT_NODE(out, type, x);
    if (!input) fv__out_ints(out, "axes", count, axes);
    fv__out_int(out, "keepdims", keep);
    return value;
}
