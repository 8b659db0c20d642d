/* Elements at places: one along an axis for each index, or slices by vectors of
 * indices; gradients are added where they came from, in the order of the
 * places.
 */
#include "op/index/places.h"
#include "op/tensor_layer.h"

#include <math.h>
#include <string.h>

static fv_status infer(fv_inference *inference)
{
    fv_tensor elements;
    const fv_status status = fv__places_infer(inference, &elements);
    if (status) return status;
    return fv__infer_moved(inference, elements.rank, elements.shape);
}

static void forward(const fv_call *call)
{
    const fv__places *places = call->attributes;
    const fv_tensor *x = call->inputs[0], *indices = call->inputs[1];
    const fv_tensor *y = call->outputs[0];
    if (!fv__count(y)) return;
    const int64_t count = fv__places_count(places, indices);
    const int64_t size = fv__places_size(places, x, indices);
    const size_t bytes = (size_t)size * fv_dtype_bytes(x->dtype);
    for (int64_t k = 0; k < count; k++) {
        const int64_t at = fv__place_at(places, x, indices, k);
        void *to = fv__tensor_byte(y, k * size);
        if (at >= 0)
            memcpy(to, fv__tensor_byte(x, at), bytes);
        else if (fv__dtype_is_real(x->dtype))
            call->context->kernels->fill((size_t)size, (double)NAN, to);
        else
            memset(to, 0, bytes);
    }
}

static void backward(const fv_call *call)
{
    const fv__places *places = call->attributes;
    const fv_tensor *dx = call->input_grads[0], *indices = call->inputs[1];
    const fv_tensor *dy = call->output_grads[0];
    if (!dx || !fv__count(dy)) return;
    const int64_t count = fv__places_count(places, indices);
    const int64_t size = fv__places_size(places, dx, indices);
    for (int64_t k = 0; k < count; k++) {
        const int64_t at = fv__place_at(places, dx, indices, k);
        if (at >= 0)
            call->context->kernels->axpy((size_t)size, 1,
                                         fv__tensor_byte(dy, k * size),
                                         fv__tensor_byte(dx, at));
    }
}

const fv_operator fv__op_gather_elements = {
    .size = sizeof(fv_operator),
    .name = "gather_elements",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes_size = sizeof(fv__places),
    .backward_reads = FV_READS_INPUT(1),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "GatherElements",
};

static fv_variable *gather(fv_variable *a, fv_variable *indices,
                           fv__places places)
{
    fv_variable *const operands[] = { a, indices };
    return fv_apply(&fv__op_gather_elements, &places, 2, operands);
}

fv_variable *fv_gather_elements(fv_variable *a, fv_variable *indices,
                                int32_t axis)
{
    return gather(a, indices, (fv__places){ .axis = axis });
}

fv_variable *fv_gather_nd(fv_variable *a, fv_variable *indices)
{
    return fv__gather_nd(a, indices, 0);
}

fv_variable *fv__gather_nd(fv_variable *a, fv_variable *indices, int64_t batch)
{
    const int32_t axes = (int32_t)fv__max(-1, fv__min(batch, INT32_MAX));
    return gather(a, indices, (fv__places){ .vectors = 1, .batch = axes });
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    FV__AXIS_FIELD(0),
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv__axis_options *o = layer->options;
    (void)count;
    return fv_gather_elements(inputs[0], inputs[1], (int32_t)o->axis);
}

const fv__layer_type fv__layer_gather_elements = {
    .kind = "gather_elements",
    .about =
        "elements of the first input, whose index along an axis is the second",
    FV__LAYER_OPTIONS(fv__axis_options),
    .fields = fields,
    .min_inputs = 2,
    .max_inputs = 2,
    .forward = apply,
};
