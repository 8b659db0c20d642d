/* Lists of transforms: lines read, written and refused, when they act, what
 * they are a function of, where masks go, and what they draw. */
#include "augment/pictures.h"
#include "faults.h"

enum { ROWS = 13, COLUMNS = 17, DRAWS = 2000 };

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

/* ---- distributions --------------------------------------------------------
 */

/* How far counts are from equal ones: Pearson's chi squared. */
static double chi_squared(const int counts[], int cells, int draws)
{
    const double expected = (double)draws / cells;
    double sum = 0;
    for (int i = 0; i < cells; i++)
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    return sum;
}

/* The position of a crop, from a picture whose pixels tell where they were. */
static void test_crop_positions(void **state)
{
    (void)state;
    enum { SIDE = 7, PLACES = 4 };
    unsigned char picture[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) picture[i] = (unsigned char)i;
    fv__example example = { .context = fresh() };
    fv_context *context = example.context;
    fv__transforms list = list_of(context, "random_crop 4");
    int counts[PLACES * PLACES] = { 0 };
    for (uint64_t k = 0; k < DRAWS; k++) {
        view(&example.image, picture, SIDE, SIDE, 1);
        fv__transforms_apply(&list, FV__TRAINING, 1, 0, k, &example);
        const int at = *(unsigned char *)example.image.tensor.data;
        counts[at / SIDE * PLACES + at % SIDE]++;
    }
    assert_ok(context);
    /* 15 degrees of freedom: above 37.7 with a probability of 1/1000 */
    assert_true(chi_squared(counts, PLACES * PLACES, DRAWS) < 37.7);
    fv__transforms_free(context, &list);
    fv__example_free(&example);
    fv_context_free(context);
}

static void test_draws(void **state)
{
    (void)state;
    enum { CELLS = 10, MANY = 20000 };
    int uniform[CELLS] = { 0 }, below[7] = { 0 }, words[8] = { 0 };
    double sum = 0, squares = 0, beta = 0, beta_squares = 0;
    fv__draws draws = fv__draws_of(1, 2, 3, 4);
    for (int i = 0; i < MANY; i++) {
        uniform[(int)(fv__draw_between(&draws, 2, 3) * CELLS) - 2 * CELLS]++;
        below[fv__draw_below(&draws, 7)]++;
        words[fv__draw_word(&draws) >> 29]++;
        const double normal = fv__draw_normal(&draws);
        const double part = fv__draw_beta(&draws, 0.2);
        sum += normal;
        squares += normal * normal;
        beta += part;
        beta_squares += (part - 0.5) * (part - 0.5);
        assert_true(part >= 0 && part <= 1);
    }
    assert_true(chi_squared(uniform, CELLS, MANY) < 27.9); /* 9 degrees */
    assert_true(chi_squared(below, 7, MANY) < 22.5);       /* 6 */
    assert_true(chi_squared(words, 8, MANY) < 24.4);       /* 7 */
    assert_true(fabs(sum / MANY) < 4 / sqrt(MANY));
    assert_true(fabs(squares / MANY - 1) < 4 * sqrt(2.0 / MANY));
    /* Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)) */
    assert_true(fabs(beta / MANY - 0.5) < 0.01);
    assert_true(fabs(beta_squares / MANY - 1 / 5.6) < 0.005);
}

/* Shares of flips, of areas and of colours, and their ranges. */
static void test_shares(void **state)
{
    (void)state;
    enum { SIDE = 40 };
    unsigned char picture[SIDE * SIDE];
    memset(picture, 200, sizeof picture);
    picture[0] = 1;
    fv__example example = { .context = fresh() };
    fv_context *context = example.context;
    fv__transforms flips = list_of(context, "flip 0.3");
    fv__transforms holes =
        list_of(context, "cutout p=1 scale=0.1,0.2 ratio=0.5,2");
    fv__transforms light = list_of(context, "color_jitter brightness=0.2");
    int flipped = 0, bright[8] = { 0 };
    double areas = 0;
    for (uint64_t k = 0; k < DRAWS; k++) {
        view(&example.image, picture, SIDE, SIDE, 1);
        fv__transforms_apply(&flips, FV__TRAINING, 1, 0, k, &example);
        const unsigned char *at = example.image.tensor.data;
        flipped += at[SIDE - 1] == 1;
        view(&example.image, picture, SIDE, SIDE, 1);
        fv__transforms_apply(&holes, FV__TRAINING, 1, 0, k, &example);
        at = example.image.tensor.data;
        int area = 0;
        for (int i = 0; i < SIDE * SIDE; i++) area += at[i] == 0;
        assert_true(area > 0.085 * SIDE * SIDE && area < 0.215 * SIDE * SIDE);
        areas += (double)area / (SIDE * SIDE);
        view(&example.image, picture, SIDE, SIDE, 1);
        fv__transforms_apply(&light, FV__TRAINING, 1, 0, k, &example);
        at = example.image.tensor.data;
        assert_true(at[5] >= 160 && at[5] <= 240);
        bright[at[5] < 240 ? (at[5] - 160) / 10 : 7]++;
    }
    assert_ok(context);
    assert_true(fabs(flipped / (double)DRAWS - 0.3) < 4 * sqrt(0.21 / DRAWS));
    assert_true(fabs(areas / DRAWS - 0.15) < 0.005);
    assert_true(chi_squared(bright, 8, DRAWS) < 24.4); /* 7 degrees */
    fv__transforms_free(context, &flips);
    fv__transforms_free(context, &holes);
    fv__transforms_free(context, &light);
    fv__example_free(&example);
    fv_context_free(context);
}

/* The angle of a rotation, from where a bright corner of a black picture goes.
 */
static void test_angles(void **state)
{
    (void)state;
    enum { SIDE = 101, CELLS = 6, MANY = 600 };
    static unsigned char picture[SIDE * SIDE];
    memset(picture, 0, sizeof picture);
    for (int i = 49; i < 52; i++)
        for (int j = 89; j < 92; j++) picture[i * SIDE + j] = 255;
    fv__example example = { .context = fresh() };
    fv_context *context = example.context;
    fv__transforms list = list_of(context, "rotation 30");
    int counts[CELLS] = { 0 };
    for (uint64_t k = 0; k < MANY; k++) {
        view(&example.image, picture, SIDE, SIDE, 1);
        fv__transforms_apply(&list, FV__TRAINING, 1, 0, k, &example);
        const unsigned char *at = example.image.tensor.data;
        double x = 0, y = 0, n = 0;
        for (int i = 0; i < SIDE * SIDE; i++)
            if (at[i]) {
                x += i % SIDE - SIDE / 2;
                y += i / SIDE - SIDE / 2;
                n++;
            }
        assert_true(n > 0);
        /* anticlockwise, with rows downwards */
        const double degrees = atan2(-y, x) * 180 / 3.14159265358979;
        assert_true(fabs(degrees) < 31);
        const int cell = (int)((degrees + 30) / 60 * CELLS);
        counts[cell < 0 ? 0 : cell >= CELLS ? CELLS - 1 : cell]++;
    }
    assert_ok(context);
    assert_true(chi_squared(counts, CELLS, MANY) < 20.5); /* 5 degrees */
    fv__transforms_free(context, &list);
    fv__example_free(&example);
    fv_context_free(context);
}

/* All 14 operations occur, and noise has the mean and deviation it shall have.
 */
static void test_noise(void **state)
{
    (void)state;
    enum { SIDE = 128 };
    static unsigned char picture[SIDE * SIDE];
    memset(picture, 128, sizeof picture);
    fv__example example = { .context = fresh() };
    fv_context *context = example.context;
    fv__transforms list = list_of(context, "noise 0.1 mean=0.02");
    view(&example.image, picture, SIDE, SIDE, 1);
    fv__transforms_apply(&list, FV__TRAINING, 1, 0, 0, &example);
    assert_ok(context);
    const unsigned char *at = example.image.tensor.data;
    double sum = 0, squares = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        sum += at[i] - 128;
        squares += (at[i] - 128) * (at[i] - 128);
    }
    const double mean = sum / (SIDE * SIDE);
    /* fractions are cut off towards 0 */
    assert_true(fabs(mean - 5.1) < 1);
    assert_true(fabs(sqrt(squares / (SIDE * SIDE) - mean * mean) - 25.5) < 1);
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
        cmocka_unit_test(test_crop_positions),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_angles),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_conversion),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
