/* Resize and Upsample, and what reads images at the points of a grid. */
#include "onnx/in/operators.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a node asks for, for each axis of the graph: a scale, or a size, which
 * is -1 for one that stays. */
typedef struct resizing {
    bool sized, fitted;
    int64_t size[FV_MAX_RANK];
    double scale[FV_MAX_RANK], begin[FV_MAX_RANK], end[FV_MAX_RANK];
    bool changes[FV_MAX_RANK];
    fv__value *later;  /* sizes or scales that depend on the input's size */
    char options[256]; /* modes */
} resizing;

/* ---- attributes ------------------------------------------------------------
 */

/* Real numbers of input k, which is known. */
static int64_t reals(const fv__onnx_node *node, int32_t k,
                     double out[2 * FV_MAX_RANK])
{
    const fv__value *value = fv__onnx_operand(node, k);
    if (!value || !value->known.data) return 0;
    const int64_t count = fv_tensor_count(&value->known);
    if (count <= 2 * FV_MAX_RANK)
        fv__load_doubles(value->known.dtype, value->known.data, 1, count, out);
    return count;
}

/* Words of versions before 11: coordinates are o / scale, rounded down or, of
 * what gets smaller, up. */
static void early_words(const resizing *r, const char *words[3])
{
    bool smaller = false;
    for (int32_t i = 0; i < FV_MAX_RANK; i++)
        smaller |= r->changes[i] && r->scale[i] < 1;
    words[1] = "asymmetric";
    words[2] = smaller ? "ceil" : "floor";
}

static fv_status read_words(fv__importer *to, fv__onnx_node *node, resizing *r)
{
    static const char *const modes[][2] = { { "nearest", "nearest" },
                                            { "linear", "linear" },
                                            { "bilinear", "linear" },
                                            { "cubic", "cubic" },
                                            { NULL, NULL } };
    static const char *const coordinates[][2] = {
        { "half_pixel", "half_pixel" },
        { "half_pixel_symmetric", "symmetric" },
        { "pytorch_half_pixel", "pytorch_half_pixel" },
        { "align_corners", "align_corners" },
        { "asymmetric", "asymmetric" },
        { "tf_half_pixel_for_nn", "tf_half_pixel" },
        { "tf_crop_and_resize", "crop" },
        { NULL, NULL }
    };
    static const char *const roundings[][2] = {
        { "round_prefer_floor", "round_prefer_floor" },
        { "round_prefer_ceil", "round_prefer_ceil" },
        { "floor", "floor" },
        { "ceil", "ceil" },
        { NULL, NULL }
    };
    const char *words[] = {
        fv__onnx_word(to, node, "mode", "nearest", modes),
        fv__onnx_word(to, node, "coordinate_transformation_mode", "half_pixel",
                      coordinates),
        fv__onnx_word(to, node, "nearest_mode", "round_prefer_floor",
                      roundings),
    };
    char number[FV__NUMBER_BYTES];
    if (!words[0] || !words[1] || !words[2]) return FV_UNSUPPORTED;
    if (node->version < 11) early_words(r, words);
    const bool nearest = strcmp(words[0], "nearest") == 0;
    const bool exclude = !nearest && fv__onnx_int(node, "exclude_outside", 0);
    const bool smooth = !nearest && fv__onnx_int(node, "antialias", 0);
    snprintf(r->options, sizeof r->options,
             "mode=%s coordinates=%s rounding=%s antialias=%s "
             "exclude_outside=%s cubic_coefficient=%s",
             words[0], words[1], words[2],
             !smooth   ? "no"
             : exclude ? "yes"
                       : "border",
             exclude ? "yes" : "no",
             fv__number_text_f32(
                 (float)fv__onnx_float(node, "cubic_coeff_a", -0.75), number));
    return FV_OK;
}

/* ---- sizes -----------------------------------------------------------------
 */

/* The axes that lists are for, all of them unless it is said. */
static fv_status read_axes(fv__importer *to, fv__onnx_node *node,
                           const fv__value *x, fv__list *axes)
{
    if (!fv__onnx_ints(to, node, "axes", axes))
        for (axes->count = 0; axes->count < fv__onnx_rank(to, x); axes->count++)
            axes->at[axes->count] = axes->count;
    for (int64_t i = 0; i < axes->count; i++)
        if (!fv__onnx_axis(to, node, x, &axes->at[i])) return FV_UNSUPPORTED;
    return fv__ok(to->context) ? FV_OK : fv_failed(to->context);
}

static int64_t size_of(double number)
{
    return fabs(number) < 0x1p53 ? (int64_t)number : INT64_MAX;
}

/* Spreads lists over the axes. */
static fv_status spread(fv__importer *to, fv__onnx_node *node,
                        const fv__value *x, const fv__list *axes, int64_t count,
                        const double numbers[], resizing *r)
{
    double region[2 * FV_MAX_RANK] = { 0 };
    const int64_t bounds = node->version < 11 ? 0 : reals(node, 1, region);
    if (count != axes->count)
        return fv__onnx_refuse(to, node, "%lld %s for %lld axes",
                               (long long)count, r->sized ? "sizes" : "scales",
                               (long long)axes->count);
    for (int64_t i = 0; i < count; i++) {
        const int32_t axis = (int32_t)axes->at[i];
        const int64_t extent = fv__onnx_extent(to, x, axis);
        if (r->sized)
            r->size[axis] = size_of(numbers[i]);
        else
            r->scale[axis] = numbers[i];
        if (bounds == 2 * axes->count) {
            r->begin[axis] = region[i];
            r->end[axis] = region[axes->count + i];
        }
        r->changes[axis] = r->begin[axis] != 0 || r->end[axis] != 1
                           || (r->sized ? r->size[axis] != extent
                                              && (axis || extent != FV_OPEN)
                                        : r->scale[axis] != 1);
    }
    return FV_OK;
}

/* Sizes or scales that are computed: those of all axes, or of the pixels. */
static fv_status postpone(fv__importer *to, fv__onnx_node *node,
                          const fv__value *x, const fv__list *axes,
                          fv__value *list, resizing *r)
{
    const int32_t rank = fv__onnx_rank(to, x);
    const bool all = axes->count == rank;
    bool pixels = axes->count == rank - 2;
    for (int64_t i = 0; i < axes->count; i++) pixels &= axes->at[i] == i + 2;
    if (!all && !pixels)
        return fv__onnx_refuse(to, node,
                               "sizes that depend on the input are for all "
                               "axes, or for those of the pixels");
    r->later = fv__onnx_plain(to, list);
    if (all) r->later = fv__onnx_part(to, node, r->later, 0, 2, rank);
    for (int32_t i = 2; i < rank; i++) r->changes[i] = true;
    return r->later ? FV_OK : FV_UNSUPPORTED;
}

static bool has_numbers(const fv__value *value)
{
    return value && (!value->known.data || fv_tensor_count(&value->known) > 0);
}

static fv_status read_sizes(fv__importer *to, fv__onnx_node *node,
                            const fv__value *x, resizing *r)
{
    double numbers[2 * FV_MAX_RANK] = { 0 };
    fv__list axes;
    if (read_axes(to, node, x, &axes) != FV_OK) return FV_UNSUPPORTED;
    const int32_t at = node->version < 11 ? 1 : 2;
    r->sized = at == 2 && has_numbers(fv__onnx_operand(node, 3));
    fv__value *list = fv__onnx_operand(node, r->sized ? 3 : at);
    for (int32_t i = 0; i < FV_MAX_RANK; i++) {
        r->scale[i] = r->end[i] = 1;
        r->size[i] = FV_OPEN;
    }
    const fv__onnx_attribute *a = fv__onnx_find(node, "scales");
    if (!has_numbers(list) && a && a->n_floats <= FV_MAX_RANK) {
        for (size_t i = 0; i < a->n_floats; i++)
            numbers[i] = (double)a->floats[i];
        return spread(to, node, x, &axes, (int64_t)a->n_floats, numbers, r);
    }
    if (!has_numbers(list))
        return fv__onnx_refuse(to, node, "it has neither sizes nor scales");
    if (!list->known.data) return postpone(to, node, x, &axes, list, r);
    return spread(to, node, x, &axes, reals(node, r->sized ? 3 : at, numbers),
                  numbers, r);
}

/* ---- the line --------------------------------------------------------------
 */

/* The order in which all axes that change are between the first and the last:
 * the one that there is, that of channels last, or another. */
static bool order_of(const fv__importer *to, const fv__value *x,
                     const resizing *r, fv__order *order)
{
    const int32_t rank = fv__onnx_rank(to, x);
    const fv__order tries[] = { x->order, fv__order_last(rank) };
    for (int k = 0; k < 2; k++) {
        *order = tries[k];
        if (!r->changes[order->axis[0]] && !r->changes[order->axis[rank - 1]])
            return true;
    }
    int32_t middle = 1, ends[FV_MAX_RANK], still = 0;
    for (int32_t i = 0; i < rank; i++)
        if (!r->changes[i]) ends[still++] = i;
    if (still < 2) return false;
    order->axis[0] = ends[0];
    order->axis[rank - 1] = ends[still - 1];
    for (int32_t i = 0; i < rank; i++)
        if (i != ends[0] && i != ends[still - 1]) order->axis[middle++] = i;
    return true;
}

static void write_reals(char options[1024], const char *key, int32_t count,
                        const double numbers[])
{
    char text[FV__NUMBER_BYTES];
    size_t used = strlen(options);
    for (int32_t i = 0; i < count && used < 900; i++)
        used += (size_t)snprintf(options + used, 1024 - used, "%s%s%s%s",
                                 i ? "," : " ", i ? "" : key, i ? "" : "=",
                                 fv__number_text_f32((float)numbers[i], text));
}

static void write_sizes(char options[1024], int32_t count, const resizing *r,
                        const fv__order *order)
{
    size_t used = strlen(options);
    for (int32_t i = 0; i < count && used < 900; i++) {
        const int64_t size = r->size[order->axis[i + 1]];
        char text[32] = "?";
        if (r->changes[order->axis[i + 1]] || r->fitted)
            snprintf(text, sizeof text, "%lld", (long long)size);
        used +=
            (size_t)snprintf(options + used, 1024 - used, "%s%s",
                             i ? "," : " size=", size == FV_OPEN ? "?" : text);
    }
}

static fv__value *resized(fv__importer *to, fv__onnx_node *node, fv__value *x,
                          const resizing *r, const fv__order *order)
{
    char options[1024] = "";
    const int32_t axes = fv__onnx_rank(to, x) - 2;
    double scale[FV_MAX_RANK] = { 0 }, region[2 * FV_MAX_RANK] = { 0 };
    for (int32_t i = 0; i < axes; i++) {
        const int32_t axis = order->axis[i + 1];
        scale[i] = r->scale[axis];
        region[i] = r->begin[axis];
        region[axes + i] = r->end[axis];
    }
    if (r->later) {
        fv__value *both[] = { x, r->later };
        fv__value *y =
            fv__onnx_line(to, node, 2, both, "resize %s", r->options);
        if (y) y->order = x->order;
        return y;
    }
    if (r->sized)
        write_sizes(options, axes, r, order);
    else
        write_reals(options, "scales", axes, scale);
    if (strstr(r->options, "coordinates=crop"))
        write_reals(options, "region", 2 * axes, region);
    return fv__onnx_map(to, node, x, "resize %s%s", r->options, options);
}

/* The numbers of the graph's value r of a tensor with one more axis at both
 * ends. */
static fv__value *with_ends(fv__importer *to, fv__onnx_node *node, fv__value *x,
                            const resizing *r)
{
    const int32_t rank = fv__onnx_rank(to, x);
    fv__order order = fv__order_plain();
    for (int32_t i = 0; i < rank; i++) order.axis[i + 1] = i;
    x = fv__onnx_plain(to, x);
    x = fv__onnx_line(to, node, 1, &x, "unsqueeze 0 %d", rank + 1);
    x = x ? resized(to, node, x, r, &order) : NULL;
    return fv__onnx_line(to, node, 1, &x, "squeeze 0 %d", rank + 1);
}

/* Whether sizes shall be fitted, as the option of the layer says it. */
static fv_status read_policy(fv__importer *to, fv__onnx_node *node, resizing *r)
{
    static const char *const fits[][2] = { { "stretch", "" },
                                           { "not_larger", " fit=not_larger" },
                                           { "not_smaller",
                                             " fit=not_smaller" },
                                           { NULL, NULL } };
    const char *fit =
        fv__onnx_word(to, node, "keep_aspect_ratio_policy", "stretch", fits);
    if (!fit) return FV_UNSUPPORTED;
    r->fitted = r->sized && *fit;
    if (!r->fitted) return FV_OK;
    const size_t used = strlen(r->options);
    snprintf(r->options + used, sizeof r->options - used, "%s", fit);
    for (int32_t i = 0; i < FV_MAX_RANK; i++)
        r->changes[i] = r->changes[i] || r->size[i] != FV_OPEN;
    return FV_OK;
}

/* What is read outside of the input is 0 in the layer. */
static fv_status resize(fv__importer *to, fv__onnx_node *node)
{
    resizing r = { 0 };
    fv__order order;
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x || read_sizes(to, node, x, &r) != FV_OK
        || read_words(to, node, &r) != FV_OK
        || read_policy(to, node, &r) != FV_OK)
        return FV_UNSUPPORTED;
    bool any = false;
    for (int32_t i = 0; i < fv__onnx_rank(to, x); i++) any |= r.changes[i];
    if (!any) return fv__onnx_set(node, 0, x);
    const double outside = strstr(r.options, "coordinates=crop")
                               ? fv__onnx_float(node, "extrapolation_value", 0)
                               : 0;
    if (outside != 0) x = fv__onnx_with(to, node, "add", x, -outside);
    if (!x) return FV_UNSUPPORTED;
    if (order_of(to, x, &r, &order)) {
        x = fv__onnx_ordered(to, x, order);
        x = x ? resized(to, node, x, &r, &order) : NULL;
    } else
        x = with_ends(to, node, x, &r);
    if (outside != 0) x = fv__onnx_with(to, node, "add", x, outside);
    return fv__onnx_set(node, 0, x);
}

/* ---- grids -----------------------------------------------------------------
 */

static fv_status grid_sample(fv__importer *to, fv__onnx_node *node)
{
    static const char *const modes[][2] = {
        { "bilinear", "bilinear" }, { "linear", "bilinear" },
        { "nearest", "nearest" },   { "bicubic", "bicubic" },
        { "cubic", "bicubic" },     { NULL, NULL }
    };
    static const char *const paddings[][2] = { { "zeros", "zeros" },
                                               { "border", "border" },
                                               { "reflection", "reflection" },
                                               { NULL, NULL } };
    fv__value *x = fv__onnx_last(to, fv__onnx_input(to, node, 0));
    fv__value *grid = fv__onnx_plain(to, fv__onnx_input(to, node, 1));
    const char *mode = fv__onnx_word(to, node, "mode", "bilinear", modes);
    const char *padding =
        fv__onnx_word(to, node, "padding_mode", "zeros", paddings);
    if (!x || !grid || !mode || !padding) return FV_UNSUPPORTED;
    if (fv__onnx_rank(to, x) != 4)
        return fv__onnx_refuse(to, node,
                               "an input of %d axes; images of 4 are sampled",
                               fv__onnx_rank(to, x));
    fv__value *both[] = { x, grid };
    fv__value *y = fv__onnx_line(
        to, node, 2, both,
        "grid_sample mode=%s padding_mode=%s "
        "align_corners=%s",
        mode, padding, fv__onnx_int(node, "align_corners", 0) ? "yes" : "no");
    return fv__onnx_set_ordered(node, 0, y, fv__order_last(4));
}

static fv_status affine_grid(fv__importer *to, fv__onnx_node *node)
{
    fv__value *theta = fv__onnx_plain(to, fv__onnx_input(to, node, 0));
    fv__list size = { 0 };
    if (!theta || !fv__onnx_list(to, node, 1, "size", &size))
        return FV_UNSUPPORTED;
    if (size.count != 4)
        return fv__onnx_refuse(to, node,
                               "a size of %lld axes; grids of images, of 4, "
                               "are made",
                               (long long)size.count);
    return fv__onnx_set(
        node, 0,
        fv__onnx_line(to, node, 1, &theta,
                      "affine_grid %lld %lld align_corners=%s",
                      (long long)size.at[2], (long long)size.at[3],
                      fv__onnx_int(node, "align_corners", 0) ? "yes" : "no"));
}

const fv__onnx_operator fv__onnx_resizes[] = {
    { "Resize", resize, NULL },
    { "Upsample", resize, NULL },
    { "GridSample", grid_sample, NULL },
    { "AffineGrid", affine_grid, NULL },
    { NULL, NULL, NULL },
};
