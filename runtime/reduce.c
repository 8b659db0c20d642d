/* Reductions of the middle axis of x [outer][extent][inner]. */

/* Elements of a segment of a sum, and of a part of it that is summed alone;
 * columns that are summed together; and how many of them have their sums in
 * registers. */
enum { SEGMENT = 16384, PART = 2048, WIDEST = 1024, TOGETHER = 16 };

typedef struct reduction {
    int32_t outer, extent, inner;
} reduction;

static double part_sum(size_t n, const float *x)
{
    double sum = 0;
    if (n > FV__LANES) return row_sum(n, x);
    for (size_t i = 0; i < n; i++) sum += (double)x[i];
    return sum;
}

/* inner is 1 */
APART static void sum_rows(const reduction *r, const float *x, float *y)
{
    const size_t extent = (size_t)r->extent;
    for (int32_t i = 0; i < r->outer; i++, x += extent) {
        tree segments;
        segments.levels = 0;
        segments.blocks = 0;
        for (size_t first = 0; first < extent; first += SEGMENT) {
            double sum = 0;
            for (size_t at = first; at < extent && at < first + SEGMENT;
                 at += PART) {
                const size_t left = extent - at;
                sum += part_sum(left < PART ? left : (size_t)PART, x + at);
            }
            tree_add(&segments, sum);
        }
        y[i] = (float)tree_total(&segments);
    }
}

/* The sums of n <= TOGETHER columns; rows are summed in segments, and these in
 * parts. */
INLINE void columns_sum(const reduction *r, int32_t segment, int32_t part,
                        int32_t n, const float *x, float *y)
{
    float total[TOGETHER] = { 0 };
    for (int32_t first = 0; first < r->extent; first += segment) {
        const int32_t left = r->extent - first;
        const int32_t rows = left < segment ? left : segment;
        float sum[TOGETHER] = { 0 };
        for (int32_t at = 0; at < rows; at += part) {
            float s[TOGETHER] = { 0 };
            for (int32_t i = at; i < rows && i < at + part; i++, x += r->inner)
                for (int32_t j = 0; j < n; j++) s[j] += x[j];
            for (int32_t j = 0; j < n; j++) sum[j] += s[j];
        }
        for (int32_t j = 0; j < n; j++) total[j] += sum[j];
    }
    for (int32_t j = 0; j < n; j++) y[j] = total[j];
}

APART static void sum_columns(const reduction *r, const float *x, float *y)
{
    const int32_t inner = r->inner;
    const int32_t segment = SEGMENT / (inner < WIDEST ? inner : WIDEST);
    for (int32_t i = 0; i < r->outer; i++, x += r->extent * inner)
        for (int32_t j = 0; j < inner; j += TOGETHER, y += TOGETHER) {
            const int32_t n = inner - j < TOGETHER ? inner - j : TOGETHER;
            const int32_t left = inner - j / WIDEST * WIDEST;
            const int32_t part = inner <= WIDEST ? segment
                                 : left < WIDEST ? PART / left
                                                 : PART / WIDEST;
            if (n == TOGETHER) {
                columns_sum(r, segment, part, TOGETHER, x + j, y);
                continue;
            }
            columns_sum(r, segment, part, n, x + j, y);
            y += n - TOGETHER;
        }
}

/* Whether x replaces y: it is larger (smaller with sign -1), or the first NaN.
 */
INLINE bool is_beyond(float x, float y, float sign)
{
    return sign * x > sign * y || (x != x && y == y);
}

APART static void extremes(const reduction *r, float sign, const float *x,
                           float *y)
{
    for (int32_t i = 0; i < r->outer; i++, y += r->inner) {
        memcpy(y, x, (size_t)r->inner * sizeof *y);
        x += r->inner;
        for (int32_t k = 1; k < r->extent; k++, x += r->inner) {
            INDEPENDENT
            for (int32_t j = 0; j < r->inner; j++)
                y[j] = is_beyond(x[j], y[j], sign) ? x[j] : y[j];
        }
    }
}
