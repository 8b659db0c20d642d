/* PNG files: every kind of pixel against formulas of the test's own, what
 * options change, and files that are damaged or too large. */
#include "png_files.h"

#include "base/base.h"
#include "image/image.h"

enum { ROWS = 5, COLUMNS = 7, MOST = ROWS * COLUMNS * 4 };

static file_bytes file;
static uint16_t samples[MOST];

static void draw(int bits)
{
    for (unsigned i = 0; i < MOST; i++)
        samples[i] = (uint16_t)((noise(2 * i) << 8 | noise(2 * i + 1))
                                & ((1u << bits) - 1));
}

static png_picture picture(int type, int bits)
{
    draw(bits);
    return (png_picture){ .type = type,
                          .bits = bits,
                          .rows = ROWS,
                          .columns = COLUMNS,
                          .samples = samples };
}

static fv_tensor decode(fv_context *ctx, const fv_image_options *options)
{
    return fv_image_decode(ctx, "a.png", file.at, file.size, options);
}

/* The stored pixel i as red, green, blue and opacity from 0 to 1. */
static void pixel_of(const png_picture *p, int64_t i, double rgba[4])
{
    const int channels = png_channels_of(p->type);
    const uint16_t *s = p->samples + i * channels;
    const double most = (1 << p->bits) - 1;
    rgba[3] = channels % 2 ? 1 : s[channels - 1] / most;
    for (int c = 0; c < 3; c++) rgba[c] = s[channels < 3 ? 0 : c] / most;
    if (p->palette) {
        const png_color *k = &p->palette[s[0]];
        rgba[0] = k->red / 255.0, rgba[1] = k->green / 255.0;
        rgba[2] = k->blue / 255.0;
        rgba[3] = s[0] < p->opacities ? p->palette_opacity[s[0]] / 255.0 : 1;
    } else if (p->transparent) {
        const png_color_16 *t = p->transparent;
        const bool is = channels == 1 ? s[0] == t->gray
                                      : s[0] == t->red && s[1] == t->green
                                            && s[2] == t->blue;
        if (is) rgba[3] = 0;
    }
}

/* What the pixel is read as. */
static void expected_of(const png_picture *p, int64_t i, int channels,
                        const double below[3], unsigned char out[4])
{
    double v[4];
    long byte[3];
    pixel_of(p, i, v);
    for (int c = 0; c < 3; c++) {
        /* each of the two steps rounds to bytes */
        const double colour = (double)lround(255 * v[c]);
        const double opacity = (double)lround(255 * v[3]) / 255;
        byte[c] = channels == 4
                      ? lround(colour)
                      : lround(colour * opacity + below[c] * (1 - opacity));
        out[c] = (unsigned char)byte[c];
    }
    if (channels == 4) out[3] = (unsigned char)lround(255 * v[3]);
    const bool coloured = p->palette || png_channels_of(p->type) >= 3;
    if (channels == 1 && coloured)
        out[0] = (unsigned char)((byte[0] * 19595 + byte[1] * 38470
                                  + byte[2] * 7471 + 0x8000)
                                 >> 16);
}

static void check_channels(const png_picture *p, int channels,
                           const double below[3],
                           const fv_image_options *options)
{
    fv_context *ctx = counting_context(1 << 20);
    const fv_tensor image = decode(ctx, options);
    assert_ok(ctx);
    assert_int_equal(image.dtype, FV_U8);
    assert_int_equal(image.rank, 3);
    assert_int_equal(image.shape[0], p->rows);
    assert_int_equal(image.shape[1], p->columns);
    assert_int_equal(image.shape[2], channels);
    assert_true(fv_tensor_is_contiguous(&image));
    for (int64_t i = 0; i < p->rows * p->columns; i++) {
        unsigned char expected[4];
        expected_of(p, i, channels, below, expected);
        assert_memory_equal((unsigned char *)image.data + i * channels,
                            expected, (size_t)channels);
    }
    free_counting(ctx);
}

/* All ways to read the file. */
static void check(png_picture p)
{
    static const double white[] = { 255, 255, 255 }, teal[] = { 0, 100, 200 };
    static const uint8_t background[] = { 0, 100, 200 };
    const int natural = p.palette || png_channels_of(p.type) >= 3 ? 3 : 1;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        p.interlaced = interlaced;
        make_png(&p, &file);
        check_channels(&p, natural, white, NULL);
        for (int channels = 1; channels <= 4; channels++) {
            if (channels == 2) continue;
            check_channels(&p, channels, teal,
                           FV_OPTIONS(fv_image_options, .channels = channels,
                                      .background = background));
        }
    }
}

static void test_grey(void **state)
{
    (void)state;
    for (int bits = 1; bits <= 16; bits *= 2)
        check(picture(PNG_COLOR_TYPE_GRAY, bits));
}

static void test_colours(void **state)
{
    (void)state;
    for (int bits = 8; bits <= 16; bits *= 2) {
        check(picture(PNG_COLOR_TYPE_RGB, bits));
        check(picture(PNG_COLOR_TYPE_RGBA, bits));
        check(picture(PNG_COLOR_TYPE_GRAY_ALPHA, bits));
    }
}

static void test_palette(void **state)
{
    (void)state;
    png_color colours[256];
    png_byte opacity[256];
    for (unsigned i = 0; i < 256; i++) {
        colours[i] =
            (png_color){ (png_byte)noise(3 * i), (png_byte)noise(3 * i + 1),
                         (png_byte)noise(3 * i + 2) };
        opacity[i] = (png_byte)noise(i + 1000);
    }
    for (int bits = 1; bits <= 8; bits *= 2) {
        png_picture p = picture(PNG_COLOR_TYPE_PALETTE, bits);
        p.palette = colours;
        p.colours = 1 << bits;
        check(p);
        p.palette_opacity = opacity;
        p.opacities = (1 << bits) - 1;
        check(p);
    }
}

static void test_one_transparent_colour(void **state)
{
    (void)state;
    for (int bits = 1; bits <= 16; bits *= 2) {
        png_picture p = picture(PNG_COLOR_TYPE_GRAY, bits);
        const png_color_16 grey = { .gray = samples[3] };
        p.transparent = &grey;
        check(p);
    }
    for (int bits = 8; bits <= 16; bits *= 2) {
        png_picture p = picture(PNG_COLOR_TYPE_RGB, bits);
        const png_color_16 colour = { .red = samples[6],
                                      .green = samples[7],
                                      .blue = samples[8] };
        p.transparent = &colour;
        check(p);
    }
}

/* 16 bits are rounded, v 255 / 65535, where nothing else happens to them. */
static void test_all_of_16_bits(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    for (unsigned v = 0; v < 65536; v += 97) {
        samples[0] = (uint16_t)v;
        const png_picture p = { .type = PNG_COLOR_TYPE_GRAY,
                                .bits = 16,
                                .rows = 1,
                                .columns = 1,
                                .samples = samples };
        make_png(&p, &file);
        fv_tensor image = decode(ctx, NULL);
        assert_ok(ctx);
        assert_int_equal(*(unsigned char *)image.data,
                         (v * 255 * 2 + 65535) / (2 * 65535));
        fv_tensor_free(ctx, &image);
    }
    free_counting(ctx);
}

static void test_exact(void **state)
{
    (void)state;
    png_picture p = picture(PNG_COLOR_TYPE_RGB, 16);
    p.orientation = 6;
    make_png(&p, &file);
    for (int wide = 0; wide < 2; wide++) {
        fv_context *ctx = fv_context_new(
            FV_OPTIONS(fv_context_options, .dtype = wide ? FV_F64 : FV_F32));
        const fv_tensor image =
            decode(ctx, FV_OPTIONS(fv_image_options, .exact = 1));
        assert_ok(ctx);
        assert_int_equal(image.dtype, wide ? FV_F64 : FV_F32);
        for (int64_t r = 0; r < COLUMNS; r++)
            for (int64_t c = 0; c < ROWS; c++)
                for (int64_t k = 0; k < 3; k++) {
                    const double v =
                        samples[((ROWS - 1 - c) * COLUMNS + r) * 3 + k]
                        / 65535.0;
                    const int64_t at[] = { r, c, k };
                    assert_true(fv_tensor_get(ctx, &image, at)
                                == (wide ? v : (double)(float)v));
                }
        fv_context_free(ctx);
    }
    /* 8 bits stay bytes */
    p = picture(PNG_COLOR_TYPE_GRAY, 8);
    make_png(&p, &file);
    static const double white[] = { 255, 255, 255 };
    check_channels(&p, 1, white, FV_OPTIONS(fv_image_options, .exact = 1));
}

static void test_orientations(void **state)
{
    (void)state;
    static const int types[] = { PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_RGBA };
    for (int t = 0; t < 3; t++)
        for (int orientation = 1; orientation <= 8; orientation++) {
            fv_context *ctx = counting_context(1 << 20);
            png_picture p = picture(types[t], 8);
            p.orientation = orientation;
            p.big_exif = orientation % 2;
            make_png(&p, &file);
            const fv_tensor turned = decode(ctx, NULL);
            const fv_tensor stored = decode(
                ctx, FV_OPTIONS(fv_image_options, .ignore_orientation = 1));
            assert_ok(ctx);
            check_turned(&turned, &stored, orientation);
            const fv_image_info info =
                fv__image_info(ctx, "a.png", file.at, file.size);
            assert_int_equal(info.rows, turned.shape[0]);
            assert_int_equal(info.columns, turned.shape[1]);
            free_counting(ctx);
        }
}

/* More rows than are moved at a time. */
static void test_many_rows(void **state)
{
    (void)state;
    static uint16_t many[37 * 3];
    for (unsigned i = 0; i < 37 * 3; i++) many[i] = (uint16_t)noise(i);
    const png_picture p = { .type = PNG_COLOR_TYPE_GRAY,
                            .bits = 8,
                            .rows = 37,
                            .columns = 3,
                            .samples = many,
                            .orientation = 7 };
    make_png(&p, &file);
    fv_context *ctx = counting_context(1 << 20);
    const fv_tensor turned =
        decode(ctx, FV_OPTIONS(fv_image_options, .channels = 3));
    const fv_tensor stored =
        decode(ctx, FV_OPTIONS(fv_image_options, .channels = 3,
                               .ignore_orientation = 1));
    assert_ok(ctx);
    check_turned(&turned, &stored, 7);
    free_counting(ctx);
}

static void test_info(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    png_picture p = picture(PNG_COLOR_TYPE_GRAY, 2);
    make_png(&p, &file);
    fv_image_info info = fv__image_info(ctx, "a.png", file.at, file.size);
    assert_int_equal(info.rows, ROWS);
    assert_int_equal(info.columns, COLUMNS);
    assert_int_equal(info.channels, 1);
    assert_int_equal(info.bits, 2);
    assert_int_equal(info.format, FV_IMAGE_PNG);
    assert_int_equal(info.transparent, 0);
    p = picture(PNG_COLOR_TYPE_RGBA, 16);
    make_png(&p, &file);
    info = fv__image_info(ctx, "a.png", file.at, file.size);
    assert_int_equal(info.channels, 3);
    assert_int_equal(info.bits, 16);
    assert_int_equal(info.transparent, 1);
    info = fv__image_info(ctx, "a.png", file.at, 20);
    assert_int_equal(info.format, FV_IMAGE_UNKNOWN);
    assert_error(ctx, "a.png: the file ends too early");
    free_counting(ctx);
}

/* ---- files that are refused -----------------------------------------------
 */

static void refused(fv_context *ctx, size_t size)
{
    const fv_tensor image = fv_image_decode(ctx, "a.png", file.at, size, NULL);
    assert_null(image.data);
    assert_int_equal(image.rank, -1);
    assert_int_not_equal(fv_failed(ctx), FV_OK);
    assert_memory_equal(fv_error(ctx), "a.png: ", 7);
    fv_clear_error(ctx);
    assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
}

static void test_truncated(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        png_picture p = picture(PNG_COLOR_TYPE_RGB, 8);
        p.interlaced = interlaced;
        p.orientation = 3;
        make_png(&p, &file);
        for (size_t size = 0; size < file.size; size++) refused(ctx, size);
    }
    free_counting(ctx);
}

/* Wrong checksums are noticed; what does not count may be wrong. */
static void test_wrong_bytes(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    png_picture p = picture(PNG_COLOR_TYPE_GRAY, 8);
    make_png(&p, &file);
    for (size_t at = 0; at < file.size; at++) {
        file.at[at] ^= 0x24;
        refused(ctx, file.size);
        file.at[at] ^= 0x24;
    }
    free_counting(ctx);
}

/* Writes rows and columns into the head, with the right checksum. */
static void resize_head(uint32_t rows, uint32_t columns)
{
    for (int i = 0; i < 4; i++) {
        file.at[16 + i] = (unsigned char)(columns >> (24 - 8 * i));
        file.at[20 + i] = (unsigned char)(rows >> (24 - 8 * i));
    }
    const uint32_t crc = fv__crc32(0, file.at + 12, 17);
    for (int i = 0; i < 4; i++)
        file.at[29 + i] = (unsigned char)(crc >> (24 - 8 * i));
}

static void test_sizes(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    png_picture p = picture(PNG_COLOR_TYPE_GRAY, 8);
    make_png(&p, &file);
    resize_head(0x7fffffff, 0x7fffffff);
    assert_null(decode(ctx, NULL).data);
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
    assert_error(ctx, "a.png: 2147483647 rows x 2147483647 columns are "
                      "4611686014132420609 pixels, max_pixels is 67108864");
    resize_head(8193, 8192);
    assert_null(decode(ctx, NULL).data);
    assert_error(ctx, "a.png: 8193 rows x 8192 columns are 67117056 pixels, "
                      "max_pixels is 67108864");
    resize_head(8192, 8192);
    assert_null(decode(ctx, NULL).data);
    assert_memory_equal(fv_error(ctx), "memory: 64.1 MiB wanted", 23);
    fv_clear_error(ctx);
    resize_head(0x7fffffff, 0x7fffffff);
    assert_null(
        decode(ctx, FV_OPTIONS(fv_image_options, .max_pixels = INT64_MAX))
            .data);
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
    fv_clear_error(ctx);
    static const uint32_t wrong[] = { 0, 0x80000000, 0xffffffff };
    for (int i = 0; i < 3; i++) {
        resize_head(wrong[i], 7);
        refused(ctx, file.size);
    }
    resize_head(5, 7);
    assert_null(
        decode(ctx, FV_OPTIONS(fv_image_options, .max_pixels = 34)).data);
    assert_error(ctx, "a.png: 5 rows x 7 columns are 35 pixels, max_pixels is "
                      "34");
    fv_tensor image =
        decode(ctx, FV_OPTIONS(fv_image_options, .max_pixels = 35));
    assert_ok(ctx);
    fv_tensor_free(ctx, &image);
    resize_head(5, 8); /* more than there is */
    refused(ctx, file.size);
    free_counting(ctx);
}

static void test_options(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    png_picture p = picture(PNG_COLOR_TYPE_GRAY, 8);
    make_png(&p, &file);
    decode(ctx, FV_OPTIONS(fv_image_options, .channels = 2));
    assert_error(ctx, "a.png: channels is 2, expected 1, 3 or 4, or 0 for "
                      "those of the file");
    decode(ctx, FV_OPTIONS(fv_image_options, .min_rows = -1));
    assert_error(ctx, "a.png: max_pixels is 0, min_rows -1, min_columns 0, "
                      "expected at least 0");
    static const fv_image_options odd = { .size = 3 };
    assert_null(decode(ctx, &odd).data);
    assert_int_equal(fv_failed(ctx), FV_MISUSE);
    /* nothing is done while a failure is pending, or without a context */
    assert_null(decode(ctx, NULL).data);
    fv_clear_error(ctx);
    assert_null(decode(NULL, NULL).data);
    free_counting(ctx);
}

/* The k-th allocation fails. */
static void test_no_memory(void **state)
{
    (void)state;
    png_picture p = picture(PNG_COLOR_TYPE_RGBA, 16);
    p.orientation = 5;
    p.interlaced = true;
    make_png(&p, &file);
    bool done = false;
    for (size_t k = 1; !done; k++) {
        fv_context *ctx = counting_context(1 << 20);
        counted.fail_at = counted.calls + k;
        const fv_tensor image =
            decode(ctx, FV_OPTIONS(fv_image_options, .channels = 1));
        done = image.data != NULL;
        assert_int_equal(fv_failed(ctx), done ? FV_OK : FV_NO_MEMORY);
        assert_true(k < 100);
        free_counting(ctx);
    }
}

/* One picture after another in the same memory, large after small. */
static void test_reused_memory(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    fv__pixels to = { 0 }, scratch = { 0 };
    for (int round = 0; round < 3; round++) {
        png_picture p = picture(PNG_COLOR_TYPE_RGBA, 8);
        p.rows = round == 1 ? 5 : 2;
        make_png(&p, &file);
        const fv_tensor view = fv__image_decode(ctx, "a.png", file.at,
                                                file.size, NULL, &to, &scratch);
        fv_tensor own = decode(ctx, NULL);
        assert_ok(ctx);
        assert_ptr_equal(view.data, to.at);
        assert_true(fv_tensor_same_shape(&view, &own));
        assert_memory_equal(view.data, own.data, (size_t)fv_tensor_count(&own));
        fv_tensor_free(ctx, &own);
    }
    const size_t calls = to.capacity;
    assert_int_equal(calls, 5 * COLUMNS * 3);
    fv__pixels_free(ctx, &to);
    fv__pixels_free(ctx, &scratch);
    free_counting(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grey),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_palette),
        cmocka_unit_test(test_one_transparent_colour),
        cmocka_unit_test(test_all_of_16_bits),
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_orientations),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_wrong_bytes),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_reused_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
