/* Random brightness, contrast, saturation and hue, in a random order. */
#include "augment/shared.h"

typedef struct options {
    int32_t on;
    fv__interval brightness, contrast, saturation, hue;
} options;

enum { FACTORS = 4, HUE = 3 };

static const fv__field fields[] = {
    { FV__FIELD(options, INTERVAL, brightness), .range = FV__AT_LEAST_0 },
    { FV__FIELD(options, INTERVAL, contrast), .range = FV__AT_LEAST_0 },
    { FV__FIELD(options, INTERVAL, saturation), .range = FV__AT_LEAST_0 },
    { FV__FIELD(options, INTERVAL, hue) },
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    const fv__interval hue = fv__around(&o->hue, 0);
    if (hue.low >= -0.5 && hue.low <= hue.high && hue.high <= 0.5) return FV_OK;
    return fv_fail(context, FV_MALFORMED,
                   "color_jitter: hue %s,%s is not in -0.5..0.5",
                   FV__NUMBER(hue.low), FV__NUMBER(hue.high));
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    const fv__interval *const ranges[] = { &o->brightness, &o->contrast,
                                           &o->saturation, &o->hue };
    double factor[FACTORS];
    int32_t order[FACTORS] = { 0 };
    for (int32_t i = 0; i < FACTORS; i++) {
        /* a random permutation, one more at a time (Fisher and Yates) */
        const int64_t k = fv__draw_below(draws, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (int32_t i = 0; i < FACTORS; i++) {
        fv__interval range = fv__around(ranges[i], i == HUE ? 0 : 1);
        if (i != HUE && range.low < 0) range.low = 0;
        factor[i] = fv__draw_from(draws, &range);
    }
    if (!fv__frame_own(example->context, &example->image))
        return fv_failed(example->context);
    const fv_tensor *picture = &example->image.tensor;
    for (int32_t i = 0; i < FACTORS; i++) {
        const double f = factor[order[i]];
        if (f == (order[i] == HUE ? 0 : 1)) continue;
        if (order[i] == 0) fv__brightness(picture, f);
        if (order[i] == 1) fv__contrast(picture, f);
        if (order[i] == 2) fv__saturation(picture, f);
        if (order[i] == HUE) fv__hue(picture, f);
    }
    return FV_OK;
}

const fv__transform_type fv__transform_color_jitter = {
    .name = "color_jitter",
    .about = "brightness, contrast and saturation times a factor from 1 - b to "
             "1 + b each, or between two numbers, and the hue turned by up to "
             "so much of the circle, in random order",
    .notes = "With the factor f, brightness is f v, contrast m + f (v "
             "- m) with the rounded mean m of the grey picture, "
             "saturation g + f (v - g) with the grey value g of the "
             "pixel; fractions are cut off and values clamped to "
             "0..255. The hue of a byte (HSV) is turned by f 255, "
             "without fraction. torchvision ColorJitter; bytes: "
             "Pillow's ImageEnhance and mode HSV. Grey pictures have "
             "no saturation and hue. Masks stay.",
    .fields = fields,
    .random = true,
    .check = check,
    .apply = apply,
};
