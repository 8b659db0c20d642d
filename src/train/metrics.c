/* Counts answers, and computes the scores that follow from a confusion matrix.
 */
#include "train/metrics.h"

#include <math.h>
#include <string.h>

static void destroy(void *object)
{
    fv_scores *scores = object;
    fv_context *context = scores->context;
    fv__release(context, scores->confusion);
    fv__release(context, scores->row);
    fv__release(context, scores->outputs);
    fv__release(context, scores->labels);
    fv__release(context, scores->area);
    fv__release(context, scores);
}

void fv_scores_free(fv_scores *scores) { fv__destroy(scores); }

/* Bytes of an array [rows, columns] of 8 bytes each; too many for any memory if
 * they do not fit. */
static size_t bytes_of(int64_t rows, int64_t columns)
{
    size_t bytes = 0;
    return fv__multiply((size_t)rows, (size_t)columns, &bytes)
                   && fv__multiply(bytes, 8, &bytes)
               ? bytes
               : SIZE_MAX;
}

fv_scores *fv_scores_new_with(const fv_scores_options *options)
{
    fv_context *context = options ? options->context : NULL;
    fv_scores_options o = { 0 };
    if (!fv__ok(context)
        || !fv__options(context, "scores", options, &o, sizeof o))
        return NULL;
    if (o.classes < 2 || o.top < 0) {
        fv_fail(context, FV_MISUSE, "scores: %s %lld, expected at least %d",
                o.top < 0 ? "top" : "classes",
                (long long)(o.top < 0 ? o.top : o.classes), o.top < 0 ? 0 : 2);
        return NULL;
    }
    fv_scores *scores = fv__allocate_zero(context, FV__DATA, sizeof *scores);
    if (!scores) return NULL;
    scores->context = context;
    fv__adopt(context, &scores->object, destroy);
    scores->classes = o.classes;
    scores->top = fv__option_count(o.top, 5);
    scores->areas = o.areas != 0;
    scores->confusion =
        fv__allocate_zero(context, FV__DATA, bytes_of(o.classes, o.classes));
    scores->row = fv__allocate(context, FV__DATA, bytes_of(o.classes, 1));
    scores->area = fv__allocate(context, FV__DATA, bytes_of(o.classes, 1));
    if (fv__ok(context)) return scores;
    fv__destroy(scores);
    return NULL;
}

/* ---- counting ------------------------------------------------------------ */

/* Keeps a row of outputs and its label. */
static void keep(fv_scores *scores, int64_t label)
{
    const size_t classes = (size_t)scores->classes;
    const size_t count = (size_t)scores->count;
    fv_context *context = scores->context;
    double *outputs =
        fv__grow(context, FV__DATA, scores->outputs, count * classes, classes,
                 sizeof *outputs, &scores->outputs_capacity);
    if (!outputs) return;
    scores->outputs = outputs;
    int64_t *labels = fv__grow(context, FV__DATA, scores->labels, count, 1,
                               sizeof *labels, &scores->labels_capacity);
    if (!labels) return;
    scores->labels = labels;
    memcpy(outputs + count * classes, scores->row, classes * sizeof *outputs);
    labels[count] = label;
}

/* The softmax of the row. */
static void soften(fv_scores *scores)
{
    double most = scores->row[0], sum = 0;
    for (int64_t c = 1; c < scores->classes; c++)
        if (scores->row[c] > most) most = scores->row[c];
    for (int64_t c = 0; c < scores->classes; c++)
        sum += scores->row[c] = exp(scores->row[c] - most);
    for (int64_t c = 0; c < scores->classes; c++) scores->row[c] /= sum;
}

/* How many outputs of the row come before that of the class. NaN counts as the
 * largest number. */
static int64_t place_of(const fv_scores *scores, int64_t class_index)
{
    const double own = scores->row[class_index];
    int64_t before = 0;
    for (int64_t c = 0; c < scores->classes; c++) {
        const double other = scores->row[c];
        const bool equal = other == own || (isnan(other) && isnan(own));
        before += equal ? c < class_index
                        : other > own || (isnan(other) && !isnan(own));
    }
    return before;
}

/* Reads the row of an answer: both classes of an output that tells two. */
static void read_row(fv_scores *scores, const fv__answer *answer)
{
    const fv_tensor *from = answer->outputs;
    fv__load_doubles(from->dtype,
                     fv__tensor_byte(from, answer->row * answer->width), 1,
                     answer->width, scores->row);
    if (answer->width == 1) {
        scores->row[1] = scores->row[0];
        scores->row[0] = -scores->row[1];
    }
}

void fv__scores_see(void *user, const fv__answer *answer)
{
    fv_scores *scores = user;
    if (!fv__ok(scores->context)) return;
    read_row(scores, answer);
    scores->within += place_of(scores, answer->expected) < scores->top;
    scores->confusion[answer->expected * scores->classes + answer->answer]++;
    if (scores->areas && scores->softmax && answer->width > 1) soften(scores);
    if (scores->areas) keep(scores, answer->expected);
    scores->count++;
}

/* The class of the largest output, which a NaN is, of equals the first. */
static int64_t first_of(const fv_scores *scores)
{
    int64_t best = 0;
    for (int64_t c = 1; c < scores->classes && !isnan(scores->row[best]); c++)
        if (!(scores->row[c] <= scores->row[best])) best = c;
    return best;
}

fv_status fv_scores_add(fv_scores *scores, const fv_tensor *outputs,
                        const fv_tensor *labels)
{
    if (!scores) return FV_MISUSE;
    fv_context *context = scores->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (!fv__tensor_check(context, "scores", outputs)
        || !fv__tensor_check(context, "scores", labels))
        return fv_failed(context);
    const int64_t width = outputs->rank == 2 ? outputs->shape[1] : 1;
    if (outputs->rank < 1 || outputs->rank > 2
        || !fv__dtype_is_real(outputs->dtype)
        || (width != scores->classes && (width != 1 || scores->classes != 2)))
        return fv_fail(context, FV_MISUSE,
                       "scores: outputs are not rows of %lld real numbers",
                       (long long)scores->classes);
    if (labels->rank != 1 || !fv__is_labels(labels)
        || labels->shape[0] != outputs->shape[0])
        return fv_fail(context, FV_MISUSE,
                       "scores: labels are not %lld integers",
                       (long long)outputs->shape[0]);
    if (fv__labels_check(context, NULL, labels, scores->classes) != FV_OK)
        return fv_failed(context);
    for (int64_t i = 0; i < labels->shape[0]; i++) {
        fv_tensor row = *outputs;
        row.data = fv__tensor_byte(outputs, i * outputs->stride[0]);
        fv__answer answer = { &row, 0, width, fv__label_at(labels, i), 0 };
        read_row(scores, &answer);
        answer.answer = first_of(scores);
        fv__scores_see(scores, &answer);
    }
    return fv_failed(context);
}

/* ---- scores -------------------------------------------------------------- */

int64_t fv_scores_count(const fv_scores *scores)
{
    return scores ? scores->count : 0;
}

int64_t fv_scores_classes(const fv_scores *scores)
{
    return scores ? scores->classes : 0;
}

const int64_t *fv_scores_confusion(const fv_scores *scores)
{
    return scores ? scores->confusion : NULL;
}

double fv_scores_accuracy(const fv_scores *scores)
{
    int64_t right = 0;
    if (!scores || !scores->count) return (double)NAN;
    for (int64_t c = 0; c < scores->classes; c++)
        right += scores->confusion[c * (scores->classes + 1)];
    return (double)right / (double)scores->count;
}

double fv_scores_top(const fv_scores *scores)
{
    if (!scores || !scores->count) return (double)NAN;
    return (double)scores->within / (double)scores->count;
}

static double ratio(double part, int64_t whole)
{
    return whole ? part / (double)whole : (double)NAN;
}

/* All scores of a class but its area; *seen is the number of its labels and
 * answers. */
static fv_class_scores counts_of(const fv_scores *scores, int64_t class_index,
                                 int64_t *seen)
{
    const int64_t classes = scores->classes;
    int64_t labels = 0, answers = 0;
    for (int64_t other = 0; other < classes; other++) {
        labels += scores->confusion[class_index * classes + other];
        answers += scores->confusion[other * classes + class_index];
    }
    const int64_t right = scores->confusion[class_index * (classes + 1)];
    *seen = labels + answers;
    return (fv_class_scores){
        .precision = ratio((double)right, answers),
        .recall = ratio((double)right, labels),
        .f1 = ratio(2 * (double)right, labels + answers),
        .iou = ratio((double)right, labels + answers - right),
        .auc = (double)NAN,
        .count = labels,
    };
}

static const fv_class_scores none = { (double)NAN, (double)NAN, (double)NAN,
                                      (double)NAN, (double)NAN, 0 };

fv_class_scores fv_scores_of(fv_scores *scores, int64_t class_index)
{
    int64_t seen;
    if (!scores || class_index < 0 || class_index >= scores->classes)
        return none;
    fv_class_scores is = counts_of(scores, class_index, &seen);
    if (fv__scores_rank(scores) == FV_OK && scores->areas)
        is.auc = scores->area[class_index];
    return is;
}

/* Sums of values times weights, and the weights. */
typedef struct mean {
    double sum, weight;
} mean;

static void add(mean *to, double value, double weight, bool skip)
{
    if (isnan(value) && skip) return;
    to->sum += isnan(value) ? 0 : weight * value;
    to->weight += weight;
}

static double of(const mean *m)
{
    return m->weight > 0 ? m->sum / m->weight : (double)NAN;
}

fv_class_scores fv_scores_mean(fv_scores *scores, int weighted)
{
    mean precision = { 0, 0 }, recall = precision, f1 = precision,
         iou = precision, auc = precision;
    if (!scores) return none;
    for (int64_t c = 0; c < scores->classes; c++) {
        int64_t seen;
        const fv_class_scores is = fv_scores_of(scores, c);
        counts_of(scores, c, &seen);
        const double weight = weighted ? (double)is.count : seen > 0;
        add(&precision, is.precision, weight, false);
        add(&recall, is.recall, weight, false);
        add(&f1, is.f1, weight, false);
        add(&iou, is.iou, weight, false);
        add(&auc, is.auc, weight, true);
    }
    return (fv_class_scores){ of(&precision), of(&recall), of(&f1),
                              of(&iou),       of(&auc),    scores->count };
}
