/* The learning rate range test: a problem whose best rate is known, what is as
 * before afterwards, refusals; and epochs that train the head alone. */
#include "nets.h"

#include "faults.h"

#include <math.h>
#include <unistd.h>

/* ---- the rate ------------------------------------------------------------ */

enum { ROWS = 16, WIDTH = 4, STEPS = 100 };

/* Rows with one number 2 each: the loss over all of them, the mean of squares
 * of 2 outputs, has the second derivative 1 in every weight, that of half of
 * them at most 4. Plain steps shrink errors for rates below 2 and 0.5; targets
 * that differ for equal rows keep the errors from vanishing. */
static fv_dataset *quadratic(fv_context *ctx)
{
    double x[ROWS * WIDTH] = { 0 }, t[ROWS * 2];
    for (int i = 0; i < ROWS; i++) x[i * WIDTH + i % WIDTH] = 2;
    for (int i = 0; i < ROWS * 2; i++) t[i] = i % 3 == 0;
    const fv_tensor images = FV_TENSOR(x, FV_F64, ROWS, WIDTH);
    const fv_tensor targets = FV_TENSOR(t, FV_F64, ROWS, 2);
    return fv_dataset_of(ctx, &images, &targets);
}

typedef struct seen {
    fv_rate_step steps[STEPS];
    int64_t count;
} seen;

static void see(void *user, const fv_rate_step *step)
{
    seen *s = user;
    s->steps[s->count++] = *step;
}

static void test_known_rate(void **state)
{
    (void)state;
    seen s = { .count = 0 };
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .threads = 1);
    fv_network *net =
        fv_network_parse(ctx, "input 4\nlinear 2 bias=no\nmse\n", "");
    fv_optimizer *sgd = fv_sgd(net, 0.5);
    const fv_rate_report r =
        fv_find_learning_rate(net, sgd, quadratic(ctx), .batch = 8,
                              .from = 1e-5, .to = 1000, .see = see, .user = &s);
    assert_ok(ctx);
    assert_true(r.diverged);
    assert_int_equal(r.steps, s.count);
    assert_true(s.count > 50 && s.count < STEPS);
    assert_near(s.steps[0].learning_rate, 1e-5, 1e-15);
    assert_near(s.steps[0].smoothed, s.steps[0].loss, 1e-15);
    assert_near(
        s.steps[2].smoothed,
        (s.steps[0].loss * 0.81 + s.steps[1].loss * 0.9 + s.steps[2].loss)
            / 2.71,
        1e-12);
    assert_near(s.steps[40].learning_rate / s.steps[39].learning_rate,
                pow(1e8, 1.0 / (STEPS - 1)), 1e-9);
    assert_true(r.least > 0.1 && r.least < 4);
    assert_near(r.suggested, r.least / 10, 1e-15);
    fv_context_free(ctx);
}

static void test_loss_that_never_falls(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .threads = 1);
    fv_network *net =
        fv_network_parse(ctx, "input 4\nlinear 2 bias=no\nmse\n", "");
    fv_set_trained(net, "*", 0);
    const fv_rate_report r = fv_find_learning_rate(
        net, fv_sgd(net, 0.5), quadratic(ctx), .batch = ROWS, .steps = 7);
    assert_ok(ctx);
    assert_true(isnan(r.suggested));
    assert_int_equal(r.steps, 7);
    assert_false(r.diverged);
    fv_context_free(ctx);
}

/* ---- what stays ---------------------------------------------------------- */

/* The digest after two epochs with a test before, between and behind them. */
static uint64_t trained(int32_t threads, bool search)
{
    fv_context *ctx = NET_CONTEXT(.threads = threads, .seed = 5);
    fv_network *net = fv_network_parse(ctx, net_dropout, "");
    fv_optimizer *rule = fv_optimizer_parse(net, "adamw 0.01");
    fv_dataset *data = net_dataset(ctx, 22);
    fv_set_average(rule, 0.9);
    fv_set_schedule(rule, "linear 3 for 3 then cosine 6");
    for (int epoch = 0; epoch < 2; epoch++) {
        if (search) {
            const fv_rate_report r =
                fv_find_learning_rate(net, rule, data, .batch = 8, .steps = 9,
                                      .to = epoch ? 1e30 : 10);
            assert_true(r.steps > 0);
        }
        assert_near(fv_learning_rate(rule),
                    epoch ? 0.01 * (1 + cos(acos(-1) / 6)) / 2 : 1e-4, 1e-9);
        fv_tensor images = net_images(ctx, 4), labels = net_labels(ctx, 4);
        for (int i = 0; i < 4; i++) fv_train_step(net, rule, &images, &labels);
        fv_tensor_free(ctx, &images);
        fv_tensor_free(ctx, &labels);
    }
    if (search) fv_find_learning_rate(net, rule, data, .steps = 3);
    assert_ok(ctx);
    const uint64_t weights = net_digest(net);
    fv_swap_average(rule);
    const uint64_t digest = weights * 31 + net_digest(net);
    fv_context_free(ctx);
    return digest;
}

static void test_all_is_put_back(void **state)
{
    (void)state;
    const uint64_t digest = trained(1, false);
    assert_true(digest == trained(1, true));
    assert_true(digest == trained(4, true));
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "");
    fv_optimizer *rule = fv_sgd(net, 0.1);
    fv_dataset *data = net_dataset(ctx, 4);
    fv_find_learning_rate(net, NULL, data);
    assert_error(ctx, "rate: the optimizer belongs to another network");
    fv_find_learning_rate(net, rule, NULL);
    assert_error(ctx, "rate: there is no training data");
    fv_find_learning_rate(net, rule, data, .steps = 1);
    assert_error(ctx, "rate: steps 1, expected at least 2");
    fv_find_learning_rate(net, rule, data, .from = 1, .to = 0.1);
    assert_error(ctx, "rate: from 1 to 0.1, expected growing numbers above 0");
    const volatile sig_atomic_t stop = 1;
    fv_find_learning_rate(net, rule, data, .stop = &stop);
    assert_error(ctx, "rate: stopped after step 1 of 100");
    assert_true(isnan(fv_find_learning_rate(NULL, rule, data).suggested));
    fv_context_free(ctx);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t fail = 1, calls = 2; fail <= calls; fail += 1 + fail / 8) {
        faults_memory memory = { 0 };
        const fv_allocator allocator = faults_allocator(&memory);
        fv_context *ctx = NET_CONTEXT(.allocator = &allocator, .threads = 1);
        fv_network *net = fv_network_parse(ctx, net_dropout, "");
        fv_optimizer *rule = fv_adam(net, 0.1);
        fv_dataset *data = net_dataset(ctx, 4);
        assert_ok(ctx);
        const size_t before = memory.calls;
        memory.fail_at = before + fail;
        fv_find_learning_rate(net, rule, data, .steps = 3);
        calls = memory.calls - before;
        assert_true(fv_failed(ctx) == FV_OK || fv_failed(ctx) == FV_NO_MEMORY);
        fv_context_free(ctx);
        assert_int_equal(memory.blocks, 0);
        assert_int_equal(memory.wrong, 0);
    }
}

/* ---- the head alone ------------------------------------------------------ */

typedef struct epochs {
    fv_network *net;
    unsigned char *first;
    size_t bytes, head; /* of all weights, of those of the head at their end */
    int64_t frozen;
} epochs;

static void look(void *user, const fv_progress *p)
{
    epochs *e = user;
    if (!p->test) return;
    size_t bytes;
    unsigned char *now = net_dump(fv_network_variables(e->net), 0, &bytes);
    const size_t body = bytes - e->head;
    assert_int_equal(memcmp(now, e->first, body) == 0, p->epoch <= e->frozen);
    assert_true(memcmp(now + body, e->first + body, e->head) != 0);
    free(now);
}

static uint64_t fit(const char *path, int64_t frozen, int64_t epochs_now,
                    int resume)
{
    fv_context *ctx = NET_CONTEXT(.threads = 1, .seed = 2);
    fv_network *net = fv_network_parse(ctx, net_plain, "");
    epochs e = { .net = net, .frozen = frozen, .head = (7 * 4 + 4) * 4 };
    fv_variable *fixed = fv_network_variables(net).at[0];
    fv_variable_set_requires_grad(fixed, 0);
    fv_optimizer *rule = fv_sgd(net, 0.1, .momentum = 0.9);
    fv_dataset *data = net_dataset(ctx, 10);
    fv_accuracy(net, data); /* draws the weights */
    e.first = net_dump(fv_network_variables(net), 0, &e.bytes);
    fv_fit(net, rule, data, .epochs = epochs_now, .batch = 4,
           .freeze_epochs = frozen, .progress = look, .user = &e,
           .checkpoint = path, .resume = resume);
    assert_ok(ctx);
    assert_false(fv_variable_requires_grad(fixed));
    assert_true(fv_variable_requires_grad(fv_network_variables(net).at[1]));
    const uint64_t digest = net_digest(net);
    free(e.first);
    fv_context_free(ctx);
    return digest;
}

static void test_freeze_epochs(void **state)
{
    (void)state;
    needs(JANSSON);
    char path[] = "/tmp/fovea-freeze-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    unlink(path);
    const uint64_t whole = fit(NULL, 2, 4, 0);
    fit(path, 2, 3, 0);
    assert_true(fit(path, 2, 4, 1) == whole);
    assert_true(fit(NULL, 0, 4, 0) != whole);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_rate),
        cmocka_unit_test(test_loss_that_never_falls),
        cmocka_unit_test(test_all_is_put_back),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_freeze_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
