/* The broadcast iterator: steps through several broadcast tensors together, and
 * runs the rows of a result on all threads. */
#include "op/op.h"

/* Steps of a contiguous tensor along the axes of `shape`, 0 where it is
 * broadcast. */
static void steps_of(const fv_tensor *tensor, const fv_tensor *shape,
                     int64_t *step)
{
    int32_t missing = shape->rank - tensor->rank;
    int64_t run = 1;
    for (int32_t axis = shape->rank - 1; axis >= 0; axis--) {
        int64_t extent = axis < missing ? 1 : tensor->shape[axis - missing];
        step[axis] = extent == 1 ? 0 : run;
        run *= extent;
    }
}

/* Whether axis `inner` of `steps` continues the last axis of the iterator in
 * every tensor, so that both can be merged. */
static bool continues(const fv__broadcast_iterator *iterator, int64_t extent,
                      int64_t steps[][FV_MAX_RANK], int32_t inner)
{
    if (iterator->rank == 0) return false;
    for (int32_t k = 0; k < iterator->count; k++)
        if (iterator->step[k][iterator->rank - 1] != steps[k][inner] * extent)
            return false;
    return true;
}

void fv__broadcast_begin(fv__broadcast_iterator *iterator,
                         const fv_tensor *shape, int32_t count,
                         const fv_tensor *const tensors[])
{
    int64_t steps[FV__MOST_BROADCAST][FV_MAX_RANK] = { { 0 } };
    for (int32_t k = 0; k < count; k++) steps_of(tensors[k], shape, steps[k]);
    *iterator = (fv__broadcast_iterator){ .count = count };
    for (int32_t axis = 0; axis < shape->rank; axis++) {
        int64_t extent = shape->shape[axis];
        if (extent == 1) continue;
        if (continues(iterator, extent, steps, axis))
            iterator->extent[iterator->rank - 1] *= extent;
        else
            iterator->extent[iterator->rank++] = extent;
        for (int32_t k = 0; k < count; k++)
            iterator->step[k][iterator->rank - 1] = steps[k][axis];
    }
    if (iterator->rank == 0) {
        iterator->rank = 1;
        iterator->extent[0] = 1;
        for (int32_t k = 0; k < count; k++) iterator->step[k][0] = 1;
    }
}

int64_t fv__broadcast_count(const fv__broadcast_iterator *iterator,
                            int32_t first, int32_t end)
{
    int64_t count = 1;
    for (int32_t axis = first; axis < end; axis++)
        count *= iterator->extent[axis];
    return count;
}

void fv__broadcast_seek(const fv__broadcast_iterator *iterator, int32_t first,
                        int32_t end, int64_t flat, fv__cursor *place)
{
    for (int32_t axis = end - 1; axis >= first; axis--) {
        int64_t index = flat % iterator->extent[axis];
        flat /= iterator->extent[axis];
        place->index[axis] = index;
        for (int32_t k = 0; k < iterator->count; k++)
            place->at[k] += index * iterator->step[k][axis];
    }
}

void fv__broadcast_next(const fv__broadcast_iterator *iterator, int32_t first,
                        int32_t end, fv__cursor *place)
{
    for (int32_t axis = end - 1; axis >= first; axis--) {
        bool carry = ++place->index[axis] == iterator->extent[axis];
        int64_t back = carry ? iterator->extent[axis] : 0;
        for (int32_t k = 0; k < iterator->count; k++)
            place->at[k] += (1 - back) * iterator->step[k][axis];
        if (!carry) return;
        place->index[axis] = 0;
    }
}

static void swap_axes(fv__broadcast_iterator *iterator, int32_t a, int32_t b)
{
    int64_t extent = iterator->extent[a];
    iterator->extent[a] = iterator->extent[b];
    iterator->extent[b] = extent;
    for (int32_t k = 0; k < iterator->count; k++) {
        int64_t step = iterator->step[k][a];
        iterator->step[k][a] = iterator->step[k][b];
        iterator->step[k][b] = step;
    }
}

int32_t fv__broadcast_sort(fv__broadcast_iterator *iterator, int32_t end)
{
    int32_t kept = 0;
    for (int32_t axis = 0; axis < end; axis++) {
        if (iterator->step[0][axis] == 0) continue;
        for (int32_t at = axis; at > kept; at--)
            swap_axes(iterator, at, at - 1);
        kept++;
    }
    return kept;
}

enum { CUT = 16384 };

typedef struct rows_job {
    fv__broadcast_iterator iterator;
    int64_t n;
    fv__broadcast_work *work;
    const void *argument;
} rows_job;

/* One chunk of the flat result, row by row of the last axis of the iterator. */
static void rows_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const rows_job *job = argument;
    const fv__broadcast_iterator *iterator = &job->iterator;
    const int32_t last = iterator->rank - 1;
    const int64_t row = iterator->extent[last];
    int64_t at = (int64_t)item * CUT, end = fv__min(at + CUT, job->n);
    int64_t column = at % row;
    fv__cursor place = { .at = { 0 } };
    fv__broadcast_seek(iterator, 0, last, at / row, &place);
    while (at < end) {
        fv__broadcast_row run = { .n = fv__min(row - column, end - at),
                                  .first = at };
        for (int32_t k = 0; k < iterator->count; k++) {
            run.step[k] = iterator->step[k][last];
            run.at[k] = place.at[k] + column * run.step[k];
        }
        job->work(job->argument, &run);
        at += run.n;
        column = 0;
        fv__broadcast_next(iterator, 0, last, &place);
    }
}

void fv__broadcast_rows(fv_context *context, const fv_tensor *shape,
                        int32_t count, const fv_tensor *const tensors[],
                        double cost, fv__broadcast_work *work,
                        const void *argument)
{
    rows_job job = { .n = fv_tensor_count(shape),
                     .work = work,
                     .argument = argument };
    if (job.n == 0) return;
    fv__broadcast_begin(&job.iterator, shape, count, tensors);
    fv__parallel(context, (size_t)fv__divide_up(job.n, CUT),
                 cost * (double)job.n, rows_chunk, &job);
}
