/* Matrix products. */

/* The sums of n <= COLUMNS columns of b, whose rows are `step` elements apart,
 * times a. */
INLINE void row_times(const float *a, const float *b, int32_t step, int32_t n,
                      const run *runs, int32_t num_runs, float *y)
{
    float s[COLUMNS], sums[COLUMNS] = { 0 };
    for (int32_t r = 0; r < num_runs; r++) {
        for (int32_t j = 0; j < n; j++) s[j] = 0;
        for (int32_t k = runs[r].at; k < runs[r].at + runs[r].count; k++) {
            ROLLED
            for (int32_t j = 0; j < n; j++)
                s[j] = FMA(a[k], b[k * step + j], s[j]);
        }
        for (int32_t j = 0; j < n; j++) sums[j] = r ? sums[j] + s[j] : s[j];
    }
    for (int32_t j = 0; j < n; j++) y[j] = sums[j];
}

/* y = a b for `count` matrices, m x k and k x n, that begin at a_at and b_at.
 */
APART static void multiply_matrices(int32_t count, const int32_t *a_at,
                                    const int32_t *b_at, int32_t m, int32_t n,
                                    int32_t k, const run *runs,
                                    int32_t num_runs, const float *a,
                                    const float *b, float *y)
{
    for (int32_t c = 0; c < count; c++)
        for (int32_t i = 0; i < m; i++)
            for (int32_t j = 0; j < n; j += COLUMNS) {
                const float *from = a + a_at[c] + i * k;
                const float *columns = b + b_at[c] + j;
                const int32_t width = n - j < COLUMNS ? n - j : COLUMNS;
                if (width == COLUMNS)
                    row_times(from, columns, n, COLUMNS, runs, num_runs, y);
                else
                    row_times(from, columns, n, width, runs, num_runs, y);
                y += width;
            }
}
