/* The confusion matrix of a report, with the pictures behind its cells. */
#include "cli/report.h"

#include <math.h>

enum { MOST_MISTAKES = 20 };
/* Pictures behind cells, as text. */
static const size_t most_bytes = (size_t)1 << 20;

/* The classes that are shown, and the answers behind each cell. */
typedef struct matrix {
    cli_report *report;
    int64_t classes[CLI_SHOWN_CLASSES];
    int64_t counts[CLI_SHOWN_CLASSES]; /* labels of each */
    int shown;
    int64_t behind[CLI_SHOWN_CLASSES][CLI_SHOWN_CLASSES][CLI_BEHIND];
    int number[CLI_SHOWN_CLASSES][CLI_SHOWN_CLASSES];
} matrix;

static int64_t count_of(const cli_report *r, int64_t label, int64_t answer)
{
    return r->confusion[label * r->classes + answer];
}

/* Mistakes that have to do with the class. */
static int64_t confused(const cli_report *r, int64_t class_index)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < r->classes; k++)
        if (k != class_index)
            sum += count_of(r, class_index, k) + count_of(r, k, class_index);
    return sum;
}

/* Chooses the most confused classes, in the order of their numbers. */
static void choose(matrix *m)
{
    const cli_report *r = m->report;
    int64_t most[CLI_SHOWN_CLASSES];
    for (int64_t c = 0; c < r->classes; c++) {
        const int64_t mistakes =
            r->classes > CLI_SHOWN_CLASSES ? confused(r, c) : -c;
        int at = m->shown;
        while (at > 0 && most[at - 1] < mistakes) at--;
        if (at == CLI_SHOWN_CLASSES) continue;
        if (m->shown < CLI_SHOWN_CLASSES) m->shown++;
        for (int k = m->shown - 1; k > at; k--) {
            most[k] = most[k - 1];
            m->classes[k] = m->classes[k - 1];
        }
        most[at] = mistakes;
        m->classes[at] = c;
    }
    for (int i = 1; i < m->shown; i++)
        for (int k = i; k > 0 && m->classes[k - 1] > m->classes[k]; k--) {
            const int64_t other = m->classes[k];
            m->classes[k] = m->classes[k - 1];
            m->classes[k - 1] = other;
        }
    for (int i = 0; i < m->shown; i++)
        for (int64_t k = 0; k < r->classes; k++)
            m->counts[i] += count_of(r, m->classes[i], k);
}

static int place_of(const matrix *m, int64_t class_index)
{
    for (int i = 0; i < m->shown; i++)
        if (m->classes[i] == class_index) return i;
    return -1;
}

/* Keeps the most certain answers of each cell. */
static void collect(matrix *m)
{
    const cli_answers *a = &m->report->answers;
    for (int64_t i = 0; i < a->count; i++) {
        const int row = place_of(m, cli_answer_label(a, i));
        const int column = place_of(m, cli_answer_class(a, i));
        if (row < 0 || column < 0) continue;
        int64_t *kept = m->behind[row][column];
        int *number = &m->number[row][column], at = *number;
        const double value = cli_answer_certainty(a, i);
        while (at > 0 && cli_answer_certainty(a, kept[at - 1]) < value) at--;
        if (at == CLI_BEHIND) continue;
        if (*number < CLI_BEHIND) ++*number;
        for (int k = *number - 1; k > at; k--) kept[k] = kept[k - 1];
        kept[at] = i;
    }
}

static void put_cell(matrix *m, int row, int column)
{
    cli_page *page = &m->report->page;
    const int64_t count =
        count_of(m->report, m->classes[row], m->classes[column]);
    const double share =
        m->counts[row] ? (double)count / (double)m->counts[row] : 0;
    const bool opens = m->report->pictures && m->number[row][column] > 0;
    cli_put(page, "<td%s style=\"--p:%.3f\">",
            sqrt(share) > 0.55 ? " class=\"hi\"" : "", sqrt(share));
    if (count && opens) cli_put(page, "<a href=\"#cell-%d-%d\">", row, column);
    if (count) cli_put(page, "%lld", (long long)count);
    if (count && opens) cli_put(page, "</a>");
    cli_put(page, "</td>");
}

static void put_matrix(matrix *m)
{
    char name[CLI_CELL];
    cli_report *r = m->report;
    cli_page *page = &r->page;
    cli_put(page,
            "<div>\n<div class=\"scroll\"><table class=\"matrix\"><thead><tr>"
            "<td class=\"corner\">label \u2193 answer \u2192</td>");
    for (int i = 0; i < m->shown; i++) {
        cli_put(page, "<th scope=\"col\"><span>");
        cli_put_text(page, cli_report_class(r, m->classes[i], name));
        cli_put(page, "</span></th>");
    }
    cli_put(page, "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < m->shown; i++) {
        cli_put(page, "<tr><th scope=\"row\">");
        cli_put_text(page, cli_report_class(r, m->classes[i], name));
        cli_put(page, "</th>");
        for (int k = 0; k < m->shown; k++) put_cell(m, i, k);
        cli_put(page, "</tr>\n");
    }
    cli_put(page, "</tbody></table></div>\n<div class=\"scale\"><span>share of "
                  "the row</span>");
    static const double ticks[] = { 0, 0.01, 0.05, 0.2, 0.5, 1 };
    for (int i = 0; i < 6; i++)
        cli_put(page, "<i%s style=\"--p:%.3f\">%.0f %%</i>",
                sqrt(ticks[i]) > 0.55 ? " class=\"hi\"" : "", sqrt(ticks[i]),
                100 * ticks[i]);
    cli_put(page, "</div></div>\n");
}

/* The pictures of a cell, which are shown when it is opened. */
static void put_behind(matrix *m, int row, int column)
{
    char label[CLI_CELL], answer[CLI_CELL];
    cli_report *r = m->report;
    const int number = m->number[row][column];
    cli_put(&r->page, "<div class=\"behind\" id=\"cell-%d-%d\"><h3>", row,
            column);
    cli_put_text(&r->page, cli_report_class(r, m->classes[row], label));
    cli_put(&r->page, row == column ? ", recognised: " : " taken for ");
    if (row != column) {
        cli_put_text(&r->page, cli_report_class(r, m->classes[column], answer));
        cli_put(&r->page, ": ");
    }
    cli_put(&r->page,
            "%lld</h3>\n<p class=\"note\">%s</p>\n"
            "<div class=\"gallery\">\n",
            (long long)count_of(r, m->classes[row], m->classes[column]),
            "The most certain ones first.");
    for (int i = 0; i < number && !fv_failed(r->context); i++)
        cli_put_answer(r, m->behind[row][column][i], 84);
    cli_put(&r->page, "</div></div>\n");
}

/* Opens cells as long as there is room: mistakes first, the frequent ones
 * before the others. */
static void put_pictures(matrix *m)
{
    cli_report *r = m->report;
    bool done[CLI_SHOWN_CLASSES][CLI_SHOWN_CLASSES] = { { false } };
    while (!fv_failed(r->context)) {
        int64_t most = -1;
        int row = 0, column = 0;
        for (int i = 0; i < m->shown; i++)
            for (int k = 0; k < m->shown; k++) {
                int64_t count = count_of(r, m->classes[i], m->classes[k]);
                if (done[i][k] || !m->number[i][k]) continue;
                if (i == k) count = 0; /* after the mistakes */
                if (count > most) most = count, row = i, column = k;
            }
        if (most < 0) return;
        done[row][column] = true;
        if (r->page.picture_bytes > most_bytes) m->number[row][column] = 0;
        if (m->number[row][column]) put_behind(m, row, column);
    }
}

/* The cell of the most frequent mistake that is rarer than that of `last`, by
 * count and place; -1: there are no more. */
static int64_t next_mistake(const cli_report *r, int64_t last)
{
    int64_t best = -1;
    for (int64_t i = 0; i < r->classes * r->classes; i++) {
        const int64_t count = r->confusion[i];
        if (!count || i / r->classes == i % r->classes) continue;
        if (last >= 0
            && (count > r->confusion[last]
                || (count == r->confusion[last] && i <= last)))
            continue;
        if (best < 0 || count > r->confusion[best]) best = i;
    }
    return best;
}

/* What a matrix of some of the classes does not show. */
static void put_mistakes(cli_report *r)
{
    char text[CLI_CELL];
    int64_t last = -1;
    cli_put(&r->page,
            "<h3>The most frequent mistakes</h3>\n<div class=\"scroll "
            "tall\"><table class=\"numbers\" id=\"mistakes\"><thead>"
            "<tr><th>label</th><th class=\"left\">taken for</th>"
            "<th>images</th></tr></thead><tbody>\n");
    for (int i = 0; i < MOST_MISTAKES; i++) {
        last = next_mistake(r, last);
        if (last < 0) break;
        cli_put(&r->page, "<tr><th scope=\"row\">");
        cli_put_text(&r->page, cli_report_class(r, last / r->classes, text));
        cli_put(&r->page, "</th><td class=\"left\">");
        cli_put_text(&r->page, cli_report_class(r, last % r->classes, text));
        cli_put(&r->page, "</td><td>%s</td></tr>\n",
                cli_number(r->confusion[last], text));
    }
    cli_put(&r->page, "</tbody></table></div>\n");
}

void cli_report_matrix(cli_report *r)
{
    static matrix m;
    char note[CLI_TEXT];
    m = (matrix){ .report = r };
    choose(&m);
    if (r->pictures) collect(&m);
    if (r->classes > CLI_SHOWN_CLASSES)
        snprintf(note, sizeof note,
                 "The %d classes of %lld that are confused most.%s", m.shown,
                 (long long)r->classes,
                 r->answers.count && r->pictures
                     ? " Open a cell to see images behind it."
                     : "");
    else
        snprintf(note, sizeof note,
                 "Rows are labels, columns what the network answered.%s",
                 r->answers.count && r->pictures
                     ? " Open a cell to see images behind it."
                     : "");
    cli_section(&r->page, "confusion", "Confusion matrix", note);
    cli_put(&r->page, "<div class=\"confusion\">\n");
    put_matrix(&m);
    if (r->answers.count && r->pictures) {
        cli_put(&r->page, "<div class=\"cells\">\n");
        put_pictures(&m);
        cli_forgive(r);
        cli_put(&r->page, "</div>\n");
    }
    cli_put(&r->page, "</div>\n");
    if (r->classes > CLI_SHOWN_CLASSES) put_mistakes(r);
    cli_section_end(&r->page);
}
