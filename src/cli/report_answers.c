/* What the network answers to each image of a data set, and how certain it is.
 */
#include "cli/report.h"

#include <math.h>

/* Images are evaluated up to this number; of more, every so many. */
static const int64_t most_images = 100000;
/* The same of those that are read from files or transformed, one by one. */
static const int64_t most_read = 4000;

typedef struct pass {
    cli_report *report;
    fv_tensor images, labels, outputs;
    fv_tensor order;      /* indices of the images in the data set */
    int64_t batch, width; /* outputs of an image */
    fv_meaning meaning;
    bool singly; /* images are read one by one */
} pass;

/* Makes room for a batch. */
static fv_status make_room(pass *p)
{
    int64_t shape[FV_MAX_RANK] = { p->batch };
    fv_context *context = p->report->context;
    const fv_dtype dtype = fv_context_dtype(context);
    const fv_shape input = fv_network_input_shape(p->report->network);
    const fv_shape output = fv_network_output_shape(p->report->network);
    if (fv_failed(context)) return fv_failed(context);
    for (int32_t i = 0; i < input.rank; i++) shape[i + 1] = input.extent[i];
    p->images = fv_tensor_new(context, dtype, input.rank + 1, shape);
    p->labels = fv_tensor_new(context, FV_I64, 1, &p->batch);
    p->order = fv_tensor_new(context, FV_I64, 1, &p->batch);
    p->width = 1;
    for (int32_t i = 0; i < output.rank; i++) {
        shape[i + 1] = output.extent[i];
        p->width *= output.extent[i];
    }
    p->outputs = fv_tensor_new(context, dtype, output.rank + 1, shape);
    return fv_failed(context);
}

static double output_at(const pass *p, int64_t row, int64_t i)
{
    const int64_t at = row * p->width + i;
    return p->outputs.dtype == FV_F64
               ? ((const double *)p->outputs.data)[at]
               : (double)((const float *)p->outputs.data)[at];
}

/* The answer to image `row` of the batch, and its probability or, where
 * outputs are none, the output. */
static int64_t answer_of(const pass *p, int64_t row, double *certainty)
{
    if (p->width == 1 && p->report->classes == 2) {
        const double odds = output_at(p, row, 0);
        *certainty = 1 / (1 + exp(-fabs(odds)));
        return odds > 0;
    }
    int64_t best = 0;
    for (int64_t i = 1; i < p->width; i++)
        if (output_at(p, row, i) > output_at(p, row, best)) best = i;
    const double most = output_at(p, row, best);
    double sum = 0;
    switch (p->meaning) {
    case FV_MEANS_LOGITS:
        for (int64_t i = 0; i < p->width; i++)
            sum += exp(output_at(p, row, i) - most);
        *certainty = 1 / sum;
        break;
    case FV_MEANS_LOG_ODDS:
        *certainty = 1 / (1 + exp(-most));
        break;
    case FV_MEANS_LOG_PROBABILITIES:
        *certainty = exp(most);
        break;
    default:
        *certainty = most;
    }
    return best;
}

/* Reads the batch through the transforms of the network. */
static void read_pictures(const pass *p, const int64_t order[], int64_t count)
{
    cli_report *r = p->report;
    for (int64_t i = 0; i < count && !fv_failed(r->context); i++) {
        const fv_tensor place =
            fv_tensor_slice(r->context, &p->images, 0, i, i + 1, 1);
        fv_tensor input = cli_report_input(r, r->test, order[i]);
        int64_t *label = (int64_t *)p->labels.data + i;
        fv_tensor_copy(r->context, &place, &input);
        fv_tensor_free(r->context, &input);
        *label = cli_report_label(r, order[i]);
    }
}

/* Answers images first.. of those that are asked. */
static void answer_batch(const pass *p, int64_t first, int64_t count)
{
    cli_answers *a = &p->report->answers;
    fv_context *context = p->report->context;
    int64_t *order = p->order.data;
    const fv_tensor labels =
        fv_tensor_slice(context, &p->labels, 0, 0, count, 1);
    const fv_tensor images =
        fv_tensor_slice(context, &p->images, 0, 0, count, 1);
    const fv_tensor outputs =
        fv_tensor_slice(context, &p->outputs, 0, 0, count, 1);
    for (int64_t i = 0; i < count; i++) order[i] = (first + i) * a->stride;
    if (p->singly)
        read_pictures(p, order, count);
    else
        fv_dataset_batch(p->report->test, order, count, &images, &labels);
    if (fv_network_predict(p->report->network, &images, &outputs) != FV_OK)
        return;
    for (int64_t i = 0; i < count; i++) {
        ((int64_t *)a->labels.data)[first + i] =
            ((const int64_t *)p->labels.data)[i];
        ((int64_t *)a->classes.data)[first + i] =
            answer_of(p, i, (double *)a->certainty.data + first + i);
    }
}

/* Whether each image has one class, and the network one answer to it. */
static bool has_answers(const cli_report *r)
{
    const fv_shape output = fv_network_output_shape(r->network);
    const fv_shape input = fv_network_input_shape(r->network);
    int64_t width = 1;
    bool open = false;
    for (int32_t i = 0; i < output.rank; i++) width *= output.extent[i];
    for (int32_t i = 0; i < input.rank; i++)
        open = open || input.extent[i] == FV_OPEN;
    return !open && fv_dataset_target(r->test) == FV_TARGET_CLASS
           && (width == r->classes || (width == 1 && r->classes == 2));
}

fv_status cli_answers_find(cli_report *r)
{
    cli_answers *a = &r->answers;
    pass p = { .report = r,
               .batch = r->options->batch,
               .meaning = fv_network_meaning(r->network),
               .singly = !fv_dataset_images(r->test)
                         || *fv_network_augment_text(r->network) };
    const int64_t most = p.singly ? most_read : most_images;
    if (fv_failed(r->context) || !has_answers(r)) return fv_failed(r->context);
    const int64_t images = fv_dataset_count(r->test);
    a->stride = (images + most - 1) / most;
    const int64_t count = (images + a->stride - 1) / a->stride;
    a->probabilities = p.meaning != FV_MEANS_VALUES;
    a->labels = fv_tensor_new(r->context, FV_I64, 1, &count);
    a->classes = fv_tensor_new(r->context, FV_I64, 1, &count);
    a->certainty = fv_tensor_new(r->context, FV_F64, 1, &count);
    make_room(&p);
    for (int64_t i = 0; i < count && !fv_failed(r->context); i += p.batch)
        answer_batch(&p, i, count - i < p.batch ? count - i : p.batch);
    fv_tensor_free(r->context, &p.images);
    fv_tensor_free(r->context, &p.labels);
    fv_tensor_free(r->context, &p.outputs);
    fv_tensor_free(r->context, &p.order);
    if (!fv_failed(r->context)) a->count = count;
    return fv_failed(r->context);
}

int64_t cli_answer_label(const cli_answers *a, int64_t i)
{
    return ((const int64_t *)a->labels.data)[i];
}

int64_t cli_answer_class(const cli_answers *a, int64_t i)
{
    return ((const int64_t *)a->classes.data)[i];
}

double cli_answer_certainty(const cli_answers *a, int64_t i)
{
    return ((const double *)a->certainty.data)[i];
}

int64_t cli_answer_image(const cli_answers *a, int64_t i)
{
    return i * a->stride;
}

int cli_answers_pick(const cli_answers *a, bool mistakes, bool largest,
                     int most, int64_t picked[])
{
    int count = 0;
    for (int64_t i = 0; i < a->count; i++) {
        if ((cli_answer_label(a, i) != cli_answer_class(a, i)) != mistakes)
            continue;
        const double value = cli_answer_certainty(a, i);
        int at = count;
        while (at > 0) {
            const double other = cli_answer_certainty(a, picked[at - 1]);
            if (largest ? other >= value : other <= value) break;
            at--;
        }
        if (at == most) continue;
        if (count < most) count++;
        for (int k = count - 1; k > at; k--) picked[k] = picked[k - 1];
        picked[at] = i;
    }
    return count;
}
