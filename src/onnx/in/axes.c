/* Axes that come, go and are repeated, and channels that become pixels. */
#include "onnx/in/operators.h"

#include <string.h>

/* ---- axes of extent 1 ------------------------------------------------------
 */

/* Whether old axes, whose new numbers are `now`, follow each other in the
 * wanted order as they do in that of the value. */
static bool keeps(const fv__order *wanted, int32_t rank, const fv__order *is,
                  int32_t old_rank, const int32_t now[])
{
    int32_t k = 0;
    for (int32_t i = 0; i < rank && k < old_rank; i++)
        if (wanted->axis[i] == now[is->axis[k]]) k++;
    return k == old_rank;
}

/* The order of a value with new axes: a usual one if the old axes stay in
 * theirs, else with the new ones behind. */
static fv__order widened(const fv__order *is, int32_t old_rank,
                         const int32_t now[], int32_t rank, const bool fresh[])
{
    const fv__order plain = fv__order_plain(), last = fv__order_last(rank);
    if (keeps(&plain, rank, is, old_rank, now)) return plain;
    if (keeps(&last, rank, is, old_rank, now)) return last;
    fv__order order = plain;
    int32_t n = 0;
    for (int32_t i = 0; i < old_rank; i++) order.axis[n++] = now[is->axis[i]];
    for (int32_t i = 0; i < rank; i++)
        if (fresh[i]) order.axis[n++] = i;
    return order;
}

static fv_status unsqueeze(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__list axes;
    if (!x) return FV_UNSUPPORTED;
    if (!fv__onnx_list(to, node, 1, "axes", &axes))
        return fv__onnx_refuse(to, node, "it lacks axes");
    const int32_t has = fv__onnx_rank(to, x), rank = has + (int32_t)axes.count;
    if (rank > FV_MAX_RANK)
        return fv__onnx_refuse(to, node, "%d axes, at most %d are supported",
                               rank, FV_MAX_RANK);
    if (!fv__onnx_axes(to, node, 1, "axes", rank, &axes)) return FV_UNSUPPORTED;
    bool fresh[FV_MAX_RANK] = { false };
    int32_t now[FV_MAX_RANK], n = 0;
    for (int64_t i = 0; i < axes.count; i++) fresh[axes.at[i]] = true;
    for (int32_t i = 0; i < rank; i++)
        if (!fresh[i]) now[n++] = i;
    const fv__order order = widened(&x->order, has, now, rank, fresh);
    fv__list stored = { 0 };
    for (int32_t i = 0; i < rank; i++)
        if (fresh[order.axis[i]]) stored.at[stored.count++] = i;
    if (!stored.count) return fv__onnx_set(node, 0, x);
    char options[512] = "";
    fv__onnx_write(options, "axes", stored.count, stored.at);
    return fv__onnx_set_ordered(
        node, 0, fv__onnx_line(to, node, 1, &x, "unsqueeze%s", options), order);
}

/* The order of what is left of a value when some axes of the graph go. */
static fv__order narrowed(const fv__order *is, int32_t rank, const bool gone[])
{
    fv__order order = fv__order_plain();
    int32_t n = 0, now[FV_MAX_RANK], left = 0;
    for (int32_t i = 0; i < rank; i++) now[i] = gone[i] ? -1 : left++;
    for (int32_t i = 0; i < rank; i++)
        if (!gone[is->axis[i]]) order.axis[n++] = now[is->axis[i]];
    return order;
}

/* Without a list all axes of extent 1 go, the batch stays. */
static fv_status squeeze(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__list axes, stored = { 0 };
    if (!x) return FV_UNSUPPORTED;
    const int32_t rank = fv__onnx_rank(to, x);
    bool gone[FV_MAX_RANK] = { false };
    if (fv__onnx_given(node, 1, "axes")) {
        if (!fv__onnx_axes(to, node, 1, "axes", rank, &axes))
            return FV_UNSUPPORTED;
    } else {
        axes.count = 0;
        for (int32_t i = 0; i < rank; i++)
            if (fv__onnx_extent(to, x, i) == 1) axes.at[axes.count++] = i;
    }
    for (int64_t i = 0; i < axes.count; i++) gone[axes.at[i]] = true;
    for (int32_t i = 0; i < rank; i++)
        if (gone[x->order.axis[i]]) stored.at[stored.count++] = i;
    if (!stored.count) return fv__onnx_set(node, 0, x);
    char options[512] = "";
    fv__onnx_write(options, "axes", stored.count, stored.at);
    return fv__onnx_set_ordered(
        node, 0, fv__onnx_line(to, node, 1, &x, "squeeze%s", options),
        narrowed(&x->order, rank, gone));
}

/* ---- copies ---------------------------------------------------------------
 */

/* The numbers of a request for axes of the graph, for those of the tensor. */
static void in_order(const fv__value *x, int32_t rank, const fv__list *of,
                     fv__list *stored)
{
    stored->count = rank;
    for (int32_t i = 0; i < rank; i++) stored->at[i] = of->at[x->order.axis[i]];
}

/* A request of sizes for all axes of x, if all of them are known: where the
 * batch is asked for and is there, it is kept. */
static bool known_request(fv__importer *to, const fv__value *x,
                          const fv__value *request, fv__list *list)
{
    fv_tensor sizes;
    if (!fv__onnx_sizes(to, request, &sizes) || sizes.rank != 1
        || sizes.shape[0] > FV_MAX_RANK)
        return false;
    const int32_t rank = fv__onnx_rank(to, x), n = (int32_t)sizes.shape[0];
    const int32_t more = n < rank ? rank - n : 0;
    list->count = n + more;
    for (int32_t i = 0; i < list->count; i++) {
        const int32_t axis = i + rank - (int32_t)list->count;
        int64_t is = i < more ? 1 : ((const int64_t *)sizes.data)[i - more];
        if (is == fv__size_batch && axis >= 0 && fv__onnx_is_batch(to, x, axis))
            is = 1;
        if (is == fv__size_batch || is == fv__size_open) return false;
        list->at[i] = is;
    }
    return true;
}

static fv_status expand(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__value *request = fv__onnx_input(to, node, 1);
    fv__list list = { 0 }, stored;
    if (!x || !request) return FV_UNSUPPORTED;
    const int32_t rank = fv__onnx_rank(to, x);
    if (!known_request(to, x, request, &list)) {
        fv__value *both[] = { fv__onnx_plain(to, x), request };
        return fv__onnx_set(node, 0,
                            fv__onnx_line(to, node, 2, both, "expand 1"));
    }
    bool same = list.count == rank;
    for (int32_t i = 0; same && i < rank; i++)
        same = list.at[i] == 1 || list.at[i] == fv__onnx_extent(to, x, i);
    if (same) return fv__onnx_set(node, 0, x);
    char options[512] = "";
    if (list.count > rank) x = fv__onnx_plain(to, x);
    if (!x) return FV_UNSUPPORTED;
    stored = list;
    if (list.count == rank) in_order(x, rank, &list, &stored);
    fv__onnx_write(options, "shape", stored.count, stored.at);
    return fv__onnx_set(node, 0,
                        fv__onnx_map(to, node, x, "expand%s", options));
}

/* The repeats of version 1: a number of copies of one axis. */
static bool tile_of_one_axis(fv__importer *to, fv__onnx_node *node,
                             const fv__value *x, fv__list *repeats)
{
    fv__list times, axis;
    if (!fv__onnx_list(to, node, 1, "tiles", &times)
        || !fv__onnx_list(to, node, 2, "axis", &axis) || times.count != 1
        || axis.count != 1 || !fv__onnx_axis(to, node, x, axis.at)) {
        fv__onnx_refuse(to, node, "tiles and axis are not a number each");
        return false;
    }
    repeats->count = fv__onnx_rank(to, x);
    for (int64_t i = 0; i < repeats->count; i++)
        repeats->at[i] = i == axis.at[0] ? times.at[0] : 1;
    return true;
}

static fv_status tile(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__value *request = x ? fv__onnx_input(to, node, 1) : NULL;
    fv__list repeats, stored;
    if (!x || !request) return FV_UNSUPPORTED;
    if (node->version >= 6 && !request->known.data) {
        fv__value *both[] = { fv__onnx_plain(to, x), request };
        return fv__onnx_set(node, 0,
                            fv__onnx_line(to, node, 2, both, "tile 1"));
    }
    if (!(node->version < 6 ? tile_of_one_axis(to, node, x, &repeats)
                            : fv__onnx_list(to, node, 1, "repeats", &repeats)))
        return FV_UNSUPPORTED;
    const int32_t rank = fv__onnx_rank(to, x);
    if (repeats.count != rank)
        return fv__onnx_refuse(to, node, "%lld repeats for %d axes",
                               (long long)repeats.count, rank);
    bool same = true;
    for (int32_t i = 0; i < rank; i++) same &= repeats.at[i] == 1;
    if (same) return fv__onnx_set(node, 0, x);
    char options[512] = "";
    in_order(x, rank, &repeats, &stored);
    fv__onnx_write(options, "repeats", stored.count, stored.at);
    return fv__onnx_set(node, 0, fv__onnx_map(to, node, x, "tile%s", options));
}

/* ---- channels and pixels ---------------------------------------------------
 */

static fv_status shuffle(fv__importer *to, fv__onnx_node *node,
                         const char *kind, const char *order)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    if (fv__onnx_rank(to, x) != 4)
        return fv__onnx_refuse(to, node, "an input of %d axes, expected 4",
                               fv__onnx_rank(to, x));
    x = fv__onnx_last(to, x);
    fv__value *y =
        fv__onnx_line(to, node, 1, &x, "%s %lld order=%s", kind,
                      (long long)fv__onnx_int(node, "blocksize", 0), order);
    return fv__onnx_set_ordered(node, 0, y, fv__order_last(4));
}

static fv_status depth_to_space(fv__importer *to, fv__onnx_node *node)
{
    static const char *const modes[][2] = { { "DCR", "dcr" },
                                            { "CRD", "crd" },
                                            { NULL, NULL } };
    const char *mode = fv__onnx_word(to, node, "mode", "DCR", modes);
    return mode ? shuffle(to, node, "pixel_shuffle", mode) : FV_UNSUPPORTED;
}

static fv_status space_to_depth(fv__importer *to, fv__onnx_node *node)
{
    return shuffle(to, node, "pixel_unshuffle", "dcr");
}

const fv__onnx_operator fv__onnx_axis_operators[] = {
    { "Unsqueeze", unsqueeze, NULL },
    { "Squeeze", squeeze, NULL },
    { "Expand", expand, NULL },
    { "Tile", tile, NULL },
    { "DepthToSpace", depth_to_space, NULL },
    { "SpaceToDepth", space_to_depth, NULL },
    { NULL, NULL, NULL },
};
