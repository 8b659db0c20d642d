/* Targets of losses in networks: a class for each pixel, labels that are left
 * out, class weights, in both layouts. */
#include "nets.h"

#include "network/network.h"

enum { N = 2, H = 3, W = 4, C = 3, PIXELS = N * H * W };

static const char segmentation[] =
    "input 3 4 3\nsoftmax_cross_entropy class_weights=1,2,0.5 "
    "ignore_index=255\n";

/* Logits, channels last, and labels, of which some are left out. */
static double logit(int64_t i) { return (double)(i * 37 % 23) / 7 - 1.5; }
static int64_t label(int64_t i) { return i % 5 == 2 ? 255 : i * 7 % 3; }

static double expected_loss(int64_t *right, int64_t *answers)
{
    static const double weights[] = { 1, 2, 0.5 };
    double sum = 0, total = 0;
    *right = *answers = 0;
    for (int64_t i = 0; i < PIXELS; i++) {
        double all = 0;
        int64_t best = 0;
        if (label(i) == 255) continue;
        for (int64_t j = 0; j < C; j++) {
            all += exp(logit(i * C + j));
            if (logit(i * C + j) > logit(i * C + best)) best = j;
        }
        sum += weights[label(i)] * (log(all) - logit(i * C + label(i)));
        total += weights[label(i)];
        *right += best == label(i);
        ++*answers;
    }
    return sum / total;
}

/* Images in the layout of the context, which are the logits. */
static fv_tensor images_of(fv_context *ctx)
{
    double x[PIXELS * C];
    for (int64_t i = 0; i < PIXELS * C; i++) x[i] = logit(i);
    fv_tensor last = FV_TENSOR(x, FV_F64, N, H, W, C);
    const int32_t first[] = { 0, 3, 1, 2 };
    fv_tensor view = fv_context_layout(ctx) == FV_NCHW
                         ? fv_tensor_permute(ctx, &last, first)
                         : last;
    return fv_tensor_dup(ctx, &view);
}

static void count(void *user, const fv__answer *answer)
{
    ((int64_t *)user)[answer->expected * C + answer->answer]++;
}

static void test_pixels(void **state)
{
    (void)state;
    int64_t labels[PIXELS], right, answers, found = 0;
    for (int64_t i = 0; i < PIXELS; i++) labels[i] = label(i);
    fv_tensor target = FV_TENSOR(labels, FV_I64, N, H, W);
    const double expected = expected_loss(&right, &answers);
    for (int layout = 0; layout < 2; layout++) {
        fv_context *ctx =
            NET_CONTEXT(.dtype = FV_F64, .layout = (fv_layout)layout);
        fv_network *net = fv_network_parse(ctx, segmentation, NULL);
        assert_ok(ctx);
        assert_int_equal(fv_network_classes(net), C);
        fv_tensor images = images_of(ctx);
        fv_variable *output =
            fv_network_forward(net, fv_constant(ctx, &images));
        fv_variable *loss = fv_network_loss(net, output, &target);
        assert_ok(ctx);
        assert_near(fv_item(loss), expected, 1e-14);

        const fv_shape image = fv__shape_of_image(&images);
        fv__plan *plan = fv__network_plan(net, &image, N, false, false);
        assert_ok(ctx);
        assert_int_equal(fv__network_ready(net), FV_OK);
        assert_int_equal(fv__plan_input(plan, 0, &images), FV_OK);
        assert_int_equal(fv__plan_target(plan, &target), FV_OK);
        fv__graph_forward(&plan->graph, 0);
        assert_near(*(const double *)plan->loss->value.data, expected, 1e-14);
        int64_t confusion[C * C] = { 0 }, sum = 0, diagonal = 0;
        found = 0;
        assert_int_equal(fv__plan_right(plan, count, confusion, &found), right);
        assert_int_equal(found, answers);
        for (int i = 0; i < C * C; i++) sum += confusion[i];
        for (int i = 0; i < C; i++) diagonal += confusion[i * C + i];
        assert_int_equal(sum, answers);
        assert_int_equal(diagonal, right);

        labels[5] = 3;
        assert_int_equal(fv__plan_target(plan, &target), FV_MISUSE);
        assert_error(ctx, "labels: class 3 of image 0 is not in 0..2");
        labels[5] = label(5);
        fv_tensor flat = FV_TENSOR(labels, FV_I64, N, H * W);
        assert_int_equal(fv__plan_target(plan, &flat), FV_MISUSE);
        assert_error(ctx, "labels: shape [2, 12], expected [2, 3, 4]");
        fv_context_free(ctx);
    }
}

/* A step of training on pixels; its accuracy is of pixels. */
static void test_training(void **state)
{
    (void)state;
    static const char text[] =
        "input 3 4 3\nconv2d 3 1 init=xavier_normal\nnll\n";
    int64_t labels[PIXELS];
    for (int64_t i = 0; i < PIXELS; i++) labels[i] = i * 7 % 3;
    fv_tensor target = FV_TENSOR(labels, FV_I64, N, H, W);
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_network *net = fv_network_parse(ctx, text, NULL);
    fv_optimizer *sgd = fv_sgd(net, 0.01);
    fv_tensor images = images_of(ctx);
    const fv_metrics first = fv_train_step(net, sgd, &images, &target);
    const fv_metrics second = fv_train_step(net, sgd, &images, &target);
    assert_ok(ctx);
    assert_true(second.loss < first.loss);
    assert_near(first.accuracy * PIXELS, round(first.accuracy * PIXELS), 1e-12);
    assert_int_equal(first.count, N);
    assert_true(fv_network_gradcheck(net, 2) < 1e-6);
    assert_ok(ctx);
    /* weights of the classes are no target of this loss */
    fv_tensor dense =
        fv_tensor_new(ctx, FV_F64, 4, (const int64_t[]){ N, H, W, C });
    fv_train_step(net, sgd, &images, &dense);
    assert_error(ctx, "target: shape [2, 3, 4, 3], expected [2, 3, 4]");
    fv_context_free(ctx);
}

/* Without a reduction there is no number to train. */
static void test_no_reduction(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_network *net =
        fv_network_parse(ctx, "input 3\nlinear 2\nl1 reduction=none\n", NULL);
    fv_optimizer *sgd = fv_sgd(net, 0.01);
    double x[3] = { 1, 2, 3 }, t[2] = { 0 };
    fv_tensor images = FV_TENSOR(x, FV_F64, 1, 3);
    fv_tensor target = FV_TENSOR(t, FV_F64, 1, 2);
    fv_train_step(net, sgd, &images, &target);
    assert_error(ctx, "l11: without a reduction it cannot end a network");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels),
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_no_reduction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
