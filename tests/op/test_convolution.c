/* A planned convolution: the numbers of the operator, on memory of one's own,
 * in either layout, without allocating. */
#include "support.h"

#include "faults.h"

#include <stdlib.h>

enum { N = 2, H = 7, W = 6, C = 4, K = 6, R = 3, S = 2, OH = 4, OW = 7 };
enum { GROUPS = 2, X = N * H * W * C, Y = N * OH * OW * K };
enum { WEIGHT = K * R * S * C / GROUPS };

#define PLAN(ctx, ...)                                                         \
    fv_conv_plan(ctx, .batch = N, .num_filters = K, .kernel = { R, S },        \
                 .stride = { 2, 1 }, .padding = { 1, 1 }, .groups = GROUPS,    \
                 __VA_ARGS__)

static fv_tensor made(fv_context *ctx, int32_t rank, const int64_t *shape,
                      uint32_t seed)
{
    fv_tensor t = fv_tensor_new(ctx, fv_context_dtype(ctx), rank, shape);
    assert_ok(ctx);
    for (int64_t i = 0; i < fv_tensor_count(&t); i++) {
        seed = seed * 1664525u + 1013904223u;
        double value = (double)(seed >> 8) / (1 << 23) - 1;
        if (t.dtype == FV_F64)
            ((double *)t.data)[i] = value;
        else
            ((float *)t.data)[i] = (float)value;
    }
    return t;
}

#define MADE(ctx, seed, ...)                                                   \
    made(ctx, sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t),            \
         (const int64_t[]){ __VA_ARGS__ }, seed)

static double value_at(const fv_tensor *t, int64_t i)
{
    return t->dtype == FV_F64 ? ((double *)t->data)[i]
                              : (double)((float *)t->data)[i];
}

static void assert_equal(const fv_tensor *a, const fv_tensor *b)
{
    assert_true(fv_tensor_same_shape(a, b));
    for (int64_t i = 0; i < fv_tensor_count(a); i++)
        if (value_at(a, i) != value_at(b, i))
            fail_msg("element %lld is %a, expected %a", (long long)i,
                     value_at(a, i), value_at(b, i));
}

/* All operands and results, in the context's layout. */
typedef struct arrays {
    fv_tensor x, weight, bias, dy, y, dx, dweight, dbias;
} arrays;

static fv_tensor ordered(fv_context *ctx, fv_tensor nhwc)
{
    if (fv_context_layout(ctx) == FV_NHWC) return nhwc;
    fv_tensor view =
        fv_tensor_permute(ctx, &nhwc, (const int32_t[]){ 0, 3, 1, 2 });
    return fv_tensor_dup(ctx, &view);
}

static fv_tensor in_nhwc(fv_context *ctx, fv_tensor t)
{
    if (fv_context_layout(ctx) == FV_NHWC) return t;
    fv_tensor view =
        fv_tensor_permute(ctx, &t, (const int32_t[]){ 0, 2, 3, 1 });
    return fv_tensor_dup(ctx, &view);
}

static arrays arrays_of(fv_context *ctx)
{
    return (arrays){ .x = ordered(ctx, MADE(ctx, 1, N, H, W, C)),
                     .weight = MADE(ctx, 2, K, R, S, C / GROUPS),
                     .bias = MADE(ctx, 3, K),
                     .dy = ordered(ctx, MADE(ctx, 4, N, OH, OW, K)),
                     .y = ordered(ctx, MADE(ctx, 5, N, OH, OW, K)),
                     .dx = ordered(ctx, MADE(ctx, 6, N, H, W, C)),
                     .dweight = MADE(ctx, 7, K, R, S, C / GROUPS),
                     .dbias = MADE(ctx, 8, K) };
}

static void run_all(fv_conv *conv, arrays *a)
{
    assert_int_equal(
        fv_conv_forward(conv, &a->x, &a->weight, &a->bias, NULL, &a->y), FV_OK);
    assert_int_equal(fv_conv_backward_data(conv, &a->dy, &a->weight, &a->dx),
                     FV_OK);
    assert_int_equal(
        fv_conv_backward_weights(conv, &a->x, &a->dy, &a->dweight, &a->dbias),
        FV_OK);
}

/* The same through variables, in NHWC. */
static void compare(fv_context *ctx, const arrays *a)
{
    fv_tensor x = in_nhwc(ctx, a->x), dy = in_nhwc(ctx, a->dy);
    fv_tensor y = in_nhwc(ctx, a->y), dx = in_nhwc(ctx, a->dx);
    fv_variable *v = fv_variable_new(ctx, &x);
    fv_variable *weight = fv_variable_new(ctx, &a->weight);
    fv_variable *bias = fv_variable_new(ctx, &a->bias);
    fv_variable *out = fv_conv2d(v, weight, bias,
                                 &(fv_convolution){ .stride = { 2, 1 },
                                                    .padding_begin = { 1, 1 },
                                                    .padding_end = { 1, 1 },
                                                    .groups = GROUPS });
    assert_ok(ctx);
    assert_equal(&y, fv_variable_value(out));
    fv_backprop(fv_sum(fv_mul(out, fv_constant(ctx, &dy))));
    assert_ok(ctx);
    assert_equal(&dx, fv_variable_grad(v));
    assert_equal(&a->dweight, fv_variable_grad(weight));
    assert_equal(&a->dbias, fv_variable_grad(bias));
}

static void test_as_the_operator(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        fv_context *ctx = fv_context_new(FV_OPTIONS(
            fv_context_options, .dtype = i & 1 ? FV_F64 : FV_F32,
            .layout = i & 2 ? FV_NCHW : FV_NHWC, .threads = i & 4 ? 3 : 1));
        fv_conv *conv = i & 2 ? PLAN(ctx, .in_shape = { C, H, W })
                              : PLAN(ctx, .in_shape = { H, W, C });
        arrays a = arrays_of(ctx);
        assert_ok(ctx);
        run_all(conv, &a);
        run_all(conv, &a);
        compare(ctx, &a);
        fv_conv_free(conv);
        fv_context_free(ctx);
    }
}

static void test_clamp_and_residual(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    arrays a = arrays_of(ctx);
    fv_tensor plain = fv_tensor_dup(ctx, &a.y);
    fv_conv *sums = PLAN(ctx, .in_shape = { H, W, C }, .forward_only = 1);
    fv_conv *conv = PLAN(ctx, .in_shape = { H, W, C }, .clamp = { -0.25, 0.5 });
    fv_conv_forward(sums, &a.x, &a.weight, NULL, NULL, &plain);
    fv_conv_forward(conv, &a.x, &a.weight, &a.bias, &a.dy, &a.y);
    assert_ok(ctx);
    for (int64_t i = 0; i < Y; i++) {
        double sum =
            value_at(&plain, i) + value_at(&a.bias, i % K) + value_at(&a.dy, i);
        assert_near(value_at(&a.y, i), fmin(fmax(sum, -0.25), 0.5), 1e-6);
    }
    fv_context_free(ctx);
}

static void test_packed_weights_stay(void **state)
{
    (void)state;
    if (FOREIGN) skip(); /* im2col reads the weights themselves */
    fv_context *ctx = fv_context_new(NULL);
    arrays a = arrays_of(ctx);
    fv_conv *conv =
        PLAN(ctx, .in_shape = { H, W, C }, .algorithm = FV_CONV_IM2COL_GEMM,
             .weights_unchanged = 1);
    assert_true(fv_conv_pass_facts(conv, FV_PASS_FORWARD).packed_bytes > 0);
    run_all(conv, &a);
    fv_tensor y = fv_tensor_dup(ctx, &a.y), dx = fv_tensor_dup(ctx, &a.dx);
    fv_tensor other = fv_tensor_dup(ctx, &a.weight);
    memset(a.weight.data, 0, WEIGHT * sizeof(float));
    run_all(conv, &a);
    assert_equal(&a.y, &y);
    assert_equal(&a.dx, &dx);
    fv_conv_weights_changed(conv);
    run_all(conv, &a);
    for (int64_t i = 0; i < Y; i++)
        assert_true(value_at(&a.y, i) == value_at(&a.bias, i % K));
    for (int64_t i = 0; i < X; i++) assert_true(value_at(&a.dx, i) == 0);
    a.weight = other; /* at another place */
    run_all(conv, &a);
    assert_equal(&a.y, &y);
    assert_equal(&a.dx, &dx);
    fv_context_free(ctx);
}

/* A convolution that has run before gives what one gives that has not. */
static void check_anew(fv_context *ctx, fv_algorithm algorithm, fv_conv *conv,
                       arrays *a)
{
    fv_conv *fresh = PLAN(ctx, .in_shape = { H, W, C }, .algorithm = algorithm);
    run_all(fresh, a);
    fv_tensor y = fv_tensor_dup(ctx, &a->y), dx = fv_tensor_dup(ctx, &a->dx);
    run_all(conv, a);
    assert_equal(&a->y, &y);
    assert_equal(&a->dx, &dx);
    fv_conv_free(fresh);
    fv_tensor_free(ctx, &y);
    fv_tensor_free(ctx, &dx);
}

/* Unless the caller promises otherwise, numbers at an address may be new in
 * every call: written there, or of memory that was freed and allocated. */
static void test_weights_at_the_same_address(void **state)
{
    (void)state;
    static const fv_algorithm algorithms[] = {
        FV_CONV_AUTO,   FV_CONV_REFERENCE, FV_CONV_IM2COL_GEMM,
        FV_CONV_DIRECT, FV_CONV_GROUPED,   FV_CONV_COL2IM
    };
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        fv_context *ctx = fv_context_new(NULL);
        arrays a = arrays_of(ctx);
        fv_conv *conv =
            PLAN(ctx, .in_shape = { H, W, C }, .algorithm = algorithms[i]);
        assert_ok(ctx);
        check_anew(ctx, algorithms[i], conv, &a);
        for (int64_t k = 0; k < WEIGHT; k++) ((float *)a.weight.data)[k] *= -3;
        check_anew(ctx, algorithms[i], conv, &a);
        for (uint32_t seed = 50; seed < 60; seed++) {
            fv_tensor_free(ctx, &a.weight);
            a.weight = MADE(ctx, seed, K, R, S, C / GROUPS);
            check_anew(ctx, algorithms[i], conv, &a);
        }
        fv_context_free(ctx);
    }
}

static void test_overlapping_tensors(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    arrays a = arrays_of(ctx);
    fv_conv *conv = PLAN(ctx, .in_shape = { H, W, C });
    /* everything in one memory, apart but for what is moved */
    enum { ALL = 4 * X + 4 * Y + 2 * WEIGHT + 2 * K };
    static float memory[ALL], before[ALL];
    for (int i = 0; i < ALL; i++) memory[i] = before[i] = (float)(i % 5);
    fv_tensor x = a.x, y = a.y, residual = a.y, weight = a.weight,
              bias = a.bias;
    x.data = memory;
    weight.data = memory + X;
    bias.data = memory + X + WEIGHT;
    residual.data = memory + X + WEIGHT + K;
    static const struct {
        int at;
        const char *sentence;
    } places[] = {
        { X - 1, "conv: y overlaps x" },
        { X, "conv: y overlaps weight" },
        { X + WEIGHT, "conv: y overlaps bias" },
        { X + WEIGHT + K, "conv: y overlaps residual" },
        { X + WEIGHT + K + Y - 1, "conv: y overlaps residual" },
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        y.data = memory + places[i].at;
        fv_conv_forward(conv, &x, &weight, &bias, &residual, &y);
        assert_int_equal(fv_failed(ctx), FV_MISUSE);
        assert_error(ctx, places[i].sentence);
    }
    assert_memory_equal(memory, before, sizeof memory);
    y.data = memory + X + WEIGHT + K + Y;
    assert_int_equal(fv_conv_forward(conv, &x, &weight, &bias, &residual, &y),
                     FV_OK);

    fv_tensor dx = a.x, dy = a.y, dweight = a.weight, dbias = a.bias;
    dy.data = memory;
    dx.data = memory + Y - 1;
    weight.data = memory + Y + 2 * X;
    fv_conv_backward_data(conv, &dy, &weight, &dx);
    assert_error(ctx, "conv: dx overlaps dy");
    dx.data = memory + Y + X + 1;
    fv_conv_backward_data(conv, &dy, &weight, &dx);
    assert_error(ctx, "conv: dx overlaps weight");
    dweight.data = memory + Y - 1;
    dbias.data = memory + ALL - K;
    fv_conv_backward_weights(conv, &a.x, &dy, &dweight, &dbias);
    assert_error(ctx, "conv: dweight overlaps dy");
    x.data = memory + Y + WEIGHT;
    fv_conv_backward_weights(conv, &x, &dy, &dweight, NULL);
    assert_error(ctx, "conv: dweight overlaps dy");
    dweight.data = memory + Y + 1;
    fv_conv_backward_weights(conv, &x, &dy, &dweight, NULL);
    assert_error(ctx, "conv: dweight overlaps x");
    dweight.data = memory + Y;
    dbias.data = memory + Y + WEIGHT - 1;
    fv_conv_backward_weights(conv, &a.x, &dy, &dweight, &dbias);
    assert_error(ctx, "conv: dbias overlaps dweight");
    dbias.data = memory;
    fv_conv_backward_weights(conv, &x, &dy, &dweight, &dbias);
    assert_error(ctx, "conv: dbias overlaps dy");
    dbias.data = memory + Y + WEIGHT;
    fv_conv_backward_weights(conv, &x, &dy, &dweight, &dbias);
    assert_error(ctx, "conv: dbias overlaps x");
    dbias.data = memory + ALL - K;
    assert_int_equal(fv_conv_backward_weights(conv, &x, &dy, &dweight, &dbias),
                     FV_OK);
    fv_context_free(ctx);
}

static void test_facts(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    fv_conv *conv = PLAN(ctx, .in_shape = { H, W, C });
    fv_shape out = fv_conv_output_shape(conv), w = fv_conv_weight_shape(conv);
    assert_int_equal(out.rank, 3);
    assert_true(out.extent[0] == OH && out.extent[1] == OW
                && out.extent[2] == K);
    assert_true(w.rank == 4 && w.extent[3] == C / GROUPS);
    assert_int_equal(fv_conv_input_shape(conv).extent[2], C);
    for (int pass = 0; pass < 3; pass++) {
        fv_conv_facts facts = fv_conv_pass_facts(conv, (fv_conv_pass)pass);
        int chosen = 0;
        assert_int_equal(facts.multiply_accumulates,
                         (int64_t)Y * R * S * C / GROUPS);
        assert_true(facts.performed > 0 && facts.candidates >= 2);
        for (int32_t i = 0; i < facts.candidates; i++) {
            fv_conv_candidate c =
                fv_conv_pass_candidate(conv, (fv_conv_pass)pass, i);
            assert_non_null(c.reason);
            chosen += c.chosen;
            if (c.chosen) assert_string_equal(c.algorithm, facts.algorithm);
        }
        assert_int_equal(chosen, 1);
    }
    conv = PLAN(ctx, .in_shape = { H, W, C }, .max_workspace = FV_OFF);
    for (int32_t i = 0; i < 2; i++) {
        fv_conv_candidate c = fv_conv_pass_candidate(conv, FV_PASS_FORWARD, i);
        assert_int_equal(c.possible, c.workspace_bytes == 0);
        if (!c.possible)
            assert_string_equal(c.reason, "needs more than max_workspace");
    }
    conv = PLAN(ctx, .in_shape = { H, W, C }, .algorithm = FV_CONV_REFERENCE);
    assert_string_equal(fv_conv_pass_candidate(conv, FV_PASS_FORWARD, 0).reason,
                        "asked for");
    assert_string_equal(fv_conv_pass_candidate(conv, FV_PASS_FORWARD, 1).reason,
                        "another is asked for");
    assert_null(fv_conv_pass_candidate(conv, FV_PASS_FORWARD, -1).algorithm);
    assert_null(fv_conv_pass_candidate(conv, FV_PASS_FORWARD, 99).algorithm);
    assert_null(fv_conv_pass_facts(conv, (fv_conv_pass)3).algorithm);
    assert_null(fv_conv_pass_facts(NULL, FV_PASS_FORWARD).algorithm);
    assert_int_equal(fv_conv_input_shape(NULL).rank, -1);
    assert_int_equal(fv_conv_output_shape(NULL).rank, -1);
    assert_int_equal(fv_conv_weight_shape(NULL).rank, -1);
    assert_string_equal(fv_algorithm_name(FV_CONV_AUTO), "auto");
    assert_string_equal(fv_algorithm_name(FV_CONV_IM2COL_GEMM), "im2col");
    assert_null(fv_algorithm_name((fv_algorithm)99));
    assert_null(fv_algorithm_name((fv_algorithm)-1));
    fv_context_free(ctx);
}

static void test_of_a_layer(void **state)
{
    (void)state;
    fv_context *ctx =
        fv_context_new(FV_OPTIONS(fv_context_options, .layout = FV_NCHW));
    fv_network *net = fv_network_of(
        ctx, fv_input(ctx, 3, 9, 8),
        fv_convolutional(ctx, .num_filters = 5, .kernel = { 4, 3 },
                         .auto_pad = FV_AUTO_PAD_SAME, .name = "stem"),
        fv_relu(ctx));
    assert_ok(ctx);
    fv_conv *conv = fv_conv_of_layer(fv_network_layer(net, 1), 2, 0);
    assert_ok(ctx);
    fv_shape shape = fv_conv_output_shape(conv);
    assert_true(shape.extent[0] == 5 && shape.extent[1] == 9
                && shape.extent[2] == 8);
    assert_null(fv_conv_of_layer(fv_network_layer(net, 2), 2, 0));
    assert_error(ctx, "relu1: relu is no convolution");
    assert_null(fv_conv_of_layer(fv_network_layer(net, 1), 0, 0));
    assert_error(ctx, "stem: a batch of -1 images, expected at least 1");
    assert_null(fv_conv_of_layer(NULL, 1, 0));
    fv_context_free(ctx);
}

static void test_refused_options(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    assert_null(fv_conv_new(NULL));
    assert_null(fv_conv_plan(NULL));
    assert_null(fv_conv_plan(ctx, .num_filters = 1, .kernel = { 1 }));
    assert_error(ctx, "conv: input 0 is below 1");
    assert_null(PLAN(ctx, .in_shape = { 2, 2, 3 }, .name = "stem"));
    assert_error(ctx, "stem: groups 2 does not divide channels 3");
    assert_null(fv_conv_plan(ctx, .in_shape = { 3, 3, 1 }, .num_filters = 1,
                             .kernel = { 5 }));
    assert_error(ctx, "conv: kernel 5x5 exceeds input 3x3 (padding 0)");
    assert_null(fv_conv_plan(ctx, .in_shape = { 3, 3, 1 }, .num_filters = 1,
                             .kernel = { 1 }, .batch = -3));
    assert_error(ctx, "conv: a batch of -3 images, expected at least 1");
    assert_null(PLAN(ctx, .in_shape = { H, W, C }, .clamp = { 1, 0.5 }));
    assert_error(ctx, "conv: clamp from 1 to 0.5, the first is not below the "
                      "second");
    assert_null(fv_conv_plan(ctx, .in_shape = { 3, 3, 1 }, .num_filters = 1,
                             .kernel = { 1 }, .padding = { 1 },
                             .padding_end = { 0, 2 }));
    assert_error(ctx, "conv: padding 1x0 is for both sides, but padding_begin "
                      "0x0 and padding_end 0x2 are given too");
    assert_null(fv_conv_new(&(fv_conv_options){ .size = 2, .context = ctx }));
    assert_error(ctx, "conv: size of the options is 2, FV_OPTIONS sets it");
    assert_null(
        PLAN(ctx, .in_shape = { H, W, C }, .clamp = { 0, (double)NAN }));
    assert_int_equal(fv_failed(ctx), FV_MISUSE);
    fv_clear_error(ctx);
    assert_null(
        PLAN(ctx, .in_shape = { H, W, C }, .algorithm = (fv_algorithm)77));
    assert_int_equal(fv_failed(ctx), FV_MISUSE);
    fv_context_free(ctx);
}

static void test_refused_tensors(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    arrays a = arrays_of(ctx);
    fv_conv *conv = PLAN(ctx, .in_shape = { H, W, C });
    fv_conv *forward = PLAN(ctx, .in_shape = { H, W, C }, .forward_only = 1);
    fv_tensor wrong = a.x, strided = a.x;
    fv_conv_forward(conv, NULL, &a.weight, NULL, NULL, &a.y);
    assert_error(ctx, "conv: x: no tensor");
    fv_conv_forward(conv, &a.y, &a.weight, NULL, NULL, &a.y);
    assert_error(ctx, "conv: x has shape [2, 4, 7, 6], expected [2, 7, 6, 4]");
    wrong.dtype = FV_F64;
    fv_conv_backward_weights(conv, &wrong, &a.dy, &a.dweight, NULL);
    assert_error(ctx, "conv: x is f64, the context is f32");
    strided.stride[0] *= 2;
    fv_conv_backward_data(conv, &a.dy, &a.weight, &strided);
    assert_error(ctx, "conv: dx is not contiguous");
    wrong = a.weight;
    wrong.data = NULL;
    fv_conv_forward(conv, &a.x, &wrong, NULL, NULL, &a.y);
    assert_error(ctx, "conv: weight: the tensor has no memory");
    fv_conv_forward(conv, &a.x, &a.weight, &a.x, NULL, &a.y);
    assert_error(ctx, "conv: bias has shape [2, 7, 6, 4], expected [6]");
    fv_conv_backward_data(forward, &a.dy, &a.weight, &a.dx);
    assert_error(ctx, "conv: made with forward_only, it has no gradients");
    assert_null(fv_conv_pass_facts(forward, FV_PASS_BACKWARD_DATA).algorithm);
    assert_int_equal(fv_conv_forward(NULL, &a.x, &a.weight, NULL, NULL, &a.y),
                     FV_MISUSE);
    fv_context_free(ctx);

    ctx = fv_context_new(FV_OPTIONS(fv_context_options, .layout = FV_NCHW));
    a = arrays_of(ctx);
    conv = PLAN(ctx, .in_shape = { C, H, W });
    fv_conv_forward(conv, &a.x, &a.weight, NULL, &a.dy, &a.y);
    assert_error(ctx, "conv: a residual needs an NHWC context");
    fv_context_free(ctx);
}

/* Each operand of each pass, one after the other of a wrong shape. */
static void test_every_operand_is_checked(void **state)
{
    (void)state;
    static const char *const names[3][5] = {
        { "x", "weight", "bias", "residual", "y" },
        { "dy", "weight", "dx" },
        { "x", "dy", "dweight", "dbias" },
    };
    fv_context *ctx = fv_context_new(NULL);
    arrays a = arrays_of(ctx);
    fv_conv *conv = PLAN(ctx, .in_shape = { H, W, C });
    float number = 0;
    const fv_tensor wrong = FV_TENSOR(&number, FV_F32, 1, 1);
    for (int pass = 0; pass < 3; pass++)
        for (int k = 0; k < 5 && names[pass][k]; k++) {
            const fv_tensor *right[3][5] = {
                { &a.x, &a.weight, &a.bias, &a.dy, &a.y },
                { &a.dy, &a.weight, &a.dx },
                { &a.x, &a.dy, &a.dweight, &a.dbias },
            };
            const fv_tensor **t = right[pass];
            t[k] = &wrong;
            if (pass == 0)
                fv_conv_forward(conv, t[0], t[1], t[2], t[3], t[4]);
            else if (pass == 1)
                fv_conv_backward_data(conv, t[0], t[1], t[2]);
            else
                fv_conv_backward_weights(conv, t[0], t[1], t[2], t[3]);
            char begin[64];
            snprintf(begin, sizeof begin, "conv: %s has shape [1, 1], expected",
                     names[pass][k]);
            assert_int_equal(fv_failed(ctx), FV_MISUSE);
            if (strncmp(fv_error(ctx), begin, strlen(begin)) != 0)
                fail_msg("%s, not %s", fv_error(ctx), begin);
            fv_clear_error(ctx);
        }
    fv_context_free(ctx);
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t fail = 0; fail < 16; fail++) {
        faults_memory memory = { 0 };
        fv_allocator allocator = faults_allocator(&memory);
        fv_context *ctx = fv_context_new(FV_OPTIONS(
            fv_context_options, .threads = 2, .allocator = &allocator));
        arrays a = arrays_of(ctx);
        run_all(PLAN(ctx, .in_shape = { H, W, C }), &a); /* wakes the pool */
        memory.fail_at = fail ? memory.calls + fail : 0;
        fv_conv *conv = PLAN(ctx, .in_shape = { H, W, C });
        size_t calls = memory.calls;
        if (conv) {
            run_all(conv, &a);
            fv_conv_weights_changed(conv);
            run_all(conv, &a);
            assert_int_equal(memory.calls, calls);
        } else {
            assert_int_equal(fv_failed(ctx), FV_NO_MEMORY);
        }
        assert_true(fail != 1 || !conv);
        fv_context_free(ctx);
        assert_int_equal(memory.blocks, 0);
        assert_int_equal(memory.wrong, 0);
    }
}

/* ---- a third axis -------------------------------------------------------- */

enum { D = 5, T = 2, OD = 3 }; /* depth stride 3, padding 1 before, 2 behind */

/* Index of [image][depth][row][column][channel], in the context's layout. */
static int64_t volume_index(const fv_tensor *t, bool first, int64_t n,
                            int64_t d, int64_t h, int64_t w, int64_t c)
{
    const int64_t *e = t->shape;

    return first ? (((n * e[1] + c) * e[2] + d) * e[3] + h) * e[4] + w
                 : (((n * e[1] + d) * e[2] + h) * e[3] + w) * e[4] + c;
}

static double volume_sum(const arrays *a, bool first, const int64_t at[4],
                         int64_t k)
{
    const int64_t group = k / (K / GROUPS), channels = C / GROUPS;
    double sum = value_at(&a->bias, k);

    for (int64_t i = 0; i < T * R * S * channels; i++) {
        const int64_t c = i % channels, tap = i / channels;
        const int64_t d = at[1] * 3 - 1 + tap / S / R;
        const int64_t h = at[2] * 2 - 1 + tap / S % R;
        const int64_t w = at[3] - 1 + tap % S;

        if (d < 0 || d >= D || h < 0 || h >= H || w < 0 || w >= W) continue;
        sum += value_at(&a->x, volume_index(&a->x, first, at[0], d, h, w,
                                            group * channels + c))
               * value_at(&a->weight, k * T * R * S * channels + i);
    }
    return sum;
}

static double inner(const fv_tensor *a, const fv_tensor *b)
{
    double sum = 0;

    for (int64_t i = 0; i < fv_tensor_count(a); i++)
        sum += value_at(a, i) * value_at(b, i);
    return sum;
}

static void with_depth(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const bool first = i;
        fv_context *ctx = fv_context_new(
            FV_OPTIONS(fv_context_options, .dtype = FV_F64, .threads = 2,
                       .layout = first ? FV_NCHW : FV_NHWC));
        fv_conv *conv = PLAN(
            ctx, .in_shape = { first ? C : H, first ? H : W, first ? W : C },
            .in_depth = D, .kernel_depth = T, .stride_depth = 3,
            .padding_depth = { 1, 2 });
        const fv_shape in = fv_conv_input_shape(conv);
        const fv_shape out = fv_conv_output_shape(conv);
        const fv_shape weight = fv_conv_weight_shape(conv);

        assert_ok(ctx);
        assert_int_equal(in.rank, 4);
        assert_int_equal(in.extent[first ? 1 : 0], D);
        assert_int_equal(out.extent[first ? 1 : 0], OD);
        assert_int_equal(out.extent[first ? 0 : 3], K);
        assert_int_equal(weight.rank, 5);
        assert_int_equal(weight.extent[1], T);
        const int64_t *x = in.extent, *y = out.extent;
        arrays a = { .x = MADE(ctx, 1, N, x[0], x[1], x[2], x[3]),
                     .dx = MADE(ctx, 2, N, x[0], x[1], x[2], x[3]),
                     .y = MADE(ctx, 3, N, y[0], y[1], y[2], y[3]),
                     .dy = MADE(ctx, 4, N, y[0], y[1], y[2], y[3]),
                     .weight = MADE(ctx, 5, K, T, R, S, C / GROUPS),
                     .dweight = MADE(ctx, 6, K, T, R, S, C / GROUPS),
                     .bias = MADE(ctx, 7, K),
                     .dbias = MADE(ctx, 8, K) };
        run_all(conv, &a);
        for (int64_t n = 0; n < N * OD * OH * OW; n++) {
            const int64_t at[] = { n / OW / OH / OD, n / OW / OH % OD,
                                   n / OW % OH, n % OW };

            for (int64_t k = 0; k < K; k++) {
                const int64_t index =
                    volume_index(&a.y, first, at[0], at[1], at[2], at[3], k);
                const double error =
                    fabs(value_at(&a.y, index) - volume_sum(&a, first, at, k));

                assert_true(error < 1e-12);
            }
        }
        /* <y, dy> = <x, dx> + <bias, dbias> = <weight, dweight> + the same */
        const double product = inner(&a.y, &a.dy) - inner(&a.bias, &a.dbias);
        assert_true(fabs(inner(&a.x, &a.dx) - product) < 1e-10);
        assert_true(fabs(inner(&a.weight, &a.dweight) - product) < 1e-10);
        fv_context_free(ctx);
    }
}

static void wrong_depth(void **state)
{
    fv_context *ctx = fv_context_new(NULL);

    (void)state;
    assert_null(PLAN(ctx, .in_shape = { H, W, C }, .kernel_depth = T));
    assert_error(ctx, "conv: input 0 is below 1");
    assert_null(PLAN(ctx, .in_shape = { H, W, C }, .in_depth = -1));
    assert_error(ctx, "conv: input -1 is below 1");
    assert_null(
        PLAN(ctx, .in_shape = { H, W, C }, .in_depth = 2, .kernel_depth = 5));
    assert_error(ctx, "conv: kernel 5x3x2 exceeds input 2x7x6 (depth x height "
                      "x width, padding 0x1x1)");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_operator),
        cmocka_unit_test(test_clamp_and_residual),
        cmocka_unit_test(test_packed_weights_stay),
        cmocka_unit_test(test_weights_at_the_same_address),
        cmocka_unit_test(test_overlapping_tensors),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_of_a_layer),
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_refused_tensors),
        cmocka_unit_test(test_every_operand_is_checked),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(with_depth),
        cmocka_unit_test(wrong_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
