/* A tensor of equal numbers, of the shape that an operand gives. */
#include "op/tensor_layer.h"

#include <string.h>

typedef struct constant {
    double value;
    fv_dtype dtype;
    int32_t rank;
    int64_t shape[FV_MAX_RANK];
} constant;

static fv_status infer(fv_inference *inference)
{
    const constant *c = inference->attributes;
    if (fv__product(c->rank, c->shape) < 0) {
        char text[FV__SHAPE_BYTES];
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: %s has a negative extent or too many elements",
                       inference->name,
                       fv__shape_text(text, sizeof text, c->rank, c->shape));
    }
    fv__infer_output(inference, c->rank, c->shape);
    inference->outputs[0].dtype = c->dtype;
    return FV_OK;
}

static void forward(const fv_call *call)
{
    const constant *c = call->attributes;
    const fv_tensor *y = call->outputs[0];
    const int64_t whole = (int64_t)c->value, n = fv_tensor_count(y);
    if (fv__dtype_is_real(y->dtype))
        call->context->kernels->fill((size_t)n, c->value, y->data);
    else
        for (int64_t i = 0; i < n; i++)
            fv__store_wrapped(y->dtype, fv__tensor_byte(y, i), 1, &whole);
}

const fv_operator fv__op_constant_of_shape = {
    .size = sizeof(fv_operator),
    .name = "constant_of_shape",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(constant),
    .abilities = FV_READS_SHAPES,
    .infer = infer,
    .forward = forward,
    .onnx = "ConstantOfShape",
};

fv_variable *fv_constant_of_shape(fv_variable *shape, double value,
                                  fv_dtype dtype)
{
    constant c = { .value = value, .dtype = dtype };
    if (!fv__known_list("constant_of_shape", "the shape", shape, &c.rank,
                        c.shape))
        return NULL;
    if (fv__dtype_is_real(dtype)) c.dtype = shape->context->dtype;
    if (fv_dtype_bytes(dtype) == 0) {
        fv_fail(shape->context, FV_MISUSE,
                "constant_of_shape: unknown element type %d", (int)dtype);
        return NULL;
    }
    return fv_apply(&fv__op_constant_of_shape, &c, 1, &shape);
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    double value;
    int32_t type; /* index of a word */
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBER, value), .positional = true },
    { FV__FIELD(options, WORD, type), .words = fv__type_words },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    (void)count;
    return fv_constant_of_shape(inputs[0], o->value,
                                fv__type_of_word(layer->context, o->type));
}

const fv__layer_type fv__layer_constant_of_shape = {
    .kind = "constant_of_shape",
    .about = "equal numbers of the shape that the input gives",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};
