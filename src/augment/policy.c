/* The operations of RandAugment (Cubuk et al. 2020) and TrivialAugment (Mueller
 * and Hutter 2021), as torchvision defines them. */
#include "augment/shared.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

typedef enum operation {
    IDENTITY,
    SHEAR_X,
    SHEAR_Y,
    TRANSLATE_X,
    TRANSLATE_Y,
    ROTATE,
    BRIGHTNESS,
    COLOUR,
    CONTRAST,
    SHARPNESS,
    POSTERIZE,
    SOLARIZE,
    AUTOCONTRAST,
    EQUALIZE,
    OPERATIONS
} operation;

/* The pixels of a shift, without fraction. */
static double shift_of(const fv__policy *policy, double level, double sign,
                       int64_t extent)
{
    const double most =
        policy->shift != 0 ? policy->shift * (double)extent : policy->pixels;
    return trunc(sign * level * most);
}

/* Sets the warp of the operations that move pixels. */
static void find_warp(const fv__policy *policy, operation which, double level,
                      double sign, const fv_tensor *picture, double a[8])
{
    const int64_t rows = picture->shape[0], columns = picture->shape[1];
    fv__placement p = { .scale = 1 };
    const double shear = atan(sign * level * policy->shear) * (180 / PI);
    if (which == ROTATE) {
        fv__warp_rotate(sign * level * policy->degrees, rows, columns, a);
        return;
    }
    if (which == SHEAR_X) p.shear[0] = shear;
    if (which == SHEAR_Y) p.shear[1] = shear;
    if (which == TRANSLATE_X)
        p.shift[0] = shift_of(policy, level, sign, columns);
    if (which == TRANSLATE_Y) p.shift[1] = shift_of(policy, level, sign, rows);
    fv__warp_place(&p, a);
}

/* Changes colours in place, by a factor of the policy's at most. */
static void recolour(const fv__policy *policy, operation which, double level,
                     double factor, const fv_tensor *picture)
{
    switch (which) {
    case BRIGHTNESS:
        fv__brightness(picture, factor);
        return;
    case COLOUR:
        fv__saturation(picture, factor);
        return;
    case CONTRAST:
        fv__contrast(picture, factor);
        return;
    case POSTERIZE:
        fv__posterize(picture, (int32_t)nearbyint(8 - level * policy->bits));
        return;
    case SOLARIZE:
        fv__solarize(picture, 255 * (1 - level));
        return;
    case AUTOCONTRAST:
        fv__autocontrast(picture);
        return;
    case EQUALIZE:
        fv__equalize(picture);
        return;
    default:
        return;
    }
}

fv_status fv__policy_apply(const fv__policy *policy, double level,
                           fv__draws *draws, const fv__warp *warp,
                           fv__example *example)
{
    const operation which = (operation)fv__draw_below(draws, OPERATIONS);
    const double sign = fv__draw_chance(draws, 0.5) ? -1 : 1;
    const double factor = 1 + sign * level * policy->factor;
    fv__warp placed = *warp;
    if (which == IDENTITY) return FV_OK;
    if (which <= ROTATE) {
        find_warp(policy, which, level, sign, &example->image.tensor, placed.a);
        return fv__example_warp(example, &placed);
    }
    if (which == SHARPNESS) return fv__sharpness(example, factor);
    if (fv__frame_own(example->context, &example->image))
        recolour(policy, which, level, factor, &example->image.tensor);
    return fv_failed(example->context);
}
