/* The smallest or largest elements along an axis, and their positions. */
#include "op/op.h"

#include <string.h>

enum { CUT = 16384, COLUMNS = 256 };

/* The operand seen as [outer, extent, inner], reduced along the middle. Where
 * inner is 1, long rows are cut into segments. If the axes do not lie together,
 * a copy is read in which those that are reduced come last. */
typedef struct extreme_job {
    const fv_context *context;
    bool largest;
    bool moved;
    int32_t order[FV_MAX_RANK]; /* of the axes of the copy */
    int64_t outer, extent, inner;
    int64_t segments;     /* if inner is 1: segments of a row */
    int64_t blocks;       /* otherwise: blocks of columns of a plane */
    int64_t units, group; /* number of units, and of those in one item */
    const void *x;
    void *y;
    int64_t *at;    /* position of the extreme of each segment in its row */
    int64_t *saved; /* flat positions in x; NULL: not wanted */
} extreme_job;

/* Groups the axes; kept axes after a group of reduced ones that is followed by
 * more of these make a copy necessary. */
static void find_lines(extreme_job *job, const fv__reduction *reduction,
                       const fv_tensor *x)
{
    const fv_tensor kept = fv__reduction_kept(reduction, x);
    int32_t at = 0;
    job->outer = job->extent = job->inner = 1;
    for (int32_t i = 0; i < x->rank; i++) {
        if (x->shape[i] == 1) continue;
        if (kept.shape[i] == x->shape[i]) {
            *(job->extent == 1 ? &job->outer : &job->inner) *= x->shape[i];
            continue;
        }
        if (job->inner != 1) job->moved = true;
        job->extent *= x->shape[i];
    }
    if (!job->moved) return;
    job->outer *= job->inner;
    job->inner = 1;
    for (int32_t last = 0; last < 2; last++)
        for (int32_t i = 0; i < x->rank; i++)
            if ((kept.shape[i] != x->shape[i]) == (last == 1))
                job->order[at++] = i;
}

static void plan(extreme_job *job, const fv__extremes *extremes)
{
    find_lines(job, extremes->reduction, extremes->x);
    int64_t unit = 1;
    job->segments = job->blocks = 1;
    if (job->inner == 1) {
        job->segments = fv__divide_up(job->extent, CUT);
        unit = fv__min(job->extent, CUT);
    } else if (job->inner > 1) {
        job->blocks = fv__divide_up(job->inner, COLUMNS);
        unit = fv__min(job->inner, COLUMNS) * job->extent;
    }
    job->units = job->outer * (job->inner > 0) * job->segments * job->blocks;
    job->group = fv__max(CUT / fv__max(unit, 1), 1);
}

/* Whether `v` replaces `best`: it is beyond it, or it is the first NaN. */
#define BEATS(v, best)                                                         \
    ((job->largest ? (v) > (best) : (v) < (best))                              \
     || ((v) != (v) && (best) == (best)))

#define EXTREMES(real, name)                                                   \
    /* Position of the extreme of x[begin .. end - 1]. */                      \
    static int64_t find_##name(const extreme_job *job, const void *from,       \
                               int64_t begin, int64_t end)                     \
    {                                                                          \
        const real *x = from;                                                  \
        int64_t at = begin;                                                    \
        real best = x[begin];                                                  \
        for (int64_t i = begin + 1; i < end; i++) {                            \
            if (!BEATS(x[i], best)) continue;                                  \
            best = x[i];                                                       \
            at = i;                                                            \
        }                                                                      \
        return at;                                                             \
    }                                                                          \
                                                                               \
    /* The first extreme of those at the ascending positions `at`. */          \
    static int64_t choose_##name(const extreme_job *job, const void *from,     \
                                 const int64_t *at)                            \
    {                                                                          \
        const real *x = from;                                                  \
        int64_t best = at[0];                                                  \
        for (int64_t segment = 1; segment < job->segments; segment++)          \
            if (BEATS(x[at[segment]], x[best])) best = at[segment];            \
        return best;                                                           \
    }                                                                          \
                                                                               \
    /* Extremes of columns begin .. end - 1 of a plane. */                     \
    static void columns_##name(const extreme_job *job, int64_t outer,          \
                               int64_t begin, int64_t end)                     \
    {                                                                          \
        int64_t at[COLUMNS] = { 0 }, inner = job->inner;                       \
        const real *x = job->x;                                                \
        real *y = (real *)job->y + outer * inner;                              \
        x += outer * job->extent * inner;                                      \
        memcpy(y + begin, x + begin, (size_t)(end - begin) * sizeof *y);       \
        for (int64_t row = 1; row < job->extent; row++)                        \
            for (int64_t i = begin; i < end; i++) {                            \
                real v = x[row * inner + i];                                   \
                if (!BEATS(v, y[i])) continue;                                 \
                y[i] = v;                                                      \
                at[i - begin] = row;                                           \
            }                                                                  \
        for (int64_t i = begin; job->saved && i < end; i++)                    \
            job->saved[outer * inner + i] =                                    \
                (outer * job->extent + at[i - begin]) * inner + i;             \
    }
EXTREMES(float, f32)
EXTREMES(double, f64)

static const void *row_of(const extreme_job *job, int64_t outer)
{
    return fv__number_in(job->context, job->x, outer * job->extent);
}

static void unit(const extreme_job *job, int64_t number)
{
    bool f64 = job->context->dtype == FV_F64;
    if (job->inner == 1) {
        int64_t outer = number / job->segments;
        int64_t begin = number % job->segments * CUT;
        int64_t end = fv__min(begin + CUT, job->extent);
        const void *x = row_of(job, outer);
        job->at[number] =
            f64 ? find_f64(job, x, begin, end) : find_f32(job, x, begin, end);
        return;
    }
    int64_t outer = number / job->blocks;
    int64_t begin = number % job->blocks * COLUMNS;
    int64_t end = fv__min(begin + COLUMNS, job->inner);
    if (f64)
        columns_f64(job, outer, begin, end);
    else
        columns_f32(job, outer, begin, end);
}

static void run_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const extreme_job *job = argument;
    int64_t number = (int64_t)item * job->group;
    int64_t end = fv__min(number + job->group, job->units);
    for (; number < end; number++) unit(job, number);
}

/* If inner is 1: reduces the extremes of the segments to that of the row. */
static void gather(const extreme_job *job)
{
    bool f64 = job->context->dtype == FV_F64;
    size_t bytes = fv__number_bytes(job->context);
    for (int64_t outer = 0; outer < job->outer; outer++) {
        const int64_t *at = job->at + outer * job->segments;
        const void *x = row_of(job, outer);
        int64_t best = f64 ? choose_f64(job, x, at) : choose_f32(job, x, at);
        memcpy(fv__number_at(job->context, job->y, outer),
               fv__number_in(job->context, x, best), bytes);
        if (job->saved) job->saved[outer] = outer * job->extent + best;
    }
}

/* Positions in the copy to those in x. */
static void map_positions(const extreme_job *job, const fv_tensor *x)
{
    for (int64_t i = 0; i < job->outer; i++) {
        int64_t rest = job->saved[i], at = 0;
        for (int32_t k = x->rank - 1; k >= 0; k--) {
            const int32_t axis = job->order[k];
            at += rest % x->shape[axis] * x->stride[axis];
            rest /= x->shape[axis];
        }
        job->saved[i] = at;
    }
}

size_t fv__extremes_scratch(const fv__extremes *extremes)
{
    extreme_job job = { 0 };
    plan(&job, extremes);
    const size_t rows =
        job.inner == 1 ? (size_t)job.units * sizeof(int64_t) : 0;
    return job.moved ? fv__align(rows) + fv__tensor_bytes(extremes->x) : rows;
}

void fv__extremes_run(const fv__extremes *extremes, void *scratch)
{
    fv_context *context = extremes->context;
    const fv_tensor *x = extremes->x;
    extreme_job job = { .context = context,
                        .largest = extremes->largest,
                        .x = x->data,
                        .y = extremes->y,
                        .at = scratch,
                        .saved = extremes->positions };
    plan(&job, extremes);
    if (job.moved && fv__count(x)) {
        const fv_tensor from = fv_tensor_permute(context, x, job.order);
        fv_tensor to = from;
        fv__tensor_strides(&to);
        to.data =
            (char *)scratch + fv__align((size_t)job.units * sizeof(int64_t));
        fv__copy_all(context, &to, &from);
        job.x = to.data;
    }
    fv__parallel(context, (size_t)fv__divide_up(job.units, job.group),
                 (double)fv__count(x), run_chunk, &job);
    if (job.inner == 1) gather(&job);
    if (job.moved && job.saved) map_positions(&job, x);
}

fv_status fv__extreme_infer(fv_inference *inference)
{
    fv_status status = fv__infer_reduction(inference, true);
    if (status) return status;
    const fv__extremes extremes = { .context = inference->context,
                                    .reduction = inference->attributes,
                                    .x = inference->inputs[0] };
    inference->forward_scratch = fv__extremes_scratch(&extremes);
    if (inference->gradient)
        inference->saved = fv__count(&inference->outputs[0]) * sizeof(int64_t);
    return FV_OK;
}

void fv__extreme_forward(const fv_call *call, bool largest)
{
    const fv__extremes extremes = { .context = call->context,
                                    .reduction = call->attributes,
                                    .largest = largest,
                                    .x = call->inputs[0],
                                    .y = call->outputs[0]->data,
                                    .positions = call->saved };
    fv__extremes_run(&extremes, call->scratch);
}

void fv__extreme_backward(const fv_call *call)
{
    const int64_t *at = call->saved;
    size_t n = fv__count(call->output_grads[0]);
    if (call->context->dtype == FV_F64) {
        const double *dy = call->output_grads[0]->data;
        double *dx = call->input_grads[0]->data;
        for (size_t i = 0; i < n; i++) dx[at[i]] += dy[i];
    } else {
        const float *dy = call->output_grads[0]->data;
        float *dx = call->input_grads[0]->data;
        for (size_t i = 0; i < n; i++) dx[at[i]] += dy[i];
    }
}
