/* Slices, and tensors cut into parts. */
#include "onnx/in/operators.h"

#include <string.h>

/* ---- slices ---------------------------------------------------------------
 */

/* The part of an axis. */
typedef struct part {
    int64_t start, end, step;
} part;

/* A limit beyond all extents. */
static int64_t limited(int64_t at)
{
    return fv__max(-INT32_MAX, fv__min(at, INT32_MAX));
}

/* Moves limits of a part beyond an axis of that extent to its ends. */
static void clamp(part *p, int64_t extent)
{
    if (extent == FV_OPEN) {
        p->start = limited(p->start);
        p->end = limited(p->end);
        return;
    }
    const int64_t low = p->step < 0 ? -1 : 0, high = extent + low;
    int64_t *const limits[] = { &p->start, &p->end };
    for (int k = 0; k < 2; k++) {
        int64_t *at = limits[k];
        const int64_t from_0 = *at < 0 ? *at + extent : *at;
        *at = fv__max(low, fv__min(high, from_0));
        if (*at < 0) *at = -extent - 1; /* before the first */
    }
}

/* Whether the part is all of its axis. */
static bool whole(const part *p, int64_t extent)
{
    return p->start == 0 && p->step == 1
           && p->end >= (extent == FV_OPEN ? INT32_MAX : extent);
}

/* A slice whose limits are known: what is left of them, in `options`. */
static void write_parts(const fv__importer *to, const fv__value *x,
                        const fv__list *starts, const fv__list *ends,
                        const fv__list *axes, const fv__list *steps,
                        char options[512])
{
    fv__list all[4] = { { 0 } };
    static const char *const keys[] = { "starts", "stops", "axes", "steps" };
    for (int64_t i = 0; i < axes->count; i++) {
        const int32_t axis = (int32_t)axes->at[i];
        const int64_t extent = fv__onnx_extent(to, x, axis);
        part p = { starts->at[i], ends->at[i], steps->at[i] };
        clamp(&p, extent);
        if (whole(&p, extent)) continue;
        const int64_t numbers[] = { p.start, p.end,
                                    fv__onnx_stored(to, x, axis), p.step };
        for (int k = 0; k < 4; k++) all[k].at[all[k].count++] = numbers[k];
    }
    for (int k = 0; k < 4; k++)
        fv__onnx_write(options, keys[k], all[k].count, all[k].at);
}

static bool depends(const fv__onnx_node *node, int32_t k)
{
    return k < node->num_inputs && node->inputs[k]
           && !node->inputs[k]->known.data;
}

/* The limits that input k holds. */
static fv__value *limits(fv__importer *to, fv__onnx_node *node, int32_t k,
                         const fv__list *known)
{
    int64_t at[FV_MAX_RANK];
    if (depends(node, k)) return fv__onnx_plain(to, node->inputs[k]);
    for (int64_t i = 0; i < known->count; i++) at[i] = limited(known->at[i]);
    return fv__onnx_integers(to, (int32_t)known->count, at);
}

/* A slice of which limits follow from sizes. */
static fv_status slice_by_inputs(fv__importer *to, fv__onnx_node *node,
                                 fv__value *x, const fv__list *starts,
                                 const fv__list *ends, const fv__list *axes,
                                 const fv__list *steps)
{
    int64_t stored[FV_MAX_RANK];
    for (int64_t i = 0; i < axes->count; i++)
        stored[i] = fv__onnx_stored(to, x, axes->at[i]);
    fv__value *all[] = {
        x,
        limits(to, node, 1, starts),
        limits(to, node, 2, ends),
        fv__onnx_integers(to, (int32_t)axes->count, stored),
        fv__onnx_integers(to, (int32_t)steps->count, steps->at),
    };
    return fv__onnx_set_ordered(
        node, 0, fv__onnx_line(to, node, 5, all, "slice"), x->order);
}

/* How many limits there are; -1 after refusing them. */
static int64_t count_limits(fv__importer *to, fv__onnx_node *node,
                            const fv__list *starts, const fv__list *ends)
{
    int64_t counts[] = { starts->count, ends->count };
    for (int k = 0; k < 2; k++)
        if (depends(node, k + 1)) {
            const fv__value *v = node->inputs[k + 1];
            counts[k] =
                fv__onnx_rank(to, v) == 1 ? fv__onnx_extent(to, v, 0) : 1;
        }
    if (counts[0] == counts[1] && counts[0] >= 0 && counts[0] <= FV_MAX_RANK)
        return counts[0];
    fv__onnx_refuse(to, node, "%lld starts and %lld ends", (long long)counts[0],
                    (long long)counts[1]);
    return -1;
}

static fv_status slice(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__list starts = { 0 }, ends = { 0 }, axes, steps;
    if (!x) return FV_UNSUPPORTED;
    const bool open = depends(node, 1) || depends(node, 2);
    if ((!depends(node, 1) && !fv__onnx_list(to, node, 1, "starts", &starts))
        || (!depends(node, 2) && !fv__onnx_list(to, node, 2, "ends", &ends)))
        return fv__onnx_refuse(to, node, "it lacks starts or ends");
    const int64_t count = count_limits(to, node, &starts, &ends);
    if (count < 0) return FV_UNSUPPORTED;
    const int32_t rank = fv__onnx_rank(to, x);
    for (axes.count = 0; axes.count < count; axes.count++)
        axes.at[axes.count] = axes.count;
    for (steps.count = 0; steps.count < count; steps.count++)
        steps.at[steps.count] = 1;
    if ((fv__onnx_given(node, 3, "axes")
         && !fv__onnx_axes(to, node, 3, "axes", rank, &axes))
        || (fv__onnx_given(node, 4, "steps")
            && !fv__onnx_list(to, node, 4, "steps", &steps)))
        return FV_UNSUPPORTED;
    if (axes.count != count || steps.count != count || count > rank)
        return fv__onnx_refuse(to, node,
                               "%lld starts, %lld axes and %lld steps for an "
                               "input of %d axes",
                               (long long)count, (long long)axes.count,
                               (long long)steps.count, rank);
    for (int64_t i = 0; i < count; i++)
        if (steps.at[i] == 0) return fv__onnx_refuse(to, node, "a step of 0");
    if (open)
        return slice_by_inputs(to, node, x, &starts, &ends, &axes, &steps);
    char options[512] = "";
    write_parts(to, x, &starts, &ends, &axes, &steps, options);
    if (!*options) return fv__onnx_set(node, 0, x);
    return fv__onnx_set(node, 0, fv__onnx_map(to, node, x, "slice%s", options));
}

/* ---- parts ----------------------------------------------------------------
 */

/* The sizes of the parts, at most FV__MAX_OUTPUTS, from input 1 or from an
 * attribute; returns how many, -1 after refusing them. */
static int32_t read_sizes(fv__importer *to, fv__onnx_node *node,
                          int64_t sizes[FV__MAX_OUTPUTS])
{
    const fv__value *given = fv__onnx_operand(node, 1);
    const fv__onnx_attribute *a = fv__onnx_find(node, "split");
    const int64_t count = given ? fv_tensor_count(&given->known)
                          : a   ? (int64_t)a->n_ints
                                : 0;
    if (count > FV__MAX_OUTPUTS
        || (given && fv__dtype_is_real(given->known.dtype))) {
        fv__onnx_refuse(to, node, "split is no list of at most %d sizes",
                        FV__MAX_OUTPUTS);
        return -1;
    }
    if (given)
        fv__load_integers(given->known.dtype, given->known.data, 1, count,
                          sizes);
    else if (count)
        memcpy(sizes, a->ints, (size_t)count * sizeof *sizes);
    for (int64_t i = 0; i < count; i++)
        if (sizes[i] < 0) {
            fv__onnx_refuse(to, node, "a part of size %lld",
                            (long long)sizes[i]);
            return -1;
        }
    return (int32_t)count;
}

/* More parts than a list of a line has: a slice for each. */
static fv_status slices(fv__importer *to, fv__onnx_node *node, fv__value *x,
                        int32_t stored, int32_t count, const int64_t sizes[])
{
    int64_t begin = 0;
    for (int32_t k = 0; k < count; k++) {
        const int64_t end = fv__saturated_sum(begin, sizes[k]);
        fv__onnx_set(node, k, fv__onnx_part(to, node, x, stored, begin, end));
        begin = end;
    }
    return FV_OK;
}

/* Sets outputs to the parts that a line makes. */
static fv_status set_parts(fv__importer *to, fv__onnx_node *node,
                           fv__value *first, fv__order order)
{
    if (!first) return FV_UNSUPPORTED;
    for (int32_t k = 0; k < node->num_outputs; k++)
        fv__onnx_set_ordered(node, k, fv__onnx_sibling(to, first, k), order);
    return FV_OK;
}

static fv_status split(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    int64_t sizes[FV__MAX_OUTPUTS], axis = fv__onnx_int(node, "axis", 0);
    if (!x || !fv__onnx_axis(to, node, x, &axis)) return FV_UNSUPPORTED;
    const int32_t stored = fv__onnx_stored(to, x, axis);
    if (depends(node, 1)) {
        fv__value *both[] = { x, fv__onnx_plain(to, node->inputs[1]) };
        fv__value *first =
            fv__onnx_line(to, node, 2, both, "split axis=%d", stored);
        if (!first) return FV_UNSUPPORTED;
        const fv__result *r = &to->network->results[first->result];
        const int32_t made = to->network->places[r->place].num_outputs;
        if (made != node->num_outputs)
            return fv__onnx_refuse(to, node, "%d sizes for %d outputs", made,
                                   node->num_outputs);
        return set_parts(to, node, first, x->order);
    }
    const int32_t count = read_sizes(to, node, sizes);
    const int32_t parts = node->num_outputs;
    if (count < 0) return FV_UNSUPPORTED;
    if (parts < 1 || parts > FV__MAX_OUTPUTS || (count && count != parts))
        return fv__onnx_refuse(to, node, "%d sizes for %d outputs, at most %d",
                               count, parts, FV__MAX_OUTPUTS);
    if (parts == 1) return fv__onnx_set(node, 0, x);
    if (count > FV_MAX_RANK) return slices(to, node, x, stored, count, sizes);
    char options[512] = "";
    fv__onnx_write(options, "sizes", count, sizes);
    return set_parts(
        to, node,
        fv__onnx_line(to, node, 1, &x, "split %d axis=%d%s%s", parts, stored,
                      options,
                      !count && node->version >= 18 ? " uneven=yes" : ""),
        x->order);
}

const fv__onnx_operator fv__onnx_parts[] = {
    { "Slice", slice, NULL },
    { "Split", split, NULL },
    { NULL, NULL, NULL },
};
