/* Images in other sizes and at other points. */
#include "onnx/out/out.h"
#include "op/attributes.h"
#include "op/operand.h"

#include <math.h>

fv__out_emit fv__out_resize, fv__out_roi_align, fv__out_grid_sample,
    fv__out_affine_grid;

/* ---- resize -------------------------------------------------------------- */

/* Whether all new extents are the same number in both records. */
static bool sizes_fixed(const fv__out *out)
{
    bool fixed = true;
    for (int32_t i = 1; i + 1 < out->node->outputs[0]->value.rank; i++)
        fixed &= fv__out_result_fixed(out, 0, i);
    return fixed;
}

/* The factor of axis i as a float whose product with its extent, rounded down,
 * is the new extent. */
static float factor_of(fv__out *out, const fv_resizing *a, int32_t i)
{
    const int64_t in = out->node->inputs[0]->value.shape[1 + i];
    const int64_t size = out->node->outputs[0]->value.shape[1 + i];
    const int64_t other_in = out->twin->inputs[0]->value.shape[1 + i];
    const int64_t other = out->twin->outputs[0]->value.shape[1 + i];
    if (a->scales[0] != 0)
        return (float)(a->scales[i] != 0 ? a->scales[i] : a->scales[0]);
    float factor = (float)((double)size / (double)in);
    if ((double)in * (double)factor < (double)size)
        factor = nextafterf(factor, INFINITY);
    if (size * other_in != other * in)
        fv__out_refuse(out, "sizes depend on the batch or on open sizes");
    return factor;
}

static fv__out_value *factors(fv__out *out, const fv_resizing *a)
{
    const int64_t rank = out->node->inputs[0]->value.rank;
    const fv_tensor scales = fv__out_tensor(out, FV_F32, 1, &rank);
    if (scales.rank < 0) return NULL;
    float *at = scales.data;
    at[0] = at[1] = 1;
    for (int32_t i = 0; i + 2 < rank; i++) at[2 + i] = factor_of(out, a, i);
    return fv__out_data(out, "scales", &scales);
}

/* The sizes of the output: the result's or, if it fits them, those to fit. */
static fv__out_value *sizes_of(fv__out *out, const fv_resizing *a)
{
    const fv_tensor *y = &out->node->outputs[0]->value;
    const int32_t axes = y->rank - 2;
    int64_t sizes[FV_MAX_RANK];
    for (int32_t i = 0; i < axes; i++) {
        const int64_t given = a->sizes[i] ? a->sizes[i] : a->sizes[0];
        sizes[i] = a->fit == FV_RESIZE_STRETCH ? y->shape[1 + i] : given;
        if (sizes[i] < 1)
            fv__out_refuse(out, "some axes keep their sizes and others fit");
    }
    return fv__out_wholes(out, "sizes", axes, sizes);
}

/* The region to be resized, of all axes: batch and channels are kept. */
static fv__out_value *region_of(fv__out *out, const fv_resizing *a)
{
    const int32_t rank = out->node->inputs[0]->value.rank;
    const int64_t count = 2 * rank;
    if (a->coordinates != FV_RESIZE_CROP) return NULL;
    const fv_tensor roi = fv__out_tensor(out, out->context->dtype, 1, &count);
    if (roi.rank < 0) return NULL;
    for (int32_t i = 0; i < rank; i++) {
        const bool kept = i < 2;
        fv__real_set(out->context, roi.data, i,
                     kept ? 0 : a->region_begin[i - 2]);
        fv__real_set(out->context, roi.data, rank + i,
                     kept ? 1 : a->region_end[i - 2]);
    }
    return fv__out_data(out, "region", &roi);
}

/* Refuses what the operator set does not have. */
static void check_resize(fv__out *out, const fv_resizing *a)
{
    enum { ANTIALIAS_AND_FIT = 18, SYMMETRIC = 19 };
    if (a->antialias && out->opset < ANTIALIAS_AND_FIT)
        fv__out_refuse(out, "antialias needs operator set %d",
                       ANTIALIAS_AND_FIT);
    if (a->fit != FV_RESIZE_STRETCH && out->opset < ANTIALIAS_AND_FIT)
        fv__out_refuse(out, "sizes to fit need operator set %d",
                       ANTIALIAS_AND_FIT);
    if (a->coordinates == FV_RESIZE_SYMMETRIC && out->opset < SYMMETRIC)
        fv__out_refuse(out, "symmetric coordinates need operator set %d",
                       SYMMETRIC);
    if (a->coordinates == FV_RESIZE_TF_HALF_PIXEL)
        fv__out_refuse(out, "tf_half_pixel is in no operator set from 13 on");
}

/* How coordinates and filters are computed, of the last node. */
static void write_filter(fv__out *out, const fv_resizing *a)
{
    static const char *const modes[] = { "nearest", "linear", "cubic" };
    static const char *const coordinates[] = {
        "half_pixel",         "align_corners",        "asymmetric",
        "pytorch_half_pixel", "half_pixel_symmetric", "tf_half_pixel_for_nn",
        "tf_crop_and_resize"
    };
    static const char *const roundings[] = { "round_prefer_floor",
                                             "round_prefer_ceil", "floor",
                                             "ceil" };
    static const char *const fits[] = { "stretch", "not_larger",
                                        "not_smaller" };
    fv__out_word(out, "mode", modes[a->mode]);
    fv__out_word(out, "coordinate_transformation_mode",
                 coordinates[a->coordinates]);
    if (a->mode == FV_RESIZE_NEAREST)
        fv__out_word(out, "nearest_mode", roundings[a->rounding]);
    if (a->mode == FV_RESIZE_CUBIC)
        fv__out_float(out, "cubic_coeff_a",
                      a->cubic_coefficient != 0 ? a->cubic_coefficient
                      : a->antialias            ? -0.5
                                                : -0.75);
    if (a->exclude_outside || a->antialias == FV_RESIZE_SMOOTH)
        fv__out_int(out, "exclude_outside", 1); /* as Pillow does */
    if (a->antialias) fv__out_int(out, "antialias", 1);
    if (a->fit != FV_RESIZE_STRETCH)
        fv__out_word(out, "keep_aspect_ratio_policy", fits[a->fit]);
}

void fv__out_resize(fv__out *out)
{
    enum { AXES = 18 };
    const fv_resizing *a = out->node->attributes;
    const int32_t axes = out->node->outputs[0]->value.rank - 2;
    const int64_t along[] = { 2, 3, 4 };
    const bool fits = a->fit != FV_RESIZE_STRETCH;
    const bool crops = a->coordinates == FV_RESIZE_CROP;
    const bool sized = a->scales[0] == 0 && (fits || sizes_fixed(out))
                       && out->opset >= AXES && !crops;
    check_resize(out, a);
    fv__out_value *x = fv__out_image(out, 0);
    fv__out_value *value =
        sized ? FV__OUT_NODE(out, "Resize", x, NULL, NULL, sizes_of(out, a))
              : FV__OUT_NODE(out, "Resize", x, region_of(out, a),
                             factors(out, a));
    if (sized) fv__out_ints(out, "axes", axes, along);
    write_filter(out, a);
    fv__out_set_image(out, 0, value);
}

/* ---- regions ------------------------------------------------------------- */

void fv__out_roi_align(fv__out *out)
{
    enum { COORDINATES = 16 };
    const fv_roi_pooling *a = out->node->attributes;
    fv__out_value *images = fv__out_plain(out, 2);
    if (out->node->inputs[2]->value.dtype != FV_I64) {
        images = FV__OUT_NODE(out, "Cast", images);
        fv__out_int(out, "to", fv__out_type(FV_I64));
    }
    fv__out_value *y = FV__OUT_NODE(out, "RoiAlign", fv__out_image(out, 0),
                                    fv__out_plain(out, 1), images);
    fv__out_word(out, "mode", a->largest ? "max" : "avg");
    fv__out_int(out, "output_height", a->height);
    fv__out_int(out, "output_width", a->width);
    fv__out_int(out, "sampling_ratio", a->samples);
    fv__out_float(out, "spatial_scale", a->scale);
    if (out->opset >= COORDINATES)
        fv__out_word(out, "coordinate_transformation_mode",
                     a->aligned ? "half_pixel" : "output_half_pixel");
    else if (a->aligned)
        fv__out_refuse(out, "aligned regions need operator set %d",
                       COORDINATES);
    fv__out_set_image(out, 0, y);
}

/* ---- grids --------------------------------------------------------------- */

void fv__out_grid_sample(fv__out *out)
{
    enum { OPSET = 16, RENAMED = 20 };
    static const char *const modes[2][3] = {
        { "bilinear", "nearest", "bicubic" },
        { "linear", "nearest", "cubic" },
    };
    static const char *const paddings[] = { "zeros", "border", "reflection" };
    const fv_sampling *a = out->node->attributes;
    if (out->opset < OPSET) {
        fv__out_refuse(out, "grid_sample needs operator set %d", OPSET);
        return;
    }
    fv__out_value *y = FV__OUT_NODE(out, "GridSample", fv__out_image(out, 0),
                                    fv__out_plain(out, 1));
    fv__out_word(out, "mode", modes[out->opset >= RENAMED][a->mode]);
    fv__out_word(out, "padding_mode", paddings[a->padding]);
    fv__out_int(out, "align_corners", a->align_corners != 0);
    fv__out_set_image(out, 0, y);
}

/* x or y of pixel i */
static double coordinate(const fv__affine_grid *a, int64_t i, int64_t count)
{
    if (!a->align_corners) return (2 * (double)i + 1) / (double)count - 1;
    return count > 1 ? 2 * (double)i / (double)(count - 1) - 1 : 0;
}

/* The points (x, y, 1) times theta transposed; AffineGrid would fix the batch.
 */
void fv__out_affine_grid(fv__out *out)
{
    const fv__affine_grid *a = out->node->attributes;
    const int64_t points[] = { a->height * a->width, 3 };
    const int64_t shape[] = { -1, a->height, a->width, 2 };
    const int32_t exchanged[] = { 0, 2, 1 };
    const fv_tensor base = fv__out_tensor(out, out->context->dtype, 2, points);
    if (base.rank < 0) return;
    for (int64_t i = 0; i < points[0]; i++) {
        fv__real_set(out->context, base.data, 3 * i,
                     coordinate(a, i % a->width, a->width));
        fv__real_set(out->context, base.data, 3 * i + 1,
                     coordinate(a, i / a->width, a->height));
        fv__real_set(out->context, base.data, 3 * i + 2, 1);
    }
    fv__out_value *theta =
        fv__out_read(out, out->node->inputs[0], 3, exchanged);
    fv__out_value *y =
        FV__OUT_NODE(out, "MatMul", fv__out_data(out, "points", &base), theta);
    fv__out_set_plain(out, 0, fv__out_reshape(out, y, 4, shape));
}
