/* What options mean: zero, missing second numbers, padding modes, and how
 * weights begin. */
#include "nets.h"

/* ---- windows ------------------------------------------------------------- */

static void check_shape(fv_layer *layer, int64_t rows, int64_t columns)
{
    fv_shape shape = fv_layer_output_shape(layer);
    assert_int_equal(shape.rank, 3);
    assert_int_equal(shape.extent[0], rows);
    assert_int_equal(shape.extent[1], columns);
}

#define CONV(...)                                                              \
    fv_convolutional(ctx, .in_shape = { 12, 12, 2 }, .num_filters = 1,         \
                     __VA_ARGS__)
#define POOL(...) fv_maxpool(ctx, .in_shape = { 12, 12, 2 }, __VA_ARGS__)

static void test_second_number_repeats_the_first(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    check_shape(CONV(.kernel = { 3 }), 10, 10);
    check_shape(CONV(.kernel = { 3, 5 }), 10, 8);
    check_shape(CONV(.kernel = { 3 }, .stride = { 2 }), 5, 5);
    check_shape(CONV(.kernel = { 3 }, .stride = { 2, 1 }), 5, 10);
    check_shape(CONV(.kernel = { 3 }, .stride = { 0, 2 }), 10, 5);
    check_shape(CONV(.kernel = { 3 }, .padding = { 1, 1 }), 12, 12);
    check_shape(CONV(.kernel = { 3 }, .padding = { 1 }), 12, 10);
    check_shape(CONV(.kernel = { 3 }, .padding = { 1, 0 }), 12, 10);
    check_shape(CONV(.kernel = { 3 }, .padding = { 0, 1 }), 10, 12);
    check_shape(CONV(.kernel = { 3 }, .padding_end = { 1, 1 }), 11, 11);
    check_shape(CONV(.kernel = { 3 }, .padding_begin = { 1, 1 },
                     .padding_end = { 0, 0 }),
                11, 11);
    check_shape(CONV(.kernel = { 3 }, .padding_begin = { 1, 1 },
                     .padding_end = { 0, 2 }),
                11, 13);
    check_shape(CONV(.kernel = { 3 }, .dilation = { 2 }), 8, 8);
    check_shape(CONV(.kernel = { 3 }, .dilation = { 2, 1 }), 8, 10);
    check_shape(POOL(.kernel = { 3 }), 4, 4);
    check_shape(POOL(.kernel = { 3, 2 }), 4, 6);
    check_shape(POOL(.kernel = { 3, 2 }, .stride = { 1 }), 10, 11);
    check_shape(POOL(.kernel = { 3, 2 }, .stride = { 0, 1 }), 4, 11);
    check_shape(POOL(.kernel = { 3 }, .stride = { 2 }, .padding = { 1, 1 }), 6,
                6);
    assert_ok(ctx);
    fv_context_free(ctx);
}

static void test_padding_modes(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    for (int64_t k = 1; k <= 5; k++)
        for (int64_t s = 1; s <= 3; s++) {
            int64_t same = (12 + s - 1) / s, valid = (12 - k) / s + 1;
            for (int mode = FV_AUTO_PAD_VALID; mode <= FV_AUTO_PAD_SAME_LOWER;
                 mode++) {
                int64_t out = mode == FV_AUTO_PAD_VALID ? valid : same;
                check_shape(CONV(.kernel = { k }, .stride = { s },
                                 .padding = { 7 },
                                 .auto_pad = (fv_auto_pad)mode),
                            out, out);
            }
        }
    check_shape(
        CONV(.kernel = { 3 }, .dilation = { 3 }, .auto_pad = FV_AUTO_PAD_SAME),
        12, 12);
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* Input 4, kernel 3, stride 2: pads (0, 1) or (1, 0), read off the sums of the
 * windows over 1, 2, 3, 4. */
static void test_which_side_the_odd_zero_goes(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    double x[] = { 1, 2, 3, 4 };
    fv_tensor row = FV_TENSOR(x, FV_F64, 1, 1, 4, 1);
    const double sums[2][2] = { { 1 + 2 + 3, 3 + 4 }, { 1 + 2, 2 + 3 + 4 } };
    for (int lower = 0; lower < 2; lower++) {
        fv_layer *conv = fv_convolutional(
            ctx, .in_shape = { 1, 4, 1 }, .num_filters = 1, .kernel = { 1, 3 },
            .stride = { 1, 2 },
            .auto_pad = lower ? FV_AUTO_PAD_SAME_LOWER : FV_AUTO_PAD_SAME,
            .init = FV_INIT_CONSTANT, .init_value = 1);
        fv_variable *y = fv_layer_forward(conv, fv_constant(ctx, &row));
        assert_ok(ctx);
        const double *value = fv_variable_value(y)->data;
        assert_int_equal(fv_tensor_count(fv_variable_value(y)), 2);
        assert_true(value[0] == sums[lower][0] && value[1] == sums[lower][1]);
    }
    fv_context_free(ctx);
}

static double average(fv_context *ctx, int32_t exclude)
{
    double x[] = { 4, 4, 4, 4 };
    fv_tensor square = FV_TENSOR(x, FV_F64, 1, 2, 2, 1);
    fv_layer *pool =
        fv_avgpool(ctx, .in_shape = { 2, 2, 1 }, .kernel = { 2 },
                   .padding = { 1, 1 }, .exclude_padding = exclude);
    fv_variable *y = fv_layer_forward(pool, fv_constant(ctx, &square));
    return ((const double *)fv_variable_value(y)->data)[0];
}

static void test_switches_and_numbers(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    assert_true(average(ctx, 0) == 1);
    assert_true(average(ctx, 1) == 4);
    assert_int_equal(fv_layer_variables(CONV(.kernel = { 1 })).count, 2);
    assert_int_equal(
        fv_layer_variables(CONV(.kernel = { 1 }, .no_bias = 0)).count, 2);
    assert_int_equal(
        fv_layer_variables(CONV(.kernel = { 1 }, .no_bias = 1)).count, 1);
    fv_layer *linear = fv_linear(ctx, 2, .in_shape = { 3 }, .no_bias = 1);
    assert_int_equal(fv_layer_variables(linear).count, 1);
    double x[] = { -2 };
    fv_tensor minus = FV_TENSOR(x, FV_F64, 1, 1);
    const double given[] = { 0, 0.3, 1 };
    for (int i = 0; i < 3; i++) {
        fv_variable *in = fv_constant(ctx, &minus);
        fv_layer *layer = fv_leaky_relu(ctx, given[i]);
        assert_near(fv_item(fv_layer_forward(layer, in)), -2 * given[i], 1e-15);
        layer = fv_elu(ctx, given[i]);
        assert_near(fv_item(fv_layer_forward(layer, in)),
                    given[i] * (exp(-2) - 1), 1e-15);
    }
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* Momentum: the weight of the new batch in the running mean. */
static void test_batchnorm_numbers(void **state)
{
    (void)state;
    double x[] = { 1, 3, 5, 7 };
    const double momenta[] = { 0, 0.25, 1 }, meant[] = { 0.1, 0.25, 1 };
    for (int i = 0; i < 3; i++) {
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
        fv_tensor batch = FV_TENSOR(x, FV_F64, 4, 1);
        fv_layer *norm = fv_batchnorm(ctx, .in_shape = { 1 },
                                      .momentum = momenta[i], .epsilon = 1e-3);
        fv_variable *y = fv_layer_forward(norm, fv_constant(ctx, &batch));
        assert_near(((const double *)fv_variable_value(y)->data)[0],
                    (1 - 4) / sqrt(5 + 1e-3), 1e-14);
        fv_training(ctx, 0);
        y = fv_layer_forward(norm, fv_constant(ctx, &batch));
        double mean = meant[i] * 4;
        double variance = 1 - meant[i] + meant[i] * 20 / 3;
        assert_near(((const double *)fv_variable_value(y)->data)[0],
                    (1 - mean) / sqrt(variance + 1e-3), 1e-14);
        assert_ok(ctx);
        fv_context_free(ctx);
    }
}

/* ---- how weights begin --------------------------------------------------- */

typedef struct sample {
    double mean, deviation, least, most;
} sample;

static sample measure(const fv_tensor *tensor)
{
    sample s = { 0, 0, (double)INFINITY, -(double)INFINITY };
    int64_t n = fv_tensor_count(tensor);
    const double *at = tensor->data;
    for (int64_t i = 0; i < n; i++) {
        s.mean += at[i] / (double)n;
        s.least = fmin(s.least, at[i]);
        s.most = fmax(s.most, at[i]);
    }
    for (int64_t i = 0; i < n; i++)
        s.deviation += (at[i] - s.mean) * (at[i] - s.mean) / (double)n;
    s.deviation = sqrt(s.deviation);
    return s;
}

static double deviation_of(int init, int fan, double in, double out)
{
    double n = fan == FV_FAN_IN ? in : fan == FV_FAN_OUT ? out : (in + out) / 2;
    switch (init) {
    case FV_INIT_XAVIER_NORMAL:
    case FV_INIT_XAVIER_UNIFORM:
        return sqrt(2 / (in + out));
    case FV_INIT_LECUN_NORMAL:
    case FV_INIT_LECUN_UNIFORM:
        return sqrt(1 / n);
    default:
        return sqrt(2 / n);
    }
}

static void check_sample(const fv_variable *weight, int init, double deviation)
{
    sample s = measure(fv_variable_value(weight));
    bool uniform = init == FV_INIT_KAIMING_UNIFORM
                   || init == FV_INIT_XAVIER_UNIFORM
                   || init == FV_INIT_LECUN_UNIFORM;
    assert_true(fabs(s.deviation / deviation - 1) < 0.01);
    assert_true(fabs(s.mean / deviation) < 0.02);
    double limit = deviation * sqrt(3);
    if (uniform) {
        assert_true(s.most <= limit && s.most > 0.99 * limit);
        assert_true(s.least >= -limit && s.least < -0.99 * limit);
    } else {
        assert_true(s.most > 3.5 * deviation && s.least < -3.5 * deviation);
    }
}

static void test_initializers(void **state)
{
    (void)state;
    for (int init = FV_INIT_DEFAULT; init <= FV_INIT_LECUN_UNIFORM; init++)
        for (int fan = FV_FAN_IN; fan <= FV_FAN_AVERAGE; fan++) {
            fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 11);
            fv_layer *conv = fv_convolutional(
                ctx, .in_shape = { 8, 8, 64 }, .num_filters = 96,
                .kernel = { 3, 5 }, .groups = 2, .init = (fv_initializer)init,
                .init_fan = (fv_fan)fan);
            fv_layer *linear = fv_linear(ctx, 300, .in_shape = { 150 },
                                         .init = (fv_initializer)init,
                                         .init_fan = (fv_fan)fan);
            fv_variables c = fv_layer_variables(conv);
            fv_variables l = fv_layer_variables(linear);
            assert_ok(ctx);
            check_sample(c.at[0], init,
                         deviation_of(init, fan, 15 * 32, 15 * 48));
            check_sample(l.at[0], init, deviation_of(init, fan, 150, 300));
            sample bias = measure(fv_variable_value(c.at[1]));
            assert_true(bias.least == 0 && bias.most == 0);
            fv_context_free(ctx);
        }
}

/* num.cr's shapes, whose deviation it gets wrong. */
static void test_kaiming_of_known_shapes(void **state)
{
    (void)state;
    static const struct {
        int64_t channels, filters, kernel;
        double deviation;
    } shapes[] = { { 1, 20, 5, 0.2828427125 },
                   { 20, 20, 5, 0.0632455532 },
                   { 320, 10, 1, 0.0790569415 },
                   { 10, 10, 1, 0.4472135955 },
                   { 2, 3, 1, 1 } };
    for (int i = 0; i < 5; i++) {
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
        double squares = 0;
        int64_t count = 0;
        while (count < 40000) {
            fv_layer *layer =
                fv_convolutional(ctx, .in_shape = { 8, 8, shapes[i].channels },
                                 .num_filters = shapes[i].filters,
                                 .kernel = { shapes[i].kernel });
            const fv_tensor *w =
                fv_variable_value(fv_layer_variables(layer).at[0]);
            for (int64_t k = 0; k < fv_tensor_count(w); k++) {
                double at = ((const double *)w->data)[k];
                squares += at * at;
            }
            count += fv_tensor_count(w);
        }
        double deviation = sqrt(squares / (double)count);
        assert_true(fabs(deviation / shapes[i].deviation - 1) < 0.01);
        fv_context_free(ctx);
    }
}

static void test_constant_weights(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    const double given[] = { 0, 0.75 };
    for (int i = 0; i < 2; i++) {
        fv_layer *layer = CONV(.kernel = { 3 }, .init = FV_INIT_CONSTANT,
                               .init_value = given[i]);
        sample s = measure(fv_variable_value(fv_layer_variables(layer).at[0]));
        assert_true(s.least == given[i] && s.most == given[i]);
    }
    fv_layer *zeros = CONV(.kernel = { 3 }, .init = FV_INIT_ZEROS);
    sample s = measure(fv_variable_value(fv_layer_variables(zeros).at[0]));
    assert_true(s.least == 0 && s.most == 0);
    fv_context_free(ctx);
}

/* An options struct of an older or a newer program. */
static void test_sizes_of_options(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    struct {
        fv_layer_options known;
        int64_t newer;
    } options = { .newer = 0 };
    options.known.size = sizeof options;
    options.known.context = ctx;
    assert_non_null(fv_relu_new(&options.known));
    options.newer = 1;
    assert_null(fv_relu_new(&options.known));
    assert_error(ctx, "relu: an option is newer than fovea " FOVEA_VERSION);
    options.known.size = 1;
    assert_null(fv_relu_new(&options.known));
    assert_error(ctx, "relu: size of the options is 1, FV_OPTIONS sets it");
    assert_null(fv_relu_new(NULL));
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_number_repeats_the_first),
        cmocka_unit_test(test_padding_modes),
        cmocka_unit_test(test_which_side_the_odd_zero_goes),
        cmocka_unit_test(test_switches_and_numbers),
        cmocka_unit_test(test_batchnorm_numbers),
        cmocka_unit_test(test_initializers),
        cmocka_unit_test(test_kaiming_of_known_shapes),
        cmocka_unit_test(test_constant_weights),
        cmocka_unit_test(test_sizes_of_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
