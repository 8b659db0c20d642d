/* Attributes of nodes, and lists that were attributes once and are inputs in
 * later versions. */
#include "onnx/in/import.h"

#include <string.h>

const fv__onnx_attribute *fv__onnx_find(const fv__onnx_node *node,
                                        const char *name)
{
    const fv__onnx_node_message *m = node->message;
    for (size_t i = 0; i < m->n_attribute; i++) {
        const fv__onnx_attribute *a = m->attribute[i];
        if (!a->name || strcmp(a->name, name) != 0) continue;
        const bool refers = a->ref_attr_name && *a->ref_attr_name;
        if (!refers) return a;
        return node->caller ? fv__onnx_find(node->caller, a->ref_attr_name)
                            : NULL;
    }
    return NULL;
}

int64_t fv__onnx_int(const fv__onnx_node *node, const char *name,
                     int64_t fallback)
{
    const fv__onnx_attribute *a = fv__onnx_find(node, name);
    return a ? a->i : fallback;
}

double fv__onnx_float(const fv__onnx_node *node, const char *name,
                      double fallback)
{
    const fv__onnx_attribute *a = fv__onnx_find(node, name);
    return a ? (double)a->f : fallback;
}

const char *fv__onnx_text(fv__importer *to, const fv__onnx_node *node,
                          const char *name, const char *fallback)
{
    const fv__onnx_attribute *a = fv__onnx_find(node, name);
    if (!a || !a->s.len) return fallback;
    char *text = fv__onnx_allocate(to, a->s.len + 1);
    if (!text) return fallback;
    memcpy(text, a->s.data, a->s.len);
    text[a->s.len] = '\0';
    return text;
}

const char *fv__onnx_word(fv__importer *to, const fv__onnx_node *node,
                          const char *name, const char *fallback,
                          const char *const words[][2])
{
    const char *word = fv__onnx_text(to, node, name, fallback);
    for (size_t i = 0; words[i][0]; i++)
        if (strcmp(word, words[i][0]) == 0) return words[i][1];
    fv__onnx_refuse(to, node, "%s \"%.40s\" is not supported", name, word);
    return NULL;
}

bool fv__onnx_ints(fv__importer *to, const fv__onnx_node *node,
                   const char *name, fv__list *list)
{
    const fv__onnx_attribute *a = fv__onnx_find(node, name);
    *list = (fv__list){ 0 };
    if (!a) return false;
    if (a->n_ints > FV_MAX_RANK) {
        fv__onnx_refuse(to, node, "%s has %zu numbers, at most %d are read",
                        name, a->n_ints, FV_MAX_RANK);
        return false;
    }
    list->count = (int64_t)a->n_ints;
    for (size_t i = 0; i < a->n_ints; i++) list->at[i] = a->ints[i];
    return true;
}

bool fv__onnx_given(const fv__onnx_node *node, int32_t k, const char *name)
{
    return (k < node->num_inputs && node->inputs[k])
           || fv__onnx_find(node, name);
}

bool fv__onnx_list(fv__importer *to, fv__onnx_node *node, int32_t k,
                   const char *name, fv__list *list)
{
    const fv__value *value = k < node->num_inputs ? node->inputs[k] : NULL;
    if (!value) return fv__onnx_ints(to, node, name, list);
    *list = (fv__list){ 0 };
    if (!value->known.data) {
        fv__onnx_refuse(to, node,
                        "%s depends on the input, which is not supported; fix "
                        "the sizes of the inputs",
                        name);
        return false;
    }
    list->count = fv_tensor_count(&value->known);
    if (value->known.rank > 1 || list->count > FV_MAX_RANK
        || fv__dtype_is_real(value->known.dtype)) {
        fv__onnx_refuse(to, node, "%s is no list of at most %d whole numbers",
                        name, FV_MAX_RANK);
        return false;
    }
    fv__load_integers(value->known.dtype, value->known.data, 1, list->count,
                      list->at);
    return true;
}

bool fv__onnx_axes(fv__importer *to, fv__onnx_node *node, int32_t k,
                   const char *name, int32_t rank, fv__list *axes)
{
    bool seen[FV_MAX_RANK] = { false };
    if (!fv__onnx_list(to, node, k, name, axes)) return false;
    for (int64_t i = 0; i < axes->count; i++) {
        int64_t *axis = &axes->at[i];
        if (*axis < -rank || *axis >= rank) {
            fv__onnx_refuse(to, node, "axis %lld of %d axes", (long long)*axis,
                            rank);
            return false;
        }
        *axis += *axis < 0 ? rank : 0;
        if (seen[*axis]) {
            fv__onnx_refuse(to, node, "axis %lld is named twice",
                            (long long)*axis);
            return false;
        }
        seen[*axis] = true;
    }
    return true;
}
