/* What transforms make of two pictures, byte for byte as Pillow and torchvision
 * (tests/augment/answers.py). */
#include "augment/pictures.h"

enum { ROWS = 13, COLUMNS = 17, GREY_ROWS = 11, GREY_COLUMNS = 9 };

/* What a case does: a line, or a function below it. */
typedef struct answer_case {
    const char *line;
    bool grey;
    void (*change)(const fv_tensor *picture, double number);
    double number;
    int sharpness, projection; /* 1: a case of its own */
} answer_case;

static void posterize(const fv_tensor *picture, double bits)
{
    fv__posterize(picture, (int32_t)bits);
}

static void solarize(const fv_tensor *picture, double threshold)
{
    fv__solarize(picture, threshold);
}

static void autocontrast(const fv_tensor *picture, double number)
{
    (void)number;
    fv__autocontrast(picture);
}

static void equalize(const fv_tensor *picture, double number)
{
    (void)number;
    fv__equalize(picture);
}

static const answer_case cases[] = {
    { .line = "rotation 30,30" },
    { .line = "rotation 30,30 filter=bilinear fill=1,2,3" },
    { .line = "rotation -77.5,-77.5" },
    { .line = "rotation -77.5,-77.5 filter=bilinear fill=1,2,3" },
    { .line = "rotation 90,90" },
    { .line = "rotation 90,90 filter=bilinear fill=1,2,3" },
    { .line = "rotation 180,180" },
    { .line = "rotation 180,180 filter=bilinear fill=1,2,3" },
    { .line = "rotation 45,45 filter=bilinear", .grey = true },
    { .line = "affine degrees=25,25 scale=1.3,1.3 shear=12,12" },
    { .line = "affine degrees=-24,-24 scale=0.75 shear=-31,-31 filter=bilinear "
              "fill=9,8,7" },
    { .projection = 1 },
    { .projection = 1, .number = 1 },
    { .line = "color_jitter brightness=0.3,0.3" },
    { .line = "color_jitter contrast=0.3,0.3" },
    { .line = "color_jitter saturation=0.3,0.3" },
    { .line = "color_jitter brightness=1.7,1.7" },
    { .line = "color_jitter contrast=1.7,1.7" },
    { .line = "color_jitter saturation=1.7,1.7" },
    { .line = "color_jitter hue=0.3,0.3" },
    { .line = "color_jitter hue=-0.21,-0.21" },
    { .line = "color_jitter hue=0.5,0.5" },
    { .line = "color_jitter contrast=0.6,0.6", .grey = true },
    { .line = "grey" },
    { .line = "grey 3" },
    { .sharpness = 1, .number = 0.1 },
    { .sharpness = 1, .number = 1.9 },
    { .change = posterize, .number = 4 },
    { .change = posterize, .number = 1 },
    { .change = solarize, .number = 178.5 },
    { .change = autocontrast },
    { .change = equalize },
    { .change = autocontrast, .grey = true },
    { .change = equalize, .grey = true },
    { .line = "blur 3 sigma=1.3" },
    { .line = "blur 7 sigma=1.3" },
    { .line = "center_crop 8 21" },
    { .line = "center_crop 12 6" },
    { .line = "random_crop 23 25 padding=5,4 fill=3,4,5" },
    { .line = "random_crop 23 25 padding=5,4 mode=reflect" },
    { .line = "random_crop 23 25 padding=5,4 mode=edge" },
    { .line = "flip 1" },
    { .line = "vertical_flip 1" },
    { .line = "resize shorter=7" },
    { .line = "resize 20 9 filter=bicubic" },
    { .line = "letterbox 20" },
};

static void run(const answer_case *one, fv__example *example)
{
    static const int64_t fill[] = { 9, 8, 7 };
    if (one->line) {
        fv__transforms list = list_of(example->context, one->line);
        fv__transforms_apply(&list, FV__TRAINING, 1, 2, 3, example);
        fv__transforms_free(example->context, &list);
    } else if (one->projection) {
        const fv__warp warp = {
            .a = { 0.8, 0.1, 1.25, -0.05, 0.9, 0.5, 0.01, -0.02 },
            .bilinear = one->number != 0,
            .fill = fill,
        };
        fv__example_warp(example, &warp);
    } else if (one->sharpness) {
        fv__sharpness(example, one->number);
    } else {
        fv__frame_own(example->context, &example->image);
        one->change(&example->image.tensor, one->number);
    }
}

static void test_answers(void **state)
{
    (void)state;
    unsigned char colour[ROWS * COLUMNS * 3], grey[GREY_ROWS * GREY_COLUMNS];
    draw_picture(ROWS, COLUMNS, 3, colour);
    draw_picture(GREY_ROWS, GREY_COLUMNS, 1, grey);
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1));
    FILE *file = fopen(FOVEA_TEST_DATA "/augment/answers.bin", "rb");
    assert_non_null(file);
    fv__example example = { .context = context };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char size[6], expected[4096];
        assert_int_equal(fread(size, 1, 6, file), 6);
        if (cases[i].grey)
            view(&example.image, grey, GREY_ROWS, GREY_COLUMNS, 1);
        else
            view(&example.image, colour, ROWS, COLUMNS, 3);
        run(&cases[i], &example);
        assert_ok(context);
        const fv_tensor *is = &example.image.tensor;
        for (int k = 0; k < 3; k++)
            assert_int_equal(is->shape[k], size[2 * k] + 256 * size[2 * k + 1]);
        const size_t bytes = (size_t)fv_tensor_count(is);
        assert_true(bytes <= sizeof expected);
        assert_int_equal(fread(expected, 1, bytes, file), bytes);
        for (size_t k = 0; k < bytes; k++)
            if (((unsigned char *)is->data)[k] != expected[k])
                fail_msg("case %zu (%s), byte %zu: %d, expected %d", i,
                         cases[i].line ? cases[i].line : "", k,
                         ((unsigned char *)is->data)[k], expected[k]);
    }
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    unsigned char again[ROWS * COLUMNS * 3];
    draw_picture(ROWS, COLUMNS, 3, again);
    assert_memory_equal(colour, again, sizeof again); /* only read */
    fv__example_free(&example);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
