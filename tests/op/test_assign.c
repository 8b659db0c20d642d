/* Writing a value into a leaf, on the tape and in a plan. */
#include "operands.h"

#include "op/op.h"

static const double numbers[] = { 1, -2, 0.5, 4 };

static void test_tape(void **state)
{
    (void)state;
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *leaf = LEAF(context, numbers, 2, 2);
        fv_variable *twice = fv_mul_number(leaf, 2);
        const uint64_t changes = context->changes;
        const int64_t recorded = fv_tape_count(context);
        assert_int_equal(fv__assign(leaf, twice), FV_OK);
        assert_numbers(fv_variable_value(leaf), (double[]){ 2, -4, 1, 8 }, 0);
        assert_int_equal(context->changes, changes + 1);
        assert_int_equal(fv_tape_count(context), recorded);
        fv_context_free(context);
    }
}

/* The leaf changes when the plan runs, not when it is recorded; what is
 * recorded before reads the old value. */
static void test_plan(void **state)
{
    (void)state;
    fv_context *context = context_of(FV_F64);
    fv_variable *leaf = LEAF(context, numbers, 2, 2);
    fv__graph graph = { 0 };
    fv__graph_begin(&graph, context, true);
    fv_variable *x =
        fv__graph_value(&graph, FV_F64, 2, (const int64_t[]){ 2, 2 });
    fv_variable *sum = fv_add(x, leaf);
    assert_int_equal(fv__assign(leaf, sum), FV_OK);
    x->live_out = sum->live_out = true;
    assert_int_equal(fv__graph_place(&graph, NULL), FV_OK);
    void *block = fv__allocate(context, FV__RUN, graph.block_bytes);
    fv__graph_bind(&graph, block);
    assert_numbers(fv_variable_value(leaf), numbers, 0);
    for (int i = 0; i < 4; i++) ((double *)x->value.data)[i] = 1;
    for (int run = 1; run <= 3; run++) {
        fv__graph_forward(&graph, 0);
        double expected[4];
        for (int i = 0; i < 4; i++) expected[i] = numbers[i] + run;
        assert_numbers(fv_variable_value(leaf), expected, 0);
        assert_numbers(&sum->value, expected, 0);
    }
    fv__release(context, block);
    fv__graph_free(&graph);
    fv_context_free(context);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = context_of(FV_F32);
    fv_variable *leaf = LEAF(context, numbers, 2, 2);
    assert_int_equal(fv__assign(leaf, LEAF(context, numbers, 4)), FV_MISUSE);
    assert_error(context, "assign: operand 2 has shape [4], expected [2, 2]");
    int64_t labels[] = { 1, 2, 3, 4 };
    assert_int_equal(fv__assign(leaf, labels_of(context, labels, 4)),
                     FV_MISUSE);
    assert_error(context, "assign: operand 2 has type i64, expected f32");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tape),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
