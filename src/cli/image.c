/* Reads PNG files as images for a network with libpng, which only this file
 * uses. Values are those of the file, as Pillow and OpenCV read them: gamma and
 * colour profiles are ignored. */
#include "cli/cli.h"

#ifdef FOVEA_WITH_PNG
#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <string.h>

/* A file while it is read. */
typedef struct reader {
    fv_context *context;
    const char *path;
    /* what the network takes: rows, columns, channels */
    const int64_t *extents;
    FILE *file;
    png_struct *png;
    png_info *info;
    fv_tensor lines; /* the file's pixels, [rows, bytes] */
} reader;

/* libpng calls this on an error: it returns through the longjmp of decode(). */
static void fail(png_struct *png, const char *message)
{
    const reader *r = png_get_error_ptr(png);
    fv_fail(r->context, FV_MALFORMED, "%s: %s", r->path, message);
    png_longjmp(png, 1);
}

static void ignore(png_struct *png, const char *message)
{
    (void)png;
    (void)message;
}

/* Rows and columns must be the network's; its channels decide what the pixels
 * are converted to. */
static fv_status check(const reader *r)
{
    const int64_t *extents = r->extents;
    const unsigned long rows = png_get_image_height(r->png, r->info);
    const unsigned long columns = png_get_image_width(r->png, r->info);
    if (extents[2] != 1 && extents[2] != 3)
        return fv_fail(r->context, FV_UNSUPPORTED,
                       "%s: the network takes %lld channels; images have 1 or "
                       "3",
                       r->path, (long long)extents[2]);
    if ((int64_t)rows == extents[0] && (int64_t)columns == extents[1])
        return FV_OK;
    return fv_fail(
        r->context, FV_MISUSE,
        "%s: the image has %lu rows x %lu columns, the network takes "
        "%lld x %lld",
        r->path, rows, columns, (long long)extents[0], (long long)extents[1]);
}

/* Reads all pixels into r->lines, as 1 to 4 channels of 8 or 16 bits. Memory is
 * bounded by the network's input, whatever the file says of itself. */
static void decode(reader *r)
{
    if (setjmp(png_jmpbuf(r->png))) return;
    png_init_io(r->png, r->file);
    /* no chunk counts but those that hold pixels, palette and transparency */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(r->png, r->info);
    if (check(r) != FV_OK) return;
    png_set_expand(
        r->png); /* palette to RGB, 1 to 4 bits to 8, tRNS to alpha */
    const int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    const int64_t bytes = (int64_t)png_get_rowbytes(r->png, r->info);
    r->lines = fv_tensor_new(r->context, FV_U8, 2,
                             (int64_t[]){ r->extents[0], bytes });
    if (!r->lines.data) return;
    for (int pass = 0; pass < passes; pass++)
        for (int64_t row = 0; row < r->extents[0]; row++)
            png_read_row(r->png, (png_byte *)r->lines.data + row * bytes, NULL);
    png_read_end(r->png, NULL);
}

/* ---- from the file's pixels to the network's ---------------------------- */

/* A pixel of the file as red, green and blue, 0 to `most`. What is transparent
 * becomes black. */
static void read_pixel(const png_byte *at, int channels, bool wide,
                       int64_t pixel[3])
{
    const int64_t most = wide ? 65535 : 255;
    int64_t value[4] = { 0 };
    for (int c = 0; c < channels; c++)
        value[c] = wide ? at[2 * c] * 256 + at[2 * c + 1] : at[c];
    for (int c = 0; c < 3; c++) {
        pixel[c] = value[channels < 3 ? 0 : c];
        if (channels % 2 == 0)
            pixel[c] = (pixel[c] * value[channels - 1] + most / 2) / most;
    }
}

/* ITU-R 601, with 16 bits of fraction, as Pillow's mode L. */
static int64_t gray_of(const int64_t pixel[3])
{
    return (pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 32768)
           >> 16;
}

static void put_value(const fv_tensor *to, int64_t at, int64_t value)
{
    if (to->dtype == FV_U8)
        ((unsigned char *)to->data)[at] = (unsigned char)value;
    else if (to->dtype == FV_F32)
        ((float *)to->data)[at] = (float)((double)value / 65535);
    else
        ((double *)to->data)[at] = (double)value / 65535;
}

/* The image [1, rows, columns, channels]: bytes, or of 16 bits values from 0 to
 * 1 in the context's type. */
static fv_tensor convert(const reader *r)
{
    const int channels = png_get_channels(r->png, r->info);
    const bool wide = png_get_bit_depth(r->png, r->info) == 16;
    const int64_t *extents = r->extents;
    const int64_t shape[] = { 1, extents[0], extents[1], extents[2] };
    const fv_tensor image = fv_tensor_new(
        r->context, wide ? fv_context_dtype(r->context) : FV_U8, 4, shape);
    const png_byte *at = r->lines.data;
    for (int64_t i = 0; image.data && i < extents[0] * extents[1]; i++) {
        int64_t pixel[3] = { 0 };
        read_pixel(at, channels, wide, pixel);
        at += wide ? 2 * channels : channels;
        const bool gray = channels >= 3 && extents[2] == 1;
        if (gray) pixel[0] = gray_of(pixel);
        for (int64_t c = 0; c < extents[2]; c++)
            put_value(&image, i * extents[2] + c, pixel[c]);
    }
    return image;
}

static void open_file(reader *r)
{
    r->file = fopen(r->path, "rb");
    if (!r->file) {
        fv_fail(r->context, FV_IO, "%s: cannot open: %s", r->path,
                strerror(errno));
        return;
    }
    r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, fail, ignore);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    if (!r->info)
        fv_fail(r->context, FV_NO_MEMORY, "%s: no memory to read it", r->path);
}

fv_tensor cli_image_read(fv_context *context, const char *path,
                         const fv_shape *input)
{
    fv_tensor image = { .rank = -1 };
    if (fv_failed(context)) return image;
    if (input->rank != 3) {
        fv_fail(context, FV_MISUSE, "%s: the network does not take images",
                path);
        return image;
    }
    reader r = { .context = context, .path = path, .extents = input->extent };
    open_file(&r);
    if (!fv_failed(context)) decode(&r);
    if (!fv_failed(context)) image = convert(&r);
    fv_tensor_free(context, &r.lines);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    if (r.file) fclose(r.file);
    return image;
}

#else

fv_tensor cli_image_read(fv_context *context, const char *path,
                         const fv_shape *input)
{
    (void)input;
    fv_fail(context, FV_UNSUPPORTED, "%s: this program was built without PNG",
            path);
    return (fv_tensor){ .rank = -1 };
}

#endif
