/* Networks and layers where num.cr's go wrong. Faults of docs/num_cr.md whose
 * absence this shows: D18 (one seed), D19 (dropout in evaluation), D21 (an
 * algorithm does a geometry or refuses), D22 (options in the network text),
 * D23 (refusals), D24 (views), D26 (gradients nobody wants), D27 (f64 by every
 * algorithm), D32 (flatten), D33 (linear without flatten), D40 (the last short
 * batch). */
#include "numcr.h"

static fv_tensor counted(fv_context *ctx, int32_t rank, const int64_t shape[])
{
    return formula(ctx, 7, 3, 11, 5, 0.25, rank, shape);
}

/* ---- refusals ----------------------------------------------------------- */

/* The layer behind an input of 2 channels, 5 rows and 4 columns. */
static void assert_refused(fv_context *ctx, fv_layer *layer,
                           const char *sentence)
{
    fv_network *net =
        fv_network_of(ctx, fv_input(ctx, EXTENTS(ctx, 2, 5, 4)), layer);
    assert_null(net);
    assert_error(ctx, sentence);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *ctx = context_of(FV_F64, FV_NHWC);
    assert_refused(
        ctx, fv_convolutional(ctx, .num_filters = 2, .kernel = { 6, 3 }),
        "conv1: kernel 6x3 exceeds input 5x4 (height x width, padding 0)");
    assert_refused(ctx,
                   fv_convolutional(ctx, .num_filters = 2, .kernel = { 3 },
                                    .stride = { -1 }),
                   "conv1: stride -1 is below 1");
    assert_refused(ctx, fv_convolutional(ctx, .kernel = { 3 }),
                   "conv1: filters 0 is below 1");
    assert_refused(ctx, fv_convolutional(ctx, .num_filters = 2),
                   "conv1: kernel 0 is below 1");
    assert_refused(
        ctx,
        fv_convolutional(ctx, .num_filters = 4, .kernel = { 3 }, .groups = 4),
        "conv1: groups 4 does not divide channels 2");
    assert_refused(
        ctx, fv_maxpool(ctx, .kernel = { 6 }),
        "maxpool1: kernel 6x6 exceeds input 5x4 (height x width, padding 0)");
    assert_refused(ctx,
                   fv_convolutional(ctx, .num_filters = 2, .kernel = { 3 },
                                    .algorithm = (fv_algorithm)99),
                   "conv2d: algorithm 99 is unknown (0 to 7)");
    /* the channel count is no number of inputs */
    assert_refused(
        ctx, fv_linear(ctx, 3),
        "linear1: input [5, 4, 2] is not a vector, put flatten before it");
    fv_context_free(ctx);
}

/* What does not fit in_shape is refused before any arithmetic. */
static void misfits(fv_context *ctx)
{
    fv_layer *layer =
        fv_convolutional(ctx, .in_shape = { EXTENTS(ctx, 2, 5, 4) },
                         .num_filters = 3, .kernel = { 3 });
    assert_null(
        fv_layer_forward(layer, leaf(ctx, counted(ctx, SHAPE(1, 3, 5, 4)))));
    assert_error(ctx, nchw(ctx)
                          ? "conv2d: input [3, 5, 4] does not fit in_shape "
                            "[2, 5, 4]"
                          : "conv2d: input [5, 4, 3] does not fit in_shape "
                            "[5, 4, 2]");
    fv_network *net = fv_network_of(ctx, fv_input(ctx, EXTENTS(ctx, 2, 5, 4)),
                                    fv_flatten(ctx));
    assert_null(
        fv_network_forward(net, leaf(ctx, counted(ctx, SHAPE(1, 3, 5, 4)))));
    assert_error(ctx, nchw(ctx)
                          ? "network: input [1, 3, 5, 4] is not a batch of "
                            "[2, 5, 4]"
                          : "network: input [1, 5, 4, 3] is not a batch of "
                            "[5, 4, 2]");
}

/* ---- options from every front end --------------------------------------- */

static void text_and_options(fv_context *ctx)
{
    fv_network *a = fv_network_parse(
        ctx,
        "input 9 7 2\n"
        "conv2d 4 3 2 stride=2,1 padding=1,0 padding_end=2,1 dilation=1,2 "
        "groups=2 bias=no\n"
        "maxpool 2 2 stride=1 padding=1\n",
        "text");
    fv_network *b = fv_network_of(
        ctx, fv_input(ctx, EXTENTS(ctx, 2, 9, 7)),
        fv_convolutional(ctx, .num_filters = 4, .kernel = { 3, 2 },
                         .stride = { 2, 1 }, .padding_begin = { 1, 0 },
                         .padding_end = { 2, 1 }, .dilation = { 1, 2 },
                         .groups = 2, .no_bias = 1),
        fv_maxpool(ctx, .kernel = { 2 }, .stride = { 1 }, .padding = { 1, 1 }));
    fv_variables va = fv_network_variables(a), vb = fv_network_variables(b);
    assert_ok(ctx);
    assert_int_equal(va.count, 1);
    assert_int_equal(vb.count, 1);
    fv_variable_assign(vb.at[0], fv_variable_value(va.at[0]));
    fv_variable *x = leaf(ctx, counted(ctx, SHAPE(2, 2, 9, 7)));
    fv_variable *ya = fv_network_forward(a, x), *yb = fv_network_forward(b, x);
    assert_elements(ctx, "y", fv_variable_value(ya), fv_variable_value(yb), 0);
    const int64_t extents[] = { EXTENTS(ctx, 4, 6, 7) };
    assert_memory_equal(fv_network_output_shape(a).extent, extents,
                        sizeof extents);
}

/* ---- views -------------------------------------------------------------- */

/* Every layer of windows on a transposed slice as on its copy. */
static void views(fv_context *ctx)
{
    fv_tensor wide = counted(ctx, SHAPE(5, 12, 3, 9)); /* w, h, c, n */
    fv_tensor part = fv_tensor_slice(ctx, &wide, 1, 1, 12, 2);
    part = fv_tensor_slice(ctx, &part, 3, 2, 9, 3);
    fv_tensor view =
        fv_tensor_permute(ctx, &part, (const int32_t[]){ 3, 2, 1, 0 });
    view = outside(ctx, &view);
    fv_tensor copy = fv_tensor_dup(ctx, &view);
    fv_layer *layers[] = {
        fv_convolutional(ctx, .in_shape = { EXTENTS(ctx, 3, 6, 5) },
                         .num_filters = 4, .kernel = { 3 }),
        fv_maxpool(ctx, .kernel = { 2 }, .stride = { 1 }),
        fv_avgpool(ctx, .kernel = { 3 }, .padding = { 1, 1 }),
        fv_batchnorm(ctx, .in_shape = { EXTENTS(ctx, 3, 6, 5) }),
    };
    for (int i = 0; i < 4; i++) {
        fv_variable *a = fv_layer_forward(layers[i], fv_constant(ctx, &view));
        fv_variable *b = fv_layer_forward(layers[i], fv_constant(ctx, &copy));
        assert_elements(ctx, fv_layer_kind(layers[i]), fv_variable_value(a),
                        fv_variable_value(b), 0);
    }
    /* a slice of a variable keeps its gradient's place */
    fv_variable *x = leaf(ctx, counted(ctx, SHAPE(3, 1, 2, 2)));
    fv_variable *y = fv_layer_forward(fv_maxpool(ctx, .kernel = { 2 }),
                                      fv_slice(x, 0, 1, 2, 1));
    fv_backprop(y);
    assert_images(
        ctx, "dx", fv_variable_grad(x),
        numbers(ctx, "0 0 0 0 / 1 0 0 0 / 0 0 0 0", SHAPE(3, 1, 2, 2)), 0);
}

/* ---- flatten ------------------------------------------------------------ */

/* Batches of two sizes through one layer, both backward. */
static void flatten(fv_context *ctx)
{
    fv_layer *layer = fv_flatten(ctx, .in_shape = { EXTENTS(ctx, 2, 1, 3) });
    fv_variable *two = leaf(ctx, counted(ctx, SHAPE(2, 2, 1, 3)));
    fv_variable *three = leaf(ctx, counted(ctx, SHAPE(3, 2, 1, 3)));
    fv_variable *a = fv_layer_forward(layer, two);
    fv_variable *b = fv_layer_forward(layer, three);
    fv_tensor flat = counted(ctx, SHAPE(3, 6)); /* channel, row, column */
    assert_elements(ctx, "y", fv_variable_value(b), &flat, 0);
    fv_tensor up = formula(ctx, 1, 1, 99, 0, 1, SHAPE(3, 6));
    fv_tensor upper = fv_tensor_slice(ctx, &up, 0, 0, 2, 1);
    fv_backprop(fv_add(fv_sum(fv_mul(a, fv_constant(ctx, &upper))),
                       fv_sum(fv_mul(b, fv_constant(ctx, &up)))));
    assert_images(ctx, "dx", fv_variable_grad(two),
                  formula(ctx, 1, 1, 99, 0, 1, SHAPE(2, 2, 1, 3)), 0);
    assert_images(ctx, "dx", fv_variable_grad(three),
                  formula(ctx, 1, 1, 99, 0, 1, SHAPE(3, 2, 1, 3)), 0);
}

/* ---- gradients nobody wants --------------------------------------------- */

static void unwanted(fv_context *ctx)
{
    fv_layer *layer =
        fv_convolutional(ctx, .in_shape = { EXTENTS(ctx, 2, 5, 4) },
                         .num_filters = 3, .kernel = { 3 });
    fv_variable *image = fixed(ctx, counted(ctx, SHAPE(1, 2, 5, 4)));
    fv_backprop(fv_sum(fv_layer_forward(layer, image)));
    assert_ok(ctx);
    assert_null(fv_variable_grad(image));
    fv_variables at = fv_layer_variables(layer);
    fv_tensor six = numbers(ctx, "6 6 6", SHAPE(3));
    assert_elements(ctx, "db", fv_variable_grad(at.at[1]), &six, 0);
    /* a frozen weight gets none either */
    fv_variable_set_requires_grad(at.at[0], 0);
    fv_variable_zero_grad(at.at[0]);
    image = fixed(ctx, counted(ctx, SHAPE(1, 2, 5, 4)));
    fv_backprop(fv_sum(fv_layer_forward(layer, image)));
    fv_tensor none = formula(ctx, 0, 0, 1, 0, 1, SHAPE(3, 2, 3, 3));
    assert_weights(ctx, "dW", fv_variable_grad(at.at[0]), none, 0);
}

/* ---- one seed for everything -------------------------------------------- */

enum { IMAGES = 10, BATCH = 4 };

static const char *const dropping = "input 2\n"
                                    "linear 16\n"
                                    "dropout 0.5\n"
                                    "relu\n"
                                    "linear 3\n"
                                    "softmax_cross_entropy\n";

static void steps_done(void *user, const fv_progress *progress)
{
    fv_progress *last = user;
    *last = *progress;
}

/* One epoch; writes the loss and the first weight. */
static void run(uint64_t seed, double out[2])
{
    fv_context *ctx = fv_context_new(FV_OPTIONS(
        fv_context_options, .dtype = FV_F64, .seed = seed, .threads = 1));
    fv_network *net = fv_network_parse(ctx, dropping, "dropping");
    int64_t classes[IMAGES];
    for (int i = 0; i < IMAGES; i++) classes[i] = i % 3;
    fv_tensor images = counted(ctx, SHAPE(IMAGES, 2));
    fv_tensor labels = FV_TENSOR(classes, FV_I64, IMAGES);
    fv_dataset *data = fv_dataset_of(ctx, &images, &labels);
    fv_fit_report report = { 0 };
    fv_progress last = { 0 };
    fv_fit(net, fv_sgd(net, 0.1), data, .batch = BATCH, .report = &report,
           .progress = steps_done, .user = &last);
    assert_ok(ctx);
    assert_int_equal(report.train.count, IMAGES); /* 4 + 4 + 2 */
    assert_int_equal(last.batches, 3);
    out[0] = report.train.loss;
    out[1] =
        *(double *)fv_variable_value(fv_network_variables(net).at[0])->data;
    fv_context_free(ctx);
}

static void test_one_seed(void **state)
{
    (void)state;
    double first[2], again[2], other[2];
    run(5, first);
    run(5, again);
    run(6, other);
    assert_memory_equal(first, again, sizeof first);
    assert_true(first[0] != other[0] && first[1] != other[1]);
}

/* Masks follow the seed; evaluation has none. */
static void test_dropout_modes(void **state)
{
    (void)state;
    fv_context *ctx = context_of(FV_F64, FV_NHWC);
    fv_network *net = fv_network_parse(ctx, dropping, "dropping");
    fv_tensor x = numbers(ctx, "1 2", SHAPE(1, 2));
    fv_tensor planned = fv_tensor_new(ctx, FV_F64, SHAPE(1, 3));
    double seen[2][3];
    for (int i = 0; i < 4; i++) {
        fv_training(ctx, i < 2);
        fv_variable *y = fv_network_forward(net, fv_constant(ctx, &x));
        assert_ok(ctx);
        memcpy(seen[i % 2], fv_variable_value(y)->data, sizeof seen[0]);
        if (i == 1) assert_memory_not_equal(seen[0], seen[1], sizeof seen[0]);
    }
    assert_memory_equal(seen[0], seen[1], sizeof seen[0]);
    fv_training(ctx, 1); /* prediction by plan is evaluation in any mode */
    assert_int_equal(fv_network_predict(net, &x, &planned), FV_OK);
    for (int k = 0; k < 3; k++)
        assert_near(((double *)planned.data)[k], seen[0][k], 1e-14);
    fv_context_free(ctx);
}

#define EVERYWHERE(name)                                                       \
    static void test_##name(void **state)                                      \
    {                                                                          \
        (void)state;                                                           \
        everywhere(name);                                                      \
    }

EVERYWHERE(misfits)
EVERYWHERE(text_and_options)
EVERYWHERE(views)
EVERYWHERE(flatten)
EVERYWHERE(unwanted)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_misfits),
        cmocka_unit_test(test_text_and_options),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_flatten),
        cmocka_unit_test(test_unwanted),
        cmocka_unit_test(test_one_seed),
        cmocka_unit_test(test_dropout_modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
