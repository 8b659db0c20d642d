/* Tests of the operator cosine_embedding. */
#include "operands.h"

typedef struct example {
    int64_t n, features;
    double margin;
    fv_reduction reduction;
    int64_t alike[64];
} example;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    example e = *(const example *)user;
    return fv_cosine_embedding_of(
        at[0], at[1], labels_of(fv_variable_context(at[0]), e.alike, e.n),
        e.margin, e.reduction);
}

static subject subject_of(example *e, uint64_t seed)
{
    const operand o = { 2, { e->n, e->features }, -1, 1, 0 };
    for (int64_t i = 0; i < e->n; i++)
        e->alike[i] = pick(seed + 3, i, 0, 1) ? 1 : -1;
    return (subject){ .apply = apply,
                      .user = e,
                      .seed = seed,
                      .count = 2,
                      .operands = { o, o } };
}

static double term(const example *e, fv_variable *const at[], int64_t row)
{
    double xx = 0, yy = 0, xy = 0;
    for (int64_t j = row * e->features; j < (row + 1) * e->features; j++) {
        const double x = number_at(fv_variable_value(at[0]), j);
        const double y = number_at(fv_variable_value(at[1]), j);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    const double cosine = xy / sqrt(xx * yy);
    return e->alike[row] > 0 ? 1 - cosine : fmax(0, cosine - e->margin);
}

static void check_value(example *e, uint64_t seed)
{
    const subject s = subject_of(e, seed);
    fv_context *context = context_of(FV_F64);
    fv_variable *at[MOST_OPERANDS];
    double terms[64], sum = 0;
    make_operands(context, &s, at);
    const fv_tensor *y = fv_variable_value(apply(e, at));
    assert_ok(context);
    for (int64_t i = 0; i < e->n; i++) sum += terms[i] = term(e, at, i);
    if (e->reduction != FV_REDUCTION_SUM) sum /= (double)e->n;
    assert_numbers(y, e->reduction == FV_REDUCTION_NONE ? terms : &sum, 1e-10);
    fv_context_free(context);
}

static void test_pairs(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        example e = { .n = pick(seed, 0, 1, 5),
                      .features = pick(seed, 1, 2, 6),
                      .margin = (double)(seed % 3) * 0.2 - 0.1,
                      .reduction = (fv_reduction)(seed % 5) };
        check_value(&e, seed);
        const subject s = subject_of(&e, seed);
        assert_gradients(&s);
        assert_single(&s, 2e-5);
    }
}

static void test_same_bits(void **state)
{
    example e = { .n = 63, .features = 131 };
    const subject s = subject_of(&e, 2);
    (void)state;
    assert_same_bits(&s);
}

static void test_refused(void **state)
{
    const double numbers[6] = { 0 };
    int64_t labels[3] = { 0 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    fv_variable *x = LEAF(context, numbers, 2, 3);
    assert_null(fv_cosine_embedding_of(x, x, labels_of(context, labels, 3), 0,
                                       FV_REDUCTION_MEAN));
    assert_error(context, "cosine_embedding: target [3] does not fit 2 pairs");
    assert_null(fv_cosine_embedding_of(x, LEAF(context, numbers, 3, 2),
                                       labels_of(context, labels, 2), 0,
                                       FV_REDUCTION_MEAN));
    assert_error(context, "cosine_embedding: input is [2, 3], second input is "
                          "[3, 2]");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
