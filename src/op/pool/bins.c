/* Windows that divide an image evenly, as adaptive and global pools have them.
 * Along an axis of i elements, window t of T is that of the elements from
 * floor(t i / T) to, and without, ceil((t + 1) i / T). */
#include "op/pool/window.h"

#include <inttypes.h>

fv_variable *fv__bins_apply(const fv_operator *op, fv_variable *x,
                            const int64_t size[])
{
    fv__bins a = { { 0 } };
    if (!x) return NULL;
    const fv_tensor *value = fv_variable_value(x);
    const int32_t axes = (int32_t)fv__min(value->rank - 2, FV__AXES);
    if (!size || (axes > 0 && !size[0])) {
        fv_fail(fv_variable_context(x), FV_MISUSE,
                "%s: no size of the output is given", op->name);
        return NULL;
    }
    for (int32_t i = 0; i < axes; i++) {
        const int64_t given = size[i] ? size[i] : size[0];
        a.size[i] = given == -1 ? value->shape[1 + i] : given;
    }
    return fv_apply(op, &a, 1, &x);
}

/* The geometry of an image, with all windows. Along an axis where they have the
 * same length and do not overlap, that is the kernel and the stride; along the
 * others it is the stride 0. */
static fv__geometry geometry_of(const fv_tensor *x, const fv__bins *bins)
{
    const int32_t axes = x->rank - 2;
    fv__geometry g = fv__image_geometry(x);
    for (int32_t axis = 0; axis < FV__AXES; axis++) g.out[axis] = 1;
    for (int32_t i = 0; i < axes; i++) {
        const int32_t axis = fv__axis_of(axes, i);
        const bool even = g.in[axis] % bins->size[i] == 0;
        g.out[axis] = bins->size[i];
        g.kernel[axis] = g.stride[axis] = even ? g.in[axis] / g.out[axis] : 0;
    }
    return g;
}

fv_status fv__bins_infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv_tensor *x = inference->inputs[0];
    const fv__bins *bins = inference->attributes;
    if (!fv__operand_images(inference)) return fv_failed(context);
    fv__geometry g = fv__image_geometry(x);
    fv_status status = fv__geometry_check(context, inference->name, true, &g);
    if (status != FV_OK) return status;
    for (int32_t i = 0; i < x->rank - 2; i++)
        if (bins->size[i] < 1)
            return fv_fail(context, FV_MISUSE,
                           "%s: size %" PRId64 " of the output is below 1",
                           inference->name, bins->size[i]);
    g = geometry_of(x, bins);
    const int64_t extents[] = { fv__saturated_product(FV__AXES, g.out), g.batch,
                                g.channels };
    if (fv__product(3, extents) < 0)
        return fv_fail(context, FV_LIMIT,
                       "%s: the output has too many elements", inference->name);
    fv__infer_images(inference, &g);
    for (int32_t axis = 0; axis < 2; axis++) {
        inference->window[axis] = g.out[axis] == 1 ? 0 : g.kernel[axis];
        inference->step[axis] = fv__max(g.stride[axis], 1);
    }
    return FV_OK;
}

/* A call of the kernel has one window along each of the first `single` axes, in
 * the order of memory, and all windows along the others. */
typedef struct bins_job {
    const fv_call *call;
    fv__geometry geometry;
    const fv_tensor *x, *y;
    int32_t single;
    int64_t calls, each; /* for an image; for a work item */
    fv__pool_image *image;
} bins_job;

/* The least number of axes such that the windows along the others are even. */
static int32_t uneven_axes(const fv__geometry *g)
{
    int32_t single = FV__AXES;
    while (single > 0 && g->stride[fv__axis_of(FV__AXES, single - 1)]) single--;
    return single;
}

/* Leaves window t of an axis. */
static void take(fv__geometry *g, int32_t axis, int64_t t)
{
    const int64_t in = g->in[axis], out = g->out[axis];
    const int64_t whole = in / out, rest = in % out;
    const int64_t first = t * whole + t * rest / out;
    const int64_t last = (t + 1) * whole + fv__divide_up((t + 1) * rest, out);
    g->begin[axis] = -first;
    g->kernel[axis] = g->stride[axis] = last - first;
    g->out[axis] = 1;
}

/* Runs calls `first` to `end` - 1 of image n. */
static void run_calls(const bins_job *job, const fv_call *call, int64_t n,
                      int64_t first, int64_t end)
{
    const fv__geometry *whole = &job->geometry;
    const int64_t c = whole->channels;
    const int64_t in = n * fv__product(FV__AXES, whole->in) * c;
    const int64_t windows = fv__product(FV__AXES, whole->out);
    int32_t *where = call->saved;
    for (int64_t i = first; i < end; i++) {
        fv__geometry g = *whole;
        int64_t rest = i;
        for (int32_t k = job->single - 1; k >= 0; k--) {
            const int32_t axis = fv__axis_of(FV__AXES, k);
            const int64_t along = g.out[axis];
            take(&g, axis, rest % along);
            rest /= along;
        }
        const int64_t at = (n * windows + i * (windows / job->calls)) * c;
        job->image(call, &g, fv__tensor_byte(job->x, in),
                   fv__tensor_byte(job->y, at), where ? where + at : NULL);
    }
}

static void run_forward(void *argument, size_t item, size_t worker)
{
    const bins_job *job = argument;
    const int64_t items = fv__divide_up(job->calls, job->each);
    const int64_t first = (int64_t)item % items * job->each;
    (void)worker;
    run_calls(job, job->call, (int64_t)item / items, first,
              fv__min(first + job->each, job->calls));
}

/* The gradient of image n. Where the windows are not even they may overlap. */
static void run_backward(void *argument, size_t n, size_t worker)
{
    const bins_job *job = argument;
    const fv__geometry *g = &job->geometry;
    const int64_t image = fv__product(FV__AXES, g->in) * g->channels;
    fv_call call = *job->call;
    (void)worker;
    if (job->single && fv__accumulation_of(&call, 0) == FV__STORE) {
        call.context->kernels->fill(
            (size_t)image, 0, fv__tensor_byte(job->x, (int64_t)n * image));
        call.fresh &= ~(uint64_t)1;
    }
    run_calls(job, &call, (int64_t)n, 0, job->calls);
}

static void run(bins_job job)
{
    const fv__geometry *g = &job.geometry;
    const bool forward = !job.call->output_grads;
    job.calls = 1;
    for (int32_t k = 0; k < job.single; k++)
        job.calls *= g->out[fv__axis_of(FV__AXES, k)];
    const int64_t blocks =
        forward ? fv__divide_up(FV__FEW_ITEMS, fv__max(g->batch, 1)) : 1;
    job.each = fv__divide_up(job.calls, blocks);
    const int64_t items = forward ? fv__divide_up(job.calls, job.each) : 1;
    fv__parallel(job.call->context, (size_t)(g->batch * items),
                 (double)fv_tensor_count(job.x),
                 forward ? run_forward : run_backward, &job);
}

void fv__bins_forward(const fv_call *call, fv__pool_image *image)
{
    const fv_tensor *x = call->inputs[0];
    const fv__geometry g = geometry_of(x, call->attributes);
    const int32_t along = g.out[FV__DEPTH] > 1  ? 1
                          : g.out[FV__ROWS] > 1 ? 2
                                                : 0;
    run((bins_job){ .call = call,
                    .geometry = g,
                    .x = x,
                    .y = call->outputs[0],
                    .single = (int32_t)fv__max(uneven_axes(&g), along),
                    .image = image });
}

void fv__bins_backward(const fv_call *call, fv__pool_image *image)
{
    const fv_tensor *dx = call->input_grads[0];
    const fv__geometry g = geometry_of(dx, call->attributes);
    run((bins_job){ .call = call,
                    .geometry = g,
                    .x = dx,
                    .y = call->output_grads[0],
                    .single = uneven_axes(&g),
                    .image = image });
}

fv_status fv__bins_declare(fv_layer *layer, int32_t count,
                           const fv_shape inputs[])
{
    const fv_adaptive_pool_options *options = layer->options;
    const fv_shape size = fv__shape_of(options->output);
    const int32_t axes = inputs[0].rank - 1;
    const fv_status status = fv__image_declare(layer, count, inputs);
    if (status == FV_OK && !size.rank)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: no size of the output is given", layer->name);
    if (status == FV_OK && size.rank > axes)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: %d sizes of the output, but the image has %d ax%ss",
                       layer->name, size.rank, axes, axes == 1 ? "i" : "e");
    return status;
}
