/* Gaussian noise. */
#include "augment/augment.h"
#include "kernel/kernel.h"

typedef struct options {
    int32_t on;
    double sigma, mean, p;
} options;

enum { CHUNK = 1024 };

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBER, sigma), .usual = 0.1, .positional = true,
      .range = FV__AT_LEAST_0 },
    { FV__FIELD(options, NUMBER, mean) },
    { FV__FIELD(options, NUMBER, p), .usual = 1, .range = FV__0_TO_1 },
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

/* The sum with the number, whose fraction is cut off. */
static unsigned char add(unsigned char value, double noise)
{
    const double limited = noise > 255 ? 255 : noise > -255 ? noise : -255;
    const int sum = value + (int)limited;
    return (unsigned char)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    const fv_context *context = example->context;
    union {
        float single[CHUNK];
        double twice[CHUNK];
    } noise;
    const bool drawn = fv__draw_chance(draws, o->p);
    /* the numbers of the pixels have a stream of their own */
    const uint64_t high = fv__draw_word(draws), low = fv__draw_word(draws);
    if (!drawn) return FV_OK;
    unsigned char *at = fv__frame_own(example->context, &example->image);
    const int64_t count = at ? fv_tensor_count(&example->image.tensor) : 0;
    for (int64_t i = 0; i < count; i += CHUNK) {
        const int64_t n = fv__min(CHUNK, count - i);
        context->kernels->normal((high << 32) + low, FV__STREAM_AUGMENT,
                                 (uint64_t)i, (size_t)n, 255 * o->mean,
                                 255 * o->sigma, &noise);
        for (int64_t k = 0; k < n; k++)
            at[i + k] = add(at[i + k], context->dtype == FV_F64
                                           ? noise.twice[k]
                                           : (double)noise.single[k]);
    }
    return fv_failed(example->context);
}

const fv__transform_type fv__transform_noise = {
    .name = "noise",
    .about =
        "a number of the normal distribution added to each value from 0 to "
        "1, of deviation sigma, with probability p",
    .notes = "v + 255 (mean + sigma n), the noise without its "
             "fraction, clamped to 0..255: torchvision GaussianNoise. "
             "Masks stay.",
    .fields = fields,
    .random = true,
    .apply = apply,
};
