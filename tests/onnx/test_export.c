/* ONNX models that are written: the messages read back. */
#include "support.h"

#include "faults.h"
#include "folder.h"
#include "onnx/proto.h"

#include <fovea/onnx.h>

/* Writes a network to `path` and reads the model back; the context goes with
 * it. */
typedef struct written {
    fv_context *context;
    ProtobufCMessage *message;
    const fv__onnx_graph *graph;
    const fv__onnx_model *model;
} written;

static written write_with(const char *text, const fv_onnx_save_options *options)
{
    written w = { .context = fv_context_new(NULL) };
    size_t bytes;
    fv_network *network = fv_network_parse(w.context, text, "test");
    fv_network_save_onnx(network, path, options);
    assert_ok(w.context);
    void *data = fv__read_file(w.context, path, 1 << 24, &bytes);
    w.message = fv__onnx_read(w.context, "model",
                              &fv__onnx__model_proto__descriptor, bytes, data);
    fv__release(w.context, data);
    assert_ok(w.context);
    w.model = (const fv__onnx_model *)w.message;
    w.graph = w.model->graph;
    return w;
}

static written write_text(const char *text) { return write_with(text, NULL); }

static void end(const written *w)
{
    fv__onnx_unread(w->context, w->message);
    fv_context_free(w->context);
}

/* The types of all nodes, with a blank behind each. */
static const char *types_of(const written *w)
{
    static char types[1024];
    types[0] = '\0';
    for (size_t i = 0; i < w->graph->n_node; i++) {
        assert_true(strlen(types) + 40 < sizeof types);
        strcat(types, w->graph->node[i]->op_type);
        strcat(types, " ");
    }
    return types;
}

static const fv__onnx_node_message *node_of(const written *w, const char *name)
{
    for (size_t i = 0; i < w->graph->n_node; i++)
        if (!strcmp(w->graph->node[i]->name, name)) return w->graph->node[i];
    fail_msg("no node %s", name);
    return NULL;
}

static const fv__onnx_tensor *tensor_of(const written *w, const char *name)
{
    for (size_t i = 0; i < w->graph->n_initializer; i++)
        if (!strcmp(w->graph->initializer[i]->name, name))
            return w->graph->initializer[i];
    fail_msg("no initialiser %s", name);
    return NULL;
}

static const fv__onnx_attribute *attribute_of(const fv__onnx_node_message *node,
                                              const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (!strcmp(node->attribute[i]->name, name)) return node->attribute[i];
    fail_msg("no attribute %s", name);
    return NULL;
}

/* "x [N, 3, height, 5]" of an input or output. */
static const char *shape_of(const fv__onnx_value_info *value)
{
    static char text[256];
    const Fv__Onnx__TensorShapeProto *shape = value->type->tensor_type->shape;
    snprintf(text, sizeof text, "%s [", value->name);
    for (size_t i = 0; i < shape->n_dim; i++) {
        const Fv__Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        const size_t length = strlen(text);
        if (dim->value_case
            == FV__ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM)
            snprintf(text + length, sizeof text - length, "%s%s", i ? ", " : "",
                     dim->dim_param);
        else if (dim->value_case)
            snprintf(text + length, sizeof text - length, "%s%lld",
                     i ? ", " : "", (long long)dim->dim_value);
        else
            snprintf(text + length, sizeof text - length, "%s?", i ? ", " : "");
    }
    strcat(text, "]");
    return text;
}

static void test_model(void **state)
{
    (void)state;
    const written w = write_text("input 6 5 3 name=x\n"
                                 "conv2d 4 3 3 name=first\nbatchnorm\nrelu\n"
                                 "maxpool 2 2\nflatten\nlinear 7 name=last\n"
                                 "softmax_cross_entropy\n");
    assert_string_equal(types_of(&w), "Conv BatchNormalization Relu MaxPool "
                                      "Flatten Gemm ");
    assert_int_equal(w.model->ir_version, 8);
    assert_int_equal(w.model->opset_import[0]->version, 28);
    assert_string_equal(shape_of(w.graph->input[0]), "x [N, 3, 6, 5]");
    assert_string_equal(shape_of(w.graph->output[0]), "last [N, 7]");
    const fv__onnx_node_message *conv = node_of(&w, "first");
    assert_string_equal(conv->input[0], "x");
    assert_string_equal(conv->input[1], "first.weight");
    assert_int_equal(attribute_of(conv, "kernel_shape")->ints[1], 3);
    end(&w);
}

/* The weights have the order of axes that ONNX has. */
static void test_weights(void **state)
{
    (void)state;
    fv_context *context = fv_context_new(NULL);
    const written w = write_text("input 6 5 3\nconv2d 4 3 2 name=c\n");
    fv_network *network =
        fv_network_parse(context, "input 6 5 3\nconv2d 4 3 2 name=c\n", "test");
    const fv_named_tensors named = fv_network_weights(network, 0);
    const fv__onnx_tensor *weight = tensor_of(&w, "c.weight");
    const float *at = (const float *)(const void *)weight->raw_data.data;
    assert_ok(context);
    assert_int_equal(weight->n_dims, 4);
    assert_int_equal(weight->dims[1], 3);
    assert_int_equal(weight->dims[3], 2);
    for (int64_t i = 0; i < 4 * 3 * 3 * 2; i++) {
        const int64_t index[] = { i / 18, i / 6 % 3, i / 2 % 3, i % 2 };
        assert_near((double)at[i],
                    fv_tensor_get(context, &named.at[0].tensor, index), 0);
    }
    end(&w);
    fv_context_free(context);
}

/* Nothing is transposed between layers that work on images. */
static void test_orders(void **state)
{
    (void)state;
    written w = write_text("input 6 6 4 name=x\nconv2d 4 3 3 padding=1 name=a\n"
                           "global_average_pool\nconv2d 4 1 1\nsigmoid name=s\n"
                           "mul from=a,s\nconstant 4 name=c\nadd from=mul1,c\n"
                           "softmax axis=3\nconcat from=a,softmax1 axis=1\n"
                           "mean axes=1,2\n");
    assert_string_equal(types_of(&w),
                        "Conv GlobalAveragePool Conv Sigmoid Mul Add Softmax "
                        "Concat ReduceMean ");
    assert_int_equal(attribute_of(node_of(&w, "softmax1"), "axis")->i, 1);
    assert_int_equal(attribute_of(node_of(&w, "concat1"), "axis")->i, 2);
    assert_int_equal(tensor_of(&w, "c.value")->n_dims, 3);
    end(&w);
    w = write_text("input 6 6 4\nlayernorm 1\nconv2d 2 1 1\n");
    assert_string_equal(types_of(&w),
                        "Transpose LayerNormalization Transpose Conv ");
    end(&w);
    w = write_text("input 6 6 4\npermute 0,3,1,2\npermute 0,2,3,1\nrelu\n");
    assert_string_equal(types_of(&w), "Relu ");
    end(&w);
}

static void test_open(void **state)
{
    (void)state;
    written w = write_text("input ? ? 3 name=x\nconv2d 4 3 3 padding=same\n"
                           "resize scale=2\noutput name=y\n");
    assert_string_equal(shape_of(w.graph->input[0]), "x [N, 3, height, width]");
    assert_string_equal(shape_of(w.graph->output[0]), "y [N, 4, ?, ?]");
    end(&w);
    w = write_with("input 4 3\nreshape 0,-1\n",
                   FV_OPTIONS(fv_onnx_save_options, .batch = 5));
    assert_string_equal(shape_of(w.graph->output[0]), "reshape1 [5, 12]");
    end(&w);
    w = write_text("input 6\nreshape 2,3\n"); /* holds for one image alone */
    assert_string_equal(shape_of(w.graph->input[0]), "input1 [1, 6]");
    end(&w);
}

static void test_options(void **state)
{
    (void)state;
    const char *text = "input 6 6 3\nconv2d 4 3 3 bias=no\nbatchnorm\ngelu\n"
                       "flatten\nlinear 3\nsoftmax_cross_entropy\n";
    written w = write_with(text, FV_OPTIONS(fv_onnx_save_options, .fold = 1,
                                            .softmax = 1, .opset = 20));
    assert_string_equal(types_of(&w), "Conv Gelu Flatten Gemm Softmax ");
    assert_int_equal(tensor_of(&w, "conv1.bias")->dims[0], 4);
    assert_string_equal(w.graph->output[0]->name, "linear1");
    end(&w);
    w = write_with(text, FV_OPTIONS(fv_onnx_save_options, .opset = 13));
    assert_string_equal(types_of(&w), "Conv BatchNormalization Mul Erf Add Mul "
                                      "Mul Flatten Gemm ");
    assert_int_equal(w.model->opset_import[0]->version, 13);
    end(&w);
}

/* Several outputs, one of them an input, and layers that share weights. */
static void test_names(void **state)
{
    (void)state;
    const written w = write_text(
        "input 4 4 6 name=x\nsplit 2 name=s\nconv2d 3 1 1 from=s:0 name=c\n"
        "conv2d 3 1 1 from=s:1 weights=c name=d\noutput name=same from=x\n"
        "output name=one from=c\noutput name=two from=d\n"
        "output name=again from=d\n");
    assert_string_equal(types_of(&w), "Split Conv Conv Identity Identity ");
    assert_string_equal(node_of(&w, "s")->output[1], "s:1");
    assert_string_equal(node_of(&w, "two")->input[1], "c.weight");
    assert_string_equal(w.graph->output[0]->name, "same");
    assert_string_equal(w.graph->output[3]->name, "again");
    end(&w);
}

static void test_classes(void **state)
{
    (void)state;
    fv_context *context = fv_context_new(NULL);
    const char *const names[] = { "cat", "dog" };
    size_t bytes;
    fv_network *network = fv_network_parse(
        context, "input 3\nlinear 2\nsoftmax_cross_entropy\n", "test");
    fv_network_set_class_names(network, 2, names);
    fv_network_save_onnx(network, path, NULL);
    assert_ok(context);
    void *data = fv__read_file(context, path, 1 << 20, &bytes);
    ProtobufCMessage *message = fv__onnx_read(
        context, "model", &fv__onnx__model_proto__descriptor, bytes, data);
    const fv__onnx_model *model = (const fv__onnx_model *)message;
    assert_ok(context);
    assert_int_equal(model->n_metadata_props, 2);
    assert_string_equal(model->metadata_props[1]->key, "class.1");
    assert_string_equal(model->metadata_props[1]->value, "dog");
    fv__onnx_unread(context, message);
    fv__release(context, data);
    fv_context_free(context);
}

/* ---- refusals ------------------------------------------------------------ */

static void refuses(const char *text, const fv_onnx_save_options *options,
                    const char *sentence)
{
    fv_context *context = fv_context_new(NULL);
    fv_network *network = fv_network_parse(context, text, "test");
    assert_ok(context);
    fv_network_save_onnx(network, path, options);
    assert_error(context, sentence);
    fv_context_free(context);
}

static void test_refusals(void **state)
{
    (void)state;
    refuses("input 8 8 3 name=x\nresize size=4,4 mode=linear antialias=yes "
            "name=r\n"
            "avgpool 2 2 dilation=2 from=r name=a\n",
            FV_OPTIONS(fv_onnx_save_options, .opset = 13),
            "onnx: cannot be written for operator set 13: r: antialias needs "
            "operator set 18; a: means of dilated windows need operator set "
            "19");
    refuses("input ? ? 3\nadaptive_avgpool 2 2 name=a\n", NULL,
            "onnx: cannot be written for operator set 28: a: windows that "
            "divide an image of open size");
    refuses("input 3\nshape name=s\n", NULL,
            "onnx: cannot be written for operator set 28: s: an output is "
            "known, but depends on the batch or on open sizes");
    refuses("input 3\nlinear 2\n",
            FV_OPTIONS(fv_onnx_save_options, .opset = 12),
            "onnx: operator set 12, expected 13 to 28");
    refuses("input 3\nlinear 2\n",
            FV_OPTIONS(fv_onnx_save_options, .batch = -1),
            "onnx: batch -1, expected 0 (open) or more");
}

static void test_path(void **state)
{
    (void)state;
    fv_context *context = fv_context_new(NULL);
    fv_network *network =
        fv_network_parse(context, "input 3\nlinear 2\n", "test");
    fv_network_save_onnx(network, "", NULL);
    assert_error(context, "onnx: the path is empty");
    fv_network_save_onnx(network, "/nowhere/model.onnx", NULL);
    assert_error(context, "/nowhere/model.onnx: cannot write: No such file or "
                          "directory");
    assert_int_equal(fv_network_save_onnx(NULL, path, NULL), FV_MISUSE);
    fv_context_free(context);
}

/* ---- faults -------------------------------------------------------------- */

static const char everything[] =
    "input 6 5 4 name=x\ninput ? 3 name=t\nconv2d 4 3 3 padding=1 from=x "
    "name=c\nbatchnorm\nadd from=c,batchnorm1\nresize size=4,4\ngroupnorm 2\n"
    "layernorm 1\nadaptive_maxpool 3 3\nchannel_shuffle 2\nlrn 2\nflatten\n"
    "linear 5 name=y\nlstm 2 bidirectional=yes from=t name=l\n"
    "output from=y name=o\noutput from=l name=p\n";

/* Each allocation and each call of the system fails once. */
static void test_faults(void **state)
{
    (void)state;
    bool failed = true;
    for (size_t k = 1; failed; k++) {
        faults_memory memory = { .fail_at = k };
        const fv_allocator allocator = faults_allocator(&memory);
        fv_context *context = fv_context_new(
            FV_OPTIONS(fv_context_options, .allocator = &allocator));
        fv_network *network = fv_network_parse(context, everything, "test");
        fv_network_save_onnx(network, path, NULL);
        failed = memory.calls >= k;
        assert_int_equal(fv_failed(context) != FV_OK, failed);
        fv_context_free(context);
        assert_int_equal(memory.blocks, 0);
        assert_int_equal(memory.wrong, 0);
    }
    failed = true;
    for (size_t k = 1; failed; k++) {
        faults_io calls = { .fail_at = k, .error = 28 };
        const fv_io io = faults_io_table(&calls);
        fv_context *context =
            fv_context_new(FV_OPTIONS(fv_context_options, .io = &io));
        fv_network *network = fv_network_parse(context, everything, "test");
        fv_network_save_onnx(network, path, NULL);
        failed = calls.calls >= k;
        fv_context_free(context);
        assert_int_equal(calls.files, 0);
    }
}

/* The same bytes each time. */
static void test_bytes(void **state)
{
    (void)state;
    static char first[1 << 16];
    size_t bytes, size = 0;
    for (int i = 0; i < 2; i++) {
        const written w = write_text(everything);
        char *data = fv__read_file(w.context, path, sizeof first, &bytes);
        assert_ok(w.context);
        if (i) assert_int_equal(bytes, size);
        if (i) assert_memory_equal(data, first, size);
        memcpy(first, data, bytes);
        size = bytes;
        fv__release(w.context, data);
        end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),   cmocka_unit_test(test_weights),
        cmocka_unit_test(test_orders),  cmocka_unit_test(test_open),
        cmocka_unit_test(test_options), cmocka_unit_test(test_names),
        cmocka_unit_test(test_classes), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_path),    cmocka_unit_test(test_faults),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
