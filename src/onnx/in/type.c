/* Element types. */
#include "onnx/in/operators.h"

#include <string.h>

const char *fv__onnx_type_word(fv_dtype dtype)
{
    static const char *const words[] = { "real", "real", "u8",  "i8",
                                         "i16",  "i32",  "i64", "bool" };
    return words[dtype];
}

const char *fv__onnx_input_word(fv_dtype dtype)
{
    return dtype == FV_I8 || dtype == FV_I16 ? "i32"
                                             : fv__onnx_type_word(dtype);
}

fv__value *fv__onnx_cast(fv__importer *to, const fv__onnx_node *node,
                         fv__value *value, fv_dtype dtype)
{
    if (!value || fv__onnx_type_of(to, value) == dtype) return value;
    return fv__onnx_map(to, node, value, "cast type=%s",
                        fv__onnx_type_word(dtype));
}

static fv_status cast_to(fv__importer *to, fv__onnx_node *node, fv_dtype dtype)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    return fv__onnx_set(node, 0, fv__onnx_cast(to, node, x, dtype));
}

/* The number of a type by its name, as versions before 6 have it; 0: none. */
static int32_t type_by_name(const char *name)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value_by_name(
            &fv__onnx__tensor_proto__data_type__descriptor, name);
    return value ? value->value : 0;
}

static fv_status cast(fv__importer *to, fv__onnx_node *node)
{
    const fv__onnx_attribute *a = fv__onnx_find(node, "to");
    fv_dtype dtype;
    const char *name = fv__onnx_text(to, node, "to", NULL);
    const int32_t type = name ? type_by_name(name) : a ? (int32_t)a->i : 0;
    if (!fv__onnx_dtype(to->context, type, &dtype))
        return fv__onnx_refuse(to, node, "element type %d is not supported",
                               type);
    return cast_to(to, node, dtype);
}

static fv_status cast_like(fv__importer *to, fv__onnx_node *node)
{
    const fv__value *like = fv__onnx_operand(node, 1);
    if (!like) return fv__onnx_refuse(to, node, "input 2 is left out");
    return cast_to(to, node, fv__onnx_type_of(to, like));
}

const fv__onnx_operator fv__onnx_types[] = {
    { "Cast", cast, NULL },
    { "CastLike", cast_like, NULL },
    { NULL, NULL, NULL },
};
