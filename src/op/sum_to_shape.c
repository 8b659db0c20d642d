/* Sums of gradients over broadcast axes, in an order that depends on shapes
 * alone. */
#include "op/op.h"

/* Elements of one piece of work, of one step through it, and the widest row
 * that columns are summed in. */
enum { CUT = 16384, STEP = 2048, WIDTH = 1024 };

/* Tensors of the grid. */
enum { D, A, B, DY };

/* The grid's axes are put in order: those along which d steps, then those
 * summed over, then the last axis of the shape, which may be either. Sums of
 * segments of the summed range are kept apart and added in order. */
typedef struct fold_job {
    const fv__sum_to_shape *fold;
    fv__broadcast_iterator grid;
    int32_t kept_axes, last;
    bool one_to_one;       /* nothing is summed */
    bool rows_kept;        /* d steps along the last axis */
    bool plain;            /* the sum of dy itself */
    int64_t n;             /* elements of dy */
    int64_t kept;          /* places of d, or rows of it where rows are kept */
    int64_t summed;        /* elements summed for each, or rows */
    int64_t row;           /* extent of the last axis */
    int64_t segment;       /* elements, or rows, of one segment */
    int64_t segments;      /* of each kept place */
    int64_t width, blocks; /* where rows are kept: columns of a unit */
    int64_t units, group;  /* group: units of one piece of work */
    void *partial;
} fold_job;

typedef union step_memory {
    float f32[STEP];
    double f64[STEP];
} step_memory;

static void plan(fold_job *job, const fv__sum_to_shape *fold)
{
    bool alone = fold->f == FV__ADD || fold->f == FV__SUB;
    const fv_tensor *tensors[] = { fold->d, alone ? fold->dy : fold->a,
                                   alone ? fold->dy : fold->b, fold->dy };
    *job = (fold_job){ .fold = fold, .n = fv_tensor_count(fold->dy) };
    if (job->n == 0) return;
    fv__broadcast_iterator *grid = &job->grid;
    fv__broadcast_begin(grid, fold->dy, FV__GRID_TENSORS, tensors);
    job->last = grid->rank - 1;
    job->kept_axes = fv__broadcast_sort(grid, job->last);
    job->rows_kept = grid->step[D][job->last] != 0;
    job->one_to_one = job->rows_kept && job->kept_axes == job->last;
    job->plain = fold->f == FV__ADD || (alone && fold->operand == 0);
    job->row = grid->extent[job->last];
    job->kept = fv__broadcast_count(grid, 0, job->kept_axes);
    job->summed = fv__broadcast_count(grid, job->kept_axes, job->last);
    job->blocks = 1;
    if (job->rows_kept) {
        job->width = fv__min(job->row, WIDTH);
        job->blocks = fv__divide_up(job->row, job->width);
        job->segment = fv__max(CUT / job->width, 1);
    } else {
        job->width = 1;
        job->summed *= job->row;
        job->segment = CUT;
    }
    job->segments = fv__divide_up(job->summed, job->segment);
    job->units = job->kept * job->segments * job->blocks;
    int64_t unit = fv__min(job->summed, job->segment) * job->width;
    job->group = fv__max(CUT / unit, 1);
}

size_t fv__sum_to_shape_scratch(const fv__sum_to_shape *fold)
{
    fold_job job;
    plan(&job, fold);
    if (job.n == 0 || job.one_to_one || job.segments == 1) return 0;
    if (!job.rows_kept) return (size_t)job.units * sizeof(double);
    return (size_t)(job.kept * job.segments * job.row)
           * fv__number_bytes(fold->context);
}

/* `run` derivatives along the last axis, from `column` on, into `out`. */
static void derive(const fold_job *job, const fv__cursor *place, int64_t column,
                   int64_t run, void *out)
{
    const fv__sum_to_shape *fold = job->fold;
    const fv_context *context = fold->context;
    const int64_t(*step)[FV_MAX_RANK] = job->grid.step;
    bool alone = fold->f == FV__ADD || fold->f == FV__SUB;
    const void *dy =
        fv__number_in(context, fold->dy->data, place->at[DY] + column);
    const void *a = dy, *b = dy;
    if (!alone) {
        a = fv__number_in(context, fold->a->data,
                          place->at[A] + column * step[A][job->last]);
        b = fv__number_in(context, fold->b->data,
                          place->at[B] + column * step[B][job->last]);
    }
    context->kernels->binary_grad(fold->f, fold->operand, (size_t)run, a,
                                  (size_t)step[A][job->last], b,
                                  (size_t)step[B][job->last], dy, out);
}

/* Nothing to sum: the derivatives of one piece of dy. */
static void add_piece(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const fold_job *job = argument;
    const fv_context *context = job->fold->context;
    bool add = job->fold->accumulation == FV__ACCUMULATE;
    step_memory memory;
    int64_t at = (int64_t)item * CUT, end = fv__min(at + CUT, job->n);
    int64_t column = at % job->row;
    fv__cursor place = { .at = { 0 } };
    fv__broadcast_seek(&job->grid, 0, job->last, at / job->row, &place);
    while (at < end) {
        int64_t filled = 0, limit = fv__min(end - at, STEP);
        void *d = fv__number_at(context, job->fold->d->data, at);
        void *to = add ? &memory : d;
        while (filled < limit) {
            int64_t run = fv__min(job->row - column, limit - filled);
            derive(job, &place, column, run,
                   fv__number_at(context, to, filled));
            filled += run;
            column += run;
            if (column < job->row) continue;
            column = 0;
            fv__broadcast_next(&job->grid, 0, job->last, &place);
        }
        if (add) context->kernels->axpy((size_t)filled, 1, &memory, d);
        at += filled;
    }
}

static void add_number(const fv_tensor *d, int64_t at, double value)
{
    if (d->dtype == FV_F64)
        ((double *)d->data)[at] += value;
    else
        ((float *)d->data)[at] += (float)value;
}

/* A few numbers are added one by one: folding lanes takes longer. */
static double sum_numbers(const fv_context *context, int64_t n,
                          const void *values)
{
    if (n > FV__LANES) return context->kernels->sum((size_t)n, values);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += context->dtype == FV_F64 ? ((const double *)values)[i]
                                        : (double)((const float *)values)[i];
    return sum;
}

/* The sum over one segment of the elements that meet in one number. */
static double sum_segment(const fold_job *job, int64_t kept, int64_t segment)
{
    const fv_context *context = job->fold->context;
    step_memory memory;
    int64_t at = segment * job->segment;
    int64_t end = fv__min(at + job->segment, job->summed);
    int64_t column = at % job->row;
    fv__cursor place = { .at = { 0 } };
    fv__broadcast_seek(&job->grid, 0, job->kept_axes, kept, &place);
    fv__broadcast_seek(&job->grid, job->kept_axes, job->last, at / job->row,
                       &place);
    double sum = 0;
    while (at < end) {
        int64_t filled = 0, limit = fv__min(end - at, STEP);
        const void *values = &memory;
        while (filled < limit) {
            int64_t run = fv__min(job->row - column, limit - filled);
            if (job->plain && run == limit)
                values = fv__number_in(context, job->fold->dy->data,
                                       place.at[DY] + column);
            else
                derive(job, &place, column, run,
                       fv__number_at(context, &memory, filled));
            filled += run;
            column += run;
            if (column < job->row) continue;
            column = 0;
            fv__broadcast_next(&job->grid, job->kept_axes, job->last, &place);
        }
        sum += sum_numbers(context, filled, values);
        at += filled;
    }
    return sum;
}

static void sum_piece(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const fold_job *job = argument;
    int64_t unit = (int64_t)item * job->group;
    int64_t end = fv__min(unit + job->group, job->units);
    for (; unit < end; unit++) {
        double sum =
            sum_segment(job, unit / job->segments, unit % job->segments);
        if (job->segments == 1)
            add_number(job->fold->d, unit, sum);
        else
            ((double *)job->partial)[unit] = sum;
    }
}

/* Adds a segment's rows, columns begin .. begin + width of them, to `out`. */
static void add_rows(const fold_job *job, int64_t kept, int64_t segment,
                     int64_t begin, int64_t width, void *out)
{
    const fv_context *context = job->fold->context;
    const fv__broadcast_iterator *grid = &job->grid;
    step_memory memory;
    int64_t at = segment * job->segment;
    int64_t end = fv__min(at + job->segment, job->summed);
    fv__cursor place = { .at = { 0 } };
    fv__broadcast_seek(grid, 0, job->kept_axes, kept, &place);
    fv__broadcast_seek(grid, job->kept_axes, job->last, at, &place);
    bool together = job->plain && width == job->row
                    && job->last - job->kept_axes == 1
                    && grid->step[DY][job->kept_axes] == width;
    if (together) {
        context->kernels->column_sum(
            (size_t)(end - at), (size_t)width,
            fv__number_in(context, job->fold->dy->data, place.at[DY]), out);
        return;
    }
    while (at < end) {
        int64_t rows = fv__min(end - at, STEP / width);
        for (int64_t row = 0; row < rows; row++) {
            derive(job, &place, begin, width,
                   fv__number_at(context, &memory, row * width));
            fv__broadcast_next(grid, job->kept_axes, job->last, &place);
        }
        context->kernels->column_sum((size_t)rows, (size_t)width, &memory, out);
        at += rows;
    }
}

static void rows_piece(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const fold_job *job = argument;
    const fv_context *context = job->fold->context;
    int64_t unit = (int64_t)item * job->group;
    int64_t end = fv__min(unit + job->group, job->units);
    for (; unit < end; unit++) {
        int64_t begin = unit % job->blocks * job->width;
        int64_t width = fv__min(job->row - begin, job->width);
        int64_t line = unit / job->blocks; /* of the partial sums */
        int64_t kept = line / job->segments;
        void *out =
            fv__number_at(context, job->fold->d->data, kept * job->row + begin);
        if (job->segments > 1) {
            out = fv__number_at(context, job->partial, line * job->row + begin);
            context->kernels->fill((size_t)width, 0, out);
        }
        add_rows(job, kept, line % job->segments, begin, width, out);
    }
}

/* Adds the sums of the segments, in order. */
static void gather(const fold_job *job)
{
    const fv__sum_to_shape *fold = job->fold;
    for (int64_t kept = 0; kept < job->kept; kept++) {
        int64_t first = kept * job->segments;
        if (job->rows_kept) {
            fold->context->kernels->column_sum(
                (size_t)job->segments, (size_t)job->row,
                fv__number_in(fold->context, job->partial, first * job->row),
                fv__number_at(fold->context, fold->d->data, kept * job->row));
            continue;
        }
        add_number(fold->d, kept,
                   fv__sum_pairs((size_t)job->segments,
                                 (double *)job->partial + first));
    }
}

/* dy, or its negative, as it is. */
static void pass(const fold_job *job)
{
    const fv__sum_to_shape *fold = job->fold;
    double sign = job->plain ? 1 : -1;
    size_t n = (size_t)job->n;
    if (fold->accumulation == FV__ACCUMULATE)
        fv__axpy_all(fold->context, n, sign, fold->dy->data, fold->d->data);
    else if (!job->plain || fold->d->data != fold->dy->data)
        fv__unary_all(fold->context, FV__SCALE_ADD, n, fold->dy->data,
                      fold->d->data, sign, 0);
}

void fv__sum_to_shape_run(const fv__sum_to_shape *fold, void *scratch)
{
    fold_job job;
    plan(&job, fold);
    job.partial = scratch;
    double cost = (double)job.n * (fold->f == FV__POW ? 60 : 4);
    if (fold->accumulation == FV__STORE && !job.one_to_one)
        fold->context->kernels->fill((size_t)fv_tensor_count(fold->d), 0,
                                     fold->d->data);
    if (job.n == 0) return;
    if (job.one_to_one) {
        if (job.plain || fold->f == FV__SUB)
            pass(&job);
        else
            fv__parallel(fold->context, (size_t)fv__divide_up(job.n, CUT), cost,
                         add_piece, &job);
        return;
    }
    size_t items = (size_t)fv__divide_up(job.units, job.group);
    fv__parallel(fold->context, items, cost,
                 job.rows_kept ? rows_piece : sum_piece, &job);
    if (job.segments > 1) gather(&job);
}
