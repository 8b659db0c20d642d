/* How grouped convolution with vectors along rows of pixels is cut into items,
 * and its cost. */
#include "conv/grouped/planar.h"

/* All tuned by measurement; they cut outputs and change no sum. */
enum {
    MOST_COLUMNS = 256,     /* columns of outputs of an item, at most */
    LEAST_ROWS = 8,         /* rows that are not cut further to save memory */
    PLANES_BYTES = 1 << 19, /* of the input planes of an item, so that they stay
                               in a second-level cache */
    GROUP_CHANNELS = 64,    /* channels of an item for which rows are cut: fewer
                               make transpositions slow */
    CHUNK_OUTPUTS = 128     /* outputs of a filter, about, that are computed
                               before they are transposed */
};

static fv__planar_axis axis_of(const fv__geometry *g, fv__direction direction,
                               int i)
{
    fv__planar_axis a = { .first = INT64_MAX };
    int64_t last = INT64_MIN, taps = 0, stride = 1, step = 1;

    for (int64_t n = 0; n < fv__subconv_count(g, direction); n++) {
        const fv__subconv s = fv__subconv_of(g, direction, n);

        if (s.taps[i] == 0) continue;
        a.first = fv__min(a.first, s.first[i]);
        last = fv__max(last, s.first[i] + (s.taps[i] - 1) * s.step[i]);
        taps = fv__max(taps, s.taps[i]);
        stride = s.stride[i];
        step = s.step[i];
    }
    a.unit = taps < 2 ? stride : fv__common_divisor(stride, step);
    a.stride = stride / a.unit;
    a.step = taps < 2 ? 1 : step / a.unit;
    if (taps == 0) a.first = 0;
    if (taps) a.reach = (last - a.first) / a.unit + 1;
    return a;
}

static fv__planar_chunk chunk_of(const fv__planar_axis *across, int64_t columns)
{
    const int64_t row = fv__planar_phase_inputs(across, columns);

    return (fv__planar_chunk){ row, fv__max(1, CHUNK_OUTPUTS / row) };
}

/* Elements from one channel to the next, for so many rows of outputs. */
static int64_t plane_of(const fv__planar_plan *p, int64_t rows)
{
    const int64_t phases = p->axis[0].stride * p->axis[1].stride;
    const int64_t plane =
        phases * fv__planar_phase_inputs(&p->axis[0], rows) * p->chunk.row;

    return (int64_t)fv__odd_row((size_t)plane, p->element);
}

/* Of the input planes of an item. */
static int64_t bytes_of(const fv__planar_plan *p, int64_t rows, int64_t groups)
{
    return groups * p->subconv.channels * plane_of(p, rows)
           * (int64_t)p->element;
}

static void cut_into_items(fv__planar_plan *p)
{
    const fv__subconv *s = &p->subconv;
    const int64_t groups =
        fv__min(s->groups, fv__divide_up(GROUP_CHANNELS, s->channels));

    p->blocks[1] = fv__divide_up(s->out[1], MOST_COLUMNS);
    p->columns = fv__divide_up(s->out[1], p->blocks[1]);
    p->chunk = chunk_of(&p->axis[1], p->columns);
    p->rows = fv__divide_up(
        s->out[0],
        fv__divide_up(FV__FEW_ITEMS, fv__max(s->batch, 1) * p->blocks[1]));
    while (p->rows > LEAST_ROWS && bytes_of(p, p->rows, groups) > PLANES_BYTES)
        p->rows = fv__divide_up(p->rows, 2);
    p->blocks[0] = fv__divide_up(s->out[0], p->rows);
    p->groups = PLANES_BYTES / bytes_of(p, p->rows, 1);
    p->groups = fv__max(1, fv__min(p->groups, s->groups));
    p->group_blocks = fv__divide_up(s->groups, p->groups);
    p->groups = fv__divide_up(s->groups, p->group_blocks);
}

fv__planar_plan fv__planar_plan_of(fv__conv_target target,
                                   const fv__geometry *g,
                                   fv__direction direction)
{
    fv__planar_plan p = { .kernels = target.kernels,
                          .g = g,
                          .direction = direction,
                          .element = fv__element(target.kernels),
                          .subconv = fv__subconv_of(g, direction, 0),
                          .axis = { axis_of(g, direction, 0),
                                    axis_of(g, direction, 1) } };

    cut_into_items(&p);
    p.chunk.rows = fv__min(p.chunk.rows, p.rows);
    p.phase = fv__planar_phase_inputs(&p.axis[0], p.rows) * p.chunk.row;
    p.plane = plane_of(&p, p.rows);
    p.out_plane =
        (int64_t)fv__odd_row((size_t)(p.chunk.rows * p.chunk.row), p.element);
    p.in_bytes = fv__align((size_t)bytes_of(&p, p.rows, p.groups));
    p.out_bytes = fv__align((size_t)(p.groups * p.subconv.filters * p.out_plane)
                            * p.element);
    p.segment_bytes =
        fv__align((size_t)(g->kernel[0] * g->kernel[1]) * sizeof(ptrdiff_t));
    p.worker = p.in_bytes + 2 * p.out_bytes + p.segment_bytes;
    return p;
}

/* ---- cost --------------------------------------------------------------- */

static double transpose_cost(double lines, int64_t columns, int64_t channels)
{
    return lines * fv__costs.grouped_transpose
           * (double)fv__divide_up(columns, FV__COST_LANES)
           * (double)fv__divide_up(channels, FV__COST_LANES);
}

/* Of products and of transposing outputs. The last block of columns, which may
 * be narrower, is counted as if it were a share of a whole one. */
static double subconv_cost(const fv__subconv *s, const fv__planar_axis *across)
{
    const int64_t columns = fv__min(s->out[1], MOST_COLUMNS);
    const fv__planar_chunk c = chunk_of(across, columns);
    const int64_t rows = fv__min(c.rows, s->out[0]);
    const double lines =
        (double)(s->batch * s->out[0]) * ((double)s->out[1] / (double)columns);

    return transpose_cost(lines, columns, s->groups * s->filters)
           + fv__gemm_cost_separate(lines * (double)s->groups / (double)rows,
                                    s->filters, (rows - 1) * c.row + columns,
                                    (double)(s->taps[0] * s->taps[1]),
                                    (double)s->channels);
}

/* The weights of an input gradient are transposed for each call, which is
 * counted as once for some images, since costs grow in proportion with the
 * batch. */
double fv__grouped_planar_cost(const fv__geometry *g, fv__direction direction)
{
    const fv__planar_axis down = axis_of(g, direction, 0);
    const fv__planar_axis across = axis_of(g, direction, 1);
    double all = 0;

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);

        if (i == 0)
            all += transpose_cost(
                (double)(s.batch * fv__planar_inputs(&down, s.out[0])
                         * across.stride),
                fv__planar_phase_inputs(&across, s.out[1]),
                s.groups * s.channels);
        if (fv__planar_has_taps(&s)) all += subconv_cost(&s, &across);
        if (direction == FV__BACKWARD_DATA)
            all += transpose_cost((double)(s.groups * s.taps[0] * s.taps[1])
                                      * (double)s.batch
                                      / fv__costs.grouped_weight_images,
                                  s.channels, s.filters);
    }
    return all;
}
