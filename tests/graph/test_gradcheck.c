/* The gradient checker: right gradients pass, wrong ones are caught. */
#include "nets.h"

#include "network/network.h"

/* y = x^2 with a backward that is wrong by a factor. */
typedef struct square {
    double factor;
} square;

static fv_status square_infer(fv_inference *inference)
{
    inference->outputs[0] = *inference->inputs[0];
    return FV_OK;
}

static void square_forward(const fv_call *call)
{
    const double *x = call->inputs[0]->data;
    double *y = call->outputs[0]->data;
    for (int64_t i = 0; i < fv_tensor_count(call->outputs[0]); i++)
        y[i] = x[i] * x[i];
}

static void square_backward(const fv_call *call)
{
    const square *s = call->attributes;
    const double *x = call->inputs[0]->data, *dy = call->output_grads[0]->data;
    double *dx = call->input_grads[0]->data;
    for (int64_t i = 0; i < fv_tensor_count(call->outputs[0]); i++)
        dx[i] += s->factor * x[i] * dy[i];
}

static const fv_operator squaring = {
    .size = sizeof(fv_operator),
    .name = "squaring",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(square),
    .backward_reads = FV_READS_INPUT(0),
    .infer = square_infer,
    .forward = square_forward,
    .backward = square_backward,
};

static fv_variable *function(void *user, fv_variables at)
{
    return fv_mul(fv_apply(&squaring, user, 1, &at.at[0]), at.at[1]);
}

static fv_variable *fails(void *user, fv_variables at)
{
    return fv_add(at.at[0], user);
}

typedef struct fixture {
    fv_context *ctx;
    fv_variable *at[2];
    fv_variables list;
} fixture;

static void begin(fixture *f)
{
    f->ctx = NET_CONTEXT(.dtype = FV_F64);
    double a[] = { 0.5, -1.25, 3 }, b[] = { 2, 1, -0.75 };
    fv_tensor first = FV_TENSOR(a, FV_F64, 3);
    fv_tensor second = FV_TENSOR(b, FV_F64, 3);
    f->at[0] = fv_variable_new(f->ctx, &first);
    f->at[1] = fv_variable_new(f->ctx, &second);
    f->list = (fv_variables){ 2, f->at };
    assert_ok(f->ctx);
}

static void test_right_and_wrong_backward(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    square s = { 2 };
    double error = fv_gradcheck(function, &s, f.list, 0, 0);
    assert_true(error < 1e-8);
    s.factor = 2.001;
    error = fv_gradcheck(function, &s, f.list, 0, 0);
    assert_true(error > 4e-4 && error < 6e-4);
    s.factor = -2;
    assert_true(fv_gradcheck(function, &s, f.list, 0, 0) > 1);
    s.factor = (double)NAN;
    assert_true(isinf(fv_gradcheck(function, &s, f.list, 0, 0)));
    /* a frozen variable is not looked at */
    fv_variable_set_requires_grad(f.at[0], 0);
    assert_true(fv_gradcheck(function, &s, f.list, 0, 0) < 1e-8);
    assert_ok(f.ctx);
    fv_context_free(f.ctx);
}

static fv_variable *products(void *user, fv_variables at)
{
    (void)user;
    return fv_mul(fv_mul(at.at[0], at.at[0]), at.at[1]);
}

static fv_variable *rectified(void *user, fv_variables at)
{
    return fv_mul(fv_relu_of(fv_apply(&squaring, user, 1, &at.at[0])),
                  fv_relu_of(at.at[1]));
}

/* Elements nearer to the kink of a ReLU than a step. */
static void test_kinks_within_a_step(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    double a[] = { 0.5, -1.25, 3, 2 }, b[] = { 1e-6, -1e-6, 4e-6, -3e-7 };
    fv_tensor first = FV_TENSOR(a, FV_F64, 4);
    fv_tensor second = FV_TENSOR(b, FV_F64, 4);
    fv_variable *at[] = { fv_variable_new(ctx, &first),
                          fv_variable_new(ctx, &second) };
    square s = { 2 };
    assert_true(fv_gradcheck(rectified, &s, (fv_variables){ 2, at }, 0, 0)
                < 1e-7);
    /* a's derivatives are b's size: they count by the floor */
    s.factor = 2.001;
    double error =
        fv_gradcheck(rectified, &s, (fv_variables){ 2, at }, 0, 1e-9);
    assert_true(error > 4e-4 && error < 6e-4);
    assert_ok(ctx);
    fv_context_free(ctx);
}

static fv_variable *far_from_zero(void *user, fv_variables at)
{
    return fv_add_number(function(user, at), 1e5);
}

/* The rounding of a large value outweighs a short step. */
static void test_large_values(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    square s = { 2 };
    assert_true(fv_gradcheck(far_from_zero, &s, f.list, 0, 0) < 1e-6);
    s.factor = 2.001;
    const double error = fv_gradcheck(far_from_zero, &s, f.list, 0, 0);
    assert_true(error > 4e-4 && error < 6e-4);
    assert_ok(f.ctx);
    fv_context_free(f.ctx);
}

static void test_leaves_everything_as_it_was(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    square s = { 2 };
    size_t bytes;
    fv_gradcheck(function, &s, f.list, 0, 0);
    unsigned char *grads = net_dump(f.list, 1, &bytes);
    for (size_t i = 0; i < bytes; i++) assert_int_equal(grads[i], 0);
    const double *values = fv_variable_value(f.at[0])->data;
    assert_true(values[0] == 0.5 && values[1] == -1.25 && values[2] == 3);
    assert_int_equal(fv_no_grad(f.ctx, 0), 0);
    assert_int_equal(fv_tape_count(f.ctx), 0);
    free(grads);
    fv_context_free(f.ctx);
}

/* Singles take a step that they can tell from their rounding. */
static void test_singles(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F32);
    float a[] = { 0.5F, -1.25F, 3 }, b[] = { 2, 1, -0.75F };
    fv_tensor first = FV_TENSOR(a, FV_F32, 3), second = FV_TENSOR(b, FV_F32, 3);
    fv_variable *at[] = { fv_variable_new(ctx, &first),
                          fv_variable_new(ctx, &second) };
    square s = { 2 };
    assert_true(
        fv_gradcheck(products, &s, (fv_variables){ 2, at }, 0.0078125, 0)
        < 1e-3);
    assert_memory_equal(fv_variable_value(at[0])->data, a, sizeof a);
    assert_memory_equal(fv_variable_value(at[1])->data, b, sizeof b);
    assert_ok(ctx);
    fv_context_free(ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    square s = { 2 };
    assert_true(isinf(fv_gradcheck(NULL, &s, f.list, 0, 0)));
    assert_true(isinf(fv_gradcheck(function, &s, (fv_variables){ 0 }, 0, 0)));
    assert_true(isinf(fv_gradcheck(fails, NULL, f.list, 0, 0)));
    assert_error(f.ctx, "add: operand 2 is NULL");
    assert_int_equal(fv_no_grad(f.ctx, 0), 0);
    fv_variable *none[] = { NULL };
    assert_true(
        isinf(fv_gradcheck(function, &s, (fv_variables){ 1, none }, 0, 0)));
    fv_variable *last = f.at[1];
    f.at[1] = NULL;
    assert_true(isinf(fv_gradcheck(function, &s, f.list, 0, 0)));
    assert_error(f.ctx, "gradcheck: variable 1 is NULL");
    fv_variable *result = fv_mul(last, last);
    f.at[1] = result;
    assert_true(isinf(fv_gradcheck(function, &s, f.list, 0, 0)));
    assert_error(f.ctx, "gradcheck: variable 1 is not a leaf");
    fv_context_free(f.ctx);
}

/* ---- whole networks ------------------------------------------------------ */

static void test_networks(void **state)
{
    (void)state;
    const char *const nets[] = { net_plain, net_residual, net_branches,
                                 net_regression, net_dropout };
    for (int n = 0; n < 10; n++) {
        fv_context *ctx =
            NET_CONTEXT(.dtype = FV_F64, .layout = n % 2 ? FV_NCHW : FV_NHWC);
        fv_network *net = fv_network_parse(ctx, nets[n / 2], "net");
        uint64_t before = net_digest(net);
        double error = fv_network_gradcheck(net, 2);
        assert_ok(ctx);
        if (!(error < 1e-5)) fail_msg("net %d: %g", n / 2, error);
        assert_true(net_digest(net) == before);
        size_t bytes;
        unsigned char *grads = net_dump(fv_network_variables(net), 1, &bytes);
        for (size_t i = 0; i < bytes; i++) assert_int_equal(grads[i], 0);
        free(grads);
        fv_context_free(ctx);
    }
}

/* Weights, running statistics, flags, the tape and what plans keep of weights
 * are as before. */
static void test_network_is_as_it_was(void **state)
{
    (void)state;
    const char *const nets[] = { net_residual, net_dropout };
    for (int n = 0; n < 4; n++) {
        const int training = n / 2;
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
        fv_network *net = fv_network_parse(ctx, nets[n % 2], "net");
        fv_tensor images = net_images(ctx, 2), labels = net_labels(ctx, 2);
        fv_optimizer *sgd = fv_sgd(net, 0.05);
        fv_train_step(net, sgd, &images, &labels); /* statistics of their own */
        double before[2 * NET_CLASSES], after[2 * NET_CLASSES];
        fv_tensor out = FV_TENSOR(before, FV_F64, 2, NET_CLASSES);
        fv_network_predict(net, &images, &out);
        const uint64_t digest = net_digest(net);
        unsigned char *statistics = malloc(net->state_bytes);
        assert_true(net->state_bytes > 0);
        memcpy(statistics, net->state, net->state_bytes);
        fv_training(ctx, training);
        const double error = fv_network_gradcheck(net, 3);
        assert_ok(ctx);
        assert_true(error < 1e-5);
        assert_memory_equal(net->state, statistics, net->state_bytes);
        assert_true(net_digest(net) == digest);
        assert_int_equal(fv_training(ctx, 1), training);
        assert_int_equal(fv_no_grad(ctx, 0), 0);
        assert_int_equal(fv_tape_count(ctx), 0);
        out.data = after;
        fv_network_predict(net, &images, &out);
        assert_ok(ctx);
        assert_memory_equal(before, after, sizeof before);
        free(statistics);
        fv_context_free(ctx);
    }
}

static void test_network_refusals(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_network *net = fv_network_parse(ctx, "input 2 2 1\nconv2d 2 1 1\n", "n");
    assert_true(fv_network_gradcheck(net, 2) < 1e-7); /* without a loss */
    assert_true(isinf(fv_network_gradcheck(net, 0)));
    assert_error(ctx, "gradcheck: a batch of 0 images, expected at least 1");
    assert_true(isinf(fv_network_gradcheck(NULL, 1)));
    net = fv_network_parse(ctx, "input 3\nrelu\n", "n");
    assert_true(isinf(fv_network_gradcheck(net, 2)));
    assert_error(ctx, "gradcheck: the network has no parameters");
    net = fv_network_parse(ctx, "input 3\nlinear 9\nless 0\n", "n");
    assert_true(isinf(fv_network_gradcheck(net, 2)));
    assert_error(ctx, "gradcheck: the result has type bool, which has no "
                      "gradient");
    net = fv_network_parse(ctx,
                           "input 3\nlinear 2 name=a\n"
                           "triplet from=a,a,a\n",
                           "n");
    assert_true(isinf(fv_network_gradcheck(net, 2)));
    assert_error(ctx, "network: triplet1 is a loss of 3 results, expected one "
                      "of the output alone");
    net = fv_network_parse(ctx, "input 3\nlinear 2\ntile 1 0\n", "n");
    assert_true(fv_network_gradcheck(net, 2) < 1e-7); /* of no elements */
    assert_ok(ctx);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_and_wrong_backward),
        cmocka_unit_test(test_kinks_within_a_step),
        cmocka_unit_test(test_large_values),
        cmocka_unit_test(test_leaves_everything_as_it_was),
        cmocka_unit_test(test_singles),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_network_is_as_it_was),
        cmocka_unit_test(test_network_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
