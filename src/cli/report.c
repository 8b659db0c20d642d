/* `fovea report`, and the report of `fovea train`: one HTML page about a
 * training and about what the network has learnt. */
#include "cli/report.h"

#include <string.h>

/* For areas under ROC curves all outputs are kept: 256 MiB. */
static const double most_outputs = 1 << 25;

static const struct argp_option options[] = {
    { "data", CLI_DATA, "NAME", 0,
      "fashion-mnist, mnist, or another data set (required); its test part "
      "unless NAME ends with another one",
      0 },
    { "out", CLI_OUT, "FILE", 0, "the report (report.html)", 0 },
    { "force", CLI_FORCE, NULL, 0, "replace a file that is no report", 0 },
    CLI_LOSS_OPTION,
    { "limit", CLI_LIMIT, "N", 0, "the first N images only", 0 },
    { "batch", CLI_BATCH, "N", 0, "images at a time (32)", 0 },
    CLI_SKIP_DAMAGED_OPTION,
    CLI_THREADS_OPTION,
    CLI_DTYPE_OPTION,
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "LOG FILE [NAME]",
    .doc = "Write one HTML page about a training: LOG is the file that `fovea "
           "train --log` wrote, .jsonl or .csv, FILE the saved model. The page "
           "shows the course of training, what the model answers to the test "
           "images and where it is wrong, what it has learnt, and its layers."
           "\v`fovea train --report FILE` writes the same page after training.",
};

const char *cli_report_class(const cli_report *r, int64_t index, char *text)
{
    return cli_class_name(r->network, r->test, index, text);
}

/* Appends a word as a shell would have to read it; returns the new length. */
static size_t add_word(const char *word, char *text, size_t used, size_t bytes)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                                "UVWXYZ0123456789_-+=:,./@%";
    const bool quote = !*word || strspn(word, plain) != strlen(word);
    if (used + 4 < bytes && used) text[used++] = ' ';
    if (used + 4 < bytes && quote) text[used++] = '\'';
    for (; *word && used + 8 < bytes; word++)
        if (*word == '\'') {
            memcpy(text + used, "'\\''", 4);
            used += 4;
        } else {
            text[used++] = *word;
        }
    if (used + 4 < bytes && quote) text[used++] = '\'';
    text[used] = '\0';
    return used;
}

const char *cli_command_line(int argc, char **argv, char *text, size_t bytes)
{
    size_t used = (size_t)snprintf(text, bytes, "%s", argv[0]);
    for (int i = 1; i < argc; i++) used = add_word(argv[i], text, used, bytes);
    return text;
}

bool cli_forgive(cli_report *r)
{
    const fv_status status = fv_failed(r->context);
    if (status == FV_OK || status == FV_NO_MEMORY || status == FV_LIMIT)
        return false;
    cli_put(&r->page, "<p class=\"note\">Not here: ");
    cli_put_text(&r->page, fv_error(r->context));
    cli_put(&r->page, ".</p>\n");
    fv_clear_error(r->context);
    return true;
}

/* Whether pictures can be written. */
static bool try_pictures(fv_context *context)
{
    unsigned char black = 0;
    const fv_tensor dot = fv_tensor_of(&black, FV_U8, 2, (int64_t[]){ 1, 1 });
    fv_tensor png = fv_image_encode(context, &dot);
    const bool can = png.data != NULL;
    fv_tensor_free(context, &png);
    if (fv_failed(context) == FV_UNSUPPORTED) fv_clear_error(context);
    return can;
}

static fv_status evaluate(cli_report *r)
{
    fv_context *context = r->context;
    if (fv_failed(context)) return fv_failed(context);
    r->classes = fv_network_classes(r->network);
    const fv_shape output = fv_network_output_shape(r->network);
    double outputs = (double)fv_dataset_count(r->test);
    for (int32_t i = 0; i < output.rank; i++)
        outputs *= (double)output.extent[i];
    r->scores =
        fv_scores_new(context, r->classes, .areas = outputs <= most_outputs);
    r->metrics = fv_evaluate(r->network, r->test, r->options->batch, r->scores);
    r->confusion = fv_scores_confusion(r->scores);
    return cli_answers_find(r);
}

static void put_contents(cli_report *r)
{
    static const char *const parts[][2] = {
        { "summary", "Summary" },         { "training", "Training" },
        { "confusion", "Confusion" },     { "classes", "Classes" },
        { "calibration", "Calibration" }, { "examples", "Examples" },
        { "balance", "Balance" },         { "samples", "Samples" },
        { "inside", "Inside" },           { "network", "Network" },
    };
    cli_put(&r->page, "<nav aria-label=\"Sections\">");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cli_put(&r->page, "<a href=\"#%s\">%s</a>", parts[i][0], parts[i][1]);
    cli_put(&r->page, "</nav>\n");
}

fv_status cli_report_write(cli_report *r)
{
    static void (*const sections[])(cli_report *) = {
        cli_report_summary, cli_report_curves,      cli_report_matrix,
        cli_report_classes, cli_report_calibration, cli_report_examples,
        cli_report_balance, cli_report_samples,     cli_report_inside,
        cli_report_network,
    };
    char title[CLI_PATH];
    if (evaluate(r) != FV_OK) return fv_failed(r->context);
    r->pictures = fv_network_input_shape(r->network).rank == 3
                  && try_pictures(r->context);
    snprintf(title, sizeof title, "%s \u00b7 training report", r->name);
    cli_page_begin(&r->page, r->context, r->path, title);
    if (fv_failed(r->context)) return fv_failed(r->context);
    cli_put(&r->page, "<header><p class=\"over\">Training report</p>\n<h1>");
    cli_put_text(&r->page, r->name);
    cli_put(&r->page, "</h1>\n");
    put_contents(r);
    cli_put(&r->page, "</header>\n<main>\n");
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (!fv_failed(r->context)) sections[i](r);
    cli_put(&r->page,
            "</main>\n<footer>Written by Fovea %s.</footer>\n"
            "<div id=\"tip\" hidden></div>\n",
            fv_version());
    cli_page_end(&r->page);
    fv_scores_free(r->scores);
    fv_tensor_free(r->context, &r->answers.labels);
    fv_tensor_free(r->context, &r->answers.classes);
    fv_tensor_free(r->context, &r->answers.certainty);
    return fv_failed(r->context);
}

/* Opens the training part if there is one. */
static fv_dataset *open_training(fv_context *context, const cli_options *o)
{
    if (fv_failed(context) || strchr(o->data, ':')) return NULL;
    const bool there = fv_dataset_has(context, o->data, "train");
    return there ? cli_open_data(context, o, o->data, "train", true, 0) : NULL;
}

/* The last part of a path. */
static const char *file_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

int cli_report_command(int argc, char **argv)
{
    static cli_history history;
    static char line[CLI_PATH];
    cli_options o = cli_defaults();
    cli_command_line(argc, argv, line, sizeof line);
    cli_parse(&usage, argc, argv, 2, 3, &o);
    cli_take_data(argv[0], &o, 2);
    fv_context *context = cli_context(&o);
    cli_report r = { .options = &o,
                     .context = context,
                     .history = &history,
                     .command = line,
                     .name = file_of(o.words[1]),
                     .path = o.out ? o.out : "report.html",
                     .held_out = "test",
                     .part = "test" };
    cli_page_check(context, r.path, o.force);
    cli_history_read(&history, context, o.words[0]);
    r.network = cli_with_loss(cli_load_model(context, o.words[1]), &o);
    r.test = cli_open_data(context, &o, o.data, "test", true, 0);
    if (o.limit) fv_dataset_limit(r.test, o.limit);
    r.train = open_training(context, &o);
    if (cli_report_write(&r) == FV_OK) printf("report %s\n", r.path);
    return cli_end(context, CLI_DONE);
}
