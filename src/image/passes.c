/* Sums of pixels along one axis. Vectors run over neighbouring bytes of a row
 * where rows are added up. Where pixels of a row are, LANES rows are
 * transposed, so that their bytes lie next to each other, and afterwards back.
 */
#include "image/passes.h"

#include <string.h>

static unsigned char clipped(int32_t sum)
{
    const int32_t value = sum >> FV__WEIGHT_BITS;
    return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static const int32_t half = 1 << (FV__WEIGHT_BITS - 1);

/* to[j] = the sum over k of weights[k] times byte j of row k, for n bytes. */
static void add_up(int64_t n, int64_t taps, const int32_t *weights,
                   const unsigned char *from, int64_t stride, unsigned char *to)
{
    enum { BLOCK = 512 };
    int32_t sums[BLOCK];
    for (int64_t at = 0; at < n; at += BLOCK) {
        const int64_t m = fv__min(BLOCK, n - at);
        for (int64_t j = 0; j < m; j++) sums[j] = half;
        for (int64_t k = 0; k < taps; k++) {
            const unsigned char *row = from + k * stride + at;
            const int32_t weight = weights[k];
            for (int64_t j = 0; j < m; j++) sums[j] += weight * row[j];
        }
        for (int64_t j = 0; j < m; j++) to[at + j] = clipped(sums[j]);
    }
}

void fv__pass_rows(const fv__axis *y, const fv__view *in, int64_t first,
                   unsigned char *to)
{
    const int64_t width = in->columns * in->channels;
    for (int64_t i = 0; i < y->out; i++)
        add_up(width, y->count[i], y->weights + i * y->taps,
               in->at + (y->first[i] - first) * in->stride, in->stride,
               to + i * width);
}

/* ---- transposing bytes ----------------------------------------------------
 */

/* Exchanges the upper parts of fields of 2 `bits` in a with the lower parts of
 * those in b. */
static inline void exchange(uint64_t *a, uint64_t *b, int bits, uint64_t lower)
{
    const uint64_t differ = ((*a >> bits) ^ *b) & lower;
    *b ^= differ;
    *a ^= differ << bits;
}

/* 8 rows of 8 bytes, byte 0 of a row in the lowest bits. */
static inline void transpose_words(uint64_t w[8])
{
    for (int i = 0; i < 4; i++) exchange(&w[i], &w[i + 4], 32, 0xffffffffu);
    for (int i = 0; i < 8; i += 4) {
        exchange(&w[i], &w[i + 2], 16, 0x0000ffff0000ffffu);
        exchange(&w[i + 1], &w[i + 3], 16, 0x0000ffff0000ffffu);
    }
    for (int i = 0; i < 8; i += 2)
        exchange(&w[i], &w[i + 1], 8, 0x00ff00ff00ff00ffu);
}

static bool is_little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* to[c to_step + r] = from[r from_step + c] */
static void transpose(int64_t rows, int64_t columns, const unsigned char *from,
                      int64_t from_step, unsigned char *to, int64_t to_step)
{
    enum { TILE = 8 };
    const bool words = is_little_endian();
    for (int64_t r = 0; r < rows; r += TILE)
        for (int64_t c = 0; c < columns; c += TILE) {
            const unsigned char *in = from + r * from_step + c;
            unsigned char *out = to + c * to_step + r;
            if (words && rows - r >= TILE && columns - c >= TILE) {
                uint64_t w[TILE];
                for (int i = 0; i < TILE; i++)
                    memcpy(&w[i], in + i * from_step, TILE);
                transpose_words(w);
                for (int i = 0; i < TILE; i++)
                    memcpy(out + i * to_step, &w[i], TILE);
                continue;
            }
            const int64_t height = fv__min(TILE, rows - r);
            const int64_t width = fv__min(TILE, columns - c);
            for (int64_t i = 0; i < height; i++)
                for (int64_t j = 0; j < width; j++)
                    out[j * to_step + i] = in[i * from_step + j];
        }
}

/* ---- along the rows -------------------------------------------------------
 */

enum {
    LANES = 16, /* rows at a time */
    FEW = 6     /* of so many, each by itself */
};

/* The pixels of a row that are used. */
static void used(const fv__axis *x, int64_t *first, int64_t *end)
{
    *first = x->first[0];
    *end = x->first[x->out - 1] + x->count[x->out - 1];
}

size_t fv__pass_columns_bytes(const fv__axis *x, int64_t rows, int32_t channels)
{
    if (rows <= FEW) return 0;
    return (size_t)(x->in + x->out) * (size_t)channels * LANES;
}

/* Up to LANES rows. */
static void add_up_lanes(const fv__axis *x, const fv__view *in, int64_t rows,
                         unsigned char *to, unsigned char *memory)
{
    const int64_t channels = in->channels, pixel = channels * LANES;
    int64_t first, end;
    used(x, &first, &end);
    unsigned char *sums = memory + (end - first) * pixel;
    transpose(rows, (end - first) * channels, in->at + first * channels,
              in->stride, memory, LANES);
    for (int64_t i = 0; i < x->out; i++)
        add_up(pixel, x->count[i], x->weights + i * x->taps,
               memory + (x->first[i] - first) * pixel, pixel, sums + i * pixel);
    transpose(x->out * channels, rows, sums, LANES, to, x->out * channels);
}

/* One row. */
static void add_up_row(const fv__axis *x, const unsigned char *from,
                       unsigned char *to, int64_t channels)
{
    for (int64_t i = 0; i < x->out; i++) {
        const int32_t *weights = x->weights + i * x->taps;
        for (int64_t c = 0; c < channels; c++) {
            const unsigned char *in = from + x->first[i] * channels + c;
            int32_t sum = half;
            for (int64_t k = 0; k < x->count[i]; k++)
                sum += weights[k] * in[k * channels];
            to[i * channels + c] = clipped(sum);
        }
    }
}

void fv__pass_columns(const fv__axis *x, const fv__view *in, unsigned char *to,
                      unsigned char *memory)
{
    const int64_t width = x->out * in->channels;
    /* lanes without a row have some values, too */
    memset(memory, 0, fv__pass_columns_bytes(x, in->rows, in->channels));
    for (int64_t row = 0; row < in->rows; row += LANES) {
        fv__view band = *in;
        band.at += row * in->stride;
        const int64_t rows = fv__min(LANES, in->rows - row);
        if (rows > FEW) {
            add_up_lanes(x, &band, rows, to + row * width, memory);
            continue;
        }
        for (int64_t i = 0; i < rows; i++)
            add_up_row(x, band.at + i * in->stride, to + (row + i) * width,
                       in->channels);
    }
}
