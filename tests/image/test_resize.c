/* Resized pictures: against a reference in double precision, against Pillow,
 * and what is refused. */
#include "pictures.h"

#include "image/image.h"
#include "pillow_answers.h"

enum { MOST = 64 * 64 * 4 };

static unsigned char pixels[MOST];

/* Noise with plateaus of black and white, where sums leave 0..255. */
static fv_tensor noisy(int64_t rows, int64_t columns, int64_t channels)
{
    for (unsigned i = 0; i < rows * columns * channels; i++) {
        const unsigned kind = noise(i / 5) & 3;
        pixels[i] = (unsigned char)(kind == 0 ? 0 : kind == 1 ? 255 : noise(i));
    }
    return FV_TENSOR(pixels, FV_U8, rows, columns, channels);
}

/* ---- the reference --------------------------------------------------------
 */

static double sinc(double x)
{
    static const double pi = 3.14159265358979323846;
    return x == 0 ? 1 : sin(pi * x) / (pi * x);
}

/* The filter at a distance. */
static double filter_at(fv_resample filter, double x)
{
    const double d = fabs(x);
    switch (filter) {
    case FV_RESAMPLE_AREA:
        return x > -0.5 && x <= 0.5;
    case FV_RESAMPLE_BILINEAR:
        return fmax(0, 1 - d);
    case FV_RESAMPLE_BICUBIC:
        return d < 1   ? 1.5 * d * d * d - 2.5 * d * d + 1
               : d < 2 ? -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2
                       : 0;
    default:
        return d < 3 ? sinc(d) * sinc(d / 3) : 0;
    }
}

static double source[MOST], between[MOST], result[MOST];

/* out[i] of m are means of in[k] of n; elements are `step` apart. The part of
 * the input that counts begins at `begin`, each output is `scale` wide. */
static void mean_line(fv_resample filter, const double *in, int64_t n,
                      int64_t step, double begin, double scale, double *out,
                      int64_t m)
{
    const double wide = fmax(scale, 1);
    for (int64_t i = 0; i < m; i++) {
        double sum = 0, weights = 0;
        for (int64_t k = 0; k < n; k++) {
            const double x =
                (double)k + 0.5 - begin - ((double)i + 0.5) * scale;
            const double w = filter_at(filter, x / wide);
            sum += w * in[k * step];
            weights += w;
        }
        /* bytes between the two axes */
        out[i * step] = fmin(fmax(floor(sum / weights + 0.5), 0), 255);
    }
}

static void reference(const fv_tensor *image, const fv__box *box, int64_t rows,
                      int64_t columns, fv_resample filter)
{
    const int64_t n = image->shape[0], m = image->shape[1];
    const int64_t channels = image->shape[2];
    for (int64_t i = 0; i < n * m * channels; i++) source[i] = pixels[i];
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < channels; c++)
            mean_line(filter, source + r * m * channels + c, m, channels,
                      box->left, (box->right - box->left) / (double)columns,
                      between + r * columns * channels + c, columns);
    for (int64_t i = 0; i < columns * channels; i++)
        mean_line(filter, between + i, n, columns * channels, box->top,
                  (box->bottom - box->top) / (double)rows, result + i, rows);
}

/* ---- tests ----------------------------------------------------------------
 */

static void check(const fv_tensor *image, const fv__box *box, int64_t rows,
                  int64_t columns, fv_resample filter)
{
    const fv__box all = { 0, 0, (double)image->shape[0],
                          (double)image->shape[1] };
    fv_context *ctx = counting_context(1 << 22);
    fv__pixels scratch = { 0 };
    const fv_tensor out = fv__image_resize(ctx, image, box, rows, columns,
                                           filter, NULL, &scratch);
    assert_ok(ctx);
    assert_int_equal(out.dtype, FV_U8);
    assert_int_equal(out.shape[0], rows);
    assert_int_equal(out.shape[1], columns);
    assert_int_equal(out.shape[2], image->shape[2]);
    reference(image, box ? box : &all, rows, columns, filter);
    /* a level more in a byte between the axes may become two */
    const double most = filter < FV_RESAMPLE_BICUBIC ? 1 : 2;
    for (int64_t i = 0; i < fv_tensor_count(&out); i++)
        if (!(fabs(((unsigned char *)out.data)[i] - result[i]) <= most))
            fail_msg("filter %d, %lld x %lld to %lld x %lld, value %lld: %d, "
                     "expected %g",
                     (int)filter, (long long)image->shape[0],
                     (long long)image->shape[1], (long long)rows,
                     (long long)columns, (long long)i,
                     ((unsigned char *)out.data)[i], result[i]);
    fv__pixels_free(ctx, &scratch);
    free_counting(ctx);
}

static void test_reference(void **state)
{
    (void)state;
    values_only();
    static const int64_t sizes[][4] = {
        { 1, 1, 1, 1 },    { 1, 1, 9, 5 },     { 7, 5, 1, 1 },
        { 13, 17, 7, 5 },  { 5, 7, 31, 29 },   { 63, 61, 3, 2 },
        { 61, 2, 4, 33 },  { 3, 64, 50, 7 },   { 12, 12, 12, 5 },
        { 12, 12, 5, 12 }, { 12, 11, 12, 11 }, { 2, 2, 3, 3 },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int64_t channels = 1; channels <= 4; channels++)
            for (int f = FV_RESAMPLE_AREA; f <= FV_RESAMPLE_LANCZOS; f++) {
                const fv_tensor image =
                    noisy(sizes[i][0], sizes[i][1], channels);
                check(&image, NULL, sizes[i][2], sizes[i][3], (fv_resample)f);
            }
}

static void test_parts(void **state)
{
    (void)state;
    values_only();
    static const fv__box boxes[] = { { 0, 0, 17, 19 },
                                     { 1, 2, 9, 10 },
                                     { 1.25, 0.5, 16.75, 18.125 },
                                     { 16.5, 18.5, 17, 19 },
                                     { 0, 3.5, 17, 3.75 } };
    for (int i = 0; i < 5; i++)
        for (int f = FV_RESAMPLE_AREA; f <= FV_RESAMPLE_LANCZOS; f++) {
            const fv_tensor image = noisy(17, 19, 3);
            check(&image, &boxes[i], 8, 8, (fv_resample)f);
            check(&image, &boxes[i], 17, 19, (fv_resample)f);
        }
}

static void test_pillow(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        fv_context *ctx = counting_context(1 << 20);
        const fv_tensor image =
            noisy(answers[i].rows, answers[i].columns, answers[i].channels);
        fv__pixels scratch = { 0 };
        const fv__box *box = answers[i].box.bottom > 0 ? &answers[i].box : NULL;
        const fv_tensor out = fv__image_resize(
            ctx, &image, box, answers[i].out_rows, answers[i].out_columns,
            (fv_resample)answers[i].filter, NULL, &scratch);
        assert_ok(ctx);
        assert_true(fv_tensor_count(&out) <= (int64_t)sizeof answers[i].pixels);
        assert_memory_equal(out.data, answers[i].pixels,
                            (size_t)fv_tensor_count(&out));
        fv__pixels_free(ctx, &scratch);
        free_counting(ctx);
    }
}

/* Each output is the pixel that its middle lies in; of an odd number of pixels,
 * middles never fall between two. */
static void test_nearest(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {
        { 1, 1 }, { 3, 9 }, { 63, 7 }, { 9, 40 }, { 5, 5 }
    };
    for (int64_t channels = 1; channels <= 4; channels++)
        for (int i = 0; i < 5; i++) {
            const int64_t n = sizes[i][0], m = sizes[i][1];
            const fv_tensor image = noisy(n, 9, channels);
            fv_context *ctx = counting_context(1 << 20);
            const fv_tensor out =
                fv_image_resize(ctx, &image, m, 5, FV_RESAMPLE_NEAREST);
            assert_ok(ctx);
            for (int64_t r = 0; r < m; r++)
                for (int64_t c = 0; c < 5; c++)
                    assert_memory_equal(pixel(&out, r, c),
                                        pixel(&image, (2 * r + 1) * n / (2 * m),
                                              (2 * c + 1) * 9 / 10),
                                        (size_t)channels);
            free_counting(ctx);
        }
}

/* A flat picture stays flat, and a picture of its own size is the same. */
static void test_flat(void **state)
{
    (void)state;
    for (int f = 0; f <= FV_RESAMPLE_LANCZOS; f++) {
        fv_context *ctx = counting_context(1 << 20);
        for (int value = 0; value < 256; value += 51) {
            memset(pixels, value, sizeof pixels);
            const fv_tensor image = FV_TENSOR(pixels, FV_U8, 37, 23, 3);
            fv_tensor out =
                fv_image_resize(ctx, &image, 19, 41, (fv_resample)f);
            assert_ok(ctx);
            for (int64_t i = 0; i < 19 * 41 * 3; i++)
                assert_int_equal(((unsigned char *)out.data)[i], value);
            fv_tensor_free(ctx, &out);
        }
        const fv_tensor image = noisy(11, 13, 3);
        const fv_tensor out =
            fv_image_resize(ctx, &image, 11, 13, (fv_resample)f);
        assert_memory_equal(out.data, image.data, 11 * 13 * 3);
        free_counting(ctx);
    }
}

/* Views: rows apart, and pixels apart. */
static void test_views(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    const fv_tensor image = noisy(16, 18, 3);
    fv_tensor part = fv_tensor_slice(ctx, &image, 0, 3, 14, 1);
    part = fv_tensor_slice(ctx, &part, 1, 5, 12, 1);
    const fv_tensor turned =
        fv_tensor_permute(ctx, &part, (int32_t[]){ 1, 0, 2 });
    const fv_tensor *views[] = { &part, &turned };
    for (int f = 0; f <= FV_RESAMPLE_LANCZOS; f++)
        for (int i = 0; i < 2; i++) {
            const fv_tensor copy = fv_tensor_dup(ctx, views[i]);
            const fv_tensor a =
                fv_image_resize(ctx, views[i], 6, 9, (fv_resample)f);
            const fv_tensor b =
                fv_image_resize(ctx, &copy, 6, 9, (fv_resample)f);
            assert_ok(ctx);
            assert_memory_equal(a.data, b.data, 6 * 9 * 3);
        }
    free_counting(ctx);
}

/* Time and memory are proportional to what goes in and comes out, whatever the
 * factors: columns go first where rows would take 4 GB. */
static void test_enormous_factors(void **state)
{
    (void)state;
    enum { LONG = 1 << 16 };
    static unsigned char line[LONG];
    for (unsigned i = 0; i < LONG; i++) line[i] = (unsigned char)(i % 3 + 100);
    for (int f = 0; f <= FV_RESAMPLE_LANCZOS; f++) {
        fv_context *ctx = counting_context(1 << 24);
        const fv_tensor tall = FV_TENSOR(line, FV_U8, LONG, 1, 1);
        const fv_tensor wide = FV_TENSOR(line, FV_U8, 1, LONG, 1);
        const fv_tensor a =
            fv_image_resize(ctx, &tall, 1, LONG, (fv_resample)f);
        const fv_tensor b =
            fv_image_resize(ctx, &wide, LONG, 1, (fv_resample)f);
        assert_ok(ctx);
        for (int64_t i = 0; f > 0 && i < LONG; i++) {
            assert_int_equal(((unsigned char *)a.data)[i], 101);
            assert_int_equal(((unsigned char *)b.data)[i], 101);
        }
        free_counting(ctx);
    }
}

/* The mean of so many pixels that each has a weight near 0. */
static void test_many_pixels(void **state)
{
    (void)state;
    values_only();
    enum { LONG = 3000001 };
    static unsigned char line[LONG];
    for (int i = 0; i < LONG; i++) line[i] = (unsigned char)(i % 3 + 100);
    for (int f = FV_RESAMPLE_AREA; f <= FV_RESAMPLE_LANCZOS; f++) {
        fv_context *ctx = counting_context(1 << 28);
        const fv_tensor wide = FV_TENSOR(line, FV_U8, 1, LONG, 1);
        const fv_tensor tall = FV_TENSOR(line, FV_U8, LONG, 1, 1);
        const fv_tensor a = fv_image_resize(ctx, &wide, 1, 1, (fv_resample)f);
        const fv_tensor b = fv_image_resize(ctx, &tall, 1, 1, (fv_resample)f);
        assert_ok(ctx);
        assert_int_equal(*(unsigned char *)a.data, 101);
        assert_int_equal(*(unsigned char *)b.data, 101);
        free_counting(ctx);
    }
}

static void test_refused(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    const fv_tensor image = noisy(4, 6, 3);
    const fv_tensor five = FV_TENSOR(pixels, FV_U8, 4, 6, 5);
    const fv_tensor none = FV_TENSOR(pixels, FV_U8, 0, 6, 1);
    assert_null(fv_image_resize(ctx, &image, 0, 5, FV_RESAMPLE_AREA).data);
    assert_error(ctx, "resize: 0 rows x 5 columns, expected 1 to 2147483647 of "
                      "each");
    fv_image_resize(ctx, &image, 5, (int64_t)1 << 31, FV_RESAMPLE_AREA);
    assert_error(ctx, "resize: 5 rows x 2147483648 columns, expected 1 to "
                      "2147483647 of each");
    fv_image_resize(ctx, &image, INT32_MAX, INT32_MAX, FV_RESAMPLE_AREA);
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
    fv_clear_error(ctx);
    fv_image_resize(ctx, &image, 5, 5, (fv_resample)5);
    assert_error(ctx, "resize: unknown filter 5");
    fv_image_resize(ctx, &five, 5, 5, FV_RESAMPLE_AREA);
    assert_error(ctx, "resize: u8 [4, 6, 5], expected u8 [rows, columns, "
                      "channels] with 1 to 4 channels");
    fv_image_resize(ctx, &none, 5, 5, FV_RESAMPLE_AREA);
    assert_error(ctx, "resize: u8 [0, 6, 1], expected u8 [rows, columns, "
                      "channels] with 1 to 4 channels");
    static const fv__box boxes[] = { { 0, 0, 4, 6.5 },
                                     { -1, 0, 4, 6 },
                                     { 2, 0, 2, 6 },
                                     { 0, (double)NAN, 4, 6 } };
    fv__pixels scratch = { 0 };
    for (int i = 0; i < 4; i++) {
        fv__image_resize(ctx, &image, &boxes[i], 2, 2, FV_RESAMPLE_AREA, NULL,
                         &scratch);
        assert_int_equal(fv_failed(ctx), FV_MISUSE);
        if (i == 0)
            assert_string_equal(fv_error(ctx),
                                "resize: rows 0 to 4 and columns 0 to 6.5 are "
                                "not a part of 4 rows x 6 columns");
        fv_clear_error(ctx);
    }
    assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
    free_counting(ctx);
}

static void test_no_memory(void **state)
{
    (void)state;
    const fv_tensor image = noisy(6, 9, 3);
    bool done = false;
    for (size_t k = 1; !done; k++) {
        fv_context *ctx = counting_context(1 << 20);
        counted.fail_at = counted.calls + k;
        const fv_tensor turned =
            fv_tensor_permute(ctx, &image, (int32_t[]){ 1, 0, 2 });
        done = fv_image_resize(ctx, &turned, 5, 5, FV_RESAMPLE_LANCZOS).data
               != NULL;
        assert_int_equal(fv_failed(ctx), done ? FV_OK : FV_NO_MEMORY);
        assert_true(k < 10);
        free_counting(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_pillow),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_flat),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_enormous_factors),
        cmocka_unit_test(test_many_pixels),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
