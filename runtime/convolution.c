/* Sums of products: convolutions and linear layers. */

/* Outputs of a tile that are computed together: windows, and filters of each.
 */
#if defined(__AVX2__) || defined(__aarch64__)
#define ROWS 6
#else
#define ROWS 1
#endif
enum { COLUMNS = 16 };

/* Terms of a window that follow each other in memory; `ends`: a block of the
 * sum ends behind them. */
typedef struct run {
    int32_t at, count, ends;
} run;

/* What follows a sum: a bias, a residual and a clamp, in this order. */
typedef struct epilogue {
    const float *bias, *residual; /* NULL: none */
    float low, high;              /* infinite: no clamp */
} epilogue;

/* Windows of an input: planes x rows x columns of each image, with distances in
 * elements of the input. */
typedef struct windows {
    int32_t images, planes, rows, columns;
    int32_t by_image, by_plane, by_row, by_column;
} windows;

typedef struct convolution {
    windows grid;
    int32_t groups, channels, filters; /* of a group */
    int32_t terms;                     /* of a sum */
    int32_t num_runs;
} convolution;

/* A window that is moved on to the next. */
typedef struct place {
    const float *at, *first, *above; /* first of the line, of the plane */
    int32_t along, down;
} place;

INLINE void next_window(const windows *w, place *p)
{
    p->at += w->by_column;
    if (++p->along < w->columns) return;
    p->along = 0;
    p->at = p->first += w->by_row;
    if (++p->down < w->rows) return;
    p->down = 0;
    p->at = p->first = p->above += w->by_plane;
}

/* y = sums + bias + residual, clamped, for n of COLUMNS numbers. */
INLINE void finish_some(const epilogue *e, const float *sums, int32_t n,
                        const float *bias, const float *residual, float *y)
{
    const float low = e->low, high = e->high;
    float v[COLUMNS];
    memcpy(v, sums, sizeof v);
    if (bias) {
        ROLLED
        for (int32_t j = 0; j < n; j++) v[j] += bias[j];
    }
    if (residual) {
        ROLLED
        for (int32_t j = 0; j < n; j++) v[j] += residual[j];
    }
    ROLLED
    for (int32_t j = 0; j < n; j++) {
        const float raised = v[j] < low ? low : v[j];
        y[j] = raised > high ? high : raised;
    }
}

INLINE void finish(const epilogue *e, const float *sums, int32_t n,
                   const float *bias, const float *residual, float *y)
{
    if (n == COLUMNS)
        finish_some(e, sums, COLUMNS, bias, residual, y);
    else
        finish_some(e, sums, n, bias, residual, y);
}

/* Adds the terms of a run to the sums. They are copied, so that a compiler
 * keeps them in registers. */
INLINE void add_run(const float *const x[ROWS], const float *w, int32_t at,
                    int32_t count, float sums[ROWS][COLUMNS])
{
    float s[ROWS][COLUMNS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) s[i][j] = sums[i][j];
    for (int32_t k = at; k < at + count; k++, w += COLUMNS) {
        UNROLLED
        for (int i = 0; i < ROWS; i++) {
            const float a = x[i][k];
            ROLLED
            for (int j = 0; j < COLUMNS; j++) s[i][j] = FMA(a, w[j], s[i][j]);
        }
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) sums[i][j] = s[i][j];
}

/* Sums of ROWS windows and COLUMNS filters. */
APART static void tile(const float *const x[ROWS], const float *w,
                       const run *runs, int32_t num_runs,
                       float sums[ROWS][COLUMNS])
{
    float s[ROWS][COLUMNS];
    bool first = true;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) s[i][j] = 0;
    for (int32_t r = 0; r < num_runs; r++) {
        add_run(x, w, runs[r].at, runs[r].count, s);
        w += runs[r].count * COLUMNS;
        if (!runs[r].ends) continue;
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLUMNS; j++) {
                sums[i][j] = first ? s[i][j] : sums[i][j] + s[i][j];
                s[i][j] = 0;
            }
        first = false;
    }
}

/* The windows from `from` on, `count` of them, of one image and panel of n
 * filters. */
APART static void panel(const convolution *c, const epilogue *e,
                        const run *runs, const float *w, int32_t n, place from,
                        int32_t count, const float *bias, const float *residual,
                        float *y)
{
    const int32_t step = c->groups * c->filters;
    for (int32_t i = 0; i < count; i += ROWS) {
        const int32_t rows = count - i < ROWS ? count - i : ROWS;
        const float *x[ROWS];
        float sums[ROWS][COLUMNS];
        for (int32_t k = 0; k < ROWS; k++) {
            x[k] = from.at;
            if (k < rows - 1 || i + ROWS < count) next_window(&c->grid, &from);
        }
        tile(x, w, runs, c->num_runs, sums);
        for (int32_t k = 0; k < rows; k++, y += step) {
            finish(e, sums[k], n, bias, residual, y);
            if (residual) residual += step;
        }
    }
}

/* Windows that all panels of filters are multiplied with before the next. */
enum { BLOCK = 96 };

/* The weights are panels [group][filters / COLUMNS][term][COLUMNS]; the bias
 * has COLUMNS numbers for each. */
APART static void convolve(const convolution *c, const epilogue *e,
                           const run *runs, const float *weights,
                           const float *x, float *y)
{
    const windows *w = &c->grid;
    const int32_t count = w->planes * w->rows * w->columns;
    const int32_t step = c->groups * c->filters;
    const float *residual = e->residual;
    for (int32_t image = 0; image < w->images; image++, x += w->by_image) {
        place from = { x, x, x, 0, 0 };
        for (int32_t i = 0; i < count; i += BLOCK) {
            const int32_t rows = count - i < BLOCK ? count - i : BLOCK;
            const float *panels = weights, *bias = e->bias;
            for (int32_t f = 0, group = 0; group < c->groups; group++)
                for (int32_t j = 0; j < c->filters; j += COLUMNS) {
                    const int32_t n =
                        c->filters - j < COLUMNS ? c->filters - j : COLUMNS;
                    place at = from;
                    at.at += group * c->channels;
                    at.first += group * c->channels;
                    at.above += group * c->channels;
                    panel(c, e, runs, panels, n, at, rows, bias,
                          residual ? residual + f : NULL, y + f);
                    panels += c->terms * COLUMNS;
                    if (bias) bias += COLUMNS;
                    f += n;
                }
            for (int32_t k = 0; k < rows && i + rows < count; k++)
                next_window(w, &from);
            y += rows * step;
            if (residual) residual += rows * step;
        }
    }
}

/* Filters that one window is multiplied with at a time. */
enum { WIDE = 32 };

/* One window of each of `rows` inputs, `step` elements apart; the weights are
 * panels [filters / WIDE][term][WIDE]. */
APART static void multiply(const run *runs, int32_t num_runs, int32_t rows,
                           int32_t terms, int32_t filters, const epilogue *e,
                           const float *weights, const float *x, int32_t step,
                           float *y)
{
    const float *residual = e->residual;
    for (int32_t i = 0; i < rows; i++, x += step)
        for (int32_t f = 0; f < filters; f += WIDE) {
            const float *w = weights + (size_t)f * (size_t)terms;
            float s[WIDE], sums[WIDE] = { 0 };
            bool first = true;
            const int32_t n = filters - f < WIDE ? filters - f : WIDE;
            memset(s, 0, sizeof s);
            for (int32_t r = 0; r < num_runs; r++) {
                const int32_t at = runs[r].at, end = at + runs[r].count;
                for (int32_t k = at; k < end; k++, w += WIDE) {
                    const float a = x[k];
                    ROLLED
                    for (int j = 0; j < WIDE; j++) s[j] = FMA(a, w[j], s[j]);
                }
                if (!runs[r].ends) continue;
                for (int j = 0; j < WIDE; j++) {
                    sums[j] = first ? s[j] : sums[j] + s[j];
                    s[j] = 0;
                }
                first = false;
            }
            for (int32_t j = 0; j < n; j += COLUMNS) {
                const int32_t m = n - j < COLUMNS ? n - j : COLUMNS;
                finish(e, sums + j, m, e->bias ? e->bias + f + j : NULL,
                       residual, y);
                y += m;
                if (residual) residual += m;
            }
        }
}

/* Pixels of a tile of a depthwise convolution. */
enum { PIXELS = 4 };

/* The sums of PIXELS windows and n <= COLUMNS channels; each run is a tap. */
INLINE void add_taps(const float *const x[PIXELS], const float *w,
                     const run *taps, int32_t num_taps, int32_t n,
                     float sums[PIXELS][COLUMNS])
{
    float s[PIXELS][COLUMNS];
    for (int i = 0; i < PIXELS; i++)
        for (int j = 0; j < COLUMNS; j++) s[i][j] = 0;
    for (int32_t t = 0; t < num_taps; t++, w += COLUMNS) {
        const int32_t at = taps[t].at;
        UNROLLED
        for (int i = 0; i < PIXELS; i++) {
            const float *from = x[i] + at;
            ROLLED
            for (int32_t j = 0; j < n; j++)
                s[i][j] = FMA(from[j], w[j], s[i][j]);
        }
    }
    for (int i = 0; i < PIXELS; i++)
        for (int j = 0; j < COLUMNS; j++) sums[i][j] = s[i][j];
}

APART static void depthwise_tile(const float *const x[PIXELS], const float *w,
                                 const run *taps, int32_t num_taps,
                                 float sums[PIXELS][COLUMNS])
{
    add_taps(x, w, taps, num_taps, COLUMNS, sums);
}

/* One filter for each channel; the weights are panels
 * [channels / COLUMNS][tap][COLUMNS]. */
APART static void convolve_depthwise(const convolution *c, const epilogue *e,
                                     const run *taps, const float *weights,
                                     const float *x, float *y)
{
    const windows *w = &c->grid;
    const int32_t count = w->planes * w->rows * w->columns;
    const int32_t channels = c->groups;
    const float *residual = e->residual;
    for (int32_t image = 0; image < w->images; image++, x += w->by_image) {
        place from = { x, x, x, 0, 0 };
        for (int32_t i = 0; i < count; i += PIXELS) {
            const int32_t rows = count - i < PIXELS ? count - i : PIXELS;
            const float *window[PIXELS], *panels = weights, *bias = e->bias;
            for (int32_t k = 0; k < PIXELS; k++) {
                window[k] = from.at;
                if (k < rows - 1 || i + PIXELS < count) next_window(w, &from);
            }
            for (int32_t j = 0; j < channels; j += COLUMNS) {
                const int32_t n =
                    channels - j < COLUMNS ? channels - j : COLUMNS;
                float s[PIXELS][COLUMNS];
                if (n == COLUMNS)
                    depthwise_tile(window, panels, taps, c->num_runs, s);
                else
                    add_taps(window, panels, taps, c->num_runs, n, s);
                for (int32_t k = 0; k < rows; k++)
                    finish(e, s[k], n, bias,
                           residual ? residual + k * channels + j : NULL,
                           y + k * channels + j);
                for (int32_t k = 0; k < PIXELS; k++) window[k] += COLUMNS;
                panels += c->num_runs * COLUMNS;
                if (bias) bias += COLUMNS;
            }
            y += rows * channels;
            if (residual) residual += rows * channels;
        }
    }
}

/* Images with copies of their elements around each: place i of an axis is that
 * of element places[axis][i]. */
APART static void border_of_copies(int32_t images, const int32_t extents[3],
                                   const int32_t size[3],
                                   const int32_t *const places[3],
                                   int32_t channels, const float *x, float *y)
{
    const int32_t image = extents[0] * extents[1] * extents[2] * channels;
    for (int32_t n = 0; n < images; n++, x += image)
        for (int32_t p = 0; p < size[0]; p++)
            for (int32_t r = 0; r < size[1]; r++) {
                const int32_t line = places[0][p] * extents[1] + places[1][r];
                for (int32_t s = 0; s < size[2]; s++, y += channels)
                    memcpy(y, x + (line * extents[2] + places[2][s]) * channels,
                           (size_t)channels * sizeof *y);
            }
}

/* Images with a border around each: extents are planes, rows, columns; `size`
 * those of a copy, which begins `begin` before the image. */
APART static void border(int32_t images, const int32_t extents[3],
                         const int32_t begin[3], const int32_t size[3],
                         int32_t channels, float value, const float *x,
                         float *y)
{
    for (int32_t n = 0; n < images; n++)
        for (int32_t p = 0; p < size[0]; p++)
            for (int32_t r = 0; r < size[1]; r++) {
                const int32_t plane = p - begin[0], line = r - begin[1];
                const bool inside = plane >= 0 && plane < extents[0]
                                    && line >= 0 && line < extents[1];
                const int32_t before = inside ? begin[2] * channels : 0;
                const int32_t middle = inside ? extents[2] * channels : 0;
                const int32_t all = size[2] * channels;
                for (int32_t i = 0; i < before; i++) y[i] = value;
                if (inside) memcpy(y + before, x, (size_t)middle * sizeof *x);
                for (int32_t i = before + middle; i < all; i++) y[i] = value;
                y += all;
                x += middle;
            }
}
