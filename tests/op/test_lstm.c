/* Tests of the operator lstm and its layer. */
#include "check_recurrent.h"

static void step(const double *of_x, const double *of_h, double *h, double *c)
{
    const double i = logistic(of_x[0] + of_h[0]);
    const double f = logistic(of_x[1] + of_h[1]);
    const double g = tanh(of_x[2] + of_h[2]);
    *c = f * *c + i * g;
    *h = logistic(of_x[3] + of_h[3]) * tanh(*c);
}

static const check_cell subject_cell = { 4, 1, fv_lstm_of, step };

static void test_definition(void **state)
{
    (void)state;
    check_definition(&subject_cell);
}

static void test_gradients(void **state)
{
    (void)state;
    check_recurrent_gradients(&subject_cell);
}

static void test_same_bits(void **state)
{
    (void)state;
    check_recurrent_bits(&subject_cell);
}

static void test_refused(void **state)
{
    (void)state;
    check_recurrent_refused(&subject_cell, "lstm");
    check_lengths_refused(&subject_cell, "lstm");
}

static void test_layer(void **state)
{
    (void)state;
    check_recurrent_layer(&subject_cell, "lstm", false);
    check_recurrent_layer(&subject_cell, "lstm", true);
    check_recurrent_lengths(&subject_cell, "lstm");
}

/* What the layer refuses. */
static void test_layer_refused(void **state)
{
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_layer_output_shape(fv_lstm(context, .in_shape = { 5, 4 }));
    assert_error(context, "lstm: hidden is 0, expected at least 1");
    fv_layer_output_shape(fv_lstm(context, .in_shape = { 5, 4 }, .hidden = 2,
                                  .bidirectional = 1, .reversed = 1));
    assert_error(context,
                 "lstm: bidirectional and reversed exclude each other");
    fv_layer_output_shape(fv_lstm(context, .in_shape = { 5 }, .hidden = 2));
    assert_error(context, "lstm: input [5], expected positions and features");
    const operand input = { 3, { 1, 5, 4 }, -1, 1, 0 };
    const operand first = { 2, { 1, 2 }, -1, 1, 0 };
    fv_variable *at[] = { random_leaf(context, 1, &input),
                          random_leaf(context, 2, &first) };
    assert_null(fv_layer_forward_n(
        fv_lstm(context, .in_shape = { 5, 4 }, .hidden = 2), 2, at));
    assert_error(context, "lstm: 2 inputs of real numbers, expected 1, or 3 "
                          "with the first state");
    fv_context_free(context);
}

/* First h and c from other layers. */
static void test_layer_with_state(void **state)
{
    (void)state;
    fv_context *context = context_of(FV_F64);
    fv_layer *layer = fv_lstm(context, .in_shape = { 3, 2 }, .hidden = 2);
    const operand input = { 3, { 2, 3, 2 }, -1, 1, 0 };
    const operand first = { 2, { 2, 2 }, -1, 1, 0 };
    fv_variable *at[] = { random_leaf(context, 1, &input),
                          random_leaf(context, 2, &first),
                          random_leaf(context, 3, &first) };
    fv_variable *y = fv_layer_forward_n(layer, 3, at);
    const fv_variables w = fv_layer_variables(layer);
    const fv_recurrent r = { .weight_ih = { w.at[0] },
                             .weight_hh = { w.at[1] },
                             .bias_ih = { w.at[2] },
                             .bias_hh = { w.at[3] },
                             .first_h = at[1],
                             .first_c = at[2] };
    fv_variable *z = fv_lstm_of(at[0], &r, NULL, NULL);
    assert_ok(context);
    assert_memory_equal(fv_variable_value(y)->data, fv_variable_value(z)->data,
                        fv__tensor_bytes(fv_variable_value(y)));
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_layer),
        cmocka_unit_test(test_layer_refused),
        cmocka_unit_test(test_layer_with_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
