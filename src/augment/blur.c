/* Gaussian blur. */
#include "augment/shared.h"

#include <math.h>
#include <string.h>

typedef struct options {
    int32_t on;
    int64_t size;
    fv__interval sigma;
    double p;
} options;

enum { LARGEST = 127 };

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, size), .positional = true, .positive = true },
    { FV__FIELD(options, INTERVAL, sigma), .usual = 0.1, .high = 2,
      .range = FV__ABOVE_0 },
    { FV__FIELD(options, NUMBER, p), .usual = 1, .range = FV__0_TO_1 },
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    if (o->size % 2 && o->size <= LARGEST) return FV_OK;
    return fv_fail(context, FV_MALFORMED,
                   "blur: a size of %lld pixels, expected an odd number of at "
                   "most %d",
                   (long long)o->size, LARGEST);
}

/* exp(-x^2 / (2 sigma^2)), with the sum 1. */
static void find_weights(int64_t size, double sigma, float weights[LARGEST])
{
    double values[LARGEST], sum = 0;
    const int64_t half = size / 2;
    for (int64_t t = 0; t < size; t++) {
        const double x = (double)(t - half) / sigma;
        sum += values[t] = exp(-x * x / 2);
    }
    for (int64_t t = 0; t < size; t++) weights[t] = (float)(values[t] / sum);
}

/* sums[j] = the weighted sum of the rows around row i. */
static void blur_columns(const fv_tensor *from, int64_t i, int64_t size,
                         const float weights[], float *sums)
{
    const int64_t line = from->shape[1] * from->shape[2];
    for (int64_t j = 0; j < line; j++) sums[j] = 0;
    for (int64_t t = 0; t < size; t++) {
        const int64_t source = fv__border_source(
            i + t - size / 2, from->shape[0], FV__BORDER_REFLECT);
        const unsigned char *row =
            (const unsigned char *)from->data + source * line;
        const float weight = weights[t];
        for (int64_t j = 0; j < line; j++) sums[j] += weight * (float)row[j];
    }
}

/* The weighted sums of the pixels beside each of a row of sums, which has room
 * for the mirrored border on either side, as bytes. */
static void blur_row(int64_t columns, int64_t channels, int64_t size,
                     const float weights[], float *row, float *sums,
                     unsigned char *to)
{
    const int64_t half = size / 2, line = columns * channels;
    float *first = row - half * channels;
    for (int64_t j = -half; j < columns + half; j++) {
        const int64_t source =
            fv__border_source(j, columns, FV__BORDER_REFLECT);
        if (source == j) continue;
        memcpy(row + j * channels, row + source * channels,
               (size_t)channels * sizeof *row);
    }
    for (int64_t j = 0; j < line; j++) sums[j] = 0.5F;
    for (int64_t t = 0; t < size; t++) {
        const float *at = first + t * channels;
        const float weight = weights[t];
        for (int64_t j = 0; j < line; j++) sums[j] += weight * at[j];
    }
    for (int64_t j = 0; j < line; j++)
        to[j] = (unsigned char)(int32_t)fminf(sums[j], 255);
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    fv_context *context = example->context;
    fv_tensor from = example->image.tensor;
    const int64_t rows = from.shape[0], columns = from.shape[1];
    const int64_t channels = from.shape[2];
    const int64_t margin = o->size / 2 * channels, line = columns * channels;
    float weights[LARGEST];
    const bool drawn = fv__draw_chance(draws, o->p);
    find_weights(o->size, fv__draw_from(draws, &o->sigma), weights);
    if (!drawn) return FV_OK;
    unsigned char *scratch =
        fv__pixels_reserve(context, &example->scratch,
                           (size_t)(2 * (line + margin)) * sizeof(float));
    unsigned char *to = fv__frame_next(context, &example->image, rows, columns,
                                       channels, &from);
    if (!scratch || !to) return fv_failed(context);
    float *row = (float *)(void *)scratch + margin;
    float *sums = row + line + margin;
    for (int64_t i = 0; i < rows; i++) {
        blur_columns(&from, i, o->size, weights, row);
        blur_row(columns, channels, o->size, weights, row, sums, to + i * line);
    }
    return FV_OK;
}

const fv__transform_type fv__transform_blur = {
    .name = "blur",
    .about = "the mean of size x size pixels, weighted by a Gaussian with a "
             "deviation of sigma pixels; borders are mirrored; with "
             "probability p",
    .notes = "Weights exp(-x^2 / (2 sigma^2)) with the sum 1, first "
             "along columns, then along rows; rounded to the nearest "
             "byte. torchvision GaussianBlur. Masks stay.",
    .fields = fields,
    .random = true,
    .check = check,
    .apply = apply,
};
