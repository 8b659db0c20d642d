/* Tests of the operator roi_align. */
#include "operands.h"

#include <math.h>

typedef struct subject_of {
    fv_roi_pooling how;
    int64_t count, images[4];
    double boxes[16];
} subject_of;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const subject_of *s = user;
    fv_context *context = fv_variable_context(at[0]);
    int64_t images[4];
    memcpy(images, s->images, sizeof images);
    fv_variable *boxes = LEAF(context, s->boxes, s->count, 4);
    fv_variable_set_requires_grad(boxes, 0);
    return fv_roi_align(at[0], boxes, labels_of(context, images, s->count),
                        &s->how);
}

/* ---- values by hand ------------------------------------------------------ */

static void check_row(fv_roi_pooling how, const double box[4],
                      const double *expected)
{
    const double pixels[] = { 1, 2, 4, 8 };
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        int64_t image = 0;
        const fv_tensor *y = fv_variable_value(fv_roi_align(
            LEAF(context, pixels, 1, 1, 4, 1), LEAF(context, box, 1, 4),
            labels_of(context, &image, 1), &how));
        assert_ok(context);
        assert_int_equal(y->shape[2], how.width);
        assert_numbers(y, expected, 1e-6);
        fv_context_free(context);
    }
}

static void test_values(void **state)
{
    (void)state;
    fv_roi_pooling how = { .height = 1, .width = 2, .samples = 1, .scale = 1 };
    /* samples at 0.75 and 2.25, in the row at 0.5, where there is one row */
    check_row(how, (const double[]){ 0, 0, 3, 1 }, (const double[]){ 1.75, 5 });
    how.aligned = 1; /* at 0.25 and 1.75 */
    check_row(how, (const double[]){ 0, 0, 3, 1 },
              (const double[]){ 1.25, 3.5 });
    how.aligned = 0;
    how.scale = 0.5; /* at least a pixel: 0.25 and 0.75 */
    check_row(how, (const double[]){ 0, 0, 1, 1 },
              (const double[]){ 1.25, 1.75 });
    how.scale = 1;
    how.samples = 2; /* -4.5, -3.5; -2.5, -1.5 and 3.5, 4.5; 5.5, 6.5 */
    check_row(how, (const double[]){ -5, 0, -1, 1 }, (const double[]){ 0, 0 });
    check_row(how, (const double[]){ 3, 0, 7, 1 }, (const double[]){ 4, 0 });
    how.samples = 0; /* 0.5, 1.5 and 2.5 in one bin */
    how.width = 1;
    check_row(how, (const double[]){ 0, 0, 3, 1 },
              (const double[]){ (1.5 + 3 + 6) / 3 });
    how.largest = 1; /* the half of 8 */
    check_row(how, (const double[]){ 0, 0, 3, 1 }, (const double[]){ 4 });
}

/* What is no region or of no image is NaN, and has no gradient. */
static void test_none(void **state)
{
    const double pixels[] = { 1, 2, 3, 4 };
    const double boxes[] = { 0, 0, 1, 1, 0, (double)NAN, 1, 1, 0, 0, 1, 1 };
    int64_t images[] = { 0, 0, 1 };
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, pixels, 1, 2, 2, 1);
    const fv_roi_pooling how = { .height = 1, .width = 1, .scale = 1 };
    fv_variable *y = fv_roi_align(x, LEAF(context, boxes, 3, 4),
                                  labels_of(context, images, 3), &how);
    assert_ok(context);
    const fv_tensor *value = fv_variable_value(y);
    assert_near(number_at(value, 0), 2.5, 1e-6);
    assert_true(isnan(number_at(value, 1)) && isnan(number_at(value, 2)));
    fv_backprop(fv_sum(y));
    assert_ok(context);
    for (int i = 0; i < 4; i++)
        assert_near(number_at(fv_variable_grad(x), i), 0.25, 1e-6);
    fv_context_free(context);
}

/* ---- random ---------------------------------------------------------------
 */

static subject random_subject(subject_of *of, uint64_t seed)
{
    subject s = { .apply = apply, .user = of, .seed = seed, .count = 1 };
    *of = (subject_of){ .how = { .height = pick(seed, 0, 1, 3),
                                 .width = pick(seed, 1, 1, 3),
                                 .samples = pick(seed, 2, 0, 3),
                                 .scale = pick(seed, 3, 0, 1) ? 1 : 0.5,
                                 .aligned = (int32_t)pick(seed, 4, 0, 1),
                                 .largest = (int32_t)pick(seed, 5, 0, 1) },
                        .count = pick(seed, 6, 1, 4) };
    for (int64_t k = 0; k < of->count; k++) {
        of->images[k] = pick(seed, 10 + k, 0, 1);
        for (int i = 0; i < 4; i++)
            of->boxes[4 * k + i] =
                10 * chance(seed, 20 + 4 * k + i) - (i < 2 ? 3 : -1);
    }
    s.operands[0] =
        (operand){ .rank = 4,
                   .shape = { 2, pick(seed, 7, 1, 6), pick(seed, 8, 1, 6),
                              pick(seed, 9, 1, 4) },
                   .low = 0.5,
                   .high = 2 };
    return s;
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        subject_of of;
        const subject s = random_subject(&of, seed);
        assert_gradients(&s);
        assert_single(&s, 2e-5);
    }
}

static void test_same_bits(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        subject_of of;
        subject s = random_subject(&of, seed);
        s.operands[0].shape[3] = 70;
        assert_same_bits(&s);
    }
}

static void test_refused(void **state)
{
    static const struct {
        fv_roi_pooling how;
        const char *sentence;
    } cases[] = {
        { { .height = 0, .width = 2, .scale = 1 },
          "roi_align: size 0x2 is below 1" },
        { { .height = 1, .width = 2, .scale = 1, .samples = 1025 },
          "roi_align: 1025 samples are not 0 to 1024" },
        { { .height = 1, .width = 2, .scale = 0 },
          "roi_align: scale 0 is not above 0 and finite" },
    };
    const double numbers[12] = { 0 };
    int64_t images[] = { 0, 0 };
    const fv_roi_pooling how = { .height = 1, .width = 1, .scale = 1 };
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, numbers, 1, 2, 2, 1);
    fv_variable *boxes = LEAF(context, numbers, 2, 4);
    fv_variable *of = labels_of(context, images, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(fv_roi_align(x, boxes, of, &cases[i].how));
        assert_error(context, cases[i].sentence);
    }
    assert_null(
        fv_roi_align(LEAF(context, numbers, 1, 0, 2, 1), boxes, of, &how));
    assert_error(context, "roi_align: input [1, 0, 2, 1] has no pixels");
    assert_null(fv_roi_align(x, LEAF(context, numbers, 2, 3), of, &how));
    assert_error(context,
                 "roi_align: regions [2, 3] have 3 numbers, expected 4");
    assert_null(fv_roi_align(x, boxes, labels_of(context, images, 1), &how));
    assert_error(context, "roi_align: images [1] of 2 regions");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_none),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
