/* Optimizer steps against the formulas in long double. */
#include "kernel/tables.h"

/* in[0] is the gradient; out: weights, first and second moment */
struct example {
    fv__sgd rule;
    bool keeps_momentum;
};

static void sgd(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->sgd(d->n, &e->rule, d->in[0], d->out[0],
                 e->keeps_momentum ? d->out[1] : NULL);
}

static void check_sgd(const data *d, const data *start, const struct example *e)
{
    const fv__sgd *rule = &e->rule;
    for (size_t i = 0; i < d->n; i++) {
        const double w = number(d->dtype, start->out[0], i);
        const double before = number(d->dtype, start->out[1], i);
        const double g = number(d->dtype, d->in[0], i) + rule->weight_decay * w;
        const double m =
            e->keeps_momentum ? rule->momentum * before + g : before;
        double step = e->keeps_momentum ? m : g;
        if (rule->nesterov) step = g + rule->momentum * m;
        assert_near(number(d->dtype, d->out[1], i), m,
                    4 * epsilon_of(d->dtype));
        assert_near(number(d->dtype, d->out[0], i),
                    w - rule->learning_rate * step, 4 * epsilon_of(d->dtype));
    }
}

static void test_sgd(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { { 0.1, 0, 0, false }, false },
        { { 0.1, 0, 0.01, false }, false },
        { { 0.1, 0.9, 0.01, false }, true },
        { { 0.1, 0.9, 0.01, true }, true },
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
    kernels->adam(d->n, argument, d->in[0], d->out[0], d->out[1], d->out[2]);
}

static void check_adam(const data *d, const data *start, const fv__adam *rule)
{
    const double slack = 8 * epsilon_of(d->dtype);
    for (size_t i = 0; i < d->n; i++) {
        double w = number(d->dtype, start->out[0], i);
        double g = number(d->dtype, d->in[0], i);
        if (rule->decoupled)
            w *= 1 - rule->learning_rate * rule->weight_decay;
        else
            g += rule->weight_decay * w;
        const double m = rule->beta1 * number(d->dtype, start->out[1], i)
                         + (1 - rule->beta1) * g;
        const double v = rule->beta2 * number(d->dtype, start->out[2], i)
                         + (1 - rule->beta2) * g * g;
        const double divisor =
            sqrt(v) / sqrt(rule->correction2) + rule->epsilon;
        const double step =
            rule->learning_rate / rule->correction1 * m / divisor;
        assert_near(number(d->dtype, d->out[1], i), m, slack);
        assert_near(number(d->dtype, d->out[2], i), v, slack);
        assert_near(number(d->dtype, d->out[0], i), w - step,
                    slack * (1 + fabs(step)));
    }
}

static void test_adam(void **state)
{
    (void)state;
    static const fv__adam rules[] = {
        { 1e-3, 0.9, 0.999, 1e-8, 0, false, 1 - 0.9, 1 - 0.999 },
        { 1e-2, 0.9, 0.99, 1e-3, 0.1, false, 1 - 0.81, 1 - 0.9801 },
        { 1e-2, 0.9, 0.99, 1e-3, 0.1, true, 1 - 0.81, 1 - 0.9801 },
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
    static const fv__adam rule = { 1e-3, 0.9,   0.999,   1e-12,
                                   0,    false, 1 - 0.9, 1 - 0.999 };
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
