/* What direct convolution decides: how a subconvolution is divided into blocks,
 * items, lines and panels, the form of the weight gradient, and the predicted
 * time of all of them. */
#include "conv/direct/direct.h"

/* ---- the plan of a block ------------------------------------------------ */

/* Limits of an item, tuned by measurement. They divide outputs, so no result
 * depends on them. */
enum {
    ITEM_PIXELS = 224, /* most output pixels of an item of several rows */
    FLAT_PIXELS = 168, /* output pixels of an item of a pointwise convolution:
                          a multiple of mr in every table */
    LEAST_PIXELS = 24, /* least output pixels where such an item is divided */
    COPY_BYTES = 1 << 19, /* most bytes of the padded copy of an item */
    CACHE_BYTES = 1 << 20 /* bytes of the input above which it is assumed to
                             come from beyond the second-level cache */
};

/* At most so many output pixels: threads pack panels whose rows are contiguous
 * in the weights while they run, since packing before the run would take longer
 * than reading them in place. Tuned by measurement. */
enum { THREAD_PACKING_PIXELS = 224 };
/* From so many filters on, input pixels whose distance maps to few sets of a
 * first-level cache are copied. Tuned by measurement. */
enum { ALIASING_FILTERS = 256 };
/* Most bytes of the panels of an item that are run together for each tile, so
 * that outputs are written in long runs: with chains so short outputs take more
 * time than panels. Tuned by measurement. */
enum { JOINT_PANEL_BYTES = 1 << 14 };

fv__direct_subconv fv__direct_subconv_of(fv__conv_target target,
                                         const fv__geometry *g,
                                         fv__direction direction,
                                         int64_t number)
{
    const fv__kernels *kernels = target.kernels;
    fv__direct_subconv whole = { .subconv =
                                     fv__subconv_of(g, direction, number),
                                 .data = direction == FV__BACKWARD_DATA };
    const fv__subconv *s = &whole.subconv;
    const int64_t taps = fv__subconv_taps(s);

    whole.blocks = fv__direct_blocks(s);
    whole.panels = (int64_t)fv__panels(kernels, (size_t)s->filters);
    whole.panel_bytes = (size_t)(taps * s->channels) * (size_t)kernels->nr
                        * fv__element(kernels);
    whole.pack_per_thread =
        taps && s->weight_filter == 1
        && s->batch * fv__subconv_outputs(s) <= THREAD_PACKING_PIXELS;
    if (whole.pack_per_thread) return whole;
    if (!fv__multiply(whole.panel_bytes, (size_t)(whole.panels * s->groups),
                      &whole.packed_bytes))
        whole.packed_bytes = SIZE_MAX;
    return whole;
}

/* Whether `width` columns of `height` pixels make at most half as many tiles of
 * mr pixels as `height` rows of `width` pixels, whose tiles take only `share`
 * of the time: then tiles lie along columns, although their pixels are farther
 * apart. */
static bool prefers_height(int64_t height, int64_t width, int64_t mr,
                           double share)
{
    return (double)(height * fv__divide_up(width, mr)) * share
           >= (double)(2 * width * fv__divide_up(height, mr));
}

/* Output rows of an item by its pixels. */
static int64_t item_rows(const fv__subconv *s)
{
    return ITEM_PIXELS / fv__max(1, s->out[1]);
}

/* Mean share of the rows of taps that an output row has inside the image. */
static double rows_share(const fv__subconv *s)
{
    const fv__bands bands = fv__subconv_bands(s, 0);

    return s->taps[0] ? fv__bands_share(s, 0, &bands) : 1;
}

/* Whether tiles lie along columns, in `rows` rows: a column multiplies all taps
 * for each of its pixels, a row only those whose row is inside the image. The
 * same for every table, as it decides what is multiplied. */
static bool lies_along_columns(const fv__subconv *s, int64_t rows)
{
    const int64_t width = s->out[1], mr = FV__COST_ROWS;

    return !s->ragged && prefers_height(rows, width, mr, 1)
           && prefers_height(rows, width, mr, rows_share(s));
}

static fv__padded_rows padded_of(const fv__direct *d)
{
    const fv__subconv *s = &d->subconv;

    if (fv__subconv_taps(s) == 0) /* nothing is read */
        return (fv__padded_rows){ .in_place = true };
    return fv__padded_rows_of(s, d->element, d->skips_rows,
                              s->filters >= ALIASING_FILTERS);
}

/* Most pixels of one of two threads that share `pixels` in rows of `row`. */
static int64_t larger_share(int64_t pixels, int64_t row)
{
    return fv__divide_up(fv__divide_up(pixels, row), 2) * row;
}

/* Pixels of a row of a pointwise convolution with `pixels` outputs, each row
 * being an item. Up to ITEM_PIXELS are one row, so that weights are read once;
 * but two rows, for two threads, if there are fewer weights than elements that
 * the threads would read of each other's pixels if they divided the filters.
 * More pixels are rows of FLAT_PIXELS, or of fewer, down to half of that, if
 * that makes the share of the busier of two threads smaller by 1/32. */
static int64_t flat_row(const fv__direct *d, int64_t pixels)
{
    const fv__subconv *s = &d->subconv;
    const int64_t mr = d->kernels->mr;
    const int64_t copied = COPY_BYTES / (s->channels * (int64_t)d->element);
    int64_t row = FLAT_PIXELS;

    if (pixels <= ITEM_PIXELS) {
        if (pixels < 2 * LEAST_PIXELS || s->weight_filter == 1
            || s->channels * s->filters
                   > 2 * pixels * (s->channels + s->filters))
            return fv__max(pixels, 1);
        return fv__divide_up(fv__divide_up(pixels, 2), mr) * mr;
    }
    if (copied < row && !padded_of(d).in_place)
        row = fv__max(copied, LEAST_PIXELS) / mr * mr;
    for (int64_t least = row / 2, next = row - mr; next > least; next -= mr)
        if (32 * larger_share(pixels, next) < 31 * larger_share(pixels, row))
            row = next;
    return row;
}

/* Rearranges the pixels of a pointwise convolution whose outputs are contiguous
 * into one image with rows of equal length, but for the last; false: nothing is
 * changed. */
static bool flatten(fv__direct *d)
{
    fv__subconv *s = &d->subconv;
    const int64_t pixels = s->batch * s->out[0] * s->out[1];
    int64_t row;

    if (!fv__subconv_is_pointwise(s) || s->out_row != s->out[1] * s->out_pixel
        || s->out_image != s->out[0] * s->out_row || s->out[FV__DEPTH] > 1)
        return false;
    row = flat_row(d, pixels);
    s->batch = 1;
    s->in[0] = s->out[0] = fv__divide_up(pixels, row);
    s->in[1] = s->out[1] = row;
    s->out_row = row * s->out_pixel;
    s->ragged = s->out[0] * row - pixels;
    return true;
}

/* Divides the work into items: blocks of rows, or some images where they are
 * small; where these are fewer than FV__FEW_ITEMS, panels are divided too, and
 * the items of the same pixels share padded copies. */
static void plan_items(fv__direct *d, bool flat)
{
    const fv__subconv *s = &d->subconv;
    const int64_t row_bytes =
        d->padded.row * s->stride[0] * (int64_t)d->element * s->taps[FV__DEPTH];
    int64_t rows = item_rows(s);

    if (!d->padded.in_place && !d->pack_per_thread)
        rows = fv__min(rows, COPY_BYTES / fv__max(1, row_bytes));
    d->rows = flat ? 1 : fv__max(1, fv__min(rows, s->out[0]));
    d->row_blocks = fv__divide_up(s->out[0], d->rows);
    d->images =
        fv__min(ITEM_PIXELS / fv__max(1, s->out[0] * s->out[1]), s->batch);
    d->images = fv__max(1, d->images);
    d->items = fv__divide_up(s->batch, d->images) * s->groups
               * s->out[FV__DEPTH] * d->row_blocks;
    d->splits = fv__divide_up(FV__FEW_ITEMS, fv__max(1, d->items));
    d->splits = fv__max(1, fv__min(d->splits, d->panels));
    fv__padded_rows_close_gaps(s, &d->padded, d->rows);
    if (prefers_height(d->images,
                       d->tile_axis == FV__TILE_HEIGHT ? d->rows : s->out[1],
                       d->kernels->mr, 1))
        d->tile_axis = FV__TILE_BATCH;
    if (d->pack_per_thread) return;
    d->joint_panels = d->panel_bytes
                          ? (int64_t)(JOINT_PANEL_BYTES / d->panel_bytes)
                          : d->panels;
}

static void plan_scratch(fv__direct *d, size_t threads)
{
    const fv__subconv *s = &d->subconv;
    const size_t nr_bytes = (size_t)d->kernels->nr * d->element;
    const int64_t terms = fv__min(FV__DIRECT_THREAD_TERMS, d->segments * d->k);
    size_t copies, buffers;

    d->offsets_bytes = fv__align(2 * (size_t)d->segments * sizeof(ptrdiff_t));
    d->plane_bytes = fv__padded_rows_bytes(s, &d->padded, d->rows, d->element);
    d->padded_bytes = (size_t)s->taps[FV__DEPTH] * d->plane_bytes;
    d->padded_count = d->images * (d->splits > 1 ? d->items : (int64_t)threads);
    if (d->pack_per_thread) {
        d->thread_panel_bytes = fv__align((size_t)terms * nr_bytes);
        d->thread_bytes =
            d->thread_panel_bytes
            + fv__align((size_t)(s->batch * fv__subconv_outputs(s)) * nr_bytes);
    }
    if (!fv__multiply(d->padded_bytes, (size_t)d->padded_count, &copies)
        || !fv__multiply(d->thread_bytes, threads, &buffers)
        || !fv__add(copies, buffers, &d->scratch_bytes)
        || !fv__add(d->scratch_bytes, d->offsets_bytes, &d->scratch_bytes))
        d->scratch_bytes = SIZE_MAX;
}

fv__direct fv__direct_plan(fv__conv_target target,
                           const fv__direct_subconv *whole, int64_t block)
{
    fv__direct d = {
        .kernels = target.kernels,
        .element = fv__element(target.kernels),
        .subconv = fv__subconv_block(&whole->subconv, &whole->blocks, block),
        .data = whole->data,
        .pack_per_thread = whole->pack_per_thread,
        .panels = whole->panels,
        .panel_bytes = whole->panel_bytes,
        .chain = fv__subconv_chain(&whole->subconv),
    };
    const fv__subconv *s = &d.subconv;
    const bool flat = flatten(&d);

    d.tile_axis = lies_along_columns(s, fv__min(s->out[0], item_rows(s)))
                      ? FV__TILE_HEIGHT
                      : FV__TILE_WIDTH;
    d.skips_rows = d.tile_axis == FV__TILE_WIDTH && fv__subconv_is_flat(s)
                   && fv__subconv_taps(s) > 0
                   && fv__subconv_padded_share(s, 0) > 0;
    d.padded = padded_of(&d);
    d.merged_taps = d.padded.contiguous && !d.pack_per_thread;
    d.segments =
        s->taps[FV__DEPTH] * s->taps[0] * (d.merged_taps ? 1 : s->taps[1]);
    d.k = s->channels * (d.merged_taps ? s->taps[1] : 1);
    plan_items(&d, flat);
    d.prefetch_pixels =
        d.padded.in_place && d.segments == 1
        && s->stride[1] * s->in_pixel == d.k
        && s->batch * s->in[0] * d.padded.row * (int64_t)d.element
               > CACHE_BYTES;
    plan_scratch(&d, (size_t)target.threads);
    return d;
}

/* ---- predicted time, in vector FMAs of 16 elements ---------------------- */

/* The time to copy a pixel of one of several groups. */
static double group_pixel(fv__direction direction)
{
    return fv__costs.direct_group_pixel
           * (direction == FV__FORWARD ? 1 : fv__costs.direct_gradient_pixel);
}

/* The share of the pairs of an output and a tap of an axis that are inside the
 * image. */
static double inside_share(const fv__subconv *s, int axis)
{
    if (axis == FV__DEPTH && fv__subconv_is_flat(s)) return 1;
    const fv__bands bands = fv__subconv_bands(s, axis);

    return s->taps[axis] ? fv__bands_share(s, axis, &bands) : 1;
}

/* The padded copies of a weight gradient. Each of the items that share a block
 * of pixels copies the rows it reads. */
static double copying_cost(const fv__geometry *g, const fv__conv_sizes *s,
                           const fv__subconv *subconv)
{
    const int64_t items = fv__divide_up(FV__FEW_ITEMS, s->parts * g->groups);
    const int64_t splits =
        fv__min(items, fv__divide_up(s->filters, FV__COST_ROWS));
    const double read =
        (double)s->pixels * (double)(subconv->stride[0] * subconv->stride[1]);
    const double all = (double)(subconv->batch * subconv->out[FV__DEPTH]
                                * g->in[0] * g->in[1]);

    if (fv__padded_rows_of(subconv, 4, false, false).in_place) return 0;
    return (double)splits * inside_share(subconv, FV__DEPTH)
           * (double)subconv->taps[FV__DEPTH] * (read < all ? read : all)
           * (g->groups > 1
                  ? group_pixel(FV__BACKWARD_WEIGHTS) * (double)g->groups
                  : fv__costs.direct_copied_element * (double)g->channels);
}

/* Each tap alone, with the rows and columns of dy for which it is inside. */
static double inside_cost(const fv__geometry *g, bool transposed)
{
    const fv__conv_sizes s = fv__conv_sizes_of(g);
    const fv__subconv subconv = fv__subconv_of(g, FV__FORWARD, 0);
    const double count = (double)(g->groups * s.taps * s.blocks);
    const double pixels = (double)s.pixels / (double)fv__max(s.blocks, 1);
    const double lines = pixels / (double)g->out[1] * inside_share(&subconv, 0)
                         * inside_share(&subconv, FV__DEPTH);
    const double k = (double)g->out[1] * inside_share(&subconv, 1);

    if (!transposed)
        return fv__gemm_cost_separate(count, s.filters, s.channels, lines, k);
    return (double)(s.parts * g->groups * s.span * s.filters)
               / fv__costs.direct_transposed_sums
           + fv__gemm_cost_separate(count, s.channels, s.filters, lines, k);
}

static double weight_grad_cost(const fv__geometry *g,
                               fv__direct_weight_grad_form form)
{
    if (form.inside) return inside_cost(g, form.transposed);
    const fv__conv_sizes s = fv__conv_sizes_of(g);
    const int64_t run =
        form.windows ? s.span
                     : s.channels * (g->dilation[1] == 1 ? g->kernel[1] : 1);
    const int64_t runs = s.span / run;
    const double count = (double)(g->groups * runs * s.blocks);
    const fv__subconv subconv = fv__subconv_of(g, FV__FORWARD, 0);
    const bool pointwise = fv__subconv_is_pointwise(&subconv);
    const double rows = pointwise ? 1 : (double)s.lines;
    const double k = (double)s.pixels / (double)fv__max(s.blocks, 1) / rows;
    const double lines = rows * inside_share(&subconv, FV__DEPTH);
    double all = form.windows ? (double)(s.pixels * g->stride[1])
                                    * fv__costs.direct_window_column
                              : copying_cost(g, &s, &subconv);

    if (form.windows || form.transposed)
        all += (double)(s.parts * g->groups * s.span * s.filters)
               / fv__costs.direct_transposed_sums;
    return all
           + (form.transposed
                  ? fv__gemm_cost_separate(count, run, s.filters, lines, k)
                  : fv__gemm_cost_separate(count, s.filters, run, lines, k));
}

/* A block of a subconvolution; `pixel` is the time to copy a pixel of a group.
 */
static double block_cost(const fv__subconv *s, double pixel)
{
    const bool merged = s->step[1] == 1;
    const int along = lies_along_columns(s, s->out[0]) ? 0 : 1;
    const double segments =
        inside_share(s, FV__DEPTH)
        * (double)(s->taps[FV__DEPTH] * s->taps[0] * (merged ? 1 : s->taps[1]));
    const double k = (double)(s->channels * (merged ? s->taps[1] : 1));
    const double count = (double)(s->batch * s->groups * s->out[FV__DEPTH]);

    if (fv__subconv_is_pointwise(s))
        return fv__gemm_cost_joint(count, s->out[0] * s->out[1], s->filters, 1,
                                   k);
    const bool copied =
        s->groups > 1
        && !fv__padded_rows_of(s, 4, along == 1 && fv__subconv_is_flat(s),
                               false)
                .in_place;
    return fv__gemm_cost_separate(count * (double)s->out[!along], s->out[along],
                                  s->filters, segments, k)
           + (copied
                  ? count * (double)(s->taps[FV__DEPTH] * s->in[0] * s->in[1])
                        * pixel
                  : 0);
}

static double blocks_cost(const fv__subconv *s,
                          const fv__subconv_blocks *blocks, double pixel)
{
    double all = 0;

    for (int64_t i = 0; i < fv__subconv_block_count(blocks); i++) {
        const fv__subconv block = fv__subconv_block(s, blocks, i);

        all += block_cost(&block, pixel);
    }
    return all;
}

static double single_channel_cost(const fv__geometry *g)
{
    const double lines = (double)(g->batch * g->out[0]);
    const int64_t blocks = fv__divide_up(g->filters, FV__COST_LANES)
                           * fv__divide_up(g->out[1], FV__COST_LANES);

    return fv__gemm_cost_separate(lines, g->filters, g->out[1],
                                  (double)g->kernel[0], (double)g->kernel[1])
           + lines * (double)blocks * fv__costs.direct_transposed_block;
}

double fv__direct_cost(const fv__geometry *g, fv__direction direction)
{
    const double pixel = group_pixel(direction);
    double all = 0;

    if (direction == FV__BACKWARD_WEIGHTS)
        return weight_grad_cost(g, fv__direct_weight_grad_form_of(g));
    if (direction == FV__FORWARD && fv__direct_is_single_channel(g))
        return single_channel_cost(g);
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);
        const fv__subconv_blocks blocks = fv__direct_blocks(&s);

        all += blocks_cost(&s, &blocks, pixel);
    }
    return all;
}

/* With what each block costs besides, and the weights that it reads. */
static double divided_cost(const fv__subconv *s,
                           const fv__subconv_blocks *blocks)
{
    double vectors = 0;

    for (int64_t i = 0; i < fv__subconv_block_count(blocks); i++) {
        const fv__subconv block = fv__subconv_block(s, blocks, i);

        vectors +=
            (double)(block.taps[0] * block.taps[1] * s->channels)
            * (double)(s->groups * fv__divide_up(s->filters, FV__COST_LANES));
    }
    return blocks_cost(s, blocks, group_pixel(FV__FORWARD))
           + fv__costs.direct_block_weights * vectors
           + fv__costs.direct_block * (double)fv__subconv_block_count(blocks);
}

/* ---- decisions by predicted time ---------------------------------------- */

/* To leave out fewer taps, or to save less predicted time, does not outweigh
 * what the division costs besides. */
fv__subconv_blocks fv__direct_blocks(const fv__subconv *s)
{
    const fv__subconv_blocks whole = { { fv__subconv_one_band(s, 0),
                                         fv__subconv_one_band(s, 1) } };
    fv__subconv_blocks best = whole;
    double least = -1;

    if (fv__subconv_taps(s) <= 1) return whole;
    for (int i = 0; i < 2; i++) {
        const double most = i ? fv__costs.direct_worthwhile_columns
                              : fv__costs.direct_worthwhile;

        if (fv__subconv_padded_share(s, i) < 1 - most) continue;
        const fv__bands bands = fv__subconv_bands(s, i);
        fv__subconv_blocks blocks = best;

        if (fv__bands_share(s, i, &bands) > most) continue;
        if (least < 0) least = divided_cost(s, &best);
        blocks.axis[i] = bands;
        const double cost = divided_cost(s, &blocks);

        if (cost > most * least) continue;
        best = blocks;
        least = cost;
    }
    return best;
}

/* With at most so few filters, tiles whose rows are pixels would spend most of
 * their time on loads. */
bool fv__direct_is_single_channel(const fv__geometry *g)
{
    return g->channels == 1 && g->stride[1] == 1 && g->dilation[1] == 1
           && !fv__geometry_has_depth(g) && g->filters <= FV__COST_LANES / 2;
}

fv__direct_weight_grad_form
fv__direct_weight_grad_form_of(const fv__geometry *g)
{
    const bool windows = g->channels == 1 && g->kernel[0] > 1
                         && g->dilation[1] == 1 && !fv__geometry_has_depth(g);
    const fv__subconv s = fv__subconv_of(g, FV__FORWARD, 0);
    const double worthwhile = fv__costs.direct_worthwhile;
    const double padded = 1 - worthwhile;
    const bool inside = !fv__chain_is_cut((fv__chain){ 1, 1, g->out[1] })
                        && (fv__subconv_padded_share(&s, 0) >= padded
                            || fv__subconv_padded_share(&s, 1) >= padded);
    fv__direct_weight_grad_form best = { false, false, false };
    double least = weight_grad_cost(g, best);

    for (int i = 1; i < 6; i++) { /* windows and inside exclude each other */
        const fv__direct_weight_grad_form form = { i & 1, i & 2, i & 4 };

        if ((form.windows && !windows) || (form.inside && !inside)) continue;
        const double cost = weight_grad_cost(g, form);

        if (!(cost < (form.inside ? worthwhile : 1) * least)) continue;
        best = form;
        least = cost;
    }
    return best;
}
