/* RandAugment: several operations of one magnitude (Cubuk et al. 2020). */
#include "augment/shared.h"

typedef struct options {
    int32_t on, filter;
    int64_t n, magnitude, bins, fill[3], mask_fill;
} options;

enum { MOST = 1000 };

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, n), .usual = 2, .positional = true,
      .optional = true },
    { FV__FIELD(options, COUNT, magnitude), .usual = 9, .positional = true,
      .optional = true },
    { FV__FIELD(options, COUNT, bins), .usual = 31, .positive = true },
    { FV__FIELD(options, WORD, filter), .usual = FV__WARP_NEAREST,
      .words = fv__warp_words },
    FV__FILL_FIELDS(options, 0),
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

static const fv__policy policy = {
    .shear = 0.3, .degrees = 30, .factor = 0.9, .shift = 150.0 / 331, .bits = 4
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    if (o->n > MOST || o->bins > MOST)
        return fv_fail(context, FV_MALFORMED,
                       "randaugment: n %lld and bins %lld, expected at most %d",
                       (long long)o->n, (long long)o->bins, MOST);
    if (o->bins < 2 || o->magnitude >= o->bins)
        return fv_fail(context, FV_MALFORMED,
                       "randaugment: magnitude %lld of %lld bins, which are "
                       "counted from 0 and at least 2",
                       (long long)o->magnitude, (long long)o->bins);
    return fv__fill_check(context, "randaugment", o->fill, o->mask_fill);
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    const double level = (double)o->magnitude / (double)(o->bins - 1);
    const fv__warp warp = { .bilinear = o->filter == FV__WARP_BILINEAR,
                            .fill = o->fill,
                            .mask_fill = o->mask_fill };
    for (int64_t i = 0; i < o->n && fv__ok(example->context); i++)
        fv__policy_apply(&policy, level, draws, &warp, example);
    return fv_failed(example->context);
}

const fv__transform_type fv__transform_randaugment = {
    .name = "randaugment",
    .about =
        "n of 14 operations on places and colours, drawn one by one, all of "
        "one magnitude out of bins",
    .notes = "identity, shear_x, shear_y, translate_x, translate_y, "
             "rotation, brightness, saturation, contrast, sharpness, "
             "posterize, solarize, autocontrast and equalize. Of the "
             "last bin: shear 0.3, shift 150/331 of the size, 30 "
             "degrees, factors 1 +- 0.9, 4 bits taken away, threshold "
             "0. torchvision RandAugment; bytes: Pillow's ImageEnhance "
             "and ImageOps. Masks follow where pixels move.",
    .fields = fields,
    .random = true,
    .check = check,
    .apply = apply,
};
