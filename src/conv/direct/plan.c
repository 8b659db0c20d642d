/* Plans of direct convolution that decide what it costs: the form of the weight
 * gradient, and which subconvolutions leave out padding. */
#include "conv/direct/direct.h"

/* Elements of sums that are turned in the time of a multiply-add; a column of
 * windows, and a square of vectors. */
enum { TURNED = 4, COLUMN = 24, BLOCK = 160 };
/* A pixel of one group among several, which strips copy alone; so many times
 * that in a gradient, where more of them overlap or chains are short. */
enum { PIXEL = 5, GRADIENT = 3 };

/* A cut is worth its overhead if it leaves out so much of an axis, and of the
 * predicted time. */
static const double worth = 0.9;

/* Items that share the filters or panels of a block copy the strip that each
 * meets: an element in the time of one. */
static double copies(const fv__geometry *g, const fv__conv_sizes *s,
                     const fv__subconv *subconv)
{
    const int64_t items = fv__divide_up(FV__FEW_ITEMS, s->parts * g->groups);
    const int64_t splits =
        fv__min(items, fv__divide_up(s->filters, FV__COST_ROWS));

    const double met =
        (double)s->pixels * (double)(subconv->stride[0] * subconv->stride[1]);
    const double all = (double)(g->batch * g->in[0] * g->in[1]);

    if (fv__padded_rows_of(subconv, 4, false).in_place) return 0;
    return (double)splits * (met < all ? met : all)
           * (double)(g->groups > 1 ? PIXEL * GRADIENT * g->groups
                                    : g->channels);
}

/* Each tap alone, over the lines and columns of dy whose input is there. */
static double direct_inside(const fv__geometry *g, bool transposed)
{
    const fv__conv_sizes s = fv__conv_sizes_of(g);
    const fv__subconv subconv = fv__subconv_of(g, FV__FORWARD, 0);
    const double count = (double)(g->groups * s.taps * s.blocks);
    const double pixels = (double)s.pixels / (double)fv__max(s.blocks, 1);
    double share[2], all = 0;

    for (int i = 0; i < 2; i++) {
        const fv__bands bands = fv__subconv_bands(&subconv, i);

        share[i] = fv__bands_share(&subconv, i, &bands);
    }
    const double lines = pixels / (double)g->out[1] * share[0];
    const double k = (double)g->out[1] * share[1];

    if (transposed)
        all = (double)(s.parts * g->groups * s.span * s.filters) / TURNED;
    return all
           + (transposed ? fv__gemm_cost_separate(count, s.channels, s.filters,
                                                  lines, k)
                         : fv__gemm_cost_separate(count, s.filters, s.channels,
                                                  lines, k));
}

/* Filters are the rows of tiles and numbers of a run the columns, or turned. */
static double direct_weights(const fv__geometry *g,
                             fv__direct_weight_grad_form form)
{
    if (form.inside) return direct_inside(g, form.transposed);
    const fv__conv_sizes s = fv__conv_sizes_of(g);
    const int64_t run =
        form.windows ? s.span
                     : s.channels * (g->dilation[1] == 1 ? g->kernel[1] : 1);
    const int64_t runs = s.span / run;
    const double count = (double)(g->groups * runs * s.blocks);
    const fv__subconv subconv = fv__subconv_of(g, FV__FORWARD, 0);
    const double lines =
        fv__subconv_is_pointwise(&subconv) ? 1 : (double)s.lines;
    const double k = (double)s.pixels / (double)fv__max(s.blocks, 1) / lines;
    double all = form.windows
                     ? (double)(s.pixels * g->stride[1]) * (double)COLUMN
                     : copies(g, &s, &subconv);

    if (form.windows || form.transposed)
        all += (double)(s.parts * g->groups * s.span * s.filters) / TURNED;
    return all
           + (form.transposed
                  ? fv__gemm_cost_separate(count, run, s.filters, lines, k)
                  : fv__gemm_cost_separate(count, s.filters, run, lines, k));
}

fv__direct_weight_grad_form
fv__direct_weight_grad_form_of(const fv__geometry *g)
{
    const bool windows =
        g->channels == 1 && g->kernel[0] > 1 && g->dilation[1] == 1;
    const fv__subconv s = fv__subconv_of(g, FV__FORWARD, 0);
    const bool padded = !fv__chain_is_cut((fv__chain){ 1, 1, g->out[1] })
                        && (fv__subconv_padded_share(&s, 0) >= 1 - worth
                            || fv__subconv_padded_share(&s, 1) >= 1 - worth);
    fv__direct_weight_grad_form best = { false, false, false };
    double least = direct_weights(g, best);

    for (int i = 1; i < 6; i++) {
        const fv__direct_weight_grad_form form = { i & 1, i & 2, i & 4 };

        if ((form.windows && !windows) || (form.inside && !padded)) continue;
        const double cost = direct_weights(g, form);

        if (!(cost < (form.inside ? worth : 1) * least)) continue;
        best = form;
        least = cost;
    }
    return best;
}

static double direct_subconv(fv__subconv s, double pixel)
{
    const bool merged = s.step[1] == 1;
    const double segments = (double)(s.taps[0] * (merged ? 1 : s.taps[1]));
    const double k = (double)(s.channels * (merged ? s.taps[1] : 1));
    const double count = (double)(s.batch * s.groups);
    const int tile_axis =
        fv__direct_prefers_height(s.out[0], s.out[1], FV__COST_ROWS) ? 0 : 1;

    if (fv__subconv_is_pointwise(&s))
        return fv__gemm_cost_joint(count, s.out[0] * s.out[1], s.filters, 1, k);
    const bool copied =
        s.groups > 1 && !fv__padded_rows_of(&s, 4, false).in_place;
    return fv__gemm_cost_separate(count * (double)s.out[!tile_axis],
                                  s.out[tile_axis], s.filters, segments, k)
           + (copied ? count * (double)(s.in[0] * s.in[1]) * pixel : 0);
}

static double direct_pieces(const fv__subconv *s, const fv__subconv_blocks *cut,
                            double pixel)
{
    double all = 0;

    for (int64_t i = 0; i < fv__subconv_block_count(cut); i++)
        all += direct_subconv(fv__subconv_block(s, cut, i), pixel);
    return all;
}

fv__subconv_blocks fv__direct_blocks(const fv__subconv *s)
{
    const fv__subconv_blocks whole = { { fv__subconv_one_band(s, 0),
                                         fv__subconv_one_band(s, 1) } };
    fv__subconv_blocks best = whole;
    double least = -1;

    if (s->taps[0] * s->taps[1] <= 1) return whole;
    for (int i = 0; i < 2; i++) {
        if (fv__subconv_padded_share(s, i) < 1 - worth) continue;
        const fv__bands bands = fv__subconv_bands(s, i);
        fv__subconv_blocks cut = best;

        if (fv__bands_share(s, i, &bands) > worth) continue;
        if (least < 0) least = direct_pieces(s, &best, PIXEL);
        cut.axis[i] = bands;
        const double cost = direct_pieces(s, &cut, PIXEL);

        if (cost > worth * least) continue;
        best = cut;
        least = cost;
    }
    return best;
}

static double direct_along(const fv__geometry *g)
{
    const double lines = (double)(g->batch * g->out[0]);
    const int64_t blocks = fv__divide_up(g->filters, FV__COST_LANES)
                           * fv__divide_up(g->out[1], FV__COST_LANES);

    return fv__gemm_cost_separate(lines, g->filters, g->out[1],
                                  (double)g->kernel[0], (double)g->kernel[1])
           + lines * (double)(blocks * BLOCK);
}

/* With so few filters, loads of rows are what a tile of pixels takes. */
bool fv__direct_is_single_channel(const fv__geometry *g)
{
    return g->channels == 1 && g->stride[1] == 1 && g->dilation[1] == 1
           && g->filters <= FV__COST_LANES / 2;
}

double fv__direct_cost(const fv__geometry *g, fv__direction direction)
{
    const int64_t pixel = direction == FV__FORWARD ? PIXEL : PIXEL * GRADIENT;
    double all = 0;

    if (direction == FV__BACKWARD_WEIGHTS)
        return direct_weights(g, fv__direct_weight_grad_form_of(g));
    if (direction == FV__FORWARD && fv__direct_is_single_channel(g))
        return direct_along(g);
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);
        const fv__subconv_blocks cut = fv__direct_blocks(&s);

        all += direct_pieces(&s, &cut, (double)pixel);
    }
    return all;
}
