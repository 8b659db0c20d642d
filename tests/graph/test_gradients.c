/* Gradients of gradients, and derivatives in a direction: of each operation
 * that can be differentiated twice, and of networks of convolutions. */
#include "op/axes.h"

#include "faults.h"

/* ---- functions of operands ------------------------------------------------
 */

typedef fv_variable *function(fv_variable *const at[]);

static fv_variable *of_add(fv_variable *const at[])
{
    return fv_add(at[0], at[1]);
}

static fv_variable *of_sub(fv_variable *const at[])
{
    return fv_sub(at[0], at[1]);
}

static fv_variable *of_mul(fv_variable *const at[])
{
    return fv_mul(at[0], at[1]);
}

static fv_variable *of_div(fv_variable *const at[])
{
    return fv_div(at[0], fv_exp(at[1]));
}

static fv_variable *of_same(fv_variable *const at[])
{
    return fv_mul(at[0], at[0]);
}

static fv_variable *of_numbers(fv_variable *const at[])
{
    fv_variable *y = fv_add_number(fv_mul_number(at[0], 3), 5);
    y = fv_mul(fv_number_sub(9, y), fv_div_number(fv_neg(y), 7));
    return fv_mul(fv_number_div(2, fv_exp(at[0])), fv_pow_number(y, 3));
}

static fv_variable *of_elements(fv_variable *const at[])
{
    fv_variable *y = fv_mul(fv_tanh_of(at[0]), fv_sigmoid_of(at[0]));
    y = fv_add(y, fv_log(fv_add_number(fv_exp(at[0]), 1)));
    return fv_mul(y, fv_sqrt(fv_add_number(fv_abs(at[0]), 2)));
}

static fv_variable *of_rectifiers(fv_variable *const at[])
{
    return fv_mul(fv_relu_of(at[0]), fv_leaky_relu_of(at[0], 0.25));
}

static fv_variable *of_where(fv_variable *const at[])
{
    fv_variable *a = fv_mul(at[0], at[0]);
    return fv_where(fv_greater(at[0], fv_neg(at[0])), a, at[1]);
}

static fv_variable *of_sums(fv_variable *const at[])
{
    fv_variable *y = fv_mul(fv_sum_axis(at[0], 1), fv_mean_axis(at[0], -1));
    y = fv_mul(y, fv_reduce(at[0], FV_REDUCE_MEAN, 1, (int32_t[]){ 0 }, 0));
    return fv_mul(y, fv_mean(fv_mul(at[0], at[0])));
}

static fv_variable *of_shapes(fv_variable *const at[])
{
    fv_variable *y = fv_permute(at[0], (int32_t[]){ -1, 0, 1 });
    y = fv_mul(fv_reshape(y, 2, (int64_t[]){ 4, -1 }),
               fv_reshape(at[0], 2, (int64_t[]){ 4, -1 }));
    return fv_broadcast(fv_sum_axis(y, 1), 3, (int64_t[]){ 2, 4, 3 });
}

static fv_variable *of_matmul(fv_variable *const at[])
{
    return fv_matmul(at[0], at[1]);
}

static fv_variable *of_linear(fv_variable *const at[])
{
    return fv_linear_of(at[0], at[1], at[2]);
}

static const struct {
    function *f;
    int32_t count;
    operand operands[3];
} rows[] = {
    { of_add, 2, { { 3, { 2, 3, 4 }, -1, 1, 0 }, { 2, { 3, 1 }, -1, 1, 0 } } },
    { of_sub, 2, { { 2, { 1, 4 }, -1, 1, 0 }, { 3, { 2, 3, 4 }, -1, 1, 0 } } },
    { of_mul, 2, { { 3, { 2, 1, 4 }, -1, 1, 0 }, { 2, { 3, 4 }, -1, 1, 0 } } },
    { of_div, 2, { { 2, { 3, 1 }, -1, 1, 0 }, { 3, { 2, 3, 4 }, -1, 1, 0 } } },
    { of_same, 1, { { 0, { 0 }, -1, 1, 0 } } },
    { of_numbers, 1, { { 2, { 3, 5 }, -1, 1, 0 } } },
    { of_elements, 1, { { 2, { 3, 5 }, -2, 2, 0 } } },
    { of_rectifiers, 1, { { 2, { 3, 5 }, -1, 1, 0 } } },
    { of_where, 2, { { 2, { 3, 4 }, -1, 1, 0 }, { 1, { 4 }, -1, 1, 0 } } },
    { of_sums, 1, { { 3, { 2, 3, 4 }, -1, 1, 0 } } },
    { of_shapes, 1, { { 3, { 2, 3, 4 }, -1, 1, 0 } } },
    { of_matmul,
      2,
      { { 3, { 2, 3, 4 }, -1, 1, 0 }, { 4, { 3, 1, 4, 2 }, -1, 1, 0 } } },
    { of_matmul, 2, { { 1, { 4 }, -1, 1, 0 }, { 2, { 4, 3 }, -1, 1, 0 } } },
    { of_linear,
      3,
      { { 2, { 3, 4 }, -1, 1, 0 },
        { 2, { 2, 4 }, -1, 1, 0 },
        { 1, { 2 }, -1, 1, 0 } } },
};

/* ---- what is tested of them -----------------------------------------------
 */

typedef struct composed {
    int32_t count;
    const void *user;
    fv_variable *(*apply)(const void *user, fv_variable *const at[]);
    fv_variable *tangents[MOST_OPERANDS]; /* of the directional derivative */
} composed;

/* y tanh(y), so that all second derivatives of y count. */
static fv_variable *bent(const composed *c, fv_variable *const at[])
{
    fv_variable *y = c->apply(c->user, at);
    return fv_mul(y, fv_tanh_of(y));
}

/* The sum of squares of all gradients. */
static fv_variable *penalty(void *user, fv_variables at)
{
    const composed *c = user;
    fv_context *context = fv_variable_context(at.at[0]);
    fv_variable *grads[MOST_OPERANDS], *total = NULL;
    const int former = fv_no_grad(context, 0);
    fv_gradients(bent(c, at.at), at, NULL, grads);
    for (int64_t i = 0; i < at.count; i++) {
        fv_variable *square = fv_sum(fv_mul(grads[i], grads[i]));
        total = total ? fv_add(total, square) : square;
    }
    fv_no_grad(context, former);
    return total;
}

static fv_variable *directional(void *user, fv_variables at)
{
    const composed *c = user;
    fv_context *context = fv_variable_context(at.at[0]);
    const int former = fv_no_grad(context, 0);
    fv_variable *result = fv_jvp(bent(c, at.at), at, c->tangents);
    fv_no_grad(context, former);
    return result;
}

/* Recorded gradients are those of the backward pass. */
static void assert_first(const composed *c, fv_variables at)
{
    fv_context *context = fv_variable_context(at.at[0]);
    fv_variable *grads[MOST_OPERANDS];
    fv_tensor kept[MOST_OPERANDS];
    fv_variable *y = bent(c, at.at);
    assert_int_equal(fv_gradients(y, at, NULL, grads), FV_OK);
    for (int64_t i = 0; i < at.count; i++)
        kept[i] = fv_tensor_dup(context, fv_variable_value(grads[i]));
    fv_backprop(y);
    assert_ok(context);
    for (int64_t i = 0; i < at.count; i++) {
        const fv_tensor *expected = fv_variable_grad(at.at[i]);
        assert_true(fv_tensor_same_shape(&kept[i], expected));
        assert_numbers(&kept[i], expected->data, 1e-13);
        fv_tensor_free(context, &kept[i]);
    }
}

/* The derivative in a direction against a central difference. */
static void assert_direction(const composed *c, fv_variables at)
{
    fv_context *context = fv_variable_context(at.at[0]);
    const double step = 1e-5;
    fv_tensor y[2];
    for (int side = 0; side < 2; side++) {
        fv_variable *moved[MOST_OPERANDS];
        for (int64_t i = 0; i < at.count; i++)
            moved[i] = fv_add(
                at.at[i], fv_mul_number(c->tangents[i], side ? step : -step));
        y[side] = fv_tensor_dup(context, fv_variable_value(bent(c, moved)));
        assert_ok(context);
    }
    composed copy = *c;
    const fv_tensor *result = fv_variable_value(directional(&copy, at));
    assert_ok(context);
    assert_true(fv_tensor_same_shape(result, &y[0]));
    for (int64_t i = 0; i < fv_tensor_count(result); i++)
        assert_near(number_at(result, i),
                    (number_at(&y[1], i) - number_at(&y[0], i)) / (2 * step),
                    1e-7);
    fv_tensor_free(context, &y[0]);
    fv_tensor_free(context, &y[1]);
    fv_forget(context);
}

static void assert_twice(const subject *s)
{
    fv_context *context = context_of(FV_F64);
    fv_variable *at[MOST_OPERANDS];
    composed c = { .count = s->count, .user = s->user, .apply = s->apply };
    make_operands(context, s, at);
    for (int32_t k = 0; k < s->count; k++) {
        operand o = s->operands[k];
        o.frozen = 1;
        c.tangents[k] = random_leaf(context, s->seed + 500 + (uint64_t)k, &o);
    }
    const fv_variables list = { s->count, at };
    assert_first(&c, list);
    assert_direction(&c, list);
    const double errors[] = { fv_gradcheck(penalty, &c, list, 2e-5, 0),
                              fv_gradcheck(directional, &c, list, 0, 0) };
    assert_ok(context);
    if (!(errors[0] < 1e-6 && errors[1] < 1e-6))
        fail_msg("seed %llu: gradients of gradients differ by %g, of "
                 "derivatives in a direction by %g",
                 (unsigned long long)s->seed, errors[0], errors[1]);
    fv_context_free(context);
}

static fv_variable *apply_row(const void *user, fv_variable *const at[])
{
    function *const *f = user;
    return (*f)(at);
}

static void test_operations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        subject s = { .apply = apply_row,
                      .user = &rows[i].f,
                      .seed = 40 + i,
                      .count = rows[i].count };
        memcpy(s.operands, rows[i].operands, sizeof rows[i].operands);
        assert_twice(&s);
    }
}

/* ---- convolutions ---------------------------------------------------------
 */

static fv_variable *convolve(const void *user, fv_variable *const at[])
{
    const axes_case *k = user;
    fv_variable *bias = k->bias ? at[2] : NULL;
    if (k->transposed)
        return fv_conv_transpose_of(at[0], at[1], bias, &k->c,
                                    k->output_padding);
    return k->axes == 1   ? fv_conv1d(at[0], at[1], bias, &k->c)
           : k->axes == 2 ? fv_conv2d(at[0], at[1], bias, &k->c)
                          : fv_conv3d(at[0], at[1], bias, &k->c);
}

static void test_convolutions(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 16; seed++) {
        axes_case k =
            random_axes(seed, (int32_t)(seed % 8 == 7 ? 3 : 1 + seed % 2),
                        seed % 4 > 1, FV_CONV_IM2COL_GEMM);
        for (int i = 0; i < k.axes; i++)
            if (k.output_padding[i] >= k.c.stride[i]) k.output_padding[i] = 0;
        const subject s = axes_subject(&k, seed, convolve);
        assert_twice(&s);
    }
}

static void test_auto_pad(void **state)
{
    const axes_case rows_of[] = {
        { .axes = 2,
          .c = { .stride = { 2, 1 }, .auto_pad = FV_AUTO_PAD_SAME },
          .x = { 1, 5, 4, 2 },
          .w = { 2, 3, 2, 2 } },
        { .axes = 1,
          .c = { .dilation = { 2 }, .auto_pad = FV_AUTO_PAD_CAUSAL },
          .x = { 2, 5, 2 },
          .w = { 1, 2, 2 } },
        { .axes = 1,
          .transposed = 1,
          .c = { .groups = 1, .stride = { 3 }, .auto_pad = FV_AUTO_PAD_SAME },
          .x = { 2, 3, 2 },
          .w = { 2, 4, 1 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows_of / sizeof *rows_of; i++) {
        const subject s = axes_subject(&rows_of[i], 70 + i, convolve);
        assert_twice(&s);
    }
}

/* conv2d, tanh, conv1d over rows, ReLU, linear */
static fv_variable *network(const void *user, fv_variable *const at[])
{
    const fv_convolution first = { .groups = 2,
                                   .stride = { 2, 1 },
                                   .dilation = { 1, 2 },
                                   .padding_begin = { 1, 1 },
                                   .padding_end = { 0, 1 } };
    const fv_convolution second = { .stride = { 2 }, .padding_begin = { 1 } };
    (void)user;
    fv_variable *y = fv_tanh_of(fv_conv2d(at[0], at[1], at[2], &first));
    y = fv_reshape(y, 3, (int64_t[]){ 4, -1, 4 });
    y = fv_relu_of(fv_conv1d(y, at[3], NULL, &second));
    return fv_linear_of(fv_reshape(y, 2, (int64_t[]){ 4, -1 }), at[4], at[5]);
}

static const subject small_network = {
    .apply = network,
    .seed = 3,
    .count = 6,
    .operands = { { 4, { 2, 5, 6, 4 }, -1, 1, 0 },
                  { 4, { 4, 3, 2, 2 }, -1, 1, 0 },
                  { 1, { 4 }, -1, 1, 0 },
                  { 3, { 3, 2, 4 }, -1, 1, 0 },
                  { 2, { 2, 9 }, -1, 1, 0 },
                  { 1, { 2 }, -1, 1, 0 } },
};

static void test_network(void **state)
{
    (void)state;
    assert_twice(&small_network);
}

/* ---- the functions --------------------------------------------------------
 */

/* The third derivative of x^4 is 24 x; the tape is kept all the while. */
static void test_repeated(void **state)
{
    fv_context *context = context_of(FV_F64);
    const double number = 1.5;
    fv_variable *x = leaf_of(context, &number, 0, NULL), *grad;
    const fv_variables at = { 1, &x };
    (void)state;
    grad = fv_pow_number(x, 4);
    for (int i = 0; i < 3; i++) {
        const int64_t count = fv_tape_count(context);
        assert_int_equal(fv_gradients(grad, at, NULL, &grad), FV_OK);
        assert_true(fv_tape_count(context) > count);
    }
    assert_near(fv_item(grad), 36, 1e-12);
    assert_near(number_at(fv_variable_grad(x), 0), 0, 0);
    fv_backprop(grad);
    assert_near(number_at(fv_variable_grad(x), 0), 24, 1e-12);
    fv_context_free(context);
}

/* Results as variables, a seed, a variable that has no part, y itself. */
static void test_variables(void **state)
{
    fv_context *context = context_of(FV_F64);
    const double numbers[] = { 2, 3 }, weights[] = { 10, 100 };
    fv_variable *a = LEAF(context, numbers, 2), *b = LEAF(context, numbers, 2);
    fv_variable *seed = LEAF(context, weights, 2), *out[4];
    fv_variable *inner = fv_mul(a, a), *y = fv_mul(inner, a);
    fv_variable *list[] = { a, inner, b, y };
    const fv_variables at = { 4, list };
    (void)state;
    assert_int_equal(fv_gradients(y, at, seed, out), FV_OK);
    assert_numbers(fv_variable_value(out[0]), (double[]){ 120, 2700 }, 0);
    assert_numbers(fv_variable_value(out[1]), (double[]){ 20, 300 }, 0);
    assert_numbers(fv_variable_value(out[2]), (double[]){ 0, 0 }, 0);
    assert_ptr_equal(out[3], seed);
    /* the gradient of the gradient's sum with respect to the seed */
    const fv_variables to_seed = { 1, &seed };
    assert_int_equal(fv_gradients(out[0], to_seed, NULL, out), FV_OK);
    assert_numbers(fv_variable_value(out[0]), (double[]){ 12, 27 }, 0);
    const fv_variables to_b = { 1, &b };
    fv_variable *derivative = fv_jvp(y, to_b, &b);
    assert_ok(context);
    assert_numbers(fv_variable_value(derivative), (double[]){ 0, 0 }, 0);
    fv_context_free(context);
}

/* ---- an operator of a program: sums and differences of two ----------------
 */

static fv_status infer_both(fv_inference *inference)
{
    inference->num_outputs = 2;
    for (int k = 0; k < 2; k++) inference->outputs[k] = *inference->inputs[0];
    return FV_OK;
}

static void forward_both(const fv_call *call)
{
    const double *a = call->inputs[0]->data, *b = call->inputs[1]->data;
    double *sum = call->outputs[0]->data, *difference = call->outputs[1]->data;
    for (int64_t i = 0; i < fv_tensor_count(call->outputs[0]); i++) {
        sum[i] = a[i] + b[i];
        difference[i] = a[i] - b[i];
    }
}

static void backward_both(const fv_call *call) { (void)call; }

static void differentiate_both(const fv_derivation *d)
{
    fv_variable *sum = d->output_grads[0], *difference = d->output_grads[1];
    assert_true(sum || difference);
    assert_true(d->wanted[0] || d->wanted[1]);
    if (d->wanted[0])
        d->input_grads[0] = !difference ? sum
                            : !sum      ? difference
                                        : fv_add(sum, difference);
    if (d->wanted[1])
        d->input_grads[1] = !difference ? sum
                            : !sum      ? fv_neg(difference)
                                        : fv_sub(sum, difference);
}

static const fv_operator both = { .size = sizeof(fv_operator),
                                  .name = "both",
                                  .min_inputs = 2,
                                  .max_inputs = 2,
                                  .max_outputs = 2,
                                  .infer = infer_both,
                                  .forward = forward_both,
                                  .backward = backward_both,
                                  .differentiate = differentiate_both };

/* Of (a + b)^2 (a - b): 3 a^2 + 2 a b - b^2 and a^2 - 2 a b - 3 b^2. */
static void test_own_operator(void **state)
{
    fv_context *context = context_of(FV_F64);
    const double numbers[] = { 2, 3 };
    fv_variable *at[] = { LEAF(context, numbers, 1),
                          LEAF(context, numbers + 1, 1) };
    fv_variable *parts[2], *out[2];
    (void)state;
    fv_apply_n(&both, NULL, 2, at, 2, parts);
    fv_variable *y = fv_mul(fv_mul(parts[0], parts[0]), parts[1]);
    assert_int_equal(fv_gradients(y, (fv_variables){ 2, at }, NULL, out),
                     FV_OK);
    assert_numbers(fv_variable_value(out[0]), (double[]){ 15 }, 0);
    assert_numbers(fv_variable_value(out[1]), (double[]){ -35 }, 0);
    y = parts[1];
    assert_int_equal(fv_gradients(y, (fv_variables){ 1, at + 1 }, NULL, out),
                     FV_OK);
    assert_numbers(fv_variable_value(out[0]), (double[]){ -1 }, 0);
    fv_context_free(context);
}

/* Without recording, gradients are values. */
static void test_no_grad(void **state)
{
    fv_context *context = context_of(FV_F64);
    const double number = 3;
    fv_variable *x = leaf_of(context, &number, 0, NULL);
    fv_variable *y = fv_mul(x, x), *out;
    const fv_variables at = { 1, &x };
    const int64_t count = fv_tape_count(context);
    (void)state;
    fv_no_grad(context, 1);
    assert_int_equal(fv_gradients(y, at, NULL, &out), FV_OK);
    assert_near(fv_item(out), 6, 0);
    assert_false(fv_variable_requires_grad(out));
    assert_int_equal(fv_tape_count(context), count);
    out = fv_jvp(y, at, &x);
    assert_near(fv_item(out), 18, 0);
    assert_false(fv_variable_requires_grad(out));
    assert_int_equal(fv_no_grad(context, 0), 1);
    fv_context_free(context);
}

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F64), *other = context_of(FV_F64);
    const double numbers[16] = { 1, 2, 3 };
    fv_variable *x = LEAF(context, numbers, 1, 3, 1), *out, *list[] = { x };
    fv_variable *none = NULL, *far = LEAF(other, numbers, 3);
    const fv_variables at = { 1, list };
    (void)state;
    assert_int_equal(fv_gradients(NULL, at, NULL, &out), FV_MISUSE);
    assert_int_equal(fv_gradients(x, at, NULL, &out), FV_MISUSE);
    assert_error(context, "gradients: the variable [1, 3, 1] is a leaf, not a "
                          "result");
    fv_variable *y = fv_softsign_of(fv_tanh_of(x));
    assert_int_equal(fv_gradients(y, at, NULL, &out), FV_MISUSE);
    assert_null(out);
    assert_error(context, "gradients: the operation softsign cannot be "
                          "differentiated twice");
    y = fv_tanh_of(x);
    fv_gradients(y, at, LEAF(context, numbers, 3), &out);
    assert_error(context, "gradients: the seed is f64 [3], expected f64 [1, 3, "
                          "1]");
    assert_null(fv_jvp(y, at, &none));
    assert_error(context, "jvp: tangent 0 is NULL");
    assert_null(fv_jvp(y, at, &far));
    assert_error(context, "jvp: tangent 0 belongs to another context");
    fv_gradients(y, (fv_variables){ 1, &none }, NULL, &out);
    assert_error(context, "gradients: variable 0 is NULL");
    fv_gradients(y, (fv_variables){ 1, &far }, NULL, &out);
    assert_error(context, "gradients: variable 0 belongs to another context");
    fv_variable_set_requires_grad(x, 0);
    fv_gradients(y, at, NULL, &out);
    assert_error(context, "gradients: variable 0 requires no gradient");
    fv_variable_set_requires_grad(x, 1);
    const fv_convolution mirror = { .padding_begin = { 1 },
                                    .padding_mode = FV_PAD_REFLECT };
    fv_variable *w = LEAF(context, numbers, 2, 2, 1);
    fv_gradients(fv_conv1d(x, w, NULL, &mirror), at, NULL, &out);
    assert_error(context, "gradients: a convolution with a padding_mode other "
                          "than zeros cannot be differentiated twice");
    const fv_convolution wide = { .dilation = { 2 } };
    y = fv_conv_transpose_of(x, LEAF(context, numbers, 1, 2, 1), NULL, &wide,
                             (int64_t[]){ 1 });
    fv_gradients(y, at, NULL, &out);
    assert_error(context, "gradients: conv_transpose with output_padding 1, "
                          "not below the stride 1, cannot be differentiated "
                          "twice");
    fv_backprop(y);
    fv_gradients(y, at, NULL, &out);
    assert_error(context, "gradients: the variable [1, 6, 1] is not on the "
                          "tape");
    fv_context_free(context);
    fv_context_free(other);
}

/* Each allocation fails once; the next call on the same tape succeeds. */
static void test_memory(void **state)
{
    bool failed = true;
    (void)state;
    for (size_t fail = 1; failed; fail++) {
        faults_memory memory = { 0 };
        fv_allocator allocator = faults_allocator(&memory);
        fv_context *context =
            fv_context_new(FV_OPTIONS(fv_context_options, .dtype = FV_F64,
                                      .threads = 1, .allocator = &allocator));
        fv_variable *at[MOST_OPERANDS], *grads[2], *result;
        const subject s = { .seed = 1,
                            .count = 2,
                            .operands = { { 3, { 1, 90, 3 }, -1, 1, 0 },
                                          { 3, { 8, 5, 3 }, -1, 1, 0 } } };
        make_operands(context, &s, at);
        const fv_variables list = { 2, at };
        fv_variable *y = fv_tanh_of(fv_conv1d(at[0], at[1], NULL, NULL));
        assert_ok(context);
        memory.fail_at = memory.calls + fail;
        result = fv_jvp(y, list, at);
        if (result) fv_gradients(result, list, NULL, grads);
        failed = fv_failed(context) != FV_OK;
        assert_true(failed || fail > 1);
        if (failed) assert_int_equal(fv_failed(context), FV_NO_MEMORY);
        fv_clear_error(context);
        memory.fail_at = 0;
        assert_int_equal(fv_gradients(y, list, NULL, grads), FV_OK);
        assert_int_equal(fv_no_grad(context, 0), 0);
        fv_context_free(context);
        assert_int_equal(memory.blocks, 0);
        assert_int_equal(memory.wrong, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations), cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_auto_pad),   cmocka_unit_test(test_network),
        cmocka_unit_test(test_repeated),   cmocka_unit_test(test_variables),
        cmocka_unit_test(test_no_grad),    cmocka_unit_test(test_own_operator),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
