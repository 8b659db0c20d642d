/* Decodes PNG files with libpng. Values are those of the file, as Pillow and
 * OpenCV read them: gamma and colour profiles are ignored. */
#include "image/decode.h"

#ifdef FOVEA_WITH_PNG
#include <png.h>
#include <string.h>

typedef struct reader {
    fv__decoding *d;
    size_t at; /* bytes given to libpng */
    png_struct *png;
    png_info *info;
} reader;

/* libpng calls this on an error: it returns through the longjmp of the
 * function that called libpng. */
static void fail(png_struct *png, const char *message)
{
    const reader *r = png_get_error_ptr(png);
    fv_fail(r->d->context, FV_MALFORMED, "%s: %s", r->d->name, message);
    png_longjmp(png, 1);
}

static void ignore(png_struct *png, const char *message)
{
    (void)png;
    (void)message;
}

static void *allocate(png_struct *png, size_t bytes)
{
    const reader *r = png_get_mem_ptr(png);
    return fv__allocate(r->d->context, FV__DATA, bytes);
}

static void release(png_struct *png, void *memory)
{
    const reader *r = png_get_mem_ptr(png);
    fv__release(r->d->context, memory);
}

static void read_bytes(png_struct *png, png_byte *to, size_t bytes)
{
    reader *r = png_get_io_ptr(png);
    if (bytes > r->d->size - r->at) png_error(png, "the file ends too early");
    memcpy(to, r->d->bytes + r->at, bytes);
    r->at += bytes;
}

/* The orientation of an eXIf chunk before the pixels. */
static int32_t orientation_of(const reader *r)
{
    png_uint_32 bytes = 0;
    png_byte *exif = NULL;
    if (!png_get_eXIf_1(r->png, r->info, &bytes, &exif)) return 1;
    return fv__exif_orientation(exif, bytes);
}

/* Reads all that comes before the pixels. */
static void read_head(reader *r)
{
    enum { AS_DEFAULT = PNG_HANDLE_CHUNK_AS_DEFAULT };
    fv__decoding *d = r->d;
    png_set_read_fn(r->png, r, read_bytes);
    png_set_user_limits(r->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    /* no chunk counts but those that hold pixels, palette, transparency and
     * orientation */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(r->png, AS_DEFAULT, (const png_byte *)"eXIf",
                                1);
    png_read_info(r->png, r->info);
    d->rows = png_get_image_height(r->png, r->info);
    d->columns = png_get_image_width(r->png, r->info);
    d->orientation = orientation_of(r);
}

/* Lets libpng make 1 to 4 channels of 8 or 16 bits of the file's, and no fewer
 * than the result has. */
static void set_transforms(const reader *r)
{
    fv__decoding *d = r->d;
    const int type = png_get_color_type(r->png, r->info);
    const bool opacity = (type & PNG_COLOR_MASK_ALPHA)
                         || png_get_valid(r->png, r->info, PNG_INFO_tRNS);
    d->wide = png_get_bit_depth(r->png, r->info) == 16;
    if (d->wide && !d->exact) {
        png_set_scale_16(r->png);
        d->wide = false;
    }
    if (d->indices
        && (type == PNG_COLOR_TYPE_PALETTE || type == PNG_COLOR_TYPE_GRAY)) {
        png_set_packing(r->png); /* one sample a byte */
        return;
    }
    /* palette to RGB, 1 to 4 bits to 8, tRNS to alpha */
    png_set_expand(r->png);
    if (d->channels >= 3 && !(type & PNG_COLOR_MASK_COLOR))
        png_set_gray_to_rgb(r->png);
    if (d->channels == 4 && !opacity)
        png_set_add_alpha(r->png, d->wide ? 65535 : 255, PNG_FILLER_AFTER);
}

static void decode(reader *r)
{
    fv__decoding *d = r->d;
    if (setjmp(png_jmpbuf(r->png))) return;
    read_head(r);
    if (!d->oriented) d->orientation = 1;
    if (!fv__decode_allowed(d, d->rows, d->columns)) return;
    set_transforms(r);
    const int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    d->raw_channels = png_get_channels(r->png, r->info);
    if (!fv__raw_begin(d)) return;
    for (int pass = 0; pass < passes; pass++)
        for (int64_t row = 0; row < d->rows; row++)
            png_read_row(r->png, d->raw + (size_t)row * d->row_bytes, NULL);
    png_read_end(r->png, NULL);
}

static void inform(reader *r, fv_image_info *info)
{
    if (setjmp(png_jmpbuf(r->png))) return;
    read_head(r);
    const int type = png_get_color_type(r->png, r->info);
    info->channels = type & PNG_COLOR_MASK_COLOR ? 3 : 1;
    info->bits = png_get_bit_depth(r->png, r->info);
    info->transparent = (type & PNG_COLOR_MASK_ALPHA)
                        || png_get_valid(r->png, r->info, PNG_INFO_tRNS);
}

/* False after recording that memory is lacking. */
static bool begin(reader *r)
{
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, fail, ignore, r,
                                      allocate, release);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    if (!r->info)
        fv_fail(r->d->context, FV_NO_MEMORY, "%s: no memory to read it",
                r->d->name);
    return r->info != NULL;
}

void fv__png_decode(fv__decoding *d)
{
    reader r = { .d = d };
    if (begin(&r)) decode(&r);
    if (fv__ok(d->context)) fv__raw_end(d);
    png_destroy_read_struct(&r.png, &r.info, NULL);
}

void fv__png_info(fv__decoding *d, fv_image_info *info)
{
    reader r = { .d = d };
    if (begin(&r)) inform(&r, info);
    png_destroy_read_struct(&r.png, &r.info, NULL);
}

#else

static void refuse(const fv__decoding *d)
{
    fv_fail(d->context, FV_UNSUPPORTED, "%s: this build of Fovea has no libpng",
            d->name);
}

void fv__png_decode(fv__decoding *d) { refuse(d); }

void fv__png_info(fv__decoding *d, fv_image_info *info)
{
    (void)info;
    refuse(d);
}

#endif
