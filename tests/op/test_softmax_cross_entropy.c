/* Tests of the operator softmax_cross_entropy. */
#include "check_loss.h"

#include "op/loss/loss.h"

/* Three rows against weights. */
static const double rows[] = { -3.44, 1.16, -0.81, 3.91, 1,     2,
                               3,     4,    1000,  1000, -1000, 0 };
static const double weights[] = { 0, 0, 0, 1, 0, 1, 0, 0, 0.5, 0.5, 0, 0 };
static const double gradients[] = { 0.0001995345322,
                                    0.01985055639,
                                    0.002768296188,
                                    -0.0228183871,
                                    0.01068620109,
                                    -0.3042852271,
                                    0.07896093936,
                                    0.2146380866,
                                    0,
                                    0,
                                    0,
                                    0 };

static fv_variable *weights_of(fv_context *context, const double *numbers,
                               int64_t n, int64_t classes)
{
    union {
        const double *from;
        void *to;
    } data = { .from = numbers };
    const fv_tensor tensor = FV_TENSOR(data.to, FV_F64, n, classes);
    return fv_constant(context, &tensor);
}

static void test_one_row(void **state)
{
    const double dx[] = { 0.0005986035967, 0.05955166916, 0.008304888563,
                          -0.06845516131 };
    const double scaled[] = { 4.244755217e-05, 0.004222865678, 0.0005889075717,
                              -0.004854220802 };
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (int labelled = 0; labelled < 2; labelled++) {
            const double tolerance = dtype == FV_F32 ? 1e-7 : 1e-11;
            int64_t label = 3;
            fv_context *context = context_of((fv_dtype)dtype);
            fv_variable *x = LEAF(context, rows, 1, 4);
            fv_variable *target = labelled ? labels_of(context, &label, 1)
                                           : weights_of(context, weights, 1, 4);
            fv_variable *loss = fv_softmax_cross_entropy_of(x, target);
            assert_ok(context);
            assert_int_equal(fv_variable_value(loss)->rank, 0);
            assert_near(fv_item(loss), 0.07091095409762,
                        dtype == FV_F32 ? 1e-7 : 1e-14);
            const double upstream = fv_item(loss);
            fv_backprop(loss);
            assert_numbers(fv_variable_grad(x), dx, tolerance);
            fv_variable_zero_grad(x);
            fv_forget(context);
            target = labelled ? labels_of(context, &label, 1)
                              : weights_of(context, weights, 1, 4);
            walk_back_from(fv_softmax_cross_entropy_of(x, target), &upstream);
            assert_ok(context);
            assert_numbers(fv_variable_grad(x), scaled, tolerance);
            fv_context_free(context);
        }
    }
}

static void test_three_rows(void **state)
{
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *x = LEAF(context, rows, 3, 4);
        fv_variable *loss =
            fv_softmax_cross_entropy_of(x, weights_of(context, weights, 3, 4));
        assert_ok(context);
        assert_near(fv_item(loss), 1.068082611072921,
                    dtype == FV_F32 ? 1e-6 : 1e-14);
        fv_backprop(loss);
        assert_numbers(fv_variable_grad(x), gradients,
                       dtype == FV_F32 ? 1e-7 : 1e-10);
        fv_context_free(context);
    }
}

/* Labels, of any integer type, and rows with a single 1 agree. */
static void test_labels_and_weights(void **state)
{
    enum { N = 256, CLASSES = 20 };
    static double x[N * CLASSES], t[N * CLASSES];
    static uint8_t labels[N];
    const fv_tensor indices = FV_TENSOR(labels, FV_U8, N);
    (void)state;
    for (int64_t i = 0; i < N * CLASSES; i++) x[i] = 2 * chance(3, i) - 1;
    for (int64_t i = 0; i < N; i++) {
        labels[i] = (uint8_t)pick(4, i, 0, CLASSES - 1);
        t[i * CLASSES + labels[i]] = 1;
    }
    fv_context *context = context_of(FV_F32);
    fv_variable *a = LEAF(context, x, N, CLASSES);
    fv_variable *b = LEAF(context, x, N, CLASSES);
    fv_variable *by_label =
        fv_softmax_cross_entropy_of(a, fv_constant(context, &indices));
    fv_variable *by_weight =
        fv_softmax_cross_entropy_of(b, weights_of(context, t, N, CLASSES));
    assert_ok(context);
    assert_near(fv_item(by_label), fv_item(by_weight), 1e-6);
    walk_back(by_weight, 1);
    by_label = fv_softmax_cross_entropy_of(a, fv_constant(context, &indices));
    walk_back(by_label, 1);
    assert_ok(context);
    for (int64_t i = 0; i < N * CLASSES; i++)
        assert_near(number_at(fv_variable_grad(a), i),
                    number_at(fv_variable_grad(b), i), 1e-6);
    fv_context_free(context);
}

/* ---- random rows ------------------------------------------------------- */

typedef struct targets {
    int64_t n, classes;
    int64_t labels[700];
    const double *weights; /* NULL: labels */
} targets;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    targets t = *(const targets *)user;
    fv_context *context = fv_variable_context(at[0]);
    return fv_softmax_cross_entropy_of(
        at[0], t.weights ? weights_of(context, t.weights, t.n, t.classes)
                         : labels_of(context, t.labels, t.n));
}

static subject subject_of(targets *t, uint64_t seed, int64_t n, int64_t classes)
{
    t->n = n;
    t->classes = classes;
    for (int64_t i = 0; i < n; i++)
        t->labels[i] = pick(seed + 5, i, 0, classes - 1);
    return (subject){ .apply = apply,
                      .user = t,
                      .seed = seed,
                      .count = 1,
                      .operands = { { 2, { n, classes }, -3, 3, 0 } } };
}

static void test_gradients(void **state)
{
    double some[64];
    targets t = { 0 };
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        for (int64_t i = 0; i < 64; i++) some[i] = chance(seed + 9, i);
        const subject s =
            subject_of(&t, seed, pick(seed, 0, 1, 5), pick(seed, 1, 1, 8));
        t.weights = seed % 2 ? some : NULL;
        assert_gradients(&s);
        assert_single(&s, 1e-6);
    }
}

static void test_same_bits(void **state)
{
    static double some[700 * 61];
    targets t = { 0 };
    const subject s = subject_of(&t, 2, 700, 61);
    (void)state;
    assert_same_bits(&s);
    for (int64_t i = 0; i < 700 * 61; i++) some[i] = chance(9, i);
    t.weights = some;
    assert_same_bits(&s);
}

/* ---- what is refused --------------------------------------------------- */

static void test_refused_shapes(void **state)
{
    fv_context *context = context_of(FV_F32);
    int64_t labels[3] = { 0, 1, 2 };
    fv_variable *x = LEAF(context, rows, 3, 4);
    (void)state;
    assert_null(fv_softmax_cross_entropy_of(x, labels_of(context, labels, 2)));
    assert_error(context, "softmax_cross_entropy: class indices [2] do not "
                          "fit the input [3, 4]");
    /* of another rank, whatever they hold */
    int64_t wrong[3] = { 0, 9, -1 };
    fv_tensor column = FV_TENSOR(wrong, FV_I64, 3, 1);
    assert_null(fv_softmax_cross_entropy_of(x, fv_constant(context, &column)));
    assert_error(context, "softmax_cross_entropy: class indices [3, 1] do "
                          "not fit the input [3, 4]");
    fv_tensor number = fv_tensor_of(wrong + 1, FV_I64, 0, NULL);
    assert_null(fv_softmax_cross_entropy_of(x, fv_constant(context, &number)));
    assert_error(context, "softmax_cross_entropy: class indices [] do not "
                          "fit the input [3, 4]");
    assert_null(
        fv_softmax_cross_entropy_of(x, weights_of(context, weights, 4, 3)));
    assert_error(context,
                 "softmax_cross_entropy: input is [3, 4], target is [4, 3]");
    assert_null(fv_softmax_cross_entropy_of(LEAF(context, rows, 3, 2, 2),
                                            labels_of(context, labels, 3)));
    assert_error(context, "softmax_cross_entropy: class indices [3] do not "
                          "fit the input [3, 2, 2]");
    assert_null(fv_softmax_cross_entropy_of(LEAF(context, rows, 0, 4),
                                            labels_of(context, labels, 0)));
    assert_error(context,
                 "softmax_cross_entropy: input [0, 4] has no elements");
    assert_null(fv_softmax_cross_entropy_of(x, LEAF(context, rows, 3, 4)));
    assert_error(context, "softmax_cross_entropy: the target requires a "
                          "gradient, but has none");
    assert_null(fv_softmax_cross_entropy_of(x, NULL));
    assert_error(context, "softmax_cross_entropy: operand 2 is NULL");
    fv_context_free(context);
}

static void test_refused_labels(void **state)
{
    fv_context *context = context_of(FV_F32);
    int64_t labels[3] = { 0, 4, 2 };
    fv_variable *x = LEAF(context, rows, 3, 4);
    (void)state;
    assert_null(fv_softmax_cross_entropy_of(x, labels_of(context, labels, 3)));
    assert_error(context,
                 "softmax_cross_entropy: label 4 of row 1 is outside 0..3");
    labels[1] = 1, labels[2] = -1;
    assert_null(fv_softmax_cross_entropy_of(x, labels_of(context, labels, 3)));
    assert_error(context,
                 "softmax_cross_entropy: label -1 of row 2 is outside 0..3");
    fv_context_free(context);
}

/* Where nobody looked at the labels first, as in a plan, a wrong one makes the
 * loss NaN and its row has no gradient; nothing else is touched. */
static void test_unchecked_label(void **state)
{
    extern const fv_operator fv__op_softmax_cross_entropy;
    fv_context *context = context_of(FV_F32);
    int64_t labels[2] = { 1, INT64_MAX };
    fv_variable *x = LEAF(context, rows, 2, 4);
    fv_variable *inputs[] = { x, labels_of(context, labels, 2) };
    (void)state;
    const fv__class_loss how = { .margin = 0 };
    fv_variable *loss =
        fv_apply(&fv__op_softmax_cross_entropy, &how, 2, inputs);
    assert_ok(context);
    assert_true(isnan(fv_item(loss)));
    fv_backprop(loss);
    for (int64_t j = 0; j < 4; j++) {
        assert_true(number_at(fv_variable_grad(x), j) != 0);
        assert_near(number_at(fv_variable_grad(x), 4 + j), 0, 0);
    }
    fv_context_free(context);
}

static void test_extremes(void **state)
{
    const double large[] = { 1e38, -1e38 }, none[] = { (double)NAN, 0 };
    int64_t label = 0;
    fv_context *context = context_of(FV_F32);
    (void)state;
    assert_near(fv_item(fv_softmax_cross_entropy_of(
                    LEAF(context, large, 1, 2), labels_of(context, &label, 1))),
                0, 0);
    assert_true(isnan(fv_item(fv_softmax_cross_entropy_of(
        LEAF(context, none, 1, 2), labels_of(context, &label, 1)))));
    assert_ok(context);
    fv_context_free(context);
}

/* As PyTorch's cross_entropy: a class that is -inf is left out of the softmax,
 * but a dense weight of 0 there is 0 times inf. */
static void test_infinite_logits(void **state)
{
    (void)state;
    const double inf = (double)INFINITY;
    const double x[] = { 1, -inf, 2 }, p = 0.2689414213699951;
    const double dense[] = { 0.5, 0, 0.5 }, other[] = { 0, 0.5, 0.5 };
    const double with_inf[] = { 1, inf, 2 }, one[] = { 0, 1, 0 };
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        const double tolerance = dtype == FV_F32 ? 1e-6 : 1e-13;
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *leaf = LEAF(context, x, 1, 3);
        int64_t label = 0;
        fv_variable *loss =
            fv_softmax_cross_entropy_of(leaf, labels_of(context, &label, 1));
        assert_near(fv_item(loss), 1.3132616875182228, tolerance);
        fv_backprop(loss);
        assert_numbers(fv_variable_grad(leaf),
                       (const double[]){ p - 1, 0, 1 - p }, tolerance);
        fv_variable_zero_grad(leaf);

        fv_variable *target = LEAF(context, dense, 1, 3);
        fv_variable_set_requires_grad(target, 0);
        loss = fv_softmax_cross_entropy_of(leaf, target);
        assert_true(isnan(fv_item(loss)));
        fv_backprop(loss);
        assert_numbers(fv_variable_grad(leaf),
                       (const double[]){ p - 0.5, 0, 0.5 - p }, tolerance);
        fv_variable_zero_grad(leaf);

        target = LEAF(context, other, 1, 3);
        fv_variable_set_requires_grad(target, 0);
        loss = fv_softmax_cross_entropy_of(leaf, target);
        assert_true(fv_item(loss) == inf);
        fv_backprop(loss);
        assert_numbers(fv_variable_grad(leaf),
                       (const double[]){ p, -0.5, 0.5 - p }, tolerance);

        leaf = LEAF(context, with_inf, 1, 3);
        target = LEAF(context, one, 1, 3);
        fv_variable_set_requires_grad(target, 0);
        loss = fv_softmax_cross_entropy_of(leaf, target);
        assert_true(isnan(fv_item(loss)));
        fv_backprop(loss);
        for (int64_t i = 0; i < 3; i++)
            assert_true(isnan(number_at(fv_variable_grad(leaf), i)));
        assert_ok(context);
        fv_context_free(context);
    }
}

/* ---- options --------------------------------------------------------------
 */

static fv_variable *with(fv_variable *x, fv_variable *labels, double p,
                         double q, const fv_class_loss *how)
{
    (void)p, (void)q;
    return fv_softmax_cross_entropy_with(x, labels, how);
}

static double term(const double *x, int64_t n, int64_t label, double p,
                   double q)
{
    (void)p, (void)q;
    double sum = 0;
    for (int64_t j = 0; j < n; j++) sum += exp(x[j]);
    return log(sum) - x[label];
}

static void test_options(void **state)
{
    const class_loss loss = {
        .apply = with, .term = term, .low = -3, .high = 3
    };
    (void)state;
    check_class_loss(loss, 0.2);
    check_class_refused(&loss, "softmax_cross_entropy");
}

/* Weights of a dense target are those of classes times its own, and a mean is
 * over rows. */
static void test_dense_weights(void **state)
{
    const double x[] = { 1, 2, 0.5, -1 }, t[] = { 0.25, 0.75, 1, 0 };
    const double w[] = { 2, 3 };
    double expected = 0;
    fv_context *context = context_of(FV_F64);
    const fv_class_loss how = { .class_weights = { 2, w },
                                .label_smoothing = 0.1 };
    (void)state;
    for (int i = 0; i < 4; i++)
        expected += w[i % 2] * (0.9 * t[i] + 0.05)
                    * term(x + i / 2 * 2, 2, i % 2, 0, 0) / 2;
    fv_variable *at = LEAF(context, x, 2, 2);
    fv_variable *y =
        fv_softmax_cross_entropy_with(at, weights_of(context, t, 2, 2), &how);
    assert_ok(context);
    assert_near(fv_item(y), expected, 1e-14);
    const fv_class_loss wrong = { .label_smoothing = 1.5 };
    assert_null(fv_softmax_cross_entropy_with(at, weights_of(context, t, 2, 2),
                                              &wrong));
    assert_error(context, "softmax_cross_entropy: label_smoothing 1.5 is not "
                          "in 0..1");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_row),
        cmocka_unit_test(test_three_rows),
        cmocka_unit_test(test_labels_and_weights),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused_shapes),
        cmocka_unit_test(test_refused_labels),
        cmocka_unit_test(test_unchecked_label),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_infinite_logits),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_dense_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
