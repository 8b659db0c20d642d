/* Perceptual hashes of pictures. All arithmetic is in whole numbers, so that a
 * picture has the same hash on every machine. */
#include "image/image.h"

#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

enum { SIDE = FV__HASH_SIDE, LOW = 8, THUMBNAIL = FV__HASH_THUMBNAIL };

/* Brightness by ITU-R 601; opacity is left out. */
static void make_grey(const fv_tensor *picture, int64_t grey[SIDE * SIDE])
{
    const unsigned char *from = picture->data;
    const int64_t channels = picture->shape[2];
    for (int64_t i = 0; i < SIDE * SIDE; i++, from += channels)
        grey[i] =
            channels < 3
                ? from[0]
                : (299 * from[0] + 587 * from[1] + 114 * from[2] + 500) / 1000;
}

/* The lowest coefficients of the cosine transform, with factors of 4096. */
static void transform(const int64_t grey[SIDE * SIDE],
                      int64_t coefficients[LOW * LOW])
{
    static const double pi = 3.14159265358979323846;
    int64_t factors[LOW][SIDE], rows[LOW][SIDE] = { { 0 } };
    for (int k = 0; k < LOW; k++)
        for (int i = 0; i < SIDE; i++)
            factors[k][i] = (int64_t)floor(
                4096 * cos(pi * k * (2 * i + 1) / (2 * SIDE)) + 0.5);
    for (int k = 0; k < LOW; k++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                rows[k][y] += factors[k][x] * grey[y * SIDE + x];
    memset(coefficients, 0, LOW * LOW * sizeof *coefficients);
    for (int v = 0; v < LOW; v++)
        for (int u = 0; u < LOW; u++)
            for (int y = 0; y < SIDE; y++)
                coefficients[v * LOW + u] += factors[v][y] * rows[u][y];
}

/* The median of all coefficients but the first, which is the mean. */
static int64_t median(const int64_t coefficients[LOW * LOW])
{
    int64_t sorted[LOW * LOW] = { 0 };
    int count = 0;
    for (int i = 1; i < LOW * LOW; i++) {
        int at = count++;
        for (; at && sorted[at - 1] > coefficients[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = coefficients[i];
    }
    return sorted[count / 2];
}

static void make_thumbnail(const int64_t grey[SIDE * SIDE],
                           unsigned char *thumbnail)
{
    enum { PART = SIDE / THUMBNAIL };
    for (int i = 0; i < THUMBNAIL * THUMBNAIL; i++) {
        const int64_t *from =
            grey + i / THUMBNAIL * PART * SIDE + i % THUMBNAIL * PART;
        int64_t sum = PART * PART / 2;
        for (int k = 0; k < PART * PART; k++)
            sum += from[k / PART * SIDE + k % PART];
        thumbnail[i] = (unsigned char)(sum / (PART * PART));
    }
}

uint64_t fv__image_hash(fv_context *context, const fv_tensor *image,
                        unsigned char *thumbnail, fv__pixels *to,
                        fv__pixels *scratch)
{
    int64_t grey[SIDE * SIDE], coefficients[LOW * LOW];
    const fv_tensor small = fv__image_resize(context, image, NULL, SIDE, SIDE,
                                             FV_RESAMPLE_AREA, to, scratch);
    if (!fv__ok(context)) return 0;
    make_grey(&small, grey);
    if (thumbnail) make_thumbnail(grey, thumbnail);
    transform(grey, coefficients);
    const int64_t middle = median(coefficients);
    uint64_t hash = 0;
    for (int i = 1; i < LOW * LOW; i++)
        hash |= (uint64_t)(coefficients[i] > middle) << i;
    return hash;
}

uint64_t fv_image_hash(fv_context *context, const fv_tensor *image)
{
    fv__pixels to = { 0 }, scratch = { 0 };
    if (!fv__ok(context)) return 0;
    const uint64_t hash = fv__image_hash(context, image, NULL, &to, &scratch);
    fv__pixels_free(context, &to);
    fv__pixels_free(context, &scratch);
    return hash;
}
