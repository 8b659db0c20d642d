/* JPEG files: the pixels that libjpeg makes of them by default, in every colour
 * space, what options change, and files that are damaged or too large. */
#include "jpeg_files.h"

#include "image/image.h"

enum { ROWS = 19, COLUMNS = 21, MOST = 64 * 64 * 4 };

static file_bytes file;
static unsigned char wanted[MOST];

static fv_tensor decode(fv_context *ctx, const fv_image_options *options)
{
    return fv_image_decode(ctx, "a.jpg", file.at, file.size, options);
}

static jpeg_picture picture(int channels)
{
    return (
        jpeg_picture){ .rows = ROWS, .columns = COLUMNS, .channels = channels };
}

static void put_grey(unsigned char *out, const unsigned char *rgb)
{
    *out = (unsigned char)((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471
                            + 0x8000)
                           >> 16);
}

/* A pixel of `stored` channels (4: CMYK, inverted) in `channels`. */
static void convert(const unsigned char *from, int stored, int channels,
                    unsigned char out[4])
{
    unsigned char rgb[3];
    for (int c = 0; c < 3; c++) {
        rgb[c] = from[stored == 1 ? 0 : c];
        if (stored == 4)
            rgb[c] = (unsigned char)lround(from[c] * from[3] / 255.0);
    }
    memcpy(out, rgb, 3);
    out[3] = 255;
    if (channels == 1 && stored != 1) put_grey(out, rgb);
}

static void check(const jpeg_picture *p)
{
    make_jpeg(p, &file);
    read_jpeg(&file, wanted);
    for (int channels = 0; channels <= 4; channels++) {
        if (channels == 2) continue;
        fv_context *ctx = counting_context(1 << 20);
        const fv_tensor image =
            decode(ctx, FV_OPTIONS(fv_image_options, .channels = channels));
        assert_ok(ctx);
        const int n = channels ? channels : p->channels == 1 ? 1 : 3;
        assert_int_equal(image.dtype, FV_U8);
        assert_int_equal(image.shape[0], p->rows);
        assert_int_equal(image.shape[1], p->columns);
        assert_int_equal(image.shape[2], n);
        for (int64_t i = 0; i < p->rows * p->columns; i++) {
            unsigned char out[4];
            convert(wanted + i * p->channels, p->channels, n, out);
            assert_memory_equal((unsigned char *)image.data + i * n, out,
                                (size_t)n);
        }
        free_counting(ctx);
    }
}

static void test_colour_spaces(void **state)
{
    (void)state;
    static const struct {
        int channels;
        J_COLOR_SPACE stored;
    } kinds[] = { { 1, JCS_UNKNOWN },
                  { 3, JCS_UNKNOWN },
                  { 3, JCS_RGB },
                  { 4, JCS_CMYK },
                  { 4, JCS_YCCK } };
    for (int k = 0; k < 5; k++)
        for (int progressive = 0; progressive < 2; progressive++)
            for (int sampling = 1; sampling < 3; sampling++) {
                jpeg_picture p = picture(kinds[k].channels);
                p.stored = kinds[k].stored;
                p.progressive = progressive;
                p.sampling = sampling;
                p.restart = sampling - 1;
                check(&p);
            }
}

static void test_small(void **state)
{
    (void)state;
    for (int64_t rows = 1; rows <= 17; rows += 8)
        for (int64_t columns = 1; columns <= 33; columns += 16) {
            jpeg_picture p = picture(3);
            p.rows = rows;
            p.columns = columns;
            p.sampling = 2;
            check(&p);
        }
}

static void test_orientations(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 4; channels++)
        for (int orientation = 1; channels != 2 && orientation <= 8;
             orientation++) {
            fv_context *ctx = counting_context(1 << 20);
            jpeg_picture p = picture(channels);
            p.orientation = orientation;
            p.big_exif = orientation % 2;
            make_jpeg(&p, &file);
            const fv_tensor turned = decode(ctx, NULL);
            const fv_tensor stored = decode(
                ctx, FV_OPTIONS(fv_image_options, .ignore_orientation = 1));
            assert_ok(ctx);
            check_turned(&turned, &stored, orientation);
            const fv_image_info info =
                fv__image_info(ctx, "a.jpg", file.at, file.size);
            assert_int_equal(info.rows, turned.shape[0]);
            assert_int_equal(info.columns, turned.shape[1]);
            assert_int_equal(info.channels, channels == 1 ? 1 : 3);
            assert_int_equal(info.bits, 8);
            assert_int_equal(info.format, FV_IMAGE_JPEG);
            free_counting(ctx);
        }
}

/* Any bytes in the place of EXIF data are no harm; what cannot be read is no
 * orientation. */
static void test_wrong_exif(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    jpeg_picture p = picture(1);
    p.orientation = 6;
    make_jpeg(&p, &file);
    size_t at = 0;
    while (memcmp(file.at + at, "Exif", 4) != 0) at++;
    static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0xff };
    for (size_t i = at; i < at + 44; i++)
        for (size_t v = 0; v < sizeof values; v++) {
            const unsigned char old = file.at[i];
            file.at[i] = values[v];
            fv_tensor image = decode(ctx, NULL);
            assert_ok(ctx);
            assert_int_equal(image.shape[0] + image.shape[1], ROWS + COLUMNS);
            fv_tensor_free(ctx, &image);
            file.at[i] = old;
        }
    file.at[at + 6 + 30] = 9;
    fv_tensor image = decode(ctx, NULL);
    assert_int_equal(image.shape[0], ROWS);
    free_counting(ctx);
}

/* Scaled while it is decoded, to no less than was asked for. */
static void test_least_size(void **state)
{
    (void)state;
    static const struct {
        int64_t min_rows, min_columns, rows, columns;
    } cases[] = { { 1, 1, 3, 3 },    { 3, 3, 3, 3 },    { 4, 3, 5, 6 },
                  { 5, 6, 5, 6 },    { 6, 0, 10, 11 },  { 0, 11, 10, 11 },
                  { 11, 1, 19, 21 }, { 99, 99, 19, 21 } };
    for (int turned = 0; turned < 2; turned++)
        for (int i = 0; i < 8; i++) {
            fv_context *ctx = counting_context(1 << 20);
            jpeg_picture p = picture(3);
            p.orientation = turned ? 6 : 1;
            make_jpeg(&p, &file);
            const int64_t a = cases[i].min_rows, b = cases[i].min_columns;
            const fv_tensor image = decode(
                ctx, FV_OPTIONS(fv_image_options, .min_rows = turned ? b : a,
                                .min_columns = turned ? a : b));
            assert_ok(ctx);
            assert_int_equal(image.shape[turned], cases[i].rows);
            assert_int_equal(image.shape[1 - turned], cases[i].columns);
            free_counting(ctx);
        }
}

/* ---- files that are refused -----------------------------------------------
 */

static void refused(fv_context *ctx, size_t size)
{
    assert_null(fv_image_decode(ctx, "a.jpg", file.at, size, NULL).data);
    assert_int_not_equal(fv_failed(ctx), FV_OK);
    assert_memory_equal(fv_error(ctx), "a.jpg: ", 7);
    fv_clear_error(ctx);
    assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
}

static void test_truncated(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    for (int progressive = 0; progressive < 2; progressive++) {
        jpeg_picture p = picture(3);
        p.progressive = progressive;
        p.orientation = 3;
        p.restart = 1;
        make_jpeg(&p, &file);
        for (size_t size = 0; size < file.size; size++) refused(ctx, size);
        /* cut within the pixels, and ended as if that were all */
        for (size_t size = file.size - 120; size < file.size - 12; size += 5) {
            if (progressive) break; /* scans may be left out */
            const unsigned char old[] = { file.at[size], file.at[size + 1] };
            file.at[size] = 0xff;
            file.at[size + 1] = 0xd9;
            refused(ctx, size + 2);
            memcpy(file.at + size, old, 2);
        }
        memset(file.at + file.size, 7, 100); /* more than a picture */
        fv_tensor image =
            fv_image_decode(ctx, "a.jpg", file.at, file.size + 100, NULL);
        assert_ok(ctx);
        fv_tensor_free(ctx, &image);
    }
    free_counting(ctx);
}

/* Any byte may be wrong: refused, or other pixels, and nothing leaks. */
static void test_wrong_bytes(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 24);
    jpeg_picture p = picture(3);
    p.rows = p.columns = 9;
    p.progressive = true;
    make_jpeg(&p, &file);
    for (size_t at = 0; at < file.size; at++) {
        file.at[at] ^= 0x5a;
        fv_tensor image =
            decode(ctx, FV_OPTIONS(fv_image_options, .max_pixels = 1 << 16));
        assert_true((image.data == NULL) == (fv_failed(ctx) != FV_OK));
        fv_clear_error(ctx);
        fv_tensor_free(ctx, &image);
        assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
        file.at[at] ^= 0x5a;
    }
    free_counting(ctx);
}

/* The address of the frame header's rows. */
static unsigned char *head(void)
{
    for (size_t at = 2; at + 9 < file.size;) {
        if (file.at[at + 1] >= 0xc0 && file.at[at + 1] <= 0xc2)
            return file.at + at + 5;
        at += 2 + (size_t)(file.at[at + 2] << 8 | file.at[at + 3]);
    }
    fail_msg("no frame header");
    return NULL;
}

static void test_sizes(void **state)
{
    (void)state;
    jpeg_picture p = picture(3);
    p.progressive = true;
    make_jpeg(&p, &file);
    memset(head(), 0xff, 4);
    fv_context *ctx = counting_context(1 << 20);
    refused(ctx, file.size); /* over libjpeg's own limit of 65500 */
    memset(head(), 0xfe, 4);
    decode(ctx, NULL);
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
    assert_error(ctx, "a.jpg: 65278 rows x 65278 columns are 4261217284 "
                      "pixels, max_pixels is 67108864");
    /* The result would fit, its coefficients do not. */
    memcpy(head(), "\2\0\2\0", 4);
    decode(ctx, NULL);
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
    assert_error(ctx, "a.jpg: decoding it needs more memory than max_bytes of "
                      "the context leaves");
    memset(head(), 0, 4);
    refused(ctx, file.size);
    free_counting(ctx);
}

/* Each scan of a progressive file costs time, but hardly a byte. */
static void test_many_scans(void **state)
{
    (void)state;
    jpeg_picture p = picture(1);
    p.progressive = true;
    make_jpeg(&p, &file);
    /* repeat the last scan */
    size_t scan = file.size;
    do scan--;
    while (file.at[scan] != 0xff || file.at[scan + 1] != 0xda);
    const size_t length = file.size - 2 - scan;
    static file_bytes many;
    memcpy(many.at, file.at, scan);
    many.size = scan;
    while (many.size + length + 2 < sizeof many.at) {
        memcpy(many.at + many.size, file.at + scan, length);
        many.size += length;
    }
    memcpy(many.at + many.size, "\xff\xd9", 2);
    file = many;
    file.size += 2;
    fv_context *ctx = counting_context(1 << 20);
    refused(ctx, file.size);
    free_counting(ctx);
}

static void test_other_kinds(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    jpeg_picture p = picture(1);
    make_jpeg(&p, &file);
    head()[-1] = 12; /* bits */
    decode(ctx, NULL);
    assert_int_equal(fv_failed(ctx), FV_UNSUPPORTED);
    assert_error(ctx, "a.jpg: Unsupported JPEG data precision 12");
    make_jpeg(&p, &file);
    head()[-4] = 0xc3; /* lossless */
    decode(ctx, NULL);
    assert_int_equal(fv_failed(ctx), FV_UNSUPPORTED);
    fv_clear_error(ctx);
    free_counting(ctx);
}

static void test_no_memory(void **state)
{
    (void)state;
    jpeg_picture p = picture(4);
    p.orientation = 5;
    make_jpeg(&p, &file);
    bool done = false;
    for (size_t k = 1; !done; k++) {
        fv_context *ctx = counting_context(1 << 20);
        counted.fail_at = counted.calls + k;
        done = decode(ctx, NULL).data != NULL;
        assert_int_equal(fv_failed(ctx), done ? FV_OK : FV_NO_MEMORY);
        assert_true(k < 10);
        free_counting(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colour_spaces),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_orientations),
        cmocka_unit_test(test_wrong_exif),
        cmocka_unit_test(test_least_size),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_wrong_bytes),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_many_scans),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
