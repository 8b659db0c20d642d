/* PNG files that are written: what comes back, to memory and to a file, and
 * what is refused. */
#include "pictures.h"

#include "base/base.h"
/* Last, because parameters above are called `path`, too. */
#include "folder.h"

static unsigned char noisy[9 * 7 * 4];

static void draw(void)
{
    for (unsigned i = 0; i < sizeof noisy; i++)
        noisy[i] = (unsigned char)noise(i);
}

/* Rows and columns of `channels`, over the noise. */
static fv_tensor picture(int64_t channels)
{
    draw();
    return FV_TENSOR(noisy, FV_U8, 9, 7, channels);
}

/* Reads opacity, where there is one, and colours without any background. */
static void check_same(fv_context *ctx, const fv_tensor *read,
                       const fv_tensor *image)
{
    const int64_t channels = image->shape[2];
    assert_ok(ctx);
    for (int64_t r = 0; r < image->shape[0]; r++)
        for (int64_t c = 0; c < image->shape[1]; c++) {
            const unsigned char *found = pixel(read, r, c),
                                *wanted = pixel(image, r, c);
            if (channels % 2) {
                assert_memory_equal(found, wanted, (size_t)channels);
                continue;
            }
            assert_int_equal(found[3], wanted[channels - 1]);
            for (int k = 0; k < 3; k++)
                assert_int_equal(found[k], wanted[channels == 2 ? 0 : k]);
        }
}

static void check_round_trip(const fv_tensor *image)
{
    const int32_t channels = (int32_t)image->shape[2];
    const fv_image_options options = { .size = sizeof options,
                                       .channels =
                                           channels % 2 ? channels : 4 };
    fv_context *ctx = counting_context(1 << 22);
    const fv_tensor bytes = fv_image_encode(ctx, image);
    assert_ok(ctx);
    assert_int_equal(bytes.rank, 1);
    fv_tensor read = fv_image_decode(ctx, "it", bytes.data,
                                     (size_t)bytes.shape[0], &options);
    check_same(ctx, &read, image);
    assert_int_equal(fv_image_write(ctx, path, image), FV_OK);
    read = fv_image_read(ctx, path, &options);
    check_same(ctx, &read, image);
    const fv_image_info info = fv_image_probe(ctx, path);
    assert_ok(ctx);
    assert_int_equal(info.rows, image->shape[0]);
    assert_int_equal(info.columns, image->shape[1]);
    assert_int_equal(info.channels, channels < 3 ? 1 : 3);
    assert_int_equal(info.transparent, channels % 2 == 0);
    free_counting(ctx);
}

static void test_round_trips(void **state)
{
    (void)state;
    needs(PNG);
    for (int64_t channels = 1; channels <= 4; channels++) {
        const fv_tensor image = picture(channels);
        check_round_trip(&image);
    }
}

/* Pixels that do not lie in order. */
static void test_views(void **state)
{
    (void)state;
    needs(PNG);
    fv_context *ctx = fv_context_new(NULL);
    const fv_tensor image = picture(3);
    const fv_tensor some = fv_tensor_slice(ctx, &image, 1, 1, 7, 2);
    const fv_tensor turned =
        fv_tensor_permute(ctx, &image, (int32_t[]){ 1, 0, 2 });
    check_round_trip(&some);
    check_round_trip(&turned);
    /* two axes are grey */
    const fv_tensor grey = FV_TENSOR(noisy, FV_U8, 9, 7);
    const fv_tensor as_three = FV_TENSOR(noisy, FV_U8, 9, 7, 1);
    const fv_tensor a = fv_image_encode(ctx, &grey);
    const fv_tensor b = fv_image_encode(ctx, &as_three);
    assert_ok(ctx);
    assert_true(fv_tensor_same_shape(&a, &b));
    assert_memory_equal(a.data, b.data, (size_t)a.shape[0]);
    fv_context_free(ctx);
}

static void test_refused(void **state)
{
    (void)state;
    fv_context *ctx = counting_context(1 << 20);
    const fv_tensor five = FV_TENSOR(noisy, FV_U8, 2, 3, 5);
    assert_null(fv_image_encode(ctx, &five).data);
    assert_error(ctx, "image: u8 [2, 3, 5], expected u8 [rows, columns, "
                      "channels] with 1 to 4 channels");
    float number = 1;
    const fv_tensor real = FV_TENSOR(&number, FV_F32, 1, 1);
    fv_image_write(ctx, path, &real);
    assert_error(ctx, "image: f32 [1, 1], expected u8 [rows, columns, "
                      "channels] with 1 to 4 channels");
    const fv_tensor none = FV_TENSOR(noisy, FV_U8, 0, 3, 1);
    fv_image_write(ctx, path, &none);
    assert_error(ctx, "image: 0 rows x 3 columns, a PNG file has 1 to "
                      "2147483647 of each");
    assert_null(fv_image_encode(ctx, NULL).data);
    assert_int_equal(fv_failed(ctx), FV_MISUSE);
    fv_clear_error(ctx);
    fv_image_read(ctx, "/none/a.png", NULL);
    assert_error(ctx, "/none/a.png: cannot open: No such file or directory");
    fv_image_probe(ctx, "/none/a.png");
    assert_error(ctx, "/none/a.png: cannot open: No such file or directory");
    assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
    free_counting(ctx);
}

/* What is no picture is named. */
static void test_other_files(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *sentence;
    } cases[] = {
        { "", 0, "a: the file is empty" },
        { "x", 1, "a: this is something else, not a PNG or JPEG picture" },
        { "PK\3\4....", 8,
          "a: this is a zip archive (.pt, .npz, .keras), not a PNG or JPEG "
          "picture" },
        { "\x89PNG\r\n\x1a", 7,
          "a: this is something else, not a PNG or JPEG picture" },
    };
    fv_context *ctx = counting_context(1 << 20);
    for (int i = 0; i < 4; i++) {
        fv_image_decode(ctx, "a", cases[i].bytes, cases[i].size, NULL);
        assert_error(ctx, cases[i].sentence);
        fv_image_decode(ctx, "a", NULL, 5, NULL);
        assert_error(ctx, "a: the file is empty");
    }
    if (!TEST_HAS_PNG) {
        fv_image_decode(ctx, "a.png", "\x89PNG\r\n\x1a\n", 8, NULL);
        assert_error(ctx, "a.png: this build of Fovea has no libpng");
    }
    if (!TEST_HAS_JPEG) {
        fv_image_decode(ctx, "a.jpg", "\xff\xd8\xff", 3, NULL);
        assert_error(ctx, "a.jpg: this build of Fovea has no libjpeg");
    }
    free_counting(ctx);
}

/* The k-th allocation fails: no file, no leak. */
static void test_no_memory(void **state)
{
    (void)state;
    needs(PNG);
    const fv_tensor image = picture(4);
    bool done = false;
    unlink(path);
    for (size_t k = 1; !done; k++) {
        fv_context *ctx = counting_context(1 << 22);
        counted.fail_at = counted.calls + k;
        done = fv_image_write(ctx, path, &image) == FV_OK;
        assert_int_equal(fv_failed(ctx), done ? FV_OK : FV_NO_MEMORY);
        assert_int_equal(access(path, F_OK) == 0, done);
        assert_true(k < 100);
        free_counting(ctx);
    }
    unlink(path);
    done = false;
    for (size_t k = 1; !done; k++) {
        fv_context *ctx = counting_context(1 << 22);
        counted.fail_at = counted.calls + k;
        done = fv_image_encode(ctx, &image).data != NULL;
        assert_int_equal(fv_failed(ctx), done ? FV_OK : FV_NO_MEMORY);
        free_counting(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_views),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
