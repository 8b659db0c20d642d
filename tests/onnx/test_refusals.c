/* Nodes of operators of elements that are refused, each by its sentence. */
#include "onnx/model.h"

/* A model of one node that reads x [2, 3], m [2, 2], i (whole numbers, [2]) and
 * the constant c [2]; free it after the check. */
static model *one_node(int64_t version, const char *kind, const char *inputs)
{
    model *m = model_new(version);
    model_input(m, "x", FLOAT, 2, (int64_t[]){ 2, 3 });
    model_input(m, "m", FLOAT, 2, (int64_t[]){ 2, 2 });
    model_input(m, "i", INT64, 1, (int64_t[]){ 2 });
    MODEL_VECTOR(m, "c", 0, 0);
    model_node(m, kind, inputs, "y");
    model_output(m, "y");
    return m;
}

static void refused(model *m, const char *why)
{
    assert_null(model_load(m, model_context));
    if (!strstr(fv_error(model_context), why))
        fail_msg("\"%s\" instead of \"%s\"", fv_error(model_context), why);
    assert_int_equal(fv_failed(model_context), FV_UNSUPPORTED);
    fv_clear_error(model_context);
    free(m);
}

static void operands(void **state)
{
    (void)state;
    refused(one_node(13, "Identity", ""), "input 1 is left out");
    refused(one_node(13, "Softmax", ""), "input 1 is left out");
    refused(one_node(13, "Sub", "x"), "1 inputs, expected 2");
    refused(one_node(13, "Where", "x,m"), "2 inputs, expected 3");
    refused(one_node(13, "Max", ",x"), "input 1 is left out");
    refused(one_node(13, "Sum", ""), "input 1 is left out");
    refused(one_node(13, "Add", "x,m"), "differ in shape");
    refused(one_node(13, "Less", "x,i"), "operand 2 has type i64");
    refused(one_node(13, "And", "x,x"), "operand 1 has type f32");
    refused(one_node(13, "CumSum", "x"), "input 2 is left out");
    refused(one_node(13, "CumSum", "x,c"), "2 axes, expected one");
    refused(one_node(13, "CumSum", "x,i"), "axis depends on the input");
    refused(one_node(13, "ReduceSum", "x,i"), "axes depends on the input");
    refused(one_node(13, "ReduceSum", "x,c"), "axis 0 of 2 is named twice");
    refused(one_node(13, "Trilu", "i"), "an input of 1 axes, expected 2");
    model *m = one_node(6, "Add", "x,i");
    model_int(m, "broadcast", 1);
    model_int(m, "axis", 2);
    refused(m, "axis 2 for an input of 2 axes and one of 1");
}

static void attributes(void **state)
{
    (void)state;
    model *m = one_node(20, "Gelu", "x");
    model_word(m, "approximate", "erf");
    refused(m, "approximate \"erf\" is not supported");
    m = one_node(11, "BitShift", "i,i");
    model_word(m, "direction", "UP");
    refused(m, "direction \"UP\" is not supported");
    for (int axis = -3; axis <= 2; axis += 5) {
        static const char *const kinds[] = { "Softmax", "Hardmax", "ArgMax",
                                             "TopK" };
        for (int k = 0; k < 4; k++) {
            char why[64];
            snprintf(why, sizeof why, "axis %d of an input of 2 axes", axis);
            m = one_node(k == 3 ? 9 : 13, kinds[k], "x");
            model_int(m, "axis", axis);
            refused(m, why);
        }
    }
    m = one_node(7, "TopK", "x");
    model_int(m, "k", -1);
    refused(m, "k is -1");
    m = one_node(7, "TopK", "x");
    model_int(m, "k", 4);
    refused(m, "k 4 is outside 0..3");
    m = one_node(11, "ReduceMax", "x");
    MODEL_LIST(m, "axes", 2);
    refused(m, "axis 2 of an input of 2 axes");
}

static void equations(void **state)
{
    (void)state;
    static const struct {
        const char *inputs, *equation, *why;
    } cases[] = {
        { "x", "", "its equation does not fit an input of 2 axes" },
        { "x", "ijk", "its equation does not fit an input of 2 axes" },
        { "x", "i..j", "its equation does not fit an input of 2 axes" },
        { "x", "i1", "its equation does not fit an input of 2 axes" },
        { "x", "ij,ij", "its equation is not of 1 operands" },
        { "x,m", "ij", "its equation is not of 2 operands" },
        { "x", "ij-", "its equation ends in \"-\"" },
        { "x", "ij->i,j", "its equation ends in \",j\"" },
        { "x", "ij->k", "the result of its equation is not possible" },
        { "x", "ij->ii", "the result of its equation is not possible" },
        { "x", "ij->i?", "the result of its equation is wrong" },
        { "x", "ij->abcdefghijklm", "the result of its equation is wrong" },
        { "x", "ii->i", "the sizes of axes of one label differ" },
        { "m,m,m,m,m,m", "ab,cd,ef,gh,ij,bi->acdefghj",
          "its product has more than 8 axes" },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        model *m = one_node(12, "Einsum", cases[k].inputs);
        model_word(m, "equation", cases[k].equation);
        refused(m, cases[k].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operands),
        cmocka_unit_test(attributes),
        cmocka_unit_test(equations),
    };
    return cmocka_run_group_tests(tests, model_begin, model_end);
}
