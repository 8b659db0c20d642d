/* Sums of products: convolutions and linear layers. */

/* Filters of a tile that are computed together, of ROWS windows each. */
enum { COLUMNS = 16, VECS = COLUMNS / VEC };

/* Terms of a window that follow each other in memory; `ends`: a block of the
 * sum ends behind them. */
typedef struct run {
    int32_t at, count, ends;
} run;

/* What follows a sum: a bias, a residual and a clamp, in this order. */
typedef struct epilogue {
    const float *bias, *residual; /* residual NULL: none */
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

/* Copies n numbers of at most COLUMNS, in few steps and without a loop. */
INLINE void copy_some(float *to, const float *from, int32_t n)
{
    if (n >= 8) {
        memcpy(to, from, 8 * sizeof *to);
        memcpy(to + n - 8, from + n - 8, 8 * sizeof *to);
    } else if (n >= 4) {
        memcpy(to, from, 4 * sizeof *to);
        memcpy(to + n - 4, from + n - 4, 4 * sizeof *to);
    } else if (n >= 2) {
        memcpy(to, from, 2 * sizeof *to);
        memcpy(to + n - 2, from + n - 2, 2 * sizeof *to);
    } else if (n == 1)
        *to = *from;
}

/* y = sums + bias + residual, clamped. */
INLINE void finish_row(const epilogue *e, const vec sums[VECS],
                       const float *bias, const float *residual, float *y)
{
    const vec low = VEC_ALL(e->low), high = VEC_ALL(e->high);
    PER_VEC
    for (int v = 0; v < VECS; v++) {
        vec s = VEC_ADD(sums[v], VEC_LOAD(bias + v * VEC));
        if (residual) s = VEC_ADD(s, VEC_LOAD(residual + v * VEC));
        VEC_STORE(y + v * VEC, VEC_CLAMP(s, low, high));
    }
}

/* The same of n <= COLUMNS numbers. */
APART static void finish(const epilogue *e, const vec sums[VECS], int32_t n,
                         const float *bias, const float *residual, float *y)
{
    float rest[COLUMNS] = { 0 }, all[COLUMNS];
    if (residual) {
        copy_some(rest, residual, n);
        residual = rest;
    }
    finish_row(e, sums, bias, residual, all);
    copy_some(y, all, n);
}

/* The sums of a block of ROWS windows and COLUMNS filters: of the runs from *r
 * on, up to the one that ends a block. */
INLINE const float *add_block(const float *const x[ROWS], const float *w,
                              const run **r, vec s[ROWS][VECS])
{
    const run *at = *r;
    UNROLLED
    for (int i = 0; i < ROWS; i++) {
        PER_VEC
        for (int v = 0; v < VECS; v++) s[i][v] = VEC_ALL(0);
    }
    for (bool more = true; more; at++) {
        const int32_t end = at->at + at->count;
        for (int32_t k = at->at; k < end; k++, w += COLUMNS) {
            vec factor[VECS];
            PER_VEC
            for (int v = 0; v < VECS; v++) factor[v] = VEC_LOAD(w + v * VEC);
            UNROLLED
            for (int i = 0; i < ROWS; i++) {
                const vec a = VEC_ALL(x[i][k]);
                PER_VEC
                for (int v = 0; v < VECS; v++)
                    s[i][v] = VEC_FMA(a, factor[v], s[i][v]);
            }
        }
        more = !at->ends;
    }
    *r = at;
    return w;
}

/* Outputs of ROWS windows, of which `rows` are stored, and n <= COLUMNS
 * filters. */
APART static void tile(const float *const from[ROWS], int32_t offset,
                       const float *w, const run *runs, int32_t num_runs,
                       int32_t rows, int32_t n, const epilogue *e,
                       const float *bias, const float *residual, float *y,
                       int32_t step)
{
    const run *end = runs + num_runs;
    const float *x[ROWS];
    float sums[ROWS][COLUMNS];
    vec s[ROWS][VECS];
    bool adds = false;
    UNROLLED
    for (int i = 0; i < ROWS; i++) x[i] = from[i] + offset;
    for (;;) {
        w = add_block(x, w, &runs, s);
        if (adds) {
            UNROLLED
            for (int i = 0; i < ROWS; i++) {
                PER_VEC
                for (int v = 0; v < VECS; v++)
                    s[i][v] = VEC_ADD(VEC_LOAD(sums[i] + v * VEC), s[i][v]);
            }
        }
        if (runs == end) break;
        UNROLLED
        for (int i = 0; i < ROWS; i++) {
            PER_VEC
            for (int v = 0; v < VECS; v++)
                VEC_STORE(sums[i] + v * VEC, s[i][v]);
        }
        adds = true;
    }
    UNROLLED
    for (int i = 0; i < ROWS; i++) {
        if (rows == ROWS && n == COLUMNS)
            finish_row(e, s[i], bias, residual, y);
        else if (i < rows) {
            vec copy[VECS]; /* a copy, so that s stays in registers */
            PER_VEC
            for (int v = 0; v < VECS; v++) copy[v] = s[i][v];
            finish(e, copy, n, bias, residual, y);
        }
        if (residual) residual += step;
        y += step;
    }
}

/* Windows that all panels of filters are multiplied with before the next. */
enum { BLOCK = 16 * ROWS };

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
    const float *at[BLOCK];
    for (int32_t image = 0; image < w->images; image++, x += w->by_image) {
        place next = { x, x, x, 0, 0 };
        for (int32_t i = 0; i < count; i += BLOCK) {
            const int32_t rows = count - i < BLOCK ? count - i : BLOCK;
            const float *panel = weights, *bias = e->bias;
            for (int32_t k = 0; k < BLOCK; k++) {
                at[k] = next.at;
                if (i + k + 1 < count) next_window(w, &next);
            }
            for (int32_t f = 0, group = 0; group < c->groups; group++)
                for (int32_t j = 0; j < c->filters; j += COLUMNS) {
                    const int32_t left = c->filters - j;
                    const int32_t n = left < COLUMNS ? left : COLUMNS;
                    for (int32_t k = 0; k < rows; k += ROWS)
                        tile(at + k, group * c->channels, panel, runs,
                             c->num_runs, rows - k < ROWS ? rows - k : ROWS, n,
                             e, bias, residual ? residual + k * step + f : NULL,
                             y + k * step + f, step);
                    panel += c->terms * COLUMNS;
                    bias += COLUMNS;
                    f += n;
                }
            y += rows * step;
            if (residual) residual += rows * step;
        }
    }
}

/* Filters that one window is multiplied with at a time. */
enum { WIDE = 32, WIDE_VECS = WIDE / VEC };

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
            const int32_t n = filters - f < WIDE ? filters - f : WIDE;
            vec s[WIDE_VECS], sums[WIDE_VECS];
            bool first = true;
            for (int v = 0; v < WIDE_VECS; v++) s[v] = VEC_ALL(0);
            for (int32_t r = 0; r < num_runs; r++) {
                const int32_t at = runs[r].at, end = at + runs[r].count;
                for (int32_t k = at; k < end; k++, w += WIDE) {
                    const vec a = VEC_ALL(x[k]);
                    PER_VEC
                    for (int v = 0; v < WIDE_VECS; v++)
                        s[v] = VEC_FMA(a, VEC_LOAD(w + v * VEC), s[v]);
                }
                if (!runs[r].ends) continue;
                for (int v = 0; v < WIDE_VECS; v++) {
                    sums[v] = first ? s[v] : VEC_ADD(sums[v], s[v]);
                    s[v] = VEC_ALL(0);
                }
                first = false;
            }
            for (int32_t j = 0; j < n; j += COLUMNS) {
                const int32_t m = n - j < COLUMNS ? n - j : COLUMNS;
                finish(e, sums + j / VEC, m, e->bias + f + j, residual, y);
                y += m;
                if (residual) residual += m;
            }
        }
}

/* Pixels of a tile of a depthwise convolution. */
enum { PIXELS = 4 };

/* Outputs of PIXELS windows and COLUMNS channels; each run is a tap. */
APART static void depthwise_tile(const float *const x[PIXELS], const float *w,
                                 const run *taps, int32_t num_taps,
                                 const epilogue *e, const float *bias,
                                 const float *residual, float *y, int32_t step)
{
    vec s[PIXELS][VECS];
    UNROLLED
    for (int i = 0; i < PIXELS; i++) {
        PER_VEC
        for (int v = 0; v < VECS; v++) s[i][v] = VEC_ALL(0);
    }
    for (int32_t t = 0; t < num_taps; t++, w += COLUMNS) {
        const int32_t at = taps[t].at;
        UNROLLED
        for (int i = 0; i < PIXELS; i++) {
            PER_VEC
            for (int v = 0; v < VECS; v++)
                s[i][v] = VEC_FMA(VEC_LOAD(x[i] + at + v * VEC),
                                  VEC_LOAD(w + v * VEC), s[i][v]);
        }
    }
    UNROLLED
    for (int i = 0; i < PIXELS; i++) {
        finish_row(e, s[i], bias, residual, y);
        if (residual) residual += step;
        y += step;
    }
}

/* The same of one window and n <= COLUMNS channels. */
APART static void depthwise_rest(const float *x, const float *w,
                                 const run *taps, int32_t num_taps, int32_t n,
                                 const epilogue *e, const float *bias,
                                 const float *residual, float *y)
{
    float from[COLUMNS] = { 0 };
    vec s[VECS];
    for (int v = 0; v < VECS; v++) s[v] = VEC_ALL(0);
    for (int32_t t = 0; t < num_taps; t++, w += COLUMNS) {
        copy_some(from, x + taps[t].at, n);
        PER_VEC
        for (int v = 0; v < VECS; v++)
            s[v] =
                VEC_FMA(VEC_LOAD(from + v * VEC), VEC_LOAD(w + v * VEC), s[v]);
    }
    finish(e, s, n, bias, residual, y);
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
                const float *more = residual ? residual + j : NULL;
                if (n == COLUMNS && rows == PIXELS)
                    depthwise_tile(window, panels, taps, c->num_runs, e, bias,
                                   more, y + j, channels);
                else
                    for (int32_t k = 0; k < rows; k++)
                        depthwise_rest(window[k], panels, taps, c->num_runs, n,
                                       e, bias,
                                       more ? more + k * channels : NULL,
                                       y + k * channels + j);
                for (int32_t k = 0; k < PIXELS; k++) window[k] += COLUMNS;
                panels += c->num_runs * COLUMNS;
                bias += COLUMNS;
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
