/* Early stopping, the best epoch, kept checkpoints and rollbacks, each of which
 * goes on from a checkpoint as if the run had never stopped. */
#include "nets.h"

#include "faults.h"

#include <signal.h>
#include <unistd.h>

enum { IMAGES = 10, BATCHES = 3 };
static char folder[64], path[96], best[96];
static volatile sig_atomic_t stop;
static char logged[1024];

/* A run; members that are 0 are not in use. */
typedef struct way {
    fv_fit_options options;
    double rate;
    int64_t poison_at; /* the step after which the weights become NaN */
    bool always;       /* and after each step behind it */
    int64_t stop_after;
    double average;
    int64_t micro_batch;
} way;

typedef struct watch {
    const way *way;
    fv_network *net;
    double values[16]; /* test loss of each epoch, from 1 */
    uint64_t digests[16];
    bool poisoned;
    int64_t batches;
} watch;

static void look(void *user, const fv_progress *p)
{
    watch *w = user;
    if (p->test) {
        w->values[p->epoch] = p->test->loss;
        w->digests[p->epoch] = net_digest(w->net);
        return;
    }
    assert_int_equal(p->step, (p->epoch - 1) * BATCHES + p->batch);
    if (w->way->poison_at && p->step >= w->way->poison_at
        && (w->way->always || !w->poisoned)) {
        w->poisoned = true;
        fv_variable *v = fv_network_variables(w->net).at[0];
        *(float *)fv_variable_value(v)->data = NAN;
    }
    if (++w->batches == w->way->stop_after) stop = 1;
}

static void log_line(void *user, const char *line)
{
    (void)user;
    snprintf(logged, sizeof logged, "%s", line);
}

/* Returns the digest of the weights; the sentence of a failure goes to `error`.
 */
static uint64_t run(const way *how, watch *w, fv_fit_report *report,
                    char *error)
{
    fv_context *ctx = NET_CONTEXT(.threads = 2, .seed = 5, .log = log_line);
    fv_fit_options o = how->options;
    *w =
        (watch){ .way = how, .net = fv_network_parse(ctx, net_dropout, "net") };
    fv_optimizer *adam = fv_adam(w->net, how->rate);
    fv_set_average(adam, how->average);
    o.size = sizeof o;
    o.train = o.test = net_dataset(ctx, IMAGES);
    o.batch = 4;
    o.checkpoint = path;
    o.resume = 1;
    o.micro_batch = how->micro_batch;
    o.stop = &stop;
    o.progress = look;
    o.user = w;
    o.report = report;
    stop = 0;
    logged[0] = '\0';
    fv_fit_with(w->net, adam, &o);
    snprintf(error, 1024, "%s", fv_error(ctx));
    fv_clear_error(ctx);
    uint64_t digest = net_digest(w->net);
    fv_context_free(ctx);
    return digest;
}

static uint64_t fresh(const way *how, watch *w, fv_fit_report *report,
                      char *error)
{
    unlink(path);
    return run(how, w, report, error);
}

/* Of a model without a run. */
static uint64_t digest_of(const char *file)
{
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_load(ctx, file);
    assert_ok(ctx);
    const uint64_t digest = net_digest(net);
    fv_context_free(ctx);
    return digest;
}

static void test_stops_at_the_known_epoch(void **state)
{
    (void)state;
    needs(JANSSON);
    watch w;
    fv_fit_report report;
    char error[1024];
    /* without a learning rate no epoch is better than the first */
    way still = { { .epochs = 9, .patience = 3, .best = best }, .rate = 0 };
    fresh(&still, &w, &report, error);
    assert_string_equal(error, "");
    assert_true(report.epochs == 4 && report.stopped);
    assert_int_equal(report.best_epoch, 1);
    /* nothing is left to do, until there is more patience */
    run(&still, &w, &report, error);
    assert_true(report.epochs == 4 && report.stopped && report.resumed);
    still.options.patience = 5;
    run(&still, &w, &report, error);
    assert_true(report.epochs == 6 && report.stopped);
    /* other monitors see nothing of what was watched before */
    still.options.monitor = FV_MONITOR_TRAIN_ACCURACY;
    run(&still, &w, &report, error);
    assert_int_equal(report.epochs, 9);
    /* the rule, applied to the values that the epochs had */
    for (int i = 0; i < 6; i++) {
        way wild = { { .epochs = 12,
                       .patience = 2,
                       .best = best,
                       .min_delta = 0.05 * (i / 3) },
                     .rate = 0.05 * (1 + i % 3) };
        fresh(&wild, &w, &report, error);
        int64_t expected = 0, epoch = 0;
        double least = (double)INFINITY;
        while (epoch < 12 && epoch - expected < 2 + !expected) {
            epoch++;
            if (!(w.values[epoch] < least - wild.options.min_delta)) continue;
            least = w.values[epoch];
            expected = epoch;
        }
        assert_string_equal(error, "");
        assert_int_equal(report.epochs, epoch);
        assert_int_equal(report.best_epoch, expected);
        assert_true(report.best == least);
        assert_int_equal(report.stopped, epoch < 12);
        assert_true(digest_of(best) == w.digests[expected]);
    }
}

/* Stops after each batch. */
static void check_going_on(way w)
{
    watch seen;
    fv_fit_report whole, part;
    char error[1024];
    const uint64_t digest = fresh(&w, &seen, &whole, error);
    assert_string_equal(error, "");
    const uint64_t model = w.options.best ? digest_of(best) : 0;
    unlink(path);
    w.stop_after = 1;
    for (int i = 0; i < 3 * (int)whole.epochs - 1; i++)
        run(&w, &seen, &part, error);
    w.stop_after = 0;
    assert_true(run(&w, &seen, &part, error) == digest);
    assert_string_equal(error, "");
    assert_int_equal(part.epochs, whole.epochs);
    assert_int_equal(part.best_epoch, whole.best_epoch);
    assert_true(part.best == whole.best);
    assert_int_equal(part.stopped, whole.stopped);
    if (w.options.best) assert_true(digest_of(best) == model);
}

static void test_going_on(void **state)
{
    (void)state;
    needs(JANSSON);
    check_going_on(
        (way){ { .epochs = 6, .patience = 2, .best = best }, .rate = 0.1 });
    check_going_on((way){ { .epochs = 6,
                            .patience = 2,
                            .best = best,
                            .monitor = FV_MONITOR_TRAIN_ACCURACY },
                          .rate = 0.02,
                          .average = 0.5,
                          .micro_batch = 3 });
}

static bool there(int64_t epoch)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%lld", path, (long long)epoch);
    return access(name, F_OK) == 0;
}

static void test_kept_checkpoints(void **state)
{
    (void)state;
    needs(JANSSON);
    watch w;
    fv_fit_report report;
    char error[1024], name[128];
    const way keeps = { { .epochs = 5, .keep = 2 }, .rate = 0.01 };
    const uint64_t digest = fresh(&keeps, &w, &report, error);
    assert_string_equal(error, "");
    for (int64_t e = 0; e < 7; e++)
        assert_int_equal(there(e), e == 4 || e == 5);
    /* each is one to go on from */
    snprintf(name, sizeof name, "%s.4", path);
    assert_int_equal(rename(name, path), 0);
    assert_true(run(&keeps, &w, &report, error) == digest);
    assert_true(report.resumed && w.batches == BATCHES);
    for (int64_t e = 4; e < 6; e++) {
        snprintf(name, sizeof name, "%s.%lld", path, (long long)e);
        unlink(name);
    }
}

static void test_rollbacks(void **state)
{
    (void)state;
    needs(JANSSON);
    watch w;
    fv_fit_report report;
    char error[1024];
    way nan = { { .epochs = 4 }, .rate = 0.01, .poison_at = 7 };
    const char *sentence = "train: the loss of step 8 is nan: a parameter of "
                           "conv1 is not finite";
    fresh(&nan, &w, &report, error);
    assert_string_equal(error, sentence);
    assert_int_equal(report.epochs, 2);
    nan.options.rollbacks = 2;
    fresh(&nan, &w, &report, error);
    assert_string_equal(error, "");
    assert_true(report.rollbacks == 1 && report.epochs == 4);
    char expected[1024];
    snprintf(expected, sizeof expected,
             "%s; going back to batch 0 of epoch 3 with learning_rate 0.005",
             sentence);
    assert_string_equal(logged, expected);
    nan.always = true;
    fresh(&nan, &w, &report, error);
    snprintf(expected, sizeof expected, "after 2 rollbacks: %s", sentence);
    assert_string_equal(error, expected);
    /* in the first epoch, too */
    nan.always = false;
    nan.poison_at = 1;
    fresh(&nan, &w, &report, error);
    assert_string_equal(error, "");
    assert_int_equal(report.rollbacks, 1);
    check_going_on((way){ { .epochs = 3, .rollbacks = 1 }, .rate = 0.01 });
}

/* Each call of the file system fails once, for want of room: the run fails with
 * a sentence, and what was a checkpoint is one still. */
static void test_failing_files(void **state)
{
    (void)state;
    needs(JANSSON);
    char log[128];
    snprintf(log, sizeof log, "%s.csv", path);
    unlink(path);
    size_t calls = 0;
    for (size_t k = 1; !calls; k += 3) {
        faults_io files = { .fail_at = k, .error = 28 /* ENOSPC */ };
        const fv_io io = faults_io_table(&files);
        faults_memory memory = { 0 };
        fv_allocator allocator = faults_allocator(&memory);
        fv_context *ctx =
            NET_CONTEXT(.threads = 1, .io = &io, .allocator = &allocator);
        fv_network *net = fv_network_parse(ctx, net_plain, "net");
        fv_fit(net, fv_sgd(net, 0.1), net_dataset(ctx, 4), .epochs = 2,
               .checkpoint = path, .keep = 1, .best = best, .log = log,
               .log_every = 1, .balanced = 1);
        if (files.calls < k) calls = files.calls;
        assert_int_equal(files.files, 0);
        if (calls) assert_ok(ctx);
        fv_context_free(ctx);
        assert_int_equal(memory.blocks, 0);
        if (access(path, F_OK) == 0) digest_of(path);
        if (access(best, F_OK) == 0) digest_of(best);
    }
    assert_true(calls > 30);
    unlink(log);
    snprintf(log, sizeof log, "%s.2", path);
    unlink(log);
    snprintf(log, sizeof log, "%s.1", path);
    unlink(log);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_dataset *data = net_dataset(ctx, 4);
    fv_optimizer *sgd = fv_sgd(net, 0.1);
    fv_fit(net, sgd, data, .patience = -1);
    assert_error(ctx, "fit: patience -1, expected at least 0");
    fv_fit(net, sgd, data, .keep = -1);
    assert_error(ctx, "fit: keep -1, expected at least 0");
    fv_fit(net, sgd, data, .min_delta = (double)NAN);
    assert_error(ctx, "fit: min_delta nan, expected at least 0");
    fv_fit(net, sgd, data, .monitor = (fv_monitor)4);
    assert_error(ctx, "fit: there is no monitor 4");
    fv_fit(net, sgd, data, .keep = 1);
    assert_error(ctx, "fit: keep needs the path of a checkpoint");
    fv_fit(net, sgd, data, .rollbacks = 1);
    assert_error(ctx, "fit: rollbacks needs the path of a checkpoint");
    assert_null(fv_monitor_name((fv_monitor)4));
    fv_context_free(ctx);
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fovea-watch-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    snprintf(best, sizeof best, "%s/best", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(path);
    unlink(best);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stops_at_the_known_epoch),
        cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_kept_checkpoints),
        cmocka_unit_test(test_rollbacks),
        cmocka_unit_test(test_failing_files),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
