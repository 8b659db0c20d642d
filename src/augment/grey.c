/* Colours as shades of grey. */
#include "augment/shared.h"

typedef struct options {
    int32_t on;
    int64_t channels;
    double p;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, channels), .usual = 1, .positional = true,
      .positive = true, .optional = true },
    { FV__FIELD(options, NUMBER, p), .usual = 1, .range = FV__0_TO_1 },
    FV__ON_FIELD(options, FV__TRAINING | FV__EVALUATION),
    { .key = NULL },
};

static bool draws_numbers(const void *given)
{
    const options *o = given;
    return o->p < 1;
}

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    if (o->channels != 1 && o->channels != 3)
        return fv_fail(context, FV_MALFORMED,
                       "grey: %lld channels, expected 1 or 3",
                       (long long)o->channels);
    if (o->p == 1 || o->channels == 3) return FV_OK;
    return fv_fail(context, FV_MALFORMED,
                   "grey: with p below 1 pictures keep 3 channels: write "
                   "\"grey 3 p=%s\"",
                   FV__NUMBER(o->p));
}

static void set_size(const void *given, fv__size *size)
{
    const options *o = given;
    size->channels = o->channels;
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    fv_tensor before = example->image.tensor;
    const int64_t channels = before.shape[2], to_channels = o->channels;
    const int64_t pixels = before.shape[0] * before.shape[1];
    const bool drawn = fv__draw_chance(draws, o->p);
    if ((!drawn && channels >= 3) || (channels == 1 && to_channels == 1))
        return FV_OK;
    unsigned char *to =
        fv__frame_next(example->context, &example->image, before.shape[0],
                       before.shape[1], to_channels, &before);
    const unsigned char *from = before.data;
    if (to && channels == 3 && to_channels == 1)
        for (int64_t i = 0; i < pixels; i++)
            to[i] = (unsigned char)fv__luma_at(from + 3 * i);
    else
        for (int64_t i = 0; to && i < pixels; i++, from += channels) {
            const int value = channels < 3 ? *from : fv__luma_at(from);
            for (int64_t c = 0; c < to_channels; c++)
                *to++ = (unsigned char)value;
        }
    return fv_failed(example->context);
}

const fv__transform_type fv__transform_grey = {
    .name = "grey",
    .about = "colours as grey, 0.299 R + 0.587 G + 0.114 B (ITU-R 601), in one "
             "channel or three, with probability p",
    .notes = "(19595 R + 38470 G + 7471 B + 32768) / 65536, without "
             "fraction, as Pillow's mode L. With p below 1: "
             "torchvision RandomGrayscale; it then acts in training "
             "only unless `on` says more.",
    .fields = fields,
    .draws = draws_numbers,
    .check = check,
    .size = set_size,
    .apply = apply,
};
