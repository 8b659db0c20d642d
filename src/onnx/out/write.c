/* The messages of an ONNX model: names, types and shapes, and the file. */
#include "onnx/out/out.h"

#include <stdio.h>
#include <string.h>

/* What every reader of operator set 13 and later knows. */
enum { IR_VERSION = 8 };

/* ---- names --------------------------------------------------------------- */

/* Names that are taken: a hash table of texts. */
typedef struct names {
    const char **at;
    size_t capacity;
} names;

static uint64_t digest(const char *text)
{
    uint64_t hash = 14695981039346656037u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

/* Takes the name unless another value has it. */
static bool take(names *taken, const char *name)
{
    size_t slot = (size_t)digest(name);
    for (;; slot++) {
        const char **at = &taken->at[slot & (taken->capacity - 1)];
        if (*at && strcmp(*at, name) == 0) return false;
        if (*at) continue;
        *at = name;
        return true;
    }
}

/* "conv1", "split1:1", "conv1.weight" or "conv1/Transpose", with "_2" and so on
 * behind it if others have that name. */
static fv_status name_value(fv__out *out, names *taken, fv__out_value *value)
{
    if (value->name) return FV_OK;
    const char *ending = value->ending ? value->ending : "";
    char between[16] = "";
    if (value->ending)
        between[0] = value->separator;
    else if (value->number)
        snprintf(between, sizeof between, ":%d", value->number);
    const size_t bytes =
        strlen(value->stem) + strlen(ending) + sizeof between + 16;
    char *name = fv__out_memory(out, bytes);
    if (!name) return fv_failed(out->context);
    const int length =
        snprintf(name, bytes, "%s%s%s", value->stem, between, ending);
    for (int number = 2; !take(taken, name); number++)
        snprintf(name + length, bytes - (size_t)length, "_%d", number);
    value->name = name;
    return FV_OK;
}

static fv_status name_list(fv__out *out, names *taken, const fv__out_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (name_value(out, taken, list->at[i]) != FV_OK) break;
    return fv_failed(out->context);
}

static fv_status name_all(fv__out *out)
{
    size_t count =
        out->inputs.count + out->outputs.count + out->initializers.count + 1;
    for (size_t i = 0; i < out->nodes.count; i++)
        count += (size_t)((const fv__out_node *)out->nodes.at[i])->num_outputs;
    names taken = { .capacity = 16 };
    while (taken.capacity < 2 * count) taken.capacity *= 2;
    taken.at = fv__out_memory(out, taken.capacity * sizeof *taken.at);
    if (!taken.at || name_list(out, &taken, &out->inputs) != FV_OK
        || name_list(out, &taken, &out->outputs) != FV_OK
        || name_list(out, &taken, &out->initializers) != FV_OK)
        return fv_failed(out->context);
    for (size_t i = 0; i < out->nodes.count; i++) {
        const fv__out_node *node = out->nodes.at[i];
        for (int32_t k = 0; k < node->num_outputs; k++)
            if (name_value(out, &taken, node->outputs[k]) != FV_OK)
                return fv_failed(out->context);
    }
    return FV_OK;
}

/* ---- messages ------------------------------------------------------------ */

static char *text(const char *constant) { return (char *)(uintptr_t)constant; }

int32_t fv__out_type(fv_dtype dtype)
{
    switch (dtype) {
    case FV_F32:
        return FV__ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    case FV_F64:
        return FV__ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
    case FV_I64:
        return FV__ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    case FV_I32:
        return FV__ONNX__TENSOR_PROTO__DATA_TYPE__INT32;
    case FV_I16:
        return FV__ONNX__TENSOR_PROTO__DATA_TYPE__INT16;
    case FV_I8:
        return FV__ONNX__TENSOR_PROTO__DATA_TYPE__INT8;
    case FV_U8:
        return FV__ONNX__TENSOR_PROTO__DATA_TYPE__UINT8;
    case FV_BOOL:
        return FV__ONNX__TENSOR_PROTO__DATA_TYPE__BOOL;
    default:
        return FV__ONNX__TENSOR_PROTO__DATA_TYPE__UNDEFINED;
    }
}

static fv__onnx_tensor *tensor_message(fv__out *out, const fv__out_value *value)
{
    fv__onnx_tensor *message = fv__out_memory(out, sizeof *message);
    const fv_tensor *data = value->data;
    int64_t *dims = fv__out_memory(out, sizeof data->shape);
    if (!message || !dims) return NULL;
    *message = (fv__onnx_tensor)FV__ONNX__TENSOR_PROTO__INIT;
    memcpy(dims, data->shape, sizeof data->shape);
    message->name = text(value->name);
    message->has_data_type = true;
    message->data_type = fv__out_type(data->dtype);
    message->n_dims = (size_t)data->rank;
    message->dims = dims;
    message->has_raw_data = true;
    message->raw_data.len = fv__tensor_bytes(data);
    message->raw_data.data = data->data;
    return message;
}

static char **value_names(fv__out *out, int32_t count,
                          fv__out_value *const values[])
{
    char **list = fv__out_memory(out, (size_t)count * sizeof *list);
    for (int32_t k = 0; list && k < count; k++)
        list[k] = text(values[k] ? values[k]->name : "");
    return list;
}

static fv__onnx_node_message *node_message(fv__out *out, fv__out_node *node)
{
    fv__onnx_node_message *message = &node->message;
    message->n_input = (size_t)node->num_inputs;
    message->input = value_names(out, node->num_inputs, node->inputs);
    message->n_output = (size_t)node->num_outputs;
    message->output = value_names(out, node->num_outputs, node->outputs);
    if (!message->input || !message->output) return NULL;
    message->name = message->output[0];
    message->n_attribute = (size_t)node->num_attributes;
    message->attribute = node->attributes;
    return message;
}

/* The name of an open extent of an input: "N", "height", and of several inputs
 * "x_height". */
static const char *extent_name(fv__out *out, const fv__out_value *value,
                               bool batched, int32_t rank, int32_t axis)
{
    static const char *const axes[] = { "depth", "height", "width" };
    const int32_t spatial = rank - 2; /* axes between batch and channels */
    const char *name = "length";
    char *whole;
    if (batched && axis == 0) return "N";
    if (batched && spatial >= 2 && spatial <= 3 && axis <= spatial)
        name = axes[axis - 1 + 3 - spatial];
    const size_t bytes = strlen(value->name) + strlen(name) + 16;
    whole = fv__out_memory(out, bytes);
    if (!whole) return NULL;
    if (!batched || spatial > 3 || (spatial < 2 && axis > 1))
        snprintf(whole, bytes, "%s_%d", value->name, axis);
    else if (out->inputs.count > 1)
        snprintf(whole, bytes, "%s_%s", value->name, name);
    else
        snprintf(whole, bytes, "%s", name);
    return whole;
}

/* The name of an open extent of a result: its own, of an input, or that of the
 * only input with these sizes in the records; NULL: there is none. */
static const char *open_name(fv__out *out, int32_t result, int32_t axis)
{
    const int64_t first = out->results[0][result]->value.shape[axis];
    const int64_t second = out->results[1][result]->value.shape[axis];
    for (size_t k = 0; k < out->inputs.count; k++) {
        const int32_t input = fv__network_input(out->network, (int32_t)k);
        const fv_tensor *a = &out->results[0][input]->value;
        const fv_tensor *b = &out->results[1][input]->value;
        for (int32_t i = 0; i < a->rank; i++)
            if (input == result ? i == axis
                                : a->shape[i] == first && b->shape[i] == second
                                      && (!i || !out->alike))
                return extent_name(out, out->inputs.at[k],
                                   out->network->results[input].batched,
                                   a->rank, i);
    }
    return NULL;
}

typedef Fv__Onnx__TensorShapeProto__Dimension dimension;

/* Extent `axis` of a result: known, open with a name, or not known. */
static dimension *dimension_message(fv__out *out, int32_t result, int32_t axis)
{
    const int64_t first = out->results[0][result]->value.shape[axis];
    const int64_t second = out->results[1][result]->value.shape[axis];
    dimension *message = fv__out_memory(out, sizeof *message);
    if (!message) return NULL;
    *message = (dimension)FV__ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT;
    const char *name = first == second ? NULL : open_name(out, result, axis);
    if (first == second) {
        message->value_case =
            FV__ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        message->dim_value = first;
    } else if (name) {
        message->value_case =
            FV__ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        message->dim_param = text(name);
    }
    return message;
}

typedef Fv__Onnx__TypeProto__Tensor tensor_type;
typedef Fv__Onnx__TensorShapeProto shape_message;

/* An input or an output of the network. */
static fv__onnx_value_info *
value_message(fv__out *out, const fv__out_value *value, int32_t result)
{
    const fv__result *r = &out->network->results[result];
    const fv_tensor *tensor = &out->results[0][result]->value;
    fv__onnx_value_info *message = fv__out_memory(out, sizeof *message);
    fv__onnx_type *type = fv__out_memory(out, sizeof *type);
    tensor_type *of = fv__out_memory(out, sizeof *of);
    shape_message *shape = fv__out_memory(out, sizeof *shape);
    int32_t order[FV_MAX_RANK];
    if (!message || !type || !of || !shape) return NULL;
    *message = (fv__onnx_value_info)FV__ONNX__VALUE_INFO_PROTO__INIT;
    *type = (fv__onnx_type)FV__ONNX__TYPE_PROTO__INIT;
    *of = (tensor_type)FV__ONNX__TYPE_PROTO__TENSOR__INIT;
    *shape = (shape_message)FV__ONNX__TENSOR_SHAPE_PROTO__INIT;
    message->name = text(value->name);
    message->type = type;
    type->value_case = FV__ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = of;
    of->has_elem_type = true;
    of->elem_type = fv__out_type(r->dtype);
    of->shape = shape;
    shape->n_dim = (size_t)tensor->rank;
    shape->dim = fv__out_memory(out, shape->n_dim * sizeof *shape->dim);
    if (!shape->dim) return NULL;
    if (r->batched && fv__dtype_is_real(r->dtype))
        fv__out_first(tensor->rank, order);
    else
        fv__out_same(tensor->rank, order);
    for (int32_t i = 0; i < tensor->rank; i++) {
        shape->dim[i] = dimension_message(out, result, order[i]);
        if (!shape->dim[i]) return NULL;
    }
    return message;
}

/* ---- the graph and the model --------------------------------------------- */

static fv__onnx_value_info **
value_messages(fv__out *out, const fv__out_list *list,
               int32_t (*result)(const fv_network *, int32_t))
{
    fv__onnx_value_info **messages =
        fv__out_memory(out, list->count * sizeof *messages);
    for (size_t i = 0; messages && i < list->count; i++) {
        messages[i] =
            value_message(out, list->at[i], result(out->network, (int32_t)i));
        if (!messages[i]) return NULL;
    }
    return messages;
}

static fv_status fill_graph(fv__out *out, fv__onnx_graph *graph)
{
    graph->name = text("fovea");
    graph->n_input = out->inputs.count;
    graph->input = value_messages(out, &out->inputs, fv__network_input);
    graph->n_output = out->outputs.count;
    graph->output = value_messages(out, &out->outputs, fv__network_output);
    graph->n_initializer = out->initializers.count;
    graph->initializer =
        fv__out_memory(out, graph->n_initializer * sizeof *graph->initializer);
    graph->n_node = out->nodes.count;
    graph->node = fv__out_memory(out, graph->n_node * sizeof *graph->node);
    for (size_t i = 0; fv__ok(out->context) && i < graph->n_initializer; i++)
        graph->initializer[i] = tensor_message(out, out->initializers.at[i]);
    for (size_t i = 0; fv__ok(out->context) && i < graph->n_node; i++)
        graph->node[i] = node_message(out, out->nodes.at[i]);
    return fv_failed(out->context);
}

/* The names of the classes, as "0", "1", ... of the metadata. */
static fv_status fill_metadata(fv__out *out, fv__onnx_model *model)
{
    const int64_t count = out->network->num_class_names;
    typedef Fv__Onnx__StringStringEntryProto pair;
    pair *pairs = fv__out_memory(out, (size_t)count * sizeof *pairs);
    model->n_metadata_props = (size_t)count;
    model->metadata_props =
        fv__out_memory(out, (size_t)count * sizeof *model->metadata_props);
    for (int64_t i = 0; fv__ok(out->context) && i < count; i++) {
        char *key = fv__out_memory(out, 32);
        if (!key) break;
        snprintf(key, 32, "class.%lld", (long long)i);
        pairs[i] = (pair)FV__ONNX__STRING_STRING_ENTRY_PROTO__INIT;
        pairs[i].key = key;
        pairs[i].value = out->network->class_names[i];
        model->metadata_props[i] = &pairs[i];
    }
    return fv_failed(out->context);
}

/* What protobuf writes to. */
typedef struct sink {
    ProtobufCBuffer base;
    fv__writer *writer;
} sink;

static void sink_append(ProtobufCBuffer *buffer, size_t bytes,
                        const uint8_t *data)
{
    fv__write(((sink *)buffer)->writer, data, bytes);
}

static fv_status write_model(fv__out *out, const fv__onnx_model *model,
                             const char *path)
{
    fv__writer writer;
    sink to = { { sink_append }, &writer };
    char shown[256];
    const size_t bytes = fv__onnx__model_proto__get_packed_size(model);
    if (bytes > INT32_MAX)
        return fv_fail(out->context, FV_LIMIT,
                       "%s: an ONNX file has at most 2 GiB, the model has %zu "
                       "bytes",
                       fv__printable(path, strlen(path), shown, sizeof shown),
                       bytes);
    fv__write_begin(&writer, out->context, path);
    fv__onnx__model_proto__pack_to_buffer(model, &to.base);
    return fv__write_end(&writer);
}

fv_status fv__out_write(fv__out *out, const char *path)
{
    Fv__Onnx__OperatorSetIdProto set = FV__ONNX__OPERATOR_SET_ID_PROTO__INIT;
    Fv__Onnx__OperatorSetIdProto *sets[] = { &set };
    fv__onnx_graph graph = FV__ONNX__GRAPH_PROTO__INIT;
    fv__onnx_model model = FV__ONNX__MODEL_PROTO__INIT;
    if (name_all(out) != FV_OK || fill_graph(out, &graph) != FV_OK
        || fill_metadata(out, &model) != FV_OK)
        return fv_failed(out->context);
    set.domain = text("");
    set.has_version = true;
    set.version = out->opset;
    model.has_ir_version = true;
    model.ir_version = IR_VERSION;
    model.producer_name = text("fovea");
    model.n_opset_import = 1;
    model.opset_import = sets;
    model.graph = &graph;
    return write_model(out, &model, path);
}
