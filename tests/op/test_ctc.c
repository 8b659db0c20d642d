/* Tests of the operator ctc: against the sum over all paths. */
#include "operands.h"

enum { MOST = 64 };

typedef struct example {
    int64_t n, steps, classes, length; /* of the array of labels */
    int64_t labels[MOST], input_lengths[MOST], target_lengths[MOST];
    int given; /* 1: input lengths, 2: target lengths */
    fv_ctc how;
} example;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    example e = *(const example *)user;
    fv_context *context = fv_variable_context(at[0]);
    const fv_tensor labels = FV_TENSOR(e.labels, FV_I64, e.n, e.length);
    return fv_ctc_of(
        at[0], fv_constant(context, &labels),
        e.given & 1 ? labels_of(context, e.input_lengths, e.n) : NULL,
        e.given & 2 ? labels_of(context, e.target_lengths, e.n) : NULL, &e.how);
}

/* Logarithms of probabilities need not add up to 1. */
static subject subject_of(const example *e, uint64_t seed)
{
    return (subject){
        .apply = apply,
        .user = e,
        .seed = seed,
        .count = 1,
        .operands = { { 3, { e->n, e->steps, e->classes }, -3, -0.1, 0 } }
    };
}

static example example_of(uint64_t seed)
{
    example e = { .n = pick(seed, 0, 1, 3),
                  .steps = pick(seed, 1, 1, 5),
                  .classes = pick(seed, 2, 2, 3),
                  .length = pick(seed, 3, 1, 3),
                  .given = (int)(seed % 4) };
    e.how.blank = seed % 2 ? e.classes - 1 : 0;
    e.how.zero_infinity = 1;
    e.how.reduction = (fv_reduction)(seed % 5);
    for (int64_t i = 0; i < e.n; i++) {
        e.input_lengths[i] =
            e.given & 1 ? pick(seed, 10 + i, 0, e.steps) : e.steps;
        e.target_lengths[i] = pick(seed, 20 + i, 0, e.length);
        for (int64_t k = 0; k < e.length; k++) {
            int64_t *label = &e.labels[i * e.length + k];
            *label = pick(seed, 30 + i * e.length + k, 0, e.classes - 2);
            if (*label >= e.how.blank) ++*label;
            if (!(e.given & 2) && k >= e.target_lengths[i]) *label = -1;
        }
    }
    return e;
}

/* Whether a path reads as the labels of sequence i. */
static bool reads(const example *e, int64_t i, const int64_t *path)
{
    int64_t found = 0, last = -1;
    for (int64_t t = 0; t < e->input_lengths[i]; t++) {
        if (path[t] != last && path[t] != e->how.blank
            && (found == e->target_lengths[i]
                || e->labels[i * e->length + found++] != path[t]))
            return false;
        last = path[t];
    }
    return found == e->target_lengths[i];
}

/* The sum over all paths. */
static double loss_of(const example *e, const fv_tensor *x, int64_t i)
{
    int64_t path[5], paths = 1;
    double total = 0;
    for (int64_t t = 0; t < e->input_lengths[i]; t++) paths *= e->classes;
    for (int64_t k = 0; k < paths; k++) {
        double sum = 0;
        int64_t rest = k;
        for (int64_t t = 0; t < e->input_lengths[i]; t++) {
            path[t] = rest % e->classes;
            rest /= e->classes;
            sum += number_at(x, (i * e->steps + t) * e->classes + path[t]);
        }
        if (reads(e, i, path)) total += exp(sum);
    }
    return total > 0              ? -log(total)
           : e->how.zero_infinity ? 0
                                  : (double)INFINITY;
}

static void check_value(const example *e, uint64_t seed, fv_dtype dtype)
{
    const subject s = subject_of(e, seed);
    fv_context *context = context_of(dtype);
    fv_variable *at[MOST_OPERANDS];
    double terms[MOST], sum = 0;
    make_operands(context, &s, at);
    const fv_tensor *y = fv_variable_value(apply(e, at));
    assert_ok(context);
    for (int64_t i = 0; i < e->n; i++) {
        terms[i] = loss_of(e, fv_variable_value(at[0]), i);
        const double labels = fmax(1, (double)e->target_lengths[i]);
        sum += terms[i] / (e->how.reduction <= FV_REDUCTION_MEAN ? labels : 1);
    }
    if (e->how.reduction != FV_REDUCTION_SUM) sum /= (double)e->n;
    assert_numbers(y, e->how.reduction == FV_REDUCTION_NONE ? terms : &sum,
                   dtype == FV_F32 ? 1e-6 : 1e-13);
    fv_context_free(context);
}

static void test_all_paths(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        const example e = example_of(seed);
        const subject s = subject_of(&e, seed);
        check_value(&e, seed, FV_F32);
        check_value(&e, seed, FV_F64);
        if (seed % 2 == 0 || seed > 30) assert_gradients(&s);
    }
}

static void test_same_bits(void **state)
{
    example e = { .n = 5, .steps = 40, .classes = 11, .length = 12 };
    (void)state;
    for (int64_t i = 0; i < 60; i++) e.labels[i] = pick(7, i, 1, 10);
    const subject s = subject_of(&e, 3);
    assert_same_bits(&s);
}

/* A long sequence of small probabilities, far below what a number holds. */
static void test_long(void **state)
{
    enum { STEPS = 3000 };
    static double x[STEPS * 2];
    int64_t label[1] = { 1 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    for (int i = 0; i < STEPS * 2; i++) x[i] = -20;
    const fv_tensor labels = FV_TENSOR(label, FV_I64, 1, 1);
    fv_variable *at = LEAF(context, x, 1, STEPS, 2);
    fv_variable *y =
        fv_ctc_of(at, fv_constant(context, &labels), NULL, NULL, NULL);
    /* one run of ones, which may begin and end anywhere */
    assert_near(fv_item(y), 20.0 * STEPS - log(STEPS * (STEPS + 1) / 2.0),
                1e-6);
    fv_backprop(y);
    double sum = 0;
    for (int64_t i = 0; i < STEPS * 2; i++)
        sum += number_at(fv_variable_grad(at), i);
    assert_near(sum, -STEPS, 1e-4);
    fv_context_free(context);
}

/* Two equal labels need a blank between them; there is no room. */
static void test_impossible(void **state)
{
    const double x[] = { -1, -1, -1, -1 };
    int64_t same[2] = { 1, 1 }, unknown[2] = { 2, -1 };
    fv_context *context = context_of(FV_F64);
    fv_ctc how = { 0 };
    (void)state;
    const fv_tensor labels = FV_TENSOR(same, FV_I64, 1, 2);
    fv_variable *at = LEAF(context, x, 1, 2, 2);
    fv_variable *y =
        fv_ctc_of(at, fv_constant(context, &labels), NULL, NULL, &how);
    assert_true(isinf(fv_item(y)) && fv_item(y) > 0);
    how.zero_infinity = 1;
    y = fv_ctc_of(at, fv_constant(context, &labels), NULL, NULL, &how);
    assert_near(fv_item(y), 0, 0);
    fv_backprop(y);
    assert_numbers(fv_variable_grad(at), (const double[]){ 0, 0, 0, 0 }, 0);
    const fv_tensor wrong = FV_TENSOR(unknown, FV_I64, 1, 2);
    y = fv_ctc_of(at, fv_constant(context, &wrong), NULL, NULL, &how);
    assert_true(isnan(fv_item(y)));
    fv_backprop(y);
    assert_numbers(fv_variable_grad(at), (const double[]){ 0, 0, 0, 0 }, 0);
    fv_context_free(context);
}

static void test_refused(void **state)
{
    const double numbers[12] = { 0 };
    int64_t lengths[3] = { 0 };
    fv_context *context = context_of(FV_F32);
    const fv_ctc how = { .blank = 3 };
    (void)state;
    fv_variable *x = LEAF(context, numbers, 2, 2, 3);
    fv_tensor labels = FV_TENSOR(lengths, FV_I64, 3, 1);
    assert_null(fv_ctc_of(x, fv_constant(context, &labels), NULL, NULL, NULL));
    assert_error(context, "ctc: labels [3, 1] of i64, expected whole numbers "
                          "for 2 sequences");
    labels = FV_TENSOR(lengths, FV_I64, 2, 1);
    assert_null(fv_ctc_of(x, fv_constant(context, &labels), NULL, NULL, &how));
    assert_error(context, "ctc: blank 3 is outside 0..2");
    assert_null(fv_ctc_of(x, fv_constant(context, &labels), NULL,
                          labels_of(context, lengths, 3), NULL));
    assert_error(context, "ctc: target lengths [3] of i64, expected whole "
                          "numbers for 2 sequences");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_paths), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_long),      cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
