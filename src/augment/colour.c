/* Colours of pictures: brightness, contrast, saturation, hue, and tables of 256
 * values. Rounding is that of Pillow's ImageEnhance, ImageOps and mode HSV. */
#include "augment/shared.h"

#include <math.h>
#include <string.h>

/* Channels that are colours, not opacity. */
static int64_t colours_of(const fv_tensor *picture)
{
    return picture->shape[2] < 3 ? 1 : 3;
}

static int64_t pixels_of(const fv_tensor *picture)
{
    return picture->shape[0] * picture->shape[1];
}

/* Replaces each value v of channel c by table[c][v]. */
static void look_up(const fv_tensor *picture, unsigned char table[3][256])
{
    unsigned char *at = picture->data;
    const int64_t channels = picture->shape[2], pixels = pixels_of(picture);
    const int64_t colours = colours_of(picture);
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = 0; c < colours; c++)
            at[i * channels + c] = table[c][at[i * channels + c]];
}

/* One table for all channels. */
static void look_up_all(const fv_tensor *picture,
                        const unsigned char table[256])
{
    unsigned char *at = picture->data;
    const int64_t count = fv_tensor_count(picture);
    unsigned char tables[3][256];
    if (picture->shape[2] % 2) {
        for (int64_t i = 0; i < count; i++) at[i] = table[at[i]];
        return;
    }
    for (int c = 0; c < 3; c++) memcpy(tables[c], table, 256);
    look_up(picture, tables);
}

/* from + factor (to - from), fractions cut off, clamped. */
static inline unsigned char blend(int from, int to, float factor)
{
    const float value = (float)from + factor * (float)(to - from);
    return value <= 0 ? 0 : value >= 255 ? 255 : (unsigned char)value;
}

static void blend_all(const fv_tensor *picture, int from, double factor)
{
    unsigned char table[256];
    for (int v = 0; v < 256; v++) table[v] = blend(from, v, (float)factor);
    look_up_all(picture, table);
}

void fv__brightness(const fv_tensor *picture, double factor)
{
    blend_all(picture, 0, factor);
}

/* The mean of the grey picture, rounded. */
static int mean_of(const fv_tensor *picture)
{
    const unsigned char *at = picture->data;
    const int64_t channels = picture->shape[2], pixels = pixels_of(picture);
    int64_t sum = 0;
    for (int64_t i = 0; i < pixels; i++, at += channels)
        sum += channels < 3 ? *at : fv__luma_at(at);
    return (int)((double)sum / (double)pixels + 0.5);
}

void fv__contrast(const fv_tensor *picture, double factor)
{
    blend_all(picture, mean_of(picture), factor);
}

void fv__saturation(const fv_tensor *picture, double factor)
{
    unsigned char *at = picture->data;
    const int64_t channels = picture->shape[2], pixels = pixels_of(picture);
    if (channels < 3) return;
    for (int64_t i = 0; i < pixels; i++, at += channels) {
        const int grey = fv__luma_at(at);
        for (int c = 0; c < 3; c++) at[c] = blend(grey, at[c], (float)factor);
    }
}

/* ---- hue ------------------------------------------------------------------
 */

/* Hue, saturation and value of a pixel as bytes. */
static void to_hsv(const unsigned char rgb[3], unsigned char hsv[3])
{
    const int r = rgb[0], g = rgb[1], b = rgb[2];
    const int most = r > g ? (r > b ? r : b) : (g > b ? g : b);
    const int least = r < g ? (r < b ? r : b) : (g < b ? g : b);
    hsv[0] = hsv[1] = 0;
    hsv[2] = (unsigned char)most;
    if (most == least) return;
    const float range = (float)(most - least);
    const float rc = (float)(most - r) / range, gc = (float)(most - g) / range;
    const float bc = (float)(most - b) / range;
    const float sixths = r == most   ? bc - gc
                         : g == most ? (float)(2.0 + (double)rc - (double)bc)
                                     : (float)(4.0 + (double)gc - (double)rc);
    const float hue = (float)fmod((double)sixths / 6.0 + 1.0, 1.0);
    hsv[0] = (unsigned char)((double)hue * 255.0);
    hsv[1] = (unsigned char)((double)(range / (float)most) * 255.0);
}

static unsigned char byte_of(double value)
{
    return value <= 0 ? 0 : value >= 255 ? 255 : (unsigned char)lround(value);
}

static void to_rgb(const unsigned char hsv[3], unsigned char rgb[3])
{
    const unsigned char v = hsv[2];
    if (!hsv[1]) {
        rgb[0] = rgb[1] = rgb[2] = v;
        return;
    }
    const double saturation = (double)(float)(hsv[1] / 255.0);
    const double sector = hsv[0] * 6.0 / 255.0;
    const int i = (int)sector;
    const double f = (double)(float)(sector - i);
    const unsigned char p = byte_of(v * (1 - saturation));
    const unsigned char q = byte_of(v * (1 - saturation * f));
    const unsigned char t = byte_of(v * (1 - saturation * (1 - f)));
    const unsigned char sectors[6][3] = {
        { v, t, p }, { q, v, p }, { p, v, t },
        { p, q, v }, { t, p, v }, { v, p, q }
    };
    memcpy(rgb, sectors[i % 6], 3);
}

void fv__hue(const fv_tensor *picture, double turn)
{
    unsigned char *at = picture->data, hsv[3];
    const int64_t channels = picture->shape[2], pixels = pixels_of(picture);
    const int shift = (int)(turn * 255);
    if (channels < 3) return;
    for (int64_t i = 0; i < pixels; i++, at += channels) {
        to_hsv(at, hsv);
        hsv[0] = (unsigned char)(hsv[0] + shift);
        to_rgb(hsv, at);
    }
}

/* ---- tables ---------------------------------------------------------------
 */

void fv__posterize(const fv_tensor *picture, int32_t bits)
{
    unsigned char table[256];
    const int mask = 256 - (1 << (8 - bits));
    for (int v = 0; v < 256; v++) table[v] = (unsigned char)(v & mask);
    look_up_all(picture, table);
}

void fv__solarize(const fv_tensor *picture, double threshold)
{
    unsigned char table[256];
    for (int v = 0; v < 256; v++)
        table[v] = (unsigned char)(v < threshold ? v : 255 - v);
    look_up_all(picture, table);
}

static void count_values(const fv_tensor *picture, int64_t counts[3][256])
{
    const unsigned char *at = picture->data;
    const int64_t channels = picture->shape[2], pixels = pixels_of(picture);
    const int64_t colours = colours_of(picture);
    memset(counts, 0, 3 * sizeof *counts);
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = 0; c < colours; c++) counts[c][at[i * channels + c]]++;
}

static void stretch(const int64_t counts[256], unsigned char table[256])
{
    int low = 0, high = 255;
    while (low < 255 && !counts[low]) low++;
    while (high > 0 && !counts[high]) high--;
    const double scale = high > low ? 255.0 / (high - low) : 1;
    const double offset = high > low ? -low * scale : 0;
    for (int v = 0; v < 256; v++) {
        const double value = v * scale + offset;
        table[v] = (unsigned char)fmin(255, fmax(0, value));
    }
}

/* The number of smaller values, in steps that share 255. */
static void spread(const int64_t counts[256], unsigned char table[256])
{
    int64_t sum = 0, last = 0, used = 0;
    for (int v = 0; v < 256; v++) {
        sum += counts[v];
        used += counts[v] != 0;
        if (counts[v]) last = counts[v];
    }
    const int64_t step = (sum - last) / 255;
    int64_t below = step / 2;
    for (int v = 0; v < 256; v++) {
        table[v] = used < 2 || !step
                       ? (unsigned char)v
                       : (unsigned char)fv__min(255, below / step);
        below += counts[v];
    }
}

void fv__autocontrast(const fv_tensor *picture)
{
    int64_t counts[3][256];
    unsigned char table[3][256];
    count_values(picture, counts);
    for (int c = 0; c < 3; c++) stretch(counts[c], table[c]);
    look_up(picture, table);
}

void fv__equalize(const fv_tensor *picture)
{
    int64_t counts[3][256];
    unsigned char table[3][256];
    count_values(picture, counts);
    for (int c = 0; c < 3; c++) spread(counts[c], table[c]);
    look_up(picture, table);
}

/* ---- sharpness ------------------------------------------------------------
 */

fv_status fv__sharpness(fv__example *example, double factor)
{
    fv_tensor before = example->image.tensor;
    const int64_t rows = before.shape[0], columns = before.shape[1];
    const int64_t channels = before.shape[2], line = columns * channels;
    const int64_t colours = colours_of(&before);
    unsigned char *to = fv__frame_next(example->context, &example->image, rows,
                                       columns, channels, &before);
    if (!to) return fv_failed(example->context);
    const unsigned char *from = before.data;
    memcpy(to, from, (size_t)(rows * line));
    for (int64_t i = 1; i < rows - 1; i++)
        for (int64_t j = channels; j < line - channels; j++) {
            const unsigned char *at = from + i * line + j;
            const unsigned char *above = at - line, *below = at + line;
            const int sum = above[-channels] + above[0] + above[channels]
                            + at[-channels] + 5 * at[0] + at[channels]
                            + below[-channels] + below[0] + below[channels];
            const int mean = (2 * sum + 13) / 26;
            if (j % channels < colours)
                to[i * line + j] = blend(mean, at[0], (float)factor);
        }
    return FV_OK;
}
