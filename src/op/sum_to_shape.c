/* Sum to shape: sums a gradient over broadcast axes, in an order that depends
 * on shapes alone. */
#include "op/op.h"

/* Elements of one item, elements of one step through it, and the most columns
 * of a row that are summed at once. */
enum { CUT = 16384, STEP = 2048, WIDTH = 1024 };

/* The tensors of the iterator. */
enum { D, A, B, DY };

/* The axes of the iterator are ordered: first those along which d steps (output
 * axes), then those summed over, then the last axis of dy, which may be either.
 * Long sums are split into segments whose partial sums are added in order. */
typedef struct sum_job {
    const fv__sum_to_shape *sum;
    fv__broadcast_iterator iterator;
    int32_t output_axes, last;
    bool one_to_one;    /* d has the shape of dy: nothing is summed */
    bool row_is_output; /* d steps along the last axis: rows are summed */
    bool plain;         /* the derivative is 1: dy itself is summed */
    int64_t n;          /* elements of dy */
    int64_t outputs;    /* elements of d, or rows of it if row_is_output */
    int64_t summed;     /* elements, or rows, summed into each */
    int64_t row;        /* extent of the last axis */
    int64_t segment;    /* elements, or rows, of a segment */
    int64_t segments;   /* segments of each output */
    /* if row_is_output: columns of a unit, and units of a row */
    int64_t width, blocks;
    int64_t units, group; /* number of units, and of those in one item */
    void *partial;
} sum_job;

typedef union step_memory {
    float f32[STEP];
    double f64[STEP];
} step_memory;

static void plan(sum_job *job, const fv__sum_to_shape *sum)
{
    bool alone = sum->f == FV__ADD || sum->f == FV__SUB;
    const fv_tensor *tensors[] = { sum->d, alone ? sum->dy : sum->a,
                                   alone ? sum->dy : sum->b, sum->dy };
    *job = (sum_job){ .sum = sum, .n = fv_tensor_count(sum->dy) };
    if (job->n == 0) return;
    fv__broadcast_iterator *iterator = &job->iterator;
    fv__broadcast_begin(iterator, sum->dy, FV__MOST_BROADCAST, tensors);
    job->last = iterator->rank - 1;
    job->output_axes = fv__broadcast_sort(iterator, job->last);
    job->row_is_output = iterator->step[D][job->last] != 0;
    job->one_to_one = job->row_is_output && job->output_axes == job->last;
    job->plain = sum->f == FV__ADD || (alone && sum->operand == 0);
    job->row = iterator->extent[job->last];
    job->outputs = fv__broadcast_count(iterator, 0, job->output_axes);
    job->summed = fv__broadcast_count(iterator, job->output_axes, job->last);
    job->blocks = 1;
    if (job->row_is_output) {
        job->width = fv__min(job->row, WIDTH);
        job->blocks = fv__divide_up(job->row, job->width);
        job->segment = fv__max(CUT / job->width, 1);
    } else {
        job->width = 1;
        job->summed *= job->row;
        job->segment = CUT;
    }
    job->segments = fv__divide_up(job->summed, job->segment);
    job->units = job->outputs * job->segments * job->blocks;
    int64_t unit = fv__min(job->summed, job->segment) * job->width;
    job->group = fv__max(CUT / unit, 1);
}

size_t fv__sum_to_shape_scratch(const fv__sum_to_shape *sum)
{
    sum_job job;
    plan(&job, sum);
    if (job.n == 0 || job.one_to_one || job.segments == 1) return 0;
    if (!job.row_is_output) return (size_t)job.units * sizeof(double);
    return (size_t)(job.outputs * job.segments * job.row)
           * fv__number_bytes(sum->context);
}

/* Writes `run` derivatives along the last axis, from `column` on, to `out`. */
static void derive(const sum_job *job, const fv__cursor *place, int64_t column,
                   int64_t run, void *out)
{
    const fv__sum_to_shape *sum = job->sum;
    const fv_context *context = sum->context;
    const int64_t(*step)[FV_MAX_RANK] = job->iterator.step;
    bool alone = sum->f == FV__ADD || sum->f == FV__SUB;
    const void *dy =
        fv__number_in(context, sum->dy->data, place->at[DY] + column);
    const void *a = dy, *b = dy;
    if (!alone) {
        a = fv__number_in(context, sum->a->data,
                          place->at[A] + column * step[A][job->last]);
        b = fv__number_in(context, sum->b->data,
                          place->at[B] + column * step[B][job->last]);
    }
    context->kernels->binary_grad(sum->f, sum->operand, (size_t)run, a,
                                  (size_t)step[A][job->last], b,
                                  (size_t)step[B][job->last], dy, out);
}

/* If nothing is summed: stores or adds the derivatives of one chunk of dy. */
static void add_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const sum_job *job = argument;
    const fv_context *context = job->sum->context;
    bool add = job->sum->accumulation == FV__ACCUMULATE;
    step_memory memory;
    int64_t at = (int64_t)item * CUT, end = fv__min(at + CUT, job->n);
    int64_t column = at % job->row;
    fv__cursor place = { .at = { 0 } };
    fv__broadcast_seek(&job->iterator, 0, job->last, at / job->row, &place);
    while (at < end) {
        int64_t filled = 0, limit = fv__min(end - at, STEP);
        void *d = fv__number_at(context, job->sum->d->data, at);
        void *to = add ? &memory : d;
        while (filled < limit) {
            int64_t run = fv__min(job->row - column, limit - filled);
            derive(job, &place, column, run,
                   fv__number_at(context, to, filled));
            filled += run;
            column += run;
            if (column < job->row) continue;
            column = 0;
            fv__broadcast_next(&job->iterator, 0, job->last, &place);
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

/* At most FV__LANES numbers are added one by one, which is faster than to sum
 * the lanes of a vector. */
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

/* The sum over one segment of the elements that are added to one output. */
static double sum_segment(const sum_job *job, int64_t output, int64_t segment)
{
    const fv_context *context = job->sum->context;
    step_memory memory;
    int64_t at = segment * job->segment;
    int64_t end = fv__min(at + job->segment, job->summed);
    int64_t column = at % job->row;
    fv__cursor place = { .at = { 0 } };
    fv__broadcast_seek(&job->iterator, 0, job->output_axes, output, &place);
    fv__broadcast_seek(&job->iterator, job->output_axes, job->last,
                       at / job->row, &place);
    double sum = 0;
    while (at < end) {
        int64_t filled = 0, limit = fv__min(end - at, STEP);
        const void *values = &memory;
        while (filled < limit) {
            int64_t run = fv__min(job->row - column, limit - filled);
            if (job->plain && run == limit)
                values = fv__number_in(context, job->sum->dy->data,
                                       place.at[DY] + column);
            else
                derive(job, &place, column, run,
                       fv__number_at(context, &memory, filled));
            filled += run;
            column += run;
            if (column < job->row) continue;
            column = 0;
            fv__broadcast_next(&job->iterator, job->output_axes, job->last,
                               &place);
        }
        sum += sum_numbers(context, filled, values);
        at += filled;
    }
    return sum;
}

static void sum_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const sum_job *job = argument;
    int64_t unit = (int64_t)item * job->group;
    int64_t end = fv__min(unit + job->group, job->units);
    for (; unit < end; unit++) {
        double sum =
            sum_segment(job, unit / job->segments, unit % job->segments);
        if (job->segments == 1)
            add_number(job->sum->d, unit, sum);
        else
            ((double *)job->partial)[unit] = sum;
    }
}

/* Adds columns begin .. begin + width - 1 of the rows of a segment to `out`. */
static void add_rows(const sum_job *job, int64_t output, int64_t segment,
                     int64_t begin, int64_t width, void *out)
{
    const fv_context *context = job->sum->context;
    const fv__broadcast_iterator *iterator = &job->iterator;
    step_memory memory;
    int64_t at = segment * job->segment;
    int64_t end = fv__min(at + job->segment, job->summed);
    fv__cursor place = { .at = { 0 } };
    fv__broadcast_seek(iterator, 0, job->output_axes, output, &place);
    fv__broadcast_seek(iterator, job->output_axes, job->last, at, &place);
    bool together = job->plain && width == job->row
                    && job->last - job->output_axes == 1
                    && iterator->step[DY][job->output_axes] == width;
    if (together) {
        context->kernels->column_sum(
            (size_t)(end - at), (size_t)width,
            fv__number_in(context, job->sum->dy->data, place.at[DY]), out);
        return;
    }
    while (at < end) {
        int64_t rows = fv__min(end - at, STEP / width);
        for (int64_t row = 0; row < rows; row++) {
            derive(job, &place, begin, width,
                   fv__number_at(context, &memory, row * width));
            fv__broadcast_next(iterator, job->output_axes, job->last, &place);
        }
        context->kernels->column_sum((size_t)rows, (size_t)width, &memory, out);
        at += rows;
    }
}

static void rows_chunk(void *argument, size_t item, size_t worker)
{
    (void)worker;
    const sum_job *job = argument;
    const fv_context *context = job->sum->context;
    int64_t unit = (int64_t)item * job->group;
    int64_t end = fv__min(unit + job->group, job->units);
    for (; unit < end; unit++) {
        int64_t begin = unit % job->blocks * job->width;
        int64_t width = fv__min(job->row - begin, job->width);
        int64_t line = unit / job->blocks; /* row of the partial sums */
        int64_t output = line / job->segments;
        void *out = fv__number_at(context, job->sum->d->data,
                                  output * job->row + begin);
        if (job->segments > 1) {
            out = fv__number_at(context, job->partial, line * job->row + begin);
            context->kernels->fill((size_t)width, 0, out);
        }
        add_rows(job, output, line % job->segments, begin, width, out);
    }
}

/* Adds the partial sums of the segments to d, in order. */
static void gather(const sum_job *job)
{
    const fv__sum_to_shape *sum = job->sum;
    for (int64_t output = 0; output < job->outputs; output++) {
        int64_t first = output * job->segments;
        if (job->row_is_output) {
            sum->context->kernels->column_sum(
                (size_t)job->segments, (size_t)job->row,
                fv__number_in(sum->context, job->partial, first * job->row),
                fv__number_at(sum->context, sum->d->data, output * job->row));
            continue;
        }
        add_number(sum->d, output,
                   fv__sum_pairs((size_t)job->segments,
                                 (double *)job->partial + first));
    }
}

/* Stores or adds dy or -dy. */
static void pass(const sum_job *job)
{
    const fv__sum_to_shape *sum = job->sum;
    double sign = job->plain ? 1 : -1;
    size_t n = (size_t)job->n;
    if (sum->accumulation == FV__ACCUMULATE)
        fv__axpy_all(sum->context, n, sign, sum->dy->data, sum->d->data);
    else if (!job->plain || sum->d->data != sum->dy->data)
        fv__unary_all(sum->context, FV__SCALE_ADD, n, sum->dy->data,
                      sum->d->data, sign, 0);
}

void fv__sum_to_shape_run(const fv__sum_to_shape *sum, void *scratch)
{
    sum_job job;
    plan(&job, sum);
    job.partial = scratch;
    double cost = (double)job.n * (sum->f == FV__POW ? 60 : 4);
    if (sum->accumulation == FV__STORE && !job.one_to_one)
        sum->context->kernels->fill((size_t)fv_tensor_count(sum->d), 0,
                                    sum->d->data);
    if (job.n == 0) return;
    if (job.one_to_one) {
        if (job.plain || sum->f == FV__SUB)
            pass(&job);
        else
            fv__parallel(sum->context, (size_t)fv__divide_up(job.n, CUT), cost,
                         add_chunk, &job);
        return;
    }
    size_t items = (size_t)fv__divide_up(job.units, job.group);
    fv__parallel(sum->context, items, cost,
                 job.row_is_output ? rows_chunk : sum_chunk, &job);
    if (job.segments > 1) gather(&job);
}
