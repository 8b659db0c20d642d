/* Weighted means of images and of their targets (Zhang et al. 2018). */
#include "augment/shared.h"

typedef struct options {
    int32_t on;
    double alpha, p;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBER, alpha), .usual = 1, .positional = true,
      .positive = true, .range = FV__ABOVE_0 },
    { FV__FIELD(options, NUMBER, p), .usual = 1, .range = FV__0_TO_1 },
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

static fv_status mix(const void *given, fv__draws *draws, fv__example *example,
                     const fv__mixture *batch)
{
    const options *o = given;
    if (!fv__draw_chance(draws, o->p)) return FV_OK;
    const double part = fv__draw_beta(draws, o->alpha);
    if (fv__mix_rows(example, batch->images, part) == FV_OK)
        fv__mix_rows(example, batch->targets, part);
    return fv_failed(example->context);
}

const fv__transform_type fv__transform_mixup = {
    .name = "mixup",
    .about =
        "of a batch with probability p: each image and its target times b, "
        "plus 1 - b times those before them, b drawn from Beta(alpha, "
        "alpha)",
    .notes = "One b for the whole batch, as torchvision MixUp. The "
             "loss must take rows of targets.",
    .fields = fields,
    .random = true,
    .check = fv__mix_check,
    .mix = mix,
};
