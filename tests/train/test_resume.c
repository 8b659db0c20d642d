/* What optimizers keep goes on from a checkpoint: a run that is stopped after
 * each of its batches ends with the bits of one that never stopped. */
#include "nets.h"

#include <signal.h>
#include <unistd.h>

static char folder[64], path[96];
static volatile sig_atomic_t stop;
static int64_t batches_left;

/* A way to train; members that are NULL or 0 are not in use. */
typedef struct way {
    const char *net, *optimizer, *schedule;
    fv_dtype dtype;
    double average, clip_norm, clip_value;
    int64_t micro_batch;
    bool groups; /* some parameters are frozen, others have a rate and a decay
                    of their own */
} way;

static void look(void *user, const fv_progress *progress)
{
    (void)user;
    if (!progress->test && --batches_left == 0) stop = 1;
}

/* Three epochs of three batches, or as far as the stop, and the digest of the
 * weights. */
static uint64_t run(const way *w, int32_t threads, int64_t stop_after)
{
    fv_context *ctx =
        NET_CONTEXT(.threads = threads, .seed = 9, .dtype = w->dtype);
    fv_network *net =
        fv_network_parse(ctx, w->net ? w->net : net_residual, "n");
    fv_optimizer *optimizer = fv_optimizer_parse(net, w->optimizer);
    fv_set_schedule(optimizer, w->schedule);
    fv_set_average(optimizer, w->average);
    fv_set_clip_norm(optimizer, w->clip_norm);
    fv_set_clip_value(optimizer, w->clip_value);
    if (w->groups) {
        fv_set_trained(net, "conv2.*", 0);
        fv_scale_learning_rate(optimizer, "linear*", 0.1);
        fv_decay_weights_only(optimizer);
    }
    fv_dataset *data = net_dataset(ctx, 10);
    fv_fit_report report;
    assert_ok(ctx);
    stop = 0;
    batches_left = stop_after;
    fv_fit(net, optimizer, data, .test = data, .epochs = 3, .batch = 4,
           .micro_batch = w->micro_batch, .checkpoint = path, .resume = 1,
           .stop = &stop, .progress = look, .report = &report);
    assert_int_equal(fv_failed(ctx), stop_after ? FV_INTERRUPTED : FV_OK);
    if (!report.resumed)
        assert_int_equal(report.planned_bytes, report.peak_bytes);
    fv_clear_error(ctx);
    uint64_t digest = net_digest(net);
    if (w->average > 0) {
        fv_swap_average(optimizer);
        digest += 31 * net_digest(net);
    }
    fv_context_free(ctx);
    return digest;
}

/* Returns the digest of the whole run. */
static uint64_t check(const way *w)
{
    unlink(path);
    const uint64_t digest = run(w, 1, 0);
    unlink(path);
    for (int i = 0; i < 8; i++) run(w, 1 + i % 3, 1);
    if (run(w, 2, 0) != digest) fail_msg("%s: other bits", w->optimizer);
    return digest;
}

static void test_every_optimizer(void **state)
{
    (void)state;
    needs(JANSSON);
    static const char *const more[] = { "sgd momentum=0.9 dampening=0.2",
                                        "adam amsgrad=yes",
                                        "rmsprop centered=yes momentum=0.5",
                                        "adagrad initial=0.1" };
    for (int i = 0; i < 4 || fv_optimizer_name(i - 4); i++)
        check(&(way){ .optimizer = i < 4 ? more[i] : fv_optimizer_name(i - 4),
                      .dtype = i % 2 ? FV_F64 : FV_F32 });
}

/* Their runs differ from each other, and from one without a schedule. */
static void test_schedules(void **state)
{
    (void)state;
    needs(JANSSON);
    static const char *const schedules[] = {
        NULL,
        "cosine",
        "linear 4 for 4 then cosine",
        "one_cycle",
        "exponential 0.8",
        "plateau patience=0 threshold=0.9 factor=0.5",
        "constant 0.5 for 3 then plateau patience=0 threshold=0.9 factor=0.5",
    };
    enum { COUNT = sizeof schedules / sizeof *schedules };
    uint64_t digests[COUNT];
    for (int i = 0; i < COUNT; i++) {
        digests[i] = check(&(way){ .optimizer = "sgd 0.1 momentum=0.5",
                                   .schedule = schedules[i] });
        for (int k = 0; k < i; k++) assert_true(digests[i] != digests[k]);
    }
}

static void test_what_is_set(void **state)
{
    (void)state;
    needs(JANSSON);
    const way ways[] = {
        { .optimizer = "adamw" },
        { .optimizer = "adamw", .average = 0.9 },
        { .optimizer = "adamw", .clip_norm = 0.5 },
        { .optimizer = "adamw", .clip_value = 0.01 },
        { .optimizer = "adamw", .groups = true },
        { .optimizer = "adamw", .micro_batch = 3 },
        { .optimizer = "adamw", .micro_batch = 2, .net = net_dropout },
        { .optimizer = "lamb",
          .average = 0.5,
          .clip_norm = 0.1,
          .groups = true },
    };
    enum { COUNT = sizeof ways / sizeof *ways };
    uint64_t digests[COUNT];
    for (int i = 0; i < COUNT; i++) {
        digests[i] = check(&ways[i]);
        for (int k = 0; k < i; k++) assert_true(digests[i] != digests[k]);
    }
}

/* Without batch normalisation, parts of any size give the batch's gradients, to
 * rounding; ten images are batches of 4, 4 and 2. */
static void test_micro_batches(void **state)
{
    (void)state;
    double expected[1000];
    for (int64_t micro = 0; micro < 5; micro++) {
        fv_context *ctx = NET_CONTEXT(.threads = 2, .dtype = FV_F64);
        fv_network *net = fv_network_parse(ctx, net_plain, "net");
        fv_dataset *data = net_dataset(ctx, 10);
        fv_fit_report report;
        fv_fit(net, fv_sgd(net, 0.1, .momentum = 0.9), data, .epochs = 3,
               .batch = 4, .micro_batch = micro, .report = &report);
        assert_ok(ctx);
        assert_int_equal(report.train.count, 10);
        size_t bytes;
        unsigned char *all = net_dump(fv_network_variables(net), 0, &bytes);
        assert_true(bytes <= sizeof expected);
        if (!micro) memcpy(expected, all, bytes);
        for (size_t i = 0; i < bytes / sizeof *expected; i++)
            assert_near(((double *)(void *)all)[i], expected[i], 1e-12);
        /* the same bits where nothing is divided */
        if (micro == 4) assert_memory_equal(all, expected, bytes);
        free(all);
        fv_fit(net, fv_sgd(net, 0.1), data, .micro_batch = -1);
        assert_error(ctx, "fit: micro_batch -1, expected at least 1");
        fv_context_free(ctx);
    }
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fovea-resume-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_optimizer),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_what_is_set),
        cmocka_unit_test(test_micro_batches),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
