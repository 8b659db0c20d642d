/* Rectangles of one colour over pictures. */
#include "augment/shared.h"

#include <math.h>

typedef struct options {
    int32_t on;
    int64_t size, fill[3];
    fv__interval scale, ratio;
    double p;
} options;

enum { TRIES = 10 };

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, size), .positional = true, .positive = true,
      .optional = true },
    { FV__FIELD(options, INTERVAL, scale), .usual = 0.02, .high = 0.33,
      .range = FV__0_TO_1 },
    { FV__FIELD(options, INTERVAL, ratio), .usual = 0.3, .high = 3.3,
      .range = FV__ABOVE_0 },
    { FV__FIELD(options, AXES, fill), .axes = 3 },
    { FV__FIELD(options, NUMBER, p), .usual = 0.5, .range = FV__0_TO_1 },
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    if (fv__size_check(context, "cutout", o->size, o->size) != FV_OK)
        return fv_failed(context);
    return fv__fill_check(context, "cutout", o->fill, 0);
}

/* A square around any pixel, cut off at the border. */
static fv__part draw_square(const options *o, fv__draws *draws, int64_t height,
                            int64_t width)
{
    const int64_t top = fv__draw_below(draws, height) - o->size / 2;
    const int64_t left = fv__draw_below(draws, width) - o->size / 2;
    fv__part part = { .top = fv__max(0, top), .left = fv__max(0, left) };
    part.rows = fv__min(height, top + o->size) - part.top;
    part.columns = fv__min(width, left + o->size) - part.left;
    return part;
}

/* A rectangle of a share of the area, in the picture; none if ten do not fit.
 */
static fv__part draw_rectangle(const options *o, fv__draws *draws,
                               int64_t height, int64_t width)
{
    const double pixels = (double)height * (double)width;
    const double highest = isnan(o->ratio.high) ? o->ratio.low : o->ratio.high;
    for (int i = 0; i < TRIES; i++) {
        const double area = pixels * fv__draw_from(draws, &o->scale);
        const double ratio =
            exp(fv__draw_between(draws, log(o->ratio.low), log(highest)));
        const double rows = nearbyint(sqrt(area * ratio));
        const double columns = nearbyint(sqrt(area / ratio));
        if (rows >= (double)height || columns >= (double)width) continue;
        fv__part part = { .rows = (int64_t)rows, .columns = (int64_t)columns };
        part.top = fv__draw_below(draws, height - part.rows + 1);
        part.left = fv__draw_below(draws, width - part.columns + 1);
        return part;
    }
    return (fv__part){ 0 };
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    const int64_t height = example->image.tensor.shape[0];
    const int64_t width = example->image.tensor.shape[1];
    const int64_t channels = example->image.tensor.shape[2];
    if (!fv__draw_chance(draws, o->p)) return FV_OK;
    const fv__part part = o->size ? draw_square(o, draws, height, width)
                                  : draw_rectangle(o, draws, height, width);
    unsigned char *first = fv__frame_own(example->context, &example->image);
    for (int64_t i = 0; first && i < part.rows; i++)
        fv__fill_pixels(first + ((part.top + i) * width + part.left) * channels,
                        part.columns, channels, o->fill);
    return fv_failed(example->context);
}

const fv__transform_type fv__transform_cutout = {
    .name = "cutout",
    .about =
        "a rectangle of that share of the area and of that ratio of rows to "
        "columns in one colour, anywhere; or a square of size pixels "
        "around any pixel; with probability p",
    .notes = "Ten draws of area and ratio at most, none if no "
             "rectangle is smaller than the picture: torchvision "
             "RandomErasing. With a size: DeVries and Taylor 2017. "
             "Masks stay.",
    .fields = fields,
    .random = true,
    .check = check,
    .apply = apply,
};
