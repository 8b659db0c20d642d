/* Pools. Axes are planes, rows and columns. */

typedef struct pool {
    int32_t images, channels;
    int32_t in[3], out[3], kernel[3], stride[3], dilation[3], begin[3], end[3];
    int32_t
        divisor; /* 0: taps before the end of the padding; -1: in the image */
} pool;

/* The taps of a window along an axis: the first pixel, how many are in the
 * image and how many lie before the end of the padding. */
typedef struct span {
    int32_t at, count, padded;
} span;

/* The number of taps below `room`. */
static int32_t taps_below(const pool *p, int axis, int32_t room)
{
    const int32_t dilation = p->dilation[axis], taps = p->kernel[axis];
    const int32_t below = room / dilation + (room % dilation > 0);
    return below < taps ? below : taps;
}

static span span_of(const pool *p, int axis, int32_t index)
{
    const int32_t dilation = p->dilation[axis];
    if (!p->stride[axis]) { /* windows that divide the image evenly */
        const int32_t whole = p->in[axis] / p->out[axis];
        const int32_t rest = p->in[axis] % p->out[axis], end = index + 1;
        const int32_t at = index * whole + index * rest / p->out[axis];
        const int32_t more = (end * rest + p->out[axis] - 1) / p->out[axis];
        const span bin = { at, end * whole + more - at, 0 };
        return bin;
    }
    const int32_t origin = index * p->stride[axis] - p->begin[axis];
    const int32_t room = p->in[axis] - origin;
    const int32_t first = origin < 0 ? (dilation - 1 - origin) / dilation : 0;
    span s = { origin + first * dilation, taps_below(p, axis, room) - first,
               taps_below(p, axis, room + p->end[axis]) };
    if (s.count < 0) s.count = 0;
    return s;
}

/* What is done with the numbers of a window, one for each channel. */
typedef void pooling(const pool *p, const span window[3], const float *x,
                     float *y);

APART static void pool_windows(const pool *p, pooling *f, const float *x,
                               float *y)
{
    const int32_t image = p->in[0] * p->in[1] * p->in[2] * p->channels;
    span window[3];
    for (int32_t n = 0; n < p->images; n++, x += image)
        for (int32_t q = 0; q < p->out[0]; q++) {
            window[0] = span_of(p, 0, q);
            for (int32_t r = 0; r < p->out[1]; r++) {
                window[1] = span_of(p, 1, r);
                for (int32_t s = 0; s < p->out[2]; s++, y += p->channels) {
                    window[2] = span_of(p, 2, s);
                    f(p, window, x, y);
                }
            }
        }
}

static int32_t taps_inside(const span window[3])
{
    return window[0].count * window[1].count * window[2].count;
}

/* The pixel of a tap in the image. */
INLINE const float *pixel_of(const pool *p, const span window[3], int32_t plane,
                             int32_t line, int32_t tap, const float *x)
{
    const int32_t pixel_row = (window[0].at + plane * p->dilation[0]) * p->in[1]
                              + window[1].at + line * p->dilation[1];
    return x
           + (pixel_row * p->in[2] + window[2].at + tap * p->dilation[2])
                 * p->channels;
}

/* Runs `work` for the taps in the image in order; `from` is their pixel. */
#define EACH_TAP(p, window, x, work)                                           \
    for (int32_t plane = 0; plane < window[0].count; plane++)                  \
        for (int32_t line = 0; line < window[1].count; line++)                 \
            for (int32_t tap = 0; tap < window[2].count; tap++) {              \
                const float *from = pixel_of(p, window, plane, line, tap, x);  \
                work;                                                          \
            }

/* The largest number; of NaNs the first. */
APART static void largest_of_window(const pool *p, const span window[3],
                                    const float *x, float *y)
{
    const int32_t n = p->channels;
    bool first = true;
    if (!taps_inside(window))
        for (int32_t j = 0; j < n; j++) y[j] = -(float)INFINITY;
    EACH_TAP(p, window, x, {
        if (first)
            memcpy(y, from, (size_t)n * sizeof *y);
        else
            INDEPENDENT
        for (int32_t j = 0; j < n; j++)
            y[j] = !(from[j] <= y[j]) && y[j] == y[j] ? from[j] : y[j];
        first = false;
    })
}

/* The mean, or 0 without a tap. */
APART static void mean_of_window(const pool *p, const span window[3],
                                 const float *x, float *y)
{
    const int32_t n = p->channels;
    const int32_t padded =
        window[0].padded * window[1].padded * window[2].padded;
    const float count = (float)(p->divisor > 0    ? p->divisor
                                : p->divisor == 0 ? padded
                                                  : taps_inside(window));
    for (int32_t j = 0; j < n; j++) y[j] = 0;
    EACH_TAP(p, window, x, {
        INDEPENDENT
        for (int32_t j = 0; j < n; j++) y[j] += from[j];
    })
    if (!(count > 0)) return;
    INDEPENDENT
    for (int32_t j = 0; j < n; j++) y[j] /= count;
}

/* Sums of 32 numbers, of 32 sums, and so on. */
enum { SUM_LEVELS = 6, SUM_TERMS = 32, SUM_COLUMNS = 16 };

/* Sums of n <= SUM_COLUMNS columns of m rows, `step` elements apart. */
INLINE void column_sums(int32_t m, int32_t n, int32_t step, const float *x,
                        float *sums)
{
    float s[SUM_LEVELS][SUM_COLUMNS];
    int32_t level;
    memset(s, 0, sizeof s);
    for (int32_t i = 1; i <= m; i++, x += step) {
        for (int32_t j = 0; j < n; j++) s[0][j] += x[j];
        level = 0;
        for (int32_t k = i; i < m && k % SUM_TERMS == 0; k /= SUM_TERMS) {
            for (int32_t j = 0; j < n; j++) {
                s[level + 1][j] += s[level][j];
                s[level][j] = 0;
            }
            level++;
        }
    }
    level = 0;
    for (; m > SUM_TERMS; m = (m + SUM_TERMS - 1) / SUM_TERMS) {
        for (int32_t j = 0; j < n; j++) s[level + 1][j] += s[level][j];
        level++;
    }
    for (int32_t j = 0; j < n; j++) sums[j] = s[level][j];
}

/* Sums of all pixels of each image. */
APART static void image_sums(int32_t images, int32_t pixels, int32_t channels,
                             const float *x, float *y)
{
    for (int32_t i = 0; i < images; i++, x += pixels * channels)
        for (int32_t j = 0; j < channels; j += SUM_COLUMNS) {
            const int32_t n =
                channels - j < SUM_COLUMNS ? channels - j : SUM_COLUMNS;
            if (n == SUM_COLUMNS)
                column_sums(pixels, SUM_COLUMNS, channels, x + j, y);
            else
                column_sums(pixels, n, channels, x + j, y);
            y += n;
        }
}
