/* Activations written as several nodes: in every order of the operands each is
 * one layer, and what only looks like one is none. */
#include "onnx/model.h"

#include <math.h>

enum { COUNT = 9 };
static const float numbers[COUNT] = {
    -7, -3, -1.5F, -0.25F, 0, 0.5F, 1, 3, 6.5F
};

/* Kinds of the layers of a network: "input silu output". */
static void kinds_of(fv_network *network, char text[512])
{
    text[0] = '\0';
    for (size_t i = 0; i < fv_network_count(network); i++) {
        strcat(text, i ? " " : "");
        strcat(text, fv_network_layer_info(network, i).kind);
    }
}

/* Loads the model of one input and output, y = f(x) of each number. */
static void check(model *m, fv_context *ctx, const char *kinds,
                  double (*f)(double))
{
    char is[512];
    model_output(m, "y");
    fv_network *network = model_load(m, ctx);
    free(m);
    assert_ok(ctx);
    kinds_of(network, is);
    if (kinds) assert_string_equal(is, kinds);
    float x[COUNT];
    memcpy(x, numbers, sizeof x);
    const fv_named_tensor given = { NULL, FV_TENSOR(x, FV_F32, 1, COUNT) };
    fv_named_tensor made = { .name = NULL };
    fv_network_run(network, 1, &given, 1, &made);
    assert_ok(ctx);
    for (int i = 0; i < COUNT; i++)
        assert_near((double)((const float *)made.tensor.data)[i],
                    f((double)numbers[i]), 1e-6);
    fv_network_free(network);
}

static model *begin(void)
{
    model *m = model_new(14);
    model_input(m, "x", FLOAT, 2, (int64_t[]){ -1, COUNT });
    return m;
}

static void constant(model *m, const char *name, float number)
{
    model_floats(m, name, 0, NULL, &number);
}

static double silu(double x) { return x / (1 + exp(-x)); }
static double gelu(double x) { return x * (1 + erf(x / sqrt(2))) / 2; }
static double hard(double x) { return fmin(fmax(x + 3, 0), 6) / 6; }
static double swish(double x) { return x * hard(x); }
static double mish(double x) { return x * tanh(log1p(exp(x))); }
static double scaled(double x) { return silu(x) * 2; }
static double times_two(double x) { return x / (1 + exp(-2 * x)); }

static void test_silu(void **state)
{
    fv_context *ctx = *state;
    for (int order = 0; order < 2; order++) {
        model *m = begin();
        model_node(m, "Sigmoid", "x", "s");
        model_node(m, "Mul", order ? "x,s" : "s,x", "y");
        check(m, ctx, "input silu output", silu);
    }
}

static void test_gelu(void **state)
{
    fv_context *ctx = *state;
    for (int form = 0; form < 6; form++) {
        model *m = begin();
        constant(m, "root", 1.41421356F);
        constant(m, "inverse", 0.70710678F);
        constant(m, "one", 1);
        constant(m, "half", 0.5F);
        constant(m, "two", 2);
        model_node(m, form % 2 ? "Mul" : "Div",
                   form % 2 ? "inverse,x" : "x,root", "a");
        model_node(m, "Erf", "a", "b");
        model_node(m, "Add", form < 3 ? "b,one" : "one,b", "c");
        if (form % 3 == 0) {
            model_node(m, "Mul", "x,c", "d");
            model_node(m, "Mul", "d,half", "y");
        } else if (form % 3 == 1) {
            model_node(m, "Mul", "half,x", "d");
            model_node(m, "Mul", "d,c", "y");
        } else {
            model_node(m, "Div", "c,two", "d");
            model_node(m, "Mul", "x,d", "y");
        }
        check(m, ctx, "input gelu output", gelu);
    }
}

static void test_hard_swish(void **state)
{
    fv_context *ctx = *state;
    for (int form = 0; form < 4; form++) {
        model *m = begin();
        constant(m, "three", 3);
        constant(m, "low", 0);
        constant(m, "six", 6);
        model_node(m, "Add", form % 2 ? "three,x" : "x,three", "a");
        model_node(m, "Clip", "a,low,six", "b");
        if (form < 2) {
            model_node(m, "Mul", "x,b", "c");
            model_node(m, "Div", "c,six", "y");
        } else {
            model_node(m, "Div", "b,six", "c");
            model_node(m, "Mul", "c,x", "y");
        }
        check(m, ctx, "input hard_swish output", swish);
    }
    model *m = begin();
    model_node(m, "HardSigmoid", "x", "a");
    model_float(m, "alpha", 1.0F / 6);
    model_float(m, "beta", 0.5F);
    model_node(m, "Mul", "x,a", "y");
    check(m, ctx, "input hard_swish output", swish);
    m = begin();
    constant(m, "three", 3);
    constant(m, "low", 0);
    constant(m, "six", 6);
    model_node(m, "Add", "x,three", "a");
    model_node(m, "Clip", "a,low,six", "b");
    model_node(m, "Div", "b,six", "y");
    check(m, ctx, "input hard_sigmoid output", hard);
}

static void test_mish(void **state)
{
    fv_context *ctx = *state;
    model *m = begin();
    model_node(m, "Softplus", "x", "a");
    model_node(m, "Tanh", "a", "b");
    model_node(m, "Mul", "x,b", "y");
    check(m, ctx, "input mish output", mish);
}

/* Another factor, another argument, an inner value that is read elsewhere. */
static void test_near_misses(void **state)
{
    fv_context *ctx = *state;
    model *m = begin();
    constant(m, "two", 2);
    model_node(m, "Sigmoid", "x", "s");
    model_node(m, "Mul", "x,s", "a");
    model_node(m, "Mul", "a,two", "y");
    check(m, ctx, NULL, scaled);
    m = begin();
    constant(m, "two", 2);
    model_node(m, "Mul", "x,two", "a");
    model_node(m, "Sigmoid", "a", "s");
    model_node(m, "Mul", "x,s", "y");
    check(m, ctx, NULL, times_two);
    m = begin();
    model_node(m, "Sigmoid", "x", "s");
    model_node(m, "Mul", "x,s", "y");
    model_output(m, "s");
    char is[512];
    model_output(m, "y");
    fv_network *network = model_load(m, ctx);
    free(m);
    assert_ok(ctx);
    kinds_of(network, is);
    assert_non_null(strstr(is, "silu"));
    assert_non_null(strstr(is, "sigmoid"));
}

/* ---- convolutions ----------------------------------------------------------
 */

enum { CHANNELS = 2, FILTERS = 3, PIXELS = 5 };
static const float weights[FILTERS][CHANNELS] = { { 1, 2 },
                                                  { -3, 0.5F },
                                                  { 0.25F, -1 } };
static const float scale[FILTERS] = { 2, -0.5F, 3 };
static const float shift[FILTERS] = { 1, 0, -4 };
static const float bias[FILTERS] = { 0.5F, -2, 7 };

/* A convolution "c" of x, 1 x 5 pixels. */
static model *begin_conv(bool biased)
{
    model *m = model_new(14);
    model_input(m, "x", FLOAT, 4, (int64_t[]){ -1, CHANNELS, 1, PIXELS });
    model_floats(m, "w", 4, (int64_t[]){ FILTERS, CHANNELS, 1, 1 },
                 &weights[0][0]);
    model_floats(m, "b", 1, (int64_t[]){ FILTERS }, bias);
    model_floats(m, "scale", 4, (int64_t[]){ 1, FILTERS, 1, 1 }, scale);
    model_floats(m, "shift", 3, (int64_t[]){ FILTERS, 1, 1 }, shift);
    model_node(m, "Conv", biased ? "x,w,b" : "x,w", "c");
    return m;
}

/* Loads it and compares output y with a c + b of each filter. */
static void check_conv(model *m, fv_context *ctx, bool biased,
                       const char *kinds, const float *a, const float *b)
{
    char is[512];
    model_output(m, "y");
    fv_network *network = model_load(m, ctx);
    free(m);
    assert_ok(ctx);
    kinds_of(network, is);
    assert_string_equal(is, kinds);
    float x[PIXELS * CHANNELS];
    for (int i = 0; i < PIXELS * CHANNELS; i++) x[i] = (float)(i * i % 7) - 2;
    const fv_named_tensor given = { NULL, FV_TENSOR(x, FV_F32, 1, CHANNELS, 1,
                                                    PIXELS) };
    fv_named_tensor made = { .name = NULL };
    fv_network_run(network, 1, &given, 1, &made);
    assert_ok(ctx);
    float y[FILTERS * PIXELS];
    const fv_tensor plain = FV_TENSOR(y, FV_F32, 1, FILTERS, 1, PIXELS);
    fv__tensor_convert_elements(&plain, &made.tensor);
    for (int i = 0; i < PIXELS; i++)
        for (int f = 0; f < FILTERS; f++) {
            const float c = weights[f][0] * x[i] + weights[f][1] * x[PIXELS + i]
                            + (biased ? bias[f] : 0);
            assert_near((double)y[f * PIXELS + i], (double)(a[f] * c + b[f]),
                        1e-5);
        }
    fv_network_free(network);
}

static void test_scaled_conv(void **state)
{
    static const float ones[FILTERS] = { 1, 1, 1 }, zeros[FILTERS];
    static const float halves[FILTERS] = { 0.5F, 0.5F, 0.5F };
    static const float less[FILTERS] = { -1, 0, 4 };
    fv_context *ctx = *state;
    for (int form = 0; form < 4; form++) {
        const bool biased = form % 2;
        model *m = begin_conv(biased);
        model_node(m, "Mul", form < 2 ? "c,scale" : "scale,c", "d");
        model_node(m, "Add", form < 2 ? "d,shift" : "shift,d", "y");
        check_conv(m, ctx, biased, "input conv2d output", scale, shift);
        m = begin_conv(biased);
        constant(m, "half", 0.5F);
        model_node(m, "Mul", "c,half", "y");
        check_conv(m, ctx, biased, "input conv2d output", halves, zeros);
        m = begin_conv(biased);
        model_node(m, "Sub", "c,shift", "y");
        check_conv(m, ctx, biased, "input conv2d output", ones, less);
    }
}

/* A product of vectors along the last axis with a known matrix, and a sum with
 * a known vector, are a layer whose weights can be trained. */
static void test_biased_product(void **state)
{
    static const char *const kinds[] = {
        "input linear output", "input permute conv1d permute output",
        "input permute conv2d permute output"
    };
    static const float matrix[CHANNELS][FILTERS] = { { 1, -2, 3 },
                                                     { 0.5F, 4, -1 } };
    fv_context *ctx = *state;
    for (int32_t rank = 2; rank < 5; rank++) {
        int64_t shape[] = { -1, CHANNELS, CHANNELS, CHANNELS };
        const int64_t rows = rank == 2 ? 2 : rank == 3 ? 4 : 8;
        char is[512];
        float x[16], y[24];
        model *m = model_new(14);
        model_input(m, "x", FLOAT, rank, shape);
        model_floats(m, "w", 2, (int64_t[]){ CHANNELS, FILTERS },
                     &matrix[0][0]);
        model_floats(m, "b", 1, (int64_t[]){ FILTERS }, bias);
        model_node(m, "MatMul", "x,w", "c");
        model_node(m, "Add", rank == 3 ? "b,c" : "c,b", "y");
        model_output(m, "y");
        fv_network *network = model_load(m, ctx);
        free(m);
        assert_ok(ctx);
        kinds_of(network, is);
        assert_string_equal(is, kinds[rank - 2]);
        assert_int_equal(fv_network_variables(network).count, 2);
        shape[0] = 2;
        for (int i = 0; i < 16; i++) x[i] = (float)(i * i % 7) - 2;
        const fv_named_tensor given = { NULL,
                                        fv_tensor_of(x, FV_F32, rank, shape) };
        fv_named_tensor made = { .name = NULL };
        fv_network_run(network, 1, &given, 1, &made);
        assert_ok(ctx);
        shape[rank - 1] = FILTERS;
        const fv_tensor plain = fv_tensor_of(y, FV_F32, rank, shape);
        fv__tensor_convert_elements(&plain, &made.tensor);
        for (int64_t i = 0; i < rows; i++)
            for (int f = 0; f < FILTERS; f++)
                assert_near((double)y[i * FILTERS + f],
                            (double)(matrix[0][f] * x[i * CHANNELS]
                                     + matrix[1][f] * x[i * CHANNELS + 1]
                                     + bias[f]),
                            1e-6);
        fv_network_free(network);
    }
}

/* Numbers along another axis, a value that is read elsewhere or is an output,
 * and the difference the other way round. */
static void test_other_convs(void **state)
{
    static const float zeros[FILTERS], minus[FILTERS] = { -1, -1, -1 };
    static const float twos[PIXELS] = { 2, 2, 2, 2, 2 };
    static const float two[FILTERS] = { 2, 2, 2 };
    fv_context *ctx = *state;
    model *m = begin_conv(true);
    model_floats(m, "row", 1, (int64_t[]){ PIXELS }, twos);
    model_node(m, "Mul", "c,row", "y");
    check_conv(m, ctx, true, "input conv2d constant mul output", two, zeros);
    m = begin_conv(true);
    model_node(m, "Sub", "shift,c", "y");
    check_conv(m, ctx, true, "input conv2d constant sub output", minus, shift);
    m = begin_conv(true);
    model_node(m, "Mul", "c,scale", "d");
    model_node(m, "Sub", "d,c", "e");
    model_node(m, "Add", "e,c", "y");
    check_conv(m, ctx, true, "input conv2d constant mul sub add output", scale,
               zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_biased_product, model_begin,
                                        model_end),
        cmocka_unit_test_setup_teardown(test_scaled_conv, model_begin,
                                        model_end),
        cmocka_unit_test_setup_teardown(test_other_convs, model_begin,
                                        model_end),
        cmocka_unit_test_setup_teardown(test_silu, model_begin, model_end),
        cmocka_unit_test_setup_teardown(test_gelu, model_begin, model_end),
        cmocka_unit_test_setup_teardown(test_hard_swish, model_begin,
                                        model_end),
        cmocka_unit_test_setup_teardown(test_mish, model_begin, model_end),
        cmocka_unit_test_setup_teardown(test_near_misses, model_begin,
                                        model_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
