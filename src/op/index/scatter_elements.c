/* A tensor with other elements at places, or with elements added, multiplied or
 * compared with those there. */
#include "op/index/places.h"
#include "op/tensor_layer.h"

#include <string.h>

static fv_status infer(fv_inference *inference)
{
    const fv__places *places = inference->attributes;
    const fv_tensor *x = inference->inputs[0], *updates = inference->inputs[2];
    fv_tensor elements;
    fv_status status = fv__places_infer(inference, &elements);
    if (!status)
        status = fv__infer_shape(inference, 2, elements.rank, elements.shape);
    if (status) return status;
    if (updates->dtype != x->dtype)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: operand 3 has type %s, expected %s",
                       inference->name, fv_dtype_name(updates->dtype),
                       fv_dtype_name(x->dtype));
    if ((int)places->reduction < 0 || places->reduction > FV_SCATTER_MAX)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: reduction %d is unknown (0 to %d)", inference->name,
                       (int)places->reduction, FV_SCATTER_MAX);
    if (places->reduction && x->dtype == FV_BOOL)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: elements of type bool are only replaced",
                       inference->name);
    if (inference->gradient && places->reduction > FV_SCATTER_SUM)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: a product, minimum or maximum has no gradient here",
                       inference->name);
    if (inference->gradient) inference->backward_scratch = fv__tensor_bytes(x);
    return fv__infer_moved(inference, x->rank, x->shape);
}

/* Of two reals at one place, but for their sum; a NaN stays. */
#define REDUCED(is, with)                                                      \
    (reduction == FV_SCATTER_PRODUCT ? (is) * (with)                           \
     : (with) != (with)              ? (with)                                  \
     : reduction == FV_SCATTER_MIN   ? (with) < (is) ? (with) : (is)           \
       : (with) > (is) ? (with)                                                \
                                     : (is))

static int64_t reduce_whole(fv_scatter_reduction reduction, int64_t is,
                            int64_t with)
{
    const uint64_t a = (uint64_t)is, b = (uint64_t)with; /* wrap around */
    return reduction == FV_SCATTER_SUM       ? (int64_t)(a + b)
           : reduction == FV_SCATTER_PRODUCT ? (int64_t)(a * b)
           : reduction == FV_SCATTER_MIN     ? fv__min(is, with)
                                             : fv__max(is, with);
}

static void reduce(fv_scatter_reduction reduction, fv_dtype dtype, int64_t n,
                   const void *from, void *to)
{
    const size_t bytes = fv_dtype_bytes(dtype);
    for (int64_t i = 0; i < n; i++) {
        const void *with = (const char *)from + (size_t)i * bytes;
        void *at = (char *)to + (size_t)i * bytes;
        int64_t whole[2];
        if (dtype == FV_F32) {
            float *is = at, u = *(const float *)with;
            *is = REDUCED(*is, u);
        } else if (dtype == FV_F64) {
            double *is = at, u = *(const double *)with;
            *is = REDUCED(*is, u);
        } else {
            fv__load_integers(dtype, at, 1, 1, &whole[0]);
            fv__load_integers(dtype, with, 1, 1, &whole[1]);
            whole[0] = reduce_whole(reduction, whole[0], whole[1]);
            fv__store_wrapped(dtype, at, 1, whole);
        }
    }
}

static void forward(const fv_call *call)
{
    const fv__places *places = call->attributes;
    const fv_tensor *indices = call->inputs[1], *updates = call->inputs[2];
    const fv_tensor *y = call->outputs[0];
    fv__copy_all(call->context, y, call->inputs[0]);
    if (!fv__count(updates)) return;
    const int64_t count = fv__places_count(places, indices);
    const int64_t size = fv__places_size(places, y, indices);
    const size_t bytes = (size_t)size * fv_dtype_bytes(y->dtype);
    for (int64_t k = 0; k < count; k++) {
        const int64_t at = fv__place_at(places, y, indices, k);
        const void *from = fv__tensor_byte(updates, k * size);
        if (at < 0) continue;
        if (places->reduction == FV_SCATTER_SUM && fv__dtype_is_real(y->dtype))
            call->context->kernels->axpy((size_t)size, 1, from,
                                         fv__tensor_byte(y, at));
        else if (places->reduction)
            reduce(places->reduction, y->dtype, size, from,
                   fv__tensor_byte(y, at));
        else
            memcpy(fv__tensor_byte(y, at), from, bytes);
    }
}

/* Gradients of what was replaced are 0. */
static void add_kept(const fv_call *call)
{
    const fv__places *places = call->attributes;
    const fv_tensor *indices = call->inputs[1], *dy = call->output_grads[0];
    fv_tensor kept = *dy;
    kept.data = call->scratch;
    fv__copy_all(call->context, &kept, dy);
    const int64_t count = fv__places_count(places, indices);
    const int64_t size = fv__places_size(places, dy, indices);
    for (int64_t k = 0; k < count && !places->reduction; k++) {
        const int64_t at = fv__place_at(places, dy, indices, k);
        if (at >= 0)
            call->context->kernels->fill((size_t)size, 0,
                                         fv__tensor_byte(&kept, at));
    }
    fv__add_all(call->context, call->input_grads[0], &kept);
}

static void backward(const fv_call *call)
{
    const fv__places *places = call->attributes;
    const fv_tensor *indices = call->inputs[1], *dy = call->output_grads[0];
    const fv_tensor *du = call->input_grads[2];
    if (call->input_grads[0]) add_kept(call);
    if (!du || !fv__count(du)) return;
    const int64_t count = fv__places_count(places, indices);
    const int64_t size = fv__places_size(places, dy, indices);
    for (int64_t k = 0; k < count; k++) {
        const int64_t at = fv__place_at(places, dy, indices, k);
        if (at >= 0)
            call->context->kernels->axpy((size_t)size, 1,
                                         fv__tensor_byte(dy, at),
                                         fv__tensor_byte(du, k * size));
    }
}

const fv_operator fv__op_scatter_elements = {
    .size = sizeof(fv_operator),
    .name = "scatter_elements",
    .min_inputs = 3,
    .max_inputs = 3,
    .attributes_size = sizeof(fv__places),
    .backward_reads = FV_READS_INPUT(1),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "ScatterElements",
};

static fv_variable *scatter(fv_variable *a, fv_variable *indices,
                            fv_variable *updates, fv__places places)
{
    fv_variable *const operands[] = { a, indices, updates };
    return fv_apply(&fv__op_scatter_elements, &places, 3, operands);
}

fv_variable *fv_scatter_elements(fv_variable *a, fv_variable *indices,
                                 fv_variable *updates, int32_t axis,
                                 fv_scatter_reduction reduction)
{
    return scatter(a, indices, updates,
                   (fv__places){ .axis = axis, .reduction = reduction });
}

fv_variable *fv_scatter_nd(fv_variable *a, fv_variable *indices,
                           fv_variable *updates, fv_scatter_reduction reduction)
{
    return scatter(a, indices, updates,
                   (fv__places){ .vectors = 1, .reduction = reduction });
}

/* ---- the layer ----------------------------------------------------------- */

/* Begins as fv_layer_options. */
typedef struct options {
    FV__LOCAL_OPTIONS;
    int64_t axis;
    fv_scatter_reduction reduction;
    int32_t reserved;
} options;

const char *const fv__scatter_words[] = { "replace", "sum", "product",
                                          "min",     "max", NULL };

static const fv__field fields[] = {
    { FV__FIELD(options, INDEX, axis), .positional = true },
    { FV__FIELD(options, WORD, reduction), .words = fv__scatter_words },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const options *o = layer->options;
    (void)count;
    return fv_scatter_elements(inputs[0], inputs[1], inputs[2],
                               (int32_t)o->axis, o->reduction);
}

const fv__layer_type fv__layer_scatter_elements = {
    .kind = "scatter_elements",
    .about = "the first input with the elements of the third at the indices in "
             "the second along an axis, by the reduction",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 3,
    .max_inputs = 3,
    .forward = apply,
};
