/* Initial values of weights: deviations, bounds, orthogonality, and weights
 * that pass their input on. */
#include "support.h"

#include "layer/layer.h"

#include <stdlib.h>

static fv_context *context_with(const char *isa, fv_dtype dtype)
{
    fv_context *ctx = fv_context_new(
        FV_OPTIONS(fv_context_options, .dtype = dtype, .isa = isa, .seed = 5));
    return ctx;
}

/* Weights of a layer as doubles. */
static double *weights_of(fv_layer *layer, int64_t *count)
{
    const fv_variables variables = fv_layer_variables(layer);
    assert_ok(layer->context);
    const fv_tensor *value = fv_variable_value(variables.at[0]);
    *count = fv_tensor_count(value);
    double *numbers = malloc((size_t)*count * sizeof *numbers);
    assert_non_null(numbers);
    for (int64_t i = 0; i < *count; i++)
        fv__load_doubles(value->dtype, fv__tensor_byte(value, i), 1, 1,
                         &numbers[i]);
    return numbers;
}

/* Rows, or columns where there are fewer. */
static void test_orthogonal(void **state)
{
    static const int64_t sizes[][2] = {
        { 7, 30 }, { 30, 7 }, { 12, 12 }, { 1, 5 }
    };
    (void)state;
    for (int s = 0; s < 4; s++) {
        const int64_t rows = sizes[s][0], columns = sizes[s][1];
        fv_context *ctx = context_with(NULL, FV_F64);
        int64_t n;
        double *w =
            weights_of(fv_linear(ctx, rows, .in_shape = { columns },
                                 .init = FV_INIT_ORTHOGONAL, .init_gain = 3),
                       &n);
        const bool wide = rows <= columns;
        const int64_t count = wide ? rows : columns;
        for (int64_t i = 0; i < count; i++)
            for (int64_t k = 0; k <= i; k++) {
                double dot = 0;
                for (int64_t j = 0; j < n / count; j++)
                    dot += wide ? w[i * columns + j] * w[k * columns + j]
                                : w[j * columns + i] * w[j * columns + k];
                assert_near(dot, i == k ? 9 : 0, 1e-12);
            }
        free(w);
        fv_context_free(ctx);
    }
}

/* Every table draws the same bits. */
static void test_same_bits(void **state)
{
    static const fv_initializer kinds[] = { FV_INIT_ORTHOGONAL,
                                            FV_INIT_TRUNCATED_NORMAL };
    (void)state;
    for (int k = 0; k < 2; k++)
        for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
            double *first = NULL;
            for (int i = 0; i < TABLES; i++) {
                fv_context *ctx = context_with(tables[i], (fv_dtype)dtype);
                if (!fv_failed(ctx)) {
                    int64_t n;
                    double *w = weights_of(
                        fv_convolutional(ctx, .in_shape = { 5, 5, 6 },
                                         .num_filters = 9, .kernel = { 3 },
                                         .init = kinds[k]),
                        &n);
                    if (first)
                        assert_memory_equal(w, first, (size_t)n * sizeof *w);
                    else
                        first = w;
                    if (w != first) free(w);
                }
                fv_context_free(ctx);
            }
            free(first);
        }
}

typedef struct moments {
    double mean, deviation, low, high;
} moments;

static moments moments_of(fv_layer *layer)
{
    int64_t n;
    double *w = weights_of(layer, &n), sum = 0, squares = 0;
    moments m = { .low = w[0], .high = w[0] };
    for (int64_t i = 0; i < n; i++) {
        sum += w[i];
        squares += w[i] * w[i];
        m.low = fmin(m.low, w[i]);
        m.high = fmax(m.high, w[i]);
    }
    m.mean = sum / (double)n;
    m.deviation = sqrt(squares / (double)n - m.mean * m.mean);
    free(w);
    return m;
}

static void test_distributions(void **state)
{
    (void)state;
    fv_context *ctx = context_with(NULL, FV_F32);
#define LINEAR(...) fv_linear(ctx, 100, .in_shape = { 200 }, __VA_ARGS__)
    moments m =
        moments_of(LINEAR(.init = FV_INIT_NORMAL, .init_deviation = 0.5));
    assert_near(m.mean, 0, 0.02);
    assert_near(m.deviation, 0.5, 0.01);
    assert_true(m.high > 1.5);
    /* the deviation of what is left within two deviations */
    m = moments_of(
        LINEAR(.init = FV_INIT_TRUNCATED_NORMAL, .init_deviation = 0.5));
    assert_near(m.deviation, 0.5 * 0.8796, 0.01);
    assert_true(m.low >= -1 && m.low < -0.99 && m.high <= 1 && m.high > 0.99);
    m = moments_of(LINEAR(.init = FV_INIT_UNIFORM));
    assert_true(m.low >= 0 && m.low < 0.01 && m.high <= 1 && m.high > 0.99);
    m = moments_of(
        LINEAR(.init = FV_INIT_UNIFORM, .init_low = -3, .init_high = -1));
    assert_true(m.low >= -3 && m.low < -2.99 && m.high <= -1 && m.high > -1.01);
#undef LINEAR
    fv_context_free(ctx);
}

/* A convolution in groups returns its input and, where filters lack, some
 * channels of it. */
static void test_passing_on(void **state)
{
    (void)state;
    fv_context *ctx = context_with(NULL, FV_F64);
    double x[5 * 4 * 6];
    for (int i = 0; i < 5 * 4 * 6; i++) x[i] = i * 0.25 - 7;
    fv_tensor image = FV_TENSOR(x, FV_F64, 1, 5, 4, 6);
    fv_layer *same = fv_convolutional(
        ctx, .in_shape = { 5, 4, 6 }, .num_filters = 6, .kernel = { 3, 5 },
        .padding = { 1, 2 }, .groups = 2, .init = FV_INIT_DIRAC);
    fv_variable *y = fv_layer_forward(same, fv_constant(ctx, &image));
    assert_ok(ctx);
    assert_memory_equal(fv_variable_value(y)->data, x, sizeof x);
    fv_layer *fewer =
        fv_convolutional(ctx, .in_shape = { 5, 4, 6 }, .num_filters = 4,
                         .kernel = { 1 }, .init = FV_INIT_DIRAC);
    y = fv_layer_forward(fewer, fv_constant(ctx, &image));
    assert_ok(ctx);
    const double *found = fv_variable_value(y)->data;
    for (int i = 0; i < 5 * 4 * 4; i++)
        assert_near(found[i], x[i / 4 * 6 + i % 4], 0);
    fv_tensor vector = FV_TENSOR(x, FV_F64, 2, 3);
    fv_layer *linear =
        fv_linear(ctx, 4, .in_shape = { 3 }, .init = FV_INIT_IDENTITY);
    y = fv_layer_forward(linear, fv_constant(ctx, &vector));
    assert_ok(ctx);
    found = fv_variable_value(y)->data;
    for (int i = 0; i < 8; i++)
        assert_near(found[i], i % 4 < 3 ? x[i / 4 * 3 + i % 4] : 0, 0);
    fv_context_free(ctx);
}

static void test_refused(void **state)
{
    (void)state;
    fv_context *ctx = context_with(NULL, FV_F32);
    fv_layer_variables(
        fv_linear(ctx, 4, .in_shape = { 3 }, .init = FV_INIT_DIRAC));
    assert_error(ctx, "linear: init dirac needs weights of a convolution, "
                      "weight has rank 2");
    fv_layer_variables(fv_convolutional(ctx, .in_shape = { 5, 5, 6 },
                                        .num_filters = 9, .kernel = { 3 },
                                        .init = FV_INIT_IDENTITY));
    assert_error(ctx,
                 "conv2d: init identity needs a matrix, weight has rank 4");
    fv_layer_variables(fv_linear(ctx, 4, .in_shape = { 3 },
                                 .init = FV_INIT_UNIFORM, .init_low = 2,
                                 .init_high = 1));
    assert_error(ctx, "linear: init_low 2 is above init_high 1");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orthogonal),    cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_distributions), cmocka_unit_test(test_passing_on),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
