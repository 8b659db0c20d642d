/* Decodes JPEG files with libjpeg, as `djpeg` does by default: the accurate
 * integer transform and smooth chroma. */
#include "image/decode.h"

#ifdef FOVEA_WITH_JPEG
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* More scans than any encoder makes. Each scan of a progressive file costs time
 * proportional to the picture, however few bytes it has. */
enum { MOST_SCANS = 200 };

typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    fv__decoding *d;
} reader;

static reader *reader_of(j_common_ptr jpeg) { return jpeg->client_data; }

static void leave(reader *r, fv_status status, const char *message)
{
    fv_fail(r->d->context, status, "%s: %s", r->d->name, message);
    longjmp(r->jump, 1);
}

/* ---- libjpeg's errors and input -------------------------------------------
 */

/* libjpeg calls this on an error: it returns through the longjmp of the
 * function that called libjpeg. */
static void fail(j_common_ptr jpeg)
{
    char message[JMSG_LENGTH_MAX];
    fv_status status = FV_MALFORMED;
    switch (jpeg->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
        status = FV_NO_MEMORY;
        break;
    case JERR_NO_BACKING_STORE: /* max_memory_to_use */
        leave(reader_of(jpeg), FV_LIMIT,
              "decoding it needs more memory than max_bytes of the context "
              "leaves");
        break;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
        status = FV_UNSUPPORTED;
        break;
    default:
        break;
    }
    jpeg->err->format_message(jpeg, message);
    leave(reader_of(jpeg), status, message);
}

/* A warning means damaged pixels, but for these. */
static void warn(j_common_ptr jpeg, int level)
{
    if (level >= 0) return; /* a trace */
    switch (jpeg->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
        return;
    default:
        fail(jpeg);
    }
}

static void ignore(j_common_ptr jpeg) { (void)jpeg; }

static void begin_source(j_decompress_ptr jpeg) { (void)jpeg; }

/* All bytes are in memory from the beginning; there are no more. */
static boolean fill(j_decompress_ptr jpeg)
{
    leave(jpeg->client_data, FV_MALFORMED, "the file ends too early");
    return FALSE;
}

static void skip(j_decompress_ptr jpeg, long bytes)
{
    struct jpeg_source_mgr *source = jpeg->src;
    if (bytes <= 0) return;
    if ((size_t)bytes > source->bytes_in_buffer) fill(jpeg);
    source->next_input_byte += bytes;
    source->bytes_in_buffer -= (size_t)bytes;
}

static void watch(j_common_ptr jpeg)
{
    reader *r = reader_of(jpeg);
    if (r->jpeg.input_scan_number > MOST_SCANS)
        leave(r, FV_LIMIT, "more than 200 scans");
}

/* ---- the head ------------------------------------------------------------ */

/* Memory that libjpeg may use for the coefficients of a progressive file: what
 * the context has left. */
static long memory_left(const fv_context *context)
{
    const size_t used = context->memory.bytes + context->memory.data_bytes;
    if (used >= context->max_bytes) return 1;
    const size_t left = context->max_bytes - used;
    return left < LONG_MAX ? (long)left : LONG_MAX;
}

static int32_t orientation_of(const reader *r)
{
    static const char head[] = "Exif\0";
    const jpeg_saved_marker_ptr first = r->jpeg.marker_list;
    for (jpeg_saved_marker_ptr m = first; m; m = m->next)
        if (m->data_length > sizeof head
            && memcmp(m->data, head, sizeof head) == 0)
            return fv__exif_orientation(m->data + sizeof head,
                                        m->data_length - sizeof head);
    return 1;
}

/* Reads all that comes before the pixels. */
static void read_head(reader *r)
{
    fv__decoding *d = r->d;
    jpeg_create_decompress(&r->jpeg);
    r->jpeg.client_data = r;
    r->jpeg.mem->max_memory_to_use = memory_left(d->context);
    r->source.init_source = begin_source;
    r->source.fill_input_buffer = fill;
    r->source.skip_input_data = skip;
    r->source.resync_to_restart = jpeg_resync_to_restart;
    r->source.term_source = begin_source;
    r->source.next_input_byte = d->bytes;
    r->source.bytes_in_buffer = d->size;
    r->jpeg.src = &r->source;
    r->progress.progress_monitor = watch;
    r->jpeg.progress = &r->progress;
    jpeg_save_markers(&r->jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&r->jpeg, TRUE);
    d->rows = r->jpeg.image_height;
    d->columns = r->jpeg.image_width;
    d->orientation = orientation_of(r);
}

/* ---- pixels -------------------------------------------------------------- */

/* What libjpeg makes of the file's colours: as many channels as the result has,
 * but for CMYK and grey of RGB, which it would convert by other formulas. */
static void choose_colours(reader *r)
{
    fv__decoding *d = r->d;
    switch (r->jpeg.jpeg_color_space) {
    case JCS_GRAYSCALE:
        d->raw_channels = d->channels == 0 ? 1 : d->channels;
        break;
    case JCS_YCbCr:
    case JCS_RGB:
        d->raw_channels = d->channels == 4 ? 4 : 3;
        break;
    case JCS_CMYK:
    case JCS_YCCK:
        d->cmyk = true;
        d->raw_channels = 4;
        r->jpeg.out_color_space = JCS_CMYK;
        return;
    default:
        leave(r, FV_UNSUPPORTED,
              "its channels are neither grey nor colours that are known");
    }
    r->jpeg.out_color_space = d->raw_channels == 1   ? JCS_GRAYSCALE
                              : d->raw_channels == 3 ? JCS_RGB
                                                     : JCS_EXT_RGBA;
}

/* The smallest of 1/8, 1/4, 1/2 and 1 of the size that is still large enough.
 */
static void choose_scale(reader *r)
{
    fv__decoding *d = r->d;
    if (d->min_rows == 0 && d->min_columns == 0) return;
    const bool turned = d->orientation > 4;
    const int64_t rows = turned ? d->min_columns : d->min_rows;
    const int64_t columns = turned ? d->min_rows : d->min_columns;
    unsigned denominator = 8;
    while (denominator > 1
           && (fv__divide_up(d->rows, denominator) < rows
               || fv__divide_up(d->columns, denominator) < columns))
        denominator /= 2;
    r->jpeg.scale_num = 1;
    r->jpeg.scale_denom = denominator;
}

static void read_rows(reader *r)
{
    enum { MOST = 16 };
    const fv__decoding *d = r->d;
    while (r->jpeg.output_scanline < r->jpeg.output_height) {
        JSAMPROW rows[MOST];
        const JDIMENSION first = r->jpeg.output_scanline;
        const JDIMENSION left = r->jpeg.output_height - first;
        const JDIMENSION count = left < MOST ? left : MOST;
        for (JDIMENSION i = 0; i < count; i++)
            rows[i] = d->raw + (size_t)(first + i) * d->row_bytes;
        jpeg_read_scanlines(&r->jpeg, rows, count);
    }
}

static void decode(reader *r)
{
    fv__decoding *d = r->d;
    if (setjmp(r->jump)) return;
    read_head(r);
    if (!d->oriented) d->orientation = 1;
    if (!fv__decode_allowed(d, d->rows, d->columns)) return;
    choose_colours(r);
    choose_scale(r);
    jpeg_calc_output_dimensions(&r->jpeg);
    d->rows = r->jpeg.output_height;
    d->columns = r->jpeg.output_width;
    if (!fv__raw_begin(d)) return;
    jpeg_start_decompress(&r->jpeg);
    read_rows(r);
    jpeg_finish_decompress(&r->jpeg);
}

static void inform(reader *r, fv_image_info *info)
{
    if (setjmp(r->jump)) return;
    read_head(r);
    info->channels = r->jpeg.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
    info->bits = r->jpeg.data_precision;
}

static void begin(reader *r)
{
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = fail;
    r->errors.emit_message = warn;
    r->errors.output_message = ignore;
    r->jpeg.client_data = r;
}

void fv__jpeg_decode(fv__decoding *d)
{
    reader r = { .d = d };
    begin(&r);
    decode(&r);
    if (fv__ok(d->context)) fv__raw_end(d);
    jpeg_destroy_decompress(&r.jpeg);
}

void fv__jpeg_info(fv__decoding *d, fv_image_info *info)
{
    reader r = { .d = d };
    begin(&r);
    inform(&r, info);
    jpeg_destroy_decompress(&r.jpeg);
}

#else

static void refuse(const fv__decoding *d)
{
    fv_fail(d->context, FV_UNSUPPORTED,
            "%s: this build of Fovea has no libjpeg", d->name);
}

void fv__jpeg_decode(fv__decoding *d) { refuse(d); }

void fv__jpeg_info(fv__decoding *d, fv_image_info *info)
{
    (void)info;
    refuse(d);
}

#endif
