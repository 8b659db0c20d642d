/* What transforms draw: places, angles, shares, factors and noise, against
 * their distributions; the numbers are the same in every run. */
#include "augment/pictures.h"

enum { DRAWS = 2000 };

static fv_context *fresh(void)
{
    return fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1));
}

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

/* Lines of one list draw numbers of their own. */
static void test_lines(void **state)
{
    (void)state;
    const unsigned char picture[4] = { 1, 2, 3, 4 };
    fv__example example = { .context = fresh() };
    fv_context *context = example.context;
    fv__transforms list = list_of(context, "flip");
    fv__words words = { .context = context,
                        .file = "t",
                        .begin = "vertical_flip",
                        .at = "vertical_flip" };
    fv__transforms_read(context, &list, &words);
    int counts[4] = { 0 };
    for (uint64_t k = 0; k < DRAWS; k++) {
        view(&example.image, picture, 2, 2, 1);
        fv__transforms_apply(&list, FV__TRAINING, 1, 0, k, &example);
        counts[*(unsigned char *)example.image.tensor.data - 1]++;
    }
    assert_ok(context);
    assert_true(chi_squared(counts, 4, DRAWS) < 16.3); /* 3 degrees */
    fv__transforms_free(context, &list);
    fv__example_free(&example);
    fv_context_free(context);
}

/* A quarter of the area, twice as wide as high, anywhere. */
static void test_resized_crops(void **state)
{
    (void)state;
    enum { H = 16, W = 15, ROWS = 6, COLUMNS = 10 };
    unsigned char picture[H * W];
    for (int i = 0; i < H * W; i++) picture[i] = (unsigned char)i;
    fv__example example = { .context = fresh() };
    fv_context *context = example.context;
    /* sqrt(60 / 0.6) columns, sqrt(60 0.6) rows of 240 pixels */
    fv__transforms list = list_of(
        context, "random_resized_crop 6 10 scale=0.25 ratio=1.6666666666667 "
                 "filter=nearest");
    int counts[(H - ROWS + 1) * (W - COLUMNS + 1)] = { 0 };
    for (uint64_t k = 0; k < DRAWS; k++) {
        view(&example.image, picture, H, W, 1);
        fv__transforms_apply(&list, FV__TRAINING, 1, 0, k, &example);
        const unsigned char *at = example.image.tensor.data;
        for (int i = 0; i < ROWS * COLUMNS; i++)
            assert_int_equal(at[i], at[0] + i / COLUMNS * W + i % COLUMNS);
        const int top = at[0] / W, left = at[0] % W;
        assert_true(top <= H - ROWS && left <= W - COLUMNS);
        counts[top * (W - COLUMNS + 1) + left]++;
    }
    assert_ok(context);
    assert_true(chi_squared(counts, 66, DRAWS) < 105.9); /* 65 degrees */
    fv__transforms_free(context, &list);
    fv__example_free(&example);
    fv_context_free(context);
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
                const int column = i % SIDE - SIDE / 2;
                const int row = i / SIDE - SIDE / 2;
                x += column;
                y += row;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crop_positions),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_resized_crops),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_angles),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
