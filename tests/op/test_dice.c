/* Tests of the operator dice. */
#include "operands.h"

typedef struct example {
    int64_t n, pixels, classes;
    double smooth;
    fv_reduction reduction;
    int dense;
    uint64_t seed;
} example;

static int64_t label(const example *e, int64_t pixel)
{
    return pick(e->seed + 4, pixel, 0, e->classes - 1);
}

static double weight(const example *e, int64_t i)
{
    if (e->dense) return (double)(float)chance(e->seed + 9, i);
    return (double)(label(e, i / e->classes) == i % e->classes);
}

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    static double values[1 << 14];
    static int64_t labels[1 << 12];
    const example *e = user;
    for (int64_t i = 0; i < e->n * e->pixels * e->classes; i++)
        values[i] = weight(e, i);
    for (int64_t i = 0; i < e->n * e->pixels; i++) labels[i] = label(e, i);
    const fv_tensor dense =
        FV_TENSOR(values, FV_F64, e->n, e->pixels, e->classes);
    const fv_tensor indices = FV_TENSOR(labels, FV_I64, e->n, e->pixels);
    return fv_dice_of(
        at[0],
        fv_constant(fv_variable_context(at[0]), e->dense ? &dense : &indices),
        e->smooth, e->reduction);
}

static subject subject_of(const example *e)
{
    return (subject){ .apply = apply,
                      .user = e,
                      .seed = e->seed,
                      .count = 1,
                      .operands = {
                          { 3, { e->n, e->pixels, e->classes }, 0, 1, 0 } } };
}

static void check_value(const example *e)
{
    const subject s = subject_of(e);
    fv_context *context = context_of(FV_F64);
    fv_variable *at[MOST_OPERANDS];
    double terms[64], sum = 0;
    make_operands(context, &s, at);
    const fv_tensor *y = fv_variable_value(apply(e, at));
    assert_ok(context);
    for (int64_t i = 0; i < e->n * e->classes; i++) {
        double both = e->smooth, all = e->smooth;
        for (int64_t k = 0; k < e->pixels; k++) {
            const int64_t place =
                (i / e->classes * e->pixels + k) * e->classes + i % e->classes;
            const double x = number_at(fv_variable_value(at[0]), place);
            both += 2 * x * weight(e, place);
            all += x + weight(e, place);
        }
        sum += terms[i] = 1 - both / all;
    }
    if (e->reduction <= FV_REDUCTION_MEAN) sum /= (double)(e->n * e->classes);
    if (e->reduction == FV_REDUCTION_BATCH) sum /= (double)e->n;
    assert_numbers(y, e->reduction == FV_REDUCTION_NONE ? terms : &sum, 1e-13);
    fv_context_free(context);
}

static void test_images(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        const example e = { .n = pick(seed, 0, 1, 3),
                            .pixels = pick(seed, 1, 1, 5),
                            .classes = pick(seed, 2, 1, 4),
                            .smooth = (double)(seed % 3) * 0.5 + 0.1,
                            .reduction = (fv_reduction)(seed % 5),
                            .dense = seed % 2,
                            .seed = seed };
        const subject s = subject_of(&e);
        check_value(&e);
        assert_gradients(&s);
        assert_single(&s, 2e-5);
    }
}

static void test_same_bits(void **state)
{
    (void)state;
    for (int dense = 0; dense < 2; dense++) {
        const example e = { 5, 300, 7, 1, FV_REDUCTION_MEAN, dense, 3 };
        const subject s = subject_of(&e);
        check_value(&e);
        assert_same_bits(&s);
    }
}

static void test_refused(void **state)
{
    const double numbers[6] = { 0 };
    int64_t labels[3] = { 0 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    assert_null(fv_dice_of(LEAF(context, numbers, 2, 3),
                           labels_of(context, labels, 3), 1,
                           FV_REDUCTION_MEAN));
    assert_error(context, "dice: target [3] does not fit the input [2, 3]");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
