/* Optimizer steps against the formulas in long double. */
#include "kernel/tables.h"

#include "kernel/optimizer.h"

/* in[0] is the gradient; out: weights, first and second moment */
struct example {
    fv__update rule;
    bool keeps_momentum;
};

static void sgd(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    void *const state[] = { e->keeps_momentum ? d->out[1] : NULL };
    kernels->update(d->n, &e->rule, d->in[0], d->out[0], state);
}

static void check_sgd(const data *d, const data *start, const struct example *e)
{
    const fv__update *rule = &e->rule;
    for (size_t i = 0; i < d->n; i++) {
        const double w = number(d->dtype, start->out[0], i);
        const double before = number(d->dtype, start->out[1], i);
        const double g = number(d->dtype, d->in[0], i) + rule->decay * w;
        const double m =
            e->keeps_momentum ? rule->beta1 * before + rule->rest1 * g : before;
        double step = e->keeps_momentum ? m : g;
        if (rule->nesterov) step = g + rule->beta1 * m;
        assert_near(number(d->dtype, d->out[1], i), m,
                    4 * epsilon_of(d->dtype));
        assert_near(number(d->dtype, d->out[0], i), w - rule->rate * step,
                    4 * epsilon_of(d->dtype));
    }
}

static void test_sgd(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { { .rate = 0.1 }, false },
        { { .rate = 0.1, .decay = 0.01 }, false },
        { { .rate = 0.1, .decay = 0.01, .beta1 = 0.9, .rest1 = 1 }, true },
        { { .rate = 0.1,
            .decay = 0.01,
            .beta1 = 0.9,
            .rest1 = 0.7,
            .nesterov = true },
          true },
    };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < LENGTHS * 4; i++) {
            data *d = make_data(dtype, lengths[i / 4], -1, 1);
            const data start = *d;
            run_tables(d, sgd, &examples[i % 4]);
            assert_untouched(d, 0, d->n);
            assert_untouched(d, 1, d->n);
            check_sgd(d, &start, &examples[i % 4]);
            free(d);
        }
    }
}

static void adam(const fv__kernels *kernels, data *d, const void *argument)
{
    void *const state[] = { d->out[1], d->out[2], NULL };
    kernels->update(d->n, argument, d->in[0], d->out[0], state);
}

static void check_adam(const data *d, const data *start, const fv__update *rule)
{
    const double slack = 8 * epsilon_of(d->dtype);
    for (size_t i = 0; i < d->n; i++) {
        const double w = number(d->dtype, start->out[0], i);
        const double g = number(d->dtype, d->in[0], i) + rule->decay * w;
        const double m =
            rule->beta1 * number(d->dtype, start->out[1], i) + rule->rest1 * g;
        const double v = rule->beta2 * number(d->dtype, start->out[2], i)
                         + rule->rest2 * g * g;
        const double step =
            rule->rate * m / (sqrt(v) / rule->root + rule->epsilon);
        assert_near(number(d->dtype, d->out[1], i), m, slack);
        assert_near(number(d->dtype, d->out[2], i), v, slack);
        assert_near(number(d->dtype, d->out[0], i), rule->keep * w - step,
                    slack * (1 + fabs(step)));
    }
}

static void test_adam(void **state)
{
    (void)state;
    static const fv__update rules[] = {
        { .rule = FV__RULE_ADAM,
          .rate = 0.01,
          .keep = 1,
          .beta1 = 0.9,
          .rest1 = 0.1,
          .beta2 = 0.999,
          .rest2 = 0.001,
          .root = 0.03,
          .epsilon = 1e-8 },
        { .rule = FV__RULE_ADAM,
          .rate = 0.05,
          .decay = 0.1,
          .keep = 1,
          .beta1 = 0.9,
          .rest1 = 0.1,
          .beta2 = 0.99,
          .rest2 = 0.01,
          .root = 0.14,
          .epsilon = 1e-3 },
        { .rule = FV__RULE_ADAM,
          .rate = 0.05,
          .keep = 0.8,
          .beta1 = 0.9,
          .rest1 = 0.1,
          .beta2 = 0.99,
          .rest2 = 0.01,
          .root = 0.14,
          .epsilon = 1e-3 },
    };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < LENGTHS * 3; i++) {
            data *d = make_data(dtype, lengths[i / 3], -1, 1);
            put_random(dtype, d->out[2], d->n, 9, 0.01, 1);
            const data start = *d;
            run_tables(d, adam, &rules[i % 3]);
            for (size_t k = 0; k < 3; k++) assert_untouched(d, k, d->n);
            check_adam(d, &start, &rules[i % 3]);
            free(d);
        }
    }
}

/* Adam's first step from rest is learning_rate against the gradient's sign. */
static void test_first_adam_step(void **state)
{
    (void)state;
    const fv__update rule = {
        .rule = FV__RULE_ADAM,
        .rate = 1e-3 / (1 - 0.9),
        .keep = 1,
        .beta1 = 0.9,
        .rest1 = 1 - 0.9,
        .beta2 = 0.999,
        .rest2 = 1 - 0.999,
        .root = sqrt(1 - 0.999),
        .epsilon = 1e-12,
    };
    data *d = make_data(FV_F64, 257, 0.5, 1);
    for (size_t i = 0; i < d->n; i++)
        d->out[0][i].f64 = d->out[1][i].f64 = d->out[2][i].f64 = 0;
    run_tables(d, adam, &rule);
    for (size_t i = 0; i < d->n; i++)
        assert_near(d->out[0][i].f64 / 1e-3, -1, 1e-10);
    free(d);
}

/* A rule with the state that it may lack, as bits of its places. */
struct stated {
    fv__rule rule;
    unsigned state;
};

static void update(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct stated *e = argument;
    const fv__update numbers = {
        .rule = e->rule,
        .rate = 0.01,
        .gradient_rate = 0.02,
        .decay = 0.1,
        .keep = 0.99,
        .beta1 = 0.9,
        .rest1 = 0.1,
        .beta2 = 0.99,
        .rest2 = 0.01,
        .root = 0.14,
        .epsilon = 1e-3,
    };
    void *state[3];
    for (unsigned i = 0; i < 3; i++)
        state[i] = e->state >> i & 1 ? d->out[2 + i] : NULL;
    kernels->update(d->n, &numbers, d->out[0], d->out[1], state);
}

/* Every rule is the same on all tables, touches its arrays only, and changes
 * the weights, or, LAMB, the gradient. Its values are those of PyTorch in
 * tests/oracle, or of a formula in tests/train. */
static void test_all_rules(void **state)
{
    (void)state;
    static const struct stated rules[] = {
        { FV__RULE_SGD, 0 },     { FV__RULE_SGD, 1 },
        { FV__RULE_ADAM, 3 },    { FV__RULE_ADAM, 7 },
        { FV__RULE_MEAN, 3 },    { FV__RULE_NADAM, 3 },
        { FV__RULE_RMSPROP, 1 }, { FV__RULE_RMSPROP, 3 },
        { FV__RULE_RMSPROP, 5 }, { FV__RULE_RMSPROP, 7 },
        { FV__RULE_ADAGRAD, 1 }, { FV__RULE_ADADELTA, 3 },
        { FV__RULE_LION, 1 },    { FV__RULE_LAMB, 3 },
    };
    enum { RULES = sizeof rules / sizeof *rules };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        for (size_t i = 0; i < LENGTHS * RULES; i++) {
            const struct stated *e = &rules[i % RULES];
            const size_t n = lengths[i / RULES];
            data *d = make_data(dtype, n, -1, 1);
            for (size_t k = 2; k < OUTPUTS; k++)
                put_random(dtype, d->out[k], n, 9 + k, 0.1, 1);
            const data start = *d;
            run_tables(d, update, e);
            for (size_t k = 0; k < OUTPUTS; k++) {
                const size_t bytes = n * fv_dtype_bytes(dtype);
                const bool same = memcmp(d->out[k], start.out[k], bytes) == 0;
                const bool kept = k == (e->rule == FV__RULE_LAMB)
                                  || (k > 1 && !(e->state >> (k - 2) & 1));
                /* one alone may stay: a largest v that is larger */
                assert_true(same == kept || n < 10);
                assert_untouched(d, k, n);
            }
            free(d);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_first_adam_step),
        cmocka_unit_test(test_all_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
