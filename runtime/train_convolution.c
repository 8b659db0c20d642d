/* Training of convolutions and linear layers: sums whose weights change, in the
 * order of memory, [filters][taps][channels]. Axes are planes, rows, columns.
 */

typedef struct trained_conv {
    int32_t images, groups, channels, filters; /* of a group */
    int32_t in[3], out[3], kernel[3], stride[3], dilation[3], begin[3];
    int32_t block, blocks, parts; /* of sums over pixels: pixels of a block */
} trained_conv;

/* What the sums of a filter are multiplied with first, and what follows them:
 * then a bias, a residual and a clamp. NULL: none. */
typedef struct trained_epilogue {
    const float *scale, *bias, *residual;
    float low, high;
} trained_epilogue;

/* Sums that are computed together, pixels of them, and terms of a sum that are
 * copied at a time. */
enum { LANES_OF_SUM = 16, PIXELS_OF_SUM = 16, TERMS_OF_COPY = 32 };

typedef float sums_of_pixel[LANES_OF_SUM];

/* The pixel of an axis of the input under a tap; not inside: padding. */
INLINE bool tap_at(const trained_conv *c, int axis, int32_t output, int32_t tap,
                   int32_t *at)
{
    *at = output * c->stride[axis] + tap * c->dilation[axis] - c->begin[axis];
    return *at >= 0 && *at < c->in[axis];
}

/* s += a x for n lanes. */
INLINE void add_term(int32_t n, float a, const float *x, float *s)
{
    ROLLED
    for (int32_t j = 0; j < n; j++) s[j] = FMA(a, x[j], s[j]);
}

/* A block of a sum ends: it is added to those before it. */
INLINE void end_block(int32_t n, bool has_total, float *s, float *total)
{
    for (int32_t j = 0; j < n; j++) {
        total[j] = has_total ? total[j] + s[j] : s[j];
        s[j] = 0;
    }
}

/* The weights of `terms` channels of a tap of n filters, side by side; `to` is
 * [term][LANES_OF_SUM]. */
APART static void copy_weights(int32_t n, int32_t terms, int32_t step,
                               const float *weights, const float *scale,
                               float *to)
{
    for (int32_t j = 0; j < LANES_OF_SUM; j++) {
        const float by = scale && j < n ? scale[j] : 1;
        const float *from = weights + (size_t)(j < n ? j : 0) * (size_t)step;
        for (int32_t k = 0; k < terms; k++)
            to[k * LANES_OF_SUM + j] = j < n ? by * from[k] : 0;
    }
}

/* Adds `terms` terms of each pixel whose x is not NULL. */
INLINE void add_terms(int32_t n, int32_t count, int32_t terms,
                      const float *const x[PIXELS_OF_SUM], const float *w,
                      sums_of_pixel *sums)
{
    for (int32_t i = 0; i < count; i++) {
        float s[LANES_OF_SUM];
        if (!x[i]) continue;
        for (int32_t j = 0; j < n; j++) s[j] = sums[i][j];
        for (int32_t k = 0; k < terms; k++)
            add_term(n, x[i][k], w + k * LANES_OF_SUM, s);
        for (int32_t j = 0; j < n; j++) sums[i][j] = s[j];
    }
}

/* The output pixels of a tile. */
typedef struct pixels_of_tile {
    int32_t count, image[PIXELS_OF_SUM], at[PIXELS_OF_SUM][3];
} pixels_of_tile;

static void find_pixels(const trained_conv *c, int32_t first,
                        pixels_of_tile *some)
{
    const int32_t all = c->out[0] * c->out[1] * c->out[2];
    const int32_t left = c->images * all - first;
    some->count = left < PIXELS_OF_SUM ? left : PIXELS_OF_SUM;
    for (int32_t i = 0; i < some->count; i++) {
        const int32_t pixel = (first + i) % all;
        some->image[i] = (first + i) / all;
        some->at[i][0] = pixel / c->out[2] / c->out[1];
        some->at[i][1] = pixel / c->out[2] % c->out[1];
        some->at[i][2] = pixel % c->out[2];
    }
}

/* Where the inputs of a tile lie under a tap; NULL: in the padding. */
static void find_inputs(const trained_conv *c, const pixels_of_tile *some,
                        int32_t tap, const float *x,
                        const float *inputs[PIXELS_OF_SUM])
{
    const int32_t all = c->groups * c->channels;
    const int32_t taps[3] = { tap / c->kernel[2] / c->kernel[1],
                              tap / c->kernel[2] % c->kernel[1],
                              tap % c->kernel[2] };
    for (int32_t i = 0; i < some->count; i++) {
        int32_t at[3];
        bool is_in = true;
        for (int axis = 0; axis < 3; axis++)
            is_in = tap_at(c, axis, some->at[i][axis], taps[axis], &at[axis])
                    && is_in;
        const int32_t plane = some->image[i] * c->in[0] + at[0];
        inputs[i] =
            is_in ? x
                        + ((size_t)(plane * c->in[1] + at[1]) * (size_t)c->in[2]
                           + (size_t)at[2])
                              * (size_t)all
                  : NULL;
    }
}

/* The sums of a tile of pixels and n filters from `filter` on, of the group
 * whose channels begin at `channel`. */
APART static void conv_tile(const trained_conv *c, const pixels_of_tile *some,
                            int32_t channel, int32_t n, const float *weights,
                            const float *scale, const float *x,
                            sums_of_pixel *total)
{
    const int32_t taps = c->kernel[0] * c->kernel[1] * c->kernel[2];
    const fv__chain chain = { c->kernel[0] * c->kernel[1], c->kernel[2],
                              c->channels };
    float w[TERMS_OF_COPY * LANES_OF_SUM];
    sums_of_pixel s[PIXELS_OF_SUM];
    const float *inputs[PIXELS_OF_SUM];
    int32_t at = 0, end = (int32_t)fv__chain_block(chain, 0);
    bool has_total = false;
    memset(s, 0, sizeof s);
    for (int32_t tap = 0; tap < taps; tap++) {
        find_inputs(c, some, tap, x + channel, inputs);
        for (int32_t k = 0, terms; k < c->channels; k += terms, at += terms) {
            if (at == end) {
                for (int32_t i = 0; i < some->count; i++)
                    end_block(LANES_OF_SUM, has_total, s[i], total[i]);
                has_total = true;
                end += (int32_t)fv__chain_block(chain, at);
            }
            terms = c->channels - k < end - at ? c->channels - k : end - at;
            if (terms > TERMS_OF_COPY) terms = TERMS_OF_COPY;
            copy_weights(n, terms, taps * c->channels,
                         weights + tap * c->channels + k, scale, w);
            if (n == LANES_OF_SUM)
                add_terms(LANES_OF_SUM, some->count, terms, inputs, w, s);
            else
                add_terms(n, some->count, terms, inputs, w, s);
            for (int32_t i = 0; i < some->count; i++)
                if (inputs[i]) inputs[i] += terms;
        }
    }
    for (int32_t i = 0; i < some->count; i++)
        end_block(LANES_OF_SUM, has_total, s[i], total[i]);
}

APART static void conv_forward(const trained_conv *c, const trained_epilogue *e,
                               const float *weights, const float *x, float *y)
{
    const int32_t all = c->groups * c->filters;
    const int32_t pixels = c->images * c->out[0] * c->out[1] * c->out[2];
    const int32_t span =
        c->kernel[0] * c->kernel[1] * c->kernel[2] * c->channels;
    sums_of_pixel sums[PIXELS_OF_SUM];
    pixels_of_tile some;
    for (int32_t i = 0; i < pixels; i += some.count) {
        find_pixels(c, i, &some);
        for (int32_t f = 0, n; f < all; f += n) {
            const int32_t group = f / c->filters;
            n = (group + 1) * c->filters - f;
            if (n > LANES_OF_SUM) n = LANES_OF_SUM;
            conv_tile(c, &some, group * c->channels, n,
                      weights + (size_t)f * (size_t)span,
                      e->scale ? e->scale + f : NULL, x, sums);
            for (int32_t k = 0; k < some.count; k++) {
                const size_t at = (size_t)(i + k) * (size_t)all + (size_t)f;
                for (int32_t j = 0; j < n; j++) {
                    float v = sums[k][j];
                    if (e->bias) v += e->bias[f + j];
                    if (e->residual) v += e->residual[at + (size_t)j];
                    v = v < e->low ? e->low : v;
                    y[at + (size_t)j] = v > e->high ? e->high : v;
                }
            }
        }
    }
}

/* Batch normalisation by running statistics, as a scale and a bias of each
 * filter. */
static void fold_batchnorm(int32_t n, double epsilon, const float *gamma,
                           const float *beta, const float *mean,
                           const float *variance, const float *bias,
                           float *scale, float *shift)
{
    for (int32_t f = 0; f < n; f++) {
        const double by =
            (double)gamma[f] / sqrt((double)variance[f] + epsilon);
        const double before = bias ? (double)bias[f] : 0;
        const double moved = by * (before - (double)mean[f]);
        shift[f] = (float)(moved + (double)beta[f]);
        scale[f] = (float)by;
    }
}

/* ---- the gradient of the input ------------------------------------------- */

/* The output of an axis whose tap lies on an input; false: of none. It may lie
 * outside of the image. */
INLINE bool output_under(const trained_conv *c, int axis, int32_t input,
                         int32_t tap, int32_t *output)
{
    const int32_t from = input + c->begin[axis] - tap * c->dilation[axis];
    *output = from / c->stride[axis];
    return from % c->stride[axis] == 0;
}

/* Taps of an axis that lie on an input for some output. */
static int32_t taps_onto(const trained_conv *c, int axis, int32_t input)
{
    int32_t count = 0, output;
    for (int32_t k = 0; k < c->kernel[axis]; k++)
        count += output_under(c, axis, input, k, &output);
    return count;
}

/* The sums of n channels from `channel` of its group on at an input: over the
 * taps that lie on it, the last one first, and filters. */
INLINE void input_sums(const trained_conv *c, const int32_t at[3], int32_t n,
                       const float *weights, const float *dy, bool has_total,
                       float *total)
{
    const fv__chain chain = { taps_onto(c, 0, at[0]) * taps_onto(c, 1, at[1]),
                              taps_onto(c, 2, at[2]), c->filters };
    const int32_t terms = (int32_t)fv__chain_terms(chain);
    const int32_t all = c->groups * c->filters, channels = c->channels;
    const int32_t span = c->kernel[0] * c->kernel[1] * c->kernel[2] * channels;
    int32_t term = 0, end = terms ? (int32_t)fv__chain_block(chain, 0) : 0;
    int32_t out[3];
    float s[LANES_OF_SUM] = { 0 };
    for (int32_t tap = span / channels; tap-- > 0;) {
        bool lies = true, is_in = true;
        const int32_t taps[3] = { tap / c->kernel[2] / c->kernel[1],
                                  tap / c->kernel[2] % c->kernel[1],
                                  tap % c->kernel[2] };
        for (int axis = 0; axis < 3; axis++) {
            lies =
                output_under(c, axis, at[axis], taps[axis], &out[axis]) && lies;
            is_in = is_in && out[axis] >= 0 && out[axis] < c->out[axis];
        }
        if (!lies) continue;
        const float *from =
            dy + ((out[0] * c->out[1] + out[1]) * c->out[2] + out[2]) * all;
        for (int32_t f = 0, count; f < c->filters; f += count, term += count) {
            if (term == end) {
                end_block(n, has_total, s, total);
                has_total = true;
                end += (int32_t)fv__chain_block(chain, term);
            }
            count = c->filters - f < end - term ? c->filters - f : end - term;
            for (int32_t k = f; is_in && k < f + count; k++)
                add_term(n, from[k], weights + k * span + tap * channels, s);
        }
    }
    end_block(n, has_total, s, total);
}

/* dx (+)= the gradient. */
APART static void conv_input_grad(const trained_conv *c, const float *weights,
                                  const float *dy, bool adds, float *dx)
{
    const int32_t span =
        c->kernel[0] * c->kernel[1] * c->kernel[2] * c->channels;
    const int32_t pixels = c->in[0] * c->in[1] * c->in[2];
    const int32_t image =
        c->out[0] * c->out[1] * c->out[2] * c->groups * c->filters;
    for (int32_t i = 0; i < c->images * pixels; i++) {
        const int32_t pixel = i % pixels;
        const int32_t at[3] = { pixel / c->in[2] / c->in[1],
                                pixel / c->in[2] % c->in[1], pixel % c->in[2] };
        for (int32_t g = 0; g < c->groups; g++) {
            const float *from = dy + i / pixels * image + g * c->filters;
            const float *w = weights + (size_t)(g * c->filters) * (size_t)span;
            for (int32_t k = 0, n; k < c->channels; k += n, dx += n) {
                n = c->channels - k;
                if (n >= LANES_OF_SUM) {
                    n = LANES_OF_SUM;
                    input_sums(c, at, LANES_OF_SUM, w + k, from, adds, dx);
                } else {
                    input_sums(c, at, n, w + k, from, adds, dx);
                }
            }
        }
    }
}

/* ---- the gradient of the weights ----------------------------------------- */

/* Channels whose sums are computed together. */
enum { CHANNELS_OF_SUM = 4 };

/* Adds the products of dy, of n filters, and m channels of the input under a
 * tap over the pixels first .. last - 1; x NULL: dy alone. */
INLINE void add_pixels(const trained_conv *c, int32_t m, int32_t n,
                       const int32_t tap[3], int32_t first, int32_t last,
                       const float *x, const float *dy, sums_of_pixel *sums)
{
    const int32_t all_filters = c->groups * c->filters;
    const int32_t all = c->groups * c->channels;
    sums_of_pixel s[CHANNELS_OF_SUM];
    for (int32_t k = 0; k < m; k++)
        for (int32_t j = 0; j < n; j++) s[k][j] = sums[k][j];
    for (int32_t i = first, next; i < last; i = next) {
        const int32_t line = i / c->out[2], column = i % c->out[2];
        const int32_t plane = line / c->out[1];
        int32_t in_row, depth, at;
        next = (line + 1) * c->out[2] < last ? (line + 1) * c->out[2] : last;
        bool is_in = tap_at(c, 0, plane % c->out[0], tap[0], &depth);
        is_in = tap_at(c, 1, line % c->out[1], tap[1], &in_row) && is_in;
        if (!is_in) continue;
        const int32_t image = plane / c->out[0];
        const float *inputs =
            x
            + (size_t)((image * c->in[0] + depth) * c->in[1] + in_row)
                  * (size_t)(c->in[2] * all);
        const float *from = dy + (size_t)i * (size_t)all_filters;
        for (int32_t q = 0; q < next - i; q++, from += all_filters) {
            if (!tap_at(c, 2, column + q, tap[2], &at)) continue;
            for (int32_t k = 0; k < m; k++)
                add_term(n, inputs[at * all + k], from, s[k]);
        }
    }
    for (int32_t k = 0; k < m; k++)
        for (int32_t j = 0; j < n; j++) sums[k][j] = s[k][j];
}

/* The block of the batch that begins at pixel `first`. */
APART static void add_range(const trained_conv *c, int32_t m, int32_t n,
                            const int32_t tap[3], int32_t first, int32_t last,
                            const float *x, const float *dy, bool has_total,
                            sums_of_pixel *total)
{
    const fv__chain chain = { 1, 1, last - first };
    for (int32_t i = first, end; i < last; i = end) {
        sums_of_pixel s[CHANNELS_OF_SUM];
        memset(s, 0, sizeof s);
        end = i + (int32_t)fv__chain_block(chain, i - first);
        if (m == CHANNELS_OF_SUM && n == LANES_OF_SUM)
            add_pixels(c, CHANNELS_OF_SUM, LANES_OF_SUM, tap, i, end, x, dy, s);
        else if (n == LANES_OF_SUM)
            add_pixels(c, m, LANES_OF_SUM, tap, i, end, x, dy, s);
        else
            add_pixels(c, m, n, tap, i, end, x, dy, s);
        for (int32_t k = 0; k < m; k++) end_block(n, has_total, s[k], total[k]);
        has_total = true;
    }
}

/* The sums over all pixels, added to `there`. */
static void pixel_sums(const trained_conv *c, int32_t m, int32_t n,
                       const int32_t tap[3], const float *x, const float *dy,
                       sums_of_pixel *there)
{
    const int32_t pixels = c->images * c->out[0] * c->out[1] * c->out[2];
    sums_of_pixel total[CHANNELS_OF_SUM], part[CHANNELS_OF_SUM];
    const bool one = c->parts == 1;
    for (int32_t p = 0, b = 0; p < c->parts; p++) {
        const int32_t longer = c->blocks % c->parts; /* parts, the first */
        const int32_t end = b + c->blocks / c->parts + (p < longer);
        bool has_total = one;
        if (one) memcpy(part, there, sizeof part);
        for (; b < end; b++) {
            const int32_t first = b * c->block;
            const int32_t last =
                pixels - first < c->block ? pixels : first + c->block;
            add_range(c, m, n, tap, first, last, x, dy, has_total, part);
            has_total = true;
        }
        for (int32_t k = 0; k < m; k++)
            for (int32_t j = 0; j < n; j++)
                total[k][j] = p ? total[k][j] + part[k][j] : part[k][j];
    }
    for (int32_t k = 0; k < m; k++)
        for (int32_t j = 0; j < n; j++)
            there[k][j] = one ? total[k][j] : there[k][j] + total[k][j];
}

/* The gradient of the weights is added to dweights. */
APART static void conv_weight_grad(const trained_conv *c, const float *x,
                                   const float *dy, float *dweights)
{
    const int32_t taps = c->kernel[0] * c->kernel[1] * c->kernel[2];
    const int32_t span = taps * c->channels, all = c->groups * c->filters;
    sums_of_pixel sums[CHANNELS_OF_SUM];
    for (int32_t f = 0, n; f < all; f += n) {
        const int32_t group = f / c->filters;
        n = (group + 1) * c->filters - f;
        if (n > LANES_OF_SUM) n = LANES_OF_SUM;
        for (int32_t t = 0; t < span; t += CHANNELS_OF_SUM) {
            const int32_t tap = t / c->channels, channel = t % c->channels;
            const int32_t at[3] = { tap / c->kernel[2] / c->kernel[1],
                                    tap / c->kernel[2] % c->kernel[1],
                                    tap % c->kernel[2] };
            int32_t m = c->channels - channel;
            if (m > CHANNELS_OF_SUM) m = CHANNELS_OF_SUM;
            float *to = dweights + (size_t)f * (size_t)span + t;
            for (int32_t j = 0; j < n; j++)
                for (int32_t k = 0; k < m; k++) sums[k][j] = to[j * span + k];
            pixel_sums(c, m, n, at, x + group * c->channels + channel, dy + f,
                       sums);
            for (int32_t j = 0; j < n; j++)
                for (int32_t k = 0; k < m; k++) to[j * span + k] = sums[k][j];
            t += m - CHANNELS_OF_SUM;
        }
    }
}

/* The gradient of a bias beside weights that are trained: the same sums of dy
 * alone. */
APART static void conv_bias_grad(const trained_conv *c, const float *dy,
                                 float *dbias)
{
    static const float ones[1] = { 1 };
    const int32_t all = c->groups * c->filters, origin[3] = { 0, 0, 0 };
    trained_conv plain = *c;
    plain.groups = 1;
    plain.filters = all;
    plain.channels = 0; /* all pixels read the same number */
    for (int axis = 0; axis < 3; axis++) {
        plain.stride[axis] = 0;
        plain.begin[axis] = 0;
    }
    for (int32_t f = 0, n; f < all; f += n) {
        sums_of_pixel sums[CHANNELS_OF_SUM];
        n = all - f < LANES_OF_SUM ? all - f : LANES_OF_SUM;
        memcpy(sums[0], dbias + f, (size_t)n * sizeof *dbias);
        pixel_sums(&plain, 1, n, origin, ones, dy + f, sums);
        memcpy(dbias + f, sums[0], (size_t)n * sizeof *dbias);
    }
}

/* The sums of the columns of m rows are added to dbias. */
static void column_bias_grad(int32_t m, int32_t n, const float *dy,
                             float *dbias)
{
    for (int32_t j = 0; j < n; j += SUM_COLUMNS) {
        const int32_t count = n - j < SUM_COLUMNS ? n - j : SUM_COLUMNS;
        float sums[SUM_COLUMNS];
        column_sums(m, count, n, dy + j, sums);
        for (int32_t k = 0; k < count; k++) dbias[j + k] += sums[k];
    }
}
