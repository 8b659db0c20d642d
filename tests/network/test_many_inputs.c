/* Networks with as many inputs as there may be, and as many outputs. */
#include "nets.h"

#include <stdarg.h>

enum { MOST = 16, LONGEST = 8192 };

static void append(char *text, const char *format, ...) FV_PRINTF(2, 3);

/* Appends to a text of LONGEST bytes. */
static void append(char *text, const char *format, ...)
{
    const size_t length = strlen(text);
    va_list list;
    va_start(list, format);
    vsnprintf(text + length, LONGEST - length, format, list);
    va_end(list);
}

/* A network text with that many inputs of 3 numbers, each with a relu. */
static void add_inputs(char *text, int count)
{
    for (int k = 0; k < count; k++)
        append(text, "input 3 name=x%d\nrelu name=y%d\n", k, k);
}

/* Outputs that are the relu of each input, in the opposite order. */
static void add_outputs(char *text, int count)
{
    for (int k = count - 1; k >= 0; k--)
        append(text, "output name=z%d from=y%d\n", k, k);
}

/* A loss that depends on all inputs. */
static void add_loss(char *text, int count)
{
    append(text, "concat from=y0");
    for (int k = 1; k < count; k++) append(text, ",y%d", k);
    append(text, "\nlinear 4\nsoftmax_cross_entropy\n");
}

/* Input k of two images without a name. */
static fv_named_tensor input_of(fv_context *ctx, int k)
{
    const int64_t shape[] = { 2, 3 };
    const fv_tensor tensor = fv_tensor_new(ctx, FV_F64, 2, shape);
    for (int i = 0; i < 6; i++)
        ((double *)tensor.data)[i] = net_number(6 * k + i);
    return (fv_named_tensor){ NULL, tensor };
}

static void inputs_of(fv_context *ctx, int count, fv_named_tensor inputs[])
{
    for (int k = 0; k < count; k++) inputs[k] = input_of(ctx, k);
    assert_ok(ctx);
}

static void test_inputs_and_outputs(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    char text[LONGEST] = "";
    add_inputs(text, MOST);
    add_outputs(text, MOST);
    fv_network *net = fv_network_parse(ctx, text, "n.net");
    fv_named_tensor inputs[MOST], outputs[MOST];
    inputs_of(ctx, MOST, inputs);
    assert_null(fv_network_input_info(net, MOST).name);
    assert_null(fv_network_output_info(net, MOST).name);
    for (int round = 0; round < 3; round++) {
        memset(outputs, 0, sizeof outputs);
        fv_network_run(net, MOST, inputs, MOST, outputs);
        assert_ok(ctx);
        for (int k = 0; k < MOST; k++) {
            const double *x = inputs[MOST - 1 - k].tensor.data;
            for (int i = 0; i < 6; i++)
                assert_true(((const double *)outputs[k].tensor.data)[i]
                            == fmax(x[i], 0));
        }
    }
    fv_context_free(ctx);
}

/* The plan of the first step serves the others. */
static void test_steps_use_one_plan(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    char text[LONGEST] = "";
    add_inputs(text, MOST);
    add_loss(text, MOST);
    fv_network *net = fv_network_parse(ctx, text, "n.net");
    fv_optimizer *sgd = fv_sgd(net, 0.1);
    fv_named_tensor inputs[MOST];
    inputs_of(ctx, MOST, inputs);
    const fv_tensor labels = net_labels(ctx, 2);
    double loss[3];
    size_t bytes = 0;
    for (int step = 0; step < 3; step++) {
        loss[step] = fv_train_step_named(net, sgd, MOST, inputs, &labels).loss;
        assert_ok(ctx);
        if (!step) bytes = fv_context_memory(ctx).bytes;
        assert_int_equal(fv_context_memory(ctx).bytes, bytes);
    }
    assert_true(loss[2] < loss[1] && loss[1] < loss[0]);
    fv_context_free(ctx);
}

static void test_too_many(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    char text[LONGEST] = "";
    add_inputs(text, MOST + 1);
    assert_null(fv_network_parse(ctx, text, "n.net"));
    assert_error(ctx, "n.net:33:1: x16: a network has at most 16 inputs");
    fv_context_free(ctx);
}

/* More tensors than there are inputs, named or not. */
static void test_more_than_inputs(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    char text[LONGEST] = "";
    add_inputs(text, MOST);
    fv_network *net = fv_network_parse(ctx, text, "n.net");
    fv_named_tensor inputs[MOST + 1], output = { .name = NULL };
    inputs_of(ctx, MOST + 1, inputs);
    fv_network_run(net, MOST + 1, inputs, 1, &output);
    assert_error(ctx, "network: 17 inputs are given, it has 16");
    fv_network_run(net, MOST - 1, inputs, 1, &output);
    assert_error(ctx, "network: 15 inputs are given, it has 16");
    inputs[MOST - 1].name = "x16";
    fv_network_run(net, MOST, inputs, 1, &output);
    assert_error(ctx, "network: \"x16\" is none of its inputs");
    inputs[MOST - 1].name = "x0";
    fv_network_run(net, MOST, inputs, 1, &output);
    assert_error(ctx, "network: \"x0\" is given twice");
    fv_context_free(ctx);
}

/* Outputs have no limit of their own. */
static void test_many_outputs(void **state)
{
    (void)state;
    enum { OUTPUTS = 192 };
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    char text[LONGEST] = "input 3\nrelu name=y0\n";
    for (int k = 0; k < OUTPUTS; k++) append(text, "output from=y0\n");
    fv_network *net = fv_network_parse(ctx, text, "n.net");
    fv_named_tensor input, outputs[OUTPUTS] = { { .name = NULL } };
    inputs_of(ctx, 1, &input);
    fv_network_run(net, 1, &input, OUTPUTS, outputs);
    assert_ok(ctx);
    assert_string_equal(outputs[OUTPUTS - 1].name, "output192");
    const double *x = input.tensor.data;
    assert_true(((double *)outputs[OUTPUTS - 1].tensor.data)[5]
                == fmax(x[5], 0));
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs_and_outputs),
        cmocka_unit_test(test_steps_use_one_plan),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_more_than_inputs),
        cmocka_unit_test(test_many_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
