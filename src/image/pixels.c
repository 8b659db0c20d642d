/* Memory for pictures, and the way from the pixels of a file to those of the
 * result: opacity, CMYK, grey, bits and orientation. */
#include "image/decode.h"

#include "tensor/tensor.h"

#include <string.h>

/* ---- memory -------------------------------------------------------------- */

unsigned char *fv__pixels_reserve(fv_context *context, fv__pixels *pixels,
                                  size_t bytes)
{
    if (pixels->at && bytes <= pixels->capacity) return pixels->at;
    size_t room = pixels->capacity + pixels->capacity / 2;
    if (room < bytes) room = bytes;
    fv__pixels_free(context, pixels);
    pixels->at = fv__allocate(context, FV__DATA, room);
    if (pixels->at) pixels->capacity = room;
    return pixels->at;
}

void fv__pixels_free(fv_context *context, fv__pixels *pixels)
{
    fv__release(context, pixels->at);
    *pixels = (fv__pixels){ 0 };
}

fv_tensor fv__pixels_tensor(fv_context *context, fv__pixels *to, fv_dtype dtype,
                            int64_t rows, int64_t columns, int64_t channels)
{
    const int64_t shape[] = { rows, columns, channels };
    if (!to) return fv_tensor_new(context, dtype, 3, shape);
    const int64_t count = fv__product(3, shape);
    size_t bytes = 0;
    if (count < 0
        || !fv__multiply((size_t)count, fv_dtype_bytes(dtype), &bytes)) {
        fv_fail(context, FV_LIMIT,
                "image: %lld rows x %lld columns are too many pixels",
                (long long)rows, (long long)columns);
        return fv__tensor_failed();
    }
    void *at = fv__pixels_reserve(context, to, bytes);
    return at ? fv_tensor_of(at, dtype, 3, shape) : fv__tensor_failed();
}

bool fv__decode_allowed(fv__decoding *d, int64_t rows, int64_t columns)
{
    const int64_t pixels =
        fv__saturated_product(2, (int64_t[]){ rows, columns });
    if (pixels > d->max_pixels)
        fv_fail(d->context, FV_LIMIT,
                "%s: %lld rows x %lld columns are %lld pixels, max_pixels is "
                "%lld",
                d->name, (long long)rows, (long long)columns, (long long)pixels,
                (long long)d->max_pixels);
    return fv__ok(d->context);
}

/* ---- one row ------------------------------------------------------------- */

/* Rounded v opacity / most over the background. */
static int64_t over(int64_t v, int64_t opacity, int64_t below, int64_t most)
{
    return (v * opacity + below * (most - opacity) + most / 2) / most;
}

/* A pixel of bytes as red, green, blue and opacity. */
static void load(const fv__decoding *d, const unsigned char *at,
                 int64_t pixel[4])
{
    const int n = d->raw_channels;
    int64_t value[4] = { 0 };
    for (int c = 0; c < n; c++)
        value[c] = d->wide ? at[2 * c] * 256 + at[2 * c + 1] : at[c];
    const int64_t most = d->wide ? 65535 : 255;
    const bool has_opacity = n % 2 == 0 && !d->cmyk;
    for (int c = 0; c < 3; c++) {
        pixel[c] = value[n < 3 ? 0 : c];
        /* inverted: what is stored is 255 - ink */
        if (d->cmyk) pixel[c] = over(pixel[c], value[3], 0, most);
        if (has_opacity && d->channels != 4)
            pixel[c] = over(pixel[c], value[n - 1],
                            d->background[c] * (most / 255), most);
    }
    pixel[3] = has_opacity ? value[n - 1] : most;
}

/* The pixels of a row of the file as those of the result. */
static void convert_row(const fv__decoding *d, const unsigned char *from,
                        void *to)
{
    const int channels = d->channels;
    const size_t step = (size_t)d->raw_channels * (d->wide ? 2 : 1);
    for (int64_t i = 0; i < d->columns; i++) {
        int64_t pixel[4];
        load(d, from + (size_t)i * step, pixel);
        if (channels == 1 && d->raw_channels >= 3)
            pixel[0] = fv__luma((uint32_t)pixel[0], (uint32_t)pixel[1],
                                (uint32_t)pixel[2]);
        for (int c = 0; c < channels; c++) {
            const int64_t at = i * channels + c;
            if (!d->wide)
                ((unsigned char *)to)[at] = (unsigned char)pixel[c];
            else if (d->result.dtype == FV_F32)
                ((float *)to)[at] = (float)((double)pixel[c] / 65535);
            else
                ((double *)to)[at] = (double)pixel[c] / 65535;
        }
    }
}

/* Colours to grey, the conversion that is wanted most often. */
static void grey_row(const fv__decoding *d, const unsigned char *from,
                     unsigned char *to)
{
    for (int64_t i = 0; i < d->columns; i++)
        to[i] = (unsigned char)fv__luma(from[3 * i], from[3 * i + 1],
                                        from[3 * i + 2]);
}

/* ---- all rows ------------------------------------------------------------ */

enum { BAND = 16 }; /* rows that are converted, then moved, at a time */

static bool is_converted(const fv__decoding *d)
{
    return d->wide || d->cmyk || d->raw_channels != d->channels;
}

static size_t pixel_bytes(const fv__decoding *d)
{
    return (size_t)d->channels * fv_dtype_bytes(d->result.dtype);
}

bool fv__raw_begin(fv__decoding *d)
{
    const bool turned = d->orientation > 4;
    if (d->channels == 0) d->channels = d->raw_channels < 3 ? 1 : 3;
    d->result = fv__pixels_tensor(
        d->context, d->to, d->wide ? fv_context_dtype(d->context) : FV_U8,
        turned ? d->columns : d->rows, turned ? d->rows : d->columns,
        d->channels);
    if (!fv__ok(d->context)) return false;
    d->row_bytes =
        (size_t)d->columns * (size_t)d->raw_channels * (d->wide ? 2 : 1);
    if (!is_converted(d) && d->orientation == 1) {
        d->raw = d->result.data;
        return true;
    }
    const size_t lines = BAND * (size_t)d->columns * pixel_bytes(d);
    d->raw =
        fv__pixels_reserve(d->context, d->scratch,
                           fv__align((size_t)d->rows * d->row_bytes) + lines);
    return d->raw != NULL;
}

/* Where the orientation puts the rows and columns of the file: the pixel at
 * (row, column) goes to `first` + row `row` + column `column`, in pixels. */
typedef struct moves {
    int64_t first, row, column;
} moves;

static moves moves_of(const fv__decoding *d)
{
    const int64_t rows = d->rows, columns = d->columns;
    const bool turned = d->orientation > 4;
    /* 3, 4, 6, 7: the first row is the last one, to the bottom or to the right;
     * 2, 3, 7, 8: so is the first column */
    static const bool row_back[9] = {
        [3] = true, [4] = true, [6] = true, [7] = true
    };
    static const bool column_back[9] = {
        [2] = true, [3] = true, [7] = true, [8] = true
    };
    moves m = { 0, turned ? 1 : columns, turned ? rows : 1 };
    if (row_back[d->orientation]) {
        m.first += (rows - 1) * m.row;
        m.row = -m.row;
    }
    if (column_back[d->orientation]) {
        m.first += (columns - 1) * m.column;
        m.column = -m.column;
    }
    return m;
}

/* Puts `count` rows, from `first_row` on, into the result. */
static void place(const fv__decoding *d, const unsigned char *from,
                  size_t stride, int64_t first_row, int64_t count)
{
    const moves m = moves_of(d);
    const size_t bytes = pixel_bytes(d);
    unsigned char *to = d->result.data;
    for (int64_t column = 0; column < d->columns; column++)
        for (int64_t row = 0; row < count; row++) {
            const int64_t at =
                m.first + (first_row + row) * m.row + column * m.column;
            const unsigned char *pixel =
                from + (size_t)row * stride + (size_t)column * bytes;
            unsigned char *out = to + (size_t)at * bytes;
            if (bytes == 3) {
                out[0] = pixel[0];
                out[1] = pixel[1];
                out[2] = pixel[2];
            } else {
                memcpy(out, pixel, bytes);
            }
        }
}

void fv__raw_end(fv__decoding *d)
{
    if (!d->result.data || d->raw == d->result.data) return;
    const size_t line = (size_t)d->columns * pixel_bytes(d);
    const bool grey = !d->wide && d->raw_channels == 3 && d->channels == 1;
    unsigned char *lines = d->raw + fv__align((size_t)d->rows * d->row_bytes);
    unsigned char *direct = d->orientation == 1 ? d->result.data : NULL;
    for (int64_t row = 0; row < d->rows; row += BAND) {
        const int64_t count = fv__min(BAND, d->rows - row);
        const unsigned char *from = d->raw + (size_t)row * d->row_bytes;
        unsigned char *to = direct ? direct + (size_t)row * line : lines;
        for (int64_t i = 0; i < count && is_converted(d); i++) {
            const unsigned char *raw_row = from + (size_t)i * d->row_bytes;
            unsigned char *out = to + (size_t)i * line;
            if (grey)
                grey_row(d, raw_row, out);
            else
                convert_row(d, raw_row, out);
        }
        if (direct) continue;
        if (is_converted(d))
            place(d, lines, line, row, count);
        else
            place(d, from, d->row_bytes, row, count);
    }
}
