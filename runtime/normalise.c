/* Normalisations and softmax. */

/* The columns of m rows: y = scale (x - mean) + shift, clamped. */
APART static void normalise_columns(int32_t m, int32_t n, const float *mean,
                                    const float *scale, const float *shift,
                                    float low, float high, const float *x,
                                    float *y)
{
    for (int32_t i = 0; i < m; i++, x += n, y += n) {
        INDEPENDENT
        for (int32_t j = 0; j < n; j++) {
            const float v = FMA(scale[j], x[j] - mean[j], shift[j]);
            const float raised = v < low ? low : v;
            y[j] = raised > high ? high : raised;
        }
    }
}

APART static void normalise_rows(size_t m, size_t n,
                                 const fv__row_normal *normal, const float *x,
                                 float *y)
{
    for (size_t i = 0; i < m; i++, x += n, y += n)
        scale_row(n, statistics_of(normal, n, x), (const float *)normal->gamma,
                  (const float *)normal->beta, x, y);
}

APART static void softmax_rows(size_t m, size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < m; i++) row(n, x + i * n, y + i * n);
}

APART static void log_softmax_rows(size_t m, size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < m; i++) log_row(n, x + i * n, y + i * n);
}

/* Channels of images in groups, each group with mean 0 and variance 1. */
typedef struct groups {
    int32_t images, pixels, channels, group; /* channels of a group */
    int32_t rows;                            /* pixels of a block of sums */
    double epsilon;
} groups;

/* Rows of a chain of sums, and columns with sums in registers. */
enum { CHAIN = 32, MOMENTS = 16 };

/* Sums of n <= MOMENTS columns of m rows, `step` elements apart, and of the
 * squares of their differences from the mean. */
INLINE void some_moments(int32_t m, int32_t n, int32_t step, const float *x,
                         float *sums, float *squares)
{
    float mean[MOMENTS] = { 0 };
    for (int32_t j = 0; j < n; j++) sums[j] = squares[j] = 0;
    for (int32_t first = 0; first < m; first += CHAIN) {
        float s[MOMENTS] = { 0 };
        for (int32_t i = first; i < m && i < first + CHAIN; i++)
            for (int32_t j = 0; j < n; j++) s[j] += x[i * step + j];
        for (int32_t j = 0; j < n; j++) sums[j] += s[j];
    }
    for (int32_t j = 0; j < n; j++) mean[j] = sums[j] / (float)m;
    for (int32_t first = 0; first < m; first += CHAIN) {
        float s[MOMENTS] = { 0 };
        for (int32_t i = first; i < m && i < first + CHAIN; i++)
            for (int32_t j = 0; j < n; j++) {
                const float d = x[i * step + j] - mean[j];
                s[j] = FMA(d, d, s[j]);
            }
        for (int32_t j = 0; j < n; j++) squares[j] += s[j];
    }
}

APART static void moments(int32_t m, int32_t c, const float *x, float *sums)
{
    for (int32_t j = 0; j < c; j += MOMENTS) {
        if (c - j >= MOMENTS)
            some_moments(m, MOMENTS, c, x + j, sums + j, sums + c + j);
        else
            some_moments(m, c - j, c, x + j, sums + j, sums + c + j);
    }
}

/* Mean and sum of squares of channel j of an image, from those of blocks. */
static void merge_blocks(const groups *g, int32_t j, const float *sums,
                         float *mean, float *square)
{
    const int32_t c = g->channels;
    double total = 0, squares = 0;
    int32_t left = g->pixels;
    for (int32_t b = 0; b * g->rows < g->pixels; b++)
        total += (double)sums[2 * b * c + j];
    const double middle = total / (double)g->pixels;
    for (int32_t b = 0; left > 0; b++, left -= g->rows) {
        const double rows = (double)(left < g->rows ? left : g->rows);
        const double off = (double)sums[2 * b * c + j] / rows - middle;
        squares +=
            __builtin_fma(rows * off, off, (double)sums[(2 * b + 1) * c + j]);
    }
    *mean = (float)middle;
    *square = (float)squares;
}

/* Replaces mean and squares of the channels of a group by mean and inverse
 * deviation of the group. */
static void merge_group(const groups *g, float *mean, float *square)
{
    const double p = (double)g->pixels, count = (double)g->group;
    double sum = 0, squares = 0;
    for (int32_t j = 0; j < g->group; j++) sum += (double)mean[j];
    const double middle = sum / count;
    for (int32_t j = 0; j < g->group; j++) {
        const double off = (double)mean[j] - middle;
        squares += (double)square[j] + p * off * off;
    }
    const double factor = 1 / sqrt(squares / (p * count) + g->epsilon);
    for (int32_t j = 0; j < g->group; j++) {
        mean[j] = (float)middle;
        square[j] = (float)factor;
    }
}

/* gamma NULL: ones. Sums have two rows of channels for each block, then two
 * more. */
APART static void normalise_groups(const groups *g, const float *gamma,
                                   const float *beta, const float *x, float *y,
                                   float *sums)
{
    const int32_t c = g->channels, image = g->pixels * c;
    for (int32_t n = 0; n < g->images; n++, x += image, y += image) {
        float *at = sums, *mean, *scale;
        for (int32_t first = 0; first < g->pixels; first += g->rows) {
            const int32_t left = g->pixels - first;
            moments(left < g->rows ? left : g->rows, c, x + first * c, at);
            at += 2 * c;
        }
        mean = at;
        scale = at + c;
        for (int32_t j = 0; j < c; j++)
            merge_blocks(g, j, sums, mean + j, scale + j);
        for (int32_t j = 0; j < c; j += g->group)
            merge_group(g, mean + j, scale + j);
        for (int32_t j = 0; gamma && j < c; j++) scale[j] *= gamma[j];
        normalise_columns(g->pixels, c, mean, scale, beta, -(float)INFINITY,
                          (float)INFINITY, x, y);
    }
}

/* Each of c numbers of a row times d^-power, where d is k and `scale` times the
 * sum of the squares around it; `squares` has before + c + after numbers, then
 * c for their sums. */
APART static void normalise_responses(int32_t m, int32_t c, int32_t before,
                                      int32_t after, float scale, float power,
                                      float k, const float *x, float *y,
                                      float *squares)
{
    const int32_t width = before + 1 + after;
    float *sums = squares + before + c + after;
    for (int32_t j = 0; j < before + c + after; j++) squares[j] = 0;
    for (int32_t i = 0; i < m; i++, x += c, y += c) {
        for (int32_t j = 0; j < c; j++) squares[before + j] = x[j] * x[j];
        memcpy(sums, squares, (size_t)c * sizeof *sums);
        for (int32_t t = 1; t < width; t++)
            for (int32_t j = 0; j < c; j++) sums[j] += squares[j + t];
        INDEPENDENT
        for (int32_t j = 0; j < c; j++) {
            const float d = FMA(scale, sums[j], k);
            y[j] = x[j] * real_exp(-power * real_log(d));
        }
    }
}
