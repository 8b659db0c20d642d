/* `fovea eval`: accuracy and loss of a model, scores per class, and the
 * confusion matrix. */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>

/* Wider matrices are shown as their largest entries. */
enum { WIDEST_MATRIX = 20, MOST_MISTAKES = 20, TOP = 5 };
/* For areas under ROC curves all outputs are kept: 256 MiB. */
static const double most_outputs = 1 << 25;

static const struct argp_option options[] = {
    { "data", CLI_DATA, "NAME", 0,
      "fashion-mnist, mnist, or another data set (required); its test part, or "
      "val, unless NAME ends with another one",
      0 },
    CLI_LOSS_OPTION,
    { "limit", CLI_LIMIT, "N", 0, "the first N images only", 0 },
    { "batch", CLI_BATCH, "N", 0, "images at a time (32)", 0 },
    CLI_SKIP_DAMAGED_OPTION,
    CLI_THREADS_OPTION,
    CLI_DTYPE_OPTION,
    CLI_JSON_OPTION,
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "FILE [NAME]",
    .doc = "Evaluate a saved model: accuracy, loss, precision, recall, F1, "
           "intersection over union and area under the ROC curve of each class "
           "and their means, and the confusion matrix.",
};

/* What evaluation counted. */
typedef struct result {
    const fv_network *network;
    const fv_dataset *dataset;
    int64_t classes;
    fv_scores *scores;
    const int64_t *confusion; /* [label][answer] */
    fv_metrics metrics;
    bool pixels; /* each pixel has a class */
} result;

static const char *name_of(const result *r, int64_t class_index, char *text)
{
    return cli_class_name(r->network, r->dataset, class_index, text);
}

/* ---- text --------------------------------------------------------------- */

static void put_share(double share, char *text)
{
    snprintf(text, CLI_CELL, isnan(share) ? "-" : "%.4f", share);
}

/* Rows of the table: heading, classes, the two means. */
static void class_cell(const void *user, int64_t row, int column, char *text)
{
    static const char *const names[] = { "class", "precision", "recall", "F1",
                                         "IoU",   "AUC",       "labels" };
    const result *r = user;
    if (row == 0) {
        snprintf(text, CLI_CELL, "%s", names[column]);
        return;
    }
    const int64_t mean = row - 1 - r->classes;
    const fv_class_scores s = mean < 0 ? fv_scores_of(r->scores, row - 1)
                                       : fv_scores_mean(r->scores, mean == 1);
    const double shares[] = { s.precision, s.recall, s.f1, s.iou, s.auc };
    if (column == 0 && mean < 0)
        name_of(r, row - 1, text);
    else if (column == 0)
        snprintf(text, CLI_CELL, "%s mean", mean ? "weighted" : "macro");
    else if (column < 6)
        put_share(shares[column - 1], text);
    else
        cli_number(s.count, text);
}

static void matrix_cell(const void *user, int64_t row, int column, char *text)
{
    const result *r = user;
    if (row == 0 && column == 0)
        snprintf(text, CLI_CELL, "label \\ answer");
    else if (row == 0)
        snprintf(text, CLI_CELL, "%d", column - 1);
    else if (column == 0) {
        char name[CLI_CELL];
        snprintf(text, CLI_CELL, "%.40s (%lld)", name_of(r, row - 1, name),
                 (long long)(row - 1));
    } else
        cli_number(r->confusion[(row - 1) * r->classes + column - 1], text);
}

/* The most frequent mistake that is rarer than `last` in (count, position)
 * order; -1 if there are no more. */
static int64_t next_mistake(const result *r, int64_t last)
{
    int64_t best = -1;
    for (int64_t i = 0; i < r->classes * r->classes; i++) {
        const int64_t count = r->confusion[i];
        if (count == 0 || i / r->classes == i % r->classes) continue;
        if (last >= 0
            && (count > r->confusion[last]
                || (count == r->confusion[last] && i <= last)))
            continue;
        if (best < 0 || count > r->confusion[best]) best = i;
    }
    return best;
}

static void print_mistakes(const result *r)
{
    char label[CLI_CELL], answer[CLI_CELL], count[CLI_CELL];
    printf("most frequent mistakes\n");
    int64_t last = -1;
    for (int i = 0; i < MOST_MISTAKES; i++) {
        last = next_mistake(r, last);
        if (last < 0) return;
        printf("%6s  %s taken for %s\n", cli_number(r->confusion[last], count),
               name_of(r, last / r->classes, label),
               name_of(r, last % r->classes, answer));
    }
}

static void print_text(const result *r)
{
    char count[CLI_CELL];
    printf("accuracy %.4f", r->metrics.accuracy);
    if (r->classes > TOP)
        printf("  top-%d %.4f", TOP, fv_scores_top(r->scores));
    if (r->pixels) printf("  mean IoU %.4f", fv_scores_mean(r->scores, 0).iou);
    printf("  loss %.4f  images %s\n\n", r->metrics.loss,
           cli_number(r->metrics.count, count));
    cli_table_print(&(cli_table){ .columns = 7,
                                  .align = "lrrrrrr",
                                  .rows = r->classes + 3,
                                  .cell = class_cell,
                                  .user = r });
    putchar('\n');
    if (r->classes > WIDEST_MATRIX)
        print_mistakes(r);
    else
        cli_table_print(&(cli_table){ .columns = (int)r->classes + 1,
                                      .align = "lrrrrrrrrrrrrrrrrrrrr",
                                      .rows = r->classes + 1,
                                      .cell = matrix_cell,
                                      .user = r });
}

/* ---- JSON --------------------------------------------------------------- */

static void add_scores(cli_json *at, const fv_class_scores *s)
{
    cli_json_number(at, "precision", s->precision);
    cli_json_number(at, "recall", s->recall);
    cli_json_number(at, "f1", s->f1);
    cli_json_number(at, "iou", s->iou);
    cli_json_number(at, "auc", s->auc);
}

static void print_json(const result *r, fv_context *context)
{
    char name[CLI_CELL];
    cli_json *json = cli_json_new();
    cli_json_number(json, "accuracy", r->metrics.accuracy);
    cli_json_number(json, "top5", fv_scores_top(r->scores));
    cli_json_number(json, "loss", r->metrics.loss);
    cli_json_integer(json, "count", r->metrics.count);
    for (int weighted = 0; weighted < 2; weighted++) {
        const fv_class_scores mean = fv_scores_mean(r->scores, weighted);
        add_scores(cli_json_object(json, weighted ? "weighted" : "macro"),
                   &mean);
    }
    cli_json *classes = cli_json_array(json, "classes");
    cli_json *confusion = cli_json_array(json, "confusion");
    for (int64_t i = 0; i < r->classes; i++) {
        const fv_class_scores s = fv_scores_of(r->scores, i);
        cli_json *one = cli_json_object(classes, NULL);
        cli_json_text(one, "name", name_of(r, i, name));
        add_scores(one, &s);
        cli_json_integer(one, "count", s.count);
        cli_json *row = cli_json_array(confusion, NULL);
        for (int64_t k = 0; k < r->classes; k++)
            cli_json_integer(row, NULL, r->confusion[i * r->classes + k]);
    }
    cli_json_print(json, context);
}

/* Counts in memory of the context. */
static result evaluate(fv_context *context, fv_network *network,
                       const cli_options *o)
{
    result r = { .network = network, .classes = fv_network_classes(network) };
    fv_dataset *dataset = cli_open_data(context, o, o->data, "test", true, 0);
    if (o->limit) fv_dataset_limit(dataset, o->limit);
    const fv_shape output = fv_network_output_shape(network);
    double outputs = (double)fv_dataset_count(dataset);
    for (int32_t i = 0; i < output.rank; i++)
        outputs *= (double)output.extent[i];
    r.dataset = dataset;
    r.scores = fv_scores_new(context, r.classes,
                             .areas = outputs <= most_outputs, .top = TOP);
    r.confusion = fv_scores_confusion(r.scores);
    r.metrics = fv_evaluate(network, dataset, o->batch, r.scores);
    r.pixels = fv_scores_count(r.scores) > r.metrics.count;
    return r;
}

int cli_eval(int argc, char **argv)
{
    cli_options o = cli_defaults();
    cli_parse(&usage, argc, argv, 1, 2, &o);
    cli_take_data(argv[0], &o, 1);
    fv_context *context = cli_context(&o);
    fv_network *network =
        cli_with_loss(cli_load_model(context, o.words[0]), &o);
    const result r = evaluate(context, network, &o);
    if (fv_failed(context) == FV_OK) {
        if (o.json)
            print_json(&r, context);
        else
            print_text(&r);
    }
    return cli_end(context, CLI_DONE);
}
