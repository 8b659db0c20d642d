/* Whole runs: epochs, progress, plans and peaks, evaluation, refusals. */
#include "nets.h"

#include "faults.h"

static const char *const *const nets[] = { &net_plain, &net_residual,
                                           &net_branches, &net_regression,
                                           &net_dropout };
enum { NETS = sizeof nets / sizeof *nets };

static fv_optimizer *optimizer_of(fv_network *net, int kind)
{
    switch (kind) {
    case 0:
        return fv_sgd(net, 0.05);
    case 1:
        return fv_sgd(net, 0.01, .momentum = 0.9, .nesterov = 1);
    default:
        return fv_adamw(net, 0.01, 0.01);
    }
}

/* ---- memory -------------------------------------------------------------- */

static void test_planned_bytes_are_the_peak(void **state)
{
    (void)state;
    static const struct {
        int64_t images, tests, batch;
    } sizes[] = { { 12, 0, 4 }, { 13, 5, 4 }, { 3, 7, 8 }, { 9, 9, 9 } };
    for (int n = 0; n < NETS * 4; n++) {
        fv_context *ctx = NET_CONTEXT(.threads = 2);
        fv_network *net = fv_network_parse(ctx, *nets[n / 4], "net");
        fv_dataset *train = net_dataset(ctx, sizes[n % 4].images);
        fv_dataset *test =
            sizes[n % 4].tests ? net_dataset(ctx, sizes[n % 4].tests) : NULL;
        fv_fit_report report = { .planned_bytes = 0 };
        fv_fit(net, optimizer_of(net, n % 3), train, .test = test, .epochs = 2,
               .batch = sizes[n % 4].batch, .report = &report);
        assert_ok(ctx);
        assert_int_equal(report.planned_bytes, report.peak_bytes);
        assert_true(report.planned_bytes > 10000);
        assert_int_equal(report.train.count, sizes[n % 4].images);
        assert_int_equal(report.test.count, sizes[n % 4].tests);
        assert_int_equal(report.epochs, 2);
        assert_int_equal(report.resumed, 0);
        fv_context_free(ctx);
    }
}

typedef struct watch {
    const faults_memory *memory;
    size_t calls;
    int64_t batches;
    int tests;
    fv_progress last;
} watch;

static void look(void *user, const fv_progress *progress)
{
    watch *w = user;
    if (progress->test) w->tests++;
    if (!progress->test) w->batches++;
    if (progress->epoch == 1 && progress->batch == progress->batches)
        w->calls = w->memory->calls;
    if (progress->epoch == 2 && !progress->test)
        assert_int_equal(w->memory->calls, w->calls);
    assert_true(progress->epochs == 2 && progress->batches == 4);
    assert_true(progress->batch >= 1 && progress->batch <= 4);
    assert_true(progress->planned_bytes > 0);
    w->last = *progress;
}

static void test_progress_and_no_allocation_in_an_epoch(void **state)
{
    (void)state;
    faults_memory memory = { 0 };
    fv_allocator allocator = faults_allocator(&memory);
    fv_context *ctx = NET_CONTEXT(.allocator = &allocator, .threads = 1);
    fv_network *net = fv_network_parse(ctx, net_residual, "net");
    watch w = { .memory = &memory };
    fv_fit(net, optimizer_of(net, 2), net_dataset(ctx, 14), .epochs = 2,
           .batch = 4, .progress = look, .user = &w);
    assert_ok(ctx);
    assert_int_equal(w.batches, 8);
    assert_int_equal(w.tests, 2);
    assert_int_equal(w.last.epoch, 2);
    assert_int_equal(w.last.train.count, 14);
    assert_true(isfinite(w.last.train.loss));
    fv_context_free(ctx);
    assert_int_equal(memory.blocks, 0);
}

/* ---- bits ---------------------------------------------------------------- */

static uint64_t fit(int n, int32_t threads, uint64_t seed)
{
    fv_context *ctx = NET_CONTEXT(.threads = threads, .seed = seed);
    fv_network *net = fv_network_parse(ctx, *nets[n], "net");
    fv_fit(net, optimizer_of(net, n % 3), net_dataset(ctx, 11), .epochs = 3,
           .batch = 4);
    assert_ok(ctx);
    uint64_t digest = net_digest(net);
    fv_context_free(ctx);
    return digest;
}

static void keep_last(void *user, const fv_progress *progress)
{
    *(fv_progress *)user = *progress;
}

/* However long the evaluation takes. */
static void test_speed_is_of_training_alone(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_progress last = { .epoch = 0 };
    fv_fit_report report = { .epochs = 0 };
    fv_fit(net, optimizer_of(net, 0), net_dataset(ctx, 4),
           .test = net_dataset(ctx, 400), .progress = keep_last, .user = &last,
           .report = &report);
    assert_ok(ctx);
    assert_int_equal(report.test.count, 400);
    assert_true(last.images_per_s >= report.images_per_s);
    assert_true(report.images_per_s > 0);
    fv_context_free(ctx);
}

static void test_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    for (int n = 0; n < NETS; n++) {
        uint64_t one = fit(n, 1, 7);
        assert_true(fit(n, 2, 7) == one);
        assert_true(fit(n, 4, 7) == one);
        assert_true(fit(n, 1, 8) != one);
    }
}

static void test_fit_learns(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.seed = 3);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_dataset *data = net_dataset(ctx, 16);
    double before = fv_evaluate(net, data, 0, NULL).loss;
    fv_fit(net, fv_adam(net, 0.01), data, .epochs = 60, .batch = 5);
    fv_metrics after = fv_evaluate(net, data, 0, NULL);
    assert_ok(ctx);
    assert_true(after.loss < before / 10);
    assert_true(after.accuracy == 1);
    assert_true(fv_accuracy(net, data) == 1);
    fv_context_free(ctx);
}

/* ---- evaluation ---------------------------------------------------------- */

static void test_evaluation_and_confusion(void **state)
{
    (void)state;
    enum { IMAGES = 11 };
    fv_context *ctx = NET_CONTEXT(.threads = 2);
    fv_network *net = fv_network_parse(ctx, net_residual, "net");
    fv_dataset *data = net_dataset(ctx, IMAGES);
    float answers[IMAGES * NET_CLASSES];
    fv_tensor out = FV_TENSOR(answers, FV_F32, IMAGES, NET_CLASSES);
    fv_network_predict(net, fv_dataset_images(data), &out);
    fv_tensor best = fv_tensor_argmax(ctx, &out, 1);
    const int64_t *labels = fv_dataset_labels(data)->data;
    int64_t expected[NET_CLASSES * NET_CLASSES] = { 0 };
    double loss = 0;
    int right = 0;
    for (int i = 0; i < IMAGES; i++) {
        int64_t answer = ((const int64_t *)best.data)[i];
        expected[labels[i] * NET_CLASSES + answer]++;
        right += answer == labels[i];
        double sum = 0;
        const float *row = answers + i * NET_CLASSES;
        for (int c = 0; c < NET_CLASSES; c++) sum += exp((double)row[c]);
        loss += log(sum) - (double)row[labels[i]];
    }
    for (int64_t batch = 0; batch <= 12; batch++) {
        int64_t confusion[NET_CLASSES * NET_CLASSES] = { 0 };
        fv_metrics m = fv_evaluate(net, data, batch, confusion);
        assert_ok(ctx);
        assert_int_equal(m.count, IMAGES);
        assert_near(m.accuracy, right / (double)IMAGES, 1e-15);
        assert_near(m.loss, loss / IMAGES, 1e-6);
        assert_memory_equal(confusion, expected, sizeof expected);
    }
    fv_context_free(ctx);
}

/* ---- refusals ------------------------------------------------------------ */

static void test_not_finite(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_tensor images = net_images(ctx, 8), labels = net_labels(ctx, 8);
    ((double *)images.data)[5 * NET_PIXELS] = (double)INFINITY;
    fv_dataset *data = fv_dataset_of(ctx, &images, &labels);
    uint64_t before = net_digest(net);
    assert_int_equal(fv_fit(net, fv_sgd(net, 0.1), data, .batch = 8),
                     FV_NOT_FINITE);
    assert_error(ctx, "train: the loss of step 1 is nan");
    assert_true(net_digest(net) == before);
    fv_context_free(ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_network *other = fv_network_parse(ctx, net_plain, "net");
    fv_optimizer *sgd = fv_sgd(net, 0.1);
    fv_dataset *data = net_dataset(ctx, 8);
    uint64_t before = net_digest(net);
    fv_fit(other, sgd, data);
    assert_error(ctx, "fit: the optimizer belongs to another network");
    fv_fit(net, NULL, data);
    assert_error(ctx, "fit: the optimizer belongs to another network");
    fv_fit(net, sgd, NULL);
    assert_error(ctx, "fit: there is no training data");
    fv_fit(net, sgd, data, .epochs = -2);
    assert_error(ctx, "fit: epochs -2, expected at least 1");
    fv_fit(net, sgd, data, .batch = -1);
    assert_error(ctx, "fit: batch -1, expected at least 1");
    fv_fit(net, sgd, data, .resume = 1);
    assert_error(ctx, "fit: resume needs the path of a checkpoint");
    float x[2 * NET_PIXELS] = { 0 };
    int64_t five[] = { 1, 4 };
    fv_tensor images = FV_TENSOR(x, FV_F32, 2, 8, 8, 3);
    fv_tensor wide = FV_TENSOR(x, FV_F32, 2, 8, 12, 2);
    fv_tensor labels = FV_TENSOR(five, FV_I64, 2);
    fv_dataset *classes = fv_dataset_of(ctx, &images, &labels);
    fv_fit(net, sgd, classes);
    assert_error(ctx, "fit: the training data has 5 classes, the network 4 "
                      "outputs");
    fv_fit(net, sgd, data, .test = classes);
    assert_error(ctx, "fit: the test data has 5 classes, the network 4 "
                      "outputs");
    five[1] = 0;
    fv_dataset *shaped = fv_dataset_of(ctx, &wide, &labels);
    fv_fit(net, sgd, shaped);
    assert_error(ctx, "fit: the training data has images of [8, 12, 2], the "
                      "network's input is [8, 8, 3]");
    fv_fit(net, sgd, data, .test = shaped);
    assert_error(ctx, "fit: the test data has images of [8, 12, 2], the "
                      "network's input is [8, 8, 3]");
    fv_network *plain =
        fv_network_parse(ctx, "input 8 8 3\nflatten\nlinear 4\n", "net");
    fv_evaluate(plain, data, 0, NULL);
    assert_error(ctx, "evaluate: the network has no loss");
    assert_true(isnan(fv_accuracy(plain, data)));
    assert_error(ctx, "evaluate: the network has no loss");
    assert_int_equal(fv_fit(NULL, sgd, data), FV_NO_MEMORY);
    assert_true(net_digest(net) == before);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planned_bytes_are_the_peak),
        cmocka_unit_test(test_progress_and_no_allocation_in_an_epoch),
        cmocka_unit_test(test_speed_is_of_training_alone),
        cmocka_unit_test(test_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_fit_learns),
        cmocka_unit_test(test_evaluation_and_confusion),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
