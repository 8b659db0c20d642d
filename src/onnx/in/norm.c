/* Normalisations. Those whose scale and shift are known become layers; others
 * are a layer without them, or several, and a product and a sum. */
#include "onnx/in/operators.h"

#include <stdio.h>
#include <string.h>

/* The value times a scale plus a shift, either of which may be NULL: vectors
 * along an axis, or tensors that are broadcast. */
static fv__value *affine(fv__importer *to, fv__onnx_node *node, fv__value *x,
                         int64_t axis, fv__value *scale, fv__value *shift)
{
    if (scale)
        x = fv__onnx_two(to, node, "mul", x,
                         fv__onnx_along(to, node, x, axis, scale));
    if (shift)
        x = fv__onnx_two(to, node, "add", x,
                         fv__onnx_along(to, node, x, axis, shift));
    return x;
}

static const char *epsilon_of(const fv__onnx_node *node,
                              char number[FV__NUMBER_BYTES])
{
    return fv__number_text_f32((float)fv__onnx_float(node, "epsilon", 1e-5),
                               number);
}

static bool is_vector(const fv__value *value, int64_t extent)
{
    return value && value->known.data && value->known.rank == 1
           && value->known.shape[0] == extent;
}

/* ---- batch normalisation ---------------------------------------------------
 */

/* mean and variance of the batch, and those that run on. */
static fv_status train_batch(fv__importer *to, fv__onnx_node *node,
                             fv__value *x)
{
    int64_t axes[FV_MAX_RANK];
    int32_t count = 0;
    const double momentum = fv__onnx_float(node, "momentum", 0.9);
    char number[FV__NUMBER_BYTES];
    for (int32_t i = 0; i < fv__onnx_rank(to, x); i++)
        if (i != 1) axes[count++] = i;
    fv__value *mean = fv__onnx_reduced(to, node, "mean", x, count, axes);
    fv__value *from = fv__onnx_two(to, node, "sub", x, mean);
    fv__value *square = fv__onnx_two(to, node, "mul", from, from);
    fv__value *stats[] = { mean, fv__onnx_reduced(to, node, "mean", square,
                                                  count, axes) };
    for (int32_t k = 0; k < 2; k++) {
        if (!fv__onnx_wanted(node, k + 1)) continue;
        fv__value *now = fv__onnx_line(to, node, 1, &stats[k], "reshape -1");
        now = fv__onnx_with(to, node, "mul", now, 1 - momentum);
        fv__value *former =
            fv__onnx_with(to, node, "mul", node->inputs[k + 3], momentum);
        fv__onnx_set(node, k + 1, fv__onnx_two(to, node, "add", former, now));
    }
    fv__value *y =
        fv__onnx_map(to, node, x, "batchnorm affine=no track=no epsilon=%s",
                     epsilon_of(node, number));
    return fv__onnx_set(
        node, 0, affine(to, node, y, 1, node->inputs[1], node->inputs[2]));
}

/* (x - mean) / sqrt(variance + epsilon), times the scale, plus the bias. */
static fv_status batch_of_lines(fv__importer *to, fv__onnx_node *node,
                                fv__value *x)
{
    fv__value *root = fv__onnx_map(
        to, node,
        fv__onnx_with(to, node, "add", node->inputs[4],
                      (double)(float)fv__onnx_float(node, "epsilon", 1e-5)),
        "sqrt");
    fv__value *factor = fv__onnx_two(to, node, "div", node->inputs[1], root);
    fv__value *moved = fv__onnx_two(to, node, "mul", node->inputs[3], factor);
    fv__value *shift = fv__onnx_two(to, node, "sub", node->inputs[2], moved);
    return fv__onnx_set(node, 0, affine(to, node, x, 1, factor, shift));
}

static bool has_outputs(const fv__onnx_node *node)
{
    for (int32_t k = 1; k < node->num_outputs; k++)
        if (node->outputs[k]) return true;
    return false;
}

static fv_status batch_normalization(fv__importer *to, fv__onnx_node *node)
{
    static const char *const names[] = { "weight", "bias", "running_mean",
                                         "running_var" };
    char number[FV__NUMBER_BYTES];
    bool vectors = true;
    for (int32_t k = 0; k < 5; k++)
        if (!fv__onnx_input(to, node, k)) return FV_UNSUPPORTED;
    fv__value *x = node->inputs[0];
    if (fv__onnx_rank(to, x) < 2)
        return fv__onnx_refuse(to, node, "its input has no channels");
    const bool training = fv__onnx_int(node, "training_mode", 0) != 0;
    if (!training && has_outputs(node))
        return fv__onnx_refuse(
            to, node,
            "the statistics of a batch are computed with training_mode alone");
    x = fv__onnx_last(to, x);
    if (training) return train_batch(to, node, x);
    /* a layer has weights, so that what it makes of a known value is not known
     */
    for (int32_t k = 1; x && k < 5; k++)
        vectors &= !x->known.data
                   && is_vector(node->inputs[k], fv__onnx_extent(to, x, 1));
    if (!vectors) return batch_of_lines(to, node, x);
    fv__value *y = fv__onnx_map(to, node, x, "batchnorm epsilon=%s",
                                epsilon_of(node, number));
    for (int32_t k = 1; y && k < 5; k++)
        fv__onnx_weight(to, names[k - 1], &node->inputs[k]->known);
    return fv__onnx_set(node, 0, y);
}

/* ---- instances and groups --------------------------------------------------
 */

/* A layer of channels, with known vectors as its weights. */
static fv_status normalize_channels(fv__importer *to, fv__onnx_node *node,
                                    fv__value *x, fv__value *scale,
                                    fv__value *shift, const char *kind)
{
    char number[FV__NUMBER_BYTES];
    x = fv__onnx_last(to, x);
    if (!x) return fv_failed(to->context);
    const int64_t channels = fv__onnx_extent(to, x, 1);
    const bool known = is_vector(scale, channels) && is_vector(shift, channels);
    fv__value *y = fv__onnx_map(to, node, x, "%s epsilon=%s affine=%s", kind,
                                epsilon_of(node, number), known ? "yes" : "no");
    if (!known)
        return fv__onnx_set(node, 0, affine(to, node, y, 1, scale, shift));
    if (y) {
        fv__onnx_weight(to, "weight", &scale->known);
        fv__onnx_weight(to, "bias", &shift->known);
    }
    return fv__onnx_set(node, 0, y);
}

static fv_status instance_normalization(fv__importer *to, fv__onnx_node *node)
{
    for (int32_t k = 0; k < 3; k++)
        if (!fv__onnx_input(to, node, k)) return FV_UNSUPPORTED;
    if (fv__onnx_rank(to, node->inputs[0]) < 3)
        return fv__onnx_refuse(to, node, "its input has no pixels");
    return normalize_channels(to, node, node->inputs[0], node->inputs[1],
                              node->inputs[2], "instancenorm");
}

/* Each number of a vector for `each` channels. */
static fv__value *repeated(fv__importer *to, fv__onnx_node *node,
                           fv__value *vector, int64_t each)
{
    vector = fv__onnx_line(to, node, 1, &vector, "reshape -1 1");
    vector =
        fv__onnx_line(to, node, 1, &vector, "tile 1 %lld", (long long)each);
    return fv__onnx_line(to, node, 1, &vector, "reshape -1");
}

static fv_status group_normalization(fv__importer *to, fv__onnx_node *node)
{
    char kind[64];
    for (int32_t k = 0; k < 3; k++)
        if (!fv__onnx_input(to, node, k)) return FV_UNSUPPORTED;
    const int64_t groups = fv__onnx_int(node, "num_groups", 0);
    fv__value *x = node->inputs[0],
              *both[] = { node->inputs[1], node->inputs[2] };
    const int64_t channels =
        fv__onnx_rank(to, x) < 2 ? 0 : fv__onnx_extent(to, x, 1);
    if (groups < 1 || channels < 1 || channels % groups)
        return fv__onnx_refuse(to, node, "%lld groups of %lld channels",
                               (long long)groups, (long long)channels);
    for (int k = 0; k < 2 && node->version < 21; k++)
        both[k] = repeated(to, node, both[k], channels / groups);
    snprintf(kind, sizeof kind, "groupnorm %lld", (long long)groups);
    return normalize_channels(to, node, x, both[0], both[1], kind);
}

/* ---- the last axes ---------------------------------------------------------
 */

/* Whether the value is known and has the shape of the axes of x from `axis` on.
 */
static bool fits(const fv__importer *to, const fv__value *value,
                 const fv__value *x, int64_t axis)
{
    const int32_t rank = fv__onnx_rank(to, x);
    if (!value->known.data || value->known.rank != rank - axis) return false;
    for (int32_t i = (int32_t)axis; i < rank; i++)
        if (value->known.shape[i - axis] != fv__onnx_extent(to, x, i))
            return false;
    return true;
}

/* 1 / sqrt(variance + epsilon) from the deviations. */
static fv__value *inverse_deviation(fv__importer *to, fv__onnx_node *node,
                                    fv__value *from, int32_t count,
                                    const int64_t axes[])
{
    fv__value *v = fv__onnx_two(to, node, "mul", from, from);
    v = fv__onnx_reduced(to, node, "mean", v, count, axes);
    v = fv__onnx_with(to, node, "add", v,
                      (double)(float)fv__onnx_float(node, "epsilon", 1e-5));
    return fv__onnx_map(to, node, fv__onnx_map(to, node, v, "sqrt"),
                        "reciprocal");
}

/* The statistics of a LayerNormalization that are read. */
static void give_statistics(fv__importer *to, fv__onnx_node *node, fv__value *x,
                            int64_t axis)
{
    int64_t axes[FV_MAX_RANK];
    int32_t count = 0;
    if (!fv__onnx_wanted(node, 1) && !fv__onnx_wanted(node, 2)) return;
    for (int32_t i = (int32_t)axis; i < fv__onnx_rank(to, x); i++)
        axes[count++] = i;
    fv__value *mean = fv__onnx_reduced(to, node, "mean", x, count, axes);
    fv__onnx_set(node, 1, mean);
    if (!fv__onnx_wanted(node, 2)) return;
    fv__value *from = fv__onnx_two(to, node, "sub", x, mean);
    fv__onnx_set(node, 2, inverse_deviation(to, node, from, count, axes));
}

/* `kind` over the axes from `axis` on; layers keep the first axis, for which
 * one is put in front of all. */
static fv_status normalize_rows(fv__importer *to, fv__onnx_node *node,
                                const char *kind)
{
    char number[FV__NUMBER_BYTES];
    fv__value *x = fv__onnx_plain(to, fv__onnx_input(to, node, 0));
    fv__value *scale = fv__onnx_input(to, node, 1);
    fv__value *shift = fv__onnx_operand(node, 2);
    int64_t axis = fv__onnx_int(node, "axis", -1);
    if (!x || !scale || !fv__onnx_axis(to, node, x, &axis))
        return FV_UNSUPPORTED;
    const int64_t axes = fv__onnx_rank(to, x) - axis;
    const bool known =
        fits(to, scale, x, axis) && (!shift || fits(to, shift, x, axis));
    const bool layer = strcmp(kind, "layernorm") == 0;
    give_statistics(to, node, x, axis);
    fv__value *rows = axis ? x : fv__onnx_line(to, node, 1, &x, "unsqueeze 0");
    fv__value *y = fv__onnx_line(
        to, node, 1, &rows, "%s %lld epsilon=%s%s%s", kind, (long long)axes,
        epsilon_of(node, number), known ? "" : " affine=no",
        layer && known && !shift ? " bias=no" : "");
    if (y && known) {
        fv__onnx_weight(to, "weight", &scale->known);
        if (shift) fv__onnx_weight(to, "bias", &shift->known);
    }
    if (!axis) y = fv__onnx_line(to, node, 1, &y, "squeeze 0");
    if (y && !known) y = affine(to, node, y, axis, scale, shift);
    return fv__onnx_set(node, 0, y);
}

static fv_status layer_normalization(fv__importer *to, fv__onnx_node *node)
{
    return normalize_rows(to, node, "layernorm");
}

static fv_status rms_normalization(fv__importer *to, fv__onnx_node *node)
{
    return normalize_rows(to, node, "rmsnorm");
}

/* ---- others ----------------------------------------------------------------
 */

/* A window of an even size reaches farther to the channels behind, in Fovea to
 * those before: the channels are turned around. */
static fv_status lrn(fv__importer *to, fv__onnx_node *node)
{
    char alpha[FV__NUMBER_BYTES], beta[FV__NUMBER_BYTES], k[FV__NUMBER_BYTES];
    const int64_t size = fv__onnx_int(node, "size", 0);
    fv__value *x = fv__onnx_last(to, fv__onnx_input(to, node, 0));
    if (!x) return FV_UNSUPPORTED;
    const int32_t channels = fv__onnx_rank(to, x) - 1;
    if (size % 2 == 0) x = fv__onnx_map(to, node, x, "flip %d", channels);
    x = fv__onnx_map(
        to, node, x, "lrn %lld alpha=%s beta=%s k=%s", (long long)size,
        fv__number_text_f32((float)fv__onnx_float(node, "alpha", 1e-4), alpha),
        fv__number_text_f32((float)fv__onnx_float(node, "beta", 0.75), beta),
        fv__number_text_f32((float)fv__onnx_float(node, "bias", 1), k));
    if (size % 2 == 0) x = fv__onnx_map(to, node, x, "flip %d", channels);
    return fv__onnx_set(node, 0, x);
}

static fv_status lp_normalization(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    const int64_t p = fv__onnx_int(node, "p", 2);
    int64_t axis = fv__onnx_int(node, "axis", -1);
    if (!x || !fv__onnx_axis(to, node, x, &axis)) return FV_UNSUPPORTED;
    if (p != 1 && p != 2)
        return fv__onnx_refuse(to, node, "p is %lld, not 1 or 2", (long long)p);
    const int32_t rank = fv__onnx_rank(to, x);
    if (p == 2 && rank > 1 && fv__onnx_stored(to, x, axis) == rank - 1)
        return fv__onnx_set(node, 0, fv__onnx_map(to, node, x, "l2norm 1"));
    fv__value *norm = fv__onnx_reduced(
        to, node, p == 1 ? "reduce_l1" : "reduce_l2", x, 1, &axis);
    norm = fv__onnx_map(to, node, norm, "clip low=1e-12");
    return fv__onnx_set(node, 0, fv__onnx_two(to, node, "div", x, norm));
}

/* The standard deviation is 1e-9 more, as ONNX has it. */
static fv_status mean_variance(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__list axes;
    if (!x) return FV_UNSUPPORTED;
    if (!fv__onnx_ints(to, node, "axes", &axes))
        axes = (fv__list){ .count = 3, .at = { 0, 2, 3 } };
    if (fv__onnx_int(node, "across_channels", 0) && axes.count == 3)
        axes = (fv__list){ .count = 4, .at = { 0, 1, 2, 3 } };
    for (int64_t i = 0; i < axes.count; i++)
        if (!fv__onnx_axis(to, node, x, &axes.at[i])) return FV_UNSUPPORTED;
    const int32_t count = (int32_t)axes.count;
    x = fv__onnx_two(to, node, "sub", x,
                     fv__onnx_reduced(to, node, "mean", x, count, axes.at));
    if (!fv__onnx_int(node, "normalize_variance", 1))
        return fv__onnx_set(node, 0, x);
    fv__value *v = fv__onnx_two(to, node, "mul", x, x);
    v = fv__onnx_reduced(to, node, "mean", v, count, axes.at);
    v = fv__onnx_with(to, node, "add", fv__onnx_map(to, node, v, "sqrt"), 1e-9);
    return fv__onnx_set(node, 0, fv__onnx_two(to, node, "div", x, v));
}

const fv__onnx_operator fv__onnx_norms[] = {
    { "BatchNormalization", batch_normalization, NULL },
    { "InstanceNormalization", instance_normalization, NULL },
    { "GroupNormalization", group_normalization, NULL },
    { "LayerNormalization", layer_normalization, NULL },
    { "RMSNormalization", rms_normalization, NULL },
    { "LRN", lrn, NULL },
    { "LpNormalization", lp_normalization, NULL },
    { "MeanVarianceNormalization", mean_variance, NULL },
    { NULL, NULL, NULL },
};
