/* TrivialAugment, wide: one operation of any magnitude (Mueller and Hutter
 * 2021). */
#include "augment/shared.h"

typedef struct options {
    int32_t on, filter;
    int64_t bins, fill[3], mask_fill;
} options;

enum { MOST = 1000 };

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, bins), .usual = 31, .positive = true },
    { FV__FIELD(options, WORD, filter), .usual = FV__WARP_NEAREST,
      .words = fv__warp_words },
    FV__FILL_FIELDS(options, 0),
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

static const fv__policy policy = {
    .shear = 0.99, .degrees = 135, .factor = 0.99, .pixels = 32, .bits = 6
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    if (o->bins < 2 || o->bins > MOST)
        return fv_fail(context, FV_MALFORMED,
                       "trivialaugment: %lld bins, expected 2 to %d",
                       (long long)o->bins, MOST);
    return fv__fill_check(context, "trivialaugment", o->fill, o->mask_fill);
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    const double level =
        (double)fv__draw_below(draws, o->bins) / (double)(o->bins - 1);
    const fv__warp warp = { .bilinear = o->filter == FV__WARP_BILINEAR,
                            .fill = o->fill,
                            .mask_fill = o->mask_fill };
    return fv__policy_apply(&policy, level, draws, &warp, example);
}

const fv__transform_type fv__transform_trivialaugment = {
    .name = "trivialaugment",
    .about =
        "one of 14 operations on places and colours, of a magnitude that is "
        "drawn, too",
    .notes = "The operations of randaugment. Of the last bin: shear "
             "0.99, shift 32 pixels, 135 degrees, factors 1 +- 0.99, 6 "
             "bits taken away, threshold 0. torchvision "
             "TrivialAugmentWide.",
    .fields = fields,
    .random = true,
    .check = check,
    .apply = apply,
};
