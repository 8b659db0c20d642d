/* Leaves, and the queries of any variable. */
#include "graph/graph.h"

#include <math.h>
#include <string.h>

static void destroy_leaf(void *object)
{
    fv_variable *leaf = object;
    if (leaf->owns_value) fv__release(leaf->context, leaf->value.data);
    if (leaf->owns_grad) fv__release(leaf->context, leaf->grad.data);
    fv__release(leaf->context, leaf);
}

fv_variable *fv__leaf_new(fv_context *context, fv_dtype dtype, int32_t rank,
                          const int64_t shape[])
{
    fv_variable *leaf = fv__allocate_zero(context, FV__RUN, sizeof *leaf);
    if (!leaf) return NULL;
    leaf->context = context;
    leaf->node = -1;
    leaf->requires_grad = true;
    leaf->value = fv_tensor_of(NULL, dtype, rank, shape);
    leaf->grad = leaf->value;
    fv__adopt(context, &leaf->object, destroy_leaf);
    return leaf;
}

fv_status fv__leaf_own(fv_variable *leaf)
{
    if (leaf->value.data) return FV_OK;
    leaf->value.data = fv__allocate_zero(leaf->context, FV__RUN,
                                         fv__tensor_bytes(&leaf->value));
    leaf->owns_value = leaf->value.data != NULL;
    return fv_failed(leaf->context);
}

static void bind(fv_context *context, fv_tensor *tensor, bool *owned,
                 void *data)
{
    if (tensor->data == data) return;
    if (tensor->data) memcpy(data, tensor->data, fv__tensor_bytes(tensor));
    if (*owned) fv__release(context, tensor->data);
    *owned = false;
    tensor->data = data;
}

void fv__leaf_bind_value(fv_variable *leaf, void *data)
{
    bind(leaf->context, &leaf->value, &leaf->owns_value, data);
}

void fv__leaf_bind_grad(fv_variable *leaf, void *data)
{
    bind(leaf->context, &leaf->grad, &leaf->owns_grad, data);
}

fv_tensor *fv__leaf_grad(fv_variable *leaf)
{
    if (!leaf->grad.data) {
        leaf->grad.data = fv__allocate_zero(leaf->context, FV__RUN,
                                            fv__tensor_bytes(&leaf->grad));
        if (!leaf->grad.data) return NULL;
        leaf->owns_grad = true;
    }
    return &leaf->grad;
}

fv_variable *fv_variable_new(fv_context *context, const fv_tensor *value)
{
    if (!fv__tensor_check(context, "variable", value)) return NULL;
    fv_variable *leaf =
        fv__leaf_new(context, context->dtype, value->rank, value->shape);
    if (!leaf) return NULL;
    if (fv__leaf_own(leaf) != FV_OK
        || fv_variable_assign(leaf, value) != FV_OK) {
        fv__destroy(leaf);
        return NULL;
    }
    return leaf;
}

fv_variable *fv_variable_number(fv_context *context, double value)
{
    fv_tensor number = fv_tensor_of(&value, FV_F64, 0, NULL);
    return fv_variable_new(context, &number);
}

fv_status fv_variable_assign(fv_variable *variable, const fv_tensor *value)
{
    if (!variable) return FV_MISUSE;
    fv_context *context = variable->context;
    if (!fv__tensor_check(context, "assign", value)) return fv_failed(context);
    if (variable->graph)
        return fv_fail(context, FV_MISUSE,
                       "assign: only leaves can be written");
    if (!fv_tensor_same_shape(value, &variable->value)) {
        char is[FV__SHAPE_BYTES], expected[FV__SHAPE_BYTES];
        return fv_fail(
            context, FV_MISUSE, "assign: value has shape %s, the variable %s",
            fv__shape_text(is, sizeof is, value->rank, value->shape),
            fv__shape_text(expected, sizeof expected, variable->value.rank,
                           variable->value.shape));
    }
    context->changes++;
    return fv__tensor_assign(context, "assign", &variable->value, value);
}

void fv_variable_free(fv_variable *variable)
{
    if (variable && !variable->graph) fv__destroy(variable);
}

fv_context *fv_variable_context(const fv_variable *variable)
{
    return variable ? variable->context : NULL;
}

const fv_tensor *fv_variable_value(const fv_variable *variable)
{
    return variable ? &variable->value : NULL;
}

void fv_variable_changed(fv_variable *leaf)
{
    if (leaf) leaf->context->changes++;
}

const fv_tensor *fv_variable_grad(fv_variable *variable)
{
    if (!variable) return NULL;
    if (!variable->graph) return fv__leaf_grad(variable);
    return variable->retain_grad && variable->grad.data ? &variable->grad
                                                        : NULL;
}

int fv_variable_requires_grad(const fv_variable *variable)
{
    return variable && variable->requires_grad;
}

fv_status fv_variable_set_requires_grad(fv_variable *variable,
                                        int requires_grad)
{
    if (!variable) return FV_MISUSE;
    if (!fv__ok(variable->context)) return fv_failed(variable->context);
    if (variable->graph)
        return fv_fail(variable->context, FV_MISUSE,
                       "requires_grad: only leaves can be frozen or thawed");
    variable->requires_grad = requires_grad != 0;
    return FV_OK;
}

fv_status fv_variable_retain_grad(fv_variable *variable)
{
    if (!variable) return FV_MISUSE;
    if (!fv__ok(variable->context)) return fv_failed(variable->context);
    if (!variable->requires_grad)
        return fv_fail(variable->context, FV_MISUSE,
                       "retain_grad: the variable requires no gradient");
    variable->retain_grad = true;
    return FV_OK;
}

void fv_variable_zero_grad(fv_variable *variable)
{
    if (variable && !variable->graph && variable->grad.data)
        memset(variable->grad.data, 0, fv__tensor_bytes(&variable->grad));
}

double fv_item(const fv_variable *variable)
{
    if (!variable || !fv__ok(variable->context)) return (double)NAN;
    int64_t count = fv_tensor_count(&variable->value);
    if (count != 1) {
        fv_fail(variable->context, FV_MISUSE,
                "item: the variable has %lld elements, not one",
                (long long)count);
        return (double)NAN;
    }
    const int64_t first[FV_MAX_RANK] = { 0 };
    return fv_tensor_get(variable->context, &variable->value, first);
}
