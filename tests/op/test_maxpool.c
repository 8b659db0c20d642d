/* Tests of the operator maxpool. */
#include "windows.h"

static const double plane[] = {
    1, 1, 2, 4, 5, 6, 7, 8, 3, 2, 1, 0, 1, 2, 3, 4
};

/* ---- cases with complete numbers --------------------------------------- */

typedef struct numbered {
    fv_pooling pooling;
    int64_t out;
    double y[9], dx_ones[16], dx_ascending[16];
} numbered;

static const numbered cases[] = {
    { { .kernel = { 2, 2 } },
      2,
      { 6, 8, 3, 4 },
      { 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1 },
      { 0, 0, 0, 0, 0, 1, 0, 2, 3, 0, 0, 0, 0, 0, 0, 4 } },
    { { .kernel = { 2, 2 }, .stride = { 1, 1 } },
      3,
      { 6, 7, 8, 6, 7, 8, 3, 3, 4 },
      { 0, 0, 0, 0, 0, 2, 2, 2, 1, 0, 0, 0, 0, 0, 1, 1 },
      { 0, 0, 0, 0, 0, 5, 7, 9, 7, 0, 0, 0, 0, 0, 8, 9 } },
    { { .kernel = { 3, 3 },
        .stride = { 2, 2 },
        .padding_begin = { 1, 1 },
        .padding_end = { 1, 1 } },
      2,
      { 6, 8, 6, 8 },
      { 0, 0, 0, 0, 0, 2, 0, 2 },
      { 0, 0, 0, 0, 0, 4, 0, 6 } },
};

static void test_numbers(void **state)
{
    const double ones[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    const double ascending[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const numbered *n = &cases[i / 2];
        fv_context *context = context_of(i % 2 ? FV_F64 : FV_F32);
        fv_variable *x = LEAF(context, plane, 1, 4, 4, 1);
        fv_variable *y = fv_maxpool_of(x, &n->pooling);
        assert_ok(context);
        assert_int_equal(fv_variable_value(y)->shape[1], n->out);
        assert_int_equal(fv_variable_value(y)->shape[2], n->out);
        assert_numbers(fv_variable_value(y), n->y, 0);
        walk_back_from(y, ones);
        assert_numbers(fv_variable_grad(x), n->dx_ones, 0);
        fv_variable_zero_grad(x);
        walk_back_from(fv_maxpool_of(x, &n->pooling), ascending);
        assert_numbers(fv_variable_grad(x), n->dx_ascending, 0);
        fv_context_free(context);
    }
}

/* The first of equals gets the gradient; upstream may be the output itself. */
static void test_ties(void **state)
{
    const double threes[] = { 3, 3, 3, 3 };
    const fv_pooling two = { .kernel = { 2, 2 } };
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, threes, 1, 2, 2, 1);
    (void)state;
    fv_variable *y = fv_maxpool_of(x, &two);
    assert_numbers(fv_variable_value(y), threes, 0);
    fv_backprop(y);
    assert_numbers(fv_variable_grad(x), (const double[]){ 1, 0, 0, 0 }, 0);
    x = LEAF(context, plane, 1, 4, 4, 1);
    walk_back_from(fv_maxpool_of(x, &two), (const double[]){ 6, 8, 3, 4 });
    assert_numbers(
        fv_variable_grad(x),
        (const double[]){ 0, 0, 0, 0, 0, 6, 0, 8, 3, 0, 0, 0, 0, 0, 0, 4 }, 0);
    fv_context_free(context);
}

/* ---- windows of nothing but what is not finite -------------------------- */

static void check_not_finite(const double x[4], double y, const double dx[4])
{
    const fv_pooling two = { .kernel = { 2, 2 } };
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *leaf = LEAF(context, x, 1, 2, 2, 1);
        fv_variable *result = fv_maxpool_of(leaf, &two);
        const double is = number_at(fv_variable_value(result), 0);
        assert_true(isnan(y) ? isnan(is) : is == y);
        fv_backprop(result);
        assert_ok(context);
        assert_numbers(fv_variable_grad(leaf), dx, 0);
        fv_context_free(context);
    }
}

static void test_not_finite(void **state)
{
    const double inf = (double)INFINITY, nan = (double)NAN;
    (void)state;
    check_not_finite((const double[]){ -inf, -inf, -inf, -inf }, -inf,
                     (const double[]){ 1, 0, 0, 0 });
    check_not_finite((const double[]){ nan, nan, nan, nan }, nan,
                     (const double[]){ 1, 0, 0, 0 });
    check_not_finite((const double[]){ 1, 7, nan, 3 }, nan,
                     (const double[]){ 0, 0, 1, 0 });
    check_not_finite((const double[]){ -inf, -inf, -5, -inf }, -5,
                     (const double[]){ 0, 0, 1, 0 });
}

/* ---- random windows ---------------------------------------------------- */

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    return fv_maxpool_of(at[0], user);
}

static subject random_subject(fv_pooling *p, uint64_t seed)
{
    subject s = random_windows(p, seed);
    s.apply = apply;
    return s;
}

/* A permutation of numbers 1/64 apart over a leaf. */
static void spread(fv_variable *leaf, uint64_t seed)
{
    const fv_tensor *value = fv_variable_value(leaf);
    const int64_t count = fv_tensor_count(value);
    double *numbers = malloc((size_t)count * sizeof *numbers);
    assert_non_null(numbers);
    for (int64_t i = 0; i < count; i++) {
        const int64_t j = pick(seed, i, 0, i);
        numbers[i] = numbers[j];
        numbers[j] = (double)i / 64 - 1;
    }
    const fv_tensor apart =
        fv_tensor_of(numbers, FV_F64, value->rank, value->shape);
    assert_int_equal(fv_variable_assign(leaf, &apart), FV_OK);
    free(numbers);
}

/* Largest of a window, by the definition. */
static double largest(const windows *w, const fv_tensor *x, int64_t output)
{
    double best = -(double)INFINITY;
    for (int64_t tap = 0; tap < taps_of(w); tap++) {
        const int64_t element = tap_of(w, output, tap, false);
        if (element >= 0) best = fmax(best, number_at(x, element));
    }
    return best;
}

static void test_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 150; seed++) {
        fv_pooling p;
        const subject s = random_subject(&p, seed);
        fv_context *context = context_of(seed % 2 ? FV_F64 : FV_F32);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        const fv_tensor *x = fv_variable_value(at[0]);
        const fv_tensor *y = fv_variable_value(apply(&p, at));
        const windows w = windows_of(&p, x);
        assert_ok(context);
        assert_int_equal(y->rank, x->rank);
        for (int32_t k = 0; k < w.axes; k++)
            assert_int_equal(y->shape[1 + k], w.out[k]);
        for (int64_t i = 0; i < fv_tensor_count(y); i++)
            assert_true(number_at(y, i) == largest(&w, x, i));
        fv_context_free(context);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 200; seed < 245; seed++) {
        fv_pooling p;
        subject s = random_subject(&p, seed);
        fv_context *context = context_of(FV_F64);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        spread(at[0], seed);
        const double error =
            fv_gradcheck(subject_apply, &s, (fv_variables){ 1, at }, 0, 0);
        assert_ok(context);
        if (!(error < 1e-6))
            fail_msg("seed %d: gradients differ by %g", (int)seed, error);
        fv_context_free(context);
        assert_single(&s, 1e-6);
    }
}

static void test_same_bits(void **state)
{
    const fv_pooling p = { .kernel = { 3, 2 },
                           .stride = { 2, 1 },
                           .padding_begin = { 1, 0 },
                           .padding_end = { 0, 1 } };
    const subject s = { .apply = apply,
                        .user = &p,
                        .seed = 9,
                        .count = 1,
                        .operands = { { 4, { 7, 19, 17, 11 }, -1, 1, 0 } } };
    (void)state;
    assert_same_bits(&s);
    const fv_pooling deep = { .kernel = { 3, 2, 2 },
                              .stride = { 2, 1, 2 },
                              .dilation = { 1, 2, 1 },
                              .padding_begin = { 1, 1 },
                              .ceil_mode = 1 };
    const subject volumes = { .apply = apply,
                              .user = &deep,
                              .seed = 9,
                              .count = 1,
                              .operands = {
                                  { 5, { 3, 6, 7, 5, 19 }, -1, 1, 0 } } };
    assert_same_bits(&volumes);
    assert_alone(&s, FV_F32, 3);
    assert_alone(&s, FV_F64, 6);
}

/* ---- what is refused --------------------------------------------------- */

static void test_refused(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double numbers[64] = { 0 };
    fv_variable *x = LEAF(context, numbers, 1, 4, 4, 2);
    (void)state;
    assert_null(fv_maxpool_of(x, &(fv_pooling){ .kernel = { 5, 2 } }));
    assert_error(
        context,
        "maxpool: kernel 5x2 exceeds input 4x4 (height x width, padding 0)");
    assert_null(fv_maxpool_of(
        x, &(fv_pooling){ .kernel = { 2, 2 }, .padding_end = { 0, 2 } }));
    assert_error(context, "maxpool: padding 2 is not below kernel 2");
    assert_null(fv_maxpool_of(x, &(fv_pooling){ .kernel = { 0, 2 } }));
    assert_error(context, "maxpool: kernel 0 is below 1");
    assert_null(fv_maxpool_of(
        x, &(fv_pooling){ .kernel = { 2, 2 }, .dilation = { 1, -1 } }));
    assert_error(context, "maxpool: dilation -1 is below 1");
    assert_null(fv_maxpool_of(
        x, &(fv_pooling){ .kernel = { 2, 3 }, .dilation = { 1, 2 } }));
    assert_error(context, "maxpool: kernel 2x3 dilated by 1x2 spans 2x5, more "
                          "than the padded input 4x4 (height x width)");
    fv_variable *volume = LEAF(context, numbers, 1, 2, 4, 4, 2);
    assert_null(fv_maxpool_of(volume, &(fv_pooling){ .kernel = { 3, 2, 2 } }));
    assert_error(context, "maxpool: kernel 3x2x2 exceeds input 2x4x4 (depth x "
                          "height x width, padding 0)");
    assert_null(fv_maxpool_of(x, NULL));
    assert_error(context, "maxpool: no kernel is given");
    assert_null(fv_maxpool_of(LEAF(context, numbers, 4, 4),
                              &(fv_pooling){ .kernel = { 2, 2 } }));
    assert_error(context, "maxpool: input [4, 4] has rank 2, expected 3 to 5");
    assert_null(fv_maxpool_of(NULL, NULL));
    assert_ok(context);
    fv_context_free(context);
}

/* Places in a plane are kept in 32 bits; the shape rule alone can tell. */
static void test_large_plane(void **state)
{
    extern const fv_operator fv__op_maxpool;
    const fv_pooling pooling = { .kernel = { 2, 2 },
                                 .stride = { 2, 2 },
                                 .dilation = { 1, 1 } };
    fv_context *context = context_of(FV_F32);
    fv_tensor x = { .dtype = FV_F32,
                    .rank = 4,
                    .shape = { 1, 65536, 32767, 1 } };
    const fv_tensor *inputs[] = { &x };
    fv_tensor output = { 0 };
    fv_inference inference = { .name = "maxpool",
                               .context = context,
                               .attributes = &pooling,
                               .num_inputs = 1,
                               .inputs = inputs,
                               .outputs = &output };
    (void)state;
    assert_int_equal(fv__op_maxpool.infer(&inference), FV_OK);
    assert_true(inference.saved == (size_t)32768 * 16383 * sizeof(int32_t));
    x.shape[2] = 32768;
    assert_int_equal(fv__op_maxpool.infer(&inference), FV_LIMIT);
    assert_error(context, "maxpool: input 65536x32768 has a plane of over "
                          "2147483647 elements");
    fv_context_free(context);
}

static void test_no_images(void **state)
{
    fv_context *context = context_of(FV_F32);
    const double nothing = 0;
    fv_variable *x = LEAF(context, &nothing, 0, 4, 4, 2);
    (void)state;
    fv_variable *y = fv_maxpool_of(x, &(fv_pooling){ .kernel = { 2, 2 } });
    assert_ok(context);
    assert_int_equal(fv_tensor_count(fv_variable_value(y)), 0);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),     cmocka_unit_test(test_ties),
        cmocka_unit_test(test_not_finite),  cmocka_unit_test(test_definition),
        cmocka_unit_test(test_gradients),   cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_no_images),
        cmocka_unit_test(test_large_plane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
