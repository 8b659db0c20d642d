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
