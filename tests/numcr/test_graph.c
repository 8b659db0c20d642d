/* num.cr's context, reductions and numerical gradients, restated. Faults of
 * docs/num_cr.md whose absence this shows: D1 (broadcasting), D2 (slices), D3
 * (the input layer), D4 (no gradients wanted), D5 (constants), D6 (not on the
 * tape), D7 (two contexts), D8 (a gradient's own memory), D9 (names). */
#include "numcr.h"

static fv_context *double_context(void) { return context_of(FV_F64, FV_NHWC); }

static fv_variable *leaf_of(fv_context *ctx, const char *text, int32_t rank,
                            const int64_t shape[])
{
    fv_tensor all = numbers(ctx, text, rank, shape);
    return fv_variable_new(ctx, &all);
}

static void assert_grad(fv_variable *x, const char *text)
{
    fv_context *ctx = fv_variable_context(x);
    const fv_tensor *value = fv_variable_value(x);
    fv_tensor expected = numbers(ctx, text, value->rank, value->shape);
    assert_elements(ctx, "gradient", fv_variable_grad(x), &expected, 1e-12);
}

static void assert_value(const fv_variable *x, const char *text)
{
    fv_context *ctx = fv_variable_context(x);
    const fv_tensor *value = fv_variable_value(x);
    assert_ok(ctx);
    fv_tensor expected = numbers(ctx, text, value->rank, value->shape);
    assert_elements(ctx, "value", value, &expected, 1e-12);
}

/* ---- the context -------------------------------------------------------- */

static void test_context(void **state)
{
    (void)state;
    fv_context *ctx = double_context();
    assert_int_equal(fv_tape_count(ctx), 0);
    assert_null(fv_tape_last(ctx));
    assert_error(ctx, "tape: no operation is recorded");
    fv_variable *pi = fv_variable_number(ctx, 3.14);
    assert_true(fv_item(pi) == 3.14);
    assert_ptr_equal(fv_variable_context(pi), ctx);
    fv_variable *a = leaf_of(ctx, "1 2 3 4 5 6 7 8 9", SHAPE(3, 3));
    fv_variable *b = leaf_of(ctx, "9 8 7 6 5 4 3 2 1", SHAPE(3, 3));
    fv_variable *sum = fv_add(a, b);
    assert_int_equal(fv_tape_count(ctx), 1);
    fv_backprop(sum);
    assert_int_equal(fv_tape_count(ctx), 0);
    assert_grad(a, "1 1 1 1 1 1 1 1 1");
    fv_atan(a);
    assert_string_equal(fv_tape_last(ctx), "atan");
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* The input layer is the identity: gradients pass once, and add up. */
static void input_layer(fv_context *ctx)
{
    fv_layer *input = fv_input(ctx, EXTENTS(ctx, 1, 2, 3));
    fv_variable *x =
        leaf(ctx, numbers(ctx, "1 2 3 / 4 5 6", SHAPE(1, 1, 2, 3)));
    for (int pass = 1; pass <= 2; pass++) {
        fv_variable *y = fv_layer_forward(input, x);
        assert_images(ctx, "y", fv_variable_value(y),
                      numbers(ctx, "1 2 3 / 4 5 6", SHAPE(1, 1, 2, 3)), 0);
        backprop_with(y, numbers(ctx, "1 2 3 / 4 5 6", SHAPE(1, 1, 2, 3)));
        assert_images(ctx, "dx", fv_variable_grad(x),
                      formula(ctx, pass, pass, 100, 0, 1, SHAPE(1, 1, 2, 3)),
                      0);
    }
    fv_network *net =
        fv_network_of(ctx, fv_input(ctx, EXTENTS(ctx, 1, 2, 3)), fv_relu(ctx));
    fv_variable_zero_grad(x);
    fv_backprop(fv_network_forward(net, x));
    assert_images(ctx, "dx", fv_variable_grad(x),
                  formula(ctx, 0, 1, 2, 0, 1, SHAPE(1, 1, 2, 3)), 0);
}

/* 100,000 evaluations without gradients leave neither tape nor memory. */
static void test_no_grad(void **state)
{
    (void)state;
    fv_context *ctx = double_context();
    fv_network *net = fv_network_of(ctx, fv_input(ctx, 4), fv_linear(ctx, 3),
                                    fv_relu(ctx), fv_linear(ctx, 2));
    fv_tensor x = numbers(ctx, "1 2 3 4", SHAPE(1, 4));
    size_t bytes = 0, peak = 0;
    double first = 0;
    fv_no_grad(ctx, 1);
    for (int i = 0; i < 100000; i++) {
        fv_variable *y = fv_sum(fv_network_forward(net, fv_constant(ctx, &x)));
        if (!i) first = fv_item(y);
        assert_true(fv_item(y) == first && fv_tape_count(ctx) == 0);
        fv_forget(ctx);
        if (i == 2) bytes = fv_context_memory(ctx).bytes;
        if (i == 2) peak = fv_context_memory(ctx).peak_bytes;
    }
    assert_int_equal(fv_context_memory(ctx).bytes, bytes);
    assert_int_equal(fv_context_memory(ctx).peak_bytes, peak);
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* ---- what requires a gradient ------------------------------------------- */

static void test_constants(void **state)
{
    (void)state;
    fv_context *ctx = double_context();
    fv_network *net =
        fv_network_of(ctx, fv_input(ctx, 2), fv_linear(ctx, 3), fv_relu(ctx));
    fv_tensor data = numbers(ctx, "1 2", SHAPE(1, 2));
    fv_variable *y = fv_network_forward(net, fv_constant(ctx, &data));
    assert_true(fv_variable_requires_grad(y)); /* of the weights */
    fv_forget(ctx);
    fv_variables parameters = fv_network_variables(net);
    for (int32_t i = 0; i < parameters.count; i++)
        fv_variable_set_requires_grad(parameters.at[i], 0);
    fv_variable *x = fv_constant(ctx, &data);
    y = fv_network_forward(net, x);
    assert_ok(ctx);
    assert_false(fv_variable_requires_grad(y));
    assert_int_equal(fv_tape_count(ctx), 0);
    assert_null(fv_variable_grad(x));
    assert_int_equal(fv_backprop(y), FV_MISUSE);
    assert_error(ctx, "backprop: the variable [1, 3] is not on the tape");
    /* what is on the tape stays there */
    fv_variable *a = leaf_of(ctx, "3", SHAPE(1));
    fv_variable *square = fv_mul(a, a);
    assert_int_equal(fv_backprop(y), FV_MISUSE);
    assert_error(ctx, "backprop: the variable [1, 3] is not on the tape");
    assert_int_equal(fv_backprop(square), FV_OK);
    assert_grad(a, "6");
    const fv_tensor *value = fv_variable_value(parameters.at[0]);
    const fv_tensor *grad = fv_variable_grad(parameters.at[0]);
    assert_true(grad && grad->data != value->data);
    assert_true(((const double *)grad->data)[0] == 0);
    fv_context_free(ctx);
}

static void test_two_contexts(void **state)
{
    (void)state;
    fv_context *ctx = double_context(), *other = double_context();
    fv_variable *a = leaf_of(ctx, "1 2", SHAPE(1, 2));
    fv_variable *b = leaf_of(other, "1 2", SHAPE(1, 2));
    assert_null(fv_mul(a, b));
    assert_error(ctx, "mul: operand 2 belongs to another context");
    assert_null(fv_layer_forward(fv_relu(ctx), b));
    assert_error(ctx, "relu: input 1 belongs to another context");
    fv_network *mine = fv_network_of(ctx, fv_input(ctx, 2), fv_mse(ctx));
    assert_null(fv_network_forward(mine, b));
    assert_error(ctx, "network: the input belongs to another context");
    assert_null(fv_network_loss(mine, b, fv_variable_value(a)));
    assert_error(ctx, "network: the output belongs to another context");
    assert_int_equal(fv_failed(other), FV_OK);
    fv_network *net = fv_network_of(ctx, fv_input(ctx, 2), fv_linear(other, 3));
    assert_null(net);
    assert_error(ctx, "linear: the layer belongs to another context");
    fv_clear_error(other);
    fv_context_free(ctx);
    fv_context_free(other);
}

/* ---- shapes ------------------------------------------------------------- */

static void test_broadcast(void **state)
{
    (void)state;
    fv_context *ctx = double_context();
    fv_variable *a = leaf_of(ctx, "1 2 3 4 5 6", SHAPE(2, 3));
    fv_variable *row = leaf_of(ctx, "10 20 30", SHAPE(3));
    fv_variable *column = leaf_of(ctx, "10 20", SHAPE(2, 1));
    fv_backprop(fv_mul(a, row));
    assert_grad(row, "5 7 9");
    fv_backprop(fv_div(a, column));
    assert_grad(column, "-0.06 -0.0375");
    fv_variable_zero_grad(row);
    fv_variable_zero_grad(column);
    fv_backprop(fv_sub(fv_add(a, column), row));
    assert_grad(row, "-2 -2 -2");
    assert_grad(column, "3 3");
    fv_context_free(ctx);
}

static void test_slice(void **state)
{
    (void)state;
    fv_context *ctx = double_context();
    fv_variable *x = leaf_of(ctx, "1 2 3 4 5 6 7 8 9", SHAPE(3, 3));
    fv_tensor factors = numbers(ctx, "1 2 3 4", SHAPE(2, 2));
    fv_variable *part = fv_slice(fv_slice(x, 0, 1, 3, 1), 1, 0, 2, 1);
    assert_value(part, "4 5 7 8");
    fv_backprop(fv_sum(fv_mul(part, fv_constant(ctx, &factors))));
    assert_grad(x, "0 0 0 1 2 0 3 4 0");
    fv_context_free(ctx);
}

static void test_reductions(void **state)
{
    (void)state;
    fv_context *ctx = double_context();
    const char *ten = "1.0 0.9 0.8 0.7 0.6 0.5 0.4 0.3 0.2 0.1";
    fv_variable *x = leaf_of(ctx, ten, SHAPE(10));
    fv_variable *sum = fv_sum_axis(x, 0);
    assert_value(sum, "5.5");
    fv_backprop(sum);
    assert_grad(x, "1 1 1 1 1 1 1 1 1 1");
    fv_variable_zero_grad(x);
    fv_variable *mean = fv_mean_axis(x, 0);
    assert_value(mean, "0.55");
    fv_backprop(mean);
    assert_grad(x, "0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1");
    fv_variable *k = leaf_of(ctx, "1 2 3 4 5 6 7 8", SHAPE(2, 4));
    fv_variable *all = fv_mean(k);
    assert_true(fv_item(all) == 4.5);
    fv_backprop(all);
    assert_grad(k, "0.125 0.125 0.125 0.125 0.125 0.125 0.125 0.125");
    fv_variable_zero_grad(k);
    fv_variable *rows = fv_mean_axis(k, 0);
    assert_value(rows, "3 4 5 6");
    fv_backprop(rows);
    assert_grad(k, "0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5");
    fv_variable_zero_grad(k);
    fv_variable *columns = fv_mean_axis(k, 1);
    assert_value(columns, "2.5 6.5");
    fv_backprop(columns);
    assert_grad(k, "0.25 0.25 0.25 0.25 0.25 0.25 0.25 0.25");
    fv_context_free(ctx);
}

/* ---- against central differences ---------------------------------------- */

/* stack(a, a + b, c - d) */
static fv_variable *stacked(void *user, fv_variables at)
{
    (void)user;
    fv_variable *parts[] = { at.at[0], fv_add(at.at[0], at.at[1]),
                             fv_sub(at.at[2], at.at[3]) };
    return fv_sum(fv_stack(3, parts, 0));
}

/* Rows in four parts: equal ones, or 10 rows as 3, 3, 2, 2 of which two each.
 */
static fv_variable *chunked(void *user, fv_variables at)
{
    const int64_t *starts = user;
    fv_variable *sum = NULL;
    for (int i = 0; i < 4; i++) {
        fv_variable *part = fv_slice(at.at[0], 0, starts[i], starts[i + 1], 1);
        part = fv_slice(part, 0, 0, 2, 1);
        part = fv_mul_number(fv_mul(part, part), i + 1);
        sum = sum ? fv_add(sum, part) : part;
    }
    return sum;
}

/* Axes of extent 1 put in and taken out. */
static fv_variable *squeezed(void *user, fv_variables at)
{
    (void)user;
    const int64_t *s = fv_variable_value(at.at[0])->shape;
    fv_variable *wide =
        fv_reshape(at.at[0], 4, (const int64_t[]){ s[0], 1, s[1], 1 });
    fv_variable *square = fv_mul(wide, wide);
    return fv_reshape(square, 2, (const int64_t[]){ s[0], -1 });
}

static fv_variable *multiplied(void *user, fv_variables at)
{
    (void)user;
    return fv_mul(at.at[0], at.at[1]);
}

static void check_differences(fv_function *f, void *user, int32_t operands,
                              int64_t rows, int64_t columns)
{
    fv_context *ctx = double_context();
    fv_variable *at[4];
    for (int32_t i = 0; i < operands; i++) {
        fv_tensor value = formula(ctx, 331 + i, 7 * i, 499, 250, 1 / 250.0,
                                  SHAPE(rows, columns));
        at[i] = fv_variable_new(ctx, &value);
    }
    double error = fv_gradcheck(f, user, (fv_variables){ operands, at }, 0, 0);
    assert_ok(ctx);
    assert_true(error < 1e-7);
    fv_context_free(ctx);
}

static void test_random_extents(void **state)
{
    (void)state;
    const int64_t extents[][2] = { { 1, 1 },  { 1, 20 }, { 20, 1 },
                                   { 7, 13 }, { 19, 3 }, { 16, 17 } };
    for (int i = 0; i < 6; i++) {
        const int64_t rows = extents[i][0], columns = extents[i][1];
        check_differences(stacked, NULL, 4, rows, columns);
        check_differences(squeezed, NULL, 1, rows, columns);
        check_differences(multiplied, NULL, 2, rows, columns);
        int64_t equal[] = { 0, rows + 1, 2 * rows + 2, 3 * rows + 3,
                            4 * rows + 4 };
        check_differences(chunked, equal, 1, 4 * rows + 4, columns);
    }
    int64_t uneven[] = { 0, 3, 6, 8, 10 };
    check_differences(chunked, uneven, 1, 10, 7);
}

/* x^2 + x + 1 */
static fv_variable *one_number(void *user, fv_variables at)
{
    (void)user;
    fv_variable *x = at.at[0];
    return fv_add_number(fv_add(fv_mul(x, x), x), 1);
}

/* x^2 + y^2 + x y + x + y + 1 */
static fv_variable *two_numbers(void *user, fv_variables at)
{
    (void)user;
    fv_variable *x = at.at[0], *y = at.at[1];
    fv_variable *squares = fv_add(fv_mul(x, x), fv_mul(y, y));
    fv_variable *rest = fv_add(fv_add(x, y), fv_mul(x, y));
    return fv_add_number(fv_add(squares, rest), 1);
}

static void test_numerical_gradient(void **state)
{
    (void)state;
    fv_context *ctx = double_context();
    fv_variable *x = fv_variable_number(ctx, 2);
    fv_variable *y = fv_variable_number(ctx, 3);
    fv_variable *both[] = { x, y };
    assert_true(
        fv_gradcheck(one_number, NULL, (fv_variables){ 1, both }, 1e-5, 0)
        < 1e-8);
    assert_true(
        fv_gradcheck(two_numbers, NULL, (fv_variables){ 2, both }, 1e-5, 0)
        < 1e-8);
    fv_backprop(one_number(NULL, (fv_variables){ 1, both }));
    assert_grad(x, "5");
    fv_variable_zero_grad(x);
    fv_backprop(two_numbers(NULL, (fv_variables){ 2, both }));
    assert_grad(x, "8");
    assert_grad(y, "9");
    assert_ok(ctx);
    fv_context_free(ctx);
}

static void test_input_layer(void **state)
{
    (void)state;
    everywhere(input_layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_context),
        cmocka_unit_test(test_input_layer),
        cmocka_unit_test(test_no_grad),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_two_contexts),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_slice),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_random_extents),
        cmocka_unit_test(test_numerical_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
