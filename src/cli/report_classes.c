/* Scores of each class, how far probabilities can be trusted, and how many
 * images each class has. */
#include "cli/report.h"

#include <math.h>

enum { SIDE = 300, EDGE = 40 };

static void put_share(cli_page *page, const char *name, double value)
{
    char text[CLI_CELL];
    cli_put(page, "<td>");
    cli_put_value(page, name, value, cli_share(value, text));
    cli_put(page, "</td>");
}

static void put_scores(cli_report *r, const char *name,
                       const fv_class_scores *s)
{
    cli_page *page = &r->page;
    char count[CLI_CELL];
    cli_put(page, "<tr><th scope=\"row\">");
    cli_put_text(page, name);
    cli_put(page, "</th>");
    put_share(page, "precision", s->precision);
    put_share(page, "recall", s->recall);
    cli_put(page, "<td class=\"bar\" style=\"--p:%.4f\">",
            isfinite(s->f1) ? s->f1 : 0);
    cli_put_value(page, "f1", s->f1, cli_share(s->f1, count));
    cli_put(page, "</td>");
    put_share(page, "iou", s->iou);
    put_share(page, "auc", s->auc);
    cli_put(page, "<td>");
    cli_put_value(page, "count", (double)s->count, cli_number(s->count, count));
    cli_put(page, "</td></tr>\n");
}

void cli_report_classes(cli_report *r)
{
    char name[CLI_CELL];
    cli_section(&r->page, "classes", "Classes", NULL);
    cli_put(&r->page,
            "<div class=\"scroll tall\"><table class=\"numbers\" "
            "id=\"scores\"><thead><tr><th>class</th><th>precision</th>"
            "<th>recall</th><th>F1</th><th><abbr title=\"intersection over "
            "union\">IoU</abbr></th><th><abbr title=\"area under the ROC "
            "curve\">AUC</abbr></th><th>labels</th></tr></thead>\n<tbody>\n");
    for (int64_t i = 0; i < r->classes; i++) {
        const fv_class_scores s = fv_scores_of(r->scores, i);
        put_scores(r, cli_report_class(r, i, name), &s);
    }
    cli_put(&r->page, "</tbody><tfoot>\n");
    for (int weighted = 0; weighted < 2; weighted++) {
        const fv_class_scores s = fv_scores_mean(r->scores, weighted);
        put_scores(r, weighted ? "weighted mean" : "mean", &s);
    }
    cli_put(&r->page, "</tfoot></table></div>\n");
    cli_section_end(&r->page);
}

/* ---- calibration ----------------------------------------------------------
 */

/* Answers whose certainty lies in the same tenth. */
typedef struct bin {
    int64_t count, right;
    double certainty; /* their sum */
} bin;

/* The expected calibration error: how far the share of right answers is from
 * their probability, the mean over all answers. */
static double fill_bins(const cli_answers *a, bin bins[CLI_CALIBRATION_BINS])
{
    double error = 0;
    for (int64_t i = 0; i < a->count; i++) {
        const double certainty = cli_answer_certainty(a, i);
        int at = (int)(CLI_CALIBRATION_BINS * certainty);
        if (!(certainty > 0)) at = 0;
        if (at >= CLI_CALIBRATION_BINS) at = CLI_CALIBRATION_BINS - 1;
        bins[at].count++;
        bins[at].right += cli_answer_label(a, i) == cli_answer_class(a, i);
        bins[at].certainty += certainty;
    }
    for (int i = 0; i < CLI_CALIBRATION_BINS; i++)
        error +=
            fabs((double)bins[i].right - bins[i].certainty) / (double)a->count;
    return error;
}

static void draw_bins(cli_report *r, const bin bins[CLI_CALIBRATION_BINS])
{
    cli_page *page = &r->page;
    const double width = (double)SIDE / CLI_CALIBRATION_BINS;
    cli_put(page,
            "<svg class=\"square\" viewBox=\"0 0 %d %d\" role=\"img\" "
            "aria-label=\"share of right answers over their probability\">\n",
            SIDE + EDGE + 12, SIDE + EDGE + 12);
    for (int i = 0; i <= 5; i++) {
        const double at = SIDE * i / 5.0;
        cli_put(page,
                "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" "
                "y2=\"%.1f\"/><text class=\"tick\" x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%.1f</text><text class=\"tick\" "
                "x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.1f</text>\n",
                EDGE, EDGE + SIDE, 6 + SIDE - at, 6 + SIDE - at, EDGE - 7,
                10 + SIDE - at, i / 5.0, EDGE + at, SIDE + 22, i / 5.0);
    }
    for (int i = 0; i < CLI_CALIBRATION_BINS; i++) {
        if (!bins[i].count) continue;
        const double right = (double)bins[i].right / (double)bins[i].count;
        const double mean = bins[i].certainty / (double)bins[i].count;
        cli_put(page,
                "<rect class=\"column\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                "height=\"%.1f\"><title>%lld answers\nprobability %.3f\n"
                "right %.3f</title></rect><line class=\"gap\" x1=\"%.1f\" "
                "x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                EDGE + i * width + 1.5, 6 + SIDE * (1 - right), width - 3,
                SIDE * right, (long long)bins[i].count, mean, right,
                EDGE + SIDE * mean, EDGE + SIDE * mean, 6 + SIDE * (1 - right),
                6 + SIDE * (1 - mean));
    }
    cli_put(page,
            "<line class=\"ideal\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"6\"/>"
            "<text class=\"tick\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">"
            "probability of the answer</text></svg>\n",
            EDGE, EDGE + SIDE, 6 + SIDE, EDGE + SIDE / 2, SIDE + EDGE + 2);
}

void cli_report_calibration(cli_report *r)
{
    bin bins[CLI_CALIBRATION_BINS] = { { 0 } };
    char text[CLI_CELL];
    cli_section(&r->page, "calibration", "Calibration", NULL);
    if (!r->answers.count || !r->answers.probabilities) {
        cli_put(&r->page, "<p class=\"note\">Not here: outputs of this network "
                          "are no probabilities of classes.</p>\n");
        cli_section_end(&r->page);
        return;
    }
    const double error = fill_bins(&r->answers, bins);
    cli_put(&r->page, "<div class=\"beside\">\n");
    draw_bins(r, bins);
    snprintf(text, sizeof text, "%.2f %%", 100 * error);
    cli_put(&r->page, "<div><dl class=\"cards\"><div class=\"card\"><dt>"
                      "expected calibration error</dt><dd>");
    cli_put_value(&r->page, "ece", error, text);
    cli_put(&r->page,
            "</dd></div></dl>\n<p>How often answers are right, over the "
            "probability that the network gave them. On the dashed line, "
            "answers of 80 %% are right four times of five; columns below it "
            "mean a network that is too certain, by the length of the orange "
            "lines.</p>\n<div class=\"scroll\">"
            "<table class=\"numbers\"><thead><tr><th>probability</th>"
            "<th>answers</th><th>right</th></tr></thead><tbody>\n");
    for (int i = 0; i < CLI_CALIBRATION_BINS; i++) {
        if (!bins[i].count) continue;
        cli_put(&r->page,
                "<tr><td>%.1f\u2013%.1f</td><td>%s</td><td>%.1f %%</td></tr>\n",
                (double)i / CLI_CALIBRATION_BINS,
                (double)(i + 1) / CLI_CALIBRATION_BINS,
                cli_number(bins[i].count, text),
                100 * (double)bins[i].right / (double)bins[i].count);
    }
    cli_put(&r->page, "</tbody></table></div></div></div>\n");
    cli_section_end(&r->page);
}

/* ---- balance --------------------------------------------------------------
 */

/* Counts the labels that are known into counts[classes]; returns the largest
 * count. */
static int64_t count_labels(const cli_report *r, const fv_dataset *dataset,
                            int64_t *counts)
{
    const fv_tensor *labels = dataset ? fv_dataset_labels(dataset) : NULL;
    const int64_t count = labels ? fv_dataset_count(dataset) : 0;
    int64_t most = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t label = ((const int64_t *)labels->data)[i];
        if (label < 0 || label >= r->classes) continue;
        if (++counts[label] > most) most = counts[label];
    }
    return most;
}

static void put_bar(cli_page *page, const char *colour, int64_t count,
                    int64_t most)
{
    char text[CLI_CELL];
    cli_put(page,
            "<div class=\"meter\"><i class=\"%s\" style=\"--p:%.4f\"></i>"
            "%s</div>",
            colour, most ? (double)count / (double)most : 0,
            cli_number(count, text));
}

static void put_balance(cli_report *r, const int64_t *train, int64_t most_train,
                        const int64_t *test, int64_t most_test)
{
    char name[CLI_CELL];
    cli_put(&r->page,
            "<div class=\"scroll tall\"><table class=\"balance\">"
            "<thead><tr><th>class</th>%s%s</tr></thead><tbody>\n",
            most_train ? "<th>training</th>" : "", "<th>evaluated</th>");
    for (int64_t i = 0; i < r->classes; i++) {
        cli_put(&r->page, "<tr><th scope=\"row\">");
        cli_put_text(&r->page, cli_report_class(r, i, name));
        cli_put(&r->page, "</th>");
        if (most_train) {
            cli_put(&r->page, "<td>");
            put_bar(&r->page, "a", train[i], most_train);
            cli_put(&r->page, "</td>");
        }
        cli_put(&r->page, "<td>");
        put_bar(&r->page, "b", test[i], most_test);
        cli_put(&r->page, "</td></tr>\n");
    }
    cli_put(&r->page, "</tbody></table></div>\n");
}

void cli_report_balance(cli_report *r)
{
    const int64_t shape[] = { 2, r->classes };
    fv_tensor memory = fv_tensor_new(r->context, FV_I64, 2, shape);
    int64_t *train = memory.data;
    if (!train) return;
    int64_t *test = train + r->classes, most_test = 0;
    const int64_t most_train = count_labels(r, r->train, train);
    for (int64_t i = 0; i < r->classes; i++) {
        test[i] = fv_scores_of(r->scores, i).count;
        if (test[i] > most_test) most_test = test[i];
    }
    cli_section(&r->page, "balance", "Class balance",
                "How often each class is the label.");
    put_balance(r, train, most_train, test, most_test);
    cli_section_end(&r->page);
    fv_tensor_free(r->context, &memory);
}
