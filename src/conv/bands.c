/* Divides the outputs of a subconvolution into blocks, so that each block
 * leaves out the taps that read padding for all of its outputs. */
#include "conv/shared.h"

void fv__subconv_taps_inside(const fv__subconv *s, int axis, int64_t at,
                             int64_t *low, int64_t *high)
{
    const int64_t from = s->first[axis] + at * s->stride[axis];
    const int64_t step = fv__max(s->step[axis], 1), taps = s->taps[axis];

    *low = fv__min(fv__divide_up(fv__max(-from, 0), step), taps);
    *high = fv__divide_up(fv__max(s->in[axis] - from, 0), step);
    *high = fv__max(fv__min(*high, taps), *low);
}

/* A band from output `first` on: `least` outputs; if that is 1, also those that
 * follow and have the same taps inside the image. The first and the last tap
 * inside decrease as outputs increase, so bisection finds the end. */
static fv__band band_from(const fv__subconv *s, int axis, int64_t first,
                          int64_t least)
{
    int64_t last = fv__min(first + least, s->out[axis]) - 1, low, high;
    int64_t beyond = s->out[axis], top = 0;

    fv__subconv_taps_inside(s, axis, last, &low, &high);
    while (least == 1 && last + 1 < beyond) {
        const int64_t middle = last + (beyond - last) / 2;
        int64_t l, h;

        fv__subconv_taps_inside(s, axis, middle, &l, &h);
        if (l == low && h == high)
            last = middle;
        else
            beyond = middle;
    }
    fv__subconv_taps_inside(s, axis, first, &(int64_t){ 0 }, &top);
    return (fv__band){ first, last + 1 - first, low, top - low };
}

/* Divides all outputs of an axis into such bands; false: there are more than
 * FV__MOST_BANDS. */
static bool divide(const fv__subconv *s, int axis, int64_t least,
                   fv__bands *bands)
{
    *bands = (fv__bands){ 0 };
    for (int64_t at = 0; at < s->out[axis];) {
        const fv__band band = band_from(s, axis, at, least);

        if (bands->count == FV__MOST_BANDS) return false;
        bands->band[bands->count++] = band;
        at += band.count;
    }
    return true;
}

void fv__subconv_inside(const fv__subconv *s, int axis, int64_t tap,
                        int64_t *low, int64_t *high)
{
    const int64_t first = s->first[axis] + tap * s->step[axis];
    const int64_t stride = s->stride[axis], out = s->out[axis];
    const int64_t beyond = first + (out - 1) * stride - s->in[axis] + 1;

    *low = 0;
    *high = out;
    if (first < 0) *low = fv__min(fv__divide_up(-first, stride), out);
    if (beyond > 0) *high = fv__max(out - fv__divide_up(beyond, stride), *low);
}

/* Number of outputs of an axis for which a tap reads padding. */
static int64_t outside(const fv__subconv *s, int axis, int64_t tap)
{
    int64_t low, high;

    fv__subconv_inside(s, axis, tap, &low, &high);
    return s->out[axis] - (high - low);
}

double fv__subconv_padded_share(const fv__subconv *s, int axis)
{
    return (double)(outside(s, axis, 0) + outside(s, axis, s->taps[axis] - 1))
           / 2 / (double)s->out[axis];
}

fv__bands fv__subconv_one_band(const fv__subconv *s, int axis)
{
    return (fv__bands){ 1, { { 0, s->out[axis], 0, s->taps[axis] } } };
}

fv__bands fv__subconv_bands(const fv__subconv *s, int axis)
{
    fv__bands bands;

    if (!divide(s, axis, 1, &bands))
        (void)divide(s, axis, fv__divide_up(s->out[axis], FV__MOST_BANDS),
                     &bands);
    return bands;
}

double fv__bands_share(const fv__subconv *s, int axis, const fv__bands *bands)
{
    double all = 0;

    for (int64_t i = 0; i < bands->count; i++)
        all += (double)bands->band[i].count * (double)bands->band[i].taps;
    return all / ((double)s->out[axis] * (double)s->taps[axis]);
}

fv__subconv fv__subconv_block(const fv__subconv *whole,
                              const fv__subconv_blocks *blocks, int64_t number)
{
    const int64_t columns = blocks->axis[1].count;
    const int64_t index[] = { number / columns, number % columns };
    const int64_t to[] = { whole->out_row, whole->out_pixel };
    fv__subconv s = *whole;

    for (int i = 0; i < 2; i++) {
        const fv__band *band = &blocks->axis[i].band[index[i]];

        s.out[i] = band->count;
        s.taps[i] = band->taps;
        s.first[i] += band->first * s.stride[i] + band->tap * s.step[i];
        s.out_at += band->first * to[i];
        s.weight_at += band->tap * s.weight_tap[i];
        s.tap[i] = band->tap;
    }
    return s;
}
