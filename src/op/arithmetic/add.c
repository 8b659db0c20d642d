/* a + b, broadcast. */
#include "op/tensor_layer.h"

const fv_operator fv__op_add = { FV__BINARY_OPERATOR_WITH(
                                     "add", 0, FV_OVERWRITES | FV_IN_PLACE),
                                 .onnx = "Add" };

fv_variable *fv_add(fv_variable *a, fv_variable *b)
{
    return fv__apply_binary(&fv__op_add, FV__ADD, a, b);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = FV__ARITHMETIC_FIELDS(0);

/* One image of a shape, for broadcasting. */
static fv_tensor image_of(const fv_shape *shape)
{
    fv_tensor image = { .rank = shape->rank + 1, .shape = { 1 } };
    for (int32_t i = 0; i < shape->rank; i++)
        image.shape[i + 1] = shape->extent[i];
    return image;
}

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    const fv__arithmetic_options *o = layer->options;
    if (count == 1 && o->number == 0)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: 1 inputs, expected at least 2", layer->name);
    for (int32_t k = 1; k < count; k++) {
        const fv_tensor a = image_of(&inputs[0]), b = image_of(&inputs[k]);
        int32_t rank;
        int64_t shape[FV_MAX_RANK];
        if (fv__broadcast_shape(&a, &b, &rank, shape)) continue;
        fv_shape first = fv__shape_outside(layer->context, inputs[0]);
        fv_shape other = fv__shape_outside(layer->context, inputs[k]);
        char is[FV__SHAPE_BYTES], text[FV__SHAPE_BYTES];
        return fv_fail(
            layer->context, FV_MISUSE, "%s: inputs %s and %s differ in shape",
            layer->name,
            fv__shape_text(is, sizeof is, first.rank, first.extent),
            fv__shape_text(text, sizeof text, other.rank, other.extent));
    }
    return FV_OK;
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    return fv__arithmetic(layer, count, inputs, fv_add, fv_add_number);
}

const fv__layer_type fv__layer_add = {
    FV__ARITHMETIC_LAYER("add"),
    .about = "the sum of several layers, or of one and a number; broadcast",
    .declare = declare,
    .checks = true,
};

fv_layer *fv_add_layers_new(const fv_layer_options *options)
{
    return fv__layer_new(&fv__layer_add, options);
}
