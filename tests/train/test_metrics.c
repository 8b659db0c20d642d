/* Scores of classes against their definitions, computed another way: from all
 * pairs of answers and labels, and areas from all pairs of answers. */
#include "nets.h"

#include "faults.h"

enum { N = 61, C = 5 };

typedef struct answers {
    double outputs[N][C];
    int64_t labels[N];
} answers;

/* Outputs with many equal ones; class 3 is no label, class 4 no answer. */
static void fill(answers *a, int64_t variant)
{
    for (int i = 0; i < N; i++) {
        const double x = net_number(i * 7 + variant * 1000);
        a->labels[i] = (int64_t)((x + 1) * 2.49);
        if (a->labels[i] == 3) a->labels[i] = 4;
        for (int c = 0; c < C; c++) {
            const double own = net_number(i * C + c + 31 * variant);
            a->outputs[i][c] = c == 4 ? -9 : round(own * 6) / 4;
        }
    }
}

static int answer_of(const double *row, int count)
{
    int best = 0;
    for (int c = 1; c < count; c++)
        if (row[c] > row[best]) best = c;
    return best;
}

/* The share of pairs in which the output for the class is larger where it is
 * the label. */
static double area_of(const answers *a, int c)
{
    double sum = 0, pairs = 0;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            if (a->labels[i] == c && a->labels[k] != c) {
                const double x = a->outputs[i][c], y = a->outputs[k][c];
                sum += x > y ? 1 : x == y ? 0.5 : 0;
                pairs++;
            }
    return sum / pairs;
}

static void assert_same(double is, double expected)
{
    if (isnan(expected))
        assert_true(isnan(is));
    else
        assert_near(is, expected, 1e-14);
}

/* What is counted of one class, without a matrix. */
typedef struct counts {
    double labels, answers, both;
} counts;

static counts count(const answers *a, int c)
{
    counts n = { 0, 0, 0 };
    for (int i = 0; i < N; i++) {
        const int answer = answer_of(a->outputs[i], C);
        n.labels += a->labels[i] == c;
        n.answers += answer == c;
        n.both += a->labels[i] == c && answer == c;
    }
    return n;
}

static void check_class(const answers *a, fv_scores *scores, int c)
{
    const counts n = count(a, c);
    const double precision = n.both / n.answers, recall = n.both / n.labels;
    const fv_class_scores is = fv_scores_of(scores, c);
    assert_same(is.precision, precision);
    assert_same(is.recall, recall);
    if (n.both > 0) assert_near(is.f1, 2 / (1 / precision + 1 / recall), 1e-14);
    assert_same(is.iou, n.both / (n.labels + n.answers - n.both));
    assert_same(is.auc, area_of(a, c));
    assert_int_equal(is.count, (int64_t)n.labels);
}

static double zero_of(double value) { return isnan(value) ? 0 : value; }

static void check_means(const answers *a, fv_scores *scores)
{
    double precision[2] = { 0 }, f1[2] = { 0 }, iou[2] = { 0 };
    double auc[2] = { 0 }, weight[2] = { 0 }, areas[2] = { 0 };
    for (int c = 0; c < C; c++) {
        const counts n = count(a, c);
        const double weights[] = { n.labels + n.answers > 0, n.labels };
        for (int k = 0; k < 2; k++) {
            weight[k] += weights[k];
            precision[k] += weights[k] * zero_of(n.both / n.answers);
            f1[k] += weights[k] * zero_of(2 * n.both / (n.labels + n.answers));
            iou[k] +=
                weights[k] * zero_of(n.both / (n.labels + n.answers - n.both));
            if (n.labels <= 0) continue;
            areas[k] += weights[k];
            auc[k] += weights[k] * area_of(a, c);
        }
    }
    for (int k = 0; k < 2; k++) {
        const fv_class_scores is = fv_scores_mean(scores, k);
        assert_near(is.precision, precision[k] / weight[k], 1e-14);
        assert_near(is.f1, f1[k] / weight[k], 1e-14);
        assert_near(is.iou, iou[k] / weight[k], 1e-14);
        assert_near(is.auc, auc[k] / areas[k], 1e-14);
        assert_int_equal(is.count, N);
    }
    /* weighted recall is accuracy */
    assert_near(fv_scores_mean(scores, 1).recall, fv_scores_accuracy(scores),
                1e-14);
}

static void test_every_score(void **state)
{
    (void)state;
    for (int64_t variant = 0; variant < 4; variant++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        answers a;
        fill(&a, variant);
        fv_scores *scores = fv_scores_new(ctx, C, .areas = 1, .top = 2);
        /* in two parts: what is ranked early is ranked again */
        fv_tensor outputs = FV_TENSOR(a.outputs, FV_F64, N, C);
        fv_tensor labels = FV_TENSOR(a.labels, FV_I64, N);
        outputs.shape[0] = labels.shape[0] = 20;
        fv_scores_add(scores, &outputs, &labels);
        fv_scores_of(scores, 1);
        outputs.data = a.outputs + 20;
        labels.data = a.labels + 20;
        outputs.shape[0] = labels.shape[0] = N - 20;
        fv_scores_add(scores, &outputs, &labels);
        assert_ok(ctx);
        assert_int_equal(fv_scores_count(scores), N);
        assert_int_equal(fv_scores_classes(scores), C);
        double right = 0, within = 0;
        for (int i = 0; i < N; i++) {
            double rest[C];
            memcpy(rest, a.outputs[i], sizeof rest);
            const int first = answer_of(rest, C);
            rest[first] = -(double)INFINITY;
            const int second = answer_of(rest, C);
            right += first == a.labels[i];
            within += first == a.labels[i] || second == a.labels[i];
        }
        assert_near(fv_scores_accuracy(scores), right / N, 1e-15);
        assert_near(fv_scores_top(scores), within / N, 1e-15);
        for (int c = 0; c < C; c++) check_class(&a, scores, c);
        check_means(&a, scores);
        fv_context_free(ctx);
    }
}

/* One output that tells two classes. */
static void test_two_classes(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    const float outputs[] = { -2, 0.5F, 0.5F, 3, -1, 0 };
    const int32_t labels[] = { 0, 1, 0, 1, 1, 0 };
    fv_scores *scores = fv_scores_new(ctx, 2, .areas = 1);
    fv_tensor rows = FV_TENSOR((void *)(uintptr_t)outputs, FV_F32, 6);
    fv_tensor classes = FV_TENSOR((void *)(uintptr_t)labels, FV_I32, 6);
    fv_scores_add(scores, &rows, &classes);
    assert_ok(ctx);
    assert_memory_equal(fv_scores_confusion(scores),
                        ((int64_t[]){ 2, 1, 1, 2 }), 4 * sizeof(int64_t));
    /* 9 pairs: 5 right, 1 equal */
    assert_near(fv_scores_of(scores, 1).auc, 6.5 / 9, 1e-15);
    assert_near(fv_scores_of(scores, 0).auc, 6.5 / 9, 1e-15);
    assert_near(fv_scores_mean(scores, 0).auc, 6.5 / 9, 1e-15);
    assert_near(fv_scores_top(scores), 1, 0);
    fv_context_free(ctx);
}

/* fv_evaluate() ranks probabilities, and counts what fv_scores_add() does. */
static void test_of_a_network(void **state)
{
    (void)state;
    enum { IMAGES = 23 };
    fv_context *ctx = NET_CONTEXT(.threads = 2, .dtype = FV_F64);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_dataset *data = net_dataset(ctx, IMAGES);
    fv_scores *is = fv_scores_new(ctx, NET_CLASSES, .areas = 1);
    fv_scores *expected = fv_scores_new(ctx, NET_CLASSES, .areas = 1);
    const fv_metrics m = fv_evaluate(net, data, 5, is);
    double outputs[IMAGES][NET_CLASSES];
    const fv_tensor rows = FV_TENSOR(outputs, FV_F64, IMAGES, NET_CLASSES);
    const fv_tensor images = net_images(ctx, IMAGES);
    fv_network_predict(net, &images, &rows);
    for (int i = 0; i < IMAGES; i++) {
        double sum = 0;
        for (int c = 0; c < NET_CLASSES; c++) sum += exp(outputs[i][c]);
        for (int c = 0; c < NET_CLASSES; c++)
            outputs[i][c] = exp(outputs[i][c]) / sum;
    }
    fv_scores_add(expected, &rows, fv_dataset_labels(data));
    assert_ok(ctx);
    assert_near(m.accuracy, fv_scores_accuracy(is), 1e-15);
    for (int c = 0; c < NET_CLASSES; c++) {
        const fv_class_scores a = fv_scores_of(is, c);
        const fv_class_scores b = fv_scores_of(expected, c);
        assert_memory_equal(&a, &b, sizeof a);
        assert_true(a.auc == a.auc);
    }
    fv_evaluate(net, data, 0, fv_scores_new(ctx, 7));
    assert_error(ctx, "evaluate: scores of 7 classes, the network tells 4 "
                      "apart");
    fv_context_free(ctx);
}

/* Every allocation fails once. */
static void test_failed_allocations(void **state)
{
    (void)state;
    answers a;
    fill(&a, 1);
    const fv_tensor outputs = FV_TENSOR(a.outputs, FV_F64, N, C);
    const fv_tensor labels = FV_TENSOR(a.labels, FV_I64, N);
    for (size_t k = 1, last = 0; !last; k++) {
        faults_memory memory = { 0 };
        fv_allocator allocator = faults_allocator(&memory);
        fv_context *ctx = NET_CONTEXT(.allocator = &allocator, .threads = 1);
        memory.fail_at = memory.calls + k;
        fv_scores *scores = fv_scores_new(ctx, C, .areas = 1);
        fv_scores_add(scores, &outputs, &labels);
        fv_scores_mean(scores, 1);
        last = memory.calls < memory.fail_at;
        assert_int_equal(fv_failed(ctx), last ? FV_OK : FV_NO_MEMORY);
        fv_context_free(ctx);
        assert_int_equal(memory.blocks, 0);
        if (last) assert_true(k > 10);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    assert_null(fv_scores_new(ctx, 1));
    assert_error(ctx, "scores: classes 1, expected at least 2");
    assert_null(fv_scores_new(ctx, 3, .top = -1));
    assert_error(ctx, "scores: top -1, expected at least 0");
    assert_null(fv_scores_new(ctx, INT64_MAX));
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
    fv_clear_error(ctx);
    fv_scores *scores = fv_scores_new(ctx, 3);
    assert_true(isnan(fv_scores_accuracy(scores)));
    assert_true(isnan(fv_scores_mean(scores, 0).f1));
    assert_true(isnan(fv_scores_of(scores, 3).f1));
    double numbers[6] = { 0 };
    int64_t classes[3] = { 0, 1, 3 };
    fv_tensor outputs = FV_TENSOR(numbers, FV_F64, 3, 2);
    fv_tensor labels = FV_TENSOR(classes, FV_I64, 3);
    fv_scores_add(scores, &outputs, &labels);
    assert_error(ctx, "scores: outputs are not rows of 3 real numbers");
    outputs = FV_TENSOR(numbers, FV_F64, 2, 3);
    fv_scores_add(scores, &outputs, &labels);
    assert_error(ctx, "scores: labels are not 2 integers");
    labels.shape[0] = 2;
    classes[1] = 3;
    fv_scores_add(scores, &outputs, &labels);
    assert_error(ctx, "labels: class 3 of image 1 is not in 0..2");
    assert_int_equal(fv_scores_count(scores), 0);
    fv_scores_free(NULL);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_score),
        cmocka_unit_test(test_two_classes),
        cmocka_unit_test(test_of_a_network),
        cmocka_unit_test(test_failed_allocations),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
