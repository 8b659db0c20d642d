/* The tape: what is recorded, what gradients come of it, what is refused. */
#include "support.h"

#include <fovea/operator.h>

static fv_context *make(void)
{
    fv_context *ctx =
        fv_context_new(FV_OPTIONS(fv_context_options, .dtype = FV_F64));
    assert_ok(ctx);
    return ctx;
}

static fv_variable *vector(fv_context *ctx, double a, double b)
{
    double values[] = { a, b };
    fv_tensor tensor = FV_TENSOR(values, FV_F64, 2);
    return fv_variable_new(ctx, &tensor);
}

static fv_variable *constant(fv_context *ctx, double a, double b)
{
    double values[] = { a, b };
    fv_tensor tensor = FV_TENSOR(values, FV_F64, 2);
    return fv_constant(ctx, &tensor);
}

static double grad(fv_variable *variable, int i)
{
    const fv_tensor *g = fv_variable_grad(variable);
    return g ? ((const double *)g->data)[i] : (double)NAN;
}

static double value(const fv_variable *variable, int i)
{
    return ((const double *)fv_variable_value(variable)->data)[i];
}

/* ---- what is recorded ---------------------------------------------------- */

static void test_new_context_has_an_empty_tape(void **state)
{
    (void)state;
    fv_context *ctx = make();
    assert_int_equal(fv_tape_count(ctx), 0);
    assert_null(fv_tape_last(ctx));
    assert_error(ctx, "tape: no operation is recorded");
    assert_int_equal(fv_tape_count(NULL), 0);
    assert_null(fv_tape_last(NULL));
    fv_context_free(ctx);
}

static void test_count_and_last(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *a = vector(ctx, 1, 2), *b = vector(ctx, 3, 4);
    assert_int_equal(fv_tape_count(ctx), 0);
    fv_variable *sum = fv_add(a, b);
    assert_int_equal(fv_tape_count(ctx), 1);
    assert_string_equal(fv_tape_last(ctx), "add");
    fv_variable *product = fv_mul(sum, a);
    assert_int_equal(fv_tape_count(ctx), 2);
    assert_string_equal(fv_tape_last(ctx), "mul");
    assert_int_equal(fv_backprop(product), FV_OK);
    assert_int_equal(fv_tape_count(ctx), 0);
    /* results stay readable until the next operation */
    assert_true(value(product, 0) == 4 && value(product, 1) == 12);
    fv_add(a, b);
    assert_int_equal(fv_tape_count(ctx), 1);
    fv_forget(ctx);
    assert_int_equal(fv_tape_count(ctx), 0);
    assert_ok(ctx);
    fv_context_free(ctx);
}

static void test_a_variable_knows_its_context_and_value(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *pi = fv_variable_number(ctx, 3.14);
    assert_ptr_equal(fv_variable_context(pi), ctx);
    assert_int_equal(fv_variable_value(pi)->rank, 0);
    assert_true(fv_item(pi) == 3.14);
    assert_true(isnan(fv_item(vector(ctx, 1, 2))));
    assert_error(ctx, "item: the variable has 2 elements, not one");
    assert_null(fv_variable_context(NULL));
    assert_null(fv_variable_value(NULL));
    assert_null(fv_variable_grad(NULL));
    assert_true(isnan(fv_item(NULL)));
    fv_context_free(ctx);
}

/* ---- gradients ----------------------------------------------------------- */

static void test_used_twice_and_summed_over_passes(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = fv_variable_number(ctx, 3);
    assert_true(grad(x, 0) == 0);
    for (int pass = 1; pass <= 3; pass++) {
        fv_variable *y = fv_add(fv_mul(x, x), x);
        assert_true(fv_item(y) == 12);
        assert_int_equal(fv_backprop(y), FV_OK);
        assert_true(grad(x, 0) == 7.0 * pass);
    }
    fv_variable_zero_grad(x);
    assert_true(grad(x, 0) == 0);
    fv_context_free(ctx);
}

static void test_gradient_of_a_sum_of_elements(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 2, -5);
    fv_backprop(fv_mul(x, x)); /* no reduction: of the elements' sum */
    assert_true(grad(x, 0) == 4 && grad(x, 1) == -10);
    fv_context_free(ctx);
}

static void test_operations_after_the_result_are_dropped(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, 2);
    fv_variable *early = fv_mul_number(x, 10);
    fv_variable *late = fv_mul_number(x, 100);
    assert_int_equal(fv_backprop(early), FV_OK);
    assert_true(grad(x, 0) == 10 && grad(x, 1) == 10);
    assert_int_equal(fv_backprop(late), FV_MISUSE);
    assert_error(ctx, "backprop: the variable [2] is not on the tape");
    assert_true(grad(x, 0) == 10 && grad(x, 1) == 10);
    fv_context_free(ctx);
}

/* More operations than a graph has room for at first, several times over. */
static void test_a_long_tape(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, 2), *y = x;
    for (int i = 0; i < 1000; i++) y = i % 2 ? fv_neg(y) : fv_add(y, x);
    assert_int_equal(fv_tape_count(ctx), 1000);
    assert_true(value(y, 0) == 1);
    assert_int_equal(fv_backprop(y), FV_OK);
    assert_true(grad(x, 0) == 1 && grad(x, 1) == 1);
    fv_context_free(ctx);
}

static void test_a_branch_beside_the_result_gets_nothing(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, 2), *other = vector(ctx, 3, 4);
    fv_variable *beside = fv_mul(x, other);
    assert_int_equal(fv_variable_retain_grad(beside), FV_OK);
    assert_int_equal(fv_backprop(fv_mul_number(x, 2)), FV_OK);
    assert_true(grad(x, 0) == 2 && grad(other, 0) == 0);
    assert_null(fv_variable_grad(beside));
    fv_context_free(ctx);
}

static void test_retained_gradients(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = fv_variable_number(ctx, 3);
    fv_variable *y = fv_mul(x, x), *z = fv_mul_number(y, 5);
    assert_int_equal(fv_variable_retain_grad(y), FV_OK);
    assert_null(fv_variable_grad(y)); /* not yet */
    fv_variable *total = fv_add(z, y);
    assert_int_equal(fv_backprop(total), FV_OK);
    assert_true(grad(y, 0) == 6);
    assert_null(fv_variable_grad(z));
    assert_null(fv_variable_grad(total));
    assert_true(grad(x, 0) == 36);
    fv_context_free(ctx);
}

static void test_frozen_leaf(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, 2), *w = vector(ctx, 3, 4);
    assert_int_equal(fv_variable_set_requires_grad(w, 0), FV_OK);
    assert_false(fv_variable_requires_grad(w));
    fv_backprop(fv_mul(x, w));
    assert_true(grad(x, 0) == 3 && grad(x, 1) == 4);
    assert_true(grad(w, 0) == 0 && grad(w, 1) == 0);
    assert_int_equal(fv_variable_retain_grad(w), FV_MISUSE);
    assert_error(ctx, "retain_grad: the variable requires no gradient");
    fv_mul(w, w);
    assert_int_equal(fv_tape_count(ctx), 0);
    assert_int_equal(fv_variable_set_requires_grad(w, 1), FV_OK);
    fv_backprop(fv_mul(x, w));
    assert_true(grad(w, 0) == 1 && grad(w, 1) == 2);
    fv_variable *result = fv_mul(x, w);
    assert_int_equal(fv_variable_set_requires_grad(result, 0), FV_MISUSE);
    assert_error(ctx, "requires_grad: only leaves can be frozen or thawed");
    fv_context_free(ctx);
}

static void test_constants_require_nothing(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *a = constant(ctx, 1, 2), *b = constant(ctx, 3, 4);
    assert_false(fv_variable_requires_grad(a));
    fv_variable *sum = fv_add(a, b);
    assert_int_equal(fv_tape_count(ctx), 0);
    assert_false(fv_variable_requires_grad(sum));
    assert_true(value(sum, 0) == 4 && value(sum, 1) == 6);
    assert_int_equal(fv_backprop(sum), FV_MISUSE);
    assert_error(ctx, "backprop: the variable [2] is not on the tape");
    assert_int_equal(fv_backprop(a), FV_MISUSE);
    assert_error(ctx, "backprop: the variable [2] is not on the tape");
    fv_variable *x = vector(ctx, 5, 6);
    fv_backprop(fv_mul(x, sum));
    assert_true(grad(x, 0) == 4 && grad(x, 1) == 6);
    int32_t labels[] = { 7, 8 };
    fv_tensor tensor = FV_TENSOR(labels, FV_I32, 2);
    fv_variable *classes = fv_constant(ctx, &tensor);
    assert_int_equal(fv_variable_value(classes)->dtype, FV_I32);
    float single[] = { 1.5f, 2.5f };
    tensor = FV_TENSOR(single, FV_F32, 2);
    fv_variable *wide = fv_constant(ctx, &tensor);
    assert_int_equal(fv_variable_value(wide)->dtype, FV_F64);
    assert_true(value(wide, 1) == 2.5);
    fv_context_free(ctx);
}

static void test_no_grad(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, 2);
    assert_int_equal(fv_no_grad(ctx, 1), 0);
    assert_int_equal(fv_no_grad(ctx, 1), 1);
    fv_variable *y = fv_mul(x, x);
    assert_false(fv_variable_requires_grad(y));
    assert_int_equal(fv_tape_count(ctx), 0);
    assert_true(value(y, 1) == 4);
    assert_int_equal(fv_no_grad(ctx, 0), 1);
    fv_backprop(fv_mul(x, y)); /* y counts as a constant */
    assert_true(grad(x, 0) == 1 && grad(x, 1) == 4);
    assert_int_equal(fv_training(ctx, 0), 1);
    assert_int_equal(fv_training(ctx, 1), 0);
    fv_context_free(ctx);
}

static void test_memory_stays_flat(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, 2);
    size_t bytes = 0;
    fv_no_grad(ctx, 1);
    for (int i = 0; i < 100000; i++) {
        fv_variable *y = fv_add(fv_mul(x, constant(ctx, i, 1)), x);
        assert_true(value(y, 0) == i + 1.0);
        fv_forget(ctx);
        if (i == 2) bytes = fv_context_memory(ctx).bytes;
    }
    assert_int_equal(fv_context_memory(ctx).bytes, bytes);
    fv_no_grad(ctx, 0);
    for (int i = 0; i < 20000; i++) {
        fv_backprop(fv_mul(fv_mul(x, constant(ctx, i, 1)), x));
        if (i == 2) bytes = fv_context_memory(ctx).bytes;
    }
    assert_int_equal(fv_context_memory(ctx).bytes, bytes);
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* ---- refusals ------------------------------------------------------------ */

static void test_backprop_refusals(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, 2);
    assert_int_equal(fv_backprop(NULL), FV_MISUSE);
    assert_int_equal(fv_failed(ctx), FV_OK);
    assert_int_equal(fv_backprop(x), FV_MISUSE);
    assert_error(ctx, "backprop: the variable [2] is a leaf, not a result");
    fv_variable *y = fv_mul(x, x);
    assert_int_equal(fv_backprop(y), FV_OK);
    assert_int_equal(fv_backprop(y), FV_MISUSE);
    assert_error(ctx, "backprop: the variable [2] is not on the tape");
    assert_true(grad(x, 0) == 2 && grad(x, 1) == 4); /* once only */
    fv_context_free(ctx);
}

static void test_operand_refusals(void **state)
{
    (void)state;
    fv_context *ctx = make(), *other = make();
    fv_variable *x = vector(ctx, 1, 2), *y = vector(other, 3, 4);
    assert_null(fv_add(x, NULL));
    assert_error(ctx, "add: operand 2 is NULL");
    assert_null(fv_mul(NULL, x));
    assert_error(ctx, "mul: operand 1 is NULL");
    assert_null(fv_add(NULL, NULL));
    assert_null(fv_add(x, y));
    assert_error(ctx, "add: operand 2 belongs to another context");
    assert_int_equal(fv_failed(other), FV_OK);
    fv_variable *square = fv_mul(x, x);
    fv_backprop(square);
    assert_null(fv_add(x, square));
    assert_error(ctx,
                 "add: operand 2 was on the tape that fv_backprop emptied");
    /* the first failure stays, and what nests on it does nothing */
    assert_null(fv_add(fv_mul(x, NULL), x));
    assert_null(fv_add(x, y));
    assert_null(fv_mul(x, x));
    assert_int_equal(fv_tape_count(ctx), 0);
    assert_error(ctx, "mul: operand 2 is NULL");
    fv_context_free(ctx);
    fv_context_free(other);
}

static void test_assign(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, 2);
    int32_t whole[] = { 3, 0, 4 };
    fv_tensor three = FV_TENSOR(whole, FV_I32, 3);
    assert_int_equal(fv_variable_assign(x, &three), FV_MISUSE);
    assert_error(ctx, "assign: value has shape [3], the variable [2]");
    fv_tensor view = fv_tensor_slice(ctx, &three, 0, 0, 3, 2);
    assert_int_equal(fv_variable_assign(x, &view), FV_OK);
    assert_true(value(x, 0) == 3 && value(x, 1) == 4);
    fv_variable *y = fv_mul(x, x);
    assert_int_equal(fv_variable_assign(y, &view), FV_MISUSE);
    assert_error(ctx, "assign: only leaves can be written");
    assert_int_equal(fv_variable_assign(x, NULL), FV_MISUSE);
    assert_error(ctx, "assign: no tensor");
    fv_context *single = fv_context_new(NULL);
    double large[] = { 1, -1e39 };
    fv_tensor wide = FV_TENSOR(large, FV_F64, 2);
    assert_null(fv_variable_new(single, &wide));
    assert_error(single, "assign: element [1] is -1e+39, outside "
                         "-3.40282e+38..3.40282e+38 of f32");
    assert_null(fv_constant(single, &wide));
    assert_error(single, "constant: element [1] is -1e+39, outside "
                         "-3.40282e+38..3.40282e+38 of f32");
    fv_context_free(single);
    assert_null(fv_variable_new(ctx, NULL));
    assert_error(ctx, "variable: no tensor");
    assert_null(fv_constant(ctx, NULL));
    assert_error(ctx, "constant: no tensor");
    fv_variable_free(x);
    fv_variable_free(NULL);
    fv_context_free(ctx);
}

/* Views of the leaf's own memory. */
static void test_assign_a_view_of_itself(void **state)
{
    (void)state;
    const int32_t turned[] = { 1, 0 };
    fv_context *ctx = make();
    double numbers[9];
    for (int i = 0; i < 9; i++) numbers[i] = i;
    fv_tensor square = FV_TENSOR(numbers, FV_F64, 3, 3);
    fv_variable *x = fv_variable_new(ctx, &square);
    const fv_tensor *own = fv_variable_value(x);
    fv_tensor view = fv_tensor_permute(ctx, own, turned);
    assert_int_equal(fv_variable_assign(x, &view), FV_OK);
    for (int i = 0; i < 9; i++)
        assert_true(value(x, i) == numbers[i % 3 * 3 + i / 3]);
    assert_int_equal(fv_variable_assign(x, own), FV_OK); /* all of it */
    assert_true(value(x, 1) == 3 && value(x, 8) == 8);

    view = fv_tensor_at(ctx, own, 0, 1); /* 1, 4, 7 in every row */
    view = fv_tensor_broadcast(ctx, &view, 2, own->shape);
    assert_int_equal(fv_variable_assign(x, &view), FV_OK);
    for (int i = 0; i < 9; i++) assert_true(value(x, i) == i % 3 * 3 + 1);

    assert_int_equal(fv_variable_assign(x, &square), FV_OK);
    view = *own; /* the last row first, the last column first */
    view.data = (double *)own->data + 8;
    view.stride[0] = -3, view.stride[1] = -1;
    assert_int_equal(fv_variable_assign(x, &view), FV_OK);
    for (int i = 0; i < 9; i++) assert_true(value(x, i) == 8 - i);

    double raw[9]; /* the same bytes as numbers of another type */
    view = fv_tensor_view_as(ctx, own, FV_I32);
    view = fv_tensor_slice(ctx, &view, 1, 1, 6, 2);
    for (int64_t i = 0; i < 9; i++)
        raw[i] = fv_tensor_get(ctx, &view, (int64_t[]){ i / 3, i % 3 });
    assert_true(raw[0] != 0);
    assert_int_equal(fv_variable_assign(x, &view), FV_OK);
    for (int i = 0; i < 9; i++) assert_true(value(x, i) == raw[i]);
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* The first operation after a backward pass empties the tape, where the values
 * it is given may lie. */
static void test_constants_of_results(void **state)
{
    (void)state;
    enum { N = 5000 };
    fv_context *ctx = make();
    static double numbers[N];
    for (int i = 0; i < N; i++) numbers[i] = i;
    fv_tensor many = FV_TENSOR(numbers, FV_F64, N);
    fv_variable *x = fv_variable_new(ctx, &many);
    for (int round = 0; round < 3; round++) {
        fv_variable *twice = fv_mul_number(x, 2), *y = fv_mul(twice, twice);
        fv_variable_retain_grad(twice);
        assert_int_equal(fv_backprop(fv_sum(y)), FV_OK);
        const fv_tensor *of =
            round == 1 ? fv_variable_grad(twice) : fv_variable_value(y);
        fv_variable *copy = fv_constant(ctx, of);
        assert_ok(ctx);
        for (int i = 0; i < N; i++)
            assert_true(value(copy, i) == (round == 1 ? 4.0 * i : 4.0 * i * i));
    }
    fv_context_free(ctx);
}

/* ---- a user's operator --------------------------------------------------- */

typedef struct scale {
    double factor;
} scale;

static fv_status scale_infer(fv_inference *inference)
{
    const scale *s = inference->attributes;
    if (!(s->factor != 0))
        return fv_fail(inference->context, FV_MISUSE, "%s: factor %g",
                       inference->name, s->factor);
    inference->outputs[0] = *inference->inputs[0];
    inference->saved = inference->gradient ? sizeof(double) : 0;
    inference->forward_scratch = sizeof(double);
    inference->backward_scratch = 2 * sizeof(double);
    return FV_OK;
}

static void scale_forward(const fv_call *call)
{
    const scale *s = call->attributes;
    const double *x = call->inputs[0]->data;
    double *y = call->outputs[0]->data;
    *(double *)call->scratch = s->factor;
    for (int64_t i = 0; i < fv_tensor_count(call->outputs[0]); i++)
        y[i] = *(double *)call->scratch * x[i];
    if (call->saved) *(double *)call->saved = s->factor;
}

static void scale_backward(const fv_call *call)
{
    double *to = call->input_grads[0]->data, *scratch = call->scratch;
    const double *from = call->output_grads[0]->data;
    scratch[1] = *(const double *)call->saved;
    for (int64_t i = 0; i < fv_tensor_count(call->outputs[0]); i++)
        to[i] += scratch[1] * from[i];
}

static const fv_operator scaling = {
    .size = sizeof(fv_operator),
    .name = "scaling",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(scale),
    .infer = scale_infer,
    .forward = scale_forward,
    .backward = scale_backward,
};

static void test_users_operator(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, -2);
    scale three = { 3 };
    fv_variable *y = fv_apply(&scaling, &three, 1, &x);
    assert_ok(ctx);
    three.factor = 99; /* attributes were copied */
    assert_true(value(y, 0) == 3 && value(y, 1) == -6);
    assert_string_equal(fv_tape_last(ctx), "scaling");
    fv_backprop(fv_mul(y, y));
    assert_true(grad(x, 0) == 18 && grad(x, 1) == -36);
    fv_context_free(ctx);
}

static fv_variable *dropped(fv_variable *x) { return fv_dropout_of(x, 0.5); }

static fv_variable *doubled(fv_variable *x) { return fv_mul_number(x, 2); }

static fv_variable *halved(fv_variable *x) { return fv_div_number(x, 2); }

static fv_variable *flat(fv_variable *x)
{
    return fv_reshape(x, 1, (const int64_t[]){ 4 });
}

static fv_variable *part(fv_variable *x) { return fv_slice(x, 1, 0, 1, 1); }

static fv_variable *repeated(fv_variable *x)
{
    return fv_broadcast(x, 5, (const int64_t[]){ 3, 1, 2, 2, 1 });
}

static fv_variable *pooled(fv_variable *x)
{
    return fv_maxpool_of(
        x, &(fv_pooling){ .kernel = { 2, 2 }, .stride = { 1, 1 } });
}

static fv_variable *scaled(fv_variable *x)
{
    return fv_apply(&scaling, &(scale){ 3 }, 1, &x);
}

/* A leaf that is frozen between the forward pass and the backward pass gets
 * nothing of any operator, and what lies on the way still gets its own. */
static void test_frozen_after_the_forward_pass(void **state)
{
    (void)state;
    static fv_variable *(*const operators[])(fv_variable *) = {
        dropped,       doubled,       halved, flat,
        part,          repeated,      pooled, fv_global_average_pool_of,
        fv_softmax_of, fv_sigmoid_of, fv_sum, fv_mean,
        fv_max,        fv_transpose,  fv_neg, fv_relu_of,
        scaled,
    };
    fv_context *ctx = make();
    double numbers[] = { 1, -2, 3, -4 };
    const fv_tensor tensor = FV_TENSOR(numbers, FV_F64, 1, 2, 2, 1);
    fv_variable *x = fv_variable_new(ctx, &tensor);
    fv_training(ctx, 1);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        fv_variable_set_requires_grad(x, 1);
        fv_variable *y = operators[i](x);
        fv_variable *loss = fv_sum(fv_mul_number(y, 7));
        assert_int_equal(fv_variable_retain_grad(y), FV_OK);
        fv_variable_set_requires_grad(x, 0);
        assert_int_equal(fv_backprop(loss), FV_OK);
        assert_true(grad(y, 0) == 7);
        for (int k = 0; k < 4; k++) assert_true(grad(x, k) == 0);
    }
    assert_ok(ctx);
    fv_context_free(ctx);
}

static void test_users_operator_refusals(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, -2), *two[] = { x, x };
    assert_null(fv_apply(&scaling, &(scale){ 0 }, 1, &x));
    assert_int_equal(fv_tape_count(ctx), 0);
    assert_error(ctx, "scaling: factor 0");
    assert_null(fv_apply(&scaling, &(scale){ 2 }, 2, two));
    assert_error(ctx, "scaling: 2 operands, expected 1 to 1");
    fv_operator other = scaling;
    other.size -= 8; /* of another version of the struct */
    assert_null(fv_apply(&other, &(scale){ 2 }, 1, &x));
    char expected[80];
    snprintf(expected, sizeof expected,
             "scaling: size of the operator is %zu, expected %zu", other.size,
             sizeof(fv_operator));
    assert_error(ctx, expected);
    fv_operator without = scaling;
    without.backward = NULL; /* no gradient passes */
    fv_variable *y = fv_apply(&without, &(scale){ 2 }, 1, &x);
    assert_false(fv_variable_requires_grad(y));
    assert_int_equal(fv_tape_count(ctx), 0);
    assert_true(value(y, 1) == -4);
    fv_context_free(ctx);
}

extern const fv_operator *const fv__operators[];

static void test_every_operator_counts_operands(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, -2);
    enum { MANY = 40 };
    fv_variable *many[MANY];
    for (int i = 0; i < MANY; i++) many[i] = x;
    for (const fv_operator *const *op = fv__operators; *op; op++) {
        const int32_t counts[] = { (*op)->min_inputs - 1,
                                   (*op)->max_inputs < MANY
                                       ? (*op)->max_inputs + 1
                                       : 0 };
        assert_true((*op)->max_inputs >= (*op)->min_inputs);
        char sentence[100];
        for (int side = 0; side < 2; side++) {
            if (counts[side] < 1) continue;
            snprintf(sentence, sizeof sentence,
                     "%s: %d operands, expected %d to %d", (*op)->name,
                     (int)counts[side], (int)(*op)->min_inputs,
                     (int)(*op)->max_inputs);
            assert_null(fv_apply(*op, NULL, counts[side], many));
            assert_error(ctx, sentence);
        }
    }
    assert_int_equal(fv_tape_count(ctx), 0);
    fv_context_free(ctx);
}

static fv_status huge_infer(fv_inference *inference)
{
    inference->outputs[0] = *inference->inputs[0];
    inference->outputs[0].rank = 2;
    inference->outputs[0].shape[0] = inference->outputs[0].shape[1] = INT64_C(1)
                                                                      << 40;
    return FV_OK;
}

/* Each kind of memory that an operator asks for. */
static fv_status greedy_infer(fv_inference *inference)
{
    const scale *s = inference->attributes;
    size_t *const wanted[] = { &inference->saved, &inference->cached,
                               &inference->forward_scratch,
                               &inference->backward_scratch };
    inference->outputs[0] = *inference->inputs[0];
    *wanted[(int)s->factor] = SIZE_MAX - 63;
    return FV_OK;
}

static void test_scratch_too_large(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, -2);
    fv_operator greedy = scaling;
    char sentence[100];
    greedy.name = "greedy";
    greedy.infer = greedy_infer;
    snprintf(sentence, sizeof sentence,
             "greedy: needs more than %zu bytes of scratch", SIZE_MAX / 4);
    for (int kind = 0; kind < 4; kind++) {
        assert_null(fv_apply(&greedy, &(scale){ kind }, 1, &x));
        assert_int_equal(fv_failed(ctx), FV_LIMIT);
        assert_error(ctx, sentence);
    }
    fv_context_free(ctx);
}

static void test_result_too_large(void **state)
{
    (void)state;
    fv_context *ctx = make();
    fv_variable *x = vector(ctx, 1, -2);
    fv_operator huge = scaling;
    huge.name = "huge";
    huge.infer = huge_infer;
    assert_null(fv_apply(&huge, &(scale){ 1 }, 1, &x));
    assert_error(ctx, "huge: result [1099511627776, 1099511627776] has too "
                      "many elements");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_context_has_an_empty_tape),
        cmocka_unit_test(test_count_and_last),
        cmocka_unit_test(test_a_variable_knows_its_context_and_value),
        cmocka_unit_test(test_used_twice_and_summed_over_passes),
        cmocka_unit_test(test_gradient_of_a_sum_of_elements),
        cmocka_unit_test(test_operations_after_the_result_are_dropped),
        cmocka_unit_test(test_a_long_tape),
        cmocka_unit_test(test_a_branch_beside_the_result_gets_nothing),
        cmocka_unit_test(test_retained_gradients),
        cmocka_unit_test(test_frozen_leaf),
        cmocka_unit_test(test_constants_require_nothing),
        cmocka_unit_test(test_no_grad),
        cmocka_unit_test(test_memory_stays_flat),
        cmocka_unit_test(test_backprop_refusals),
        cmocka_unit_test(test_operand_refusals),
        cmocka_unit_test(test_assign),
        cmocka_unit_test(test_assign_a_view_of_itself),
        cmocka_unit_test(test_constants_of_results),
        cmocka_unit_test(test_users_operator),
        cmocka_unit_test(test_frozen_after_the_forward_pass),
        cmocka_unit_test(test_users_operator_refusals),
        cmocka_unit_test(test_every_operator_counts_operands),
        cmocka_unit_test(test_scratch_too_large),
        cmocka_unit_test(test_result_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
