/* Losses and their gradients. */

/* Rows whose terms are summed at a time, at most. */
enum { ROWS_OF_LOSS = 256 };

/* The cross-entropy of the softmax of rows of n numbers, summed and divided;
 * `each` rows are summed at a time. A label that is no class makes it NaN. */
APART static float softmax_cross_entropy(int32_t rows, int32_t n, int32_t each,
                                         double divisor, const float *x,
                                         const int32_t *labels)
{
    float terms[ROWS_OF_LOSS];
    tree sums;
    sums.levels = 0;
    sums.blocks = 0;
    for (int32_t i = 0; i < rows; i += each) {
        const int32_t count = rows - i < each ? rows - i : each;
        for (int32_t k = 0; k < count; k++, x += n) {
            const int32_t label = labels[i + k];
            const real shift = lanes_max((size_t)n, x);
            const double log_sum = log_of_sum(sum_of_exp((size_t)n, x, shift));
            if (label >= 0 && label < n)
                terms[k] =
                    (float)(log_sum - ((double)x[label] - (double)shift));
            else
                terms[k] = REAL_NAN;
        }
        tree_add(&sums, row_sum((size_t)count, terms));
    }
    return (float)(tree_total(&sums) / divisor);
}

APART static void softmax_cross_entropy_grad(int32_t rows, int32_t n,
                                             double scale, const float *x,
                                             const int32_t *labels, float *dx)
{
    for (int32_t i = 0; i < rows; i++, x += n, dx += n) {
        const real shift = lanes_max((size_t)n, x);
        const real sum = (real)sum_of_exp((size_t)n, x, shift);
        if (labels[i] >= 0 && labels[i] < n)
            label_grad((size_t)n, x, shift, sum, (size_t)labels[i], (real)scale,
                       dx);
    }
}

/* The sum of squared differences, `each` at a time, divided; `space` is for as
 * many numbers. */
APART static float squared_error(int32_t n, int32_t each, double divisor,
                                 const float *x, const float *target,
                                 float *space)
{
    tree sums;
    sums.levels = 0;
    sums.blocks = 0;
    for (int32_t i = 0; i < n; i += each) {
        const int32_t count = n - i < each ? n - i : each;
        for (int32_t k = 0; k < count; k++) space[k] = x[i + k] - target[i + k];
        tree_add(&sums, row_dot((size_t)count, space, space));
    }
    return (float)(tree_total(&sums) / divisor);
}

APART static void squared_error_grad(int32_t n, double scale, const float *x,
                                     const float *target, float *dx)
{
    const float by = (float)scale;
    for (int32_t i = 0; i < n; i++) dx[i] = FMA(by, x[i] - target[i], dx[i]);
}
