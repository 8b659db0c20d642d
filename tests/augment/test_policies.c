/* The operations of randaugment and trivialaugment: what each line makes is
 * what one of them makes, with either sign, and all of them occur. */
#include "augment/pictures.h"

enum { ROWS = 35, COLUMNS = 37, BYTES = ROWS * COLUMNS * 3, OPERATIONS = 14 };

/* Magnitudes, as in the papers and in torchvision. */
typedef struct magnitudes {
    double shear, across, down, degrees, factor, threshold;
    int bits;
} magnitudes;

static const int64_t black[3] = { 0, 0, 0 };

static void warp(fv__example *example, double a0, double a1, double a2,
                 double a3, double a4, double a5)
{
    const fv__warp how = { .a = { a0, a1, a2, a3, a4, a5 }, .fill = black };
    fv__example_warp(example, &how);
}

static void move(fv__example *example, int operation, double sign,
                 const magnitudes *m)
{
    fv__warp turn = { .fill = black };
    switch (operation) {
    case 1:
        warp(example, 1, sign * m->shear, 0, 0, 1, 0);
        return;
    case 2:
        warp(example, 1, 0, 0, sign * m->shear, 1, 0);
        return;
    case 3:
        warp(example, 1, 0, -sign * m->across, 0, 1, 0);
        return;
    case 4:
        warp(example, 1, 0, 0, 0, 1, -sign * m->down);
        return;
    case 5:
        fv__warp_rotate(sign * m->degrees, ROWS, COLUMNS, turn.a);
        fv__example_warp(example, &turn);
        return;
    default:
        fv__sharpness(example, 1 + sign * m->factor);
        return;
    }
}

/* One operation of that magnitude. */
static void operate(fv__example *example, int operation, double sign,
                    const magnitudes *m)
{
    const fv_tensor *picture = &example->image.tensor;
    const double factor = 1 + sign * m->factor;
    if (operation == 0) return;
    if (operation <= 6) {
        move(example, operation, sign, m);
        return;
    }
    fv__frame_own(example->context, &example->image);
    if (operation == 7) fv__brightness(picture, factor);
    if (operation == 8) fv__saturation(picture, factor);
    if (operation == 9) fv__contrast(picture, factor);
    if (operation == 10) fv__posterize(picture, 8 - m->bits);
    if (operation == 11) fv__solarize(picture, m->threshold);
    if (operation == 12) fv__autocontrast(picture);
    if (operation == 13) fv__equalize(picture);
}

static void check(const char *line, const magnitudes *m)
{
    static unsigned char picture[BYTES], expected[OPERATIONS][2][BYTES];
    draw_picture(ROWS, COLUMNS, 3, picture);
    for (int i = 0; i < BYTES; i++) picture[i] = picture[i] / 2 + 40;
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1));
    fv__example example = { .context = context };
    for (int k = 0; k < OPERATIONS; k++)
        for (int s = 0; s < 2; s++) {
            view(&example.image, picture, ROWS, COLUMNS, 3);
            operate(&example, k, s ? -1 : 1, m);
            memcpy(expected[k][s], example.image.tensor.data, BYTES);
        }
    fv__transforms list = list_of(context, line);
    int seen[OPERATIONS][2] = { { 0 } };
    for (uint64_t index = 0; index < 400; index++) {
        view(&example.image, picture, ROWS, COLUMNS, 3);
        fv__transforms_apply(&list, FV__TRAINING, 1, 0, index, &example);
        int found = 0;
        for (int k = 0; k < 2 * OPERATIONS && !found; k++)
            if (memcmp(example.image.tensor.data, expected[k / 2][k % 2], BYTES)
                == 0)
                found = ++seen[k / 2][k % 2];
        if (!found) fail_msg("%s: picture %d is unknown", line, (int)index);
    }
    assert_ok(context);
    for (int k = 0; k < OPERATIONS; k++)
        for (int s = 0; s < 2; s++)
            if (!seen[k][s]
                && (!s || memcmp(expected[k][0], expected[k][1], BYTES) != 0))
                fail_msg("%s: operation %d, sign %d does not occur", line, k,
                         s);
    fv__transforms_free(context, &list);
    fv__example_free(&example);
    fv_context_free(context);
}

/* Of two magnitudes, the lower one changes nothing but tables. */
static void test_trivialaugment(void **state)
{
    (void)state;
    check("trivialaugment bins=2", &(magnitudes){ .shear = 0.99,
                                                  .across = 32,
                                                  .down = 32,
                                                  .degrees = 135,
                                                  .factor = 0.99,
                                                  .bits = 6 });
}

static void test_randaugment(void **state)
{
    (void)state;
    check("randaugment 1 30", &(magnitudes){ .shear = 0.3,
                                             .across = 16, /* 150/331 of 37 */
                                             .down = 15,
                                             .degrees = 30,
                                             .factor = 0.9,
                                             .bits = 4 });
    check("randaugment 1 5 bins=11", &(magnitudes){ .shear = 0.15,
                                                    .across = 8,
                                                    .down = 7,
                                                    .degrees = 15,
                                                    .threshold = 127.5,
                                                    .factor = 0.45,
                                                    .bits = 2 });
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_randaugment),
                                        cmocka_unit_test(test_trivialaugment) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
