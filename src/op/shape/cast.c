/* Another element type. Numbers are truncated towards zero and, where the type
 * cannot hold them, limited to what it can; whole numbers wrap around. */
#include "op/tensor_layer.h"

typedef struct cast {
    fv_dtype dtype;
} cast;

static fv_status infer(fv_inference *inference)
{
    const cast *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    const fv_dtype computes = inference->context->dtype;
    if (fv_dtype_bytes(a->dtype) == 0)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: unknown element type %d", inference->name,
                       (int)a->dtype);
    if (fv__dtype_is_real(a->dtype) && a->dtype != computes)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: the context computes in %s, not in %s",
                       inference->name, fv_dtype_name(computes),
                       fv_dtype_name(a->dtype));
    fv__infer_output(inference, x->rank, x->shape);
    inference->outputs[0].dtype = a->dtype;
    return FV_OK;
}

static void run_row(const void *argument, const fv__broadcast_row *row)
{
    const fv_call *call = argument;
    const fv_tensor *x = call->inputs[0], *y = call->outputs[0];
    call->context->kernels->convert(x->dtype, y->dtype, (size_t)row->n,
                                    fv__tensor_byte(x, row->first),
                                    fv__tensor_byte(y, row->first));
}

static void forward(const fv_call *call)
{
    const fv_tensor *x = call->inputs[0], *y = call->outputs[0];
    if (x->dtype == y->dtype)
        fv__copy_all(call->context, y, x);
    else
        fv__broadcast_rows(call->context, y, 1, &x, 4, run_row, call);
}

static void backward(const fv_call *call)
{
    fv__add_all(call->context, call->input_grads[0], call->output_grads[0]);
}

const fv_operator fv__op_cast = { .size = sizeof(fv_operator),
                                  .name = "cast",
                                  .min_inputs = 1,
                                  .max_inputs = 1,
                                  .attributes_size = sizeof(cast),
                                  .infer = infer,
                                  .forward = forward,
                                  .backward = backward,
                                  .onnx = "Cast" };

fv_variable *fv_cast(fv_variable *a, fv_dtype dtype)
{
    const cast attributes = { dtype };
    return fv_apply(&fv__op_cast, &attributes, 1, &a);
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    int32_t type; /* index of a word */
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, WORD, type), .words = fv__type_words },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    (void)count;
    return fv_cast(inputs[0], fv__type_of_word(layer->context, o->type));
}

const fv__layer_type fv__layer_cast = {
    .kind = "cast",
    .about = "the same elements of another type",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};
