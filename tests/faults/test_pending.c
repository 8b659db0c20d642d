/* While a failure is pending, makers make nothing and verbs do nothing; what is
 * NULL is refused or left alone. */
#include "nets.h"

#include <fovea/operator.h>

#include <unistd.h>

/* Some of everything. */
typedef struct world {
    fv_context *ctx;
    fv_network *net;
    fv_layer *layer;
    fv_optimizer *optimizer;
    fv_dataset *dataset;
    fv_tensor images, labels, output;
    fv_variable *leaf, *result;
    fv_conv *conv;
    fv_tensor x, y, w;
} world;

static world build(void)
{
    world o = { .ctx = NET_CONTEXT(.threads = 1) };
    o.net = fv_network_parse(o.ctx, net_plain, "net");
    o.layer = fv_linear(o.ctx, 4, .in_shape = { 3 });
    o.optimizer = fv_sgd(o.net, 0.5, .momentum = 0.5);
    o.dataset = net_dataset(o.ctx, 6);
    o.images = net_images(o.ctx, 6);
    o.labels = net_labels(o.ctx, 6);
    o.output = fv_tensor_new(o.ctx, FV_F32, 2, (const int64_t[]){ 6, 4 });
    o.x = fv_tensor_new(o.ctx, FV_F32, 4, (const int64_t[]){ 1, 4, 4, 1 });
    o.y = fv_tensor_new(o.ctx, FV_F32, 4, (const int64_t[]){ 1, 4, 4, 1 });
    o.w = fv_tensor_new(o.ctx, FV_F32, 4, (const int64_t[]){ 1, 1, 1, 1 });
    o.leaf = fv_variable_new(o.ctx, &o.images);
    fv_network_variables(o.net);
    o.conv = fv_conv_plan(o.ctx, .in_shape = { 4, 4, 1 }, .num_filters = 1,
                          .kernel = { 1 });
    o.result = fv_network_forward(o.net, o.leaf);
    assert_ok(o.ctx);
    return o;
}

static void make_nothing(const world *o)
{
    fv_context *ctx = o->ctx;
    assert_null(fv_network_new(ctx, NULL, 0));
    assert_null(fv_network_parse(ctx, net_plain, "net"));
    assert_null(fv_network_load(ctx, "/nowhere"));
    assert_null(fv_network_layer(o->net, 0));
    assert_null(fv_network_forward(o->net, o->leaf));
    assert_null(fv_network_loss(o->net, o->result, &o->labels));
    assert_null(fv_relu(ctx));
    assert_null(fv_layer_forward(o->layer, o->leaf));
    assert_int_equal(fv_layer_output_shape(o->layer).rank, -1);
    assert_int_equal(fv_layer_variables(o->layer).count, 0);
    assert_null(fv_sgd(o->net, 0.1, .momentum = 0));
    assert_null(fv_adam(o->net, 0.1));
    assert_null(fv_adamw(o->net, 0.1, 0.1));
    assert_null(fv_dataset_open(ctx, "mnist"));
    assert_null(fv_dataset_open_idx(ctx, "a", "b"));
    assert_null(fv_dataset_of(ctx, &o->images, &o->labels));
    assert_null(fv_variable_new(ctx, &o->images));
    assert_null(fv_variable_number(ctx, 1));
    assert_null(fv_constant(ctx, &o->images));
    assert_null(fv_add(o->leaf, o->leaf));
    assert_null(fv_tape_last(ctx));
    assert_null(fv_conv_plan(ctx, .in_shape = { 4, 4, 1 }, .num_filters = 1,
                             .kernel = { 1 }));
    assert_null(fv_conv_of_layer(o->layer, 1, 0));
    assert_int_equal(fv_tensor_new(ctx, FV_F32, 0, NULL).rank, -1);
    assert_int_equal(fv_tensor_dup(ctx, &o->images).rank, -1);
    assert_int_equal(fv_tensor_convert(ctx, &o->images, FV_F32).rank, -1);
    assert_int_equal(fv_tensor_slice(ctx, &o->images, 0, 0, 1, 1).rank, -1);
    assert_int_equal(fv_tensor_at(ctx, &o->images, 0, 0).rank, -1);
    assert_int_equal(fv_tensor_permute(ctx, &o->images, NULL).rank, -1);
    assert_int_equal(
        fv_tensor_reshape(ctx, &o->labels, 1, o->labels.shape).rank, -1);
    assert_int_equal(
        fv_tensor_broadcast(ctx, &o->labels, 1, o->labels.shape).rank, -1);
    assert_int_equal(fv_tensor_view_as(ctx, &o->images, FV_F64).rank, -1);
    assert_int_equal(fv_tensor_take(ctx, &o->images, &o->labels).rank, -1);
    assert_int_equal(fv_tensor_argmax(ctx, &o->images, 0).rank, -1);
    assert_int_equal(fv_npy_load(ctx, "/nowhere").rank, -1);
}

/* A verb returns the status of the failure that is pending. */
static void do_nothing(const world *o, const char *path)
{
    const fv_status pending = FV_INTERRUPTED;
    fv_context *ctx = o->ctx;
    assert_int_equal(fv_network_add(o->net, o->layer), pending);
    assert_int_equal(fv_network_save(o->net, path), pending);
    assert_int_equal(fv_network_predict(o->net, &o->images, &o->output),
                     pending);
    assert_int_equal(fv_network_set_class_names(o->net, 0, NULL), pending);
    assert_int_equal(fv_optimizer_update(o->optimizer), pending);
    assert_int_equal(fv_set_learning_rate(o->optimizer, 1), pending);
    assert_int_equal(fv_dataset_limit(o->dataset, 1), pending);
    assert_int_equal(fv_dataset_batch(o->dataset, (const int64_t[]){ 0 }, 1,
                                      &o->images, &o->labels),
                     pending);
    assert_int_equal(fv_variable_assign(o->leaf, &o->images), pending);
    assert_int_equal(fv_variable_set_requires_grad(o->leaf, 0), pending);
    assert_int_equal(fv_variable_retain_grad(o->result), pending);
    assert_int_equal(fv_backprop(o->result), pending);
    assert_int_equal(fv_tensor_copy(ctx, &o->images, &o->images), pending);
    assert_int_equal(fv_npy_save(ctx, path, &o->images), pending);
    assert_int_equal(fv_conv_forward(o->conv, &o->x, &o->w, NULL, NULL, &o->y),
                     pending);
    assert_int_equal(fv_conv_backward_data(o->conv, &o->y, &o->w, &o->x),
                     pending);
    assert_int_equal(
        fv_conv_backward_weights(o->conv, &o->x, &o->y, &o->w, NULL), pending);
    assert_int_equal(fv_fit(o->net, o->optimizer, o->dataset), pending);
    assert_int_equal(
        fv_train_step(o->net, o->optimizer, &o->images, &o->labels).count, 0);
    assert_int_equal(fv_evaluate(o->net, o->dataset, 0, NULL).count, 0);
    assert_true(isnan(fv_accuracy(o->net, o->dataset)));
    assert_true(isnan(fv_item(o->leaf)));
    assert_true(isnan(fv_tensor_get(ctx, &o->images, (const int64_t[4]){ 0 })));
    assert_true(isinf(fv_network_gradcheck(o->net, 1)));
    assert_int_equal(fv_network_planned_bytes(o->net, 1, 1), 0);
    assert_string_equal(fv_network_text(o->net), "");
}

static void test_pending_failure(void **state)
{
    (void)state;
    world o = build();
    char path[64];
    snprintf(path, sizeof path, "/tmp/fovea-pending-%ld", (long)getpid());
    const uint64_t digest = net_digest(o.net);
    const fv_memory before = fv_context_memory(o.ctx);
    fv_fail(o.ctx, FV_INTERRUPTED, "earlier");
    make_nothing(&o);
    do_nothing(&o, path);
    assert_int_not_equal(access(path, F_OK), 0);
    const fv_memory after = fv_context_memory(o.ctx);
    assert_int_equal(after.bytes, before.bytes);
    assert_int_equal(after.peak_bytes, before.peak_bytes);
    assert_int_equal(after.data_bytes, before.data_bytes);
    assert_error(o.ctx, "earlier");
    /* nothing has happened, and everything goes on */
    assert_true(net_digest(o.net) == digest);
    assert_int_equal(fv_dataset_count(o.dataset), 6);
    assert_true(fv_variable_requires_grad(o.leaf));
    assert_true(fv_learning_rate(o.optimizer) == 0.5);
    assert_int_equal(fv_backprop(fv_mean(o.result)), FV_OK);
    assert_int_equal(fv_network_predict(o.net, &o.images, &o.output), FV_OK);
    assert_int_equal(
        fv_train_step(o.net, o.optimizer, &o.images, &o.labels).count, 6);
    fv_context_free(o.ctx);
}

static void test_no_object(void **state)
{
    (void)state;
    world o = build();
    assert_null(fv_network_new(NULL, NULL, 0));
    assert_null(fv_network_forward(NULL, o.leaf));
    assert_null(fv_network_forward(o.net, NULL));
    assert_null(fv_network_loss(NULL, o.result, &o.labels));
    assert_null(fv_network_loss(o.net, NULL, &o.labels));
    assert_null(fv_network_layer(NULL, 0));
    assert_null(fv_network_class_name(NULL, 0));
    assert_int_equal(fv_network_count(NULL), 0);
    assert_int_equal(fv_network_variables(NULL).count, 0);
    assert_true(isinf(fv_network_gradcheck(NULL, 1)));
    assert_int_equal(fv_network_predict(NULL, &o.images, &o.output), FV_MISUSE);
    assert_null(fv_layer_forward(NULL, o.leaf));
    assert_int_equal(fv_layer_output_shape(NULL).rank, -1);
    assert_int_equal(fv_layer_variables(NULL).count, 0);
    assert_string_equal(fv_layer_name(NULL), "");
    assert_string_equal(fv_layer_kind(NULL), "");
    assert_null(fv_sgd(NULL, 0.1, .momentum = 0));
    assert_null(fv_sgd_new(NULL));
    assert_null(fv_adam_new(NULL));
    assert_null(fv_adamw_new(NULL));
    assert_int_equal(fv_optimizer_update(NULL), FV_MISUSE);
    assert_int_equal(fv_set_learning_rate(NULL, 1), FV_MISUSE);
    assert_true(isnan(fv_learning_rate(NULL)));
    assert_int_equal(fv_train_step(NULL, NULL, NULL, NULL).count, 0);
    assert_int_equal(fv_evaluate(NULL, o.dataset, 0, NULL).count, 0);
    assert_int_equal(fv_evaluate(o.net, NULL, 0, NULL).count, 0);
    assert_null(fv_dataset_of(NULL, &o.images, &o.labels));
    assert_int_equal(fv_dataset_count(NULL), 0);
    assert_int_equal(fv_dataset_classes(NULL), 0);
    assert_null(fv_dataset_images(NULL));
    assert_null(fv_dataset_labels(NULL));
    assert_int_equal(fv_dataset_limit(NULL, 1), FV_NO_MEMORY);
    int64_t order = 7;
    fv_dataset_shuffle(NULL, 1, 1, &order);
    fv_dataset_shuffle(o.dataset, 1, 1, NULL);
    assert_int_equal(order, 7);
    assert_int_equal(fv_variable_assign(NULL, &o.images), FV_MISUSE);
    assert_int_equal(fv_variable_set_requires_grad(NULL, 1), FV_MISUSE);
    assert_int_equal(fv_variable_retain_grad(NULL), FV_MISUSE);
    assert_false(fv_variable_requires_grad(NULL));
    assert_null(fv_variable_context(NULL));
    assert_null(fv_variable_value(NULL));
    assert_null(fv_variable_grad(NULL));
    assert_true(isnan(fv_item(NULL)));
    assert_int_equal(fv_backprop(NULL), FV_MISUSE);
    assert_int_equal(fv_training(NULL, 1), 0);
    assert_int_equal(fv_no_grad(NULL, 1), 0);
    assert_int_equal(fv_conv_forward(NULL, &o.x, &o.w, NULL, NULL, &o.y),
                     FV_MISUSE);
    assert_int_equal(fv_conv_pass_candidate(NULL, FV_PASS_FORWARD, 0).cost, 0);
    fv_conv_weights_changed(NULL);
    fv_conv_free(NULL);
    fv_forget(NULL);
    fv_variable_changed(NULL);
    fv_variable_zero_grad(NULL);
    fv_variable_zero_grad(o.result);
    fv_variable_free(NULL);
    fv_variable_free(o.result); /* the tape's, not the caller's */
    fv_zero_grad(NULL);
    assert_ok(o.ctx);
    assert_int_equal(fv_variable_value(o.result)->rank, 2);
    fv_context_free(o.ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending_failure),
        cmocka_unit_test(test_no_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
