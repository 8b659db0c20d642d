/* Every allocation fails once, and from some call on: a clean error each time,
 * nothing lost, and the next attempt in the same context succeeds. */
#include "folder.h"
#include "nets.h"

#include "base/internal.h"
#include "faults.h"

/* ---- what is attempted --------------------------------------------------- */

static int no_sync(void *user, int file)
{
    (void)user;
    (void)file;
    return 0;
}

/* Files as always, but without waiting for the disk. */
static fv_io quick_io(void)
{
    fv_io io = fv__io_posix;
    io.fsync = no_sync;
    return io;
}

static const char *const tiny = "input 4 4 2\n"
                                "conv2d 3 3 3 padding=1 bias=no name=c\n"
                                "batchnorm name=b\n"
                                "relu\n"
                                "conv2d 3 1 1 from=b\n"
                                "add from=b,conv2\n"
                                "maxpool 2 2\n"
                                "flatten\n"
                                "dropout 0.2\n"
                                "linear 3\n"
                                "softmax_cross_entropy\n";

static float pixels[5 * 4 * 4 * 2];
static int64_t classes[5] = { 0, 2, 1, 1, 0 };

static fv_tensor batch_images(void)
{
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++)
        pixels[i] = (float)net_number((int64_t)i);
    return FV_TENSOR(pixels, FV_F32, 5, 4, 4, 2);
}

static fv_tensor batch_labels(void) { return FV_TENSOR(classes, FV_I64, 5); }

/* Text, one step, save, load, predict. */
static void attempt_network(fv_context *ctx)
{
    fv_tensor images = batch_images(), labels = batch_labels();
    fv_network *net = fv_network_parse(ctx, tiny, "tiny");
    fv_optimizer *adam = fv_adam(net, 0.01);
    fv_train_step(net, adam, &images, &labels);
    fv_network_save(net, path);
    fv_network *again = fv_network_load(ctx, path);
    float answer[5 * 3] = { 0 };
    fv_tensor out = FV_TENSOR(answer, FV_F32, 5, 3);
    fv_network_predict(again, &images, &out);
    fv_optimizer_free(adam);
    fv_network_free(net);
    fv_network_free(again);
    if (!fv_failed(ctx)) assert_true(answer[0] != 0);
}

/* Layers and operations on the tape. */
static void attempt_layers(fv_context *ctx)
{
    fv_tensor images = batch_images(), labels = batch_labels();
    fv_layer *conv = fv_convolutional(ctx, .in_shape = { 4, 4, 2 },
                                      .num_filters = 3, .kernel = { 3 });
    fv_layer *norm = fv_batchnorm(ctx, .in_shape = { 2, 2, 3 });
    fv_layer *linear = fv_linear(ctx, 3, .in_shape = { 12 });
    fv_layer *loss = fv_softmax_cross_entropy(ctx);
    fv_variable *x = fv_variable_new(ctx, &images);
    fv_variable *y = fv_layer_forward(norm, fv_layer_forward(conv, x));
    y = fv_reshape(fv_tanh_of(y), 2, (const int64_t[]){ 5, 12 });
    y = fv_layer_forward(linear, y);
    fv_variable *pair[] = { y, fv_constant(ctx, &labels) };
    y = pair[0] && pair[1] ? fv_layer_forward_n(loss, 2, pair) : NULL;
    fv_backprop(fv_add(y, fv_mean(x)));
    if (fv_failed(ctx)) return;
    const fv_tensor *grad = fv_variable_grad(fv_layer_variables(conv).at[0]);
    assert_true(((const float *)grad->data)[0] != 0);
    fv_forget(ctx);
}

/* Two epochs with a checkpoint, then a third from it. */
static void attempt_fit(fv_context *ctx)
{
    fv_tensor images = batch_images(), labels = batch_labels();
    unlink(other_path);
    for (int64_t epochs = 2; epochs <= 3; epochs++) {
        fv_dataset *data = fv_dataset_of(ctx, &images, &labels);
        fv_network *net = fv_network_parse(ctx, tiny, "tiny");
        fv_optimizer *sgd = fv_sgd(net, 0.01, .momentum = 0.9);
        fv_fit_report report = { .epochs = 0 };
        fv_fit(net, sgd, data, .test = data, .epochs = epochs, .batch = 2,
               .checkpoint = other_path, .resume = 1, .report = &report);
        if (!fv_failed(ctx)) assert_int_equal(report.epochs, epochs);
        if (!fv_failed(ctx)) assert_int_equal(report.resumed, epochs == 3);
        fv_optimizer_free(sgd);
        fv_network_free(net);
        fv_dataset_free(data);
    }
}

/* The same with all that may be set for an optimizer. */
static void attempt_settings(fv_context *ctx)
{
    fv_tensor images = batch_images(), labels = batch_labels();
    unlink(other_path);
    for (int64_t epochs = 1; epochs <= 2; epochs++) {
        fv_dataset *data = fv_dataset_of(ctx, &images, &labels);
        fv_network *net = fv_network_parse(ctx, tiny, "tiny");
        fv_optimizer *lamb = fv_optimizer_parse(net, "lamb weight_decay=0.1");
        fv_set_schedule(lamb, "linear 2 for 2 then plateau");
        fv_scale_learning_rate(lamb, "*.weight", 0.5);
        fv_decay_weights_only(lamb);
        fv_set_clip_norm(lamb, 1);
        fv_set_average(lamb, 0.9);
        fv_fit(net, lamb, data, .test = data, .epochs = epochs, .batch = 4,
               .micro_batch = 3, .checkpoint = other_path, .resume = 1);
        fv_swap_average(lamb);
        fv_optimizer_free(lamb);
        fv_network_free(net);
        fv_dataset_free(data);
    }
}

/* Another head, weights from a model, and a copy of it. */
static void attempt_weights(fv_context *ctx)
{
    fv_network *net = fv_network_parse(ctx, tiny, "tiny");
    fv_network_save(net, path);
    fv_weights_copy(ctx, path, other_path);
    fv_network_free(fv_network_with_loss(net, "mse"));
    fv_network *made = fv_network_with_head(net, 5);
    fv_network_match_weights(made, other_path, .new_head = 1);
    if (!fv_failed(ctx)) assert_int_equal(fv_network_classes(made), 5);
    if (fv_network_match_weights(made, other_path) == FV_MALFORMED)
        fv_clear_error(ctx);
    fv_network_free(net);
    fv_network_free(made);
}

/* ---- trying every allocation --------------------------------------------- */

typedef void attempt(fv_context *ctx);

/* One context whose k-th allocation fails; false if it was never asked for. */
static bool fail_at(size_t k, bool from_then_on, attempt *try)
{
    faults_memory memory = { .fail_at = k, .from_then_on = from_then_on };
    fv_allocator allocator = faults_allocator(&memory);
    fv_io io = quick_io();
    fv_context *ctx =
        NET_CONTEXT(.allocator = &allocator, .io = &io, .threads = 1);
    if (!ctx) assert_int_equal(k, 1);
    try(ctx);
    bool reached = memory.calls >= k;
    if (reached && fv_failed(ctx) != FV_NO_MEMORY)
        fail_msg("allocation %zu: %d %s", k, (int)fv_failed(ctx),
                 fv_error(ctx));
    if (!reached) assert_ok(ctx);
    memory.fail_at = 0;
    if (ctx && reached) {
        size_t data = fv_context_memory(ctx).data_bytes;
        if (data) fail_msg("allocation %zu: %zu bytes of data left", k, data);
        fv_clear_error(ctx);
        try(ctx);
        assert_ok(ctx);
    }
    fv_context_free(ctx);
    if (memory.blocks)
        fail_msg("allocation %zu: %zu blocks left", k, memory.blocks);
    assert_int_equal(memory.wrong, 0);
    return reached;
}

static void fail_everywhere(attempt *try)
{
    for (int from_then_on = 0; from_then_on < 2; from_then_on++) {
        size_t k = 1;
        while (k < 5000 && fail_at(k, from_then_on, try)) k++;
        assert_true(k > 20 && k < 5000);
    }
}

static void test_network(void **state)
{
    (void)state;
    needs(JANSSON);
    fail_everywhere(attempt_network);
}

static void test_layers(void **state)
{
    (void)state;
    fail_everywhere(attempt_layers);
}

static void test_fit(void **state)
{
    (void)state;
    needs(JANSSON);
    fail_everywhere(attempt_fit);
}

static void test_settings(void **state)
{
    (void)state;
    needs(JANSSON);
    fail_everywhere(attempt_settings);
}

static void test_weights(void **state)
{
    (void)state;
    needs(JANSSON);
    fail_everywhere(attempt_weights);
}

/* A limit on memory is kept, and each try leaves the context usable. */
static void test_limit(void **state)
{
    (void)state;
    needs(JANSSON);
    size_t last = 0;
    for (size_t limit = 2000;; limit += limit / 16) {
        fv_io io = quick_io();
        fv_context *ctx =
            NET_CONTEXT(.max_bytes = limit, .io = &io, .threads = 1);
        attempt_network(ctx);
        fv_memory memory = fv_context_memory(ctx);
        assert_true(memory.peak_bytes <= limit);
        fv_status status = fv_failed(ctx);
        fv_context_free(ctx);
        if (status == FV_OK) break;
        assert_int_equal(status, FV_LIMIT);
        last = limit;
    }
    assert_true(last > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network), cmocka_unit_test(test_layers),
        cmocka_unit_test(test_fit),     cmocka_unit_test(test_settings),
        cmocka_unit_test(test_weights), cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
