/* The weights of resizing along one axis, computed in double once for all runs.
 */
#include "op/resize/resize.h"

#include <math.h>

/* The weights of one output before they are stored: input first + t has the
 * weight at t. */
typedef struct row {
    int64_t first, count;
    double *weight;
} row;

typedef struct maker {
    const fv_context *context;
    const fv_resizing *how;
    int32_t axis;
    int64_t in, out;
    double numerator, denominator; /* input pixels for each output pixel */
    double coefficient;            /* of cubic convolution */
} maker;

/* ---- coordinates and filters --------------------------------------------- */

/* Of part of the input, from pixel to pixel. */
static double in_region(const maker *m, int64_t o)
{
    const double begin = m->how->region_begin[m->axis];
    const double end = m->how->region_end[m->axis];
    const double last = (double)(m->in - 1);
    if (m->out == 1) return (begin + end) / 2 * last;
    return begin * last
           + (double)o * (end - begin) * last / (double)(m->out - 1);
}

/* The middle of the output, which has been rounded, at that of the input. */
static double symmetric(const maker *m, int64_t o)
{
    const double scale = m->numerator / m->denominator;
    return (double)m->in / 2 + ((double)o + 0.5 - (double)m->out / 2) * scale
           - 0.5;
}

static double coordinate(const maker *m, int64_t o)
{
    const double at = (double)o;
    switch (m->how->coordinates) {
    case FV_RESIZE_ALIGN_CORNERS:
        return m->out > 1 ? at * (double)(m->in - 1) / (double)(m->out - 1) : 0;
    case FV_RESIZE_ASYMMETRIC:
        return at * m->numerator / m->denominator;
    case FV_RESIZE_PYTORCH_HALF_PIXEL:
        if (m->out == 1) return 0;
        break;
    case FV_RESIZE_SYMMETRIC:
        return symmetric(m, o);
    case FV_RESIZE_TF_HALF_PIXEL:
        return (at + 0.5) * m->numerator / m->denominator;
    case FV_RESIZE_CROP:
        return in_region(m, o);
    case FV_RESIZE_HALF_PIXEL:
        break;
    }
    return (at + 0.5) * m->numerator / m->denominator - 0.5;
}

static double round_by(fv_resize_rounding rounding, double x)
{
    switch (rounding) {
    case FV_RESIZE_ROUND_PREFER_CEIL:
        return floor(x + 0.5);
    case FV_RESIZE_FLOOR:
        return floor(x);
    case FV_RESIZE_CEIL:
        return ceil(x);
    case FV_RESIZE_ROUND_PREFER_FLOOR:
        break;
    }
    return ceil(x - 0.5);
}

/* The weight of a pixel at that distance, in pixels. */
static double filter(const maker *m, double distance)
{
    const double x = fabs(distance), a = m->coefficient;
    if (m->how->mode == FV_RESIZE_LINEAR) return x < 1 ? 1 - x : 0;
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* Pixels on one side of a filter. */
static double support(const maker *m)
{
    return m->how->mode == FV_RESIZE_LINEAR ? 1 : 2;
}

/* By how much an antialiasing filter is wider. */
static double stretch(const maker *m)
{
    return fmax(m->numerator / m->denominator, 1);
}

/* ---- the weights of one output ------------------------------------------- */

static void divide(row *r, double total)
{
    for (int64_t t = 0; t < r->count && total != 0; t++) r->weight[t] /= total;
}

static void antialiased(const maker *m, int64_t o, row *r)
{
    const double wide = stretch(m), reach = support(m) * wide;
    const double centre = ((double)o + 0.5) * m->numerator / m->denominator;
    const double begin = floor(centre - reach + 0.5);
    const double end = floor(centre + reach + 0.5);
    const int64_t low = (int64_t)fmax(begin, 0);
    const int64_t high = (int64_t)fmin(end, (double)m->in);
    const bool border = m->how->antialias == FV_RESIZE_SMOOTH_BORDER;
    double total = 0;
    r->first = fv__min(low, m->in - 1);
    r->count = fv__max(high - r->first, 1);
    for (int64_t t = 0; t < r->count; t++) r->weight[t] = 0;
    const int64_t from = border ? (int64_t)begin : r->first;
    const int64_t to = border ? (int64_t)end : r->first + r->count;
    for (int64_t i = from; i < to; i++) {
        const int64_t t = fv__min(fv__max(i - r->first, 0), r->count - 1);
        const double weight = filter(m, ((double)i - centre + 0.5) / wide);
        r->weight[t] += weight;
        total += weight;
    }
    divide(r, total);
}

/* Linear and cubic: 2 or 4 pixels around the coordinate. What lies outside is
 * left out, or counts for the pixel at the border. */
static void interpolated(const maker *m, int64_t o, row *r)
{
    const double x = coordinate(m, o);
    const int64_t taps = 2 * (int64_t)support(m), last = m->in - 1;
    const int64_t begin = (int64_t)floor(x) - taps / 2 + 1;
    double total = 0;
    r->first = fv__min(fv__max(begin, 0), last);
    r->count = fv__min(fv__max(begin + taps - 1, 0), last) - r->first + 1;
    for (int64_t t = 0; t < r->count; t++) r->weight[t] = 0;
    for (int64_t i = begin; i < begin + taps; i++) {
        const int64_t at = fv__min(fv__max(i, 0), last);
        const double weight = filter(m, x - (double)i);
        if (m->how->exclude_outside && at != i) continue;
        r->weight[at - r->first] += weight;
        total += weight;
    }
    if (m->how->exclude_outside) divide(r, total);
}

static void nearest(const maker *m, int64_t o, row *r)
{
    const double x = round_by(m->how->rounding, coordinate(m, o));
    r->first = (int64_t)fmin(fmax(x, 0), (double)(m->in - 1));
    r->count = 1;
    r->weight[0] = 1;
}

/* Whether a region reaches beyond the input there. */
static bool outside(const maker *m, int64_t o)
{
    const double x = coordinate(m, o);
    return m->how->coordinates == FV_RESIZE_CROP
           && !(x >= 0 && x <= (double)(m->in - 1));
}

static void make_row(const maker *m, int64_t o, row *r)
{
    if (outside(m, o)) {
        r->first = 0;
        r->count = 1;
        r->weight[0] = 0;
    } else if (m->how->mode == FV_RESIZE_NEAREST)
        nearest(m, o, r);
    else if (m->how->antialias)
        antialiased(m, o, r);
    else
        interpolated(m, o, r);
}

/* ---- the whole axis ------------------------------------------------------ */

/* Pixels that one output may be made of. */
static int64_t most_taps(const maker *m)
{
    if (m->how->mode == FV_RESIZE_NEAREST) return 1;
    if (!m->how->antialias) return 2 * (int64_t)support(m);
    return (int64_t)fmin(2 * support(m) * stretch(m) + 2, (double)m->in);
}

/* Arrays of a number for each output and `width` weights each. */
static bool allocate(const fv_inference *inference, fv__taps *taps,
                     int32_t **first, int32_t **count)
{
    const size_t outputs = (size_t)taps->outputs;
    *first = fv_inference_allocate(inference, outputs * sizeof **first);
    *count = fv_inference_allocate(inference, outputs * sizeof **count);
    taps->first = *first;
    taps->count = *count;
    const size_t weights = fv__bytes_times(outputs, (size_t)taps->width);
    taps->weight = fv_inference_allocate(
        inference,
        fv__bytes_times(weights, fv__number_bytes(inference->context)));
    return *first && *count && taps->weight;
}

/* The weights as the caller of fv_inference_allocate may write them. */
static void *weights_of(const fv__taps *taps)
{
    union {
        const void *read;
        void *write;
    } weights = { .read = taps->weight };
    return weights.write;
}

static double weight_at(const maker *m, const fv__taps *taps, int64_t o,
                        int64_t t)
{
    return fv__real_get(m->context, taps->weight, o * taps->width + t);
}

static void set_weight(const maker *m, const fv__taps *taps, int64_t o,
                       int64_t t, double weight)
{
    fv__real_set(m->context, weights_of(taps), o * taps->width + t, weight);
}

/* Fills the weights; pixels at either end whose weight is 0 are left out. */
static bool make_taps(const maker *m, const fv_inference *inference,
                      fv__taps *taps)
{
    int32_t *first, *count;
    *taps =
        (fv__taps){ .inputs = m->in, .outputs = m->out, .width = most_taps(m) };
    double *weight = fv_inference_allocate(inference, (size_t)(taps->width + 1)
                                                          * sizeof *weight);
    if (!weight || !allocate(inference, taps, &first, &count)) return false;
    for (int64_t o = 0; o < m->out; o++) {
        row r = { .weight = weight };
        make_row(m, o, &r);
        while (r.count > 1 && r.weight[r.count - 1] == 0) r.count--;
        while (r.count > 1 && r.weight[0] == 0) {
            r.first++;
            r.count--;
            r.weight++;
        }
        first[o] = (int32_t)r.first;
        count[o] = (int32_t)r.count;
        for (int64_t t = 0; t < r.count; t++)
            set_weight(m, taps, o, t, r.weight[t]);
    }
    return true;
}

/* The outputs between the first and the last that read each input. */
static bool transpose(const maker *m, const fv_inference *inference,
                      const fv__taps *taps, fv__taps *transposed)
{
    int32_t *first,
        *end = fv_inference_allocate(inference, (size_t)m->in * sizeof *end);
    *transposed = (fv__taps){ .inputs = m->out, .outputs = m->in };
    if (!end) return false;
    int32_t *begin =
        fv_inference_allocate(inference, (size_t)m->in * sizeof *begin);
    if (!begin) return false;
    for (int64_t o = 0; o < m->out; o++)
        for (int32_t t = 0; t < taps->count[o]; t++) {
            const int32_t i = taps->first[o] + t;
            if (!end[i]) begin[i] = (int32_t)o;
            end[i] = (int32_t)o + 1;
        }
    for (int64_t i = 0; i < m->in; i++)
        transposed->width =
            fv__max(transposed->width, (int64_t)end[i] - begin[i]);
    int32_t *count;
    if (!allocate(inference, transposed, &first, &count)) return false;
    for (int64_t i = 0; i < m->in; i++) {
        first[i] = begin[i];
        count[i] = end[i] - begin[i];
    }
    for (int64_t o = 0; o < m->out; o++)
        for (int32_t t = 0; t < taps->count[o]; t++) {
            const int32_t i = taps->first[o] + t;
            set_weight(m, transposed, i, o - begin[i],
                       weight_at(m, taps, o, t));
        }
    return true;
}

static bool is_identity(const maker *m, const fv__taps *taps)
{
    bool same = m->in == m->out;
    for (int64_t o = 0; same && o < m->out; o++)
        same = taps->count[o] == 1 && taps->first[o] == o
               && weight_at(m, taps, o, 0) == 1;
    return same;
}

bool fv__resize_axis_make(const fv_inference *inference, const fv_resizing *how,
                          int32_t number, int64_t in, int64_t out, double scale,
                          fv__resize_axis *axis)
{
    maker m = { .context = inference->context,
                .how = how,
                .axis = number,
                .in = in,
                .out = out,
                .numerator = scale > 0 ? 1 : (double)in,
                .denominator = scale > 0 ? scale : (double)out,
                .coefficient = how->cubic_coefficient };
    if (m.coefficient == 0) m.coefficient = how->antialias ? -0.5 : -0.75;
    if (!make_taps(&m, inference, &axis->taps)) return false;
    axis->same = is_identity(&m, &axis->taps);
    return !inference->gradient || axis->same
           || transpose(&m, inference, &axis->taps, &axis->transposed);
}
