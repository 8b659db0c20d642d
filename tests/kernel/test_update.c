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
    void *const state[] = { d->out[1], d->out[2] };
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
        { FV__RULE_ADAM, false, 1e-2, 0, 1, 0.9, 0.1, 0.999, 0.001, 0.03,
          1e-8 },
        { FV__RULE_ADAM, false, 5e-2, 0.1, 1, 0.9, 0.1, 0.99, 0.01, 0.14,
          1e-3 },
        { FV__RULE_ADAM, false, 5e-2, 0, 0.8, 0.9, 0.1, 0.99, 0.01, 0.14,
          1e-3 },
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_first_adam_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
