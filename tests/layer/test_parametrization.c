/* Weights of layers that are computed from parameters: their names and first
 * values, training, files, fusion, and lack of memory. Values and gradients
 * against PyTorch are in tests/oracle/random_layers.py. */
#include "faults.h"
#include "folder.h"
#include "nets.h"

/* Convolutions, transposed or not, and linear layers with one parametrization.
 */
static void text_of(const char *parametrization, char text[1024])
{
    snprintf(text, 1024,
             "input 8 8 3\n"
             "conv2d 4 3 3 parametrization=%s name=a\n"
             "batchnorm\nrelu\n"
             "conv2d 6 3 2 groups=2 bias=no parametrization=%s name=b\n"
             "tanh\n"
             "conv_transpose2d 4 2 3 groups=2 parametrization=%s name=c\n"
             "relu6\nflatten\n"
             "linear 4 parametrization=%s name=d\n"
             "softmax_cross_entropy\n",
             parametrization, parametrization, parametrization,
             parametrization);
}

static fv_network *network_of(fv_context *ctx, const char *parametrization)
{
    char text[1024];
    text_of(parametrization, text);
    fv_network *net = fv_network_parse(ctx, text, "n.net");
    assert_ok(ctx);
    return net;
}

static const char *const kinds[] = { "standardise", "weight_norm",
                                     "spectral_norm" };
enum { KINDS = sizeof kinds / sizeof *kinds, IMAGES = 3, OUTPUTS = 4 };

static void predict(fv_network *net, double y[IMAGES * OUTPUTS])
{
    fv_context *ctx = fv_variable_context(fv_network_variables(net).at[0]);
    fv_tensor images = net_images(ctx, IMAGES);
    const int64_t shape[] = { IMAGES, OUTPUTS };
    const fv_tensor out = fv_tensor_of(y, FV_F64, 2, shape);
    fv_network_predict(net, &images, &out);
    fv_tensor_free(ctx, &images);
}

static void train(fv_network *net, int steps)
{
    fv_context *ctx = fv_variable_context(fv_network_variables(net).at[0]);
    fv_tensor images = net_images(ctx, IMAGES),
              labels = net_labels(ctx, IMAGES);
    fv_optimizer *sgd = fv_sgd(net, 0.05);
    for (int i = 0; i < steps; i++) fv_train_step(net, sgd, &images, &labels);
    assert_ok(ctx);
    fv_optimizer_free(sgd);
    fv_tensor_free(ctx, &images);
    fv_tensor_free(ctx, &labels);
}

/* The parameter of that name in files. */
static fv_tensor parameter(fv_network *net, const char *name)
{
    fv_context *ctx = fv_variable_context(fv_network_variables(net).at[0]);
    fv_named_tensors all = fv_network_weights(net, 0);
    fv_tensor found = { .rank = -1 };
    for (int64_t i = 0; i < all.count; i++)
        if (!strcmp(all.at[i].name, name)) found = all.at[i].tensor;
    if (found.rank < 0) fail_msg("there is no %s", name);
    fv_named_tensors_free(ctx, &all);
    assert_ok(ctx);
    return found;
}

static void check_shape(fv_network *net, const char *name, int32_t rank,
                        const int64_t shape[])
{
    const fv_tensor expected = fv_tensor_of(NULL, FV_F64, rank, shape);
    const fv_tensor is = parameter(net, name);
    if (!fv_tensor_same_shape(&is, &expected)) fail_msg("shape of %s", name);
}

static void test_names_and_shapes(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_network *net = network_of(ctx, "weight_norm");
    check_shape(net, "a.weight_v", 4, (int64_t[]){ 4, 3, 3, 3 });
    check_shape(net, "a.weight_g", 4, (int64_t[]){ 4, 1, 1, 1 });
    check_shape(net, "c.weight_v", 4, (int64_t[]){ 6, 2, 2, 3 });
    check_shape(net, "c.weight_g", 4, (int64_t[]){ 6, 1, 1, 1 });
    check_shape(net, "d.weight_g", 2, (int64_t[]){ 4, 1 });
    assert_int_equal(fv_network_layer_info(net, 1).parameters, 108 + 4 + 4);
    net = network_of(ctx, "spectral_norm");
    check_shape(net, "b.weight_orig", 4, (int64_t[]){ 6, 2, 3, 2 });
    check_shape(net, "b.weight_u", 1, (int64_t[]){ 6 });
    check_shape(net, "b.weight_v", 4, (int64_t[]){ 1, 2, 3, 2 });
    check_shape(net, "c.weight_u", 1, (int64_t[]){ 2 });
    check_shape(net, "c.weight_v", 4, (int64_t[]){ 1, 6, 2, 3 });
    check_shape(net, "d.weight_v", 2, (int64_t[]){ 1, 4 * 5 * 7 });
    const fv_layer_info info = fv_network_layer_info(net, 1);
    assert_int_equal(info.parameters, 108 + 4);
    assert_int_equal(info.receptive_field[0], 3);
    assert_int_equal(info.multiply_accumulates, 6 * 6 * 4 * 27);
    fv_context_free(ctx);
}

/* The first length is that of the direction: the weight is what was drawn. */
static void test_weight_norm_begins_with_the_weight(void **state)
{
    (void)state;
    double plain[IMAGES * OUTPUTS], normed[IMAGES * OUTPUTS];
    for (int i = 0; i < 2; i++) {
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 4);
        const char *layer =
            i ? "linear 4 parametrization=weight_norm" : "linear 4";
        char text[100];
        snprintf(text, sizeof text, "input 8 8 3\nflatten\n%s\n", layer);
        predict(fv_network_parse(ctx, text, "n"), i ? normed : plain);
        assert_ok(ctx);
        fv_context_free(ctx);
    }
    for (int i = 0; i < IMAGES * OUTPUTS; i++)
        assert_near(normed[i], plain[i], 1e-13);
}

/* The largest singular value of an orthogonal matrix times 3 is 3. */
static void test_spectral_norm_begins_with_the_singular_value(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 4);
    fv_network *net = fv_network_parse(
        ctx,
        "input 8 8 3\n"
        "conv_transpose2d 2 1 init=orthogonal init_gain=3 bias=no "
        "parametrization=spectral_norm name=c\n",
        "n");
    const fv_tensor images = net_images(ctx, 1);
    fv_training(ctx, 0);
    const fv_tensor *y =
        fv_variable_value(fv_network_forward(net, fv_constant(ctx, &images)));
    assert_ok(ctx);
    const fv_tensor w = parameter(net, "c.weight_orig"); /* [3, 2, 1, 1] */
    for (int64_t i = 0; i < 64; i++)
        for (int64_t f = 0; f < 2; f++) {
            double sum = 0;
            for (int64_t c = 0; c < 3; c++)
                sum += ((const double *)images.data)[3 * i + c]
                       * ((const double *)w.data)[2 * c + f] / 3;
            assert_near(((const double *)y->data)[2 * i + f], sum, 1e-12);
        }
    fv_context_free(ctx);
}

/* In training the vectors move; evaluation leaves them. A plan, which fuses
 * layers, gives what layers one by one give. */
static void test_training_and_evaluation(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 6);
        fv_network *net = network_of(ctx, kinds[k]);
        const uint64_t before = net_digest(net);
        train(net, 2);
        assert_true(net_digest(net) != before);
        double y[IMAGES * OUTPUTS], u[4];
        const bool spectral = k == 2;
        if (spectral) memcpy(u, parameter(net, "a.weight_u").data, sizeof u);
        predict(net, y);
        if (spectral)
            assert_memory_equal(parameter(net, "a.weight_u").data, u, sizeof u);
        const fv_tensor images = net_images(ctx, IMAGES);
        fv_training(ctx, 0);
        const fv_tensor *alone = fv_variable_value(
            fv_network_forward(net, fv_constant(ctx, &images)));
        for (int i = 0; i < IMAGES * OUTPUTS; i++)
            assert_near(((const double *)alone->data)[i], y[i], 1e-12);
        train(net, 1);
        if (spectral)
            assert_memory_not_equal(parameter(net, "a.weight_u").data, u,
                                    sizeof u);
        fv_context_free(ctx);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    values_only();
    for (int k = 0; k < KINDS; k++) {
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 8);
        char text[400];
        snprintf(text, sizeof text,
                 "input 4 3 2\n"
                 "conv2d 4 2 groups=2 parametrization=%s\ntanh\n"
                 "conv_transpose2d 4 2 groups=2 parametrization=%s\ntanh\n"
                 "flatten\nlinear 2 parametrization=%s\n"
                 "softmax_cross_entropy\n",
                 kinds[k], kinds[k], kinds[k]);
        fv_network *net = fv_network_parse(ctx, text, "n");
        assert_true(fv_network_gradcheck(net, 2) < 1e-6);
        assert_ok(ctx);
        fv_context_free(ctx);
    }
}

static void test_files(void **state)
{
    (void)state;
    needs(JANSSON);
    for (int k = 0; k < KINDS; k++) {
        double y[IMAGES * OUTPUTS], again[IMAGES * OUTPUTS];
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 6);
        fv_network *net = network_of(ctx, kinds[k]);
        char text[1024];
        text_of(kinds[k], text);
        assert_string_equal(fv_network_text(net), text);
        train(net, 2);
        predict(net, y);
        assert_int_equal(fv_network_save(net, path), FV_OK);
        predict(fv_network_load(ctx, path), again);
        assert_ok(ctx);
        assert_memory_equal(y, again, sizeof y);
        fv_context_free(ctx);
    }
}

/* Parameters that could not be drawn are drawn later, as if nothing had been.
 */
static void test_lack_of_memory(void **state)
{
    (void)state;
    static const char text[] =
        "input 8 8 3\n"
        "conv2d 3 3 init=orthogonal name=a\n"
        "conv_transpose2d 2 3 parametrization=spectral_norm name=b\n"
        "flatten\nlinear 4 parametrization=spectral_norm name=c\n";
    double expected[IMAGES * OUTPUTS], y[IMAGES * OUTPUTS];
    for (size_t k = 0;; k++) {
        faults_memory memory = { 0 };
        fv_allocator allocator = faults_allocator(&memory);
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 2,
                                      .allocator = &allocator, .threads = 1);
        fv_network *net = fv_network_parse(ctx, text, "n");
        assert_ok(ctx);
        if (k) memory.fail_at = memory.calls + k;
        const bool drawn = fv_network_variables(net).at != NULL;
        memory.fail_at = 0;
        fv_clear_error(ctx);
        predict(net, k ? y : expected);
        assert_ok(ctx);
        if (k) assert_memory_equal(y, expected, sizeof y);
        fv_context_free(ctx);
        assert_int_equal(memory.blocks, 0);
        if (k && drawn) break;
    }
}

static void test_refused(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    assert_null(fv_network_parse(
        ctx, "input 3\nlinear 2 parametrization=weight\n", "n"));
    assert_error(ctx, "n:2:26: parametrization \"weight\" is none of none, "
                      "standardise, weight_norm, spectral_norm");
    assert_null(fv_network_parse(
        ctx,
        "input 3\nlinear 3 parametrization=weight_norm name=a\n"
        "linear 3 parametrization=spectral_norm weights=a bias=no\n",
        "n"));
    assert_true(fv_failed(ctx) != FV_OK);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_shapes),
        cmocka_unit_test(test_weight_norm_begins_with_the_weight),
        cmocka_unit_test(test_spectral_norm_begins_with_the_singular_value),
        cmocka_unit_test(test_training_and_evaluation),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_lack_of_memory),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
