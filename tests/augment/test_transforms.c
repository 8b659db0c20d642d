/* Lists of transforms: lines read, written and refused, when they act, what
 * they are a function of, where masks go, and what they draw. */
#include "augment/pictures.h"
#include "faults.h"

enum { ROWS = 13, COLUMNS = 17 };

static fv_context *fresh(void)
{
    return fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1));
}

/* ---- lines ----------------------------------------------------------------
 */

static void test_round_trips(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        { "resize 224", "resize 224" },
        { "resize 20 30 filter=bicubic", "resize 20 30 filter=bicubic" },
        { "resize shorter=256 filter=area", "resize shorter=256 filter=area" },
        { "letterbox 64 32 fill=1", "letterbox 64 32 fill=1" },
        { "center_crop 8 fill=1,2,3", "center_crop 8 fill=1,2,3" },
        { "random_crop 32 padding=4", "random_crop 32 padding=4" },
        { "random_crop 32 padding=4,2 mode=reflect mask_fill=255",
          "random_crop 32 padding=4,2 mode=reflect mask_fill=255" },
        { "random_resized_crop 8", "random_resized_crop 8" },
        { "random_resized_crop 8 scale=0.5,1 ratio=1",
          "random_resized_crop 8 scale=0.5,1 ratio=1" },
        { "flip", "flip" },
        { "flip 0.25 on=both", "flip 0.25 on=both" },
        { "vertical_flip p=1", "vertical_flip 1" },
        { "rotation", "rotation" },
        { "rotation 30", "rotation degrees=30" },
        { "rotation -10,20 filter=bilinear", "rotation degrees=-10,20 "
                                             "filter=bilinear" },
        { "affine degrees=5 translate=0.1,0.2 scale=0.8,1.2 shear=3",
          "affine degrees=5 translate=0.1,0.2 scale=0.8,1.2 shear=3" },
        { "affine translate=0.2,0.1", "affine translate=0.2,0.1" },
        { "perspective 0.3", "perspective 0.3" },
        { "color_jitter brightness=0.4 hue=0.1",
          "color_jitter brightness=0.4 hue=0.1" },
        { "grey", "grey 1" },
        { "grey 3 p=0.1", "grey 3 p=0.1" },
        { "blur 5 sigma=0.5,1", "blur 5 sigma=0.5,1" },
        { "noise 0.05", "noise 0.05" },
        { "cutout", "cutout" },
        { "cutout 8 p=1", "cutout 8 p=1" },
        { "mixup 0.2", "mixup 0.2" },
        { "cutmix p=0.5", "cutmix p=0.5" },
        { "randaugment", "randaugment 2 9" },
        { "randaugment 3 5 bins=11", "randaugment 3 5 bins=11" },
        { "trivialaugment", "trivialaugment" },
        { "normalise mean=0.5,0.25,0.125 std=1,2,4 on=evaluation",
          "normalise mean=0.5,0.25,0.125 std=1,2,4 on=evaluation" },
    };
    fv_context *context = fresh();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        fv__text text = { .context = context, .account = FV__DATA };
        char expected[128];
        fv__transforms list = list_of(context, lines[i][0]);
        fv__transforms_write(&list, &text);
        assert_ok(context);
        snprintf(expected, sizeof expected, "augment %s\n", lines[i][1]);
        assert_string_equal(text.at, expected);
        fv__text_free(&text);
        fv__transforms_free(context, &list);
        list = list_of(context, lines[i][1]);
        fv__transforms_write(&list, &text);
        assert_string_equal(text.at, expected);
        fv__text_free(&text);
        fv__transforms_free(context, &list);
    }
    fv_context_free(context);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        { "", "t:1:1: augment names no transform" },
        { "flop", "t:1:1: there is no transform \"flop\"; did you mean "
                  "\"flip\"?" },
        { "normalize mean=0 std=1", "t:1:1: there is no transform "
                                    "\"normalize\"; did you mean "
                                    "\"normalise\"?" },
        { "GrayScale", "t:1:1: there is no transform \"GrayScale\"; did you "
                       "mean \"grey\"?" },
        { "random_erasing", "t:1:1: there is no transform \"random_erasing\"; "
                            "did you mean \"cutout\"?" },
        { "flip q=1", "t:1:6: flip has no option \"q\" (has: p, on)" },
        { "flip 1 2", "t:1:8: flip takes no further \"2\"" },
        { "flip 1 word", "t:1:8: flip takes no further \"word\"" },
        { "flip p=1 p=1", "t:1:12: p is given twice" },
        { "flip p=", "t:1:8: p has no value" },
        { "flip 1.5", "t:1:1: flip: p 1.5 is not in 0..1" },
        { "flip on=never", "t:1:9: on \"never\" is none of training, "
                           "evaluation, both" },
        { "random_crop", "t:1:1: random_crop has no rows" },
        { "random_crop 0", "t:1:13: rows 0 is below 1" },
        { "random_crop 8 fill=256", "t:1:1: random_crop: fill 256 is above "
                                    "255" },
        { "random_crop 8 mask_fill=300", "t:1:1: random_crop: mask_fill 300 is "
                                         "above 255" },
        { "random_crop 8 padding=2000000",
          "t:1:1: random_crop: padding 2000000,2000000 is above 1048576" },
        { "resize", "t:1:1: resize: expected either rows and columns or "
                    "shorter" },
        { "resize 8 shorter=8", "t:1:1: resize: expected either rows and "
                                "columns or shorter" },
        { "resize columns=8 shorter=8", "t:1:1: resize: columns without rows" },
        { "resize 1048577", "t:1:1: resize: 1048577 rows x 0 columns, expected "
                            "at most 1048576" },
        { "random_resized_crop 8 scale=1,0.5",
          "t:1:1: random_resized_crop: scale 1,0.5 falls" },
        { "random_resized_crop 8 scale=0,1",
          "t:1:1: random_resized_crop: scale 0 is not above 0 and at most 1" },
        { "random_resized_crop 8 ratio=1,2,3",
          "t:1:29: ratio \"1,2,3\" is more than 2 numbers" },
        { "color_jitter hue=0.6", "t:1:1: color_jitter: hue -0.6,0.6 is not in "
                                  "-0.5..0.5" },
        { "affine shear=90", "t:1:1: affine: shear -90,90 is not between -90 "
                             "and 90" },
        { "blur 4", "t:1:1: blur: a size of 4 pixels, expected an odd number "
                    "of at most 127" },
        { "blur 129", "t:1:1: blur: a size of 129 pixels, expected an odd "
                      "number of at most 127" },
        { "grey 2", "t:1:1: grey: 2 channels, expected 1 or 3" },
        { "grey p=0.5", "t:1:1: grey: with p below 1 pictures keep 3 channels: "
                        "write \"grey 3 p=0.5\"" },
        { "mixup 0", "t:1:7: alpha 0 is not above 0" },
        { "mixup on=both", "t:1:1: mixup and cutmix act in training only" },
        { "randaugment 2 31", "t:1:1: randaugment: magnitude 31 of 31 bins, "
                              "which are counted from 0 and at least 2" },
        { "trivialaugment bins=1", "t:1:1: trivialaugment: 1 bins, expected 2 "
                                   "to 1000" },
        { "normalise mean=0.5", "t:1:1: normalise: std has 0 numbers, expected "
                                "one, or one for each of up to 4 channels" },
        { "normalise mean=0,0 std=1", "t:1:1: normalise: mean has 2 numbers "
                                      "and std 1" },
        { "normalise mean=0 std=0", "t:1:1: normalise: std 0 is not above 0" },
        { "normalise mean=0 std=x", "t:1:22: std \"x\" is no number" },
    };
    fv_context *context = fresh();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const fv__transforms list = list_of(context, lines[i][0]);
        assert_int_equal(list.count, 0);
        assert_string_equal(fv_error(context), lines[i][1]);
        fv_clear_error(context);
    }
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

static void test_stages_and_sizes(void **state)
{
    (void)state;
    fv_context *context = fresh();
    fv__transforms list = { 0 };
    static const char *const lines[] = { "random_crop 8", "resize 6 7",
                                         "resize shorter=9 on=evaluation",
                                         "grey", "mixup" };
    for (int i = 0; i < 5; i++) {
        fv__words words = {
            .context = context, .file = "t", .begin = lines[i], .at = lines[i]
        };
        assert_int_equal(fv__transforms_read(context, &list, &words), FV_OK);
    }
    const fv__size any = { 20, 30, 3 };
    fv__size size = fv__transforms_size(&list, FV__TRAINING, any);
    assert_true(size.rows == 6 && size.columns == 7 && size.channels == 1);
    size = fv__transforms_size(&list, FV__EVALUATION, any);
    assert_true(size.rows == 0 && size.columns == 0 && size.channels == 1);
    assert_true(fv__transforms_act(&list, FV__EVALUATION));
    assert_true(fv__transforms_draw(&list, FV__TRAINING));
    assert_false(fv__transforms_draw(&list, FV__EVALUATION));
    assert_true(fv__transforms_mix_batches(&list));
    fv__transforms_free(context, &list);
    list = list_of(context, "normalise mean=0 std=1");
    assert_false(fv__transforms_act(&list, FV__TRAINING));
    assert_false(fv__transforms_mix_batches(&list));
    fv__transforms_free(context, &list);
    fv_context_free(context);
}

/* ---- one picture ----------------------------------------------------------
 */

static const char *const geometric[] = {
    "resize 9 21",
    "letterbox 11 19 mask_fill=9",
    "center_crop 9 21",
    "random_crop 9 13 padding=3 mask_fill=7",
    "random_crop 15 19 padding=3 mode=reflect",
    "random_resized_crop 7 9",
    "flip 1",
    "vertical_flip 1",
    "rotation 60",
    "affine degrees=40 translate=0.3 scale=0.5,1.5 shear=20",
    "perspective p=1 filter=nearest",
};
static const char *const colourful[] = {
    "color_jitter brightness=0.5 contrast=0.5 saturation=0.5 hue=0.2",
    "grey 3",
    "blur 3",
    "noise",
    "cutout p=1",
    "cutout 5 p=1",
};
static const char *const mixed[] = { "randaugment 4 20", "trivialaugment" };

/* Applies the line to the picture, and to the mask unless it is NULL. */
static void apply(fv__example *example, const char *line, uint64_t seed,
                  uint64_t epoch, uint64_t index, const unsigned char *picture,
                  int channels, const unsigned char *mask)
{
    fv__transforms list = list_of(example->context, line);
    view(&example->image, picture, ROWS, COLUMNS, channels);
    example->mask.tensor = (fv_tensor){ 0 };
    if (mask) view(&example->mask, mask, ROWS, COLUMNS, 1);
    fv__transforms_apply(&list, FV__TRAINING, seed, epoch, index, example);
    assert_ok(example->context);
    fv__transforms_free(example->context, &list);
}

/* The picture and a copy of it as mask: where pixels move, both move alike,
 * since the filters are `nearest`; colours leave the mask. */
static void test_masks(void **state)
{
    (void)state;
    unsigned char picture[ROWS * COLUMNS];
    draw_picture(ROWS, COLUMNS, 1, picture);
    fv__example example = { .context = fresh() };
    for (size_t i = 0; i < sizeof geometric / sizeof *geometric; i++) {
        char line[128];
        const bool sized =
            strstr(geometric[i], "resize") || strstr(geometric[i], "letterbox");
        const char *fill = strstr(geometric[i], "mask_fill=");
        snprintf(line, sizeof line, "%s%s%s%s", geometric[i],
                 sized ? " filter=nearest" : "", fill ? " fill=" : "",
                 fill ? fill + 10 : "");
        if (strstr(line, "letterbox") && !fill) continue;
        for (uint64_t k = 0; k < 8; k++) {
            apply(&example, line, 1, 0, k, picture, 1, picture);
            const fv_tensor *image = &example.image.tensor;
            const fv_tensor *mask = &example.mask.tensor;
            assert_true(fv_tensor_same_shape(image, mask));
            assert_memory_equal(image->data, mask->data,
                                (size_t)fv_tensor_count(image));
        }
    }
    for (size_t i = 0; i < sizeof colourful / sizeof *colourful; i++) {
        apply(&example, colourful[i], 1, 0, 3, picture, 1, picture);
        assert_memory_equal(example.mask.tensor.data, picture, sizeof picture);
    }
    fv_context *context = example.context;
    fv__example_free(&example);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

static bool same(fv__example *example, const char *line, const uint64_t a[3],
                 const uint64_t b[3], const unsigned char *picture)
{
    unsigned char first[64 * 64 * 3];
    apply(example, line, a[0], a[1], a[2], picture, 3, NULL);
    const size_t bytes = (size_t)fv_tensor_count(&example->image.tensor);
    assert_true(bytes <= sizeof first);
    memcpy(first, example->image.tensor.data, bytes);
    apply(example, line, b[0], b[1], b[2], picture, 3, NULL);
    return bytes == (size_t)fv_tensor_count(&example->image.tensor)
           && memcmp(first, example->image.tensor.data, bytes) == 0;
}

/* Pixels depend on seed, epoch and index, on each of them, and on nothing else.
 */
static void test_determinism(void **state)
{
    (void)state;
    static const uint64_t key[3] = { 5, 6, 7 };
    unsigned char picture[ROWS * COLUMNS * 3];
    draw_picture(ROWS, COLUMNS, 3, picture);
    fv__example example = { .context = fresh() },
                other = { .context = fresh() };
    static const char *const lines[] = {
        "random_crop 9 13 padding=3",
        "random_resized_crop 7 9",
        "flip",
        "vertical_flip",
        "rotation 60",
        "affine degrees=40 translate=0.3",
        "perspective p=1",
        "color_jitter brightness=0.5 hue=0.2",
        "grey 3 p=0.5",
        "blur 3",
        "noise",
        "cutout p=1",
        "cutout 5 p=1",
        "randaugment 3 20",
        "trivialaugment",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_true(same(&example, lines[i], key, key, picture));
        assert_true(same(&other, lines[i], key, key, picture));
        assert_memory_equal(other.image.tensor.data, example.image.tensor.data,
                            (size_t)fv_tensor_count(&example.image.tensor));
        for (int k = 0; k < 3; k++) {
            int equal = 0;
            for (uint64_t n = 1; n <= 20; n++) {
                uint64_t changed[3] = { key[0], key[1], key[2] };
                changed[k] += n;
                equal += same(&example, lines[i], key, changed, picture);
            }
            if (equal == 20) fail_msg("%s ignores number %d", lines[i], k);
        }
    }
    fv_context *contexts[] = { example.context, other.context };
    fv__example_free(&example);
    fv__example_free(&other);
    fv_context_free(contexts[0]);
    fv_context_free(contexts[1]);
}

/* Settings that change nothing give the same bytes. */
static void test_identities(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "resize 13 17",
        "letterbox 13 17",
        "center_crop 13 17",
        "random_crop 13 17",
        "random_resized_crop 13 17 scale=1 ratio=1.3076923",
        "flip 0",
        "vertical_flip 0",
        "rotation 0",
        "affine",
        "affine filter=bilinear",
        "perspective p=0",
        "perspective 0 p=1",
        "color_jitter",
        "color_jitter brightness=1,1 hue=0,0",
        "grey 3 p=0",
        "blur 1",
        "noise 0",
        "noise p=0",
        "cutout p=0",
        "randaugment 0",
    };
    unsigned char picture[ROWS * COLUMNS * 3];
    draw_picture(ROWS, COLUMNS, 3, picture);
    fv__example example = { .context = fresh() };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        apply(&example, lines[i], 3, 1, 4, picture, 3, NULL);
        if (memcmp(example.image.tensor.data, picture, sizeof picture) != 0)
            fail_msg("%s changes the picture", lines[i]);
    }
    fv_context *context = example.context;
    fv__example_free(&example);
    fv_context_free(context);
}

static void test_misfits(void **state)
{
    (void)state;
    unsigned char picture[ROWS * COLUMNS * 3];
    draw_picture(ROWS, COLUMNS, 3, picture);
    fv__example example = { .context = fresh() };
    fv_context *context = example.context;
    fv__transforms list = list_of(context, "random_crop 20 padding=2");
    view(&example.image, picture, ROWS, COLUMNS, 3);
    fv__transforms_apply(&list, FV__TRAINING, 0, 0, 0, &example);
    assert_string_equal(
        fv_error(context),
        "random_crop: a picture of 13 rows x 17 columns, padded "
        "to 17 x 21, is smaller than 20 x 20");
    fv_clear_error(context);
    view(&example.mask, picture, COLUMNS, ROWS, 1);
    fv__transforms_apply(&list, FV__TRAINING, 0, 0, 0, &example);
    assert_string_equal(fv_error(context),
                        "augment: the mask is u8 [17, 13, 1], expected u8 [13, "
                        "17, 1] as its picture is");
    fv_clear_error(context);
    example.image.tensor.dtype = FV_F32;
    fv__transforms_apply(&list, FV__TRAINING, 0, 0, 0, &example);
    assert_string_equal(fv_error(context),
                        "augment: a picture is u8 [rows, columns, 1 to 4 "
                        "channels] in row-major order, not f32 [13, 17, 3]");
    fv_clear_error(context);
    fv__transforms_free(context, &list);
    fv__example_free(&example);
    fv_context_free(context);
}

/* ---- conversion, memory ---------------------------------------------------
 */

static void test_conversion(void **state)
{
    (void)state;
    enum { CHANNELS = 3, COUNT = ROWS * COLUMNS * CHANNELS };
    static const double mean[] = { 0.5, 0.25, 0.125 }, std[] = { 0.5, 2, 0.25 };
    unsigned char picture[COUNT];
    draw_picture(ROWS, COLUMNS, CHANNELS, picture);
    const fv_tensor bytes =
        fv_tensor_of(picture, FV_U8, 3, (int64_t[]){ ROWS, COLUMNS, CHANNELS });
    float numbers[COUNT];
    for (int i = 0; i < COUNT; i++) numbers[i] = (float)(picture[i] / 255.0);
    const fv_tensor real = fv_tensor_of(numbers, FV_F32, 3,
                                        (int64_t[]){ ROWS, COLUMNS, CHANNELS });
    for (int k = 0; k < 8; k++) {
        fv_context *context = fv_context_new(FV_OPTIONS(
            fv_context_options, .threads = 1, .dtype = k & 1 ? FV_F64 : FV_F32,
            .layout = k & 2 ? FV_NCHW : FV_NHWC));
        fv__transforms list =
            list_of(context, "normalise mean=0.5,0.25,0.125 std=0.5,2,0.25");
        double to[COUNT];
        fv__transforms_convert(&list, FV__EVALUATION, context,
                               k & 4 ? &real : &bytes, to);
        assert_ok(context);
        for (int i = 0; i < COUNT; i++) {
            const int c = i % CHANNELS, pixel = i / CHANNELS;
            const int at = k & 2 ? c * ROWS * COLUMNS + pixel : i;
            const double is = k & 1 ? to[at] : (double)((float *)to)[at];
            assert_near(is, (picture[i] / 255.0 - mean[c]) / std[c],
                        k & 1 && !(k & 4) ? 1e-14 : 2e-6);
        }
        const fv_tensor grey =
            fv_tensor_of(picture, FV_U8, 3, (int64_t[]){ 2, 2, 1 });
        fv__transforms_convert(&list, FV__TRAINING, context, &grey, to);
        assert_string_equal(
            fv_error(context),
            "normalise: numbers for 3 channels, the picture has "
            "1");
        fv_clear_error(context);
        fv__transforms_free(context, &list);
        fv_context_free(context);
    }
}

/* Every allocation may fail; after the first picture there are none. */
static void test_memory(void **state)
{
    (void)state;
    unsigned char picture[ROWS * COLUMNS * 3], mask[ROWS * COLUMNS];
    draw_picture(ROWS, COLUMNS, 3, picture);
    draw_picture(ROWS, COLUMNS, 1, mask);
    const char *const *const all[] = { geometric, colourful, mixed };
    const size_t counts[] = { sizeof geometric / sizeof *geometric,
                              sizeof colourful / sizeof *colourful,
                              sizeof mixed / sizeof *mixed };
    for (int g = 0; g < 3; g++)
        for (size_t i = 0; i < counts[g]; i++) {
            bool done = false;
            for (size_t fail = 1; !done; fail++) {
                faults_memory memory = { .fail_at = 0 };
                const fv_allocator allocator = faults_allocator(&memory);
                fv_context *context = fv_context_new(FV_OPTIONS(
                    fv_context_options, .threads = 1, .allocator = &allocator));
                memory.fail_at = memory.calls + fail;
                fv__example example = { .context = context };
                fv__transforms list = list_of(context, all[g][i]);
                view(&example.image, picture, ROWS, COLUMNS, 3);
                view(&example.mask, mask, ROWS, COLUMNS, 1);
                fv__transforms_apply(&list, FV__TRAINING, 1, 2, 3, &example);
                done = fv_failed(context) == FV_OK;
                if (!done) assert_int_equal(fv_failed(context), FV_NO_MEMORY);
                memory.fail_at = 0;
                const size_t calls = memory.calls;
                view(&example.image, picture, ROWS, COLUMNS, 3);
                view(&example.mask, mask, ROWS, COLUMNS, 1);
                if (done)
                    fv__transforms_apply(&list, FV__TRAINING, 1, 2, 3,
                                         &example);
                assert_int_equal(memory.calls, calls);
                fv__transforms_free(context, &list);
                fv__example_free(&example);
                fv_context_free(context);
                assert_int_equal(memory.blocks, 0);
                assert_int_equal(memory.wrong, 0);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_stages_and_sizes),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_misfits),
        cmocka_unit_test(test_conversion),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
