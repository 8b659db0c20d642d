/* What im2col decides: how the weight gradient is divided, and the predicted
 * time. */
#include "conv/im2col/im2col.h"

/* Most columns of a slab of the weight gradient's column matrix. */
enum { SLAB_COLUMNS = 512 };
/* Tuned by measurement; they change the speed, not the sums. Work items below
 * which the filters are split over several, and the fewest filters for which
 * building the column matrix once more is worth it. */
enum { FEW_ITEMS = 4, FEW_FILTERS = 64 };

int64_t fv__im2col_slab_taps(const fv__conv_sizes *s)
{
    return fv__min(s->taps, fv__max(1, SLAB_COLUMNS / s->channels));
}

int64_t fv__im2col_filter_blocks(const fv__geometry *g)
{
    const fv__conv_sizes s = fv__conv_sizes_of(g);
    const int64_t items =
        s.parts * g->groups * fv__divide_up(s.taps, fv__im2col_slab_taps(&s));

    return fv__max(
        1, fv__min(fv__divide_up(FEW_ITEMS, items), s.filters / FEW_FILTERS));
}

/* The time of building the column matrix. */
static double gather(double pixels, const int64_t taps[FV__AXES], bool merged,
                     int64_t channels)
{
    const double rows = (double)(taps[FV__DEPTH] * taps[0]);
    const double all = rows * (double)taps[1];

    return pixels
           * (rows * fv__costs.im2col_row
              + (merged ? 0 : all * fv__costs.im2col_tap)
              + all * (double)channels / fv__costs.im2col_copied);
}

double fv__im2col_cost(const fv__geometry *g, fv__direction direction)
{
    double all = 0;

    if (direction == FV__BACKWARD_WEIGHTS) {
        const fv__conv_sizes s = fv__conv_sizes_of(g);
        const fv__subconv subconv = fv__subconv_of(g, FV__FORWARD, 0);
        const bool merged = g->dilation[1] == 1 && g->groups == 1;
        const double copies = (double)(g->groups * fv__im2col_filter_blocks(g));
        const double longer = s.taps == 1 && !fv__subconv_is_pointwise(&subconv)
                                  ? fv__costs.im2col_strided_pointwise
                                  : 1;

        return longer
                   * fv__gemm_cost_separate(
                       (double)(g->groups * s.blocks), s.filters, s.span, 1,
                       (double)s.pixels / (double)fv__max(s.blocks, 1))
               + gather((double)s.pixels * copies, g->kernel, merged,
                        s.channels);
    }
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);
        const bool merged = s.step[1] == 1 && s.groups == 1;
        const double span = (double)(fv__subconv_taps(&s) * s.channels);
        const double count = (double)(s.batch * s.groups);
        const int64_t pixels = fv__subconv_outputs(&s);

        all += fv__gemm_cost_joint(count, pixels, s.filters, 1, span)
               + gather(count * (double)pixels, s.taps, merged, s.channels);
    }
    return all;
}
