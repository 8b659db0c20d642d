/* ONNX files that are damaged, or lie: each is refused with a sentence, or read
 * as what it says; nothing crashes, hangs or allocates what a file claims. */
#include "onnx/model.h"

#include "onnx/onnx.h"

/* A small network: a convolution, a branch, a reshape, a product. */
static model *small(void)
{
    model *m = model_new(13);
    model_input(m, "x", FLOAT, 4, (int64_t[]){ -1, 1, 6, 6 });
    float weights[2 * 9] = { 0.5F }, matrix[72 * 3] = { 0.25F };
    model_floats(m, "w", 4, (int64_t[]){ 2, 1, 3, 3 }, weights);
    MODEL_VECTOR(m, "shape", 0, -1);
    model_floats(m, "b", 2, (int64_t[]){ 72, 3 }, matrix);
    model_node(m, "Conv", "x,w", "a");
    MODEL_LIST(m, "pads", 1, 1, 1, 1);
    model_node(m, "Relu", "a", "r");
    model_node(m, "Reshape", "r,shape", "f");
    model_node(m, "Gemm", "f,b", "y");
    model_output(m, "y");
    return m;
}

static uint8_t *pack(model *m, size_t *bytes)
{
    *bytes = fv__onnx__model_proto__get_packed_size(&m->message);
    uint8_t *packed = malloc(*bytes);
    assert_non_null(packed);
    fv__onnx__model_proto__pack(&m->message, packed);
    return packed;
}

/* Loads bytes; a failure has a sentence. Returns whether it is a network. */
static bool loads(fv_context *ctx, const uint8_t *from, size_t bytes)
{
    /* exactly so many bytes, so that a read behind them is seen */
    uint8_t *data = malloc(bytes ? bytes : 1);
    assert_non_null(data);
    memcpy(data, from, bytes);
    fv_network *network =
        fv__onnx_load(ctx, "folder/model.onnx", data, bytes, NULL);
    free(data);
    assert_int_equal(!network, fv_failed(ctx) != FV_OK);
    if (!network) assert_true(strlen(fv_error(ctx)) > 10);
    fv_network_free(network);
    fv_clear_error(ctx);
    return network != NULL;
}

static void test_truncated(void **state)
{
    size_t bytes;
    model *m = small();
    uint8_t *packed = pack(m, &bytes);
    assert_true(loads(*state, packed, bytes));
    for (size_t i = 0; i < bytes; i++) loads(*state, packed, i);
    free(packed);
    free(m);
}

static void test_flipped(void **state)
{
    size_t bytes;
    model *m = small();
    uint8_t *packed = pack(m, &bytes);
    for (size_t i = 0; i < bytes; i++)
        for (int change = 0; change < 4; change++) {
            const uint8_t was = packed[i];
            packed[i] = (uint8_t[]){ 0, 0xFF, (uint8_t)(was + 1),
                                     (uint8_t)(was ^ 0x80) }[change];
            loads(*state, packed, bytes);
            packed[i] = was;
        }
    free(packed);
    free(m);
}

static void refused(fv_context *ctx, model *m, const char *sentence)
{
    assert_null(model_load(m, ctx));
    free(m);
    const char *error = fv_error(ctx);
    if (!strstr(error, sentence))
        fail_msg("\"%s\" lacks \"%s\"", error, sentence);
    fv_clear_error(ctx);
}

static model *begin(void)
{
    model *m = model_new(13);
    model_input(m, "x", FLOAT, 2, (int64_t[]){ -1, 4 });
    return m;
}

static void test_graphs(void **state)
{
    fv_context *ctx = *state;
    model *m = begin();
    model_node(m, "Add", "x,b", "a");
    model_node(m, "Relu", "a", "b");
    model_output(m, "b");
    refused(ctx, m, "\"b\" is neither an input nor made by a node before it");
    m = begin();
    model_node(m, "Relu", "y", "y");
    model_output(m, "y");
    refused(ctx, m, "\"y\" is neither an input nor made by a node before it");
    m = begin();
    model_node(m, "Relu", "x", "y");
    model_node(m, "Abs", "x", "y");
    model_output(m, "y");
    refused(ctx, m, "two nodes or inputs make \"y\"");
    m = begin();
    model_node(m, "Relu", "x", "x");
    model_output(m, "x");
    refused(ctx, m, "two nodes or inputs make \"x\"");
    m = begin();
    model_output(m, "nothing");
    refused(ctx, m, "nothing makes the output \"nothing\"");
    m = begin();
    model_node(m, "Nonsense", "x", "a");
    model_node(m, "Relu", "a", "b");
    model_node(m, "Loop", "b", "c");
    model_node(m, "Rubbish", "x", "d");
    model_node(m, "Add", "c,d", "y");
    model_output(m, "y");
    refused(ctx, m,
            "2 nodes cannot be read: Nonsense-13 \"a\": the operator "
            "Nonsense is not supported; Rubbish-13 \"d\"");
    m = begin();
    m->message.graph = NULL;
    refused(ctx, m, "it has no graph");
    m = begin();
    model_node(m, "Relu", "x", "y");
    refused(ctx, m, "its graph has no output");
    m = begin();
    m->message.ir_version = 2;
    model_node(m, "Relu", "x", "y");
    model_output(m, "y");
    refused(ctx, m, "files before IR version 3 are not supported");
    m = begin();
    model_input(m, "x", FLOAT, 2, (int64_t[]){ -1, 4 });
    model_node(m, "Relu", "x", "y");
    model_output(m, "y");
    refused(ctx, m, "there are two inputs \"x\"");
}

static void test_inputs(void **state)
{
    fv_context *ctx = *state;
    model *m = begin();
    model_input(m, "s", STRING, 1, (int64_t[]){ 4 });
    model_node(m, "Relu", "x", "y");
    model_output(m, "y");
    refused(ctx, m, "input \"s\" is no tensor of numbers");
    m = begin();
    model_input(m, "u", FLOAT, -1, NULL);
    model_node(m, "Relu", "u", "y");
    model_output(m, "y");
    refused(ctx, m, "input \"u\" has an unknown number of axes");
    m = begin();
    model_input(m, "huge", FLOAT, 3,
                (int64_t[]){ -1, (int64_t)1 << 40, (int64_t)1 << 40 });
    model_node(m, "Relu", "huge", "y");
    model_output(m, "y");
    refused(ctx, m, "too many elements");
}

/* Tensors that claim what they do not have. */
static void test_tensors(void **state)
{
    fv_context *ctx = *state;
    model *m = begin();
    const float one[4] = { 1, 1, 1, 1 };
    model_floats(m, "b", 1, (int64_t[]){ 4 }, one);
    m->initializers[0]->dims[0] = (int64_t)1 << 40;
    model_node(m, "Add", "x,b", "y");
    model_output(m, "y");
    refused(ctx, m, "16 bytes of numbers, its shape has 4398046511104");
    m = begin();
    model_floats(m, "b", 1, (int64_t[]){ 4 }, one);
    m->initializers[0]->dims[0] = -4;
    model_node(m, "Add", "x,b", "y");
    model_output(m, "y");
    refused(ctx, m, "shape [-4] is not possible");
    m = begin();
    model_floats(m, "b", 1, (int64_t[]){ 4 }, one);
    m->initializers[0]->data_type = STRING;
    model_node(m, "Add", "x,b", "y");
    model_output(m, "y");
    refused(ctx, m, "element type, number 8, is not supported");
    m = begin();
    model_floats(m, "b", 1, (int64_t[]){ 4 }, one);
    model_floats(m, "b", 1, (int64_t[]){ 4 }, one);
    model_node(m, "Add", "x,b", "y");
    model_output(m, "y");
    refused(ctx, m, "there are two tensors \"b\"");
}

static void test_external(void **state)
{
    fv_context *ctx = *state;
    static const char *const locations[] = { "../secret", "/etc/passwd",
                                             "a/../../b", "..",
                                             "",          "a/.." };
    const float one[4] = { 1, 1, 1, 1 };
    for (size_t i = 0; i < sizeof locations / sizeof *locations; i++) {
        model *m = begin();
        model_floats(m, "b", 1, (int64_t[]){ 4 }, one);
        fv__onnx_tensor *t = m->initializers[0];
        Fv__Onnx__StringStringEntryProto entry, *entries[] = { &entry };
        fv__onnx__string_string_entry_proto__init(&entry);
        entry.key = model_text(m, "location", 8);
        entry.value = model_text(m, locations[i], strlen(locations[i]));
        t->has_data_location = 1;
        t->data_location = FV__ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
        t->n_external_data = 1;
        t->external_data = entries;
        model_node(m, "Add", "x,b", "y");
        model_output(m, "y");
        refused(ctx, m, "is not in the folder of the model");
    }
}

/* A function that calls itself, and one hundred that call the next. */
static void test_functions(void **state)
{
    fv_context *ctx = *state;
    enum { FUNCTIONS = 100 };
    for (int32_t depth = 1; depth <= FUNCTIONS; depth += FUNCTIONS - 1) {
        model *m = begin();
        fv__onnx_function functions[FUNCTIONS], *list[FUNCTIONS];
        fv__onnx_node_message nodes[FUNCTIONS], *bodies[FUNCTIONS][1];
        char names[FUNCTIONS + 1][16];
        char *in[] = { model_text(m, "in", 2) };
        char *out[] = { model_text(m, "out", 3) };
        char domain[] = "own";
        for (int32_t i = 0; i <= FUNCTIONS; i++)
            snprintf(names[i], sizeof names[i], "F%d", i % depth);
        if (depth > 1) snprintf(names[depth], sizeof names[depth], "F0");
        for (int32_t i = 0; i < depth; i++) {
            fv__onnx__function_proto__init(&functions[i]);
            fv__onnx__node_proto__init(&nodes[i]);
            nodes[i].op_type = names[i + 1];
            nodes[i].domain = domain;
            nodes[i].n_input = nodes[i].n_output = 1;
            nodes[i].input = in;
            nodes[i].output = out;
            bodies[i][0] = &nodes[i];
            functions[i].name = names[i];
            functions[i].domain = domain;
            functions[i].n_input = functions[i].n_output = 1;
            functions[i].input = in;
            functions[i].output = out;
            functions[i].n_node = 1;
            functions[i].node = bodies[i];
            list[i] = &functions[i];
        }
        m->message.n_functions = (size_t)depth;
        m->message.functions = list;
        model_node(m, "F0", "x", "y");
        m->node->domain = domain;
        model_output(m, "y");
        refused(ctx, m, "functions or branches are nested more than 64 deep");
    }
}

/* Graphs within attributes of nodes of graphs, without end. */
static void test_nested_messages(void **state)
{
    enum { DEEP = 20000, PER_LEVEL = 24 };
    uint8_t *bytes = malloc((size_t)DEEP * PER_LEVEL);
    assert_non_null(bytes);
    /* written from the end: each level is a field of the one before */
    size_t used = 0, length = 0;
    static const uint8_t fields[] = { 0x0A, 0x2A,
                                      0x32 }; /* node, attribute, g */
    for (int level = 0; level < DEEP; level++) {
        uint8_t *end = bytes + (size_t)DEEP * PER_LEVEL - used;
        uint8_t varint[10];
        int n = 0;
        for (size_t rest = length; n == 0 || rest; rest >>= 7)
            varint[n++] = (uint8_t)(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0);
        memcpy(end - n, varint, (size_t)n);
        end[-n - 1] =
            level == DEEP - 1 ? 0x3A /* graph */ : fields[2 - level % 3];
        used += (size_t)n + 1;
        length += (size_t)n + 1;
    }
    assert_false(loads(*state, bytes + (size_t)DEEP * PER_LEVEL - used, used));
    free(bytes);
}

/* What the fuzzer of scripts/fuzz found. */
static void test_found(void **state)
{
    /* an output that is an initializer */
    model *m = model_new(13);
    model_floats(m, "y", 1, (int64_t[]){ 2 }, (float[]){ 3, 4 });
    model_output(m, "y");
    model_check(m, *state, 0, NULL, 1, (int64_t[]){ 2 }, (double[]){ 3, 4 });
    /* more parts than a list holds, one of them negative */
    m = model_new(11);
    model_input(m, "x", FLOAT, 2, (int64_t[]){ 1, 8 });
    model_node(m, "Split", "x", "a,b,c,d,e,f,g,h,y");
    MODEL_LIST(m, "split", 1, 1, 1, 1, 1, 1, 1, INT64_MIN, 1);
    model_output(m, "y");
    refused(*state, m, "a part of size -9223372036854775808");
    /* numbers beyond whole ones */
    m = model_new(13);
    model_input(m, "x", INT64, 2, (int64_t[]){ 1, 8 });
    model_node(m, "IsInf", "x", "y");
    model_output(m, "y");
    refused(*state, m, "whole numbers are not infinite");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_truncated, model_begin, model_end),
        cmocka_unit_test_setup_teardown(test_flipped, model_begin, model_end),
        cmocka_unit_test_setup_teardown(test_graphs, model_begin, model_end),
        cmocka_unit_test_setup_teardown(test_inputs, model_begin, model_end),
        cmocka_unit_test_setup_teardown(test_tensors, model_begin, model_end),
        cmocka_unit_test_setup_teardown(test_external, model_begin, model_end),
        cmocka_unit_test_setup_teardown(test_functions, model_begin, model_end),
        cmocka_unit_test_setup_teardown(test_found, model_begin, model_end),
        cmocka_unit_test_setup_teardown(test_nested_messages, model_begin,
                                        model_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
