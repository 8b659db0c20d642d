/* Optimizers: Rosenbrock's valley step by step, options, state, refusals. */
#include "nets.h"

typedef struct valley {
    fv_context *ctx;
    fv_variable *at[2];
    fv_variables list;
} valley;

static void begin(valley *v, fv_dtype dtype)
{
    v->ctx = NET_CONTEXT(.dtype = dtype);
    v->at[0] = fv_variable_number(v->ctx, 1.5);
    v->at[1] = fv_variable_number(v->ctx, 1.5);
    v->list = (fv_variables){ 2, v->at };
    assert_ok(v->ctx);
}

/* (1 - x)^2 + 100 (y - x^2)^2; adds its gradient. */
static double descend(valley *v)
{
    fv_variable *x = v->at[0], *y = v->at[1];
    fv_variable *a = fv_number_sub(1, x);
    fv_variable *b = fv_sub(y, fv_mul(x, x));
    fv_variable *f = fv_add(fv_mul(a, a), fv_mul_number(fv_mul(b, b), 100));
    double value = fv_item(f);
    assert_int_equal(fv_backprop(f), FV_OK);
    return value;
}

static double number(fv_variable *v) { return fv_item(v); }

static double gradient(fv_variable *v)
{
    return *(const double *)fv_variable_grad(v)->data;
}

/* x and y after steps 1, 2, 3, 10 and 100, and f after the last. */
typedef struct path {
    double at[5][2], last;
} path;

static void check_path(valley *v, fv_optimizer *optimizer, const path *expected)
{
    static const int steps[] = { 1, 2, 3, 10, 100 };
    assert_ok(v->ctx);
    int row = 0;
    for (int step = 1; step <= 100; step++) {
        double f = descend(v);
        if (step == 1) {
            assert_near(f, 56.5, 1e-13);
            assert_near(gradient(v->at[0]), 451, 1e-13);
            assert_near(gradient(v->at[1]), -150, 1e-13);
        }
        assert_int_equal(fv_optimizer_update(optimizer), FV_OK);
        assert_true(gradient(v->at[0]) == 0 && gradient(v->at[1]) == 0);
        if (step != steps[row]) continue;
        assert_near(number(v->at[0]), expected->at[row][0], 1e-11);
        assert_near(number(v->at[1]), expected->at[row][1], 1e-11);
        row++;
    }
    assert_near(descend(v), expected->last, 1e-10);
    fv_context_free(v->ctx);
}

static void test_sgd(void **state)
{
    (void)state;
    static const path expected = { { { 1.4549, 1.515 },
                                     { 1.419790507554, 1.527034680200 },
                                     { 1.391948486189, 1.536810088303 },
                                     { 1.298244217550, 1.571282884495 },
                                     { 1.258580105351, 1.584911194410 } },
                                   0.066942403288 };
    valley v;
    begin(&v, FV_F64);
    check_path(&v, fv_sgd(NULL, 1e-4, .variables = v.list), &expected);
}

static void test_momentum(void **state)
{
    (void)state;
    static const path expected = { { { 1.4549, 1.515 },
                                     { 1.376945507554, 1.541284680200 },
                                     { 1.283277564434, 1.573349011401 },
                                     { 1.077647218246, 1.600110135751 },
                                     { 0.996308298811, 1.043300348019 } },
                                   0.256759752364 };
    valley v;
    begin(&v, FV_F64);
    check_path(&v, fv_sgd(NULL, 1e-4, .variables = v.list, .momentum = 0.95),
               &expected);
}

static void test_nesterov(void **state)
{
    (void)state;
    static const path expected = { { { 1.412055, 1.52925 },
                                     { 1.320014937364, 1.560908823598 },
                                     { 1.238771954437, 1.589236062718 },
                                     { 1.195178041449, 1.569461843155 },
                                     { 1.191832102273, 1.421115986017 } },
                                   0.036842095339 };
    valley v;
    begin(&v, FV_F64);
    check_path(&v,
               fv_sgd(NULL, 1e-4, .variables = v.list, .momentum = 0.95,
                      .nesterov = 1),
               &expected);
}

static void test_adam(void **state)
{
    (void)state;
    static const path expected = { { { 1.499, 1.501 },
                                     { 1.498000161010, 1.501999857074 },
                                     { 1.497000590904, 1.502999475370 },
                                     { 1.490020144691, 1.509982090642 },
                                     { 1.411321605365, 1.589699820653 } },
                                   16.339946913889 };
    valley v;
    begin(&v, FV_F64);
    check_path(&v, fv_adam(NULL, 1e-3, .variables = v.list), &expected);
    /* AdamW without its decay is Adam */
    begin(&v, FV_F64);
    check_path(&v, fv_adamw(NULL, 1e-3, 0, .variables = v.list), &expected);
}

/* Two steps by hand: Adam's decay goes through the moments, AdamW's does not,
 * SGD's is added to the gradient. */
static void test_weight_decay(void **state)
{
    (void)state;
    for (int rule = 0; rule < 3; rule++) {
        valley v;
        begin(&v, FV_F64);
        const double rate = 0.01, decay = 0.3;
        fv_optimizer *optimizer =
            rule == 0
                ? fv_sgd(NULL, 0.01, .variables = v.list, .weight_decay = decay)
            : rule == 1 ? fv_adam(NULL, rate, .variables = v.list,
                                  .weight_decay = decay)
                        : fv_adamw(NULL, rate, decay, .variables = v.list);
        double w = 1.5, m = 0, s = 0;
        for (int t = 1; t <= 5; t++) {
            descend(&v);
            double g = gradient(v.at[0]);
            if (rule < 2) g += decay * w;
            m = 0.9 * m + 0.1 * g;
            s = 0.999 * s + 0.001 * g * g;
            double step =
                m / (1 - pow(0.9, t)) / (sqrt(s / (1 - pow(0.999, t))) + 1e-8);
            if (rule == 2) w -= rate * decay * w;
            w -= rate * (rule ? step : g);
            fv_optimizer_update(optimizer);
            assert_near(number(v.at[0]), w, 1e-12);
        }
        assert_ok(v.ctx);
        fv_context_free(v.ctx);
    }
}

static void test_frozen_and_zero(void **state)
{
    (void)state;
    valley v;
    begin(&v, FV_F64);
    fv_optimizer *sgd =
        fv_sgd(NULL, 0.01, .variables = v.list, .momentum = 0.5);
    fv_variable_set_requires_grad(v.at[1], 0);
    descend(&v);
    fv_optimizer_update(sgd);
    assert_true(number(v.at[0]) != 1.5);
    assert_true(number(v.at[1]) == 1.5);
    descend(&v);
    fv_zero_grad(sgd);
    assert_true(gradient(v.at[0]) == 0);
    fv_zero_grad(NULL);
    assert_int_equal(fv_optimizer_update(NULL), FV_MISUSE);
    fv_optimizer_free(sgd);
    fv_optimizer_free(NULL);
    assert_ok(v.ctx);
    fv_context_free(v.ctx);
}

static void test_learning_rate(void **state)
{
    (void)state;
    valley v;
    begin(&v, FV_F64);
    fv_optimizer *sgd = fv_sgd(NULL, 0.01, .variables = v.list);
    fv_optimizer *adam = fv_adam(NULL, 1e-3, .variables = v.list);
    assert_true(fv_learning_rate(sgd) == 0.01);
    assert_true(fv_learning_rate(adam) == 0.001);
    assert_true(isnan(fv_learning_rate(NULL)));
    assert_int_equal(fv_set_learning_rate(sgd, 1e-4), FV_OK);
    assert_true(fv_learning_rate(sgd) == 1e-4);
    descend(&v);
    fv_optimizer_update(sgd);
    assert_near(number(v.at[0]), 1.4549, 1e-14);
    const double wrong[] = { -1, (double)NAN, (double)INFINITY };
    static const char *const texts[] = { "-1", "nan", "inf" };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fv_set_learning_rate(adam, wrong[i]), FV_MISUSE);
        char sentence[100];
        snprintf(sentence, sizeof sentence,
                 "optimizer: learning_rate %s is not a number of at least 0",
                 texts[i]);
        assert_error(v.ctx, sentence);
        assert_true(fv_learning_rate(adam) == 0.001);
    }
    fv_context_free(v.ctx);
}

/* The last step of a cosine: nothing changes but moments and counts. */
static void test_a_rate_of_zero(void **state)
{
    (void)state;
    for (int rule = 0; rule < 3; rule++) {
        valley v;
        begin(&v, FV_F64);
        fv_optimizer *optimizer =
            rule == 0 ? fv_sgd(NULL, 0.01, .variables = v.list, .momentum = 0.9,
                               .weight_decay = 0.1)
            : rule == 1 ? fv_adam(NULL, 1e-3, .variables = v.list)
                        : fv_adamw(NULL, 1e-3, 0.01, .variables = v.list);
        const double rate = fv_learning_rate(optimizer);
        assert_int_equal(fv_set_learning_rate(optimizer, 0), FV_OK);
        assert_true(fv_learning_rate(optimizer) == 0);
        descend(&v);
        assert_int_equal(fv_optimizer_update(optimizer), FV_OK);
        assert_true(number(v.at[0]) == 1.5 && number(v.at[1]) == 1.5);
        assert_true(gradient(v.at[0]) == 0);
        assert_int_equal(fv_set_learning_rate(optimizer, rate), FV_OK);
        descend(&v);
        assert_int_equal(fv_optimizer_update(optimizer), FV_OK);
        assert_true(number(v.at[0]) < 1.5);
        assert_ok(v.ctx);
        fv_context_free(v.ctx);
    }
}

/* Adam by hand, with an own count for each variable: y joins after three
 * steps. */
static void test_bias_correction_of_a_thawed_variable(void **state)
{
    (void)state;
    valley v;
    begin(&v, FV_F64);
    fv_optimizer *adam = fv_adam(NULL, 0.01, .variables = v.list);
    double w[2] = { 1.5, 1.5 }, m[2] = { 0 }, s[2] = { 0 };
    int count[2] = { 0 };
    for (int step = 0; step < 8; step++) {
        fv_variable_set_requires_grad(v.at[1], step >= 3);
        descend(&v);
        for (int i = 0; i < 1 + (step >= 3); i++) {
            const double g = gradient(v.at[i]);
            const int t = ++count[i];
            m[i] = 0.9 * m[i] + 0.1 * g;
            s[i] = 0.999 * s[i] + 0.001 * g * g;
            w[i] -= 0.01 * m[i] / (1 - pow(0.9, t))
                    / (sqrt(s[i] / (1 - pow(0.999, t))) + 1e-8);
        }
        fv_optimizer_update(adam);
        assert_near(number(v.at[0]), w[0], 1e-12);
        assert_near(number(v.at[1]), w[1], 1e-12);
    }
    assert_ok(v.ctx);
    fv_context_free(v.ctx);
}

static void refuse(valley *v, fv_optimizer *made, const char *sentence)
{
    assert_null(made);
    assert_error(v->ctx, sentence);
}

static void test_refusals(void **state)
{
    (void)state;
    valley v, other;
    begin(&v, FV_F64);
    begin(&other, FV_F64);
    refuse(&v, fv_sgd(NULL, -0.5, .variables = v.list),
           "sgd: learning_rate -0.5 is not a number of at least 0");
    refuse(&v, fv_sgd(NULL, 0.01, .variables = v.list, .momentum = 1),
           "sgd: momentum 1 is not at least 0 and below 1");
    refuse(&v, fv_sgd(NULL, 0.01, .variables = v.list, .weight_decay = -1),
           "sgd: weight_decay -1 is not a number of at least 0");
    refuse(&v, fv_sgd(NULL, 0.01, .variables = v.list, .nesterov = 1),
           "sgd: nesterov needs a momentum above 0");
    refuse(&v, fv_adam(NULL, 1e-3, .variables = v.list, .betas = { 1.5, 0.9 }),
           "adam: beta1 1.5 is not at least 0 and below 1");
    refuse(
        &v,
        fv_adamw(NULL, 1e-3, 0.01, .variables = v.list, .betas = { 0.9, -0.1 }),
        "adamw: beta2 -0.1 is not above 0 and below 1");
    refuse(&v, fv_adam(NULL, 1e-3, .variables = v.list, .epsilon = (double)NAN),
           "adam: epsilon nan is not above 0 and finite");
    refuse(&v, fv_sgd_new(&(fv_sgd_options){ .size = 1, .variables = v.list }),
           "sgd: size of the options is 1, FV_OPTIONS sets it");
    refuse(&v,
           fv_adam_new(&(fv_adam_options){ .size = 1, .variables = v.list }),
           "adam: size of the options is 1, FV_OPTIONS sets it");
    assert_null(fv_sgd(NULL, 0.01, .variables = { 2, NULL }));
    assert_null(fv_sgd_new(NULL));
    assert_null(fv_adam(NULL, 1e-3));
    fv_variable *mixed[] = { v.at[0], other.at[0] };
    refuse(&v, fv_sgd(NULL, 0.01, .variables = { 2, mixed }),
           "optimizer: variable 1 is of another context");
    mixed[1] = NULL;
    refuse(&v, fv_sgd(NULL, 0.01, .variables = { 2, mixed }),
           "optimizer: variable 1 is NULL");
    mixed[1] = fv_mul(v.at[0], v.at[1]);
    refuse(&v, fv_sgd(NULL, 0.01, .variables = { 2, mixed }),
           "optimizer: variable 1 is not a leaf");
    fv_context_free(v.ctx);
    fv_context_free(other.ctx);
}

/* In f32 the numbers agree to its precision. */
static void test_f32(void **state)
{
    (void)state;
    valley v;
    begin(&v, FV_F32);
    fv_optimizer *adam = fv_adam(NULL, 1e-3, .variables = v.list);
    for (int i = 0; i < 100; i++) {
        descend(&v);
        fv_optimizer_update(adam);
    }
    assert_near(number(v.at[0]), 1.411321605365, 2e-6);
    assert_near(number(v.at[1]), 1.589699820653, 2e-6);
    fv_context_free(v.ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_momentum),
        cmocka_unit_test(test_nesterov),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_weight_decay),
        cmocka_unit_test(test_frozen_and_zero),
        cmocka_unit_test(test_learning_rate),
        cmocka_unit_test(test_a_rate_of_zero),
        cmocka_unit_test(test_bias_correction_of_a_thawed_variable),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_f32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
