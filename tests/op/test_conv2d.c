/* Tests of the operator conv2d. */
#include "worked.h"

#include "operands.h"

/* ---- cases with complete numbers --------------------------------------- */

static fv_variable *worked_leaf(fv_context *context, const worked_numbers *n,
                                const int64_t s[4])
{
    double numbers[WORKED_MOST];
    worked_nhwc(n, s, numbers);
    return LEAF(context, numbers, s[0], s[2], s[3], s[1]);
}

static void assert_worked(const fv_tensor *tensor, const worked_numbers *n,
                          const int64_t s[4])
{
    double numbers[WORKED_MOST];
    worked_nhwc(n, s, numbers);
    assert_int_equal(fv_tensor_count(tensor), worked_count(s));
    assert_int_equal(tensor->shape[1], s[2]);
    assert_int_equal(tensor->shape[3], s[1]);
    assert_numbers(tensor, numbers, 0);
}

static void check_worked(const worked *n, fv_dtype dtype,
                         fv_algorithm algorithm)
{
    fv_context *context = context_of(dtype);
    const int64_t *p = n->padding;
    const fv_convolution geometry = { .stride = { n->stride[0], n->stride[1] },
                                      .padding_begin = { p[0], p[1] },
                                      .padding_end = { p[0], p[1] },
                                      .algorithm = algorithm };
    double upstream[WORKED_MOST];
    fv_variable *x = worked_leaf(context, &n->x, n->x_shape);
    fv_variable *w = worked_leaf(context, &n->w, n->w_shape);
    fv_variable *bias = LEAF(context, n->bias, n->w_shape[0]);
    fv_variable *y = fv_conv2d(x, w, bias, &geometry);
    assert_ok(context);
    assert_worked(fv_variable_value(y), &n->y, n->y_shape);
    worked_nhwc(&n->dy, n->y_shape, upstream);
    walk_back_from(y, upstream);
    assert_ok(context);
    assert_worked(fv_variable_grad(x), &n->dx, n->x_shape);
    assert_worked(fv_variable_grad(w), &n->dw, n->w_shape);
    assert_numbers(fv_variable_grad(bias), n->db, 0);
    fv_context_free(context);
}

static void test_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < WORKED_CASES; i++)
        for (int a = FV_CONV_AUTO; a <= FV_CONV_IM2COL_GEMM; a++) {
            check_worked(&worked_cases[i], FV_F32, (fv_algorithm)a);
            check_worked(&worked_cases[i], FV_F64, (fv_algorithm)a);
        }
}

/* ---- random geometries ------------------------------------------------- */

typedef struct geometry {
    fv_convolution convolution;
    int bias;
} geometry;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const geometry *g = user;
    return fv_conv2d(at[0], at[1], g->bias ? at[2] : NULL, &g->convolution);
}

static subject subject_of(const geometry *g, uint64_t seed, const int64_t x[4],
                          const int64_t w[4])
{
    subject s = { .apply = apply,
                  .user = g,
                  .seed = seed,
                  .count = g->bias ? 3 : 2,
                  .operands = { { 4, { x[0], x[1], x[2], x[3] }, -1, 1, 0 },
                                { 4, { w[0], w[1], w[2], w[3] }, -1, 1, 0 },
                                { 1, { w[0] }, -1, 1, 0 } } };
    return s;
}

/* Odd extents, asymmetric padding, stride over kernel, groups and depthwise
 * by chance; the input is at least as large as the kernel. */
static subject random_subject(geometry *g, uint64_t seed)
{
    int64_t groups = pick(seed, 0, 1, 3), each = pick(seed, 1, 1, 2);
    int64_t filters = groups * pick(seed, 2, 1, 2);
    if (pick(seed, 3, 0, 3) == 0) each = 1, filters = groups;
    int64_t x[4] = { pick(seed, 4, 1, 2), 0, 0, groups * each };
    int64_t w[4] = { filters, 0, 0, each };
    *g = (geometry){ { .groups = groups }, (int)pick(seed, 5, 0, 1) };
    for (int i = 0; i < 2; i++) {
        fv_convolution *c = &g->convolution;
        c->stride[i] = pick(seed, 10 + i, 1, 3);
        c->dilation[i] = pick(seed, 20 + i, 1, 2);
        c->padding_begin[i] = pick(seed, 30 + i, 0, 2);
        c->padding_end[i] = pick(seed, 40 + i, 0, 2);
        w[1 + i] = pick(seed, 50 + i, 1, 3);
        x[1 + i] = c->dilation[i] * (w[1 + i] - 1) + pick(seed, 60 + i, 1, 4);
    }
    g->convolution.algorithm = (fv_algorithm)pick(seed, 6, 0, 2);
    return subject_of(g, seed, x, w);
}

/* The definition, in double precision. */
static double definition(const fv_convolution *c, const fv_tensor *x,
                         const fv_tensor *w, const int64_t at[4])
{
    const int64_t *xs = x->shape, *ws = w->shape;
    const int64_t first = at[3] / (ws[0] / c->groups) * ws[3];
    double sum = 0;
    for (int64_t i = 0; i < ws[1] * ws[2] * ws[3]; i++) {
        const int64_t channel = i % ws[3], v = i / ws[3] % ws[2];
        const int64_t u = i / ws[3] / ws[2];
        const int64_t row =
            at[1] * c->stride[0] + u * c->dilation[0] - c->padding_begin[0];
        const int64_t column =
            at[2] * c->stride[1] + v * c->dilation[1] - c->padding_begin[1];
        if (row < 0 || row >= xs[1] || column < 0 || column >= xs[2]) continue;
        sum += number_at(x, ((at[0] * xs[1] + row) * xs[2] + column) * xs[3]
                                + first + channel)
               * number_at(w, at[3] * ws[1] * ws[2] * ws[3] + i);
    }
    return sum;
}

static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 120; seed++) {
        geometry g;
        const subject s = random_subject(&g, seed);
        fv_context *context = context_of(seed % 2 ? FV_F64 : FV_F32);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        fv_variable *result = apply(&g, at);
        assert_ok(context);
        const fv_tensor *y = fv_variable_value(result);
        for (int64_t i = 0; i < fv_tensor_count(y); i++) {
            const int64_t f = i % y->shape[3], j = i / y->shape[3];
            const int64_t place[4] = { j / y->shape[2] / y->shape[1],
                                       j / y->shape[2] % y->shape[1],
                                       j % y->shape[2], f };
            const double expected =
                definition(&g.convolution, fv_variable_value(at[0]),
                           fv_variable_value(at[1]), place)
                + (g.bias ? number_at(fv_variable_value(at[2]), f) : 0);
            assert_near(number_at(y, i), expected, seed % 2 ? 1e-13 : 1e-5);
        }
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 200; seed < 260; seed++) {
        geometry g;
        const subject s = random_subject(&g, seed);
        assert_gradients(&s);
        assert_single(&s, 1e-5);
    }
}

static const geometry plain = { { .groups = 1,
                                  .stride = { 1, 1 },
                                  .dilation = { 1, 1 },
                                  .padding_begin = { 1, 0 },
                                  .padding_end = { 0, 1 } },
                                1 };
static const geometry depthwise = { { .groups = 6,
                                      .stride = { 2, 1 },
                                      .dilation = { 1, 1 },
                                      .padding_begin = { 1, 0 },
                                      .padding_end = { 0, 1 } },
                                    1 };

static subject plain_subject(void)
{
    return subject_of(&plain, 1, (const int64_t[]){ 5, 13, 11, 7 },
                      (const int64_t[]){ 9, 3, 3, 7 });
}

static subject depthwise_subject(void)
{
    return subject_of(&depthwise, 2, (const int64_t[]){ 3, 17, 15, 6 },
                      (const int64_t[]){ 6, 3, 3, 1 });
}

static void test_same_bits(void **state)
{
    (void)state;
    subject s = plain_subject();
    assert_same_bits(&s);
    s = depthwise_subject();
    assert_same_bits(&s);
}

static void test_alone(void **state)
{
    (void)state;
    if (FOREIGN) skip();
    subject s = plain_subject();
    for (int64_t image = 0; image < 5; image += 2) {
        assert_alone(&s, FV_F32, image);
        assert_alone(&s, FV_F64, image);
    }
    s = depthwise_subject();
    assert_alone(&s, FV_F32, 1);
}

/* What nobody wants is not computed, and leaves the others as they are. */
static void test_wanted(void **state)
{
    (void)state;
    const geometry g = { { .groups = 1 }, 1 };
    subject s = subject_of(&g, 3, (const int64_t[]){ 2, 5, 6, 2 },
                           (const int64_t[]){ 3, 2, 3, 2 });
    for (int wanted = 1; wanted < 8; wanted++) {
        for (int k = 0; k < 3; k++) s.operands[k].frozen = !(wanted >> k & 1);
        assert_gradients(&s);
    }
}

/* ---- what is refused --------------------------------------------------- */

static void refuse(const int64_t x[4], const int64_t w[4],
                   const fv_convolution *convolution, const char *sentence)
{
    fv_context *context = context_of(FV_F32);
    const geometry g = { 0 };
    const subject s = subject_of(&g, 0, x, w);
    fv_variable *at[MOST_OPERANDS];
    make_operands(context, &s, at);
    assert_null(fv_conv2d(at[0], at[1], NULL, convolution));
    assert_error(context, sentence);
    fv_context_free(context);
}

#define SHAPE(...) ((const int64_t[]){ __VA_ARGS__ })

static void test_refused(void **state)
{
    (void)state;
    refuse(SHAPE(2, 8, 8, 3), SHAPE(20, 5, 5, 1), NULL,
           "conv2d: input has 3 channels, weight [20, 5, 5, 1] with 1 group "
           "expects 1");
    refuse(SHAPE(2, 8, 8, 1), SHAPE(20, 5, 5, 2),
           &(fv_convolution){ .groups = 2 },
           "conv2d: input has 1 channel, weight [20, 5, 5, 2] with 2 groups "
           "expects 4");
    refuse(SHAPE(1, 3, 3, 1), SHAPE(1, 5, 5, 1), NULL,
           "conv2d: kernel 5x5 exceeds input 3x3 (padding 0)");
    refuse(SHAPE(1, 8, 8, 4), SHAPE(3, 3, 3, 2),
           &(fv_convolution){ .groups = 2 },
           "conv2d: groups 2 does not divide filters 3");
    refuse(SHAPE(1, 8, 8, 1), SHAPE(1, 3, 3, 1),
           &(fv_convolution){ .stride = { -1, 1 } },
           "conv2d: stride -1 is below 1");
    refuse(SHAPE(1, 8, 8, 1), SHAPE(1, 3, 3, 1),
           &(fv_convolution){ .padding_end = { 0, -2 } },
           "conv2d: padding -2 is below 0");
    refuse(SHAPE(1, 8, 8, 1), SHAPE(1, 3, 3, 1),
           &(fv_convolution){ .groups = -1 }, "conv2d: groups -1 is below 1");
    refuse(SHAPE(1, 8, 8, 1), SHAPE(1, 3, 3, 1),
           &(fv_convolution){ .algorithm = (fv_algorithm)77 },
           "conv2d: algorithm 77 is unknown (0 to 7)");
}

static void test_refused_operands(void **state)
{
    fv_context *context = context_of(FV_F32);
    double numbers[64] = { 0 };
    uint8_t bytes[64] = { 0 };
    const fv_tensor image = FV_TENSOR(bytes, FV_U8, 1, 4, 4, 2);
    fv_variable *x = LEAF(context, numbers, 1, 4, 4, 2);
    fv_variable *w = LEAF(context, numbers, 3, 2, 2, 2);
    (void)state;
    assert_null(fv_conv2d(x, w, LEAF(context, numbers, 2), NULL));
    assert_error(context, "conv2d: bias [2] does not fit 3 filters");
    assert_null(fv_conv2d(x, w, LEAF(context, numbers, 1, 3), NULL));
    assert_error(context, "conv2d: bias [1, 3] has rank 2, expected 1");
    assert_null(fv_conv2d(LEAF(context, numbers, 4, 4, 2), w, NULL, NULL));
    assert_error(context, "conv2d: input [4, 4, 2] has rank 3, expected 4");
    assert_null(fv_conv2d(x, LEAF(context, numbers, 3, 8), NULL, NULL));
    assert_error(context, "conv2d: weight [3, 8] has rank 2, expected 4");
    assert_null(fv_conv2d(fv_constant(context, &image), w, NULL, NULL));
    assert_error(context, "conv2d: input is u8, the context computes in f32");
    assert_null(fv_conv2d(x, NULL, NULL, NULL));
    assert_error(context, "conv2d: operand 2 is NULL");
    fv_context_free(context);
}

/* ---- numbers that are none, and no images ------------------------------- */

/* NaN reaches what it touches and nothing else. */
static void test_not_finite(void **state)
{
    (void)state;
    for (int algorithm = 0; algorithm <= FV_CONV_IM2COL_GEMM; algorithm++) {
        fv_context *context = context_of(FV_F32);
        const double x[] = { 1, 2, (double)NAN, 0, 0, 5 };
        const double w[] = { 1, 1 };
        const fv_convolution c = { .algorithm = (fv_algorithm)algorithm };
        fv_variable *y = fv_conv2d(LEAF(context, x, 1, 1, 6, 1),
                                   LEAF(context, w, 1, 1, 2, 1), NULL, &c);
        assert_ok(context);
        for (int64_t i = 0; i < 5; i++) {
            const double is = number_at(fv_variable_value(y), i);
            assert_int_equal(isnan(is) != 0, i == 1 || i == 2);
        }
        fv_context_free(context);
    }
}

/* Infinite weights at the border: padding adds nothing to the definition;
 * others may multiply it. */
static void test_infinite_weight(void **state)
{
    int finite[3] = { 0 };
    (void)state;
    for (int algorithm = 0; algorithm <= FV_CONV_IM2COL_GEMM; algorithm++) {
        fv_context *context = context_of(FV_F32);
        const double x[] = { 1, 2, 3 }, w[] = { (double)INFINITY, 1 };
        const fv_convolution c = { .padding_begin = { 0, 1 },
                                   .padding_end = { 0, 1 },
                                   .algorithm = (fv_algorithm)algorithm };
        fv_variable *y = fv_conv2d(LEAF(context, x, 1, 1, 3, 1),
                                   LEAF(context, w, 1, 1, 2, 1), NULL, &c);
        assert_ok(context);
        for (int64_t i = 0; i < 4; i++)
            finite[algorithm] |=
                (isfinite(number_at(fv_variable_value(y), i)) != 0) << i;
        assert_int_equal(finite[algorithm] & 0xe, 0);
        if (algorithm == FV_CONV_REFERENCE)
            assert_int_equal(finite[algorithm], 1);
        fv_context_free(context);
    }
}

static void test_no_images(void **state)
{
    (void)state;
    const geometry g = { { .groups = 1 }, 1 };
    const subject s = subject_of(&g, 3, SHAPE(0, 5, 6, 2), SHAPE(3, 2, 3, 2));
    fv_context *context = context_of(FV_F32);
    fv_variable *at[MOST_OPERANDS];
    make_operands(context, &s, at);
    fv_variable *y = apply(&g, at);
    assert_ok(context);
    assert_int_equal(fv_variable_value(y)->shape[0], 0);
    assert_int_equal(fv_variable_value(y)->shape[3], 3);
    fv_backprop(y);
    assert_ok(context);
    assert_numbers(fv_variable_grad(at[1]), (const double[36]){ 0 }, 0);
    assert_numbers(fv_variable_grad(at[2]), (const double[3]){ 0 }, 0);
    fv_context_free(context);
    assert_results(&s, FV_F32);
    assert_results(&s, FV_F64);
}

/* Padding by other numbers than zeros: the convolution of the padded image, in
 * all three directions, of any number of axes. */
static void test_padding_modes(void **state)
{
    (void)state;
    for (int mode = FV_PAD_REFLECT; mode <= FV_PAD_CONSTANT; mode++) {
        geometry g = { { .groups = 1,
                         .stride = { 2, 1 },
                         .dilation = { 1, 2 },
                         .padding_begin = { 2, 1 },
                         .padding_end = { 1, 3 },
                         .padding_mode = (fv_padding_mode)mode,
                         .padding_value = 0.75 },
                       1 };
        const subject s =
            subject_of(&g, 8, SHAPE(2, 5, 6, 3), SHAPE(4, 3, 2, 3));
        assert_gradients(&s);
        fv_context *context = context_of(FV_F64);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        const fv_tensor *y = fv_variable_value(apply(&g, at));
        at[0] = fv_pad(at[0], SHAPE(0, 2, 1, 0), SHAPE(0, 1, 3, 0),
                       g.convolution.padding_mode, 0.75);
        const fv_convolution bare = { .stride = { 2, 1 },
                                      .dilation = { 1, 2 } };
        const fv_tensor *other =
            fv_variable_value(fv_conv2d(at[0], at[1], at[2], &bare));
        assert_ok(context);
        assert_true(fv_tensor_same_shape(y, other));
        assert_memory_equal(y->data, other->data, fv__tensor_bytes(y));
        fv_context_free(context);
    }
    refuse(SHAPE(1, 3, 8, 1), SHAPE(1, 3, 3, 1),
           &(fv_convolution){ .padding_end = { 3, 0 },
                              .padding_mode = FV_PAD_REFLECT },
           "conv2d: 3 mirrored elements are more than the 2 that axis 1 of 3 "
           "allows");
    refuse(SHAPE(1, 3, 8, 1), SHAPE(1, 3, 3, 1),
           &(fv_convolution){ .padding_end = { -1, 0 },
                              .padding_mode = FV_PAD_CIRCULAR },
           "conv2d: padding -1 is below 0");
    refuse(SHAPE(1, 3, 8, 1), SHAPE(1, 3, 3, 1),
           &(fv_convolution){ .padding_mode = (fv_padding_mode)5 },
           "conv2d: padding_mode 5 is unknown (0 to 4)");
}

/* Images so large that each is padded by itself, their gradients added to
 * others: as the operator pad and the convolution of its result. */
static void test_padded_slices(void **state)
{
    const int64_t shape[] = { 3, 41, 40, 90 }, w[] = { 2, 3, 3, 90 };
    const geometry g = { { .groups = 1,
                           .padding_begin = { 1, 2 },
                           .padding_end = { 1, 0 },
                           .padding_mode = FV_PAD_CIRCULAR },
                         1 };
    const subject s = subject_of(&g, 4, shape, w);
    fv_tensor values[2], grads[2][3];
    fv_context *context = context_with(FV_F64, 2, NULL);
    (void)state;
    for (int i = 0; i < 2; i++) {
        const fv_convolution bare = { 0 };
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        fv_variable *x = fv_add_number(at[0], 0);
        fv_variable *y =
            i ? fv_conv2d(fv_pad(x, SHAPE(0, 1, 2, 0), SHAPE(0, 1, 0, 0),
                                 FV_PAD_CIRCULAR, 0),
                          at[1], at[2], &bare)
              : fv_conv2d(x, at[1], at[2], &g.convolution);
        fv_variable *loss = fv_add(fv_sum(fv_mul(y, y)), fv_sum(x));
        assert_ok(context);
        values[i] = fv_tensor_dup(context, fv_variable_value(y));
        fv_backprop(loss);
        for (int k = 0; k < 3; k++)
            grads[i][k] = fv_tensor_dup(context, fv_variable_grad(at[k]));
        assert_ok(context);
    }
    assert_memory_equal(values[0].data, values[1].data,
                        fv__tensor_bytes(&values[0]));
    for (int k = 0; k < 3; k++)
        assert_numbers(&grads[0][k], grads[1][k].data, 1e-12);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_wanted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_operands),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_infinite_weight),
        cmocka_unit_test(test_no_images),
        cmocka_unit_test(test_padding_modes),
        cmocka_unit_test(test_padded_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
