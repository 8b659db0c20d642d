/* Tests of the operator triplet. */
#include "operands.h"

typedef struct example {
    int64_t n, features;
    fv_triplet how;
} example;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const example *e = user;
    return fv_triplet_of(at[0], at[1], at[2], &e->how);
}

static subject subject_of(const example *e, uint64_t seed)
{
    const operand o = { 2, { e->n, e->features }, -1, 1, 0 };
    return (subject){ .apply = apply,
                      .user = e,
                      .seed = seed,
                      .count = 3,
                      .operands = { o, o, o } };
}

static double norm(const example *e, const fv_variable *a, const fv_variable *b,
                   int64_t row)
{
    const double power = e->how.power == 0 ? 2 : e->how.power;
    double sum = 0;
    for (int64_t j = row * e->features; j < (row + 1) * e->features; j++)
        sum += pow(fabs(number_at(fv_variable_value(a), j)
                        - number_at(fv_variable_value(b), j) + 1e-6),
                   power);
    return pow(sum, 1 / power);
}

static void check_value(const example *e, uint64_t seed)
{
    const subject s = subject_of(e, seed);
    const double margin = e->how.margin == 0 ? 1 : e->how.margin;
    fv_context *context = context_of(FV_F64);
    fv_variable *at[MOST_OPERANDS];
    double terms[64], sum = 0;
    make_operands(context, &s, at);
    const fv_tensor *y = fv_variable_value(apply(e, at));
    assert_ok(context);
    for (int64_t i = 0; i < e->n; i++) {
        double far = norm(e, at[0], at[2], i);
        if (e->how.swap) far = fmin(far, norm(e, at[1], at[2], i));
        sum += terms[i] = fmax(0, margin + norm(e, at[0], at[1], i) - far);
    }
    if (e->how.reduction != FV_REDUCTION_SUM) sum /= (double)e->n;
    assert_numbers(y, e->how.reduction == FV_REDUCTION_NONE ? terms : &sum,
                   1e-10);
    fv_context_free(context);
}

static void test_triplets(void **state)
{
    static const double powers[] = { 0, 1, 2, 3.5 };
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        const example e = { .n = pick(seed, 0, 1, 4),
                            .features = pick(seed, 1, 1, 5),
                            .how = { .margin = (double)(seed % 3) * 0.4,
                                     .power = powers[seed % 4],
                                     .swap = seed % 5 < 2,
                                     .reduction = (fv_reduction)(seed % 5) } };
        const subject s = subject_of(&e, seed);
        check_value(&e, seed);
        assert_gradients(&s);
        assert_single(&s, 2e-5);
    }
}

static void test_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const example e = { .n = 41,
                            .features = 131,
                            .how = { .power = i ? 3 : 2, .swap = i } };
        const subject s = subject_of(&e, 2);
        assert_same_bits(&s);
    }
}

static void test_refused(void **state)
{
    const double numbers[6] = { 0 };
    fv_context *context = context_of(FV_F32);
    const fv_triplet how = { .power = 0.5 };
    (void)state;
    fv_variable *x = LEAF(context, numbers, 2, 3);
    assert_null(fv_triplet_of(x, x, x, &how));
    assert_error(context, "triplet: power 0.5 is not 1 or more and finite");
    assert_null(fv_triplet_of(x, x, LEAF(context, numbers, 3, 2), NULL));
    assert_error(context, "triplet: anchor is [2, 3], negative is [3, 2]");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_triplets),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
