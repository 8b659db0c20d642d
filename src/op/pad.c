/* Padding of any axes: by zeros, a number, a reflection, the edge, or the other
 * end. The gradient of an element is the sum over its copies. */
#include "op/op.h"

#include <inttypes.h>
#include <string.h>

typedef struct pad {
    int64_t begin[FV_MAX_RANK], end[FV_MAX_RANK];
    double value;
    int32_t mode; /* fv_padding_mode */
} pad;

/* Outputs [to, to + count) of an axis are inputs [from, from + count), or the
 * number where from is -1. */
typedef struct run {
    int64_t to, from, count;
} run;

/* What the shape rule resolves. Axes before `first` and after `last` are not
 * padded; `inner` elements lie behind the last. */
typedef struct resolved {
    int32_t first, last;
    int64_t outer, inner;
    const int64_t *map[FV_MAX_RANK]; /* the input of each output; -1: none */
    const run *runs;                 /* of the last axis */
    int64_t num_runs;
    /* of the first axis: the outputs of input i are order[start[i]] to
     * order[start[i + 1] - 1], in ascending order */
    const int64_t *order, *start;
} resolved;

/* ---- the shape rule ------------------------------------------------------ */

/* The input at position q of an axis of `extent` inputs; -1: outside. */
static int64_t source(int32_t mode, int64_t q, int64_t extent)
{
    if (q >= 0 && q < extent) return q;
    switch (mode) {
    case FV_PAD_REFLECT:
        return q < 0 ? -q : 2 * (extent - 1) - q;
    case FV_PAD_REPLICATE:
        return q < 0 ? 0 : extent - 1;
    case FV_PAD_CIRCULAR:
        return q < 0 ? q + extent : q - extent;
    default:
        return -1;
    }
}

/* The most that may be added to a side of an axis of `extent` inputs. */
static int64_t limit_of(int32_t mode, int64_t extent)
{
    const int64_t most = (int64_t)1 << 46;
    if (mode == FV_PAD_REFLECT) return fv__max(extent - 1, 0);
    if (mode == FV_PAD_CIRCULAR) return extent;
    return mode == FV_PAD_REPLICATE && extent == 0 ? 0 : most;
}

static bool axis_fits(const fv_inference *inference, int32_t axis, int64_t *out)
{
    static const char *const what[] = { "zeros", "mirrored elements",
                                        "copies of the edge",
                                        "copies of the other end", "numbers" };
    const pad *a = inference->attributes;
    const int64_t in = inference->inputs[0]->shape[axis];
    const int64_t begin = a->begin[axis], end = a->end[axis];
    const int64_t most = limit_of(a->mode, in);
    const int64_t larger = fv__max(begin, end);
    *out = 0;
    if (larger > most)
        fv_fail(inference->context, FV_MISUSE,
                "%s: %" PRId64 " %s are more than the %" PRId64
                " that axis %d of %" PRId64 " allows",
                inference->name, larger, what[a->mode], most, axis, in);
    else if (begin < -in || end < -in || in + begin + end < (in > 0))
        fv_fail(inference->context, FV_MISUSE,
                "%s: axis %d of %" PRId64
                " has no elements left between %" PRId64 " and %" PRId64,
                inference->name, axis, in, begin, end);
    else
        *out = in + begin + end;
    return fv__ok(inference->context);
}

static void *allocate(const fv_inference *inference, int64_t count, size_t size)
{
    size_t bytes;
    return fv_inference_allocate(
        inference,
        fv__multiply((size_t)count, size, &bytes) ? bytes : SIZE_MAX);
}

/* The runs of an axis, as its map has them. */
static const run *runs_of(const fv_inference *inference, const int64_t *map,
                          int64_t out, int64_t *count)
{
    run *runs = NULL;
    for (int fill = 0; fill < 2; fill++) {
        *count = 0;
        for (int64_t i = 0, next; i < out; i = next) {
            const int64_t step = map[i] >= 0;
            for (next = i + 1; next < out; next++)
                if (map[next] != map[i] + step * (next - i)) break;
            if (fill) runs[*count] = (run){ i, map[i], next - i };
            ++*count;
        }
        if (!fill) runs = allocate(inference, *count, sizeof *runs);
        if (!runs) return NULL;
    }
    return runs;
}

/* Sorts the outputs of an axis by their input. */
static bool invert(const fv_inference *inference, const int64_t *map,
                   int64_t out, int64_t in, resolved *r)
{
    int64_t *start = allocate(inference, in + 2, sizeof *start);
    int64_t *order = allocate(inference, out + 1, sizeof *order);
    if (!start || !order) return false;
    for (int64_t i = 0; i < out; i++)
        if (map[i] >= 0) start[map[i] + 2]++;
    for (int64_t i = 2; i < in + 2; i++) start[i] += start[i - 1];
    for (int64_t i = 0; i < out; i++)
        if (map[i] >= 0) order[start[map[i] + 1]++] = i;
    r->start = start;
    r->order = order;
    return true;
}

static fv_status resolve(fv_inference *inference, const int64_t out[])
{
    const pad *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    resolved *r = allocate(inference, 1, sizeof *r);
    bool padded = false;
    if (!r) return fv_failed(inference->context);
    r->first = r->last = x->rank - 1;
    for (int32_t axis = x->rank - 1; axis >= 0; axis--) {
        int64_t *map = allocate(inference, out[axis] + 1, sizeof *map);
        if (!map) return fv_failed(inference->context);
        for (int64_t i = 0; i < out[axis]; i++)
            map[i] = source(a->mode, i - a->begin[axis], x->shape[axis]);
        r->map[axis] = map;
        if (!a->begin[axis] && !a->end[axis]) continue;
        if (!padded) r->last = axis;
        r->first = axis;
        padded = true;
    }
    r->outer = fv__product(r->first, x->shape);
    r->inner = fv__product(x->rank - 1 - r->last, x->shape + r->last + 1);
    r->runs = runs_of(inference, r->map[r->last], out[r->last], &r->num_runs);
    inference->resolved = r;
    if (!r->runs) return fv_failed(inference->context);
    invert(inference, r->map[r->first], out[r->first], x->shape[r->first], r);
    return fv_failed(inference->context);
}

static fv_status infer(fv_inference *inference)
{
    const pad *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    int64_t out[FV_MAX_RANK] = { 0 };
    if (fv__infer_float(inference, 0) != FV_OK
        || fv__infer_least_rank(inference, 0, 1) != FV_OK)
        return fv_failed(inference->context);
    if (a->mode < 0 || a->mode > FV_PAD_CONSTANT)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: mode %d is unknown (0 to %d)", inference->name,
                       a->mode, FV_PAD_CONSTANT);
    for (int32_t axis = 0; axis < x->rank; axis++)
        if (!axis_fits(inference, axis, &out[axis]))
            return fv_failed(inference->context);
    if (fv__infer_output(inference, x->rank, out) != FV_OK)
        return fv_failed(inference->context);
    return resolve(inference, out);
}

/* ---- the work ------------------------------------------------------------ */

/* A unit of the work is an index of the axes before the first that is padded
 * and, unless that is the last one too, an index of that axis: of the output in
 * the forward pass, of the input in the backward pass. */
typedef struct job {
    const fv_call *call;
    const resolved *r;
    const fv_tensor *small, *large; /* input and output, or gradients */
    int64_t units, each;
    bool backward;
} job;

static int64_t count_from(const fv_tensor *t, int32_t axis)
{
    return fv__product(t->rank - axis, t->shape + axis);
}

/* Fills the output's elements of an index of the axes before `axis`; from NULL:
 * with the number. */
static void fill(const job *j, int32_t axis, const void *from, void *to)
{
    const fv_context *context = j->call->context;
    const pad *a = j->call->attributes;
    const resolved *r = j->r;
    const int64_t step = count_from(j->small, axis + 1);
    const int64_t out_step = count_from(j->large, axis + 1);
    if (!from) {
        context->kernels->fill((size_t)count_from(j->large, axis), a->value,
                               to);
        return;
    }
    for (int64_t i = 0; axis < r->last && i < j->large->shape[axis]; i++) {
        const int64_t at = r->map[axis][i];
        fill(j, axis + 1,
             at < 0 ? NULL : fv__number_in(context, from, at * step),
             fv__number_at(context, to, i * out_step));
    }
    for (int64_t i = 0; axis == r->last && i < r->num_runs; i++) {
        const run *u = &r->runs[i];
        const size_t n = (size_t)(u->count * r->inner);
        void *out = fv__number_at(context, to, u->to * r->inner);
        if (u->from < 0)
            context->kernels->fill(n, a->value, out);
        else
            memcpy(out, fv__number_in(context, from, u->from * r->inner),
                   n * fv__number_bytes(context));
    }
}

/* Adds the gradients dy to those of their inputs. */
static void gather(const job *j, int32_t axis, const void *dy, void *dx)
{
    const fv_context *context = j->call->context;
    const resolved *r = j->r;
    const int64_t step = count_from(j->small, axis + 1);
    const int64_t out_step = count_from(j->large, axis + 1);
    for (int64_t i = 0; axis < r->last && i < j->large->shape[axis]; i++)
        if (r->map[axis][i] >= 0)
            gather(j, axis + 1, fv__number_in(context, dy, i * out_step),
                   fv__number_at(context, dx, r->map[axis][i] * step));
    for (int64_t i = 0; axis == r->last && i < r->num_runs; i++) {
        const run *u = &r->runs[i];
        if (u->from >= 0)
            context->kernels->axpy(
                (size_t)(u->count * r->inner), 1,
                fv__number_in(context, dy, u->to * r->inner),
                fv__number_at(context, dx, u->from * r->inner));
    }
}

static void run_forward(const job *j, int64_t unit)
{
    const fv_context *context = j->call->context;
    const resolved *r = j->r;
    const void *from = j->small->data;
    void *to = fv__number_at(context, j->large->data,
                             unit * (count_from(j->large, 0) / j->units));
    int32_t axis = r->first;
    int64_t at = unit;
    if (r->first < r->last) {
        const int64_t out = j->large->shape[axis];
        const int64_t in = r->map[axis][unit % out];
        at = in < 0 ? -1 : unit / out * j->small->shape[axis] + in;
        axis++;
    }
    fill(j, axis,
         at < 0 ? NULL
                : fv__number_in(context, from, at * count_from(j->small, axis)),
         to);
}

static void run_backward(const job *j, int64_t unit)
{
    const fv_context *context = j->call->context;
    const resolved *r = j->r;
    const int64_t span = count_from(j->small, 0) / j->units;
    const void *dy = j->large->data;
    void *dx = fv__number_at(context, j->small->data, unit * span);
    if (fv__accumulation_of(j->call, 0) == FV__STORE)
        context->kernels->fill((size_t)span, 0, dx);
    if (r->first == r->last) {
        gather(
            j, r->first,
            fv__number_in(context, dy, unit * count_from(j->large, r->first)),
            dx);
        return;
    }
    const int64_t in = unit % j->small->shape[r->first];
    const int64_t image =
        unit / j->small->shape[r->first] * j->large->shape[r->first];
    for (int64_t k = r->start[in]; k < r->start[in + 1]; k++)
        gather(j, r->first + 1,
               fv__number_in(context, dy,
                             (image + r->order[k])
                                 * count_from(j->large, r->first + 1)),
               dx);
}

static void run_item(void *argument, size_t item, size_t worker)
{
    const job *j = argument;
    const int64_t first = (int64_t)item * j->each;
    const int64_t end = fv__min(first + j->each, j->units);
    (void)worker;
    for (int64_t unit = first; unit < end; unit++)
        (j->backward ? run_backward : run_forward)(j, unit);
}

static void run_all(job *j)
{
    const fv_tensor *cut = j->backward ? j->small : j->large;
    const resolved *r = j->r = j->call->resolved;
    const int64_t count = fv_tensor_count(cut);
    j->units = r->outer * (r->first < r->last ? cut->shape[r->first] : 1);
    if (count == 0 || j->units == 0) return;
    j->each = fv__max(4096 * j->units / count, 1);
    fv__parallel(j->call->context, (size_t)fv__divide_up(j->units, j->each),
                 (double)fv_tensor_count(j->large), run_item, j);
}

static void forward(const fv_call *call)
{
    run_all(&(job){
        .call = call, .small = call->inputs[0], .large = call->outputs[0] });
}

static void backward(const fv_call *call)
{
    run_all(&(job){ .call = call,
                    .small = call->input_grads[0],
                    .large = call->output_grads[0],
                    .backward = true });
}

const fv_operator fv__op_pad = {
    .size = sizeof(fv_operator),
    .name = "pad",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(pad),
    .abilities = FV_OVERWRITES,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .onnx = "Pad",
};

fv_variable *fv_pad(fv_variable *a, const int64_t begin[], const int64_t end[],
                    fv_padding_mode mode, double value)
{
    pad attributes = { .mode = (int32_t)mode,
                       .value = mode == FV_PAD_CONSTANT ? value : 0 };
    const int32_t rank = a ? a->value.rank : 0;
    for (int32_t axis = 0; axis < rank; axis++) {
        attributes.begin[axis] = begin[axis];
        attributes.end[axis] = end ? end[axis] : begin[axis];
    }
    return fv_apply(&fv__op_pad, &attributes, 1, &a);
}

/* ---- the layer ----------------------------------------------------------- */

typedef struct options {
    size_t size;
    fv_context *context;
    FV_LAYER_SHAPE;
    FV_LAYER_NAMES;
    fv__list before, after; /* of the axes of an image, channels last */
    double value;
    fv_padding_mode mode;
    int32_t reserved;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, LIST, before), .positional = true },
    { FV__FIELD(options, LIST, after) },
    { FV__FIELD(options, WORD, mode), .words = fv__padding_mode_words },
    { FV__FIELD(options, NUMBER, value) },
    { .key = NULL },
};

static fv_status declare(fv_layer *layer, int32_t count,
                         const fv_shape inputs[])
{
    (void)count;
    const options *o = layer->options;
    const int64_t most = fv__max(o->before.count, o->after.count);
    if (most <= inputs[0].rank) return FV_OK;
    return fv_fail(layer->context, FV_MISUSE,
                   "%s: padding of %" PRId64 " axes, the input has %d",
                   layer->name, most, inputs[0].rank);
}

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)count;
    const options *o = layer->options;
    const fv__list *after = o->after.count ? &o->after : &o->before;
    int64_t begin[FV_MAX_RANK] = { 0 }, end[FV_MAX_RANK] = { 0 };
    for (int64_t i = 0; i < o->before.count; i++)
        begin[1 + i] = o->before.at[i];
    for (int64_t i = 0; i < after->count; i++) end[1 + i] = after->at[i];
    return fv_pad(inputs[0], begin, end, o->mode, o->value);
}

const fv__layer_type fv__layer_pad = {
    .kind = "pad",
    .about = "numbers before and after the axes of an image, channels last",
    FV__LAYER_OPTIONS(options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = declare,
    .forward = apply,
};
