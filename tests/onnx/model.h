/* Small ONNX models made in memory, saved to a temporary file, loaded and run:
 *
 *     model *m = model_new(13);
 *     model_input(m, "x", FLOAT, 2, (int64_t[]){ -1, 3 });
 *     model_floats(m, "b", 1, (int64_t[]){ 3 }, (float[]){ 1, 2, 3 });
 *     model_node(m, "Add", "x,b", "y");
 *     model_output(m, "y");
 *     fv_network *network = model_load(m, context);
 *
 * Attributes are those of the node that was added last. */
#ifndef TESTS_ONNX_MODEL_H
#define TESTS_ONNX_MODEL_H

#include "support.h"

#include "onnx/proto.h"
#include "tensor/tensor.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    FLOAT = FV__ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
    INT32 = FV__ONNX__TENSOR_PROTO__DATA_TYPE__INT32,
    INT64 = FV__ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
    BOOL = FV__ONNX__TENSOR_PROTO__DATA_TYPE__BOOL,
    UINT8 = FV__ONNX__TENSOR_PROTO__DATA_TYPE__UINT8,
    STRING = FV__ONNX__TENSOR_PROTO__DATA_TYPE__STRING
};

enum { MODEL_MOST = 64, MODEL_MEMORY = 1 << 17 };

typedef struct model {
    fv__onnx_model message;
    fv__onnx_graph graph;
    Fv__Onnx__OperatorSetIdProto opset, *opsets[1];
    fv__onnx_node_message *nodes[MODEL_MOST], *node;
    fv__onnx_tensor *initializers[MODEL_MOST];
    fv__onnx_value_info *inputs[MODEL_MOST], *outputs[MODEL_MOST];
    size_t used;
    _Alignas(16) unsigned char memory[MODEL_MEMORY]; /* of all that it has */
} model;

static inline void *model_take(model *m, size_t bytes)
{
    void *at = m->memory + m->used;
    m->used += (bytes + 15) / 16 * 16;
    assert_true(m->used <= MODEL_MEMORY);
    return at;
}

static inline char *model_text(model *m, const char *text, size_t length)
{
    char *copy = model_take(m, length + 1);
    memcpy(copy, text, length);
    return copy;
}

static inline void *model_copy(model *m, const void *from, size_t bytes)
{
    void *copy = model_take(m, bytes + 1);
    return bytes ? memcpy(copy, from, bytes) : copy;
}

/* Free it with free(). */
static inline model *model_new(int64_t version)
{
    model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    fv__onnx__model_proto__init(&m->message);
    fv__onnx__graph_proto__init(&m->graph);
    fv__onnx__operator_set_id_proto__init(&m->opset);
    m->message.has_ir_version = 1;
    m->message.ir_version = 8;
    m->message.graph = &m->graph;
    m->message.opset_import = m->opsets;
    m->message.n_opset_import = 1;
    m->opsets[0] = &m->opset;
    m->opset.has_version = 1;
    m->opset.version = version;
    m->graph.name = model_text(m, "test", 4);
    m->graph.node = m->nodes;
    m->graph.initializer = m->initializers;
    m->graph.input = m->inputs;
    m->graph.output = m->outputs;
    return m;
}

static inline fv__onnx_value_info *model_value(model *m, const char *name,
                                               int32_t type, int32_t rank,
                                               const int64_t dims[])
{
    fv__onnx_value_info *info = model_take(m, sizeof *info);
    fv__onnx_type *is = model_take(m, sizeof *is);
    Fv__Onnx__TypeProto__Tensor *tensor = model_take(m, sizeof *tensor);
    Fv__Onnx__TensorShapeProto *shape = model_take(m, sizeof *shape);
    fv__onnx__value_info_proto__init(info);
    fv__onnx__type_proto__init(is);
    fv__onnx__type_proto__tensor__init(tensor);
    fv__onnx__tensor_shape_proto__init(shape);
    info->name = model_text(m, name, strlen(name));
    info->type = is;
    is->value_case = FV__ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    is->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = type;
    tensor->shape = rank < 0 ? NULL : shape;
    shape->n_dim = rank < 0 ? 0 : (size_t)rank;
    shape->dim = model_take(m, sizeof(void *) * (shape->n_dim + 1));
    for (int32_t i = 0; i < rank; i++) {
        shape->dim[i] = model_take(m, sizeof *shape->dim[i]);
        fv__onnx__tensor_shape_proto__dimension__init(shape->dim[i]);
        if (dims[i] < 0) continue; /* open */
        shape->dim[i]->value_case =
            FV__ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        shape->dim[i]->dim_value = dims[i];
    }
    return info;
}

/* An input; -1: the extent is open. */
static inline void model_input(model *m, const char *name, int32_t type,
                               int32_t rank, const int64_t dims[])
{
    m->inputs[m->graph.n_input++] = model_value(m, name, type, rank, dims);
}

static inline void model_output(model *m, const char *name)
{
    m->outputs[m->graph.n_output++] = model_value(m, name, FLOAT, -1, NULL);
}

static inline fv__onnx_tensor *model_tensor(model *m, const char *name,
                                            int32_t type, int32_t rank,
                                            const int64_t dims[],
                                            const void *data, size_t bytes)
{
    fv__onnx_tensor *t = model_take(m, sizeof *t);
    fv__onnx__tensor_proto__init(t);
    t->name = model_text(m, name, strlen(name));
    t->has_data_type = t->has_raw_data = 1;
    t->data_type = type;
    t->n_dims = (size_t)rank;
    t->dims = model_copy(m, dims, t->n_dims * sizeof *dims);
    for (int32_t i = 0; i < rank; i++) bytes *= (size_t)dims[i];
    t->raw_data.len = bytes;
    t->raw_data.data = model_copy(m, data, bytes);
    return t;
}

/* Initialisers. */
static inline void model_floats(model *m, const char *name, int32_t rank,
                                const int64_t dims[], const float data[])
{
    m->initializers[m->graph.n_initializer++] =
        model_tensor(m, name, FLOAT, rank, dims, data, sizeof *data);
}

static inline void model_ints(model *m, const char *name, int32_t rank,
                              const int64_t dims[], const int64_t data[])
{
    m->initializers[m->graph.n_initializer++] =
        model_tensor(m, name, INT64, rank, dims, data, sizeof *data);
}

static inline void model_bools(model *m, const char *name, int32_t rank,
                               const int64_t dims[], const uint8_t data[])
{
    m->initializers[m->graph.n_initializer++] =
        model_tensor(m, name, BOOL, rank, dims, data, sizeof *data);
}

/* A vector of whole numbers: MODEL_VECTOR(m, "axes", 0, 2). */
#define MODEL_VECTOR(m, name, ...)                                             \
    model_ints((m), (name), 1,                                                 \
               (int64_t[]){ (int64_t)(sizeof((int64_t[]){ __VA_ARGS__ })       \
                                      / sizeof(int64_t)) },                    \
               (int64_t[]){ __VA_ARGS__ })

/* Names separated by commas; "a,,b" leaves the second out. */
static inline size_t model_names(model *m, const char *text, char ***names)
{
    size_t count = 0;
    *names = model_take(m, MODEL_MOST * sizeof **names);
    while (text) {
        const char *end = strchr(text, ',');
        (*names)[count++] =
            model_text(m, text, end ? (size_t)(end - text) : strlen(text));
        text = end ? end + 1 : NULL;
    }
    return count;
}

static inline void model_node(model *m, const char *kind, const char *inputs,
                              const char *outputs)
{
    m->node = model_take(m, sizeof *m->node);
    fv__onnx__node_proto__init(m->node);
    m->node->op_type = model_text(m, kind, strlen(kind));
    m->node->n_input = model_names(m, inputs, &m->node->input);
    m->node->n_output = model_names(m, outputs, &m->node->output);
    m->node->attribute = model_take(m, 8 * sizeof(void *));
    m->nodes[m->graph.n_node++] = m->node;
}

static inline fv__onnx_attribute *model_attribute(model *m, const char *name)
{
    fv__onnx_attribute *a = model_take(m, sizeof *a);
    fv__onnx__attribute_proto__init(a);
    a->name = model_text(m, name, strlen(name));
    m->node->attribute[m->node->n_attribute++] = a;
    return a;
}

static inline void model_int(model *m, const char *name, int64_t number)
{
    fv__onnx_attribute *a = model_attribute(m, name);
    a->has_i = 1;
    a->i = number;
}

static inline void model_float(model *m, const char *name, float number)
{
    fv__onnx_attribute *a = model_attribute(m, name);
    a->has_f = 1;
    a->f = number;
}

static inline void model_word(model *m, const char *name, const char *word)
{
    fv__onnx_attribute *a = model_attribute(m, name);
    a->has_s = 1;
    a->s.len = strlen(word);
    a->s.data = (uint8_t *)model_text(m, word, a->s.len);
}

static inline void model_list(model *m, const char *name, size_t count,
                              const int64_t numbers[])
{
    fv__onnx_attribute *a = model_attribute(m, name);
    a->n_ints = count;
    a->ints = model_copy(m, numbers, count * sizeof *numbers);
}

/* MODEL_LIST(m, "pads", 1, 1) */
#define MODEL_LIST(m, name, ...)                                               \
    model_list((m), (name),                                                    \
               sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t),           \
               (int64_t[]){ __VA_ARGS__ })

/* The context of a test, which is its state, too. */
static fv_context *model_context;

static inline int model_begin(void **state)
{
    *state = model_context = fv_context_new(
        FV_OPTIONS(fv_context_options, .layout = FV_NCHW, .threads = 1));
    return model_context ? 0 : -1;
}

static inline int model_end(void **state)
{
    (void)state;
    fv_context_free(model_context);
    return 0;
}

/* The network, NULL after a failure. */
static inline fv_network *model_load_with(model *m, fv_context *context,
                                          const fv_onnx_options *options)
{
    char path[] = "/tmp/fovea-test-XXXXXX";
    const size_t bytes = fv__onnx__model_proto__get_packed_size(&m->message);
    uint8_t *packed = malloc(bytes);
    assert_non_null(packed);
    fv__onnx__model_proto__pack(&m->message, packed);
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, packed, bytes), bytes);
    close(file);
    free(packed);
    fv_network *network = fv_network_load_onnx(context, path, options);
    unlink(path);
    return network;
}

static inline fv_network *model_load(model *m, fv_context *context)
{
    return model_load_with(m, context, NULL);
}

/* Loads and frees the model, runs it and checks its only output, whose shape
 * and numbers are in the graph's order. */
static inline void model_check(model *m, fv_context *context,
                               int32_t num_inputs,
                               const fv_named_tensor inputs[], int32_t rank,
                               const int64_t shape[], const double expected[])
{
    fv_named_tensor made = { .name = NULL };
    fv_network *network = model_load(m, context);
    free(m);
    assert_ok(context);
    fv_network_run(network, num_inputs, inputs, 1, &made);
    assert_ok(context);
    assert_int_equal(made.tensor.rank, rank);
    for (int32_t i = 0; i < rank; i++)
        assert_int_equal(made.tensor.shape[i], shape[i]);
    const int64_t count = fv_tensor_count(&made.tensor);
    double *numbers = calloc((size_t)count + 1, sizeof *numbers);
    const fv_tensor plain = fv_tensor_of(numbers, FV_F64, rank, shape);
    if (count) fv__tensor_convert_elements(&plain, &made.tensor);
    for (int64_t i = 0; i < count; i++)
        assert_near(numbers[i], expected[i], 1e-5);
    free(numbers);
    fv_network_free(network);
}

#endif
