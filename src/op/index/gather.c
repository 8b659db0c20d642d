/* Slices of a tensor along an axis, chosen by indices; their gradients are
 * added where they came from, in the order of the indices. */
#include "op/attributes.h"
#include "op/tensor_layer.h"

#include <math.h>
#include <string.h>

/* Elements of one item of backward along the inner axes, and about as many
 * elements of one item of forward. */
enum { COLUMNS = 64, CUT = 16384 };

static fv_status infer(fv_inference *inference)
{
    const fv__gather *g = inference->attributes;
    const fv_tensor *x = inference->inputs[0], *indices = inference->inputs[1];
    int32_t axis, rank = x->rank - 1 + indices->rank;
    int64_t shape[2 * FV_MAX_RANK];
    fv_status status = fv__infer_indices(inference, 1);
    if (!status) status = fv__infer_axis(inference, g->axis, x->rank, &axis);
    if (status) return status;
    if (rank > FV_MAX_RANK)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: the result would have rank %d, above %d",
                       inference->name, rank, FV_MAX_RANK);
    for (int32_t i = 0; i < rank; i++)
        shape[i] = i < axis                   ? x->shape[i]
                   : i < axis + indices->rank ? indices->shape[i - axis]
                                              : x->shape[i - indices->rank + 1];
    return fv__infer_moved(inference, rank, shape);
}

typedef struct gather_job {
    const fv_call *call;
    const fv__gather *attributes;
    fv__lines lines;
    const fv_tensor *indices;
    int64_t count;  /* indices */
    int64_t group;  /* slices of one item */
    int64_t blocks; /* of columns, backward */
} gather_job;

static gather_job job_of(const fv_call *call)
{
    const fv__gather *attributes = call->attributes;
    gather_job job = { .call = call,
                       .attributes = attributes,
                       .lines =
                           fv__lines_along(call->inputs[0], attributes->axis),
                       .indices = call->inputs[1],
                       .count = fv_tensor_count(call->inputs[1]) };
    job.group = fv__max(CUT / fv__max(job.lines.inner, 1), 1);
    job.blocks = fv__divide_up(job.lines.inner, COLUMNS);
    return job;
}

/* Index i, counted from the beginning; -1 if it is out of range. */
static int64_t index_at(const gather_job *job, int64_t i)
{
    const int64_t extent = job->lines.extent;
    const int64_t at = fv__index_get(job->indices, i);
    return at >= 0 ? (at < extent ? at : -1) : at >= -extent ? at + extent : -1;
}

/* NaN, or 0 of other types. */
static void fill_slice(const fv_context *context, const fv_tensor *y,
                       int64_t at, int64_t n)
{
    if (fv__dtype_is_real(y->dtype))
        context->kernels->fill((size_t)n, (double)NAN, fv__tensor_byte(y, at));
    else
        memset(fv__tensor_byte(y, at), 0, (size_t)n * fv_dtype_bytes(y->dtype));
}

static void copy_slices(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const gather_job *job = argument;
    const fv_tensor *x = job->call->inputs[0], *y = job->call->outputs[0];
    const int64_t inner = job->lines.inner;
    const size_t bytes = (size_t)inner * fv_dtype_bytes(x->dtype);
    int64_t slice = (int64_t)item * job->group;
    const int64_t end =
        fv__min(slice + job->group, job->lines.outer * job->count);
    for (; slice < end; slice++) {
        const int64_t at = index_at(job, slice % job->count);
        const int64_t from =
            (slice / job->count * job->lines.extent + at) * inner;
        if (at < 0)
            fill_slice(job->call->context, y, slice * inner, inner);
        else
            memcpy(fv__tensor_byte(y, slice * inner), fv__tensor_byte(x, from),
                   bytes);
    }
}

static void forward(const fv_call *call)
{
    gather_job job = job_of(call);
    const int64_t slices = job.lines.outer * job.count;
    if (!fv__count(call->outputs[0])) return;
    fv__parallel(call->context, (size_t)fv__divide_up(slices, job.group),
                 (double)fv__count(call->outputs[0]), copy_slices, &job);
}

/* Adds a block of columns of all slices of one outer index. */
static void add_columns(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const gather_job *job = argument;
    const fv_context *context = job->call->context;
    const fv_tensor *dx = job->call->input_grads[0],
                    *dy = job->call->output_grads[0];
    const int64_t inner = job->lines.inner, outer = (int64_t)item / job->blocks;
    const int64_t begin = (int64_t)item % job->blocks * COLUMNS;
    const int64_t width = fv__min(inner - begin, COLUMNS);
    const fv__gather *a = job->attributes;
    for (int64_t i = 0; i < job->count; i++) {
        const int64_t at = index_at(job, i);
        if (at < 0 || (a->has_padding && at == a->padding)) continue;
        context->kernels->axpy(
            (size_t)width, 1,
            fv__tensor_byte(dy, (outer * job->count + i) * inner + begin),
            fv__tensor_byte(dx,
                            (outer * job->lines.extent + at) * inner + begin));
    }
}

static void backward(const fv_call *call)
{
    gather_job job = job_of(call);
    if (!call->input_grads[0] || !fv__count(call->output_grads[0])) return;
    fv__parallel(call->context, (size_t)(job.lines.outer * job.blocks),
                 2 * (double)fv__count(call->output_grads[0]), add_columns,
                 &job);
}

const fv_operator fv__op_gather = { .size = sizeof(fv_operator),
                                    .name = "gather",
                                    .min_inputs = 2,
                                    .max_inputs = 2,
                                    .attributes_size = sizeof(fv__gather),
                                    .backward_reads = FV_READS_INPUT(1),
                                    .infer = infer,
                                    .forward = forward,
                                    .backward = backward,
                                    .onnx = "Gather" };

fv_variable *fv_gather(fv_variable *a, fv_variable *indices, int32_t axis)
{
    const fv__gather attributes = { .axis = axis };
    fv_variable *const operands[] = { a, indices };
    return fv_apply(&fv__op_gather, &attributes, 2, operands);
}

fv_variable *fv_embedding_of(fv_variable *weight, fv_variable *indices,
                             int64_t padding)
{
    const fv__gather attributes = { .has_padding = padding >= 0,
                                    .padding = padding };
    fv_variable *const operands[] = { weight, indices };
    return fv_apply(&fv__op_gather, &attributes, 2, operands);
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
    return fv_gather(inputs[0], inputs[1], (int32_t)o->axis);
}

const fv__layer_type fv__layer_gather = {
    .kind = "gather",
    .about =
        "slices of the first input along an axis at the indices in the second",
    FV__LAYER_OPTIONS(fv__axis_options),
    .fields = fields,
    .min_inputs = 2,
    .max_inputs = 2,
    .forward = apply,
};
