/* num.cr's pools, dropout, losses and activations, restated for layers. Faults
 * of docs/num_cr.md whose absence this shows: D10 (sigmoid), D11 (elu), D12
 * (each in f32), D13 (mse), D18 and D19 (dropout), D28 (overlapping pools),
 * D29 (no number in a window), D30 (default stride). */
#include "numcr.h"

/* ---- max-pool ----------------------------------------------------------- */

typedef struct pooled {
    int64_t kernel, padding, stride, side; /* side of y */
    const char *y, *ones_dx, *dx;
} pooled;

static const char pool_x[] = "1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4";
static const pooled pools[] = {
    { 2, 0, 0, 2, "6 8 / 3 4", "0 0 0 0 / 0 1 0 1 / 1 0 0 0 / 0 0 0 1",
      "0 0 0 0 / 0 1 0 2 / 3 0 0 0 / 0 0 0 4" },
    { 2, 0, 1, 3, "6 7 8 / 6 7 8 / 3 3 4",
      "0 0 0 0 / 0 2 2 2 / 1 0 0 0 / 0 0 1 1",
      "0 0 0 0 / 0 5 7 9 / 7 0 0 0 / 0 0 8 9" },
    { 3, 1, 2, 2, "6 8 / 6 8", "0 0 0 0 / 0 2 0 2 / 0 0 0 0 / 0 0 0 0",
      "0 0 0 0 / 0 4 0 6 / 0 0 0 0 / 0 0 0 0" },
};

static fv_layer *pool_of(fv_context *ctx, const pooled *p)
{
    return fv_maxpool(ctx, .kernel = { p->kernel }, .stride = { p->stride },
                      .padding = { p->padding, p->padding });
}

static void maxpool(fv_context *ctx)
{
    for (int i = 0; i < 3; i++)
        for (int ones = 0; ones < 2; ones++) {
            const pooled *p = &pools[i];
            const int64_t side[] = { 1, 1, p->side, p->side };
            fv_variable *x = leaf(ctx, numbers(ctx, pool_x, SHAPE(1, 1, 4, 4)));
            fv_variable *y = fv_layer_forward(pool_of(ctx, p), x);
            assert_images(ctx, "y", fv_variable_value(y),
                          numbers(ctx, p->y, 4, side), 0);
            backprop_with(y, formula(ctx, !ones, 1, 100, 0, 1, 4, side));
            assert_images(
                ctx, "dx", fv_variable_grad(x),
                numbers(ctx, ones ? p->ones_dx : p->dx, SHAPE(1, 1, 4, 4)), 0);
        }
}

/* A plane of 2 x 2 and one window; upstream 1. */
static void one_window(fv_context *ctx, const char *x_text, const char *y_text,
                       const char *dx_text)
{
    fv_variable *x = leaf(ctx, numbers(ctx, x_text, SHAPE(1, 1, 2, 2)));
    fv_variable *y = fv_layer_forward(fv_maxpool(ctx, .kernel = { 2 }), x);
    assert_images(ctx, "y", fv_variable_value(y),
                  numbers(ctx, y_text, SHAPE(1, 1, 1, 1)), 0);
    fv_backprop(y);
    assert_images(ctx, "dx", fv_variable_grad(x),
                  numbers(ctx, dx_text, SHAPE(1, 1, 2, 2)), 0);
}

static void odd_windows(fv_context *ctx)
{
    one_window(ctx, "3 3 / 3 3", "3", "1 0 / 0 0");
    one_window(ctx, "-inf -inf / -inf -inf", "-inf", "1 0 / 0 0");
    one_window(ctx, "nan nan / nan nan", "nan", "1 0 / 0 0");
    one_window(ctx, "1 nan / 7 3", "nan", "0 1 / 0 0");
    assert_null(fv_layer_forward(
        fv_maxpool(ctx, .kernel = { 2 }, .padding = { 2, 2 }),
        leaf(ctx, numbers(ctx, "1 2 / 3 4", SHAPE(1, 1, 2, 2)))));
    assert_error(ctx, "maxpool: padding 2 is not below kernel 2");
}

/* ---- dropout ------------------------------------------------------------ */

enum { MANY = 1000000 };

/* Either 0 or x / keep, and the gradient by the same factor. */
static void dropout(fv_context *ctx)
{
    fv_layer *layer = fv_dropout(ctx, 0.5);
    const char *upstream = "3 5 7", *once = "1 1 1";
    int kept = 0, dropped = 0;
    for (int i = 0; i < 40; i++) {
        fv_variable *x = leaf(ctx, numbers(ctx, once, SHAPE(1, 3)));
        fv_variable *y = fv_layer_forward(layer, x);
        fv_tensor factor = fv_tensor_convert(ctx, fv_variable_value(y), FV_F64);
        for (int k = 0; k < 3; k++) {
            double at = ((double *)factor.data)[k];
            assert_true(at == 0 || at == 2);
            kept += at == 2;
            dropped += at == 0;
            ((double *)factor.data)[k] *= 3 + 2 * k;
        }
        backprop_with(y, numbers(ctx, upstream, SHAPE(1, 3)));
        assert_elements(ctx, "dx", fv_variable_grad(x), &factor, 0);
    }
    assert_true(kept > 30 && dropped > 30);
    fv_training(ctx, 0);
    fv_variable *x = leaf(ctx, numbers(ctx, upstream, SHAPE(1, 3)));
    fv_variable *y = fv_layer_forward(layer, x);
    assert_elements(ctx, "y", fv_variable_value(y), fv_variable_value(x), 0);
    backprop_with(y, numbers(ctx, upstream, SHAPE(1, 3)));
    fv_tensor expected = numbers(ctx, upstream, SHAPE(1, 3));
    assert_elements(ctx, "dx", fv_variable_grad(x), &expected, 0);
}

static void dropout_mean(fv_context *ctx)
{
    const double probabilities[] = { 0.1, 0.5, 0.8 };
    fv_variable *x = leaf(ctx, formula(ctx, 0, 1, 2, 0, 1, SHAPE(1, MANY)));
    for (int i = 0; i < 3; i++) {
        double p = probabilities[i];
        fv_variable *y = fv_layer_forward(fv_dropout(ctx, p), x);
        double limit = 5 * sqrt(p / ((1 - p) * MANY));
        assert_true(fabs(fv_item(fv_mean(y)) - 1) < limit);
    }
}

/* ---- losses ------------------------------------------------------------- */

/* The loss of a layer and the gradient for `upstream` times the loss. */
static void check_loss(fv_context *ctx, fv_layer *layer, fv_tensor logits,
                       fv_variable *target, int by_itself, double loss,
                       const char *dx)
{
    fv_variable *x = fv_variable_new(ctx, &logits);
    fv_variable *y =
        fv_layer_forward_n(layer, 2, (fv_variable *const[]){ x, target });
    assert_ok(ctx);
    assert_near(fv_item(y), loss, digits(ctx));
    fv_backprop(by_itself ? fv_mul_number(y, fv_item(y)) : y);
    fv_tensor expected = numbers(ctx, dx, logits.rank, logits.shape);
    assert_elements(ctx, "dx", fv_variable_grad(x), &expected,
                    single(ctx) ? 1e-6 : 1e-10);
}

static fv_variable *labels(fv_context *ctx, int64_t *classes, int64_t count)
{
    fv_tensor all = FV_TENSOR(classes, FV_I64, count);
    return fv_constant(ctx, &all);
}

static void softmax_cross_entropy(fv_context *ctx)
{
    const char *logits = "-3.44 1.16 -0.81 3.91";
    const char *dx = "0.0005986035967 0.05955166916 0.008304888563 "
                     "-0.06845516131";
    const char *by_itself = "4.244755217e-05 0.004222865678 0.0005889075717 "
                            "-0.004854220802";
    const double loss = 0.07091095409762;
    fv_layer *layer = fv_softmax_cross_entropy(ctx);
    for (int i = 0; i < 4; i++) {
        int64_t three = 3;
        fv_variable *target =
            i & 1 ? labels(ctx, &three, 1)
                  : fixed(ctx, numbers(ctx, "0 0 0 1", SHAPE(1, 4)));
        check_loss(ctx, layer, numbers(ctx, logits, SHAPE(1, 4)), target, i / 2,
                   loss, i / 2 ? by_itself : dx);
    }
    fv_tensor row = numbers(ctx, logits, SHAPE(1, 4));
    fv_variable *p =
        fv_layer_forward(fv_softmax(ctx), fv_variable_new(ctx, &row));
    fv_tensor expected = numbers(
        ctx, "0.0005986035967 0.05955166916 0.008304888563 0.9315448387",
        SHAPE(1, 4));
    assert_elements(ctx, "softmax", fv_variable_value(p), &expected,
                    digits(ctx));
}

static void three_rows(fv_context *ctx)
{
    check_loss(
        ctx, fv_softmax_cross_entropy(ctx),
        numbers(ctx, "-3.44 1.16 -0.81 3.91 / 1 2 3 4 / 1000 1000 -1000 0",
                SHAPE(3, 4)),
        fixed(ctx,
              numbers(ctx, "0 0 0 1 / 0 1 0 0 / 0.5 0.5 0 0", SHAPE(3, 4))),
        0, 1.06808261107290,
        "0.0001995345322 0.01985055639 0.002768296188 -0.0228183871 / "
        "0.01068620109 -0.3042852271 0.07896093936 0.2146380866 / "
        "0 0 0 0");
}

/* 256 rows over 20 classes: labels and one-hot weights agree. */
static void labels_and_weights(fv_context *ctx)
{
    enum { ROWS = 256, CLASSES = 20 };
    int64_t classes[ROWS];
    fv_tensor logits =
        formula(ctx, 7919, 11, 4999, 2499, 1 / 2500.0, SHAPE(ROWS, CLASSES));
    fv_tensor weights = fv_tensor_new(ctx, FV_F64, SHAPE(ROWS, CLASSES));
    for (int64_t i = 0; i < ROWS; i++) {
        classes[i] = (i * i + 3 * i) % CLASSES;
        ((double *)weights.data)[i * CLASSES + classes[i]] = 1;
    }
    fv_layer *layer = fv_softmax_cross_entropy(ctx);
    double losses[2];
    fv_variable *x[2];
    for (int i = 0; i < 2; i++) {
        x[i] = fv_variable_new(ctx, &logits);
        fv_variable *target =
            i ? fv_constant(ctx, &weights) : labels(ctx, classes, ROWS);
        fv_variable *loss = fv_layer_forward_n(
            layer, 2, (fv_variable *const[]){ x[i], target });
        losses[i] = fv_item(loss);
        fv_backprop(loss);
    }
    assert_near(losses[0], losses[1], 2e-5);
    assert_true(losses[0] > 2.5 && losses[0] < 3.6);
    assert_elements(ctx, "gradients", fv_variable_grad(x[0]),
                    fv_variable_grad(x[1]), 1e-6);
}

static void sigmoid_cross_entropy(fv_context *ctx)
{
    check_loss(ctx, fv_sigmoid_cross_entropy(ctx),
               numbers(ctx, "0 1.5 / -2 100 / 3 -100", SHAPE(3, 2)),
               fixed(ctx, numbers(ctx, "0 1 / 1 0 / 1 0", SHAPE(3, 2))), 0,
               34.3566919403865,
               "0.16666666666666667 -0.06080850794 / "
               "-0.293599026 0.33333333333333333 / "
               "-0.01580862439 1.240025325e-44");
}

static void mse(fv_context *ctx)
{
    check_loss(ctx, fv_mse(ctx), numbers(ctx, "1 2 3 4 5 6", SHAPE(2, 3)),
               fixed(ctx, numbers(ctx, "0 2 5 4 4 8", SHAPE(2, 3))), 0,
               10 / 6.0,
               "0.33333333333333333 0 -0.66666666666666667 "
               "0 0.33333333333333333 -0.66666666666666667");
}

/* ---- activations -------------------------------------------------------- */

static void activation(fv_context *ctx, fv_layer *layer, const char *y_text,
                       const char *dx_text)
{
    fv_variable *x = leaf(ctx, numbers(ctx, "-2 -0.5 0 0.5 2", SHAPE(1, 5)));
    fv_variable *y = fv_layer_forward(layer, x);
    fv_tensor expected = numbers(ctx, y_text, SHAPE(1, 5));
    assert_elements(ctx, fv_layer_kind(layer), fv_variable_value(y), &expected,
                    digits(ctx));
    backprop_with(y, numbers(ctx, "1 2 3 4 5", SHAPE(1, 5)));
    expected = numbers(ctx, dx_text, SHAPE(1, 5));
    assert_elements(ctx, fv_layer_kind(layer), fv_variable_grad(x), &expected,
                    digits(ctx));
}

static void activations(fv_context *ctx)
{
    activation(ctx, fv_relu(ctx), "0 0 0 0.5 2", "0 0 0 4 5");
    activation(ctx, fv_leaky_relu(ctx, 0.01), "-0.02 -0.005 0 0.5 2",
               "0.01 0.02 0.03 4 5");
    activation(ctx, fv_elu(ctx, 1), "-0.8646647168 -0.3934693403 0 0.5 2",
               "0.1353352832 1.213061319 3 4 5");
    activation(ctx, fv_elu(ctx, 0.01),
               "-0.008646647168 -0.003934693403 0 0.5 2",
               "0.001353352832 0.01213061319 0.03 4 5");
    activation(ctx, fv_sigmoid(ctx),
               "0.119202922 0.3775406688 0.5 0.6224593312 0.880797078",
               "0.1049935854 0.4700074244 0.75 0.9400148488 0.524967927");
    activation(ctx, fv_tanh(ctx),
               "-0.9640275801 -0.4621171573 0 0.4621171573 0.9640275801",
               "0.07065082485 1.572895466 3 3.145790932 0.3532541243");
}

#define EVERYWHERE(name)                                                       \
    static void test_##name(void **state)                                      \
    {                                                                          \
        (void)state;                                                           \
        everywhere(name);                                                      \
    }

EVERYWHERE(maxpool)
EVERYWHERE(odd_windows)
EVERYWHERE(dropout)
EVERYWHERE(dropout_mean)
EVERYWHERE(softmax_cross_entropy)
EVERYWHERE(three_rows)
EVERYWHERE(labels_and_weights)
EVERYWHERE(sigmoid_cross_entropy)
EVERYWHERE(mse)
EVERYWHERE(activations)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maxpool),
        cmocka_unit_test(test_odd_windows),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_dropout_mean),
        cmocka_unit_test(test_softmax_cross_entropy),
        cmocka_unit_test(test_three_rows),
        cmocka_unit_test(test_labels_and_weights),
        cmocka_unit_test(test_sigmoid_cross_entropy),
        cmocka_unit_test(test_mse),
        cmocka_unit_test(test_activations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
