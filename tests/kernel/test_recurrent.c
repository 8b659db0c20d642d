/* Steps of LSTM and GRU cells and their gradients. */
#include "kernel/tables.h"

/* Gates are `gate` elements apart in out[0]. */
struct example {
    size_t n, gate;
};

static const struct example examples[] = {
    { 0, 3 }, { 1, 1 }, { 15, 20 }, { 17, 17 }, { 64, 130 }, { 257, 257 },
};
#define EXAMPLES (sizeof examples / sizeof *examples)

/* in[0] is c or h before, in[1] dh; out[1] c or dh, out[2] h or dc */
static void lstm(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->lstm(e->n, e->gate, d->out[0], d->in[0], d->out[1], d->out[2]);
}
static void lstm_grad(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->lstm_grad(e->n, e->gate, d->out[0], d->in[0], d->in[2], d->in[1],
                       d->out[2]);
}
static void gru(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->gru(e->n, e->gate, d->out[0], d->in[0], d->out[1]);
}
static void gru_grad(const fv__kernels *kernels, data *d, const void *argument)
{
    const struct example *e = argument;
    kernels->gru_grad(e->n, e->gate, d->out[0], d->in[0], d->out[1]);
}

static double logistic(double x) { return 1 / (1 + exp(-x)); }
static double slope(double y) { return y * (1 - y); }

/* Four gates of unit j. */
static void gates_of(const data *d, const struct example *e, size_t j,
                     double g[4])
{
    for (size_t k = 0; k < 4; k++)
        g[k] = number(d->dtype, d->out[0], k * e->gate + j);
}

static void check_gates(const data *d, const struct example *e, size_t j,
                        const double want[4])
{
    double got[4];
    gates_of(d, e, j, got);
    for (size_t k = 0; k < 4; k++)
        assert_near(got[k], want[k], 8 * epsilon_of(d->dtype));
}

static void check_lstm(const data *d, const data *start,
                       const struct example *e, size_t j)
{
    double s[4];
    gates_of(start, e, j, s);
    const double g[] = { logistic(s[0]), logistic(s[1]), tanh(s[2]),
                         logistic(s[3]) };
    const double c = g[1] * number(d->dtype, d->in[0], j) + g[0] * g[2];
    check_gates(d, e, j, g);
    assert_near(number(d->dtype, d->out[1], j), c, 8 * epsilon_of(d->dtype));
    assert_near(number(d->dtype, d->out[2], j), g[3] * tanh(c),
                8 * epsilon_of(d->dtype));
}

static void check_lstm_grad(const data *d, const data *start,
                            const struct example *e, size_t j)
{
    double g[4];
    gates_of(start, e, j, g);
    const double before = number(d->dtype, d->in[0], j);
    const double dh = number(d->dtype, d->in[1], j);
    const double t = tanh(number(d->dtype, d->in[2], j));
    const double dc =
        number(d->dtype, start->out[2], j) + dh * g[3] * (1 - t * t);
    check_gates(d, e, j,
                (const double[]){
                    dc * g[2] * slope(g[0]), dc * before * slope(g[1]),
                    dc * g[0] * (1 - g[2] * g[2]), dh * t * slope(g[3]) });
    assert_near(number(d->dtype, d->out[2], j), dc * g[1],
                8 * epsilon_of(d->dtype));
}

static void check_gru(const data *d, const data *start, const struct example *e,
                      size_t j)
{
    double s[4];
    gates_of(start, e, j, s);
    const double r = logistic(s[0]), z = logistic(s[1]);
    const double n = tanh(s[3] + r * s[2]);
    check_gates(d, e, j, (const double[]){ r, z, s[2], n });
    assert_near(number(d->dtype, d->out[1], j),
                (1 - z) * n + z * number(d->dtype, d->in[0], j),
                8 * epsilon_of(d->dtype));
}

static void check_gru_grad(const data *d, const data *start,
                           const struct example *e, size_t j)
{
    double g[4];
    gates_of(start, e, j, g);
    const double dh = number(d->dtype, start->out[1], j);
    const double inner = dh * (1 - g[1]) * (1 - g[3] * g[3]);
    check_gates(d, e, j,
                (const double[]){ inner * g[2] * slope(g[0]),
                                  dh * (number(d->dtype, d->in[0], j) - g[3])
                                      * slope(g[1]),
                                  inner * g[0], inner });
    assert_near(number(d->dtype, d->out[1], j), dh * g[1],
                8 * epsilon_of(d->dtype));
}

typedef void checks(const data *d, const data *start, const struct example *e,
                    size_t j);

/* What lies between the gates and behind the results stays. */
static void run(call *kernel, checks *check, bool has_h)
{
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++)
        for (size_t i = 0; i < EXAMPLES; i++) {
            const struct example *e = &examples[i];
            data *d = make_data((fv_dtype)dtype, e->n, -3, 3);
            data *start = malloc(sizeof *start);
            assert_non_null(start);
            *start = *d;
            run_tables(d, kernel, e);
            for (size_t j = 0; j < e->n; j++) check(d, start, e, j);
            for (size_t j = 0; j < 5 * e->gate; j++)
                if (j >= 4 * e->gate || j % e->gate >= e->n)
                    assert_true(number(d->dtype, d->out[0], j)
                                == number(d->dtype, start->out[0], j));
            assert_untouched(d, 1, e->n);
            assert_untouched(d, 2, has_h ? e->n : 0);
            free(start);
            free(d);
        }
}

static void test_lstm(void **state)
{
    (void)state;
    run(lstm, check_lstm, true);
    run(lstm_grad, check_lstm_grad, true);
}

static void test_gru(void **state)
{
    (void)state;
    run(gru, check_gru, false);
    run(gru_grad, check_gru_grad, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lstm),
                                        cmocka_unit_test(test_gru) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
