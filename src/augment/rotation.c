/* Rotations about the centre. */
#include "augment/shared.h"

typedef struct options {
    int32_t on, filter;
    fv__interval degrees;
    int64_t fill[3], mask_fill;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, INTERVAL, degrees), .usual = 10, .positional = true,
      .optional = true },
    { FV__FIELD(options, WORD, filter), .usual = FV__WARP_NEAREST,
      .words = fv__warp_words },
    FV__FILL_FIELDS(options, 0),
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    return fv__fill_check(context, "rotation", o->fill, o->mask_fill);
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    const int64_t *shape = example->image.tensor.shape;
    const fv__interval degrees = fv__around(&o->degrees, 0);
    const double angle = fv__draw_from(draws, &degrees);
    fv__warp warp = { .bilinear = o->filter == FV__WARP_BILINEAR,
                      .fill = o->fill,
                      .mask_fill = o->mask_fill };
    if (angle == 0) return FV_OK;
    fv__warp_rotate(angle, shape[0], shape[1], warp.a);
    return fv__example_warp(example, &warp);
}

const fv__transform_type fv__transform_rotation = {
    .name = "rotation",
    .about = "turned about the centre by an angle from -degrees to degrees, or "
             "between two of them, anticlockwise",
    .notes = "Pixels from outside get the fill. torchvision "
             "RandomRotation without expand; bytes: Pillow's "
             "Image.rotate().",
    .fields = fields,
    .random = true,
    .check = check,
    .apply = apply,
};
