/* The course of a training: from its progress, or read from its log. */
#include "cli/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 4096 };

static const double unknown = (double)NAN;

static void begin_series(cli_series *series)
{
    series->seen = 0;
    series->stride = 1;
    series->count = 0;
}

void cli_history_begin(cli_history *history)
{
    begin_series(&history->epochs);
    begin_series(&history->steps);
    history->seconds = history->images_per_s = history->updates = unknown;
}

/* Adds a point; when there are too many, every second one is dropped. */
static void add(cli_series *series, cli_point point)
{
    if (series->seen++ % series->stride == 0)
        series->at[series->count++] = point;
    series->last = point;
    if (series->count < CLI_MOST_POINTS) return;
    series->count /= 2;
    series->stride *= 2;
    for (int i = 0; i < series->count; i++) series->at[i] = series->at[2 * i];
}

int cli_series_close(cli_series *series)
{
    if (!series->count) return 0;
    const bool whole =
        series->at[series->count - 1].epoch >= series->last.epoch;
    series->at[series->count] = series->last;
    return series->count + !whole;
}

void cli_history_add(cli_history *history, const fv_progress *p)
{
    const double share = p->batches ? (double)p->batch / (double)p->batches : 1;
    cli_point point = { .epoch = (double)(p->epoch - 1) + share,
                        .loss = p->test ? p->train.loss : p->last.loss,
                        .accuracy =
                            p->test ? p->train.accuracy : p->last.accuracy,
                        .test_loss = unknown,
                        .test_accuracy = unknown,
                        .rate = p->learning_rate };
    if (p->test) point.epoch = (double)p->epoch;
    if (p->test && p->test->count) {
        point.test_loss = p->test->loss;
        point.test_accuracy = p->test->accuracy;
    }
    add(p->test ? &history->epochs : &history->steps, point);
    history->seconds = p->seconds;
    history->images_per_s = p->images_per_s;
    history->updates = (double)p->step;
}

/* ---- logs ---------------------------------------------------------------- */

enum {
    STEP,
    EPOCH,
    BATCH,
    BATCHES,
    LOSS,
    ACCURACY,
    TEST_LOSS,
    TEST_ACCURACY,
    RATE,
    SPEED,
    SECONDS,
    FIELDS
};
static const char *const names[FIELDS] = {
    "step",          "epoch",        "batch",     "batches",
    "loss",          "accuracy",     "test_loss", "test_accuracy",
    "learning_rate", "images_per_s", "seconds",
};

/* A log while it is read. */
typedef struct log_file {
    cli_history *history;
    char kind[CLI_CELL]; /* of the line */
    double numbers[FIELDS];
    int columns[FIELDS + 1]; /* of CSV, the kind's last; -1: none */
} log_file;

/* Takes the line; false if it is none of a log. */
static bool take(const log_file *l)
{
    const double *n = l->numbers;
    const bool epoch = strcmp(l->kind, "epoch") == 0;
    if (isnan(n[STEP]) || isnan(n[EPOCH])) return false;
    l->history->updates = n[STEP];
    l->history->seconds = n[SECONDS];
    l->history->images_per_s = n[SPEED];
    if (strcmp(l->kind, "end") == 0) return true;
    if (!epoch && strcmp(l->kind, "step") != 0) return false;
    const double share = n[BATCHES] > 0 ? n[BATCH] / n[BATCHES] : 1;
    const cli_point point = { .epoch = epoch ? n[EPOCH] : n[EPOCH] - 1 + share,
                              .loss = n[LOSS],
                              .accuracy = n[ACCURACY],
                              .test_loss = n[TEST_LOSS],
                              .test_accuracy = n[TEST_ACCURACY],
                              .rate = n[RATE] };
    add(epoch ? &l->history->epochs : &l->history->steps, point);
    return true;
}

static bool take_json(log_file *l, const char *text)
{
    cli_json *json = cli_json_parse(text);
    const char *kind = cli_json_get_text(json, "kind");
    snprintf(l->kind, sizeof l->kind, "%s", kind ? kind : "");
    for (int i = 0; i < FIELDS; i++)
        l->numbers[i] = cli_json_get(json, names[i]);
    cli_json_free(json);
    return take(l);
}

/* The next field of a line of CSV, cut off there; NULL at its end. */
static char *next_field(char **line)
{
    char *field = *line;
    if (!field) return NULL;
    char *comma = strchr(field, ',');
    if (comma) *comma++ = '\0';
    *line = comma;
    return field;
}

/* Finds the columns; false if those that each log has are missing. */
static bool take_heading(log_file *l, char *line)
{
    const char *field;
    for (int i = 0; i <= FIELDS; i++) l->columns[i] = -1;
    for (int column = 0; (field = next_field(&line)); column++) {
        for (int i = 0; i < FIELDS; i++)
            if (strcmp(field, names[i]) == 0) l->columns[i] = column;
        if (strcmp(field, "kind") == 0) l->columns[FIELDS] = column;
    }
    return l->columns[STEP] >= 0 && l->columns[EPOCH] >= 0
           && l->columns[FIELDS] >= 0;
}

static bool take_csv(log_file *l, char *line)
{
    const char *field;
    for (int i = 0; i < FIELDS; i++) l->numbers[i] = unknown;
    for (int column = 0; (field = next_field(&line)); column++) {
        if (column == l->columns[FIELDS])
            snprintf(l->kind, sizeof l->kind, "%.16s", field);
        for (int i = 0; i < FIELDS; i++)
            if (column == l->columns[i] && *field) {
                char *end;
                l->numbers[i] = strtod(field, &end);
                if (*end) return false;
            }
    }
    return take(l);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), part = strlen(end);
    return length > part && strcmp(text + length - part, end) == 0;
}

static void read_lines(log_file *l, fv_context *context, FILE *file,
                       const char *path, bool csv)
{
    char text[LINE_BYTES];
    int64_t line = 0;
    bool good = true;
    while (good && fgets(text, sizeof text, file)) {
        char *end = strpbrk(text, "\r\n");
        if (!end && !feof(file))
            good = false;
        else if (!end && line)
            break; /* the last line is being written */
        if (end) *end = '\0';
        line++;
        if (good)
            good = csv && line == 1 ? take_heading(l, text)
                   : csv            ? take_csv(l, text)
                                    : take_json(l, text);
    }
    if (!good)
        fv_fail(context, FV_MALFORMED,
                "%s: line %lld is none of a training log in %s", path,
                (long long)line, csv ? "CSV" : "JSON");
    else if (ferror(file))
        fv_fail(context, FV_IO, "%s: cannot read: %s", path, strerror(errno));
}

fv_status cli_history_read(cli_history *history, fv_context *context,
                           const char *path)
{
    log_file l = { .history = history };
    const bool csv = ends_with(path, ".csv");
    if (fv_failed(context)) return fv_failed(context);
    if (!csv && !ends_with(path, ".jsonl"))
        return fv_fail(context, FV_MISUSE, "%s: a log ends with .csv or .jsonl",
                       path);
    if (!csv && !cli_json_there())
        return fv_fail(context, FV_UNSUPPORTED,
                       "%s: this program was built without JSON", path);
    FILE *file = fopen(path, "r");
    if (!file)
        return fv_fail(context, FV_IO, "%s: cannot open: %s", path,
                       strerror(errno));
    cli_history_begin(history);
    read_lines(&l, context, file, path, csv);
    fclose(file);
    if (!fv_failed(context) && !history->epochs.count && !history->steps.count)
        fv_fail(context, FV_MALFORMED, "%s: a log without a line", path);
    return fv_failed(context);
}
