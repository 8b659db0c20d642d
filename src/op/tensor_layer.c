/* What the layers of tensor operators share. */
#include "op/tensor_layer.h"

#include <math.h>
#include <string.h>

const void *fv__local_options(const fv_layer_options *given, void *local)
{
    size_t size;
    if (!given || given->size != sizeof *given) return given;
    memcpy(&size, local, sizeof size);
    memcpy(local, given, sizeof *given);
    return memcpy(local, &size, sizeof size);
}

int32_t fv__list_axes(const fv__list *list, int32_t axes[FV_MAX_RANK])
{
    for (int64_t i = 0; i < list->count; i++)
        axes[i] = (int32_t)fv__max(fv__min(list->at[i], INT32_MAX), -INT32_MAX);
    return (int32_t)list->count;
}

bool fv__layer_list(const fv_layer *layer, int32_t count,
                    fv_variable *const inputs[], int32_t k, const char *what,
                    const fv__list *option, int32_t *n,
                    int64_t out[FV_MAX_RANK])
{
    if (k < count) return fv__known_list(layer->name, what, inputs[k], n, out);
    *n = (int32_t)option->count;
    memcpy(out, option->at, sizeof option->at);
    return fv__ok(layer->context);
}

bool fv__layer_number(const fv_layer *layer, int32_t count,
                      fv_variable *const inputs[], int32_t k, const char *what,
                      int64_t option, int64_t *out)
{
    if (k < count) return fv__known_number(layer->name, what, inputs[k], out);
    *out = option;
    return fv__ok(layer->context);
}

fv_variable *fv__number_like(const fv_variable *like, double number)
{
    const fv_dtype dtype = like->value.dtype;
    if (fv__dtype_is_real(dtype)) {
        const fv_tensor value = fv_tensor_of(&number, FV_F64, 0, NULL);
        return fv_constant(like->context, &value);
    }
    int64_t memory, whole = number < 0 ? INT64_MIN : INT64_MAX;
    if (fabs(number) < 0x1p63) whole = (int64_t)number;
    fv__store_wrapped(dtype, &memory, 1, &whole);
    const fv_tensor value = fv_tensor_of(&memory, dtype, 0, NULL);
    return fv_constant(like->context, &value);
}

const char *const fv__type_words[] = { "real", "i64", "i32",  "i16",
                                       "i8",   "u8",  "bool", NULL };

fv_dtype fv__type_of_word(const fv_context *context, int32_t word)
{
    const fv_dtype types[] = { context->dtype, FV_I64, FV_I32, FV_I16,
                               FV_I8,          FV_U8,  FV_BOOL };
    return types[word];
}

fv_variable *
fv__arithmetic(const fv_layer *layer, int32_t count,
               fv_variable *const inputs[], fv__binary_function *function,
               fv_variable *(*with_number)(fv_variable *a, double number))
{
    const fv__arithmetic_options *o = layer->options;
    fv_variable *y = inputs[0];
    if (count == 1 && with_number && fv__dtype_is_real(y->value.dtype))
        return with_number(y, o->number);
    if (count == 1) return function(y, fv__number_like(y, o->number));
    for (int32_t k = 1; k < count; k++) y = function(y, inputs[k]);
    return y;
}

const fv__field fv__axes_fields[] = {
    { FV__FIELD(fv__axes_options, LIST, axes), .positional = true },
    { .key = NULL },
};

fv_variable *fv__axes_layer(const fv_layer *layer, int32_t count,
                            fv_variable *const inputs[],
                            fv__axes_function *function)
{
    const fv__axes_options *o = layer->options;
    fv__list list = { .count = 0 };
    int32_t n, axes[FV_MAX_RANK];
    if (!fv__layer_list(layer, count, inputs, 1, "the axes", &o->axes, &n,
                        list.at))
        return NULL;
    list.count = n;
    return function(inputs[0], fv__list_axes(&list, axes), axes);
}

const fv__field fv__reduction_fields[] = {
    { FV__FIELD(fv__reduction_options, LIST, axes) },
    { FV__FIELD_AS("keepdims", fv__reduction_options, LACK, drop) },
    { .key = NULL },
};

fv_variable *fv__reduction_layer(const fv_layer *layer, int32_t count,
                                 fv_variable *const inputs[],
                                 const fv_operator *op, fv_reduce_kind kind)
{
    const fv__reduction_options *o = layer->options;
    fv__list axes = { .count = 0 };
    fv__reduction reduction = { .keep = !o->drop };
    int32_t n;
    if (!fv__layer_list(layer, count, inputs, 1, "the axes", &o->axes, &n,
                        axes.at))
        return NULL;
    axes.count = n;
    for (int32_t i = 1; n == 0 && i < inputs[0]->value.rank; i++)
        axes.at[axes.count++] = i;
    reduction.count = fv__list_axes(&axes, reduction.axes);
    if (!fv__dtype_is_real(inputs[0]->value.dtype))
        return fv__reduce_whole(inputs[0], kind, &reduction);
    return fv_apply(op, &reduction, 1, inputs);
}
