/* Filters, and the weights that they give the pixels of a row or column. The
 * filter is centred on the middle of each output pixel; where the picture
 * shrinks it is stretched, so that it covers all input pixels between two
 * outputs. Weights of one output add up to 1. */
#include "image/weights.h"

#include <math.h>
#include <string.h>

/* ---- filters, functions of the distance in pixels ------------------------ */

static double box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* Keys 1981, a = -1/2. */
static double cubic(double x)
{
    static const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static double sinc(double x)
{
    static const double pi = 3.14159265358979323846;
    if (x == 0) return 1;
    x *= pi;
    return sin(x) / x;
}

static double lanczos(double x)
{
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static const struct {
    double (*at)(double x);
    double support; /* it is 0 farther away */
} filters[] = {
    [FV_RESAMPLE_AREA] = { box, 0.5 },
    [FV_RESAMPLE_BILINEAR] = { triangle, 1 },
    [FV_RESAMPLE_BICUBIC] = { cubic, 2 },
    [FV_RESAMPLE_LANCZOS] = { lanczos, 3 },
};

/* ---- weights ------------------------------------------------------------- */

/* Input pixels for each output pixel. */
static double scale_of(const fv__axis *axis)
{
    return (axis->end - axis->begin) / (double)axis->out;
}

/* Half the width of the filter, in input pixels. */
static double reach_of(const fv__axis *axis)
{
    return filters[axis->filter].support * fmax(scale_of(axis), 1);
}

size_t fv__axis_begin(fv__axis *axis)
{
    const size_t out = (size_t)axis->out;
    axis->same = axis->begin == 0 && axis->end == (double)axis->in
                 && axis->in == axis->out;
    if (axis->same) return 0;
    axis->taps = 0;
    if (axis->filter == FV_RESAMPLE_NEAREST) return out * sizeof(int32_t);
    const double most = 2 * ceil(reach_of(axis)) + 1;
    axis->taps = most < (double)axis->in ? (int64_t)most : axis->in;
    const size_t taps = (size_t)axis->taps;
    return taps * sizeof(double) + out * (2 + taps) * sizeof(int32_t);
}

/* The pixel in the middle of each output. The middle advances by additions, as
 * Pillow computes it: rounding decides where it falls between two pixels. */
static void point(fv__axis *axis)
{
    const double scale = scale_of(axis);
    double middle = axis->begin + scale * 0.5;
    for (int64_t i = 0; i < axis->out; i++) {
        const int64_t at = (int64_t)middle;
        axis->first[i] = (int32_t)(at < axis->in ? at : axis->in - 1);
        middle += scale;
    }
}

static int32_t rounded(double weight)
{
    const double scaled = weight * (1 << FV__WEIGHT_BITS);
    return (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* Whole numbers of `count` values whose sum is `sum`. Each is rounded for
 * itself, as Pillow does; of very many, all of which are small, the sums up to
 * each are, so that errors do not add up. */
static void round_all(int64_t count, const double *values, double sum,
                      int32_t *weights)
{
    enum { MANY = 1 << 14 };
    double before = 0;
    for (int64_t k = 0; k < count && count <= MANY; k++)
        weights[k] = rounded(values[k] / sum);
    for (int64_t k = 0; k < count && count > MANY; k++) {
        const double with = before + values[k];
        weights[k] = rounded(with / sum) - rounded(before / sum);
        before = with;
    }
}

/* Weights of one output pixel around `middle`; `values` is room for as many. */
static void weigh(const fv__axis *axis, int64_t i, double middle,
                  double *values)
{
    double (*const filter)(double) = filters[axis->filter].at;
    const double reach = reach_of(axis), stretch = fmax(scale_of(axis), 1);
    const double in = (double)axis->in;
    const double first = floor(fmax(middle - reach + 0.5, 0));
    const double end = floor(fmin(middle + reach + 0.5, in));
    const int64_t count = fv__min((int64_t)(end - first), axis->taps);
    double sum = 0;
    for (int64_t k = 0; k < count; k++) {
        values[k] = filter(((double)k + first - middle + 0.5) / stretch);
        sum += values[k];
    }
    round_all(count, values, sum != 0 ? sum : 1,
              axis->weights + i * axis->taps);
    axis->first[i] = (int32_t)first;
    axis->count[i] = (int32_t)count;
}

void fv__axis_weigh(fv__axis *axis, void *memory)
{
    double *values = memory;
    axis->first = (int32_t *)(void *)(values + axis->taps);
    if (axis->filter == FV_RESAMPLE_NEAREST) {
        point(axis);
        return;
    }
    axis->count = axis->first + axis->out;
    axis->weights = axis->count + axis->out;
    const double scale = scale_of(axis);
    for (int64_t i = 0; i < axis->out; i++)
        weigh(axis, i, axis->begin + ((double)i + 0.5) * scale, values);
}
