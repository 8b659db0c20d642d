/* `fovea top`: follows a running job by its log. */
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 4096, WIDEST = 48 };
static const long pause_nanoseconds = 250000000;

static const struct argp_option options[] = {
    { "once", CLI_ONCE, NULL, 0, "print what there is and end", 0 },
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "FILE.jsonl",
    .doc = "Follow the training that writes FILE.jsonl (fovea train --log "
           "FILE.jsonl): where it stands, loss, accuracy, speed and the time "
           "that is left. Ends with the run, or with Ctrl-C.",
};

/* The numbers of a line that are shown. */
typedef struct line {
    double epoch, epochs, batch, batches, step, loss, accuracy, test_loss,
        test_accuracy, rate, speed, seconds, left;
} line;

typedef struct top {
    const char *path;
    FILE *file;
    struct stat status;    /* of the file when it was opened */
    char text[LINE_BYTES]; /* of a line that may be incomplete */
    size_t length;
    int64_t lines;
    line last, epoch; /* the last line of all, the last of an epoch */
    double best;      /* least test loss, or training loss without tests */
    double best_epoch;
    cli_chart losses, tests;
    bool any, ended;
} top;

static line numbers_of(cli_json *json)
{
    return (line){
        .epoch = cli_json_get(json, "epoch"),
        .epochs = cli_json_get(json, "epochs"),
        .batch = cli_json_get(json, "batch"),
        .batches = cli_json_get(json, "batches"),
        .step = cli_json_get(json, "step"),
        .loss = cli_json_get(json, "loss"),
        .accuracy = cli_json_get(json, "accuracy"),
        .test_loss = cli_json_get(json, "test_loss"),
        .test_accuracy = cli_json_get(json, "test_accuracy"),
        .rate = cli_json_get(json, "learning_rate"),
        .speed = cli_json_get(json, "images_per_s"),
        .seconds = cli_json_get(json, "seconds"),
        .left = cli_json_get(json, "seconds_left"),
    };
}

/* Takes a line of the log; false if it is none. */
static bool take(top *t)
{
    cli_json *json = cli_json_parse(t->text);
    const char *kind = cli_json_get_text(json, "kind");
    const bool epoch = kind && strcmp(kind, "epoch") == 0;
    t->lines++;
    if (!kind || isnan(cli_json_get(json, "step"))) {
        cli_json_free(json);
        return false;
    }
    t->ended = strcmp(kind, "end") == 0;
    t->last = numbers_of(json);
    t->any = true;
    if (!t->ended) cli_chart_add(&t->losses, t->last.loss);
    if (epoch) {
        const double test = t->last.test_loss;
        const double value = isnan(test) ? t->last.loss : test;
        t->epoch = t->last;
        cli_chart_add(&t->tests, value);
        if (!(value >= t->best)) {
            t->best = value;
            t->best_epoch = t->last.epoch;
        }
    }
    cli_json_free(json);
    return true;
}

/* Opens the file, again where another one has taken its place. */
static bool reopen(top *t)
{
    struct stat now;
    if (t->file && stat(t->path, &now) == 0 && now.st_ino == t->status.st_ino
        && now.st_size >= ftello(t->file))
        return true;
    if (t->file) fclose(t->file);
    *t = (top){ .path = t->path, .best = (double)NAN };
    t->file = fopen(t->path, "r");
    if (t->file && fstat(fileno(t->file), &t->status) == 0) return true;
    cli_error("%s: cannot open: %s", t->path, strerror(errno));
    return false;
}

/* Reads what has been appended. */
static bool read_lines(top *t)
{
    int c;
    if (!reopen(t)) return false;
    clearerr(t->file);
    while ((c = fgetc(t->file)) != EOF) {
        if (c != '\n' && t->length + 1 < sizeof t->text) {
            t->text[t->length++] = (char)c;
            continue;
        }
        t->text[t->length] = '\0';
        t->length = 0;
        if (c == '\n' && take(t)) continue;
        cli_error("%s: line %lld is none of a training log in JSON", t->path,
                  (long long)t->lines);
        return false;
    }
    return true;
}

/* ---- showing ------------------------------------------------------------- */

static void put_number(const char *name, double value)
{
    if (isnan(value))
        printf("%s -", name);
    else
        printf("%s %.4g", name, value);
}

/* Four rows. */
static void show(const top *t, const char *end)
{
    char chart[4 * CLI_CHART + 1], speed[CLI_CELL], took[CLI_CELL];
    char left[CLI_CELL];
    const bool unicode = cli_unicode();
    const int columns = cli_columns(STDOUT_FILENO);
    const int room = columns && columns - 30 < WIDEST ? columns - 30 : WIDEST;
    const line *l = &t->last;
    if (!t->any) {
        printf("%s: nothing yet%s\n", t->path, end);
        return;
    }
    printf("epoch %.0f/%.0f  batch %.0f/%.0f  step %.0f  %s%s\n", l->epoch,
           l->epochs, l->batch, l->batches, l->step,
           t->ended ? "ended" : "running", end);
    put_number("train loss", l->loss);
    put_number("  accuracy", l->accuracy);
    printf("  %s%s\n",
           cli_sparkline(&t->losses, room > 0 ? room : 0, unicode, chart), end);
    put_number("test  loss", t->epoch.test_loss);
    put_number("  accuracy", t->epoch.test_accuracy);
    printf("  %s%s\n",
           cli_sparkline(&t->tests, room > 0 ? room : 0, unicode, chart), end);
    put_number("rate", t->ended ? t->epoch.rate : l->rate);
    printf("  %s images/s  %s  ETA %s",
           cli_number(l->speed > 0 ? (int64_t)l->speed : 0, speed),
           cli_duration(l->seconds, took),
           t->ended ? "-" : cli_duration(l->left, left));
    if (t->best_epoch > 0)
        printf("  best %.4g in epoch %.0f", t->best, t->best_epoch);
    printf("%s\n", end);
    fflush(stdout);
}

int cli_top(int argc, char **argv)
{
    cli_options o = cli_defaults();
    cli_parse(&usage, argc, argv, 1, 1, &o);
    if (!cli_json_there())
        cli_refuse(argv[0], "this program was built without JSON");
    const bool terminal = cli_columns(STDOUT_FILENO) > 0 && !o.once;
    const struct timespec pause = { 0, pause_nanoseconds };
    static top t;
    t.path = o.words[0];
    double shown = -1;
    for (;;) {
        const int64_t before = t.lines;
        if (!read_lines(&t)) return CLI_FAILED;
        if (o.once || t.ended) break;
        if (terminal) {
            printf("\x1b[H\x1b[J");
            show(&t, "\x1b[K");
        } else if (t.lines != before && t.epoch.epoch > shown) {
            shown = t.epoch.epoch;
            show(&t, "");
        }
        nanosleep(&pause, NULL);
    }
    if (terminal) printf("\x1b[H\x1b[J");
    show(&t, "");
    fclose(t.file);
    return CLI_DONE;
}
