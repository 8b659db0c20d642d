/* Networks as graphs: several inputs and outputs, shared weights, constants. */
#include "folder.h"
#include "nets.h"

#include <string.h>

static const char *const siamese = "input 4 name=left\n"
                                   "linear 3 name=fc\n"
                                   "relu name=a\n"
                                   "input 4 name=right\n"
                                   "linear 3 name=fc2 weights=fc\n"
                                   "relu name=b\n"
                                   "constant 1 3 values=1,-2,0.5 name=shift\n"
                                   "add from=a,b\n"
                                   "output name=sum\n"
                                   "output name=second from=b\n";

static fv_network *parse(fv_context *ctx, const char *text)
{
    fv_network *net = fv_network_parse(ctx, text, "n.net");
    assert_ok(ctx);
    assert_non_null(net);
    return net;
}

/* relu(W x + b), row by row, of the layer's own weights. */
static double expected(fv_network *net, const double *x, int row)
{
    const fv_variables all = fv_network_variables(net);
    const double *w = fv_variable_value(all.at[0])->data;
    const double *b = fv_variable_value(all.at[1])->data;
    double sum = b[row];
    for (int i = 0; i < 4; i++) sum += w[4 * row + i] * x[i];
    return sum > 0 ? sum : 0;
}

static void test_inputs_outputs_and_shared_weights(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 5);
    fv_network *net = parse(ctx, siamese);
    assert_int_equal(fv_network_variables(net).count, 2);
    assert_int_equal(fv_network_info(net).parameters, 15);
    assert_string_equal(fv_network_input_info(net, 1).name, "right");
    assert_null(fv_network_input_info(net, 2).name);
    assert_string_equal(fv_network_output_info(net, 0).name, "sum");
    assert_string_equal(fv_network_output_info(net, 1).name, "second");
    assert_null(fv_network_output_info(net, 2).name);
    assert_string_equal(fv_network_text(net), siamese);

    double left[8] = { 1, 2, 3, 4, -1, 0, 2, 1 };
    double right[8] = { 0.5, -1, 2, 1, 3, 1, -2, 0 };
    const int64_t shape[] = { 2, 4 };
    const fv_named_tensor inputs[] = {
        { "right", fv_tensor_of(right, FV_F64, 2, shape) },
        { "left", fv_tensor_of(left, FV_F64, 2, shape) },
    };
    fv_named_tensor outputs[] = { { .name = "second" }, { .name = "sum" } };
    assert_int_equal(fv_network_run(net, 2, inputs, 2, outputs), FV_OK);
    const double *second = outputs[0].tensor.data;
    const double *sum = outputs[1].tensor.data;
    for (int i = 0; i < 6; i++) {
        const double a = expected(net, left + i / 3 * 4, i % 3);
        const double b = expected(net, right + i / 3 * 4, i % 3);
        assert_true(fabs(second[i] - b) < 1e-12);
        assert_true(fabs(sum[i] - a - b) < 1e-12);
    }
    fv_context_free(ctx);
}

/* The gradient of shared weights is the sum over their uses. */
static void test_gradients_of_shared_weights(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 5);
    fv_network *net = parse(ctx, "input 4\n"
                                 "linear 4 name=fc\n"
                                 "tanh\n"
                                 "linear 4 weights=fc\n"
                                 "mse\n");
    assert_true(fv_network_gradcheck(net, 3) < 1e-6);
    assert_int_equal(fv_network_variables(net).count, 2);
    fv_context_free(ctx);
}

/* A plan computes what depends on constants alone when it is recorded. */
static void test_constants(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_network *net = parse(ctx, "input 3\n"
                                 "constant 1 3 values=1,-2,0.5 name=a\n"
                                 "constant 3 values=10,20,30 name=b\n"
                                 "constant type=i64 values=-7 name=c\n"
                                 "relu from=a name=d\n"
                                 "output from=d name=y\n"
                                 "output from=b name=z\n"
                                 "output from=c name=i\n");
    double x[3] = { 1, 2, 3 };
    const int64_t shape[] = { 1, 3 };
    const fv_named_tensor input = { NULL, fv_tensor_of(x, FV_F64, 2, shape) };
    fv_named_tensor outputs[3] = { { .name = NULL } };
    assert_int_equal(fv_network_run(net, 1, &input, 3, outputs), FV_OK);
    const double *y = outputs[0].tensor.data, *z = outputs[1].tensor.data;
    assert_true(y[0] == 1 && y[1] == 0 && y[2] == 0.5);
    assert_true(z[0] == 10 && z[2] == 30);
    assert_int_equal(outputs[2].tensor.rank, 0);
    assert_int_equal(*(const int64_t *)outputs[2].tensor.data, -7);
    fv_context_free(ctx);
}

/* Numbers are drawn in each step, also where the operand is a constant. */
static void test_draws_on_constants(void **state)
{
    (void)state;
    static const char *const kinds[] = { "dropout", "alpha_dropout",
                                         "spatial_dropout", "stochastic_depth",
                                         "gaussian_noise" };
    enum { STEPS = 16 };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 3);
        char text[300];
        snprintf(text, sizeof text,
                 "input 4\nlinear 4 name=fc\n"
                 "constant 1 4 values=1,-2,0.5,3 name=c\n%s 0.5 name=d\n"
                 "add from=fc,d\nmse\n",
                 kinds[i]);
        fv_network *net = parse(ctx, text);
        fv_optimizer *still = fv_sgd(net, 0);
        double zeros[8] = { 0 };
        const fv_tensor x = fv_tensor_of(zeros, FV_F64, 2, (int64_t[]){ 2, 4 });
        double least = (double)INFINITY, most = 0;
        for (int step = 0; step < STEPS; step++) {
            const double loss = fv_train_step(net, still, &x, &x).loss;
            assert_ok(ctx);
            least = fmin(least, loss);
            most = fmax(most, loss);
        }
        if (!(least < most)) fail_msg("%s draws once", kinds[i]);
        fv_context_free(ctx);
    }
}

/* A constant without values is a parameter of the model file. */
static void test_constants_in_model_files(void **state)
{
    (void)state;
    if (!TEST_HAS_JANSSON) skip();
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    static const char text[] = "input 3\n"
                               "constant 1 3 trainable=yes init_value=0.5 "
                               "name=shift\n"
                               "add from=input1,shift\n";
    fv_network *net = parse(ctx, text);
    const fv_variables all = fv_network_variables(net);
    assert_int_equal(all.count, 1);
    for (int i = 0; i < 3; i++)
        assert_true(((double *)fv_variable_value(all.at[0])->data)[i] == 0.5);
    const int64_t shape[] = { 1, 3 };
    double value[3] = { 4, 5, 6 }, x[3] = { 1, 2, 3 }, y[3];
    const fv_tensor given = fv_tensor_of(value, FV_F64, 2, shape);
    assert_int_equal(fv_variable_assign(all.at[0], &given), FV_OK);
    assert_int_equal(fv_network_save(net, path), FV_OK);
    fv_network *again = fv_network_load(ctx, path);
    assert_ok(ctx);
    const fv_tensor in = fv_tensor_of(x, FV_F64, 2, shape);
    const fv_tensor out = fv_tensor_of(y, FV_F64, 2, shape);
    assert_int_equal(fv_network_predict(again, &in, &out), FV_OK);
    assert_true(y[0] == 5 && y[1] == 7 && y[2] == 9);
    fv_context_free(ctx);
}

/* A step on two inputs trains what a step on one does. */
static void test_training_on_named_inputs(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 2);
    fv_network *two = parse(ctx, "input 2 name=left\n"
                                 "input 1 name=right\n"
                                 "concat from=left,right\n"
                                 "linear 2 init=constant init_value=0.5\n"
                                 "softmax_cross_entropy\n");
    fv_network *one = parse(ctx, "input 3\n"
                                 "linear 2 init=constant init_value=0.5\n"
                                 "softmax_cross_entropy\n");
    double left[4] = { 1, 2, -1, 0.5 }, right[2] = { 3, -2 };
    double all[6] = { 1, 2, 3, -1, 0.5, -2 };
    int64_t labels[2] = { 1, 0 };
    const int64_t n[] = { 2 };
    const fv_tensor target = fv_tensor_of(labels, FV_I64, 1, n);
    const fv_tensor x = fv_tensor_of(all, FV_F64, 2, (int64_t[]){ 2, 3 });
    const fv_named_tensor inputs[] = {
        { "right", fv_tensor_of(right, FV_F64, 2, (int64_t[]){ 2, 1 }) },
        { "left", fv_tensor_of(left, FV_F64, 2, (int64_t[]){ 2, 2 }) },
    };
    fv_optimizer *a = fv_sgd(two, 0.1), *b = fv_sgd(one, 0.1);
    for (int i = 0; i < 3; i++) {
        const fv_metrics m = fv_train_step_named(two, a, 2, inputs, &target);
        assert_true(m.loss == fv_train_step(one, b, &x, &target).loss);
        assert_ok(ctx);
    }
    const fv_tensor *w = fv_variable_value(fv_network_variables(two).at[0]);
    const fv_tensor *v = fv_variable_value(fv_network_variables(one).at[0]);
    assert_memory_equal(w->data, v->data, 6 * sizeof(double));
    fv_train_step(two, a, &x, &target);
    assert_error(ctx, "network: 1 inputs are given, it has 2");
    fv_context_free(ctx);
}

/* Layers without a maker in C come from a line of text. */
static void test_layers_from_lines(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_network *net = fv_network_of(
        ctx, fv_input(ctx, 4), fv_layer_parse(ctx, "split 2 axis=1 name=s"),
        fv_layer_parse(ctx, "  sub from=s:1,s  # the difference"));
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net),
                        "input 4\nsplit 2 axis=1 name=s\nsub from=s:1,s\n");
    double x[4] = { 1, 2, 5, 9 }, y[2];
    const fv_tensor in = fv_tensor_of(x, FV_F64, 2, (int64_t[]){ 1, 4 });
    const fv_tensor out = fv_tensor_of(y, FV_F64, 2, (int64_t[]){ 1, 2 });
    assert_int_equal(fv_network_predict(net, &in, &out), FV_OK);
    assert_true(y[0] == 4 && y[1] == 7);
    assert_null(fv_layer_parse(ctx, "splot 2"));
    assert_error(ctx, "layer:1:1: there is no layer \"splot\"; did you mean "
                      "\"split\"?");
    assert_null(fv_layer_parse(ctx, " # nothing"));
    assert_error(ctx, "layer: the line is empty");
    assert_null(fv_layer_parse(ctx, "relu\nrelu"));
    assert_error(ctx, "layer: the line is more than one");
    fv_context_free(ctx);
}

/* What outputs mean is what the loss says of them. */
static void test_meaning(void **state)
{
    (void)state;
    static const struct {
        const char *loss;
        fv_meaning meaning;
        int64_t classes;
    } cases[] = {
        { "softmax_cross_entropy", FV_MEANS_LOGITS, 1 },
        { "sigmoid_cross_entropy", FV_MEANS_LOG_ODDS, 2 },
        { "sigmoid_focal", FV_MEANS_LOG_ODDS, 2 },
        { "nll", FV_MEANS_LOG_PROBABILITIES, 1 },
        { "mse", FV_MEANS_VALUES, 1 },
        { "relu", FV_MEANS_VALUES, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fv_context *ctx = fv_context_new(NULL);
        char text[100];
        snprintf(text, sizeof text, "input 3\nlinear 1\n%s\n", cases[i].loss);
        fv_network *net = parse(ctx, text);
        assert_int_equal(fv_network_meaning(net), cases[i].meaning);
        assert_int_equal(fv_network_classes(net), cases[i].classes);
        fv_context_free(ctx);
    }
}

static void test_wrong_graphs(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "input 4\nlinear 3 name=a\nlinear 2 weights=a\n",
          "n.net:3:1: linear2: weight [2, 3] differs from [3, 4] of a" },
        { "input 4\nlinear 3 name=a\nrelu weights=a\n",
          "n.net:3:1: relu1: the parameters of a, a linear, are others" },
        { "input 4\nconstant 2 values=1,2,3\n",
          "n.net:2:1: constant1: 3 values for 2 elements" },
        { "input 4\nconstant values=1,x\n",
          "n.net:2:1: constant1: \"x\" is no number" },
        { "input 4\nconstant values=1.5 type=i64\n",
          "n.net:2:1: constant1: \"1.5\" is no whole number" },
        { "input 4\nconstant 2 type=i64 trainable=yes\n",
          "n.net:2:1: constant1: integers cannot be trained" },
        { "input 4\nconstant 2 from=input1\n",
          "n.net:2:1: constant1: it reads from no layer" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fv_context *ctx = fv_context_new(NULL);
        assert_null(fv_network_parse(ctx, cases[i].text, "n.net"));
        assert_error(ctx, cases[i].sentence);
        fv_context_free(ctx);
    }
}

static void test_wrong_runs(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_network *net = parse(ctx, siamese);
    double x[8] = { 0 };
    const int64_t two[] = { 2, 4 }, one[] = { 1, 4 };
    const fv_tensor a = fv_tensor_of(x, FV_F64, 2, two);
    const fv_tensor b = fv_tensor_of(x, FV_F64, 2, one);
    const struct {
        fv_named_tensor inputs[2];
        int32_t count;
        const char *output, *sentence;
    } cases[] = {
        { { { "left", a } },
          1,
          "sum",
          "network: 1 inputs are given, it has 2" },
        { { { "left", a }, { "left", a } },
          2,
          "sum",
          "network: \"left\" is given twice" },
        { { { "left", a }, { "up", a } },
          2,
          "sum",
          "network: \"up\" is none of its inputs" },
        { { { "left", a }, { "right", b } },
          2,
          "sum",
          "network: input right has a batch of 1, others of 2" },
        { { { "left", a }, { "right", a } },
          2,
          "third",
          "network: \"third\" is none of its 2 outputs" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fv_named_tensor output = { .name = cases[i].output };
        assert_int_not_equal(
            fv_network_run(net, cases[i].count, cases[i].inputs, 1, &output),
            FV_OK);
        assert_error(ctx, cases[i].sentence);
    }
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs_outputs_and_shared_weights),
        cmocka_unit_test(test_gradients_of_shared_weights),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_draws_on_constants),
        cmocka_unit_test(test_constants_in_model_files),
        cmocka_unit_test(test_training_on_named_inputs),
        cmocka_unit_test(test_layers_from_lines),
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_wrong_graphs),
        cmocka_unit_test(test_wrong_runs),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
