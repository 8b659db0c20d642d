/* Groups of parameters, freezing, clipping and averages against formulas. */
#include "nets.h"

#include "train/optimizer.h"

/* A network of weights [2, 3] and [1, 2] with biases, whose gradients the test
 * writes: 1, 2, 3 ... */
typedef struct net {
    fv_context *ctx;
    fv_network *network;
    fv_variables list;
    fv_optimizer *sgd;
    double start[4][6];
} net;

static net begin(void)
{
    net n = { .ctx = NET_CONTEXT(.dtype = FV_F64, .threads = 1, .seed = 3) };
    n.network = fv_network_parse(n.ctx, "input 3\nlinear 2\nlinear 1\n", "net");
    n.sgd = fv_sgd(n.network, 0.5, .weight_decay = 0.25);
    n.list = fv_network_variables(n.network);
    assert_ok(n.ctx);
    assert_int_equal(n.list.count, 4);
    for (int i = 0; i < 4; i++) {
        const fv_tensor *value = fv_variable_value(n.list.at[i]);
        for (int64_t k = 0; k < fv_tensor_count(value); k++)
            ((double *)value->data)[k] = n.start[i][k] = 0.1 + (double)(k + i);
        fv_variable_changed(n.list.at[i]);
    }
    return n;
}

static void backprop(net *n)
{
    double number = 0;
    for (int i = 0; i < 4; i++) {
        if (!n->list.at[i]->requires_grad) continue;
        const fv_tensor *value = fv_variable_value(n->list.at[i]);
        double g[6];
        for (int64_t k = 0; k < fv_tensor_count(value); k++) g[k] = ++number;
        fv_tensor gradient = fv_tensor_of(g, FV_F64, value->rank, value->shape);
        fv_backprop(
            fv_sum(fv_mul(n->list.at[i], fv_constant(n->ctx, &gradient))));
        fv_forget(n->ctx);
    }
    assert_ok(n->ctx);
}

static double at(const net *n, int i, int64_t k)
{
    return ((const double *)fv_variable_value(n->list.at[i])->data)[k];
}

/* One step of SGD: by parameter, rate and decay; a gradient of `scale` times
 * that of backprop, limited to `limit`. */
static void check(net *n, const double rate[4], const double decay[4],
                  double scale, double limit)
{
    double number = 0;
    backprop(n);
    assert_int_equal(fv_optimizer_update(n->sgd), FV_OK);
    for (int i = 0; i < 4; i++)
        for (int64_t k = 0;
             k < fv_tensor_count(fv_variable_value(n->list.at[i])); k++) {
            const double w = n->start[i][k], g = fmin(++number, limit) * scale;
            assert_near(at(n, i, k), w - rate[i] * (g + decay[i] * w), 1e-14);
        }
    fv_context_free(n->ctx);
}

static const double rates[] = { 0.5, 0.5, 0.5, 0.5 };
static const double decays[] = { 0.25, 0.25, 0.25, 0.25 };

static void test_groups(void **state)
{
    (void)state;
    net n = begin();
    check(&n, rates, decays, 1, 100);
    n = begin();
    fv_scale_learning_rate(n.sgd, "linear1.*", 0.1);
    fv_scale_learning_rate(n.sgd, "*.bias", 0);
    fv_set_weight_decay(n.sgd, "l?near2.w*t", 3);
    check(&n, (const double[]){ 0.05, 0, 0.5, 0 },
          (const double[]){ 0.25, 0.25, 3, 0.25 }, 1, 100);
    n = begin();
    fv_decay_weights_only(n.sgd);
    check(&n, rates, (const double[]){ 0.25, 0, 0.25, 0 }, 1, 100);
    n = begin();
    fv_set_weight_decay(n.sgd, "*", 0);
    fv_set_weight_decay(n.sgd, "linear2.bias", 1);
    check(&n, rates, (const double[]){ 0, 0, 0, 1 }, 1, 100);
}

static void test_clipping(void **state)
{
    (void)state;
    double squares = 0, limited = 0;
    for (int i = 1; i <= 11; i++) {
        squares += i * i;
        limited += fmin(i, 4) * fmin(i, 4);
    }
    net n = begin();
    fv_set_clip_norm(n.sgd, 2);
    check(&n, rates, decays, 2 / (sqrt(squares) + 1e-6), 100);
    n = begin();
    fv_set_clip_norm(n.sgd, 100); /* it is less */
    check(&n, rates, decays, 1, 100);
    n = begin();
    fv_set_clip_value(n.sgd, 4);
    check(&n, rates, decays, 1, 4);
    n = begin();
    fv_set_clip_value(n.sgd, 4);
    fv_set_clip_norm(n.sgd, 3);
    check(&n, rates, decays, 3 / (sqrt(limited) + 1e-6), 4);
    n = begin();
    fv_set_clip_norm(n.sgd, 2);
    fv_set_clip_value(n.sgd, 4);
    fv_set_clip_norm(n.sgd, 0);
    fv_set_clip_value(n.sgd, 0);
    check(&n, rates, decays, 1, 100);
}

static void test_freezing(void **state)
{
    (void)state;
    net n = begin();
    fv_set_trained(n.network, "linear1.*", 0);
    fv_set_trained(n.network, "linear1.bias", 1);
    backprop(&n);
    fv_optimizer_update(n.sgd);
    assert_ok(n.ctx);
    for (int i = 0; i < 4; i++)
        assert_int_equal(at(&n, i, 0) == n.start[i][0], i == 0);
    fv_context_free(n.ctx);
}

static void test_averages(void **state)
{
    (void)state;
    net n = begin();
    fv_set_average(n.sgd, 0.75);
    fv_set_trained(n.network, "linear2.bias", 0);
    double average[4], raw[4];
    for (int i = 0; i < 4; i++) average[i] = n.start[i][0];
    for (int step = 0; step < 5; step++) {
        backprop(&n);
        fv_optimizer_update(n.sgd);
        for (int i = 0; i < 4; i++) {
            raw[i] = at(&n, i, 0);
            average[i] = 0.75 * average[i] + 0.25 * raw[i];
        }
    }
    assert_int_equal(fv_swap_average(n.sgd), FV_OK);
    for (int i = 0; i < 4; i++) assert_near(at(&n, i, 0), average[i], 1e-14);
    assert_int_equal(fv_optimizer_update(n.sgd), FV_MISUSE);
    assert_error(n.ctx, "optimizer: the averages stand where the weights do");
    assert_int_equal(fv_set_average(n.sgd, 0.5), FV_MISUSE);
    fv_clear_error(n.ctx);
    assert_int_equal(fv_swap_average(n.sgd), FV_OK);
    for (int i = 0; i < 4; i++) assert_true(at(&n, i, 0) == raw[i]);
    fv_context_free(n.ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    net n = begin();
    fv_scale_learning_rate(n.sgd, "conv*", 2);
    assert_error(n.ctx, "optimizer: no parameter fits \"conv*\"");
    fv_scale_learning_rate(n.sgd, "linear1", 2);
    assert_error(n.ctx, "optimizer: no parameter fits \"linear1\"");
    fv_scale_learning_rate(n.sgd, "*", -1);
    assert_error(n.ctx, "optimizer: factor -1 is not a number of at least 0");
    fv_set_weight_decay(n.sgd, "*", (double)NAN);
    assert_error(n.ctx,
                 "optimizer: weight_decay nan is not a number of at least 0");
    fv_set_weight_decay(n.sgd, NULL, 0);
    assert_error(n.ctx, "optimizer: the pattern is NULL");
    fv_set_trained(n.network, "*.filters", 0);
    assert_error(n.ctx, "network: no parameter fits \"*.filters\"");
    fv_set_clip_norm(n.sgd, -1);
    assert_error(n.ctx,
                 "optimizer: clip_norm -1 is not a number of at least 0");
    fv_set_clip_value(n.sgd, (double)INFINITY);
    assert_error(n.ctx,
                 "optimizer: clip_value inf is not a number of at least 0");
    fv_set_average(n.sgd, 1);
    assert_error(n.ctx, "optimizer: average 1 is not at least 0 and below 1");
    fv_swap_average(n.sgd);
    assert_error(n.ctx, "optimizer: there are no averages of the weights");
    fv_optimizer *own = fv_sgd(NULL, 1, .variables = n.list);
    fv_set_weight_decay(own, "*", 0);
    assert_error(n.ctx, "optimizer: a list of variables has no names to fit a "
                        "pattern");
    assert_int_equal(fv_decay_weights_only(own), FV_OK);
    assert_int_equal(fv_set_trained(NULL, "*", 0), FV_MISUSE);
    assert_int_equal(fv_set_average(NULL, 0), FV_MISUSE);
    assert_int_equal(fv_swap_average(NULL), FV_MISUSE);
    assert_int_equal(fv_set_clip_norm(NULL, 0), FV_MISUSE);
    assert_int_equal(fv_set_clip_value(NULL, 0), FV_MISUSE);
    assert_int_equal(fv_decay_weights_only(NULL), FV_MISUSE);
    assert_int_equal(fv_scale_learning_rate(NULL, "*", 0), FV_MISUSE);
    assert_int_equal(fv_set_weight_decay(NULL, "*", 0), FV_MISUSE);
    fv_context_free(n.ctx);
}

/* The squares of the gradients overflow: the weights stay. */
static void test_norm_that_overflows(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1, .dtype = FV_F64);
    fv_variable *leaf = fv_variable_number(ctx, 1);
    fv_optimizer *sgd = fv_sgd(NULL, 0.5, .variables = { 1, &leaf });
    fv_set_clip_norm(sgd, 1);
    fv_backprop(fv_mul_number(leaf, 1e200));
    assert_int_equal(fv_optimizer_update(sgd), FV_NOT_FINITE);
    assert_error(ctx, "optimizer: the norm of the gradients is not finite");
    assert_true(fv_item(leaf) == 1);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_freezing),
        cmocka_unit_test(test_averages),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_norm_that_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
