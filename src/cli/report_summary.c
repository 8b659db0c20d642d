/* The beginning of a report: its numbers, and how training went. */
#include "cli/report.h"

#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

enum { MOST_ROWS = 200 };

/* A number in large letters. */
static void put_card(cli_report *r, const char *name, const char *title,
                     double value, const char *text)
{
    cli_put(&r->page, "<div class=\"card\"><dt>%s</dt><dd>", title);
    cli_put_value(&r->page, name, value, text);
    cli_put(&r->page, "</dd></div>\n");
}

static void put_cards(cli_report *r, const fv_layer_info *whole)
{
    char text[CLI_CELL];
    const double epochs =
        r->history->epochs.count ? r->history->epochs.last.epoch : (double)NAN;
    cli_put(&r->page, "<dl class=\"cards\">\n");
    snprintf(text, sizeof text, "%.2f %%", 100 * r->metrics.accuracy);
    put_card(r, "accuracy", "accuracy", r->metrics.accuracy, text);
    put_card(r, "loss", "loss", r->metrics.loss,
             cli_share(r->metrics.loss, text));
    if (r->classes > 5) {
        const double top = fv_scores_top(r->scores);
        snprintf(text, sizeof text, "%.2f %%", 100 * top);
        put_card(r, "top5", "top 5", top, text);
    }
    if (isfinite(epochs))
        put_card(r, "epochs", "epochs", epochs, cli_short_number(epochs, text));
    if (isfinite(r->history->seconds))
        put_card(r, "seconds", "training time", r->history->seconds,
                 cli_duration(r->history->seconds, text));
    put_card(r, "parameters", "parameters", (double)whole->parameters,
             cli_short_number((double)whole->parameters, text));
    if (whole->multiply_accumulates)
        put_card(r, "macs", "multiply-adds",
                 (double)whole->multiply_accumulates,
                 cli_short_number((double)whole->multiply_accumulates, text));
    cli_put(&r->page, "</dl>\n");
}

static void put_fact(cli_report *r, const char *name, const char *text)
{
    cli_put(&r->page, "<tr><th scope=\"row\">%s</th><td>", name);
    cli_put_text(&r->page, text);
    cli_put(&r->page, "</td></tr>\n");
}

/* The name of the processor; "" if the system does not say. */
static void find_processor(char text[CLI_TEXT])
{
    char line[CLI_TEXT];
    FILE *file = fopen("/proc/cpuinfo", "r");
    *text = '\0';
    while (file && !*text && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon)
            snprintf(text, CLI_TEXT, "%.*s", (int)strcspn(colon + 2, "\n"),
                     colon + 2);
    }
    if (file) fclose(file);
}

static void put_machine(cli_report *r)
{
    char text[4 * CLI_TEXT], processor[CLI_TEXT];
    struct utsname system;
    const int threads = fv_context_threads(r->context);
    find_processor(processor);
    if (uname(&system) != 0) return;
    snprintf(text, sizeof text, "%s%s%s %s, %s", processor,
             *processor ? ", " : "", system.sysname, system.release,
             system.machine);
    put_fact(r, "machine", text);
    snprintf(text, sizeof text, "Fovea %s, kernels %s, %s, %d thread%s",
             fv_version(), fv_context_isa(r->context),
             fv_dtype_name(fv_context_dtype(r->context)), threads,
             threads == 1 ? "" : "s");
    put_fact(r, "program", text);
}

static void put_fit(cli_report *r)
{
    char text[CLI_TEXT], planned[CLI_CELL], peak[CLI_CELL];
    const fv_fit_report *fit = r->fit;
    if (!fit) return;
    snprintf(text, sizeof text, "%lld", (long long)r->options->seed);
    put_fact(r, "seed", text);
    snprintf(text, sizeof text, "%s planned, %s at the peak",
             cli_bytes(fit->planned_bytes, planned),
             cli_bytes(fit->peak_bytes, peak));
    put_fact(r, "memory", text);
    if (fit->best_epoch) {
        snprintf(text, sizeof text, "%lld, %s %.4f%s",
                 (long long)fit->best_epoch,
                 fv_monitor_name(r->options->monitor), fit->best,
                 fit->stopped ? "; stopped early" : "");
        put_fact(r, "best epoch", text);
    }
    if (fit->rollbacks) {
        snprintf(text, sizeof text, "%lld", (long long)fit->rollbacks);
        put_fact(r, "rollbacks", text);
    }
}

/* The command line, whose words are not broken if that can be avoided. */
static void put_command(cli_report *r)
{
    cli_put(&r->page, "<tr><th scope=\"row\">command</th><td><code>");
    for (const char *at = r->command; *at;) {
        char word[CLI_PATH];
        const size_t length = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        cli_put(&r->page, "<span>");
        cli_put_text(&r->page, word);
        cli_put(&r->page, "</span> ");
        at += length + (at[length] == ' ');
    }
    cli_put(&r->page, "</code></td></tr>\n");
}

void cli_report_summary(cli_report *r)
{
    char text[CLI_PATH], number[CLI_CELL], speed[CLI_CELL];
    const fv_layer_info whole = fv_network_info(r->network);
    const time_t now = time(NULL);
    struct tm memory;
    const struct tm *local = localtime_r(&now, &memory);
    cli_section(&r->page, "summary", "Summary", NULL);
    put_cards(r, &whole);
    cli_put(&r->page, "<div class=\"scroll\"><table class=\"facts\">\n");
    put_fact(r, r->fit ? "network" : "log", r->options->words[0]);
    put_fact(r, "model", r->fit ? r->options->out : r->options->words[1]);
    snprintf(text, sizeof text, "%s, %lld classes, evaluated on %s %s images",
             r->options->data, (long long)r->classes,
             cli_number(r->metrics.count, number), r->part);
    put_fact(r, "data", text);
    if (r->train) {
        snprintf(text, sizeof text, "%s images",
                 cli_number(fv_dataset_count(r->train), number));
        put_fact(r, "training part", text);
    }
    if (isfinite(r->history->updates) && isfinite(r->history->images_per_s)) {
        snprintf(text, sizeof text, "%s updates, %s images/s",
                 cli_number((int64_t)r->history->updates, number),
                 cli_number((int64_t)r->history->images_per_s, speed));
        put_fact(r, "training", text);
    }
    put_fit(r);
    put_machine(r);
    if (local && strftime(text, sizeof text, "%Y-%m-%d %H:%M", local))
        put_fact(r, "written", text);
    put_command(r);
    cli_put(&r->page, "</table></div>\n");
    cli_section_end(&r->page);
}

/* ---- curves ---------------------------------------------------------------
 */

static double loss_of(const cli_point *p) { return p->loss; }
static double accuracy_of(const cli_point *p) { return p->accuracy; }
static double test_loss_of(const cli_point *p) { return p->test_loss; }
static double test_accuracy_of(const cli_point *p) { return p->test_accuracy; }
static double rate_of(const cli_point *p) { return p->rate; }

static void put_cell(cli_page *page, const char *name, double value)
{
    char text[CLI_CELL];
    cli_put(page, "<td>");
    if (isfinite(value)) {
        snprintf(text, sizeof text, "%.4g", value);
        cli_put_value(page, name, value, text);
    }
    cli_put(page, "</td>");
}

/* The same numbers as a table. */
static void put_epochs(cli_report *r, int points)
{
    cli_page *page = &r->page;
    const cli_series *series = &r->history->epochs;
    const int every = (points + MOST_ROWS - 1) / MOST_ROWS;
    cli_put(page,
            "<details><summary>Numbers of the epochs</summary>\n<div "
            "class=\"scroll tall\"><table class=\"numbers\" id=\"epochs\">"
            "<thead><tr><th>epoch</th><th>training loss</th><th>training "
            "accuracy</th><th>%s loss</th><th>%s accuracy</th><th>learning "
            "rate</th></tr></thead>\n<tbody>\n",
            r->held_out, r->held_out);
    for (int i = 0; i<points; i += every> 0 ? every : 1) {
        const cli_point *p = &series->at[i];
        cli_put(page, "<tr><td>%.0f</td>", p->epoch);
        put_cell(page, "loss", p->loss);
        put_cell(page, "accuracy", p->accuracy);
        put_cell(page, "test_loss", p->test_loss);
        put_cell(page, "test_accuracy", p->test_accuracy);
        put_cell(page, "learning_rate", p->rate);
        cli_put(page, "</tr>\n");
    }
    cli_put(page, "</tbody></table></div></details>\n");
}

void cli_report_curves(cli_report *r)
{
    cli_history *h = r->history;
    const int epochs = cli_series_close(&h->epochs);
    const int steps = cli_series_close(&h->steps);
    const cli_curve losses[] = {
        { "training", "a", &h->epochs, epochs, loss_of },
        { r->held_out, "b", &h->epochs, epochs, test_loss_of },
        { "batch", "d", &h->steps, steps, loss_of },
    };
    const cli_curve accuracies[] = {
        { "training", "a", &h->epochs, epochs, accuracy_of },
        { r->held_out, "b", &h->epochs, epochs, test_accuracy_of },
    };
    const cli_curve rates[] = {
        { "learning rate", "c", steps > epochs ? &h->steps : &h->epochs,
          steps > epochs ? steps : epochs, rate_of },
    };
    cli_section(&r->page, "training", "Training", NULL);
    cli_put(&r->page, "<div class=\"charts\">\n");
    cli_plot_draw(&r->page, &(cli_plot){ "Loss", losses, 3, false });
    cli_plot_draw(&r->page, &(cli_plot){ "Accuracy", accuracies, 2, true });
    cli_plot_draw(&r->page, &(cli_plot){ "Learning rate", rates, 1, false });
    cli_put(&r->page, "</div>\n");
    put_epochs(r, epochs);
    cli_section_end(&r->page);
}
