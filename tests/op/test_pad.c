/* Tests of the operator pad. */
#include "operands.h"

typedef struct padding {
    int32_t rank;
    int64_t shape[FV_MAX_RANK], begin[FV_MAX_RANK], end[FV_MAX_RANK];
    fv_padding_mode mode;
} padding;

static fv_variable *apply(const void *user, fv_variable *const at[])
{
    const padding *p = user;
    return fv_pad(at[0], p->begin, p->end, p->mode, 2.5);
}

static subject subject_of(const padding *p, uint64_t seed)
{
    subject s = { .apply = apply,
                  .user = p,
                  .seed = seed,
                  .count = 1,
                  .operands = { { p->rank, { 0 }, -1, 1, 0 } } };
    memcpy(s.operands[0].shape, p->shape, sizeof p->shape);
    return s;
}

/* Axes of 1 to 5; padding of about half of them, some of it negative. */
static padding random_padding(uint64_t seed)
{
    padding p = { .rank = (int32_t)pick(seed, 0, 1, 4),
                  .mode = (fv_padding_mode)(seed % 5) };
    for (int32_t i = 0; i < p.rank; i++) {
        const int64_t in = p.shape[i] = pick(seed, 10 + i, 1, 5);
        const int64_t most = p.mode == FV_PAD_REFLECT    ? in - 1
                             : p.mode == FV_PAD_CIRCULAR ? in
                                                         : 3;
        if (pick(seed, 20 + i, 0, 1)) continue;
        p.begin[i] = pick(seed, 30 + i, in > 2 ? -1 : 0, most);
        p.end[i] = pick(seed, 40 + i, in > 2 ? -1 : 0, most);
    }
    return p;
}

/* The input at a position of an axis, found by steps to the inside. */
static int64_t source(fv_padding_mode mode, int64_t q, int64_t n)
{
    while (q < 0 || q >= n) {
        if (mode == FV_PAD_ZEROS || mode == FV_PAD_CONSTANT) return -1;
        if (mode == FV_PAD_REPLICATE) q += q < 0 ? 1 : -1;
        if (mode == FV_PAD_CIRCULAR) q += q < 0 ? n : -n;
        if (mode == FV_PAD_REFLECT) q = q < 0 ? -q : n - 1 - (q - (n - 1));
    }
    return q;
}

static void check_values(const padding *p, uint64_t seed)
{
    const subject s = subject_of(p, seed);
    fv_context *context = context_of(seed % 2 ? FV_F64 : FV_F32);
    fv_variable *at[MOST_OPERANDS];
    make_operands(context, &s, at);
    const fv_tensor *x = fv_variable_value(at[0]);
    const fv_tensor *y = fv_variable_value(apply(p, at));
    assert_ok(context);
    assert_int_equal(y->rank, p->rank);
    for (int64_t i = 0; i < fv_tensor_count(y); i++) {
        int64_t rest = i, from = 0, step = 1;
        for (int32_t axis = p->rank - 1; axis >= 0; axis--) {
            const int64_t q =
                source(p->mode, rest % y->shape[axis] - p->begin[axis],
                       p->shape[axis]);
            rest /= y->shape[axis];
            from = q < 0 || from < 0 ? -1 : from + q * step;
            step *= p->shape[axis];
        }
        const double number = p->mode == FV_PAD_CONSTANT ? 2.5 : 0;
        assert_near(number_at(y, i), from < 0 ? number : number_at(x, from), 0);
    }
    fv_context_free(context);
}

static void test_values(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        const padding p = random_padding(seed);
        check_values(&p, seed);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (uint64_t seed = 500; seed < 560; seed++) {
        const padding p = random_padding(seed);
        const subject s = subject_of(&p, seed);
        assert_gradients(&s);
    }
}

/* Large enough for several items. */
static void test_same_bits(void **state)
{
    (void)state;
    for (int mode = 0; mode <= FV_PAD_CONSTANT; mode++) {
        const padding image = { .rank = 4,
                                .shape = { 2, 37, 41, 3 },
                                .begin = { 0, 5, 36 },
                                .end = { 0, 36, 2 },
                                .mode = (fv_padding_mode)mode };
        const padding rows = { .rank = 2,
                               .shape = { 301, 41 },
                               .begin = { 0, 1 },
                               .end = { 0, 40 },
                               .mode = (fv_padding_mode)mode };
        subject s = subject_of(&image, 1);
        assert_same_bits(&s);
        assert_alone(&s, FV_F32, 1);
        check_values(&image, 1);
        s = subject_of(&rows, 2);
        assert_same_bits(&s);
        check_values(&rows, 2);
    }
}

static void test_empty(void **state)
{
    (void)state;
    for (int mode = 0; mode <= FV_PAD_CONSTANT; mode++) {
        const padding p = { .rank = 3,
                            .shape = { 0, 4, 2 },
                            .begin = { 0, 1 },
                            .end = { 0, 2 },
                            .mode = (fv_padding_mode)mode };
        const subject s = subject_of(&p, 1);
        assert_results(&s, FV_F32);
    }
}

static void test_refused(void **state)
{
    static const struct {
        int64_t begin[2], end[2];
        int mode;
        const char *sentence;
    } cases[] = {
        { { 0, 4 },
          { 0 },
          FV_PAD_REFLECT,
          "pad: 4 mirrored elements are more than the 3 that axis 1 of 4 "
          "allows" },
        { { 0, 0 },
          { 0, 5 },
          FV_PAD_CIRCULAR,
          "pad: 5 copies of the other end are more than the 4 that axis 1 of 4 "
          "allows" },
        { { -2, 0 },
          { -1, 0 },
          FV_PAD_ZEROS,
          "pad: axis 0 of 3 has no elements left between -2 and -1" },
        { { -4, 0 },
          { 3, 0 },
          FV_PAD_ZEROS,
          "pad: axis 0 of 3 has no elements left between -4 and 3" },
        { { 0 }, { 0 }, 5, "pad: mode 5 is unknown (0 to 4)" },
        { { 0 }, { 0 }, -1, "pad: mode -1 is unknown (0 to 4)" },
    };
    const double numbers[12] = { 0 };
    fv_context *context = context_of(FV_F32);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(fv_pad(LEAF(context, numbers, 3, 4), cases[i].begin,
                           cases[i].end, (fv_padding_mode)cases[i].mode, 0));
        assert_error(context, cases[i].sentence);
    }
    assert_null(
        fv_pad(fv_variable_number(context, 1), NULL, NULL, FV_PAD_ZEROS, 0));
    assert_error(context, "pad: operand 1 has rank 0, expected 1 or more");
    fv_context_free(context);
}

/* Numbers for fewer axes than there are, and for one side. */
static void test_layer(void **state)
{
    static const struct {
        const char *line;
        int64_t shape[3];
    } cases[] = {
        { "pad 1", { 6, 5, 2 } },
        { "pad 1 2 mode=reflect", { 6, 9, 2 } },
        { "pad 1 0 3 after=0,1", { 5, 6, 5 } },
        { "pad after=0,-2 mode=constant value=3", { 4, 3, 2 } },
        { "pad 1 axis=3", { 4, 5, 4 } },
        { "pad 0 1 axis=0", { 6, 5, 2 } },
    };
    char text[100];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fv_context *context = context_of(FV_F32);
        snprintf(text, sizeof text, "input 4 5 2\n%s\n", cases[i].line);
        fv_network *net = fv_network_parse(context, text, "t");
        assert_ok(context);
        assert_string_equal(fv_network_text(net), text);
        const fv_shape out = fv_network_output_shape(net);
        for (int k = 0; k < 3; k++)
            assert_int_equal(out.extent[k], cases[i].shape[k]);
        fv_context_free(context);
    }
    fv_context *context = context_of(FV_F32);
    assert_null(fv_network_parse(context, "input 4\npad 1 1\n", "t"));
    assert_error(context, "t:2:1: pad1: padding of 2 axes, the input has 1");
    fv_context_free(context);
}

/* Padding that is known when the plan is made, and whole numbers. */
static void test_inputs(void **state)
{
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_network *net = fv_network_parse(
        context,
        "input 3 type=i64 name=x\n"
        "constant 2 values=0,-1 type=i64 name=before\n"
        "constant 2 values=0,2 type=i64 name=after\n"
        "pad mode=constant value=-7 from=x,before,after name=y\n"
        "pad mode=reflect from=x,before name=z\n"
        "output name=p from=y\noutput name=q from=z\n",
        "t");
    int64_t numbers[] = { 1, 2, 3, 4, 5, 6 };
    const fv_named_tensor x = { "x", FV_TENSOR(numbers, FV_I64, 2, 3) };
    fv_named_tensor made[2] = { { .name = NULL }, { .name = NULL } };
    assert_ok(context);
    fv_network_run(net, 1, &x, 2, made);
    assert_ok(context);
    const int64_t y[] = { 2, 3, -7, -7, 5, 6, -7, -7 }, z[] = { 2, 5 };
    assert_int_equal(made[0].tensor.dtype, FV_I64);
    assert_int_equal(fv_tensor_count(&made[0].tensor), 8);
    assert_int_equal(fv_tensor_count(&made[1].tensor), 2);
    assert_memory_equal(made[0].tensor.data, y, sizeof y);
    assert_memory_equal(made[1].tensor.data, z, sizeof z);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_layer),
        cmocka_unit_test(test_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
