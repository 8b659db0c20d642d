/* Building and using networks: order, layouts, plans and the tape, refusals. */
#include "nets.h"

#include "base/base.h"

static void test_building_refusals(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1), *other = fv_context_new(NULL);
    fv_network *net = fv_network_new(ctx, NULL, 0);
    assert_int_equal(fv_network_add(net, NULL), FV_MISUSE);
    assert_error(ctx, "network: layer 1 is NULL");
    fv_network_add(net, fv_relu(other));
    assert_error(ctx, "relu: the layer belongs to another context");
    assert_int_equal(fv_network_variables(net).count, 0);
    assert_error(ctx, "network: 0 layers, expected an input and at least one "
                      "more");
    fv_network_add(net, fv_input(ctx, 8, 8, 3));
    fv_layer *relu = fv_relu(ctx);
    assert_int_equal(fv_network_add(net, relu), FV_OK);
    fv_network_add(net, relu);
    assert_error(ctx, "relu1: the layer is already part of a network");
    fv_network_add(net, fv_convolutional(ctx, .num_filters = 1, .kernel = { 1 },
                                         .in_shape = { 8, 8, 2 }));
    assert_error(ctx, "conv1: in_shape [8, 8, 2] differs from [8, 8, 3], which "
                      "relu1 gives");
    assert_int_equal(fv_network_variables(net).count, 0); /* it has none */
    assert_ok(ctx);
    fv_network_add(net, fv_relu(ctx));
    assert_error(ctx, "relu: the network has been used, layers can no longer "
                      "be added");
    assert_null(
        fv_network_of(ctx, fv_input(ctx, 3), fv_relu(ctx), fv_linear(ctx, 0)));
    assert_error(ctx, "linear1: 0 outputs, expected at least 1");
    assert_int_equal(fv_network_add(NULL, NULL), FV_MISUSE);
    fv_network_free(NULL);
    fv_context_free(ctx);
    fv_context_free(other);
}

/* A layer used alone keeps its weights when it joins a network. */
static void test_a_layer_keeps_its_weights(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_layer *conv = fv_convolutional(ctx, .in_shape = { 8, 8, 3 },
                                      .num_filters = 4, .kernel = { 3 });
    fv_tensor images = net_images(ctx, 2);
    fv_variable *y = fv_layer_forward(conv, fv_constant(ctx, &images));
    fv_tensor alone = fv_tensor_dup(ctx, fv_variable_value(y));
    fv_variable *weight = fv_layer_variables(conv).at[0];
    fv_network *net = fv_network_of(ctx, fv_input(ctx, 8, 8, 3), conv);
    y = fv_network_forward(net, fv_constant(ctx, &images));
    assert_ok(ctx);
    assert_memory_equal(fv_variable_value(y)->data, alone.data,
                        net_bytes(&alone));
    assert_ptr_equal(fv_network_variables(net).at[0], weight);
    fv_context_free(ctx);
}

/* A layer of a network used by itself draws the network and checks shapes. */
static void test_a_layer_of_a_network_by_itself(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_sgd(net, 0.1); /* counts the parameters, no more */
    fv_tensor images = net_images(ctx, 2);
    fv_layer *conv = fv_network_layer(net, 1);
    fv_variable *y = fv_layer_forward(conv, fv_constant(ctx, &images));
    assert_ok(ctx);
    assert_int_equal(fv_variable_value(y)->shape[3], 5);
    assert_int_equal(fv_layer_variables(conv).count, 2);
    assert_ptr_equal(fv_layer_variables(conv).at[0],
                     fv_network_variables(net).at[0]);
    assert_null(
        fv_layer_forward(fv_network_layer(net, 4), fv_constant(ctx, &images)));
    assert_error(ctx, "conv2: input [8, 8, 3] does not fit in_shape [4, 4, 5]");
    fv_context_free(ctx);
}

/* The same text, weights and images give the same answers in both layouts. */
static void test_layouts_agree(void **state)
{
    (void)state;
    const char *const nets[] = { net_plain, net_residual, net_branches,
                                 net_regression };
    for (int n = 0; n < 4; n++) {
        float answers[2][3 * NET_CLASSES];
        double losses[2];
        uint64_t digests[2];
        for (int layout = 0; layout < 2; layout++) {
            fv_context *ctx =
                NET_CONTEXT(.threads = 1, .layout = (fv_layout)layout);
            fv_network *net = fv_network_parse(ctx, nets[n], "net");
            fv_tensor images = net_images(ctx, 3), labels = net_labels(ctx, 3);
            if (layout)
                images = fv_tensor_permute(ctx, &images,
                                           (const int32_t[]){ 0, 3, 1, 2 });
            fv_tensor out = FV_TENSOR(answers[layout], FV_F32, 3, NET_CLASSES);
            fv_network_predict(net, &images, &out);
            losses[layout] =
                fv_train_step(net, fv_adam(net, 1e-3), &images, &labels).loss;
            assert_ok(ctx);
            digests[layout] = net_digest(net);
            fv_context_free(ctx);
        }
        assert_memory_equal(answers[0], answers[1], sizeof answers[0]);
        assert_true(losses[0] == losses[1]);
        assert_true(digests[0] == digests[1]);
    }
}

/* Image-shaped outputs and targets come and go in the context's layout. */
static void test_dense_targets_in_both_layouts(void **state)
{
    (void)state;
    double losses[2], eager[2];
    for (int layout = 0; layout < 2; layout++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1, .dtype = FV_F64,
                                      .layout = (fv_layout)layout);
        fv_network *net = fv_network_parse(
            ctx, "input 8 8 3\nconv2d 3 3 3 padding=1\nmse\n", "net");
        fv_tensor images = net_images(ctx, 2);
        if (layout)
            images = fv_tensor_permute(ctx, &images,
                                       (const int32_t[]){ 0, 3, 1, 2 });
        fv_variable *y = fv_network_forward(net, fv_constant(ctx, &images));
        eager[layout] = fv_item(fv_network_loss(net, y, &images));
        assert_ok(ctx);
        fv_forget(ctx);
        losses[layout] =
            fv_train_step(net, fv_sgd(net, 0.1), &images, &images).loss;
        assert_ok(ctx);
        fv_context_free(ctx);
    }
    assert_true(losses[0] == eager[0]);
    assert_true(losses[1] == eager[1]);
    assert_true(losses[0] == losses[1]);
}

/* An image's answer does not depend on the batch that it sits in. */
static void test_batches_do_not_matter(void **state)
{
    (void)state;
    if (FOREIGN) skip();
    fv_context *ctx = NET_CONTEXT(.threads = 2);
    fv_network *net = fv_network_parse(ctx, net_residual, "net");
    enum { IMAGES = 9 };
    fv_tensor images = net_images(ctx, IMAGES);
    float all[IMAGES * NET_CLASSES], one[NET_CLASSES];
    fv_tensor out = FV_TENSOR(all, FV_F32, IMAGES, NET_CLASSES);
    fv_tensor single = FV_TENSOR(one, FV_F32, 1, NET_CLASSES);
    fv_network_predict(net, &images, &out);
    for (int64_t i = 0; i < IMAGES; i++) {
        fv_tensor image = fv_tensor_slice(ctx, &images, 0, i, i + 1, 1);
        fv_network_predict(net, &image, &single);
        assert_memory_equal(one, all + i * NET_CLASSES, sizeof one);
    }
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* More sizes of batches than there are slots for plans. */
static void test_many_batch_sizes(void **state)
{
    (void)state;
    if (FOREIGN) skip();
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    float answers[12 * NET_CLASSES], first[NET_CLASSES];
    for (int64_t round = 0; round < 36; round++) {
        int64_t n = 1 + round * 5 % 12;
        fv_tensor images = net_images(ctx, n);
        fv_tensor out = FV_TENSOR(answers, FV_F32, n, NET_CLASSES);
        assert_int_equal(fv_network_predict(net, &images, &out), FV_OK);
        if (!round) memcpy(first, answers, sizeof first);
        assert_memory_equal(first, answers, sizeof first);
        fv_tensor_free(ctx, &images);
    }
    fv_context_free(ctx);
}

static void answer(fv_network *net, const fv_tensor *images, float out[])
{
    fv_context *ctx = fv_variable_context(fv_network_variables(net).at[0]);
    fv_tensor to = FV_TENSOR(out, FV_F32, 2, NET_CLASSES);
    assert_int_equal(fv_network_predict(net, images, &to), FV_OK);
    assert_ok(ctx);
}

/* What a plan for evaluation keeps of weights follows everything that writes
 * them, in its own network or another of the context, and nothing else. */
static void test_weights_written_after_a_prediction(void **state)
{
    (void)state;
    enum { SIZE = 2 * NET_CLASSES, BYTES = SIZE * sizeof(float) };
    const char *const texts[] = { net_plain, net_residual, net_dropout };
    for (int n = 0; n < 3; n++) {
        fv_context *ctx = NET_CONTEXT(.seed = 3);
        fv_network *net = fv_network_parse(ctx, texts[n], "a");
        fv_network *other = fv_network_parse(ctx, texts[n], "b");
        fv_tensor images = net_images(ctx, 2), labels = net_labels(ctx, 2);
        fv_variables list = fv_network_variables(net);
        float first[SIZE], now[SIZE], others[SIZE];
        answer(net, &images, first);
        answer(other, &images, others);
        for (int64_t i = 0; i < list.count; i++) {
            fv_variable *v = list.at[i];
            const uint64_t changes = ctx->changes;
            const fv_tensor *value = fv_variable_value(v);
            assert_true(ctx->changes == changes); /* it is for reading */
            fv_tensor former = fv_tensor_dup(ctx, value), zeros = former;
            zeros = fv_tensor_new(ctx, FV_F32, former.rank, former.shape);
            for (int64_t k = 0; k < fv_tensor_count(&zeros); k++)
                ((float *)zeros.data)[k] = 0.5f + (float)net_number(k);
            assert_int_equal(fv_variable_assign(v, &zeros), FV_OK);
            answer(net, &images, now);
            assert_memory_not_equal(now, first, BYTES);
            fv_network *copy = fv_network_parse(ctx, texts[n], "c");
            fv_variables fresh = fv_network_variables(copy);
            for (int64_t k = 0; k < list.count; k++)
                fv_variable_assign(fresh.at[k], fv_variable_value(list.at[k]));
            float expected[SIZE];
            answer(copy, &images, expected);
            assert_memory_equal(now, expected, BYTES);
            fv_network_free(copy);
            memcpy(value->data, former.data, net_bytes(value));
            fv_variable_changed(v);
            answer(net, &images, now);
            assert_memory_equal(now, first, BYTES);
            answer(other, &images, now);
            assert_memory_equal(now, others, BYTES);
        }
        fv_optimizer *sgd = fv_sgd(net, 0.1);
        fv_train_step(net, sgd, &images, &labels);
        assert_ok(ctx);
        answer(net, &images, now);
        assert_memory_not_equal(now, first, BYTES);
        answer(other, &images, now);
        assert_memory_equal(now, others, BYTES);
        fv_context_free(ctx);
    }
}

/* Images and answers in one memory. */
static void test_prediction_in_place(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    fv_network *net = fv_network_parse(
        ctx, "input 4 4 2\nconv2d 2 3 3 padding=1\nrelu\n", "t");
    float memory[3 * 32 + 7], apart[3 * 32];
    for (int i = 0; i < 3 * 32 + 7; i++) memory[i] = (float)net_number(i);
    fv_tensor images = FV_TENSOR(memory, FV_F32, 3, 4, 4, 2);
    fv_tensor out = FV_TENSOR(apart, FV_F32, 3, 4, 4, 2);
    assert_int_equal(fv_network_predict(net, &images, &out), FV_OK);
    out.data = memory + 7;
    assert_int_equal(fv_network_predict(net, &images, &out), FV_OK);
    assert_memory_equal(memory + 7, apart, sizeof apart);
    for (int i = 0; i < 3 * 32 + 7; i++) memory[i] = (float)net_number(i);
    out = fv_tensor_permute(ctx, &images, (const int32_t[]){ 0, 2, 1, 3 });
    assert_int_equal(fv_network_predict(net, &images, &out), FV_OK);
    for (int64_t i = 0; i < 3 * 32; i++) {
        const int64_t at[] = { i / 32, i / 8 % 4, i / 2 % 4, i % 2 };
        assert_true(fv_tensor_get(ctx, &out, at) == (double)apart[i]);
    }
    assert_ok(ctx);
    fv_context_free(ctx);
}

static void test_using_refusals(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_tensor images = net_images(ctx, 2), labels = net_labels(ctx, 2);
    float answers[2 * 5];
    fv_tensor wrong = FV_TENSOR(answers, FV_F32, 2, 5);
    assert_int_equal(fv_network_predict(net, &images, &wrong), FV_MISUSE);
    assert_error(ctx, "copy: [2, 4] does not fit [2, 5]");
    float right[2 * NET_CLASSES];
    fv_tensor out = FV_TENSOR(right, FV_F32, 2, NET_CLASSES);
    assert_int_equal(fv_network_predict(net, NULL, &out), FV_MISUSE);
    assert_error(ctx, "images: no tensor");
    assert_int_equal(fv_network_predict(net, &images, NULL), FV_MISUSE);
    assert_error(ctx, "output: no tensor");
    fv_tensor number = fv_tensor_of(right, FV_F32, 0, NULL);
    assert_int_equal(fv_network_predict(net, &number, &out), FV_MISUSE);
    assert_error(ctx, "network: a batch of 0 images, expected at least 1");
    fv_tensor narrow = fv_tensor_slice(ctx, &images, 1, 0, 7, 1);
    assert_int_equal(fv_network_predict(net, &narrow, &out), FV_MISUSE);
    assert_error(ctx, "network: images of [7, 8, 3], the input is [8, 8, 3]");
    assert_int_equal(fv_network_predict(net, &labels, &out), FV_MISUSE);
    assert_error(ctx, "network: images of [], the input is [8, 8, 3]");
    fv_tensor flat =
        fv_tensor_reshape(ctx, &images, 1, (const int64_t[]){ 2 * NET_PIXELS });
    assert_null(fv_network_forward(net, fv_constant(ctx, &flat)));
    assert_error(ctx, "network: input [384] is not a batch of [8, 8, 3]");
    fv_variable *y = fv_network_forward(net, fv_constant(ctx, &images));
    fv_variable *loss = fv_network_loss(net, y, &labels);
    assert_int_equal(fv_backprop(loss), FV_OK);
    assert_null(fv_network_loss(net, y, &labels));
    assert_error(ctx, "network: the output was on the tape that fv_backprop "
                      "emptied");
    assert_int_equal(fv_network_planned_bytes(net, 0, 1), 0);
    assert_error(ctx, "network: a batch of 0 images, expected at least 1");
    assert_int_equal(fv_network_planned_bytes(net, INT64_MAX / 2, 0), 0);
    assert_int_not_equal(fv_failed(ctx), FV_OK);
    fv_clear_error(ctx);
    assert_int_equal(fv_network_predict(NULL, &images, &wrong), FV_MISUSE);
    assert_null(fv_network_forward(NULL, y));
    assert_null(fv_network_forward(net, NULL));
    fv_context_free(ctx);
}

/* Class indices for losses that take values become rows; what does not fit is
 * refused. */
static void test_class_indices_for_any_loss(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_regression, "net");
    fv_tensor images = net_images(ctx, 4), labels = net_labels(ctx, 4);
    fv_tensor few = net_labels(ctx, 3);
    fv_variable *y = fv_network_forward(net, fv_constant(ctx, &images));
    double rows[4 * NET_CLASSES] = { 0 };
    for (int64_t i = 0; i < 4; i++)
        rows[i * NET_CLASSES + ((const int64_t *)labels.data)[i]] = 1;
    fv_tensor dense = FV_TENSOR(rows, FV_F64, 4, NET_CLASSES);
    const double loss = fv_item(fv_network_loss(net, y, &labels));
    assert_true(loss == fv_item(fv_network_loss(net, y, &dense)));
    assert_null(fv_network_loss(net, y, &few));
    assert_error(ctx, "labels: 3 class indices do not fit the output");
    fv_variable *number = fv_variable_number(ctx, 1);
    assert_null(fv_network_loss(net, number, &labels));
    assert_error(ctx, "labels: 4 class indices do not fit the output");
    ((int64_t *)labels.data)[3] = NET_CLASSES;
    assert_null(fv_network_loss(net, y, &labels));
    assert_error(ctx, "labels: class 4 of image 3 is not in 0..3");
    fv_tensor row = fv_tensor_at(ctx, &dense, 0, 0);
    assert_null(fv_network_loss(net, y, &row));
    assert_error(ctx, "mse1: input is [4, 4], target is [4]");
    assert_null(fv_network_loss(net, y, NULL));
    assert_error(ctx, "target: no tensor");
    assert_null(fv_network_loss(fv_network_parse(ctx, "input 4\nrelu\n", "n"),
                                y, &dense));
    assert_error(ctx, "network: there is no loss layer");
    assert_true(isinf(fv_network_gradcheck(net, 0)));
    assert_error(ctx, "gradcheck: a batch of 0 images, expected at least 1");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_building_refusals),
        cmocka_unit_test(test_a_layer_keeps_its_weights),
        cmocka_unit_test(test_a_layer_of_a_network_by_itself),
        cmocka_unit_test(test_layouts_agree),
        cmocka_unit_test(test_dense_targets_in_both_layouts),
        cmocka_unit_test(test_batches_do_not_matter),
        cmocka_unit_test(test_many_batch_sizes),
        cmocka_unit_test(test_weights_written_after_a_prediction),
        cmocka_unit_test(test_prediction_in_place),
        cmocka_unit_test(test_using_refusals),
        cmocka_unit_test(test_class_indices_for_any_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
