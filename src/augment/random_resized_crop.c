/* Parts of random size, shape and place, in one size. */
#include "augment/shared.h"

#include <math.h>

typedef struct options {
    int32_t on, filter;
    int64_t rows, columns;
    fv__interval scale, ratio;
} options;

enum { TRIES = 10 };

static const fv__field fields[] = {
    FV__SIZE_FIELDS(options),
    { FV__FIELD(options, INTERVAL, scale), .usual = 0.08, .high = 1,
      .range = FV__ABOVE_0_TO_1 },
    { FV__FIELD(options, INTERVAL, ratio), .usual = 3.0 / 4, .high = 4.0 / 3,
      .range = FV__ABOVE_0 },
    { FV__FIELD(options, WORD, filter), .usual = FV__FILTER_BILINEAR,
      .words = fv__filter_words },
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    return fv__size_check(context, "random_resized_crop", o->rows, o->columns);
}

static void set_size(const void *given, fv__size *size)
{
    const options *o = given;
    size->rows = o->rows;
    size->columns = o->columns ? o->columns : o->rows;
}

static double high_of(const fv__interval *interval)
{
    return isnan(interval->high) ? interval->low : interval->high;
}

/* The largest part in the middle whose columns over rows are in the range. */
static fv__box middle(const fv__interval *ratio, double height, double width)
{
    double rows = height, columns = width;
    if (width / height < ratio->low)
        rows = fmax(1, nearbyint(width / ratio->low));
    else if (width / height > high_of(ratio))
        columns = fmax(1, nearbyint(height * high_of(ratio)));
    const double top = floor((height - rows) / 2);
    const double left = floor((width - columns) / 2);
    return (fv__box){ top, left, top + rows, left + columns };
}

static fv__box draw_box(const options *o, fv__draws *draws, int64_t height,
                        int64_t width)
{
    const double pixels = (double)height * (double)width;
    const double low = log(o->ratio.low), high = log(high_of(&o->ratio));
    for (int i = 0; i < TRIES; i++) {
        const double area = pixels * fv__draw_from(draws, &o->scale);
        const double ratio = exp(fv__draw_between(draws, low, high));
        const double columns = nearbyint(sqrt(area * ratio));
        const double rows = nearbyint(sqrt(area / ratio));
        if (columns < 1 || columns > (double)width || rows < 1
            || rows > (double)height)
            continue;
        const double top =
            (double)fv__draw_below(draws, height - (int64_t)rows + 1);
        const double left =
            (double)fv__draw_below(draws, width - (int64_t)columns + 1);
        return (fv__box){ top, left, top + rows, left + columns };
    }
    return middle(&o->ratio, (double)height, (double)width);
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    const int64_t *shape = example->image.tensor.shape;
    fv__size size;
    set_size(given, &size);
    const fv__box box = draw_box(o, draws, shape[0], shape[1]);
    return fv__example_resize(example, &box, size.rows, size.columns,
                              fv__filter_of(o->filter));
}

const fv__transform_type fv__transform_random_resized_crop = {
    .name = "random_resized_crop",
    .about = "a part anywhere in the picture, of that share of its area and of "
             "that ratio of columns to rows, resized",
    .notes = "The logarithm of the ratio is uniform; ten draws at "
             "most, then the largest part in the middle that the "
             "ratios allow. torchvision RandomResizedCrop.",
    .fields = fields,
    .random = true,
    .check = check,
    .size = set_size,
    .apply = apply,
};
