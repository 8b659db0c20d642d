/* Areas under ROC curves, exactly, by ranks: the statistic of Mann and Whitney.
 */
#include "train/metrics.h"

#include <math.h>
#include <stdlib.h>

/* By output; NaN counts as the largest number. */
static int compare(const void *a, const void *b)
{
    const double x = ((const fv__ranked *)a)->output;
    const double y = ((const fv__ranked *)b)->output;
    if (isnan(x) || isnan(y)) return (isnan(x) != 0) - (isnan(y) != 0);
    return (x > y) - (x < y);
}

/* The area of sorted outputs, each of which counts 1 above one of another class
 * that is smaller, and 1/2 above an equal one; NaN if one kind is missing. */
static double area_of(const fv__ranked *sorted, int64_t count)
{
    double twice = 0; /* whole, below 2^53 for fewer than 2^26 answers */
    int64_t labels = 0, others = 0;
    for (int64_t i = 0, next; i < count; i = next) {
        int64_t own = 0;
        for (next = i; next < count && !compare(sorted + i, sorted + next);
             next++)
            own += sorted[next].is_label;
        const int64_t rest = next - i - own;
        twice += (double)own * (double)(2 * others + rest);
        labels += own;
        others += rest;
    }
    return labels && others ? twice / 2 / ((double)labels * (double)others)
                            : (double)NAN;
}

fv_status fv__scores_rank(fv_scores *scores)
{
    fv_context *context = scores->context;
    const int64_t count = scores->count, classes = scores->classes;
    if (!fv__ok(context) || !scores->areas || scores->ranked == count)
        return fv_failed(context);
    fv__ranked *ranked =
        fv__allocate(context, FV__DATA, (size_t)count * sizeof *ranked);
    if (!ranked) return fv_failed(context);
    for (int64_t c = 0; c < classes; c++) {
        for (int64_t i = 0; i < count; i++)
            ranked[i] = (fv__ranked){ scores->outputs[i * classes + c],
                                      scores->labels[i] == c };
        qsort(ranked, (size_t)count, sizeof *ranked, compare);
        scores->area[c] = area_of(ranked, count);
    }
    fv__release(context, ranked);
    scores->ranked = count;
    return FV_OK;
}
