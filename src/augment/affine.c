/* Random rotations, shifts, sizes and shears at once. */
#include "augment/shared.h"

#include <math.h>

typedef struct options {
    int32_t on, filter;
    fv__interval degrees, translate, scale, shear;
    int64_t fill[3], mask_fill;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, INTERVAL, degrees) },
    { FV__FIELD(options, INTERVAL, translate), .range = FV__0_TO_1,
      .apart = true },
    { FV__FIELD(options, INTERVAL, scale), .usual = 1, .range = FV__ABOVE_0 },
    { FV__FIELD(options, INTERVAL, shear) },
    { FV__FIELD(options, WORD, filter), .usual = FV__WARP_NEAREST,
      .words = fv__warp_words },
    FV__FILL_FIELDS(options, 0),
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

/* A whole number of pixels of up to a part of the extent. */
static double draw_shift(fv__draws *draws, double part, int64_t extent)
{
    const double most = part * (double)extent;
    return nearbyint(fv__draw_between(draws, -most, most));
}

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    const fv__interval shear = fv__around(&o->shear, 0);
    if (!(shear.low > -90 && shear.high < 90))
        return fv_fail(context, FV_MALFORMED,
                       "affine: shear %s,%s is not between -90 and 90",
                       FV__NUMBER(shear.low), FV__NUMBER(shear.high));
    return fv__fill_check(context, "affine", o->fill, o->mask_fill);
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    const int64_t *shape = example->image.tensor.shape;
    const fv__interval degrees = fv__around(&o->degrees, 0);
    const fv__interval shear = fv__around(&o->shear, 0);
    const double down =
        isnan(o->translate.high) ? o->translate.low : o->translate.high;
    fv__placement p = {
        .centre = { (double)shape[1] / 2, (double)shape[0] / 2 },
    };
    p.angle = fv__draw_from(draws, &degrees);
    p.shift[0] = draw_shift(draws, o->translate.low, shape[1]);
    p.shift[1] = draw_shift(draws, down, shape[0]);
    p.scale = fv__draw_from(draws, &o->scale);
    p.shear[0] = fv__draw_from(draws, &shear);
    fv__warp warp = { .bilinear = o->filter == FV__WARP_BILINEAR,
                      .fill = o->fill,
                      .mask_fill = o->mask_fill };
    fv__warp_place(&p, warp.a);
    return fv__example_warp(example, &warp);
}

const fv__transform_type fv__transform_affine = {
    .name = "affine",
    .about =
        "turned clockwise by up to so many degrees, shifted by up to a "
        "part of the columns (and of the rows), scaled, sheared along rows "
        "by up to so many degrees",
    .notes = "The centre of the picture stays at its place but for the "
             "shift, which is a whole number of pixels. The result "
             "shows at (x, y) the pixel of the inverse matrix; masks "
             "move along by nearest pixels. Distributions and matrix: "
             "torchvision RandomAffine; bytes: Pillow's "
             "Image.transform().",
    .fields = fields,
    .random = true,
    .check = check,
    .apply = apply,
};
