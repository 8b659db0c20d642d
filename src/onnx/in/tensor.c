/* The numbers of tensors in ONNX files: in typed fields, as raw bytes, or in
 * files beside the model. */
#include "onnx/in/importer.h"

#include <inttypes.h>
#include <string.h>

#define TYPE(name) FV__ONNX__TENSOR_PROTO__DATA_TYPE__##name

bool fv__onnx_dtype(const fv_context *context, int32_t type, fv_dtype *dtype)
{
    switch (type) {
    case TYPE(FLOAT):
    case TYPE(DOUBLE):
    case TYPE(FLOAT16):
    case TYPE(BFLOAT16):
        return *dtype = context->dtype, true;
    case TYPE(UINT8):
        return *dtype = FV_U8, true;
    case TYPE(INT8):
        return *dtype = FV_I8, true;
    case TYPE(INT16):
        return *dtype = FV_I16, true;
    case TYPE(UINT16):
    case TYPE(INT32):
        return *dtype = FV_I32, true;
    case TYPE(UINT32):
    case TYPE(INT64):
    case TYPE(UINT64):
        return *dtype = FV_I64, true;
    case TYPE(BOOL):
        return *dtype = FV_BOOL, true;
    default:
        return false;
    }
}

/* Bytes of an element in raw data. */
static size_t raw_bytes(int32_t type)
{
    switch (type) {
    case TYPE(UINT8):
    case TYPE(INT8):
    case TYPE(BOOL):
        return 1;
    case TYPE(FLOAT16):
    case TYPE(BFLOAT16):
    case TYPE(INT16):
    case TYPE(UINT16):
        return 2;
    case TYPE(FLOAT):
    case TYPE(INT32):
    case TYPE(UINT32):
        return 4;
    default:
        return 8;
    }
}

static float of_bits(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* IEEE 754 binary16: 1 bit of sign, 5 of the exponent, 10 of the fraction. */
static float of_half(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t exponent = half >> 10 & 31u, fraction = half & 1023u;
    if (exponent == 31) return of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent)
        return of_bits(sign | (exponent + 112) << 23 | fraction << 13);
    const float small = (float)fraction * 0x1p-24f;
    return sign ? -small : small;
}

/* Where the elements of a message are. */
typedef struct elements {
    int32_t type;
    const void *data;
    size_t stride; /* bytes; 4 for small types in int32_data */
    size_t bytes;  /* of all */
} elements;

static int64_t whole_at(const elements *e, int64_t i)
{
    const char *at = (const char *)e->data + (size_t)i * e->stride;
    int8_t i8;
    int16_t i16;
    uint16_t u16;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    switch (e->type) {
    case TYPE(UINT8):
    case TYPE(BOOL):
        return *(const uint8_t *)at;
    case TYPE(INT8):
        return memcpy(&i8, at, sizeof i8), i8;
    case TYPE(INT16):
        return memcpy(&i16, at, sizeof i16), i16;
    case TYPE(UINT16):
        return memcpy(&u16, at, sizeof u16), u16;
    case TYPE(INT32):
        return memcpy(&i32, at, sizeof i32), i32;
    case TYPE(UINT32):
        return memcpy(&u32, at, sizeof u32), u32;
    default:
        return memcpy(&i64, at, sizeof i64), i64;
    }
}

static double real_at(const elements *e, int64_t i)
{
    const char *at = (const char *)e->data + (size_t)i * e->stride;
    uint16_t half;
    float f32;
    double f64;
    switch (e->type) {
    case TYPE(FLOAT16):
        return memcpy(&half, at, sizeof half), (double)of_half(half);
    case TYPE(BFLOAT16):
        return memcpy(&half, at, sizeof half),
               (double)of_bits((uint32_t)half << 16);
    case TYPE(FLOAT):
        return memcpy(&f32, at, sizeof f32), (double)f32;
    default:
        return memcpy(&f64, at, sizeof f64), f64;
    }
}

/* The typed field of its type. */
static void typed_field(const fv__onnx_tensor *m, elements *e)
{
    const size_t raw = raw_bytes(e->type);
    switch (e->type) {
    case TYPE(FLOAT):
        e->data = m->float_data;
        e->bytes = m->n_float_data * sizeof(float);
        break;
    case TYPE(DOUBLE):
        e->data = m->double_data;
        e->bytes = m->n_double_data * sizeof(double);
        break;
    case TYPE(INT64):
        e->data = m->int64_data;
        e->bytes = m->n_int64_data * sizeof(int64_t);
        break;
    case TYPE(UINT32):
    case TYPE(UINT64):
        e->data = m->uint64_data;
        e->stride = sizeof(uint64_t);
        e->bytes = m->n_uint64_data * raw;
        break;
    default:
        e->data = m->int32_data;
        e->stride = sizeof(int32_t);
        e->bytes = m->n_int32_data * raw;
        break;
    }
}

static fv_status find_elements(fv__importer *to, const char *who,
                               const fv__onnx_tensor *m, elements *e)
{
    *e = (elements){ .type = m->data_type, .stride = raw_bytes(m->data_type) };
    if (m->data_location == FV__ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return fv__onnx_external(to, who, m, &e->data, &e->bytes);
    if (m->has_raw_data) {
        e->data = m->raw_data.data;
        e->bytes = m->raw_data.len;
    } else {
        typed_field(m, e);
    }
    return FV_OK;
}

/* The rank and extents of a message; their product, -1 after a failure. */
static int64_t shape_of(fv__importer *to, const char *who,
                        const fv__onnx_tensor *m, int64_t shape[FV_MAX_RANK])
{
    if (m->n_dims > FV_MAX_RANK) {
        fv_fail(to->context, FV_LIMIT, "%s: %zu axes, at most %d are read", who,
                m->n_dims, FV_MAX_RANK);
        return -1;
    }
    for (size_t i = 0; i < m->n_dims; i++) shape[i] = m->dims[i];
    const int64_t count = fv__product((int32_t)m->n_dims, shape);
    char text[FV__SHAPE_BYTES];
    if (count < 0)
        fv_fail(to->context, FV_LIMIT, "%s: shape %s is not possible", who,
                fv__shape_text(text, sizeof text, (int32_t)m->n_dims, shape));
    return count;
}

fv_status fv__onnx_numbers(fv__importer *to, const char *who,
                           const fv__onnx_tensor *m, fv_tensor *numbers)
{
    int64_t shape[FV_MAX_RANK];
    fv_dtype dtype;
    elements e;
    if (!fv__onnx_dtype(to->context, m->data_type, &dtype))
        return fv_fail(to->context, FV_UNSUPPORTED,
                       "%s: its element type, number %d, is not supported", who,
                       (int)m->data_type);
    const int64_t count = shape_of(to, who, m, shape);
    if (count < 0 || find_elements(to, who, m, &e) != FV_OK)
        return fv_failed(to->context);
    const size_t expected = (size_t)count * raw_bytes(m->data_type);
    if (e.bytes != expected)
        return fv_fail(to->context, FV_MALFORMED,
                       "%s: %zu bytes of numbers, its shape has %zu", who,
                       e.bytes, expected);
    *numbers = fv__onnx_tensor_new(to, dtype, (int32_t)m->n_dims, shape);
    if (numbers->rank < 0) return fv_failed(to->context);
    const bool real = fv__dtype_is_real(dtype);
    const bool same = (dtype == FV_F32 && e.type == TYPE(FLOAT))
                      || (dtype == FV_I64 && e.type == TYPE(INT64));
    if (same && count) memcpy(numbers->data, e.data, expected);
    for (int64_t i = 0; !same && i < count; i++) {
        if (dtype == FV_F32)
            ((float *)numbers->data)[i] = (float)real_at(&e, i);
        else if (real)
            ((double *)numbers->data)[i] = real_at(&e, i);
        else
            fv__store_wrapped(dtype, fv__tensor_byte(numbers, i), 1,
                              &(int64_t){ whole_at(&e, i) });
    }
    return FV_OK;
}
