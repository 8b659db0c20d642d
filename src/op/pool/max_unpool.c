/* The inverse of max pooling: values at given positions of an image that is
 * zero elsewhere. */
#include "op/attributes.h"
#include "op/pool/window.h"

#include <inttypes.h>

/* Checks the numbers of one axis, as those of windows over a long image. */
static fv_status check_axis(const fv_inference *inference,
                            const fv_pooling *pooling, int32_t i)
{
    fv__geometry g = {
        .batch = 1,
        .in = { 1, (int64_t)1 << 46 },
        .channels = 1,
        .kernel = { 1, pooling->kernel[i] },
        .stride = { 1, pooling->stride[i] },
        .dilation = { 1, pooling->dilation[i] },
        .begin = { 0, pooling->padding_begin[i] },
        .end = { 0, pooling->padding_end[i] },
    };
    return fv__geometry_check(inference->context, inference->name, true, &g);
}

/* The smallest extent that `windows` windows fill without their padding. */
static int64_t extent_of(const fv_pooling *p, int32_t i, int64_t windows)
{
    const int64_t moves[] = { windows - 1, p->stride[i] };
    const int64_t span = p->dilation[i] * (p->kernel[i] - 1) + 1;
    return fv__saturated_sum(fv__saturated_product(2, moves), span)
           - p->padding_begin[i] - p->padding_end[i];
}

static fv_status size_axis(const fv_inference *inference, int32_t i,
                           int64_t *extent)
{
    fv_context *context = inference->context;
    const fv__unpooling *a = inference->attributes;
    if (check_axis(inference, &a->pooling, i) != FV_OK)
        return fv_failed(context);
    const int64_t least =
        extent_of(&a->pooling, i, inference->inputs[0]->shape[1 + i]);
    const int64_t stride = a->pooling.stride[i];
    *extent = a->sized ? a->size[i] : least;
    if (*extent < 1)
        return fv_fail(context, FV_MISUSE,
                       "%s: size %" PRId64 " of the output is below 1",
                       inference->name, *extent);
    if (*extent <= least - stride || *extent - least >= stride)
        return fv_fail(context, FV_MISUSE,
                       "%s: size %" PRId64
                       " of the output differs from %" PRId64
                       " by the stride %" PRId64 " or more",
                       inference->name, *extent, least, stride);
    return FV_OK;
}

static fv_status check_indices(const fv_inference *inference)
{
    const fv_tensor *indices = inference->inputs[1];
    if (indices->dtype != FV_I64)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: indices are %s, expected i64", inference->name,
                       fv_dtype_name(indices->dtype));
    fv__operands_alike(inference, 0, "input", 1, "indices");
    return fv_failed(inference->context);
}

static fv_status infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *x = inference->inputs[0];
    const fv__unpooling *a = inference->attributes;
    int64_t shape[FV_MAX_RANK];
    if (!fv__operand_images(inference) || check_indices(inference) != FV_OK)
        return fv_failed(context);
    if (a->pooling.auto_pad != FV_AUTO_PAD_EXPLICIT)
        return fv_fail(
            context, FV_MISUSE,
            "%s: auto_pad depends on the size of the output; padding "
            "must be given by numbers",
            inference->name);
    shape[0] = x->shape[0];
    shape[x->rank - 1] = x->shape[x->rank - 1];
    for (int32_t i = 0; i < x->rank - 2; i++)
        if (size_axis(inference, i, &shape[1 + i]) != FV_OK)
            return fv_failed(context);
    if (fv__product(x->rank, shape) < 0)
        return fv_fail(context, FV_LIMIT,
                       "%s: the output has too many elements", inference->name);
    fv__infer_output(inference, x->rank, shape);
    inference->window[0] = inference->window[1] = 0;
    return FV_OK;
}

typedef struct unpool_job {
    const fv_call *call;
    const fv_tensor *small, *large;
    bool backward;
} unpool_job;

static int64_t pixels_of(const fv_tensor *x)
{
    return fv__product(x->rank - 2, x->shape + 1);
}

static void run_image(void *argument, size_t n, size_t worker)
{
    const unpool_job *job = argument;
    const fv_call *call = job->call;
    const fv__kernels *kernels = call->context->kernels;
    const int64_t c = job->small->shape[job->small->rank - 1];
    const int64_t m = pixels_of(job->small), plane = pixels_of(job->large);
    const int64_t at = (int64_t)n * m * c;
    const int64_t *where = (const int64_t *)call->inputs[1]->data + at;
    void *small = fv__tensor_byte(job->small, at);
    void *large = fv__tensor_byte(job->large, (int64_t)n * plane * c);
    (void)worker;
    if (job->backward)
        kernels->max_unpool_grad((size_t)m, (size_t)plane, (size_t)c, where,
                                 large, small, fv__accumulation_of(call, 0));
    else
        kernels->max_unpool((size_t)m, (size_t)plane, (size_t)c, where, small,
                            large);
}

static void run(unpool_job job)
{
    fv__parallel(job.call->context, (size_t)job.small->shape[0],
                 (double)fv_tensor_count(job.large), run_image, &job);
}

static void forward(const fv_call *call)
{
    run((unpool_job){ call, call->inputs[0], call->outputs[0], false });
}

static void backward(const fv_call *call)
{
    run((unpool_job){ call, call->input_grads[0], call->output_grads[0],
                      true });
}

const fv_operator fv__op_max_unpool = {
    .size = sizeof(fv_operator),
    .name = "max_unpool",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes_size = sizeof(fv__unpooling),
    .backward_reads = FV_READS_INPUT(1),
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "MaxUnpool",
};

fv_variable *fv_max_unpool(fv_variable *x, fv_variable *indices,
                           const fv_pooling *pooling, const int64_t size[])
{
    const fv_operator *op = &fv__op_max_unpool;
    fv__unpooling a = { .sized = size != NULL };
    fv_variable *inputs[] = { x, indices };
    if (!x || !indices
        || fv__pool_complete(fv_variable_context(x), op->name, pooling,
                             &a.pooling)
               != FV_OK)
        return NULL;
    const int32_t rank = fv_variable_value(x)->rank;
    for (int32_t i = 0; size && i < rank - 2 && i < FV__AXES; i++)
        a.size[i] = size[i];
    return fv_apply(op, &a, 2, inputs);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    FV__WINDOW_FIELDS,
    { FV__FIELD_AS("size", fv__window_options, LIST, output) },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv__window_options *options = layer->options;
    const int32_t axes = fv_variable_value(inputs[0])->rank - 2;
    fv_pooling pooling;
    int64_t size[FV__AXES];
    (void)count;
    if (fv__window_lists(layer, axes, &pooling, size) != FV_OK) return NULL;
    return fv_max_unpool(inputs[0], inputs[1], &pooling,
                         options->output.count ? size : NULL);
}

const fv__layer_type fv__layer_max_unpool = {
    .kind = "max_unpool",
    .about = "values at the positions of maxpool_indices, zeros elsewhere; "
             "size: of the output, if not the smallest",
    FV__LAYER_OPTIONS(fv__window_options),
    .fields = fields,
    .min_inputs = 2,
    .max_inputs = 2,
    .declare = fv__window_lists_declare,
    .forward = apply,
};
