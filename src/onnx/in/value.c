/* Values of the graph: names, shapes and orders of axes. */
#include "onnx/in/importer.h"

#include <string.h>

/* ---- memory and names ------------------------------------------------------
 */

void *fv__onnx_allocate(fv__importer *to, size_t bytes)
{
    return fv__arena_allocate(&to->arena, bytes);
}

fv_tensor fv__onnx_tensor_new(fv__importer *to, fv_dtype dtype, int32_t rank,
                              const int64_t shape[])
{
    fv_tensor tensor = fv_tensor_of(NULL, dtype, rank, shape);
    const size_t bytes = fv__tensor_bytes(&tensor);
    tensor.data = fv__onnx_allocate(to, bytes ? bytes : 1);
    return tensor.data ? tensor : fv__tensor_failed();
}

static fv__value *new_value(fv__importer *to, const char *name)
{
    fv__value *value = fv__onnx_allocate(to, sizeof *value);
    if (value)
        *value = (fv__value){ .name = name,
                              .result = -1,
                              .order = fv__order_plain() };
    return value;
}

fv__value *fv__onnx_named(fv__importer *to, const char *name)
{
    uint32_t digest = 2166136261u; /* FNV-1a */
    for (const char *at = name; *at; at++)
        digest = (digest ^ (unsigned char)*at) * 16777619u;
    const uint32_t k = digest % FV__NAME_SLOTS;
    for (const fv__scope *scope = to->scope; scope; scope = scope->outer)
        for (fv__value *value = scope->slots[k]; value; value = value->next)
            if (strcmp(value->name, name) == 0) return value;
    fv__value *value = new_value(to, name);
    if (!value) return NULL;
    value->next = to->scope->slots[k];
    to->scope->slots[k] = value;
    return value;
}

fv__scope *fv__onnx_scope(fv__importer *to, fv__scope *outer)
{
    fv__scope *former = to->scope;
    fv__scope *scope = fv__onnx_allocate(to, sizeof *scope);
    if (!scope) return former;
    memset(scope, 0, sizeof *scope);
    scope->outer = outer;
    to->scope = scope;
    return former;
}

/* ---- shapes ----------------------------------------------------------------
 */

static const fv__result *result_of(const fv__importer *to,
                                   const fv__value *value)
{
    if (value->flattened) return NULL;
    return &to->network->results[value->result];
}

int32_t fv__onnx_rank(const fv__importer *to, const fv__value *value)
{
    if (value->known.data) return value->known.rank;
    if (value->flattened) return 2;
    if (value->result < 0) return value->deferred->rank;
    const fv__result *result = result_of(to, value);
    return result->shape.rank + (result->batched ? 1 : 0);
}

fv_dtype fv__onnx_type_of(const fv__importer *to, const fv__value *value)
{
    if (value->known.data) return value->known.dtype;
    if (value->flattened) return to->context->dtype;
    if (value->result < 0) return value->deferred->dtype;
    return result_of(to, value)->dtype;
}

/* The extents of all axes but the batch as one. */
static int64_t features_of(const fv__importer *to, const fv__value *images)
{
    int64_t product = 1;
    const int32_t rank = fv__onnx_rank(to, images);
    for (int32_t i = 1; i < rank; i++) {
        const int64_t extent = fv__onnx_extent(to, images, i);
        if (extent == FV_OPEN) return FV_OPEN;
        product *= extent;
    }
    return product;
}

/* The extent of an axis of the tensor, if there is a line. */
static int64_t stored_extent(const fv__importer *to, const fv__value *value,
                             int32_t axis)
{
    const fv__result *result = result_of(to, value);
    if (!result->batched) return result->shape.extent[axis];
    const fv_tensor *one = &result->traced[0]->value;
    const fv_variable *doubled = to->doubled[value->result];
    if (doubled ? doubled->value.rank != one->rank
                      || doubled->value.shape[axis] != one->shape[axis]
                : axis == 0)
        return FV_OPEN;
    if (axis) return result->shape.extent[axis - 1];
    const fv_variable *other = result->traced[to->network->open];
    return other->value.shape[0] == one->shape[0] ? one->shape[0] : FV_OPEN;
}

int64_t fv__onnx_extent(const fv__importer *to, const fv__value *value,
                        int32_t axis)
{
    if (value->known.data)
        return value->known.shape[fv__onnx_stored(to, value, axis)];
    if (value->flattened)
        return axis ? features_of(to, value->flattened)
                    : fv__onnx_extent(to, value->flattened, 0);
    if (value->result < 0) return value->deferred->extent[axis];
    return stored_extent(to, value, fv__onnx_stored(to, value, axis));
}

bool fv__onnx_is_batch(const fv__importer *to, const fv__value *value,
                       int32_t axis)
{
    if (value->known.data) return false;
    if (value->flattened)
        return !axis && fv__onnx_is_batch(to, value->flattened, 0);
    if (value->result < 0)
        return value->deferred->padding
               && fv__onnx_is_batch(to, value->deferred->inputs[0], axis);
    const fv__result *result = result_of(to, value);
    const int32_t at = fv__onnx_stored(to, value, axis);
    if (!result->batched || result->traced[0]->value.shape[at] != 1)
        return false;
    const fv_variable *doubled = to->doubled[value->result];
    if (!doubled) return at == 0;
    return stored_extent(to, value, at) == FV_OPEN
           && doubled->value.shape[at] == 2;
}

int32_t fv__onnx_stored(const fv__importer *to, const fv__value *value,
                        int64_t axis)
{
    const int32_t rank = fv__onnx_rank(to, value);
    for (int32_t i = 0; i < rank; i++)
        if (value->order.axis[i] == axis) return i;
    return (int32_t)axis;
}

bool fv__onnx_axis(fv__importer *to, const fv__onnx_node *node,
                   const fv__value *value, int64_t *axis)
{
    const int32_t rank = fv__onnx_rank(to, value);
    if (*axis >= -rank && *axis < rank) {
        *axis += *axis < 0 ? rank : 0;
        return true;
    }
    fv__onnx_refuse(to, node, "axis %lld of an input of %d axes",
                    (long long)*axis, rank);
    return false;
}

/* ---- orders ----------------------------------------------------------------
 */

fv__order fv__order_plain(void)
{
    fv__order order;
    for (int32_t i = 0; i < FV_MAX_RANK; i++) order.axis[i] = i;
    return order;
}

fv__order fv__order_last(int32_t rank)
{
    fv__order order = fv__order_plain();
    for (int32_t i = 1; i < rank - 1; i++) order.axis[i] = i + 1;
    if (rank > 2) order.axis[rank - 1] = 1;
    return order;
}

bool fv__order_equal(int32_t rank, const fv__order *a, const fv__order *b)
{
    return memcmp(a->axis, b->axis, (size_t)rank * sizeof a->axis[0]) == 0;
}

/* Axis i of the tensor in the wanted order is axis axes[i] of the one there is.
 */
static void axes_between(const fv__importer *to, const fv__value *value,
                         const fv__order *wanted, int32_t axes[FV_MAX_RANK])
{
    const int32_t rank = fv__onnx_rank(to, value);
    for (int32_t i = 0; i < rank; i++)
        axes[i] = fv__onnx_stored(to, value, wanted->axis[i]);
}

/* "0 2 3 1" */
static const char *axes_text(int32_t rank, const int32_t axes[], char text[64])
{
    size_t used = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < rank; i++) {
        text[used++] = ' ';
        text[used++] = (char)('0' + axes[i]);
    }
    text[used] = '\0';
    return text;
}

fv__value *fv__onnx_permuted(fv__importer *to, const fv__value *value,
                             const int32_t axes[])
{
    const fv_tensor view = fv_tensor_permute(to->context, &value->known, axes);
    if (view.rank < 0) return NULL;
    const fv_tensor copy =
        fv__onnx_tensor_new(to, view.dtype, view.rank, view.shape);
    if (copy.rank < 0) return NULL;
    if (fv_tensor_count(&copy)) fv__tensor_copy_elements(&copy, &view);
    return fv__onnx_known(to, &copy);
}

fv__value *fv__onnx_rows(fv__importer *to, const fv__value *flattened,
                         fv__value *from, const char *line)
{
    const fv__onnx_node_message *maker = flattened->maker;
    const fv__onnx_node named = { .name = maker && maker->name && *maker->name
                                              ? maker->name
                                              : flattened->name };
    return fv__onnx_line(to, &named, 1, &from, "%s", line);
}

/* A line for what has been flattened in the graph's order. */
static fv__value *flatten(fv__importer *to, fv__value *value)
{
    const bool image = fv__onnx_rank(to, value->flattened) == 4;
    fv__value *from =
        image ? value->flattened : fv__onnx_plain(to, value->flattened);
    fv__value *made =
        fv__onnx_rows(to, value, from, image ? "flatten" : "reshape 0 -1");
    if (!made) return NULL;
    value->flattened = NULL;
    value->result = made->result;
    return value;
}

fv__value *fv__onnx_ordered(fv__importer *to, fv__value *value, fv__order order)
{
    if (!value || !fv__ok(to->context)) return NULL;
    if (value->flattened) return flatten(to, value);
    const int32_t rank = fv__onnx_rank(to, value);
    if (fv__order_equal(rank, &value->order, &order)) return value;
    for (fv__value *v = value->others; v; v = v->others)
        if (fv__order_equal(rank, &v->order, &order)) return v;
    int32_t axes[FV_MAX_RANK];
    char text[64];
    axes_between(to, value, &order, axes);
    fv__value *made = value->known.data
                          ? fv__onnx_permuted(to, value, axes)
                          : fv__onnx_line(to, NULL, 1, &value, "permute%s",
                                          axes_text(rank, axes, text));
    if (!made) return NULL;
    made->order = order;
    made->others = value->others;
    value->others = made;
    return made;
}

fv__value *fv__onnx_plain(fv__importer *to, fv__value *value)
{
    return fv__onnx_ordered(to, value, fv__order_plain());
}

fv__value *fv__onnx_last(fv__importer *to, fv__value *value)
{
    if (!value) return NULL;
    return fv__onnx_ordered(to, value,
                            fv__order_last(fv__onnx_rank(to, value)));
}

fv__value *fv__onnx_operand(const fv__onnx_node *node, int32_t k)
{
    return k < node->num_inputs ? node->inputs[k] : NULL;
}

fv__value *fv__onnx_option(fv__importer *to, const fv__onnx_node *node,
                           int32_t k)
{
    fv__value *value = fv__onnx_operand(node, k);
    return value && value->flattened ? fv__onnx_plain(to, value) : value;
}

fv__value *fv__onnx_input(fv__importer *to, fv__onnx_node *node, int32_t k)
{
    if (!fv__onnx_operand(node, k))
        fv__onnx_refuse(to, node, "input %d is left out", k + 1);
    return fv__onnx_option(to, node, k);
}

/* ---- broadcasting
 * ------------------------------------------------------------
 */

/* Puts axes of extent 1 in front, which broadcasting does by itself only where
 * the order is plain. */
static fv__value *widened(fv__importer *to, fv__value *value, int32_t rank)
{
    const int32_t has = fv__onnx_rank(to, value);
    const int32_t more = rank - has;
    if (!value->known.data) {
        char axes[64];
        int32_t first[FV_MAX_RANK];
        for (int32_t i = 0; i < more; i++) first[i] = i;
        return fv__onnx_line(to, NULL, 1,
                             &(fv__value *){ fv__onnx_plain(to, value) },
                             "unsqueeze%s", axes_text(more, first, axes));
    }
    int64_t shape[FV_MAX_RANK];
    for (int32_t i = 0; i < rank; i++)
        shape[i] = i < more ? 1 : value->known.shape[i - more];
    fv_tensor wide =
        fv_tensor_of(value->known.data, value->known.dtype, rank, shape);
    return fv__onnx_known(to, &wide);
}

int32_t fv__onnx_align(fv__importer *to, int32_t count, fv__value *values[],
                       fv__order *order)
{
    int32_t rank = 0;
    const fv__value *guide = NULL;
    for (int32_t k = 0; k < count; k++) {
        const int32_t r = fv__onnx_rank(to, values[k]);
        rank = r > rank ? r : rank;
    }
    for (int32_t k = 0; k < count && !guide; k++)
        if (!values[k]->known.data && !values[k]->flattened
            && fv__onnx_rank(to, values[k]) == rank)
            guide = values[k];
    *order = guide ? guide->order : fv__order_plain();
    const fv__order plain = fv__order_plain();
    const bool same = fv__order_equal(rank, order, &plain);
    for (int32_t k = 0; k < count; k++) {
        const bool narrow = fv__onnx_rank(to, values[k]) < rank;
        const bool one = values[k]->known.data && narrow
                         && fv_tensor_count(&values[k]->known) == 1;
        if (narrow && !same && !one) values[k] = widened(to, values[k], rank);
        values[k] = !values[k] || (narrow && (same || one))
                        ? fv__onnx_plain(to, values[k])
                        : fv__onnx_ordered(to, values[k], *order);
        if (!values[k]) return -1;
    }
    return rank;
}

/* ---- known values
 * ------------------------------------------------------------
 */

fv__value *fv__onnx_known(fv__importer *to, const fv_tensor *numbers)
{
    fv__value *value = new_value(to, "constant");
    if (value) value->known = *numbers;
    return value;
}

fv__value *fv__onnx_integers(fv__importer *to, int32_t count,
                             const int64_t *numbers)
{
    const int64_t extent = count;
    const fv_tensor vector = fv__onnx_tensor_new(to, FV_I64, 1, &extent);
    if (vector.rank < 0) return NULL;
    if (count) memcpy(vector.data, numbers, (size_t)count * sizeof *numbers);
    return fv__onnx_known(to, &vector);
}

fv__value *fv__onnx_scalar(fv__importer *to, fv_dtype dtype, double number)
{
    const fv_tensor scalar = fv__onnx_tensor_new(to, dtype, 0, NULL);
    if (scalar.rank < 0) return NULL;
    const fv_tensor given = fv_tensor_of(&number, FV_F64, 0, NULL);
    if (fv__tensor_assign(to->context, "a number", &scalar, &given) != FV_OK)
        return NULL;
    return fv__onnx_known(to, &scalar);
}

double fv__onnx_element(const fv_tensor *numbers, int64_t i)
{
    double number;
    fv__load_doubles(numbers->dtype, fv__tensor_byte(numbers, i), 1, 1,
                     &number);
    return number;
}

bool fv__onnx_number(const fv__value *value, double *number)
{
    if (!value || !value->known.data || fv_tensor_count(&value->known) != 1)
        return false;
    *number = fv__onnx_element(&value->known, 0);
    return true;
}

bool fv__onnx_all_zero(const fv__value *value)
{
    const fv_tensor *numbers = &value->known;
    const int64_t count = numbers->data ? fv_tensor_count(numbers) : 0;
    for (int64_t i = 0; i < count; i++)
        if (fv__onnx_element(numbers, i) != 0) return false;
    return numbers->data != NULL;
}
