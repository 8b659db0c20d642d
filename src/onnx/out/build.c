/* Parts of an ONNX graph: nodes with their attributes, and initialisers. */
#include "onnx/out/out.h"

#include <string.h>

void *fv__out_memory(fv__out *out, size_t bytes)
{
    void *memory = fv__arena_allocate(&out->arena, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

bool fv__out_append(fv__out *out, fv__out_list *list, void *item)
{
    if (list->count == list->capacity) {
        const size_t capacity = 2 * list->capacity + 16;
        void **at = fv__out_memory(out, capacity * sizeof *at);
        if (!at) return false;
        if (list->count) memcpy(at, list->at, list->count * sizeof *at);
        list->at = at;
        list->capacity = capacity;
    }
    list->at[list->count++] = item;
    return true;
}

/* ---- variables ----------------------------------------------------------- */

static size_t slot_of(const fv__out *out, const fv_variable *variable)
{
    size_t slot = (size_t)((uintptr_t)variable / 64 * 2654435761u);
    for (;; slot++) {
        slot &= out->entries_capacity - 1;
        const fv__out_entry *at = out->entries[slot];
        if (!at || at->variable == variable) return slot;
    }
}

static bool grow_entries(fv__out *out)
{
    fv__out_entry **former = out->entries;
    const size_t count = out->entries_capacity;
    const size_t capacity = count ? 2 * count : 256;
    fv__out_entry **entries = fv__out_memory(out, capacity * sizeof *entries);
    if (!entries) return false;
    out->entries = entries;
    out->entries_capacity = capacity;
    for (size_t i = 0; i < count; i++)
        if (former[i]) entries[slot_of(out, former[i]->variable)] = former[i];
    return true;
}

fv__out_entry *fv__out_entry_of(fv__out *out, const fv_variable *variable)
{
    if (2 * out->num_entries >= out->entries_capacity && !grow_entries(out))
        return NULL;
    fv__out_entry **entry = &out->entries[slot_of(out, variable)];
    const bool known = *entry != NULL;
    if (!known) *entry = fv__out_memory(out, sizeof **entry);
    if (known || !*entry) return *entry;
    out->num_entries++;
    (*entry)->variable = variable;
    return *entry;
}

/* ---- nodes --------------------------------------------------------------- */

static fv__out_value *new_value(fv__out *out, const char *stem,
                                const char *ending, char separator)
{
    fv__out_value *value = fv__out_memory(out, sizeof *value);
    if (!value) return NULL;
    *value = (fv__out_value){ .stem = stem,
                              .ending = ending,
                              .separator = separator };
    return value;
}

fv__out_value *fv__out_node_of(fv__out *out, const char *type,
                               int32_t num_inputs,
                               fv__out_value *const inputs[])
{
    fv__out_node *node = fv__out_memory(out, sizeof *node);
    const size_t bytes = (size_t)num_inputs * sizeof *inputs;
    if (!node) return NULL;
    *node = (fv__out_node){ .message = FV__ONNX__NODE_PROTO__INIT,
                            .num_inputs = num_inputs,
                            .num_outputs = 1 };
    node->message.op_type = (char *)(uintptr_t)type;
    node->inputs = fv__out_memory(out, bytes);
    node->outputs[0] = new_value(out, out->stem, type, '/');
    if (!node->inputs || !node->outputs[0]
        || !fv__out_append(out, &out->nodes, node))
        return NULL;
    memcpy(node->inputs, inputs, bytes);
    while (node->num_inputs > 0 && !node->inputs[node->num_inputs - 1])
        node->num_inputs--;
    return node->outputs[0];
}

static fv__out_node *last_node(const fv__out *out)
{
    return out->nodes.count && fv__ok(out->context)
               ? out->nodes.at[out->nodes.count - 1]
               : NULL;
}

fv__out_value *fv__out_more(fv__out *out)
{
    fv__out_node *node = last_node(out);
    if (!node) return NULL;
    fv__out_value *value =
        new_value(out, out->stem, node->message.op_type, '/');
    node->outputs[node->num_outputs++] = value;
    return value;
}

static fv__onnx_attribute *
attribute(fv__out *out, const char *name,
          Fv__Onnx__AttributeProto__AttributeType type)
{
    fv__out_node *node = last_node(out);
    fv__onnx_attribute *made = node ? fv__out_memory(out, sizeof *made) : NULL;
    if (!made || node->num_attributes == FV__OUT_MOST_ATTRIBUTES) return NULL;
    *made = (fv__onnx_attribute)FV__ONNX__ATTRIBUTE_PROTO__INIT;
    made->name = (char *)(uintptr_t)name;
    made->has_type = true;
    made->type = type;
    node->attributes[node->num_attributes++] = made;
    return made;
}

void fv__out_int(fv__out *out, const char *name, int64_t number)
{
    fv__onnx_attribute *a =
        attribute(out, name, FV__ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (!a) return;
    a->has_i = true;
    a->i = number;
}

void fv__out_ints(fv__out *out, const char *name, int64_t count,
                  const int64_t numbers[])
{
    fv__onnx_attribute *a =
        attribute(out, name, FV__ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *copy = fv__out_memory(out, (size_t)count * sizeof *copy);
    if (!a || !copy) return;
    memcpy(copy, numbers, (size_t)count * sizeof *copy);
    a->n_ints = (size_t)count;
    a->ints = copy;
}

void fv__out_float(fv__out *out, const char *name, double number)
{
    fv__onnx_attribute *a =
        attribute(out, name, FV__ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (!a) return;
    a->has_f = true;
    a->f = (float)number;
}

void fv__out_word(fv__out *out, const char *name, const char *word)
{
    fv__onnx_attribute *a =
        attribute(out, name, FV__ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    if (!a) return;
    a->has_s = true;
    a->s = (ProtobufCBinaryData){ strlen(word), (uint8_t *)(uintptr_t)word };
}

/* ---- initialisers -------------------------------------------------------- */

fv_tensor fv__out_tensor(fv__out *out, fv_dtype dtype, int32_t rank,
                         const int64_t shape[])
{
    fv_tensor tensor = fv_tensor_of(NULL, dtype, rank, shape);
    tensor.data = fv__out_memory(out, fv__tensor_bytes(&tensor));
    return tensor.data ? tensor : fv__tensor_failed();
}

fv__out_value *fv__out_data(fv__out *out, const char *what,
                            const fv_tensor *data)
{
    fv_tensor *kept = fv__out_memory(out, sizeof *kept);
    fv__out_value *value = new_value(out, out->stem, what, '.');
    if (!kept || !value || !fv__out_append(out, &out->initializers, value))
        return NULL;
    *kept = *data;
    if (!fv_tensor_is_contiguous(data)) {
        *kept = fv__out_tensor(out, data->dtype, data->rank, data->shape);
        if (kept->rank < 0) return NULL;
        fv__tensor_copy_elements(kept, data);
    }
    value->data = kept;
    return value;
}

fv__out_value *fv__out_wholes(fv__out *out, const char *what, int64_t count,
                              const int64_t numbers[])
{
    const fv_tensor tensor = fv__out_tensor(out, FV_I64, 1, &count);
    if (tensor.rank < 0) return NULL;
    memcpy(tensor.data, numbers, (size_t)count * sizeof *numbers);
    return fv__out_data(out, what, &tensor);
}

fv__out_value *fv__out_whole(fv__out *out, const char *what, int64_t number)
{
    fv_tensor tensor = fv__out_tensor(out, FV_I64, 0, NULL);
    if (tensor.rank < 0) return NULL;
    *(int64_t *)tensor.data = number;
    return fv__out_data(out, what, &tensor);
}

fv__out_value *fv__out_scalar(fv__out *out, const char *what, fv_dtype dtype,
                              double number)
{
    const fv_tensor from = fv_tensor_of(&number, FV_F64, 0, NULL);
    const fv_tensor tensor = fv__out_tensor(out, dtype, 0, NULL);
    if (tensor.rank < 0) return NULL;
    fv__tensor_convert_elements(&tensor, &from);
    return fv__out_data(out, what, &tensor);
}

fv__out_value *fv__out_number(fv__out *out, const char *what, double number)
{
    return fv__out_scalar(out, what, out->context->dtype, number);
}

fv__out_value *fv__out_fill(fv__out *out, const char *what, int64_t count,
                            double number)
{
    const fv_tensor tensor =
        fv__out_tensor(out, out->context->dtype, 1, &count);
    if (tensor.rank < 0) return NULL;
    out->context->kernels->fill((size_t)count, number, tensor.data);
    return fv__out_data(out, what, &tensor);
}
