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

/* ---- the last batch -------------------------------------------------------
 */

typedef struct epoch {
    int64_t batches, images;
} epoch;

static void count_images(void *user, const fv_progress *progress)
{
    epoch *e = user;
    assert_int_equal(progress->batches, e->batches);
    if (progress->test) assert_int_equal(progress->train.count, e->images);
}

static void test_drop_last(void **state)
{
    (void)state;
    static const struct {
        int64_t images, batch, batches, used;
    } cases[] = { { 13, 4, 3, 12 },
                  { 12, 4, 3, 12 },
                  { 3, 4, 1, 3 },
                  { 5, 4, 1, 4 },
                  { 4, 1, 4, 4 } };
    for (int i = 0; i < 5; i++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        fv_network *net = fv_network_parse(ctx, net_plain, "net");
        epoch e = { cases[i].batches, cases[i].used };
        fv_fit_report report = { .epochs = 0 };
        fv_fit(net, optimizer_of(net, 0), net_dataset(ctx, cases[i].images),
               .epochs = 2, .batch = cases[i].batch, .drop_last = 1,
               .progress = count_images, .user = &e, .report = &report);
        assert_ok(ctx);
        assert_int_equal(report.train.count, cases[i].used);
        assert_int_equal(report.planned_bytes, report.peak_bytes);
        fv_context_free(ctx);
    }
}

static void test_a_last_batch_that_is_too_short(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(
        ctx,
        "input 8 8 3\nflatten\nlinear 6\nbatchnorm name=bn_deep\nrelu\n"
        "linear 4\nsoftmax_cross_entropy\n",
        "net");
    fv_dataset *data = net_dataset(ctx, 33);
    fv_optimizer *sgd = optimizer_of(net, 0);
    const uint64_t before = net_digest(net);
    assert_int_equal(fv_fit(net, sgd, data, .batch = 32), FV_MISUSE);
    assert_error(ctx, "fit: 33 images in batches of 32 leave 1, take another "
                      "batch or drop_last; bn_deep: training needs "
                      "2 values a channel, input [1, 6] has 1");
    assert_true(net_digest(net) == before);
    assert_int_equal(fv_fit(net, sgd, data, .batch = 32, .drop_last = 1),
                     FV_OK);
    assert_int_equal(fv_fit(net, sgd, data, .batch = 31), FV_OK);
    fv_fit(net, sgd, data, .batch = 1);
    assert_error(ctx, "bn_deep: training needs 2 values a channel, "
                      "input [1, 6] has 1");
    fv_context_free(ctx);
}

/* ---- what memory allows ---------------------------------------------------
 */

/* What the sentence of a refusal names, 0 for none; `who` begins it. */
static int64_t named_batch(fv_context *ctx, const char *who)
{
    const char *sentence = fv_error(ctx);
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
    if (strstr(sentence, "memory: ")) { /* not even room for the plan */
        fv_clear_error(ctx);
        return 0;
    }
    assert_memory_equal(sentence, who, strlen(who));
    assert_non_null(strstr(sentence, " of memory in all, the limit is "));
    const char *batch = strstr(sentence, "; a batch of ");
    if (!batch) assert_non_null(strstr(sentence, "; no batch would fit"));
    const int64_t named = batch ? strtoll(batch + 13, NULL, 10) : 0;
    fv_clear_error(ctx);
    return named;
}

/* Fits, steps, evaluates or predicts with a batch, under a limit. */
static int64_t use(int what, size_t limit, int64_t batch)
{
    static const char *const who[] = { "fit: a batch of 64 needs ",
                                       "train: a batch of 64 needs ",
                                       "evaluate: a batch of 64 needs ",
                                       "predict: a batch of 64 needs " };
    fv_context *ctx = NET_CONTEXT(.threads = 1, .max_bytes = limit);
    fv_network *net = fv_network_parse(ctx, net_residual, "net");
    fv_dataset *data = net_dataset(ctx, what == 0 ? 150 : 64);
    fv_tensor images = net_images(ctx, batch), labels = net_labels(ctx, batch);
    const int64_t shape[] = { batch, NET_CLASSES };
    fv_tensor out = fv_tensor_new(ctx, FV_F32, 2, shape);
    fv_optimizer *adam = optimizer_of(net, 2);
    if (fv_failed(ctx)) { /* not even room for the data */
        fv_context_free(ctx);
        return 0;
    }
    if (what == 0)
        fv_fit(net, adam, data, .test = data, .batch = batch);
    else if (what == 1)
        fv_train_step(net, adam, &images, &labels);
    else if (what == 2)
        fv_evaluate(net, data, batch, NULL);
    else
        fv_network_predict(net, &images, &out);
    const bool refused = fv_failed(ctx) != FV_OK;
    const int64_t named = refused ? named_batch(ctx, who[what]) : batch;
    if (refused && named) { /* in the same context, too */
        if (what < 2)
            fv_fit(net, adam, data, .batch = 1);
        else
            fv_evaluate(net, data, 1, NULL);
        assert_ok(ctx);
    }
    fv_context_free(ctx);
    return named;
}

/* The batch that a refusal names is one that runs. */
static void test_the_batch_that_would_fit(void **state)
{
    (void)state;
    for (int what = 0; what < 4; what++) {
        int64_t last = 0;
        bool refused = false;
        const size_t step = what < 2 ? 111111 : 10000;
        for (size_t limit = 10 * step; last < 64; limit += step) {
            const int64_t named = use(what, limit, 64);
            assert_true(named >= last && limit < 30000000);
            refused = refused || (named && named < 64);
            if (named && named < 64)
                assert_int_equal(use(what, limit, named), named);
            last = named;
        }
        assert_true(refused);
    }
}

/* What was refused, or only asked about, does not stand in the way of what ran
 * before or of the batch that the refusal names. */
static void test_the_batch_that_would_fit_after_another(void **state)
{
    (void)state;
    enum { SMALL = 2, LARGE = 64 };
    int refused = 0;
    for (size_t limit = 300000; limit < 1200000; limit += 25000) {
        for (int drop_last = 0; drop_last < 2; drop_last++) {
            fv_context *ctx = NET_CONTEXT(.threads = 1, .max_bytes = limit);
            fv_network *net = fv_network_parse(ctx, net_residual, "net");
            fv_dataset *data = net_dataset(ctx, LARGE + 1);
            fv_optimizer *adam = optimizer_of(net, 2);
            fv_fit(net, adam, data, .batch = SMALL, .drop_last = 1);
            fv_evaluate(net, data, SMALL, NULL);
            if (!fv_failed(ctx)
                && fv_fit(net, adam, data, .batch = LARGE,
                          .drop_last = drop_last)
                       == FV_LIMIT) {
                const int64_t named =
                    named_batch(ctx, "fit: a batch of 64 needs ");
                fv_fit(net, adam, data, .batch = SMALL, .drop_last = 1);
                assert_ok(ctx);
                if (named)
                    fv_fit(net, adam, data, .batch = named,
                           .drop_last = drop_last);
                assert_ok(ctx);
                refused += named > 0;
            }
            fv_context_free(ctx);
        }
    }
    assert_true(refused > 10);
}

/* Whether batches of one image are trained under a limit after a fit that is
 * refused, if `refused` is not NULL, which counts them. */
static bool trains(size_t limit, int *refused)
{
    fv_context *ctx = NET_CONTEXT(.threads = 1, .max_bytes = limit);
    fv_network *net = fv_network_parse(ctx, net_residual, "net");
    fv_dataset *data = net_dataset(ctx, 66);
    fv_optimizer *adam = optimizer_of(net, 2);
    fv_fit(net, adam, data, .batch = 2);
    if (refused && !fv_failed(ctx)) {
        fv_fit(net, adam, data, .batch = 64, .test = data);
        *refused += fv_failed(ctx) == FV_LIMIT;
        fv_clear_error(ctx);
    }
    fv_fit(net, adam, data, .batch = 1);
    const bool done = fv_failed(ctx) == FV_OK;
    fv_context_free(ctx);
    return done;
}

static void test_a_refusal_leaves_no_plans(void **state)
{
    (void)state;
    int refused = 0;
    for (size_t limit = 200000; limit < 500000; limit += 3000)
        if (trains(limit, NULL)) assert_true(trains(limit, &refused));
    assert_true(refused > 3);
}

static void test_plans_that_are_only_asked_about(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1, .max_bytes = 1000000);
    fv_network *net = fv_network_parse(ctx, net_residual, "net");
    fv_dataset *data = net_dataset(ctx, 9);
    fv_optimizer *adam = optimizer_of(net, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(fv_network_planned_bytes(net, 1000, 1) > 1000000);
        assert_true(fv_network_planned_bytes(net, 1000, 0) > 1000000);
        fv_fit(net, adam, data, .batch = 2);
        assert_ok(ctx);
        assert_true(fv_network_planned_bytes(net, 1000, 1) > 1000000);
        assert_int_equal(fv_evaluate(net, data, 2, NULL).count, 9);
        assert_ok(ctx);
    }
    fv_context_free(ctx);
}

/* ---- classes --------------------------------------------------------------
 */

static void test_names_of_classes(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    static const char *const names[] = { "a", "b\xc3\xa9", "", "\"d\\" };
    static const char *const wrong[] = { "a", "\xff" };
    static const char *const none[] = { "a", "b", NULL };
    assert_int_equal(fv_network_classes(net), 4);
    assert_int_equal(fv_network_classes(NULL), 0);
    assert_null(fv_network_class_name(net, 0));
    assert_null(fv_network_class_name(NULL, 0));
    assert_int_equal(fv_network_set_class_names(net, 4, names), FV_OK);
    for (int i = 0; i < 4; i++)
        assert_string_equal(fv_network_class_name(net, i), names[i]);
    assert_null(fv_network_class_name(net, 4));
    assert_null(fv_network_class_name(net, -1));
    fv_network_set_class_names(net, 5, names);
    assert_error(ctx, "network: 5 names for 4 classes");
    fv_network_set_class_names(net, -1, names);
    assert_error(ctx, "network: -1 names for 4 classes");
    fv_network_set_class_names(net, 2, wrong);
    assert_error(ctx, "network: the name of class 1 is not UTF-8");
    fv_network_set_class_names(net, 3, none);
    assert_error(ctx, "network: the name of class 2 is NULL");
    fv_network_set_class_names(net, 1, NULL);
    assert_error(ctx, "network: 1 names for 4 classes");
    assert_string_equal(fv_network_class_name(net, 3), names[3]);
    /* training on classes without names leaves them */
    fv_fit(net, optimizer_of(net, 0), net_dataset(ctx, 8));
    assert_string_equal(fv_network_class_name(net, 1), names[1]);
    assert_int_equal(fv_network_set_class_names(net, 0, NULL), FV_OK);
    assert_null(fv_network_class_name(net, 0));
    assert_int_equal(fv_network_set_class_names(NULL, 0, NULL), FV_MISUSE);
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* The same loss, gradients and answers as from labels written as numbers. */
static void test_one_output_for_two_classes(void **state)
{
    (void)state;
    enum { IMAGES = 9 };
    static const char *const text =
        "input 8 8 3\nconv2d 3 3 3\ntanh\nflatten\nlinear 1\n"
        "sigmoid_cross_entropy\n";
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, text, "net");
    assert_int_equal(fv_network_classes(net), 2);
    int64_t classes[IMAGES];
    float numbers[IMAGES], outputs[IMAGES];
    for (int i = 0; i < IMAGES; i++) {
        classes[i] = i * i % 3 == 1;
        numbers[i] = (float)classes[i];
    }
    fv_tensor images = net_images(ctx, IMAGES);
    fv_tensor labels = FV_TENSOR(classes, FV_I64, IMAGES);
    fv_tensor dense = FV_TENSOR(numbers, FV_F32, IMAGES, 1);
    fv_tensor out = FV_TENSOR(outputs, FV_F32, IMAGES, 1);
    fv_network_predict(net, &images, &out);
    int64_t expected[4] = { 0 };
    double loss = 0;
    for (int i = 0; i < IMAGES; i++) {
        const double x = (double)outputs[i];
        expected[2 * classes[i] + (x > 0)]++;
        loss += log1p(exp(classes[i] ? -x : x)) / IMAGES;
    }
    fv_dataset *data = fv_dataset_of(ctx, &images, &labels);
    fv_scores *scores = fv_scores_new(ctx, 2);
    fv_metrics m = fv_evaluate(net, data, 4, scores);
    assert_memory_equal(fv_scores_confusion(scores), expected, sizeof expected);
    assert_near(m.loss, loss, 1e-6);
    assert_near(m.accuracy, (double)(expected[0] + expected[3]) / IMAGES,
                1e-15);
    /* the tape */
    fv_variable *y = fv_network_forward(net, fv_constant(ctx, &images));
    assert_near(fv_item(fv_network_loss(net, y, &labels)), loss, 1e-6);
    fv_forget(ctx);
    /* a step on either form of the labels */
    fv_network *other = fv_network_parse(ctx, text, "net");
    fv_variables a = fv_network_variables(net), b = fv_network_variables(other);
    for (int64_t i = 0; i < a.count; i++)
        fv_variable_assign(b.at[i], fv_variable_value(a.at[i]));
    fv_train_step(net, optimizer_of(net, 0), &images, &labels);
    m = fv_train_step(other, optimizer_of(other, 0), &images, &dense);
    assert_near(m.accuracy, (double)(expected[0] + expected[3]) / IMAGES,
                1e-15);
    assert_true(net_digest(net) == net_digest(other));
    /* learning, and labels that are no class */
    fv_fit(net, fv_adam(net, 0.01), data, .epochs = 60, .batch = 4);
    assert_true(fv_accuracy(net, data) == 1);
    assert_ok(ctx);
    classes[4] = 2;
    fv_train_step(net, optimizer_of(net, 0), &images, &labels);
    assert_error(ctx, "labels: class 2 of image 4 is not in 0..1");
    classes[4] = -1;
    y = fv_network_forward(net, fv_constant(ctx, &images));
    assert_null(fv_network_loss(net, y, &labels));
    assert_error(ctx, "labels: class -1 of image 4 is not in 0..1");
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
        fv_scores *scores = fv_scores_new(ctx, NET_CLASSES);
        fv_metrics m = fv_evaluate(net, data, batch, scores);
        assert_ok(ctx);
        assert_int_equal(m.count, IMAGES);
        assert_near(m.accuracy, right / (double)IMAGES, 1e-15);
        assert_near(m.loss, loss / IMAGES, 1e-6);
        assert_memory_equal(fv_scores_confusion(scores), expected,
                            sizeof expected);
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
    assert_error(ctx, "train: the loss of step 1 is nan: the input is not "
                      "finite for image 5 of the data set");
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
    fv_fit_with(net, sgd, &(fv_fit_options){ .size = 3 });
    assert_error(ctx, "fit: size of the options is 3, FV_OPTIONS sets it");
    fv_fit(net, sgd, data, .resume = 1);
    assert_error(ctx, "fit: resume needs the path of a checkpoint");
    float x[2 * NET_PIXELS] = { 0 };
    int64_t five[] = { 1, 4 };
    fv_tensor images = FV_TENSOR(x, FV_F32, 2, 8, 8, 3);
    fv_tensor wide = FV_TENSOR(x, FV_F32, 2, 8, 12, 2);
    fv_tensor labels = FV_TENSOR(five, FV_I64, 2);
    fv_dataset *classes = fv_dataset_of(ctx, &images, &labels);
    fv_fit(net, sgd, classes);
    assert_error(ctx, "fit: the training data has 5 classes, the network tells "
                      "4 apart");
    fv_fit(net, sgd, data, .test = classes);
    assert_error(ctx, "fit: the test data has 5 classes, the network tells "
                      "4 apart");
    five[1] = 0;
    fv_dataset *shaped = fv_dataset_of(ctx, &wide, &labels);
    fv_fit(net, sgd, shaped);
    assert_error(ctx, "fit: the training data has images of [8, 12, 2], the "
                      "network's input is [8, 8, 3]");
    assert_int_equal(fv_evaluate(net, shaped, 0, NULL).count, 0);
    assert_error(ctx, "evaluate: the data has images of [8, 12, 2], the "
                      "network's input is [8, 8, 3]");
    five[1] = 4;
    fv_dataset *more = fv_dataset_of(ctx, &images, &labels);
    assert_int_equal(fv_evaluate(net, more, 0, NULL).count, 0);
    assert_error(ctx, "labels: class 4 of image 1 is not in 0..3");
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
        cmocka_unit_test(test_drop_last),
        cmocka_unit_test(test_a_last_batch_that_is_too_short),
        cmocka_unit_test(test_the_batch_that_would_fit),
        cmocka_unit_test(test_the_batch_that_would_fit_after_another),
        cmocka_unit_test(test_a_refusal_leaves_no_plans),
        cmocka_unit_test(test_plans_that_are_only_asked_about),
        cmocka_unit_test(test_names_of_classes),
        cmocka_unit_test(test_one_output_for_two_classes),
        cmocka_unit_test(test_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_fit_learns),
        cmocka_unit_test(test_evaluation_and_confusion),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
