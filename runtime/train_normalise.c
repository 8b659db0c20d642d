/* Batch normalisation by the statistics of a batch, and its gradient. */

typedef struct batch_norm {
    int32_t rows, channels;
    int32_t each; /* rows of a block of sums */
    double epsilon, momentum;
    float low, high;
} batch_norm;

/* Rows whose sum is a chain of its own, and columns that are summed together.
 */
enum { ROWS_OF_CHAIN = 32, COLUMNS_OF_NORM = 16 };

/* Sums of columns of `count` rows, or of squares of differences from the mean.
 */
INLINE void norm_sums(int32_t count, int32_t n, int32_t step, const float *x,
                      const float *mean, float *sums)
{
    for (int32_t j = 0; j < n; j++) sums[j] = 0;
    for (int32_t i = 0; i < count; i += ROWS_OF_CHAIN) {
        float s[COLUMNS_OF_NORM] = { 0 };
        const int32_t end =
            count - i < ROWS_OF_CHAIN ? count : i + ROWS_OF_CHAIN;
        for (int32_t k = i; k < end; k++, x += step)
            for (int32_t j = 0; j < n; j++) {
                const float d = mean ? x[j] - mean[j] : 0;
                s[j] = mean ? FMA(d, d, s[j]) : s[j] + x[j];
            }
        for (int32_t j = 0; j < n; j++) sums[j] += s[j];
    }
}

/* Adds up the sums of blocks, [block][COLUMNS_OF_NORM]. */
static void norm_total(int32_t blocks, const float *sums, double *total)
{
    const fv__chain chain = { 1, 1, blocks };
    for (int32_t j = 0; j < COLUMNS_OF_NORM; j++) total[j] = 0;
    for (int32_t b = 0, end; b < blocks; b = end) {
        double s[COLUMNS_OF_NORM] = { 0 };
        end = b + (int32_t)fv__chain_block(chain, b);
        for (int32_t k = b; k < end; k++, sums += COLUMNS_OF_NORM)
            for (int32_t j = 0; j < COLUMNS_OF_NORM; j++)
                s[j] += (double)sums[j];
        for (int32_t j = 0; j < COLUMNS_OF_NORM; j++) total[j] += s[j];
    }
}

/* Sums of squares about the mean of all rows, from those about the means of the
 * blocks. */
static void norm_squares(const batch_norm *b, int32_t blocks, const float *sums,
                         const float *squares, const double *mean,
                         double *total)
{
    const fv__chain chain = { 1, 1, blocks };
    for (int32_t j = 0; j < COLUMNS_OF_NORM; j++) total[j] = 0;
    for (int32_t k = 0, end; k < blocks;) {
        double s[COLUMNS_OF_NORM] = { 0 };
        end = k + (int32_t)fv__chain_block(chain, k);
        for (; k < end; k++) {
            const int32_t left = b->rows - k * b->each;
            const double count = left < b->each ? left : b->each;
            for (int32_t j = 0; j < COLUMNS_OF_NORM; j++) {
                const double off = (double)*sums++ / count - mean[j];
                s[j] += __builtin_fma(count * off, off, (double)*squares++);
            }
        }
        for (int32_t j = 0; j < COLUMNS_OF_NORM; j++) total[j] += s[j];
    }
}

/* Mean and inverse deviation of n columns, and the new running statistics
 * (news[0] NULL: none). */
static void norm_columns(const batch_norm *b, int32_t n, const float *x,
                         float *mean, float *inverse,
                         const float *const olds[2], float *const news[2],
                         float *space)
{
    const int32_t blocks = (b->rows + b->each - 1) / b->each;
    float *sums = space, *squares = space + blocks * COLUMNS_OF_NORM;
    double means[COLUMNS_OF_NORM], totals[COLUMNS_OF_NORM];
    memset(space, 0, 2u * (size_t)(blocks * COLUMNS_OF_NORM) * sizeof *space);
    for (int32_t k = 0; k < blocks; k++) {
        const int32_t left = b->rows - k * b->each;
        const int32_t count = left < b->each ? left : b->each;
        const float *from = x + (size_t)(k * b->each) * (size_t)b->channels;
        float *sum = sums + k * COLUMNS_OF_NORM, own[COLUMNS_OF_NORM];
        norm_sums(count, n, b->channels, from, NULL, sum);
        for (int32_t j = 0; j < n; j++) own[j] = sum[j] / (float)count;
        norm_sums(count, n, b->channels, from, own,
                  squares + k * COLUMNS_OF_NORM);
    }
    norm_total(blocks, sums, means);
    for (int32_t j = 0; j < COLUMNS_OF_NORM; j++) means[j] /= (double)b->rows;
    norm_squares(b, blocks, sums, squares, means, totals);
    for (int32_t j = 0; j < n; j++) {
        const float square = (float)totals[j];
        const double now[2] = { (double)(float)means[j],
                                (double)square / ((double)b->rows - 1) };
        mean[j] = (float)means[j];
        for (int32_t k = 0; k < 2 && news[0]; k++) {
            const double old = (1 - b->momentum) * (double)olds[k][j];
            news[k][j] = (float)(old + b->momentum * now[k]);
        }
        inverse[j] =
            (float)(1 / sqrt((double)square / (double)b->rows + b->epsilon));
    }
}

/* The factor of each channel, and its shift where there is no beta. */
static void norm_scale(const batch_norm *b, const float *inverse,
                       const float *gamma, float *scale)
{
    for (int32_t j = 0; j < b->channels; j++) {
        scale[j] = gamma ? inverse[j] * gamma[j] : inverse[j];
        scale[b->channels + j] = 0;
    }
}

/* `kept` is mean and inverse deviation; `space` is scale, zeros, and 2 x blocks
 * x COLUMNS_OF_NORM numbers. */
APART static void norm_forward(const batch_norm *b, const float *gamma,
                               const float *beta, const float *mean,
                               const float *variance, float *new_mean,
                               float *new_variance, const float *x, float *kept,
                               float *space, float *y)
{
    const int32_t c = b->channels;
    for (int32_t j = 0; j < c; j += COLUMNS_OF_NORM) {
        const float *const olds[2] = { mean ? mean + j : NULL,
                                       mean ? variance + j : NULL };
        float *const news[2] = { mean ? new_mean + j : NULL,
                                 mean ? new_variance + j : NULL };
        norm_columns(b, c - j < COLUMNS_OF_NORM ? c - j : COLUMNS_OF_NORM,
                     x + j, kept + j, kept + c + j, olds, news, space + 2 * c);
    }
    norm_scale(b, kept + c, gamma, space);
    normalise_columns(b->rows, c, kept, space, beta ? beta : space + c, b->low,
                      b->high, x, y);
}

/* By running statistics; `space` is scale, zeros, and inverse deviation. */
APART static void norm_apply(const batch_norm *b, const float *gamma,
                             const float *beta, const float *mean,
                             const float *variance, const float *x,
                             float *space, float *y)
{
    const int32_t c = b->channels;
    float *inverse = space + 2 * c;
    for (int32_t j = 0; j < c; j++)
        inverse[j] = (float)(1 / sqrt((double)variance[j] + b->epsilon));
    norm_scale(b, inverse, gamma, space);
    normalise_columns(b->rows, c, mean, space, beta ? beta : space + c, b->low,
                      b->high, x, y);
}

/* The part of the gradient g that passes the clamp. */
INLINE float norm_pass(const batch_norm *b, bool clamps, float y, float g)
{
    return clamps && (y <= b->low || y >= clamp_limit(b->high)) ? 0 : g;
}

/* Sums of the gradient, and of its products with x - mean, over a block. */
static void norm_slopes(const batch_norm *b, bool clamps, int32_t count,
                        int32_t n, const float *mean, const float *scale,
                        const float *beta, const float *x, const float *dy,
                        float *sums, float *products)
{
    for (int32_t j = 0; j < n; j++) sums[j] = products[j] = 0;
    for (int32_t i = 0; i < count; i += ROWS_OF_CHAIN) {
        float s[COLUMNS_OF_NORM] = { 0 }, p[COLUMNS_OF_NORM] = { 0 };
        const int32_t end =
            count - i < ROWS_OF_CHAIN ? count : i + ROWS_OF_CHAIN;
        for (int32_t k = i; k < end; k++, x += b->channels, dy += b->channels)
            for (int32_t j = 0; j < n; j++) {
                const float off = x[j] - mean[j];
                const float y = FMA(scale[j], off, beta[j]);
                const float g = norm_pass(b, clamps, y, dy[j]);
                s[j] += g;
                p[j] = FMA(off, g, p[j]);
            }
        for (int32_t j = 0; j < n; j++) {
            sums[j] += s[j];
            products[j] += p[j];
        }
    }
}

/* The gradient of the input and, added, of gamma and beta (NULL: not wanted).
 * `space` is scale, zeros, offsets and slopes, and 2 x blocks x COLUMNS_OF_NORM
 * numbers. */
APART static void norm_backward(const batch_norm *b, const float *gamma,
                                const float *beta, const float *x,
                                const float *kept, const float *dy,
                                float *space, float *dgamma, float *dbeta,
                                bool adds, float *dx)
{
    const int32_t c = b->channels, blocks = (b->rows + b->each - 1) / b->each;
    const float *inverse = kept + c;
    const bool clamps = b->low > -(float)INFINITY || b->high < (float)INFINITY;
    float *scale = space, *offset = space + 2 * c, *slope = space + 3 * c;
    float *sums = space + 4 * c, *products = sums + blocks * COLUMNS_OF_NORM;
    norm_scale(b, inverse, gamma, scale);
    if (!beta) beta = space + c;
    for (int32_t j = 0, n; j < c; j += n) {
        double totals[2][COLUMNS_OF_NORM];
        n = c - j < COLUMNS_OF_NORM ? c - j : COLUMNS_OF_NORM;
        memset(sums, 0, 2u * (size_t)(blocks * COLUMNS_OF_NORM) * sizeof *sums);
        for (int32_t k = 0; k < blocks; k++) {
            const int32_t left = b->rows - k * b->each;
            const size_t at = (size_t)(k * b->each) * (size_t)c + (size_t)j;
            norm_slopes(b, clamps, left < b->each ? left : b->each, n, kept + j,
                        scale + j, beta + j, x + at, dy + at,
                        sums + k * COLUMNS_OF_NORM,
                        products + k * COLUMNS_OF_NORM);
        }
        norm_total(blocks, sums, totals[0]);
        norm_total(blocks, products, totals[1]);
        for (int32_t k = 0; k < n; k++) {
            offset[j + k] = (float)totals[0][k];
            slope[j + k] = (float)totals[1][k];
        }
    }
    for (int32_t j = 0; j < c; j++) {
        const double i = (double)inverse[j], s = (double)scale[j];
        const double sum = (double)offset[j], product = (double)slope[j] * i;
        if (dgamma) dgamma[j] = (float)((double)dgamma[j] + product);
        if (dbeta) dbeta[j] += offset[j];
        slope[j] = (float)(-s * i * product / (double)b->rows);
        offset[j] = (float)(-s * sum / (double)b->rows);
    }
    for (int32_t i = 0; dx && i < b->rows; i++, x += c, dy += c, dx += c)
        for (int32_t j = 0; j < c; j++) {
            const float off = x[j] - kept[j];
            const float y = FMA(scale[j], off, beta[j]);
            const float g = norm_pass(b, clamps, y, dy[j]);
            const float v = FMA(scale[j], g, FMA(slope[j], off, offset[j]));
            dx[j] = adds ? dx[j] + v : v;
        }
}
