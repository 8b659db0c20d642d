/* What `fovea data` says of a data set, as text and as JSON. */
#include "cli/survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of more classes are left out of the table. */
enum { MOST_CLASSES = 40, MEASURES = 2 };

static const char *const format_names[] = { "values", "PNG", "JPEG" };

static const char *part_name(const cli_survey *s, int64_t part)
{
    return *s->names[part] ? s->names[part] : "all";
}

/* ---- classes ------------------------------------------------------------- */

/* Images of each class in each part, [class][part]. */
typedef struct classes {
    const cli_survey *survey;
    int64_t count;
    int64_t *images;
    int64_t least, most; /* classes of the first part; -1: none */
} classes;

static classes count_classes(const cli_survey *s)
{
    classes c = { .survey = s, .least = -1, .most = -1 };
    if (fv_dataset_target(s->sets[0]) != FV_TARGET_CLASS
        || !fv_dataset_labels(s->sets[0]))
        return c;
    c.count = fv_dataset_classes(s->sets[0]);
    c.images = cli_zeros(s->context, c.count * s->parts, sizeof *c.images);
    if (!c.images) return c;
    for (int64_t i = 0; i < s->count; i++) {
        const cli_item *item = &s->items[i];
        if (item->class_index >= 0 && item->class_index < c.count)
            c.images[item->class_index * s->parts + item->part]++;
    }
    for (int64_t i = 0; i < c.count; i++) {
        const int64_t n = c.images[i * s->parts];
        if (c.least < 0 || n < c.images[c.least * s->parts]) c.least = i;
        if (c.most < 0 || n > c.images[c.most * s->parts]) c.most = i;
    }
    return c;
}

static void class_cell(const void *user, int64_t row, int column, char *text)
{
    const classes *c = user;
    const cli_survey *s = c->survey;
    if (row == 0)
        snprintf(text, CLI_CELL, "%s",
                 column ? part_name(s, column - 1) : "class");
    else if (column == 0 && row <= c->count)
        snprintf(text, CLI_CELL, "%.40s",
                 fv_dataset_class_name(s->sets[0], row - 1));
    else if (column == 0)
        snprintf(text, CLI_CELL, "images");
    else if (row <= c->count)
        cli_number(c->images[(row - 1) * s->parts + column - 1], text);
    else
        cli_number(fv_dataset_count(s->sets[column - 1]), text);
}

static void print_classes(const classes *c)
{
    const cli_survey *s = c->survey;
    classes shown = *c;
    if (shown.count > MOST_CLASSES) shown.count = 0;
    cli_table_print(&(cli_table){ .columns = s->parts + 1,
                                  .align = "lrrr",
                                  .rows = shown.count + 2,
                                  .cell = class_cell,
                                  .user = &shown });
    if (c->least < 0) return;
    char least[CLI_CELL], most[CLI_CELL];
    printf("classes    %" PRId64 ", of %s images (%s) to %s (%s)\n", c->count,
           cli_number(c->images[c->least * s->parts], least),
           fv_dataset_class_name(s->sets[0], c->least),
           cli_number(c->images[c->most * s->parts], most),
           fv_dataset_class_name(s->sets[0], c->most));
}

/* ---- sizes --------------------------------------------------------------- */

/* Least, median and most. */
typedef struct spread {
    int64_t least, median, most;
} spread;

static int compare_numbers(const void *a, const void *b)
{
    const int64_t *first = a, *second = b;
    return *first < *second ? -1 : *first > *second;
}

/* Of the rows, or of the columns, of all pictures; zeros if there are none. */
static spread measure(const cli_survey *s, bool columns)
{
    int64_t n = 0;
    int64_t *all = cli_zeros(s->context, s->count, sizeof *all);
    for (int64_t i = 0; all && i < s->count; i++)
        if (s->items[i].rows)
            all[n++] = columns ? s->items[i].columns : s->items[i].rows;
    if (!n) return (spread){ 0 };
    qsort(all, (size_t)n, sizeof *all, compare_numbers);
    return (spread){ all[0], all[n / 2], all[n - 1] };
}

static void print_sizes(const cli_survey *s)
{
    static const char *const names[] = { "rows", "columns" };
    char number[CLI_CELL];
    for (int i = 0; i < MEASURES; i++) {
        const spread size = measure(s, i);
        if (size.most)
            printf("%-11s%" PRId64 " to %" PRId64 ", median %" PRId64 "\n",
                   names[i], size.least, size.most, size.median);
    }
    for (int i = 0; i < CLI_SIDES; i++)
        if (s->sides[i])
            printf("%s%d to %d: %s\n", "shorter side ", 1 << i, (2 << i) - 1,
                   cli_number(s->sides[i], number));
    for (int f = 0; f <= FV_IMAGE_JPEG; f++)
        for (int c = 1; c <= FV_ITEM_CHANNELS; c++)
            if (s->formats[f][c])
                printf("%-11s%d channel%s: %s\n", format_names[f], c,
                       c == 1 ? "" : "s", cli_number(s->formats[f][c], number));
}

static void print_moments(const cli_survey *s)
{
    if (!s->moments.channels) return;
    printf("augment normalise mean=");
    for (int32_t c = 0; c < s->moments.channels; c++)
        printf("%s%.4g", c ? "," : "", fv_moments_mean(&s->moments, c));
    printf(" std=");
    for (int32_t c = 0; c < s->moments.channels; c++)
        printf("%s%.4g", c ? "," : "", fv_moments_deviation(&s->moments, c));
    putchar('\n');
}

/* ---- images that are equal or alike -------------------------------------- */

/* Where an image is: its file, or its number in its part. */
static const char *place_of(const cli_survey *s, const cli_item *item,
                            char text[CLI_PATH])
{
    const char *path = fv_dataset_path(s->sets[item->part], item->index);
    if (!*path) {
        snprintf(text, CLI_PATH, "%s image %" PRId64, part_name(s, item->part),
                 item->index);
        return text;
    }
    snprintf(text, CLI_PATH, "%s", path);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127) *at = '?';
    return text;
}

static void print_group(const cli_survey *s, const cli_group *group)
{
    char path[CLI_PATH];
    printf("%-11s", group->equal ? "equal" : "alike");
    for (int64_t i = 0; i < group->count; i++) {
        const cli_item *item = &s->items[s->members[group->first + i]];
        printf("%s%s", i ? ", " : "", place_of(s, item, path));
    }
    printf("%s%s\n", group->parts ? "; in several parts" : "",
           group->conflict ? "; of several classes" : "");
}

static void put_groups(const cli_survey *s, const char *key, bool equal)
{
    char path[CLI_PATH];
    cli_json *list = cli_json_array(s->json, key);
    for (int64_t g = 0; g < s->num_groups; g++) {
        const cli_group *group = &s->groups[g];
        if (group->equal != equal) continue;
        cli_json *one = cli_json_object(list, NULL);
        cli_json_flag(one, "parts", group->parts);
        cli_json_flag(one, "classes", group->conflict);
        cli_json *images = cli_json_array(one, "images");
        for (int64_t i = 0; i < group->count; i++)
            cli_json_text(
                images, NULL,
                place_of(s, &s->items[s->members[group->first + i]], path));
    }
}

/* ---- JSON ---------------------------------------------------------------- */

static void put_classes(const classes *c)
{
    const cli_survey *s = c->survey;
    cli_json *parts = cli_json_array(s->json, "parts");
    for (int p = 0; p < s->parts; p++) {
        cli_json *part = cli_json_object(parts, NULL);
        cli_json_text(part, "name", part_name(s, p));
        cli_json_integer(part, "images", fv_dataset_count(s->sets[p]));
        cli_json *list = cli_json_array(part, "classes");
        for (int64_t i = 0; i < c->count; i++) {
            cli_json *one = cli_json_object(list, NULL);
            cli_json_text(one, "name", fv_dataset_class_name(s->sets[0], i));
            cli_json_integer(one, "images", c->images[i * s->parts + p]);
        }
    }
}

static void put_sizes(const cli_survey *s)
{
    static const char *const names[] = { "rows", "columns" };
    for (int i = 0; i < MEASURES; i++) {
        const spread size = measure(s, i);
        cli_json *one = cli_json_object(s->json, names[i]);
        cli_json_integer(one, "least", size.least);
        cli_json_integer(one, "median", size.median);
        cli_json_integer(one, "most", size.most);
    }
    cli_json *sides = cli_json_array(s->json, "sides");
    for (int i = 0; i < CLI_SIDES; i++) {
        if (!s->sides[i]) continue;
        cli_json *one = cli_json_object(sides, NULL);
        cli_json_integer(one, "from", 1 << i);
        cli_json_integer(one, "images", s->sides[i]);
    }
    cli_json *formats = cli_json_array(s->json, "formats");
    for (int f = 0; f <= FV_IMAGE_JPEG; f++)
        for (int c = 1; c <= FV_ITEM_CHANNELS; c++) {
            if (!s->formats[f][c]) continue;
            cli_json *one = cli_json_object(formats, NULL);
            cli_json_text(one, "format", format_names[f]);
            cli_json_integer(one, "channels", c);
            cli_json_integer(one, "images", s->formats[f][c]);
        }
    cli_json *mean = cli_json_array(s->json, "mean");
    cli_json *std = cli_json_array(s->json, "std");
    for (int32_t c = 0; c < s->moments.channels; c++) {
        cli_json_number(mean, NULL, fv_moments_mean(&s->moments, c));
        cli_json_number(std, NULL, fv_moments_deviation(&s->moments, c));
    }
}

/* ---- all ----------------------------------------------------------------- */

int64_t cli_survey_print(cli_survey *s)
{
    const classes c = count_classes(s);
    int64_t problems = s->num_damaged, notes = 0;
    for (int64_t i = 0; i < s->num_groups; i++) {
        const bool problem = s->groups[i].equal || s->groups[i].parts;
        problems += problem;
        notes += !problem;
    }
    if (s->json) {
        put_classes(&c);
        put_sizes(s);
        put_groups(s, "equal", true);
        put_groups(s, "alike", false);
        cli_json_integer(s->json, "problems", problems);
        cli_json_print(s->json, s->context);
        return problems;
    }
    for (int64_t i = 0; i < s->num_groups; i++) print_group(s, &s->groups[i]);
    print_classes(&c);
    print_sizes(s);
    print_moments(s);
    printf("%" PRId64 " problem%s, %" PRId64 " note%s\n", problems,
           problems == 1 ? "" : "s", notes, notes == 1 ? "" : "s");
    return problems;
}
