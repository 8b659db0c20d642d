/* Predicted times of the algorithms that multiply matrices, in multiply-adds of
 * a vector of 16 elements. */
#include "kernel/conv_direct.h"

/* The tile that costs are counted in; sums that keep a core busy, and what a
 * tile and a segment cost besides. */
enum { ROWS = 14, LANES = 16, BUSY = 8, TILE = 24, SEGMENT = 6 };

/* One tile of `rows` x `columns`, at most two vectors, over chains of
 * `segments` of `k`: half vectors that lack lanes are done all the same, and
 * few sums wait for each other. */
static double tile(double rows, int64_t columns, double segments, double k)
{
    const double halves = (double)fv__divide_up(columns, LANES / 2);
    const double sums = rows * halves / 2;

    return (segments * k * (sums > BUSY ? sums : BUSY) + TILE
            + segments * SEGMENT)
           / 0.9;
}

/* `count` rows of tiles of that height. */
static double tiles(double count, double height, int64_t columns,
                    double segments, double k)
{
    const int64_t whole = columns / (2 * LANES), rest = columns % (2 * LANES);
    double all = (double)whole * tile(height, 2 * LANES, segments, k);

    if (rest) all += tile(height, rest, segments, k);
    return count * all;
}

double fv__conv_pieces_cost(double count, int64_t rows, int64_t columns,
                            double segments, double k)
{
    const double n = (double)fv__divide_up(rows, ROWS);

    return n > 0 ? tiles(count * n, (double)rows / n, columns, segments, k) : 0;
}

double fv__conv_product_cost(double count, int64_t rows, int64_t columns,
                             double segments, double k)
{
    const double height = (double)fv__min(rows, ROWS);

    return height > 0 ? tiles(count * (double)rows / height, height, columns,
                              segments, k)
                      : 0;
}

/* ---- direct ------------------------------------------------------------- */

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
                     const fv__sweep *sweep)
{
    const int64_t items = fv__divide_up(FV__FEW_ITEMS, s->parts * g->groups);
    const int64_t splits = fv__min(items, fv__divide_up(s->filters, ROWS));

    const double met =
        (double)s->pixels * (double)(sweep->stride[0] * sweep->stride[1]);
    const double all = (double)(g->batch * g->in[0] * g->in[1]);

    if (fv__strip_of(sweep, 4, false).in_place) return 0;
    return (double)splits * (met < all ? met : all)
           * (double)(g->groups > 1 ? PIXEL * GRADIENT * g->groups
                                    : g->channels);
}

/* Each tap alone, over the lines and columns of dy whose input is there. */
static double direct_inside(const fv__geometry *g, bool turned)
{
    const fv__conv_sizes s = fv__conv_measure(g);
    const fv__sweep sweep = fv__sweep_of(g, FV__FORWARD, 0);
    const double count = (double)(g->groups * s.taps * s.blocks);
    const double pixels = (double)s.pixels / (double)fv__max(s.blocks, 1);
    double share[2], all = 0;

    for (int i = 0; i < 2; i++) {
        const fv__bands bands = fv__sweep_bands(&sweep, i);

        share[i] = fv__bands_share(&sweep, i, &bands);
    }
    const double lines = pixels / (double)g->out[1] * share[0];
    const double k = (double)g->out[1] * share[1];

    if (turned)
        all = (double)(s.parts * g->groups * s.span * s.filters) / TURNED;
    return all
           + (turned
                  ? fv__conv_pieces_cost(count, s.channels, s.filters, lines, k)
                  : fv__conv_pieces_cost(count, s.filters, s.channels, lines,
                                         k));
}

/* Filters are the rows of tiles and numbers of a run the columns, or turned. */
static double direct_weights(const fv__geometry *g, fv__direct_form form)
{
    if (form.inside) return direct_inside(g, form.turned);
    const fv__conv_sizes s = fv__conv_measure(g);
    const int64_t run =
        form.windows ? s.span
                     : s.channels * (g->dilation[1] == 1 ? g->kernel[1] : 1);
    const int64_t runs = s.span / run;
    const double count = (double)(g->groups * runs * s.blocks);
    const fv__sweep sweep = fv__sweep_of(g, FV__FORWARD, 0);
    const double lines = fv__sweep_is_pointwise(&sweep) ? 1 : (double)s.lines;
    const double k = (double)s.pixels / (double)fv__max(s.blocks, 1) / lines;
    double all = form.windows
                     ? (double)(s.pixels * g->stride[1]) * (double)COLUMN
                     : copies(g, &s, &sweep);

    if (form.windows || form.turned)
        all += (double)(s.parts * g->groups * s.span * s.filters) / TURNED;
    return all
           + (form.turned
                  ? fv__conv_pieces_cost(count, run, s.filters, lines, k)
                  : fv__conv_pieces_cost(count, s.filters, run, lines, k));
}

fv__direct_form fv__direct_form_of(const fv__geometry *g)
{
    const bool windows =
        g->channels == 1 && g->kernel[0] > 1 && g->dilation[1] == 1;
    const fv__sweep s = fv__sweep_of(g, FV__FORWARD, 0);
    const bool padded = !fv__chain_is_cut((fv__chain){ 1, 1, g->out[1] })
                        && (fv__sweep_padded(&s, 0) >= 1 - worth
                            || fv__sweep_padded(&s, 1) >= 1 - worth);
    fv__direct_form best = { false, false, false };
    double least = direct_weights(g, best);

    for (int i = 1; i < 6; i++) {
        const fv__direct_form form = { i & 1, i & 2, i & 4 };

        if ((form.windows && !windows) || (form.inside && !padded)) continue;
        const double cost = direct_weights(g, form);

        if (!(cost < (form.inside ? worth : 1) * least)) continue;
        best = form;
        least = cost;
    }
    return best;
}

static double direct_sweep(fv__sweep s, double pixel)
{
    const bool merged = s.step[1] == 1;
    const double segments = (double)(s.taps[0] * (merged ? 1 : s.taps[1]));
    const double k = (double)(s.channels * (merged ? s.taps[1] : 1));
    const double count = (double)(s.batch * s.groups);
    const int along = fv__direct_goes_down(s.out[0], s.out[1], ROWS) ? 0 : 1;

    if (fv__sweep_is_pointwise(&s))
        return fv__conv_product_cost(count, s.out[0] * s.out[1], s.filters, 1,
                                     k);
    const bool copied = s.groups > 1 && !fv__strip_of(&s, 4, false).in_place;
    return fv__conv_pieces_cost(count * (double)s.out[!along], s.out[along],
                                s.filters, segments, k)
           + (copied ? count * (double)(s.in[0] * s.in[1]) * pixel : 0);
}

static double direct_pieces(const fv__sweep *s, const fv__cut *cut,
                            double pixel)
{
    double all = 0;

    for (int64_t i = 0; i < fv__cut_pieces(cut); i++)
        all += direct_sweep(fv__sweep_piece(s, cut, i), pixel);
    return all;
}

fv__cut fv__direct_cut(const fv__sweep *s)
{
    const fv__cut whole = { { fv__sweep_whole(s, 0), fv__sweep_whole(s, 1) } };
    fv__cut best = whole;
    double least = -1;

    if (s->taps[0] * s->taps[1] <= 1) return whole;
    for (int i = 0; i < 2; i++) {
        if (fv__sweep_padded(s, i) < 1 - worth) continue;
        const fv__bands bands = fv__sweep_bands(s, i);
        fv__cut cut = best;

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
    const int64_t blocks =
        fv__divide_up(g->filters, LANES) * fv__divide_up(g->out[1], LANES);

    return fv__conv_pieces_cost(lines, g->filters, g->out[1],
                                (double)g->kernel[0], (double)g->kernel[1])
           + lines * (double)(blocks * BLOCK);
}

/* With so few filters, loads of rows are what a tile of pixels takes. */
bool fv__direct_goes_along(const fv__geometry *g)
{
    return g->channels == 1 && g->stride[1] == 1 && g->dilation[1] == 1
           && g->filters <= LANES / 2;
}

double fv__direct_cost(const fv__geometry *g, fv__direction direction)
{
    const int64_t pixel = direction == FV__FORWARD ? PIXEL : PIXEL * GRADIENT;
    double all = 0;

    if (direction == FV__BACKWARD_WEIGHTS)
        return direct_weights(g, fv__direct_form_of(g));
    if (direction == FV__FORWARD && fv__direct_goes_along(g))
        return direct_along(g);
    for (int64_t i = 0; i < fv__sweep_count(g, direction); i++) {
        const fv__sweep s = fv__sweep_of(g, direction, i);
        const fv__cut cut = fv__direct_cut(&s);

        all += direct_pieces(&s, &cut, (double)pixel);
    }
    return all;
}

/* ---- im2col ------------------------------------------------------------- */

/* Of the column matrix: a row of taps; a tap, where it is copied alone; and
 * elements that are written and read in the time of a multiply-add. */
enum { TAPS = 25, TAP = 9, COPIED = 8 };
/* Pixels of strides are gathered only to be packed: so much longer takes their
 * weight gradient. */
static const double gathered = 1.15;

static double gather(double pixels, const int64_t taps[2], bool merged,
                     int64_t channels)
{
    const double all = (double)(taps[0] * taps[1]);

    return pixels
           * ((double)(taps[0] * TAPS) + (merged ? 0 : all * TAP)
              + all * (double)channels / COPIED);
}

double fv__im2col_cost(const fv__geometry *g, fv__direction direction)
{
    double all = 0;

    if (direction == FV__BACKWARD_WEIGHTS) {
        const fv__conv_sizes s = fv__conv_measure(g);
        const fv__sweep sweep = fv__sweep_of(g, FV__FORWARD, 0);
        const bool merged = g->dilation[1] == 1 && g->groups == 1;
        const double copies = (double)(g->groups * fv__im2col_splits(g));
        const double longer =
            s.taps == 1 && !fv__sweep_is_pointwise(&sweep) ? gathered : 1;

        return longer
                   * fv__conv_pieces_cost(
                       (double)(g->groups * s.blocks), s.filters, s.span, 1,
                       (double)s.pixels / (double)fv__max(s.blocks, 1))
               + gather((double)s.pixels * copies, g->kernel, merged,
                        s.channels);
    }
    for (int64_t i = 0; i < fv__sweep_count(g, direction); i++) {
        const fv__sweep s = fv__sweep_of(g, direction, i);
        const bool merged = s.step[1] == 1 && s.groups == 1;
        const double span = (double)(s.taps[0] * s.taps[1] * s.channels);
        const double count = (double)(s.batch * s.groups);
        const int64_t pixels = s.out[0] * s.out[1];

        all += fv__conv_product_cost(count, pixels, s.filters, 1, span)
               + gather(count * (double)pixels, s.taps, merged, s.channels);
    }
    return all;
}
