/* What the files of reports share: the page, the course of training, what the
 * network answers, charts and pictures. */
#ifndef FV_CLI_REPORT_H
#define FV_CLI_REPORT_H

#include "cli/cli.h"

#include <stdio.h>

/* ---- the page (report_page.c) ------------------------------------------- */

/* The files of src/cli/report, which cmake/embed.cmake makes arrays of; zero
 * ends them. */
extern const unsigned char cli_page_css[], cli_page_js[];

/* An HTML file that is being written, under a temporary name until it is
 * complete. */
typedef struct cli_page {
    FILE *file; /* NULL: it could not be opened */
    fv_context *context;
    char path[CLI_PATH], temporary[CLI_PATH];
    size_t picture_bytes; /* of pictures so far, as text */
    int error;            /* errno of the first write that failed */
} cli_page;

/* Refuses a path at which a file is that is no report, unless `force`. */
fv_status cli_page_check(fv_context *context, const char *path, bool force);
fv_status cli_page_begin(cli_page *page, fv_context *context, const char *path,
                         const char *title);
/* Puts the file in its place, or removes it after a failure. */
fv_status cli_page_end(cli_page *page);
/* Writes markup. */
void cli_put(cli_page *page, const char *format, ...) FV_PRINTF(2, 3);
void cli_put_bytes(cli_page *page, const void *bytes, size_t count);
/* Writes a text of the user's, whatever its characters are. */
void cli_put_text(cli_page *page, const char *text);
/* A section with its heading, and a sentence below it unless that is NULL. */
void cli_section(cli_page *page, const char *id, const char *title,
                 const char *note);
void cli_section_end(cli_page *page);
/* Writes a number that programs may read, as people read it. */
void cli_put_value(cli_page *page, const char *name, double value,
                   const char *text);
/* "0.9231", "-" for NaN; "1.23 M" into text[CLI_CELL], returned. */
const char *cli_share(double value, char *text);
const char *cli_short_number(double value, char *text);

/* ---- the course of training (report_log.c) ------------------------------ */

enum { CLI_MOST_POINTS = 2048 };

/* The numbers of an epoch or of a step; NaN: not known. */
typedef struct cli_point {
    double epoch; /* epochs done */
    double loss, accuracy, test_loss, test_accuracy, rate;
} cli_point;

/* Points at equal distances; the last one is kept too. */
typedef struct cli_series {
    cli_point at[CLI_MOST_POINTS + 1];
    cli_point last;
    int64_t seen, stride;
    int count;
} cli_series;

typedef struct cli_history {
    cli_series epochs, steps;
    double seconds, images_per_s, updates;
} cli_history;

void cli_history_begin(cli_history *history);
/* Adds what a progress function is told. */
void cli_history_add(cli_history *history, const fv_progress *progress);
/* Reads a log, .jsonl or .csv. */
fv_status cli_history_read(cli_history *history, fv_context *context,
                           const char *path);
/* Points of the series, its last one included; 0: it has none. */
int cli_series_close(cli_series *series);

/* ---- the report (report.c) ---------------------------------------------- */

enum { CLI_CALIBRATION_BINS = 10, CLI_SHOWN_CLASSES = 20, CLI_BEHIND = 8 };

/* Answers to images, each with the probability that the network gave it. */
typedef struct cli_answers {
    int64_t count;  /* 0: not known, since targets are no classes */
    int64_t stride; /* every so many images of the data set */
    fv_tensor labels, classes, certainty; /* [count]; FV_I64, FV_I64, FV_F64 */
    bool probabilities;                   /* whether certainty is one */
} cli_answers;

typedef struct cli_report {
    const cli_options *options;
    fv_context *context;
    fv_network *network;
    fv_dataset *test, *train; /* train may be NULL */
    cli_history *history;
    const fv_fit_report *fit; /* NULL: long ago */
    const char *command;      /* the line that was typed */
    const char *name;         /* of the network */
    const char *path;         /* of the report */
    const char *held_out;     /* what is tested after each epoch */
    const char *part;         /* of the data, that `test` is */
    /* filled in by cli_report_write() */
    cli_page page;
    int64_t classes;
    fv_scores *scores;
    const int64_t *confusion;
    fv_metrics metrics;
    cli_answers answers;
    bool pictures; /* whether there can be any */
} cli_report;

/* Evaluates the network and writes the report. */
fv_status cli_report_write(cli_report *report);
/* Whether there was a failure that concerns a part of the report only; then it
 * is forgotten, and its sentence written. */
bool cli_forgive(cli_report *report);
/* The command line as one text[bytes]. */
const char *cli_command_line(int argc, char **argv, char *text, size_t bytes);
const char *cli_report_class(const cli_report *r, int64_t index, char *text);

/* Sections, in this order. */
void cli_report_summary(cli_report *report);
void cli_report_curves(cli_report *report);
void cli_report_matrix(cli_report *report);
void cli_report_classes(cli_report *report);
void cli_report_calibration(cli_report *report);
void cli_report_examples(cli_report *report);
void cli_report_balance(cli_report *report);
void cli_report_samples(cli_report *report);
void cli_report_inside(cli_report *report);
void cli_report_network(cli_report *report);

/* ---- answers (report_answers.c) ----------------------------------------- */

/* Runs the network over the data set. */
fv_status cli_answers_find(cli_report *report);
int64_t cli_answer_label(const cli_answers *answers, int64_t i);
int64_t cli_answer_class(const cli_answers *answers, int64_t i);
double cli_answer_certainty(const cli_answers *answers, int64_t i);
/* Its index in the data set. */
int64_t cli_answer_image(const cli_answers *answers, int64_t i);
/* The `most` mistakes (or hits) with the largest (or smallest) certainty, by
 * that; returns how many there are. */
int cli_answers_pick(const cli_answers *answers, bool mistakes, bool largest,
                     int most, int64_t picked[]);

/* ---- charts (report_chart.c) -------------------------------------------- */

/* A line of a chart. */
typedef struct cli_curve {
    const char *name;
    const char *colour; /* "a" to "d", a class of the style sheet */
    const cli_series *series;
    int points;
    double (*value)(const cli_point *point);
} cli_curve;

typedef struct cli_plot {
    const char *title;
    const cli_curve *curves;
    int count;
    bool share; /* values are at most 1 */
} cli_plot;

/* A chart of curves over epochs. */
void cli_plot_draw(cli_page *page, const cli_plot *plot);
/* A step of 1, 2 or 5 times a power of 10 so that `most` steps are enough. */
double cli_tick(double range, int most);

/* ---- pictures (report_pictures.c) --------------------------------------- */

/* An image of a data set as an input of the network, [1, h, w, c]. */
fv_tensor cli_report_input(cli_report *report, const fv_dataset *dataset,
                           int64_t index);
/* The class of an image of the data that is evaluated. */
int64_t cli_report_label(cli_report *report, int64_t index);
/* What of an image is shown: itself, or what transforms make of it. */
typedef enum cli_view {
    CLI_AS_STORED,
    CLI_AS_EVALUATED,
    CLI_AS_TRAINED /* in an epoch */
} cli_view;
/* The same as a picture of bytes, FV_U8 [rows, columns, 1 or 3], of any
 * size. */
fv_tensor cli_report_picture(cli_report *report, const fv_dataset *dataset,
                             int64_t index, cli_view view, int64_t epoch);
/* A picture that is at most so many pixels wide and high; frees the other. */
fv_tensor cli_picture_shrink(fv_context *context, fv_tensor *picture,
                             int64_t most);
/* Writes a picture, FV_U8 [rows, columns, channels], and frees it; `size` is
 * that of its longer side on the page in pixels, 0: its own. */
void cli_put_picture(cli_report *report, fv_tensor *picture, int size,
                     const char *description);
/* Writes image `index` with the label below it, and what it was taken for. */
void cli_put_answer(cli_report *report, int64_t answer, int size);

/* ---- layers (report_layers.c, report_network.c) -------------------------- */

enum { CLI_MOST_LAYERS = 400, CLI_MOST_SOURCES = 16 };

/* A layer of a network, and where it stands in the drawing. */
typedef struct cli_node {
    fv_layer_info info;
    const char *line; /* of the network text, `length` characters */
    size_t length;
    int sources[CLI_MOST_SOURCES]; /* layers that it reads */
    int num_sources;
    int level, column;
    double seconds; /* of a forward pass of one image; NaN: not measured */
} cli_node;

/* Finds the layers of the network, the first CLI_MOST_LAYERS of them; returns
 * how many there are. */
int cli_nodes_find(cli_report *report, cli_node nodes[]);
/* Measures each layer alone. */
void cli_nodes_measure(cli_report *report, cli_node nodes[], int count);

#endif
