/* Quantised operators, computed with real numbers: whole ones are exact up to
 * 2^24 in f32, sums of products as well, and known weights become weights. */
#include "onnx/in/operators.h"

#include <stdio.h>

static fv__value *real(fv__importer *to, fv__onnx_node *node, fv__value *x)
{
    return fv__onnx_cast(to, node, x, to->context->dtype);
}

/* x less a zero point along an axis, or none. */
static fv__value *centred(fv__importer *to, fv__onnx_node *node, fv__value *x,
                          int64_t axis, fv__value *zero)
{
    x = real(to, node, x);
    if (!x || !zero || fv__onnx_all_zero(zero)) return x;
    zero = fv__onnx_along(to, node, x, axis, real(to, node, zero));
    return fv__onnx_two(to, node, "sub", x, zero);
}

/* The limits of a type of whole numbers; 16 bits without a sign are read as 32.
 * False: results have no such type. */
static bool limits_of(fv_dtype dtype, int32_t *low, int32_t *high)
{
    static const struct {
        fv_dtype dtype;
        int32_t low, high;
    } types[] = { { FV_U8, 0, 255 },
                  { FV_I8, -128, 127 },
                  { FV_I16, -32768, 32767 },
                  { FV_I32, 0, 65535 } };
    for (int i = 0; i < 4; i++) {
        *low = types[i].low;
        *high = types[i].high;
        if (types[i].dtype == dtype) return true;
    }
    return false;
}

/* Rounds x, which is divided by the scale already, and sets output k to it. */
static fv_status give_rounded(fv__importer *to, fv__onnx_node *node, int32_t k,
                              fv__value *x, int64_t axis, fv__value *zero,
                              fv_dtype dtype)
{
    int32_t low, high;
    if (!limits_of(dtype, &low, &high))
        return fv__onnx_refuse(to, node, "a result of type %s",
                               fv_dtype_name(dtype));
    x = fv__onnx_map(to, node, x, "round");
    if (zero && !fv__onnx_all_zero(zero))
        x = fv__onnx_two(
            to, node, "add", x,
            fv__onnx_along(to, node, x, axis, real(to, node, zero)));
    x = fv__onnx_map(to, node, x, "clip low=%d high=%d", low, high);
    return fv__onnx_set(node, k, fv__onnx_cast(to, node, x, dtype));
}

/* A scale or zero point of blocks, repeated for their elements. */
static fv__value *unblocked(fv__importer *to, fv__onnx_node *node,
                            const fv__value *x, int64_t axis, fv__value *value)
{
    const int64_t block = fv__onnx_int(node, "block_size", 0);
    char repeats[512] = "", shape[512] = "";
    int64_t ones[FV_MAX_RANK + 1], merged[FV_MAX_RANK];
    if (!value || block < 1 || fv__onnx_rank(to, value) < 2) return value;
    const int32_t rank = fv__onnx_rank(to, value);
    const int64_t behind = axis + 1;
    const int64_t extent = fv__onnx_extent(to, x, (int32_t)axis);
    if (extent == FV_OPEN) {
        fv__onnx_refuse(to, node, "blocks along an axis whose size is open");
        return NULL;
    }
    for (int32_t i = 0; i <= rank; i++) ones[i] = i == axis + 1 ? block : 1;
    for (int32_t i = 0; i < rank; i++) merged[i] = i == axis ? -1 : 0;
    value = fv__onnx_plain(to, value);
    fv__onnx_write(repeats, "repeats", rank + 1, ones);
    for (int32_t i = 0; i < rank; i++)
        if (i != axis) merged[i] = fv__onnx_extent(to, value, i);
    fv__onnx_write(shape, "shape", rank, merged);
    value =
        fv__onnx_line(to, node, 1, &value, "unsqueeze %lld", (long long)behind);
    value = fv__onnx_line(to, node, 1, &value, "tile%s", repeats);
    value = fv__onnx_line(to, node, 1, &value, "reshape%s", shape);
    return fv__onnx_part(to, node, value, (int32_t)axis, 0, extent);
}

/* The inputs of QuantizeLinear and DequantizeLinear. */
static bool read_scale(fv__importer *to, fv__onnx_node *node, int64_t *axis,
                       fv__value *inputs[3])
{
    *axis = fv__onnx_int(node, "axis", 1);
    inputs[0] = fv__onnx_input(to, node, 0);
    inputs[1] = fv__onnx_input(to, node, 1);
    inputs[2] = fv__onnx_operand(node, 2);
    if (!inputs[0] || !inputs[1]) return false;
    const bool many = fv__onnx_rank(to, inputs[1]) > 0;
    if (many && fv__onnx_rank(to, inputs[0]) == 1) *axis = 0;
    if (many && !fv__onnx_axis(to, node, inputs[0], axis)) return false;
    for (int k = 1; k < 3; k++)
        inputs[k] = unblocked(to, node, inputs[0], *axis, inputs[k]);
    return inputs[1] != NULL;
}

static fv_status quantize_linear(fv__importer *to, fv__onnx_node *node)
{
    fv__value *in[3];
    int64_t axis;
    fv_dtype dtype = FV_U8;
    const int64_t wanted = fv__onnx_int(node, "output_dtype", 0);
    if (!read_scale(to, node, &axis, in)) return FV_UNSUPPORTED;
    if (in[2])
        dtype = fv__onnx_type_of(to, in[2]);
    else if (wanted && !fv__onnx_dtype(to->context, (int32_t)wanted, &dtype))
        return fv__onnx_refuse(to, node, "a result of type number %lld",
                               (long long)wanted);
    fv__value *x = fv__onnx_two(to, node, "div", real(to, node, in[0]),
                                fv__onnx_along(to, node, in[0], axis, in[1]));
    return give_rounded(to, node, 0, x, axis, in[2], dtype);
}

static fv_status dequantize_linear(fv__importer *to, fv__onnx_node *node)
{
    fv__value *in[3];
    int64_t axis;
    if (!read_scale(to, node, &axis, in)) return FV_UNSUPPORTED;
    fv__value *x = centred(to, node, in[0], axis, in[2]);
    return fv__onnx_set(
        node, 0,
        fv__onnx_two(to, node, "mul", x,
                     fv__onnx_along(to, node, in[0], axis, in[1])));
}

/* A scale such that the elements and 0 are 0 to 255. */
static fv_status dynamic_quantize(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_input(to, node, 0);
    if (!x) return FV_UNSUPPORTED;
    fv__value *low = fv__onnx_map(to, node, fv__onnx_total(to, node, "min", x),
                                  "clip high=0");
    fv__value *high = fv__onnx_map(to, node, fv__onnx_total(to, node, "max", x),
                                   "clip low=0");
    fv__value *scale = fv__onnx_with(
        to, node, "div", fv__onnx_two(to, node, "sub", high, low), 255);
    fv__value *none = fv__onnx_with(to, node, "equal", scale, 0);
    scale = fv__onnx_two(to, node, "add", scale, real(to, node, none));
    fv__value *zero = fv__onnx_two(to, node, "div",
                                   fv__onnx_map(to, node, low, "neg"), scale);
    zero = fv__onnx_map(to, node, zero, "clip low=0 high=255");
    zero =
        fv__onnx_cast(to, node, fv__onnx_map(to, node, zero, "round"), FV_U8);
    fv__onnx_set(node, 1, scale);
    fv__onnx_set(node, 2, zero);
    x = fv__onnx_two(to, node, "div", x, scale);
    return give_rounded(to, node, 0, x, 0, zero, FV_U8);
}

/* ---- products --------------------------------------------------------------
 */

/* What a node of that kind and the attributes of this one makes of inputs. */
static fv__value *made_by(fv__importer *to, const fv__onnx_node *node,
                          const char *kind, int32_t count, fv__value *inputs[])
{
    fv__value *out = fv__onnx_known(to, &(fv_tensor){ 0 });
    fv__onnx_node inner = *node;
    for (int32_t k = 0; k < 2; k++)
        if (!inputs[k]) return NULL;
    if (!out) return NULL;
    inner.kind = kind;
    inner.num_inputs = count;
    inner.inputs = inputs;
    inner.num_outputs = 1;
    inner.outputs = &out;
    return fv__onnx_translation(NULL, kind)(to, &inner) == FV_OK && out->made
               ? out
               : NULL;
}

/* Whole products: of inputs a and b, less the zero points za and zb. */
static fv__value *product(fv__importer *to, fv__onnx_node *node, int32_t a,
                          int32_t b, int32_t za, int32_t zb)
{
    fv__value *x = fv__onnx_input(to, node, a);
    fv__value *w = fv__onnx_input(to, node, b);
    if (!x || !w) return NULL;
    const int32_t rank = fv__onnx_rank(to, x), other = fv__onnx_rank(to, w);
    fv__value *both[] = { centred(to, node, x, rank > 1 ? rank - 2 : 0,
                                  fv__onnx_operand(node, za)),
                          centred(to, node, w, other - 1,
                                  fv__onnx_operand(node, zb)) };
    return made_by(to, node, "MatMul", 2, both);
}

static fv__value *convolution(fv__importer *to, fv__onnx_node *node, int32_t a,
                              int32_t b, int32_t za, int32_t zb,
                              fv__value *bias)
{
    fv__value *x = fv__onnx_input(to, node, a);
    fv__value *w = fv__onnx_input(to, node, b);
    if (!x || !w) return NULL;
    fv__value *inputs[] = { centred(to, node, x, 1, fv__onnx_operand(node, za)),
                            centred(to, node, w, 0, fv__onnx_operand(node, zb)),
                            real(to, node, bias) };
    return made_by(to, node, "Conv", bias ? 3 : 2, inputs);
}

static fv_status give_whole(fv__importer *to, fv__onnx_node *node, fv__value *y)
{
    return fv__onnx_set(node, 0, fv__onnx_cast(to, node, y, FV_I32));
}

static fv_status matmul_integer(fv__importer *to, fv__onnx_node *node)
{
    return give_whole(to, node, product(to, node, 0, 1, 2, 3));
}

static fv_status conv_integer(fv__importer *to, fv__onnx_node *node)
{
    return give_whole(to, node, convolution(to, node, 0, 1, 2, 3, NULL));
}

static bool has_all(fv__importer *to, fv__onnx_node *node)
{
    for (int32_t k = 0; k < 8; k++)
        if (!fv__onnx_input(to, node, k)) return false;
    return true;
}

/* y times scales of inputs 1 and 4, along those axes, divided by input 6, as
 * the output of the type of input 7. */
static fv_status requantize(fv__importer *to, fv__onnx_node *node, fv__value *y,
                            int64_t a_axis, int64_t b_axis, int64_t axis)
{
    fv__value *const *in = node->inputs;
    if (!y) return FV_UNSUPPORTED;
    fv__value *scale = fv__onnx_two(to, node, "mul",
                                    fv__onnx_along(to, node, y, a_axis, in[1]),
                                    fv__onnx_along(to, node, y, b_axis, in[4]));
    scale = fv__onnx_two(to, node, "div", scale,
                         fv__onnx_along(to, node, y, axis, in[6]));
    y = fv__onnx_two(to, node, "mul", y, scale);
    return give_rounded(to, node, 0, y, axis, in[7],
                        fv__onnx_type_of(to, in[7]));
}

static fv_status qlinear_matmul(fv__importer *to, fv__onnx_node *node)
{
    if (!has_all(to, node)) return FV_UNSUPPORTED;
    fv__value *y = product(to, node, 0, 3, 2, 5);
    if (!y) return FV_UNSUPPORTED;
    const int32_t rank = fv__onnx_rank(to, y);
    const int32_t row = rank > 1 ? rank - 2 : 0;
    return requantize(to, node, y, row, rank - 1, row);
}

static fv_status qlinear_conv(fv__importer *to, fv__onnx_node *node)
{
    if (!has_all(to, node)) return FV_UNSUPPORTED;
    fv__value *y = convolution(to, node, 0, 3, 2, 5, fv__onnx_operand(node, 8));
    return requantize(to, node, y, 1, 1, 1);
}

const fv__onnx_operator fv__onnx_quantizes[] = {
    { "QuantizeLinear", quantize_linear, NULL },
    { "DequantizeLinear", dequantize_linear, NULL },
    { "DynamicQuantizeLinear", dynamic_quantize, NULL },
    { "QLinearConv", qlinear_conv, NULL },
    { "QLinearMatMul", qlinear_matmul, NULL },
    { "ConvInteger", conv_integer, NULL },
    { "MatMulInteger", matmul_integer, NULL },
    { NULL, NULL, NULL },
};
