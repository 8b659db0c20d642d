/* Padding of any axes: by zeros, a number, a reflection, the edge, or the other
 * end. The gradient of an element is the sum over its copies. */
#include "op/shape/padding.h"

#include <inttypes.h>
#include <string.h>

/* ---- the shape rule ------------------------------------------------------ */

int64_t fv__padding_source(fv_padding_mode mode, int64_t q, int64_t extent)
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
static int64_t limit_of(fv_padding_mode mode, int64_t extent)
{
    const int64_t most = (int64_t)1 << 46;
    if (mode == FV_PAD_REFLECT) return fv__max(extent - 1, 0);
    if (mode == FV_PAD_CIRCULAR) return extent;
    return mode == FV_PAD_REPLICATE && extent == 0 ? 0 : most;
}

static bool axis_fits(const fv_inference *inference, fv_padding_mode mode,
                      int32_t axis, int64_t in, int64_t begin, int64_t end,
                      int64_t *out)
{
    static const char *const what[] = { "zeros", "mirrored elements",
                                        "copies of the edge",
                                        "copies of the other end", "numbers" };
    const int64_t most = limit_of(mode, in);
    const int64_t larger = fv__max(begin, end);
    *out = 0;
    if (larger > most)
        fv_fail(inference->context, FV_MISUSE,
                "%s: %" PRId64 " %s are more than the %" PRId64
                " that axis %d of %" PRId64 " allows",
                inference->name, larger, what[mode], most, axis, in);
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
static const fv__padding_run *runs_of(const fv_inference *inference,
                                      const int64_t *map, int64_t out,
                                      int64_t *count)
{
    fv__padding_run *runs = NULL;
    for (int fill = 0; fill < 2; fill++) {
        *count = 0;
        for (int64_t i = 0, next; i < out; i = next) {
            const int64_t step = map[i] >= 0;
            for (next = i + 1; next < out; next++)
                if (map[next] != map[i] + step * (next - i)) break;
            if (fill) runs[*count] = (fv__padding_run){ i, map[i], next - i };
            ++*count;
        }
        if (!fill) runs = allocate(inference, *count, sizeof *runs);
        if (!runs) return NULL;
    }
    return runs;
}

/* Sorts the outputs of an axis by their input. */
static bool invert(const fv_inference *inference, const int64_t *map,
                   int64_t out, int64_t in, fv__padding *r)
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

fv_status fv__padding_resolve(const fv_inference *inference, const fv_tensor *x,
                              const int64_t begin[], const int64_t end[],
                              fv_padding_mode mode, fv__padding *r,
                              int64_t out[FV_MAX_RANK])
{
    bool padded = false;
    r->first = r->last = x->rank - 1;
    for (int32_t axis = x->rank - 1; axis >= 0; axis--) {
        const int64_t in = x->shape[axis];
        if (!axis_fits(inference, mode, axis, in, begin[axis], end[axis],
                       &out[axis]))
            return fv_failed(inference->context);
        int64_t *map = allocate(inference, out[axis] + 1, sizeof *map);
        if (!map) return fv_failed(inference->context);
        for (int64_t i = 0; i < out[axis]; i++)
            map[i] = fv__padding_source(mode, i - begin[axis], in);
        r->map[axis] = map;
        if (!begin[axis] && !end[axis]) continue;
        if (!padded) r->last = axis;
        r->first = axis;
        padded = true;
    }
    r->outer = fv__product(r->first, x->shape);
    r->inner = fv__product(x->rank - 1 - r->last, x->shape + r->last + 1);
    r->runs = runs_of(inference, r->map[r->last], out[r->last], &r->num_runs);
    if (r->runs)
        invert(inference, r->map[r->first], out[r->first], x->shape[r->first],
               r);
    return fv_failed(inference->context);
}

/* ---- the work ------------------------------------------------------------ */

/* A unit of the work is an index of the axes before the first that is padded
 * and, unless that is the last one too, an index of that axis: of the output in
 * the forward pass, of the input in the backward pass. */
typedef struct job {
    fv_context *context;
    const fv__padding *r;
    const fv_tensor *small, *large; /* input and output, or gradients */
    int64_t units, each;
    double value;
    bool backward;
    fv__accumulation accumulation;
} job;

static int64_t count_from(const fv_tensor *t, int32_t axis)
{
    return fv__product(t->rank - axis, t->shape + axis);
}

/* Element i, of any type, at `base`. */
static void *element(const job *j, const void *base, int64_t i)
{
    return (char *)(uintptr_t)base
           + i * (int64_t)fv_dtype_bytes(j->large->dtype);
}

/* Sets elements to the number. */
static void fill_number(const job *j, int64_t n, void *to)
{
    const int64_t whole = (int64_t)j->value;
    const fv_dtype dtype = j->large->dtype;
    if (fv__dtype_is_real(dtype))
        j->context->kernels->fill((size_t)n, j->value, to);
    else
        for (int64_t i = 0; i < n; i++)
            fv__store_wrapped(dtype, element(j, to, i), 1, &whole);
}

/* Fills the output's elements of an index of the axes before `axis`; from NULL:
 * with the number. */
static void fill(const job *j, int32_t axis, const void *from, void *to)
{
    const fv__padding *r = j->r;
    const int64_t step = count_from(j->small, axis + 1);
    const int64_t out_step = count_from(j->large, axis + 1);
    if (!from) {
        fill_number(j, count_from(j->large, axis), to);
        return;
    }
    for (int64_t i = 0; axis < r->last && i < j->large->shape[axis]; i++) {
        const int64_t at = r->map[axis][i];
        fill(j, axis + 1, at < 0 ? NULL : element(j, from, at * step),
             element(j, to, i * out_step));
    }
    for (int64_t i = 0; axis == r->last && i < r->num_runs; i++) {
        const fv__padding_run *u = &r->runs[i];
        const int64_t n = u->count * r->inner;
        void *out = element(j, to, u->to * r->inner);
        if (u->from < 0)
            fill_number(j, n, out);
        else
            memcpy(out, element(j, from, u->from * r->inner),
                   (size_t)n * fv_dtype_bytes(j->large->dtype));
    }
}

/* Adds the gradients dy to those of their inputs. */
static void gather(const job *j, int32_t axis, const void *dy, void *dx)
{
    const fv_context *context = j->context;
    const fv__padding *r = j->r;
    const int64_t step = count_from(j->small, axis + 1);
    const int64_t out_step = count_from(j->large, axis + 1);
    for (int64_t i = 0; axis < r->last && i < j->large->shape[axis]; i++)
        if (r->map[axis][i] >= 0)
            gather(j, axis + 1, fv__number_in(context, dy, i * out_step),
                   fv__number_at(context, dx, r->map[axis][i] * step));
    for (int64_t i = 0; axis == r->last && i < r->num_runs; i++) {
        const fv__padding_run *u = &r->runs[i];
        if (u->from >= 0)
            context->kernels->axpy(
                (size_t)(u->count * r->inner), 1,
                fv__number_in(context, dy, u->to * r->inner),
                fv__number_at(context, dx, u->from * r->inner));
    }
}

static void run_forward(const job *j, int64_t unit)
{
    const fv__padding *r = j->r;
    const void *from = j->small->data;
    void *to =
        element(j, j->large->data, unit * (count_from(j->large, 0) / j->units));
    int32_t axis = r->first;
    int64_t at = unit;
    if (r->first < r->last) {
        const int64_t out = j->large->shape[axis];
        const int64_t in = r->map[axis][unit % out];
        at = in < 0 ? -1 : unit / out * j->small->shape[axis] + in;
        axis++;
    }
    fill(j, axis,
         at < 0 ? NULL : element(j, from, at * count_from(j->small, axis)), to);
}

static void run_backward(const job *j, int64_t unit)
{
    const fv_context *context = j->context;
    const fv__padding *r = j->r;
    const int64_t span = count_from(j->small, 0) / j->units;
    const void *dy = j->large->data;
    void *dx = fv__number_at(context, j->small->data, unit * span);
    if (j->accumulation == FV__STORE)
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
    const fv__padding *r = j->r;
    const int64_t count = fv_tensor_count(cut);
    j->units = r->outer * (r->first < r->last ? cut->shape[r->first] : 1);
    if (count == 0 || j->units == 0) return;
    j->each = fv__max(4096 * j->units / count, 1);
    fv__parallel(j->context, (size_t)fv__divide_up(j->units, j->each),
                 (double)fv_tensor_count(j->large), run_item, j);
}

void fv__padding_fill(fv_context *context, const fv__padding *padding,
                      const fv_tensor *x, const fv_tensor *y, double value)
{
    run_all(&(job){ .context = context,
                    .r = padding,
                    .small = x,
                    .large = y,
                    .value = value });
}

void fv__padding_gather(fv_context *context, const fv__padding *padding,
                        const fv_tensor *dy, const fv_tensor *dx,
                        fv__accumulation accumulation)
{
    run_all(&(job){ .context = context,
                    .r = padding,
                    .small = dx,
                    .large = dy,
                    .backward = true,
                    .accumulation = accumulation });
}
