/* Training steps: known numbers, no allocation after the first, the same bits
 * for any number of threads and on every kernel table, refusals. */
#include "nets.h"

#include "faults.h"
#include "kernel/kernel.h"

/* ---- known numbers ------------------------------------------------------- */

static void assign(fv_variable *variable, const double *values)
{
    const fv_tensor *to = fv_variable_value(variable);
    fv_tensor from =
        fv_tensor_of((void *)(uintptr_t)values, FV_F64, to->rank, to->shape);
    assert_int_equal(fv_variable_assign(variable, &from), FV_OK);
}

static void check(fv_variable *variable, const double *expected)
{
    const fv_tensor *is = fv_variable_value(variable);
    for (int64_t i = 0; i < fv_tensor_count(is); i++)
        assert_near(((const double *)is->data)[i], expected[i], 1e-11);
}

static void test_xor(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_network *net = fv_network_parse(
        ctx, "input 2\nlinear 3\nrelu\nlinear 1\nsigmoid_cross_entropy\n",
        "xor");
    double x[] = { 0, 0, 1, 0, 0, 1, 1, 1 }, t[] = { 0, 1, 1, 0 };
    fv_tensor images = FV_TENSOR(x, FV_F64, 4, 2);
    fv_tensor targets = FV_TENSOR(t, FV_F64, 4, 1);
    fv_variables list = fv_network_variables(net);
    assert_int_equal(list.count, 4);
    assign(list.at[0], (const double[]){ 0.6, -0.4, -0.5, 0.7, 0.3, 0.2 });
    assign(list.at[2], (const double[]){ 0.5, 0.4, -0.3 });
    fv_optimizer *sgd = fv_sgd(net, 0.7);
    for (int step = 0; step <= 500; step++) {
        fv_metrics m = fv_train_step(net, sgd, &images, &targets);
        assert_int_equal(m.count, 4);
        if (step == 0) assert_near(m.loss, 0.646060364218, 1e-11);
        if (step == 1) assert_near(m.loss, 0.636677990552, 1e-11);
        if (step == 2) assert_near(m.loss, 0.626212210278, 1e-11);
        if (step == 10) assert_near(m.loss, 0.536774071218, 1e-11);
        if (step == 100) assert_near(m.loss, 0.037165931056, 1e-11);
        if (step == 500) assert_near(m.loss, 0.004883945494, 1e-11);
        if (step) continue;
        check(list.at[0], (const double[]){ 0.594766857127, -0.444406200786,
                                            -0.535524960629, 0.695640492914,
                                            0.303139885724, 0.203269630315 });
        check(list.at[1], (const double[]){ -0.005233142873, -0.004359507086,
                                            -0.020234204433 });
        check(list.at[2], (const double[]){ 0.529245189180, 0.436777063385,
                                            -0.305319639267 });
        check(list.at[3], (const double[]){ -0.020052651891 });
    }
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* The small convolutional network, in both layouts. */
static void check_small(fv_layout layout)
{
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .layout = layout);
    fv_network *net = fv_network_parse(ctx,
                                       "input 6 6 1\nconv2d 2 3 3\nrelu\n"
                                       "maxpool 2 2\nflatten\nlinear 3\n"
                                       "softmax_cross_entropy\n",
                                       "small");
    double x[72], w[18], v[24];
    for (int k = 0; k < 72; k++) x[k] = ((11 * k + 3) % 17 - 8) / 8.0;
    for (int k = 0; k < 18; k++) w[k] = ((7 * k + 1) % 11 - 5) / 10.0;
    for (int k = 0; k < 24; k++) v[k] = ((3 * k + 2) % 7 - 3) / 10.0;
    fv_tensor images = layout == FV_NCHW ? FV_TENSOR(x, FV_F64, 2, 1, 6, 6)
                                         : FV_TENSOR(x, FV_F64, 2, 6, 6, 1);
    int32_t classes[] = { 2, 0 };
    fv_tensor labels = FV_TENSOR(classes, FV_I32, 2);
    fv_variables list = fv_network_variables(net);
    assign(list.at[0], w); /* one channel: [2, 1, 3, 3] is [2, 3, 3, 1] */
    assign(list.at[1], (const double[]){ 0.1, -0.1 });
    assign(list.at[2], v);
    fv_optimizer *sgd = fv_sgd(net, 0.1);
    static const double losses[] = {
        0.804040360330, 0.555706207841, 0.425718355209, 0.340088037213,
        0.278570740166, 0.232293114647, 0.196622710649, 0.168635100968,
        0.146336445523, 0.128322357915, 0.113583024450
    };
    for (int step = 0; step <= 10; step++)
        assert_near(fv_train_step(net, sgd, &images, &labels).loss,
                    losses[step], 1e-11);
    assert_ok(ctx);
    fv_context_free(ctx);
}

static void test_small_network(void **state)
{
    (void)state;
    check_small(FV_NHWC);
    check_small(FV_NCHW);
}

/* ---- memory -------------------------------------------------------------- */

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
        return fv_sgd(net, 0.01, .momentum = 0.9, .weight_decay = 1e-4);
    default:
        return fv_adam(net, 0.01);
    }
}

static void test_steps_allocate_nothing_after_the_first(void **state)
{
    (void)state;
    for (int n = 0; n < NETS; n++) {
        faults_memory memory = { 0 };
        fv_allocator allocator = faults_allocator(&memory);
        fv_context *ctx = NET_CONTEXT(.allocator = &allocator, .threads = 2);
        fv_network *net = fv_network_parse(ctx, *nets[n], "net");
        fv_optimizer *optimizer = optimizer_of(net, n % 3);
        fv_tensor images = net_images(ctx, 4), labels = net_labels(ctx, 4);
        fv_train_step(net, optimizer, &images, &labels);
        size_t calls = memory.calls;
        for (int i = 0; i < 3; i++)
            fv_train_step(net, optimizer, &images, &labels);
        assert_int_equal(memory.calls, calls);
        /* a smaller batch is planned once, and needs no larger block */
        fv_tensor some = fv_tensor_slice(ctx, &images, 0, 0, 3, 1);
        fv_tensor few = fv_tensor_slice(ctx, &labels, 0, 0, 3, 1);
        fv_train_step(net, optimizer, &some, &few);
        calls = memory.calls;
        for (int i = 0; i < 3; i++) {
            fv_train_step(net, optimizer, &images, &labels);
            fv_train_step(net, optimizer, &some, &few);
        }
        assert_int_equal(memory.calls, calls);
        assert_ok(ctx);
        fv_context_free(ctx);
        assert_int_equal(memory.blocks, 0);
    }
}

static void test_planned_bytes_are_the_peak(void **state)
{
    (void)state;
    for (int n = 0; n < 2 * NETS; n++) {
        int training = n % 2;
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        fv_tensor images = net_images(ctx, 5), labels = net_labels(ctx, 5);
        float answer[5 * NET_CLASSES];
        fv_tensor out = FV_TENSOR(answer, FV_F32, 5, NET_CLASSES);
        fv_network *net = fv_network_parse(ctx, *nets[n / 2], "net");
        fv_optimizer *sgd = fv_sgd(net, 0.1);
        size_t planned = fv_network_planned_bytes(net, 5, training);
        assert_true(planned > fv_context_memory(ctx).bytes);
        if (training)
            fv_train_step(net, sgd, &images, &labels);
        else
            fv_network_predict(net, &images, &out);
        assert_ok(ctx);
        assert_int_equal(fv_context_memory(ctx).peak_bytes, planned);
        fv_context_free(ctx);
    }
}

/* ---- bits ---------------------------------------------------------------- */

static uint64_t train(int n, int32_t threads, const char *isa, fv_dtype dtype)
{
    fv_context *ctx =
        NET_CONTEXT(.threads = threads, .isa = isa, .dtype = dtype);
    fv_network *net = fv_network_parse(ctx, *nets[n], "net");
    fv_optimizer *optimizer = optimizer_of(net, n % 3);
    fv_tensor images = net_images(ctx, 6), labels = net_labels(ctx, 6);
    for (int i = 0; i < 5; i++) fv_train_step(net, optimizer, &images, &labels);
    uint64_t digest = 0;
    if (fv_failed(ctx) != FV_UNSUPPORTED) {
        assert_ok(ctx);
        digest = net_digest(net);
    }
    fv_context_free(ctx);
    return digest;
}

static void test_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    for (int n = 0; n < NETS; n++) {
        uint64_t one = train(n, 1, NULL, FV_F32);
        assert_true(train(n, 2, NULL, FV_F32) == one);
        assert_true(train(n, 4, NULL, FV_F32) == one);
        one = train(n, 1, NULL, FV_F64);
        assert_true(train(n, 4, NULL, FV_F64) == one);
    }
}

static void test_same_bits_on_every_kernel_table(void **state)
{
    (void)state;
    for (int n = 0; n < NETS; n++) {
        for (int d = 0; d < 2; d++) {
            fv_dtype dtype = d ? FV_F64 : FV_F32;
            uint64_t reference = train(n, 2, "ref", dtype);
            assert_true(reference != 0);
            for (int i = 1; i < TABLES; i++) {
                uint64_t digest = train(n, 2, tables[i], dtype);
                if (digest && digest != reference)
                    fail_msg("net %d differs on %s", n, tables[i]);
            }
        }
    }
}

/* ---- what is not finite -------------------------------------------------- */

static void test_loss_that_is_not_finite(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_residual, "net");
    fv_optimizer *sgd = fv_sgd(net, 0.01, .momentum = 0.9);
    fv_tensor images = net_images(ctx, 4), labels = net_labels(ctx, 4);
    uint64_t before = net_digest(net);
    ((double *)images.data)[7] = (double)NAN;
    fv_metrics m = fv_train_step(net, sgd, &images, &labels);
    assert_int_equal(fv_failed(ctx), FV_NOT_FINITE);
    assert_true(isnan(m.loss) && m.count == 0);
    fv_clear_error(ctx);
    assert_true(net_digest(net) == before);
    /* nothing of it is left in the network either */
    ((double *)images.data)[7] = 0.5;
    m = fv_train_step(net, sgd, &images, &labels);
    assert_ok(ctx);
    assert_true(isfinite(m.loss));
    float answer[4 * NET_CLASSES];
    fv_tensor out = FV_TENSOR(answer, FV_F32, 4, NET_CLASSES);
    fv_network_predict(net, &images, &out);
    assert_ok(ctx);
    for (int i = 0; i < 4 * NET_CLASSES; i++) assert_true(isfinite(answer[i]));
    fv_context_free(ctx);
}

static void test_gradient_that_is_not_finite(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    /* the loss is finite, d/dx sqrt-like slopes are not: 1e38 squared */
    fv_network *net =
        fv_network_parse(ctx, "input 1\nlinear 1 bias=no name=w\nmse\n", "net");
    float x[] = { 1e25f }, t[] = { 0 };
    fv_tensor images = FV_TENSOR(x, FV_F32, 1, 1);
    fv_tensor targets = FV_TENSOR(t, FV_F32, 1, 1);
    fv_variables list = fv_network_variables(net);
    *(float *)fv_variable_value(list.at[0])->data = 1e-7f;
    fv_optimizer *sgd = fv_sgd(net, 1);
    uint64_t before = net_digest(net);
    fv_train_step(net, sgd, &images, &targets);
    assert_int_equal(fv_failed(ctx), FV_NOT_FINITE);
    assert_error(ctx, "train: a gradient of w is not finite in step 1");
    assert_true(net_digest(net) == before);
    assert_true(*(const float *)fv_variable_grad(list.at[0])->data == 0);
    fv_context_free(ctx);
}

/* A loss that is infinite, of either sign. */
static void test_infinite_losses(void **state)
{
    (void)state;
    static const struct {
        const char *net, *sentence;
        float x, t;
    } cases[] = {
        { "mse",
          "train: the loss of step 1 is inf: the output of mse1 is not finite",
          1e30F, 0 },
        { "sigmoid_cross_entropy",
          "train: the loss of step 1 is -inf: the output of "
          "sigmoid_cross_entropy1 is not finite",
          3e38F, 9 },
    };
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    for (int i = 0; i < 2; i++) {
        char text[80];
        snprintf(text, sizeof text, "input 1\nlinear 1 bias=no name=w\n%s\n",
                 cases[i].net);
        fv_network *net = fv_network_parse(ctx, text, "net");
        fv_tensor images =
            FV_TENSOR((void *)(uintptr_t)&cases[i].x, FV_F32, 1, 1);
        fv_tensor targets =
            FV_TENSOR((void *)(uintptr_t)&cases[i].t, FV_F32, 1, 1);
        *(float *)fv_variable_value(fv_network_variables(net).at[0])->data = 1;
        const uint64_t before = net_digest(net);
        fv_train_step(net, fv_sgd(net, 1), &images, &targets);
        assert_error(ctx, cases[i].sentence);
        assert_true(net_digest(net) == before);
    }
    fv_context_free(ctx);
}

/* What a frozen layer had for a gradient before does not stop the others. */
static void test_frozen_layer_with_a_wild_gradient(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(
        ctx, "input 1\nlinear 1 bias=no name=a\nlinear 1 bias=no\nmse\n",
        "net");
    float x[] = { 1e20F }, one[] = { 1 };
    fv_tensor images = FV_TENSOR(x, FV_F32, 1, 1);
    fv_tensor targets = FV_TENSOR(one, FV_F32, 1, 1);
    fv_variables list = fv_network_variables(net);
    for (int i = 0; i < 2; i++)
        *(float *)fv_variable_value(list.at[i])->data = 1;
    fv_optimizer *sgd = fv_sgd(net, 0.1);
    fv_variable *y = fv_network_forward(net, fv_constant(ctx, &images));
    fv_backprop(fv_mul(y, y));
    assert_true(isinf(*(const float *)fv_variable_grad(list.at[0])->data));
    fv_variable_zero_grad(list.at[1]);
    fv_variable_set_requires_grad(list.at[0], 0);
    x[0] = 2;
    fv_train_step(net, sgd, &images, &targets);
    assert_ok(ctx);
    assert_true(*(const float *)fv_variable_value(list.at[0])->data == 1);
    assert_near((double)*(const float *)fv_variable_value(list.at[1])->data,
                0.6, 1e-6);
    fv_context_free(ctx);
}

/* ---- refusals ------------------------------------------------------------ */

static void test_labels_out_of_range(void **state)
{
    (void)state;
    for (int n = 0; n < 4; n++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        fv_network *net = fv_network_parse(ctx, *nets[n], "net");
        fv_optimizer *sgd = fv_sgd(net, 0.01, .momentum = 0.9);
        fv_tensor images = net_images(ctx, 4), labels = net_labels(ctx, 4);
        uint64_t before = net_digest(net);
        ((int64_t *)labels.data)[2] = NET_CLASSES;
        fv_train_step(net, sgd, &images, &labels);
        assert_error(ctx, "labels: class 4 of image 2 is not in 0..3");
        ((int64_t *)labels.data)[2] = -1;
        fv_train_step(net, sgd, &images, &labels);
        assert_error(ctx, "labels: class -1 of image 2 is not in 0..3");
        assert_true(net_digest(net) == before);
        fv_variable *y = fv_network_forward(net, fv_constant(ctx, &images));
        assert_null(fv_network_loss(net, y, &labels));
        assert_int_equal(fv_failed(ctx), FV_MISUSE);
        fv_context_free(ctx);
    }
}

static void test_wrong_batches(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_network *other = fv_network_parse(ctx, net_plain, "net");
    fv_optimizer *sgd = fv_sgd(net, 0.01, .momentum = 0.9);
    fv_tensor images = net_images(ctx, 4), labels = net_labels(ctx, 3);
    fv_train_step(net, sgd, &images, &labels);
    assert_error(ctx, "labels: 3 of them for 4 images");
    fv_train_step(net, sgd, NULL, &labels);
    assert_error(ctx, "images: no tensor");
    fv_train_step(net, sgd, &images, NULL);
    assert_error(ctx, "labels: no tensor");
    fv_train_step(other, sgd, &images, &labels);
    assert_error(ctx, "train: the optimizer belongs to another network");
    fv_train_step(net, NULL, &images, &labels);
    assert_error(ctx, "train: the optimizer belongs to another network");
    fv_tensor flat =
        fv_tensor_reshape(ctx, &images, 2, (const int64_t[]){ 4, NET_PIXELS });
    fv_train_step(net, sgd, &flat, &labels);
    assert_error(ctx, "network: images of [192], the input is [8, 8, 3]");
    fv_tensor number = fv_tensor_of(images.data, FV_F64, 0, NULL);
    fv_train_step(net, sgd, &number, &labels);
    assert_error(ctx, "network: a batch of 0 images, expected at least 1");
    fv_tensor none = fv_tensor_slice(ctx, &images, 0, 0, 0, 1);
    fv_train_step(net, sgd, &none, &labels);
    assert_error(ctx, "network: a batch of 0 images, expected at least 1");
    fv_network *plain =
        fv_network_parse(ctx, "input 8 8 3\nflatten\nlinear 4\n", "net");
    fv_train_step(plain, fv_sgd(plain, 0.01, .momentum = 0), &images, &labels);
    assert_error(ctx, "network: training needs a loss, end the network with "
                      "softmax_cross_entropy, sigmoid_cross_entropy or mse");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xor),
        cmocka_unit_test(test_small_network),
        cmocka_unit_test(test_steps_allocate_nothing_after_the_first),
        cmocka_unit_test(test_planned_bytes_are_the_peak),
        cmocka_unit_test(test_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_same_bits_on_every_kernel_table),
        cmocka_unit_test(test_loss_that_is_not_finite),
        cmocka_unit_test(test_gradient_that_is_not_finite),
        cmocka_unit_test(test_infinite_losses),
        cmocka_unit_test(test_frozen_layer_with_a_wild_gradient),
        cmocka_unit_test(test_labels_out_of_range),
        cmocka_unit_test(test_wrong_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
