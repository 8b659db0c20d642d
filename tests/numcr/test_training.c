/* num.cr's optimizers, initialisation and whole training steps, restated.
 * Faults of docs/num_cr.md whose absence this shows: D14 (fans), D15 (learning
 * rate), D16 (every option, changes while training), D17 (gradients zeroed in
 * place), D34 (every parameter is trained). */
#include "numcr.h"

/* ---- optimizers on Rosenbrock's function -------------------------------- */

static fv_variable *rosenbrock(fv_variable *x, fv_variable *y)
{
    fv_variable *a = fv_number_sub(1, x);
    fv_variable *b = fv_sub(y, fv_mul(x, x));
    return fv_add(fv_mul(a, a), fv_mul_number(fv_mul(b, b), 100));
}

typedef struct valley {
    int step;
    double x, y;
} valley;

/* Where a rule stands after some steps from (1.5, 1.5). */
static void descend(fv_context *ctx, fv_optimizer *rule,
                    fv_variable *const at[], const valley *expected,
                    double last)
{
    double rate = fv_learning_rate(rule);
    const void *memory = NULL;
    for (int step = 1; step <= 100; step++) {
        fv_variable *f = rosenbrock(at[0], at[1]);
        if (step == 1) assert_true(fv_item(f) == 56.5);
        fv_backprop(f);
        if (step == 1) {
            assert_true(fv_item(at[0]) == 1.5);
            assert_near(((double *)fv_variable_grad(at[0])->data)[0], 451,
                        1e-12);
            assert_near(((double *)fv_variable_grad(at[1])->data)[0], -150,
                        1e-12);
            memory = fv_variable_grad(at[0])->data;
        }
        assert_int_equal(fv_optimizer_update(rule), FV_OK);
        assert_ptr_equal(fv_variable_grad(at[0])->data, memory);
        assert_true(((double *)fv_variable_grad(at[0])->data)[0] == 0);
        assert_true(fv_learning_rate(rule) == rate);
        if (step != expected->step) continue;
        assert_near(fv_item(at[0]), expected->x, 1e-11);
        assert_near(fv_item(at[1]), expected->y, 1e-11);
        expected++;
    }
    if (last > 0) assert_near(fv_item(rosenbrock(at[0], at[1])), last, 1e-11);
    assert_ok(ctx);
}

static fv_optimizer *rule_of(fv_context *ctx, int rule, fv_variables at)
{
    (void)ctx;
    switch (rule) {
    case 0:
        return fv_sgd(NULL, 1e-4, .variables = at);
    case 1:
        return fv_sgd(NULL, 1e-4, .variables = at, .momentum = 0.95);
    case 2:
        return fv_sgd(NULL, 1e-4, .variables = at, .momentum = 0.95,
                      .nesterov = 1);
    default:
        return fv_adam(NULL, 1e-3, .variables = at);
    }
}

static void test_rosenbrock(void **state)
{
    (void)state;
    static const valley places[4][5] = {
        { { 1, 1.454900000000, 1.515000000000 },
          { 2, 1.419790507554, 1.527034680200 },
          { 3, 1.391948486189, 1.536810088303 },
          { 10, 1.298244217550, 1.571282884495 },
          { 100, 1.258580105351, 1.584911194410 } },
        { { 1, 1.454900000000, 1.515000000000 },
          { 2, 1.376945507554, 1.541284680200 },
          { 3, 1.283277564434, 1.573349011401 },
          { 10, 1.077647218246, 1.600110135751 },
          { 100, 0.996308298811, 1.043300348019 } },
        { { 1, 1.412055000000, 1.529250000000 },
          { 2, 1.320014937364, 1.560908823598 },
          { 3, 1.238771954437, 1.589236062718 },
          { 10, 1.195178041449, 1.569461843155 },
          { 100, 1.191832102273, 1.421115986017 } },
        { { 1, 1.499000000000, 1.501000000000 },
          { 2, 1.498000161010, 1.501999857074 },
          { 3, 1.497000590904, 1.502999475370 },
          { 10, 1.490020144691, 1.509982090642 },
          { 100, 1.411321605365, 1.589699820653 } },
    };
    static const double last[4] = { 0.066942403288, 0.256759752364,
                                    0.036842095339, 16.339946913889 };
    for (int rule = 0; rule < 4; rule++) {
        fv_context *ctx = context_of(FV_F64, FV_NHWC);
        fv_variable *at[] = { fv_variable_number(ctx, 1.5),
                              fv_variable_number(ctx, 1.5) };
        descend(ctx, rule_of(ctx, rule, (fv_variables){ 2, at }), at,
                places[rule], last[rule]);
        fv_context_free(ctx);
    }
}

static void test_rate_and_zero(void **state)
{
    (void)state;
    fv_context *ctx = context_of(FV_F64, FV_NHWC);
    fv_variable *at[] = { fv_variable_number(ctx, 1) };
    fv_optimizer *rule =
        fv_sgd(NULL, 0.5, .variables = { 1, at }, .momentum = 0.5);
    fv_backprop(fv_mul_number(at[0], 1));
    fv_optimizer_update(rule);
    assert_true(fv_item(at[0]) == 0.5);
    assert_int_equal(fv_set_learning_rate(rule, 0.25), FV_OK);
    assert_true(fv_learning_rate(rule) == 0.25);
    fv_backprop(fv_mul_number(at[0], 1));
    fv_optimizer_update(rule); /* m = 1.5 */
    assert_true(fv_item(at[0]) == 0.125);
    fv_backprop(fv_mul_number(at[0], 7));
    fv_zero_grad(rule); /* without an update */
    assert_true(((double *)fv_variable_grad(at[0])->data)[0] == 0);
    assert_true(fv_item(at[0]) == 0.125);
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* ---- initialisation ----------------------------------------------------- */

enum { DRAWN = 120000 };

/* Adds the weights of a layer to sums of x and x^2. */
static int64_t add_weights(fv_layer *layer, double sums[2])
{
    const fv_tensor *w = fv_variable_value(fv_layer_variables(layer).at[0]);
    const double *at = w->data;
    for (int64_t i = 0; i < fv_tensor_count(w); i++) {
        sums[0] += at[i];
        sums[1] += at[i] * at[i];
    }
    return fv_tensor_count(w);
}

/* Many layers of one shape: the deviation within 1 %, the mean near 0. */
static void check_deviation(int64_t filters, int64_t channels, int64_t kernel,
                            int64_t groups, double expected)
{
    fv_context *ctx = context_of(FV_F64, FV_NHWC);
    double sums[2] = { 0, 0 };
    int64_t drawn = 0;
    while (drawn < DRAWN) {
        fv_layer *layer =
            kernel ? fv_convolutional(ctx, .in_shape = { 9, 9, channels },
                                      .num_filters = filters,
                                      .kernel = { kernel }, .groups = groups)
                   : fv_linear(ctx, filters, .in_shape = { channels });
        drawn += add_weights(layer, sums);
        assert_ok(ctx);
    }
    double mean = sums[0] / (double)drawn;
    double deviation = sqrt(sums[1] / (double)drawn - mean * mean);
    assert_true(fabs(mean) < 5 * expected / sqrt((double)drawn));
    if (!(fabs(deviation / expected - 1) < 0.01))
        fail_msg("deviation %g, expected %g", deviation, expected);
    fv_context_free(ctx);
}

static void test_deviations(void **state)
{
    (void)state;
    check_deviation(20, 1, 5, 1, 0.2828427125);
    check_deviation(20, 20, 5, 1, 0.0632455532);
    check_deviation(10, 320, 0, 1, 0.0790569415);
    check_deviation(10, 10, 0, 1, 0.4472135955);
    check_deviation(3, 2, 0, 1, 1);
    check_deviation(12, 8, 3, 4, 1 / 3.0); /* fan_in 3 3 8 / 4 = 18 */
}

/* ---- whole training steps ----------------------------------------------- */

static void train(fv_network *net, fv_optimizer *rule, bool planned,
                  const fv_tensor *images, const fv_tensor *target)
{
    if (planned) {
        fv_train_step(net, rule, images, target);
        return;
    }
    fv_context *ctx = fv_variable_context(fv_network_variables(net).at[0]);
    fv_variable *y = fv_network_forward(net, fv_constant(ctx, images));
    fv_backprop(fv_network_loss(net, y, target));
    fv_optimizer_update(rule);
    fv_forget(ctx);
}

static double loss_of(fv_context *ctx, fv_network *net, const fv_tensor *images,
                      const fv_tensor *target)
{
    int before = fv_no_grad(ctx, 1);
    fv_variable *y = fv_network_forward(net, fv_constant(ctx, images));
    double loss = fv_item(fv_network_loss(net, y, target));
    fv_no_grad(ctx, before);
    fv_forget(ctx);
    return loss;
}

typedef struct xor_step {
    int steps;
    double loss;
    const char *logits;
} xor_step;

static const xor_step xor_steps[] = {
    { 0, 0.646060364218, "0 0.21 0.22 0.03" },
    { 1, 0.636677990552, "-0.020052652 0.205578570 0.225998717 -0.023652825" },
    { 2, 0.626212210278, "-0.036948709 0.208137051 0.237987162 -0.079254999" },
    { 10, 0.536774071218, "-0.166821562 0.394907111 0.542362793 -0.285551167" },
    { 100, 0.037165931056,
      "-2.403725546 4.037048329 3.947713316 -3.655250222" },
    { 500, 0.004883945494,
      "-4.254537959 6.324214823 6.332147344 -6.281630325" },
};

static void assert_after_one(fv_context *ctx, fv_variables parameters)
{
    static const char *const expected[] = {
        ("0.594766857127 -0.444406200786 / -0.535524960629 0.695640492914 / "
         "0.303139885724 0.203269630315"),
        "-0.005233142873 -0.004359507086 -0.020234204433",
        "0.529245189180 0.436777063385 -0.305319639267", "-0.020052651891"
    };
    for (int i = 0; i < 4; i++) {
        const fv_tensor *value = fv_variable_value(parameters.at[i]);
        assert_weights(ctx, "parameter", value,
                       numbers(ctx, expected[i], value->rank, value->shape),
                       single(ctx) ? 1e-6 : 1e-11);
    }
}

static void exclusive_or(fv_context *ctx, bool planned)
{
    fv_network *net =
        fv_network_of(ctx, fv_input(ctx, 2), fv_linear(ctx, 3), fv_relu(ctx),
                      fv_linear(ctx, 1), fv_sigmoid_cross_entropy(ctx));
    fv_variables parameters = fv_network_variables(net);
    assert_int_equal(parameters.count, 4);
    assign(parameters.at[0],
           numbers(ctx, "0.6 -0.4 / -0.5 0.7 / 0.3 0.2", SHAPE(3, 2)));
    assign(parameters.at[2], numbers(ctx, "0.5 0.4 -0.3", SHAPE(1, 3)));
    fv_optimizer *rule = fv_sgd(net, 0.7);
    fv_tensor x = numbers(ctx, "0 0 / 1 0 / 0 1 / 1 1", SHAPE(4, 2));
    fv_tensor target = numbers(ctx, "0 1 1 0", SHAPE(4, 1));
    fv_tensor y = fv_tensor_new(ctx, fv_context_dtype(ctx), SHAPE(4, 1));
    int done = 0;
    for (size_t i = 0; i < sizeof xor_steps / sizeof *xor_steps; i++) {
        for (; done < xor_steps[i].steps; done++)
            train(net, rule, planned, &x, &target);
        assert_ok(ctx);
        double tolerance = single(ctx) ? 1e-4 : 2e-9;
        assert_near(loss_of(ctx, net, &x, &target), xor_steps[i].loss,
                    single(ctx) ? 1e-5 : 2e-12);
        fv_network_predict(net, &x, &y);
        assert_images(ctx, "logits", &y,
                      numbers(ctx, xor_steps[i].logits, SHAPE(4, 1)),
                      tolerance);
        if (done == 1) assert_after_one(ctx, parameters);
    }
}

static const double small_losses[] = {
    0.804040360330, 0.555706207841, 0.425718355209, 0.340088037213,
    0.278570740166, 0.232293114647, 0.196622710649, 0.168635100968,
    0.146336445523, 0.128322357915, 0.113583024450
};

static fv_network *small_network(fv_context *ctx)
{
    fv_network *net = fv_network_of(
        ctx, fv_input(ctx, EXTENTS(ctx, 1, 6, 6)),
        fv_convolutional(ctx, .num_filters = 2, .kernel = { 3 }), fv_relu(ctx),
        fv_maxpool(ctx, .kernel = { 2 }), fv_flatten(ctx), fv_linear(ctx, 3),
        fv_softmax_cross_entropy(ctx));
    fv_variables at = fv_network_variables(net);
    assert_ok(ctx);
    assign(at.at[0], formula(ctx, 7, 1, 11, 5, 0.1, SHAPE(2, 1, 3, 3)));
    assign(at.at[1], numbers(ctx, "0.1 -0.1", SHAPE(2)));
    assign(at.at[2], formula(ctx, 3, 2, 7, 3, 0.1, SHAPE(3, 8)));
    return net;
}

static void assert_small_forward(fv_context *ctx, fv_network *net,
                                 const fv_tensor *images)
{
    fv_variable *x = fv_constant(ctx, images);
    for (size_t i = 1; i <= 4; i++)
        x = fv_layer_forward(fv_network_layer(net, i), x);
    fv_tensor pooled =
        numbers(ctx,
                "1.8375 1.8875 0.125 1.8875 1.7625 0 1.7625 1.7875 / "
                "1.8875 0.675 1.8875 1.8375 0 0.675 1.7875 0",
                SHAPE(2, 8));
    assert_elements(ctx, "flattened", fv_variable_value(x), &pooled,
                    digits(ctx));
    fv_variable *logits = fv_layer_forward(fv_network_layer(net, 5), x);
    fv_tensor expected = numbers(
        ctx, "0.17875 -0.3825 0.3075 / 0.28875 -0.09625 -0.58625", SHAPE(2, 3));
    assert_elements(ctx, "logits", fv_variable_value(logits), &expected,
                    digits(ctx));
    fv_forget(ctx);
}

static void assert_small_gradients(fv_context *ctx, fv_network *net,
                                   const fv_tensor *images,
                                   const fv_tensor *labels)
{
    static const char *const expected[] = {
        ("0.059164913 -0.038356830 -0.055404183 / "
         "0.053482462 -0.044039281 -0.061086634 / "
         "0.126330578 -0.049721732 -0.066769085 / "
         "-0.104886996 -0.006619206 0.091648584 / "
         "-0.072131066 0.026136724 0.206701281 / "
         "-0.039375136 0.058892654 -0.121264961"),
        "0.022729804 -0.131023720",
        ("-0.154484503 0.171937356 -0.470688798 -0.132172277 "
         "0.325436537 -0.176579787 -0.142172898 0.330052658 / "
         "0.499750091 0.308325722 0.319356965 0.496906062 "
         "0.185660079 0.109498262 0.475627698 0.188293556 / "
         "-0.345265588 -0.480263078 0.151331833 -0.364733785 "
         "-0.511096616 0.067081525 -0.333454799 -0.518346213"),
        "-0.076954840 0.267558699 -0.190603858"
    };
    fv_variable *y = fv_network_forward(net, fv_constant(ctx, images));
    fv_backprop(fv_network_loss(net, y, labels));
    fv_variables at = fv_network_variables(net);
    for (int i = 0; i < 4; i++) {
        const fv_tensor *grad = fv_variable_grad(at.at[i]);
        /* one channel: OHWI is OIHW */
        fv_tensor all = numbers(ctx, expected[i], grad->rank, grad->shape);
        assert_elements(ctx, "gradient", grad, &all, single(ctx) ? 1e-6 : 1e-9);
        fv_variable_zero_grad(at.at[i]);
    }
    fv_forget(ctx);
}

static void small_convolutional(fv_context *ctx, bool planned)
{
    fv_network *net = small_network(ctx);
    fv_tensor images = formula(ctx, 11, 3, 17, 8, 1 / 8.0, SHAPE(2, 1, 6, 6));
    images = outside(ctx, &images);
    int64_t classes[] = { 2, 0 };
    fv_tensor labels = FV_TENSOR(classes, FV_I64, 2);
    assert_small_gradients(ctx, net, &images, &labels);
    fv_optimizer *rule = fv_sgd(net, 0.1);
    for (int step = 0; step <= 10; step++) {
        assert_near(loss_of(ctx, net, &images, &labels), small_losses[step],
                    single(ctx) ? 1e-5 : 2e-12);
        train(net, rule, planned, &images, &labels);
        assert_ok(ctx);
    }
}

/* Layers used alone have the weights of those in a network. */
static void small_layers(fv_context *ctx)
{
    fv_network *net = small_network(ctx);
    fv_tensor images = formula(ctx, 11, 3, 17, 8, 1 / 8.0, SHAPE(2, 1, 6, 6));
    images = outside(ctx, &images);
    assert_small_forward(ctx, net, &images);
}

static void xor_by_tape(fv_context *ctx) { exclusive_or(ctx, false); }
static void xor_by_plan(fv_context *ctx) { exclusive_or(ctx, true); }
static void small_by_tape(fv_context *ctx) { small_convolutional(ctx, false); }
static void small_by_plan(fv_context *ctx) { small_convolutional(ctx, true); }

static void test_xor(void **state)
{
    (void)state;
    everywhere(xor_by_tape);
    everywhere(xor_by_plan);
}

static void test_small_network(void **state)
{
    (void)state;
    everywhere(small_layers);
    everywhere(small_by_tape);
    everywhere(small_by_plan);
}

/* Layers appended one by one are trained, each of them. */
static void test_every_parameter(void **state)
{
    (void)state;
    fv_context *ctx = context_of(FV_F64, FV_NHWC);
    fv_network *net = fv_network_of(ctx, fv_input(ctx, 2), fv_linear(ctx, 8));
    fv_network_add(net, fv_tanh(ctx));
    fv_network_add(net, fv_linear(ctx, 3));
    fv_network_add(net, fv_mse(ctx));
    fv_optimizer *rule = fv_sgd(net, 0.1);
    fv_variables at = fv_network_variables(net);
    assert_int_equal(at.count, 4);
    double before[4];
    for (int i = 0; i < 4; i++)
        before[i] = ((double *)fv_variable_value(at.at[i])->data)[0];
    fv_tensor x = numbers(ctx, "1 2 / 3 -1", SHAPE(2, 2));
    fv_tensor target = numbers(ctx, "9 8 7 / 6 5 4", SHAPE(2, 3));
    train(net, rule, true, &x, &target);
    assert_ok(ctx);
    for (int i = 0; i < 4; i++)
        assert_true(((double *)fv_variable_value(at.at[i])->data)[0]
                    != before[i]);
    assert_int_equal(fv_network_add(net, fv_relu(ctx)), FV_MISUSE);
    assert_error(ctx, "relu: the network has been used, layers can no longer "
                      "be added");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rosenbrock),
        cmocka_unit_test(test_rate_and_zero),
        cmocka_unit_test(test_deviations),
        cmocka_unit_test(test_xor),
        cmocka_unit_test(test_small_network),
        cmocka_unit_test(test_every_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
