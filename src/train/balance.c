/* An order of images in which all classes come equally often. */
#include "train/train.h"

/* Sorts the order by class, keeping the order within each; first[c] is where
 * class c begins. */
static void sort(const int64_t *order, int64_t n, const int64_t *labels,
                 int64_t classes, int64_t *first, int64_t *sorted)
{
    for (int64_t i = 0; i < n; i++) first[labels[i] + 1]++;
    for (int64_t c = 0; c < classes; c++) first[c + 1] += first[c];
    for (int64_t i = 0; i < n; i++)
        sorted[first[labels[order[i]]]++] = order[i];
    for (int64_t c = classes; c > 0; c--) first[c] = first[c - 1];
    first[0] = 0;
}

fv_status fv__balance(const fv_dataset *dataset, fv_context *context,
                      int64_t *order)
{
    const int64_t n = fv_dataset_count(dataset);
    const int64_t classes = fv_dataset_classes(dataset);
    if (!fv_dataset_labels(dataset))
        return fv_fail(context, FV_MISUSE,
                       "fit: `balanced` needs labels that are known before "
                       "images are read, one class for each");
    const int64_t *labels = fv_dataset_labels(dataset)->data;
    int64_t *sorted =
        fv__allocate(context, FV__DATA, (size_t)n * sizeof *sorted);
    int64_t *first = fv__allocate_zero(context, FV__DATA,
                                       ((size_t)classes + 1) * sizeof *first);
    if (sorted && first) {
        sort(order, n, labels, classes, first, sorted);
        /* round k takes image k of each class, from the front again behind its
         * last one */
        for (int64_t i = 0, round = 0; i < n; round++)
            for (int64_t c = 0; c < classes && i < n; c++) {
                const int64_t count = first[c + 1] - first[c];
                if (count) order[i++] = sorted[first[c] + round % count];
            }
    }
    fv__release(context, sorted);
    fv__release(context, first);
    return fv_failed(context);
}
