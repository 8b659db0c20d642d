/* Times and speeds of training, by a clock that the test sets: the program is
 * linked so that fv__seconds() is the function below. */
#include "nets.h"

#include "base/internal.h"

#include <unistd.h>

double __wrap_fv__seconds(void);

static double now;

double __wrap_fv__seconds(void) { return now; }

/* What happens while an epoch's batches are done and its end is not told. */
static bool evaluating;
static int64_t training_calls;
static fv_progress last_batch, last_epoch;

/* The host's own pool: each call takes a second of training, or much of
 * evaluation. */
static void run_slowly(void *user, size_t items, fv_task *task, void *argument)
{
    (void)user;
    for (size_t i = 0; i < items; i++) task(argument, i);
    if (!evaluating) training_calls++;
    now += evaluating ? 1e6 : 1;
}

static int slow_fsync(void *user, int file)
{
    (void)user;
    now += 1e9;
    return fsync(file) ? -1 : 0;
}

static void look(void *user, const fv_progress *progress)
{
    (void)user;
    if (progress->test) {
        last_epoch = *progress;
        evaluating = false;
    } else {
        last_batch = *progress;
        evaluating = progress->batch == progress->batches;
    }
}

static void fit_slowly(bool tested, bool saved, const char *path)
{
    fv_io io = fv__io_posix;
    io.fsync = slow_fsync;
    fv_context *ctx =
        NET_CONTEXT(.threads = 2, .parallel_for = run_slowly, .io = &io);
    fv_network *net = fv_network_parse(ctx, net_residual, "net");
    fv_dataset *data = net_dataset(ctx, 10);
    fv_fit_report report = { .epochs = 0 };
    assert_ok(ctx);
    evaluating = false;
    now = 5;
    training_calls = 0;
    fv_fit(net, fv_sgd(net, 0.01), data, .test = tested ? data : NULL,
           .epochs = 3, .batch = 4, .checkpoint = saved ? path : NULL,
           .progress = look, .report = &report);
    assert_ok(ctx);
    assert_true(training_calls > 0);
    assert_true(now > (tested || saved ? 1e6 : 5));
    assert_true(report.seconds == (double)training_calls);
    assert_true(report.images_per_s == 30 / report.seconds);
    assert_true(last_epoch.images_per_s == report.images_per_s);
    assert_true(last_epoch.seconds_left == 0);
    assert_true(last_batch.images_per_s == report.images_per_s);
    fv_context_free(ctx);
}

static void test_rates_leave_evaluation_and_files_out(void **state)
{
    (void)state;
    char path[] = "/tmp/fovea-clock-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    fit_slowly(false, false, path);
    fit_slowly(true, false, path);
    if (TEST_HAS_JANSSON) {
        fit_slowly(false, true, path);
        fit_slowly(true, true, path);
    }
    unlink(path);
}

static double left[6];

static void keep_left(void *user, const fv_progress *progress)
{
    int *count = user;
    if (!progress->test) left[(*count)++] = progress->seconds_left;
    now += 2; /* the host's own time counts */
}

/* What is left of 3 + 3 batches at a constant speed. */
static void test_seconds_left(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    int count = 0;
    now = 100;
    fv_fit(net, fv_sgd(net, 0.01), net_dataset(ctx, 12), .epochs = 2,
           .batch = 4, .progress = keep_left, .user = &count);
    assert_ok(ctx);
    assert_int_equal(count, 6);
    assert_true(isnan(left[0])); /* no time has passed */
    assert_true(left[1] == 16 / (8 / 2.0));
    assert_true(left[2] == 12 / (12 / 4.0));
    /* the end of the epoch was told, too */
    assert_true(left[3] == 8 / (16 / 8.0));
    assert_true(left[5] == 0);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_leave_evaluation_and_files_out),
        cmocka_unit_test(test_seconds_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
