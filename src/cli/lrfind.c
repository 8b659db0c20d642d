/* `fovea lrfind`: the learning rate range test, as a table and a chart. */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>

enum { MOST_ROWS = 24 };

static const struct argp_option options[] = {
    { "data", CLI_DATA, "NAME", 0, "as fovea train takes it (required)", 0 },
    { "batch", CLI_BATCH, "N", 0, "images a step (32)", 0 },
    { "steps", CLI_STEPS, "N", 0,
      "at most, from the first rate to the last (100)", 0 },
    { "from", CLI_FROM, "X", 0, "the first rate (1e-7)", 0 },
    { "to", CLI_TO, "X", 0, "the last rate (10)", 0 },
    { "optimizer", CLI_OPTIMIZER, "NAME", 0, cli_optimizer_help, 0 },
    { "momentum", CLI_MOMENTUM, "X", 0, "of the optimizer (0)", 0 },
    { "nesterov", CLI_NESTEROV, NULL, 0, "Nesterov's momentum", 0 },
    { "weight-decay", CLI_WEIGHT_DECAY, "X", 0, "(0; adamw 0.01)", 0 },
    { "head", CLI_HEAD, "new", 0,
      "draw the last layer with weights anew, for the classes of the data", 0 },
    CLI_FREEZE_OPTION,
    CLI_LOSS_OPTION,
    { "augment", CLI_AUGMENT, "LINE", 0,
      "a transform behind those of the network; may be repeated", 0 },
    CLI_SIZE_OPTION,
    { "limit", CLI_LIMIT, "N", 0, "the first N images only", 0 },
    { "seed", CLI_SEED, "S", 0, "of every random number (0)", 0 },
    CLI_THREADS_OPTION,
    CLI_DTYPE_OPTION,
    CLI_WORKERS_OPTION,
    CLI_SKIP_DAMAGED_OPTION,
    CLI_JSON_OPTION,
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "NET [NAME]",
    .doc = "Train NET for some steps, the learning rate growing by the same "
           "factor from step to step, until the loss diverges. The suggested "
           "rate is a tenth of the one where the smoothed loss was least. "
           "Nothing is saved.",
};

/* The steps of a test. */
typedef struct result {
    fv_rate_step steps[CLI_MOST_STEPS];
    int64_t count, rows; /* rows of the table */
    fv_rate_report report;
} result;

static void see(void *user, const fv_rate_step *step)
{
    result *r = user;
    r->steps[r->count++] = *step;
}

/* The step of a row of the table, from 0; the last row is the last step. */
static const fv_rate_step *row_of(const result *r, int64_t row)
{
    return &r->steps[r->rows < 2 ? 0 : row * (r->count - 1) / (r->rows - 1)];
}

static void cell(const void *user, int64_t row, int column, char *text)
{
    static const char *const names[] = { "rate", "loss", "smoothed" };
    if (row == 0) {
        snprintf(text, CLI_CELL, "%s", names[column]);
        return;
    }
    const fv_rate_step *step = row_of(user, row - 1);
    if (column == 0)
        snprintf(text, CLI_CELL, "%.2e", step->learning_rate);
    else
        snprintf(text, CLI_CELL, "%.4f",
                 column == 1 ? step->loss : step->smoothed);
}

static void print_text(result *r)
{
    char text[4 * CLI_CHART + 1];
    cli_chart chart = { .count = 0 };
    r->rows = r->count < MOST_ROWS ? r->count : MOST_ROWS;
    for (int64_t row = 0; row < r->rows; row++)
        cli_chart_add(&chart, row_of(r, row)->smoothed);
    cli_table_print(&(cli_table){ .columns = 3,
                                  .align = "rrr",
                                  .rows = r->rows + 1,
                                  .cell = cell,
                                  .user = r });
    printf("\nsmoothed loss %s%s\n",
           cli_sparkline(&chart, CLI_CHART, cli_unicode(), text),
           r->report.diverged ? "  diverged" : "");
    if (isnan(r->report.suggested)) {
        printf("the loss did not fall: no rate is suggested\n");
        return;
    }
    printf("least at %.2e with %.4f\n", r->report.least, r->report.least_loss);
    printf("suggested --lr %.2g\n", r->report.suggested);
}

static void print_json(const result *r, fv_context *context)
{
    cli_json *json = cli_json_new();
    cli_json_number(json, "suggested", r->report.suggested);
    cli_json_number(json, "least", r->report.least);
    cli_json_number(json, "least_loss", r->report.least_loss);
    cli_json_flag(json, "diverged", r->report.diverged);
    cli_json *steps = cli_json_array(json, "steps");
    for (int64_t i = 0; i < r->count; i++) {
        cli_json *one = cli_json_object(steps, NULL);
        cli_json_number(one, "learning_rate", r->steps[i].learning_rate);
        cli_json_number(one, "loss", r->steps[i].loss);
        cli_json_number(one, "smoothed", r->steps[i].smoothed);
    }
    cli_json_print(json, context);
}

int cli_lrfind(int argc, char **argv)
{
    cli_options o = cli_defaults();
    char optimizer[CLI_OPTIMIZER_TEXT];
    o.steps = 100;
    cli_write_optimizer_help();
    cli_parse(&usage, argc, argv, 1, 2, &o);
    cli_take_data(argv[0], &o, 1);
    cli_write_optimizer(argv[0], &o, optimizer);
    static result r;
    cli_training t = { .context = cli_context(&o) };
    t.network = cli_with_loss(cli_load(t.context, o.words[0]), &o);
    t.train = cli_open_data(t.context, &o, o.data, "train", true, 0);
    if (o.limit) fv_dataset_limit(t.train, o.limit);
    cli_prepare_network(&t, &o);
    fv_optimizer *rule = fv_optimizer_parse(t.network, optimizer);
    cli_freeze(t.context, t.network, &o);
    if (fv_failed(t.context) == FV_OK)
        r.report =
            fv_find_learning_rate(t.network, rule, t.train, .batch = o.batch,
                                  .steps = o.steps, .from = o.from, .to = o.to,
                                  .workers = o.workers, .see = see, .user = &r);
    if (fv_failed(t.context) == FV_OK) {
        if (o.json)
            print_json(&r, t.context);
        else
            print_text(&r);
    }
    return cli_end(t.context, CLI_DONE);
}
