/* What the files of `fovea data` share. */
#ifndef FV_CLI_SURVEY_H
#define FV_CLI_SURVEY_H

#include "cli/cli.h"

enum { CLI_SIDES = 24 };

/* An image that could be read. */
typedef struct cli_item {
    uint64_t digest, hash;
    int64_t part, index, class_index, rows, columns, channels;
    unsigned char thumbnail[FV_ITEM_THUMBNAIL];
} cli_item;

/* Images that are equal or look alike: `count` of the survey's `members`. */
typedef struct cli_group {
    int64_t first, count;
    bool equal;    /* pixel by pixel */
    bool parts;    /* they are in several parts */
    bool conflict; /* they have several classes */
} cli_group;

/* What is found of a data set. */
typedef struct cli_survey {
    fv_context *context;
    const cli_options *options;
    cli_json *json, *damaged; /* NULL: text is printed */
    int parts;                /* 1 where the data is not divided */
    const char *names[CLI_PARTS];
    fv_dataset *sets[CLI_PARTS];
    cli_item *items;
    int64_t count;
    int64_t *members; /* items of all groups */
    cli_group *groups;
    int64_t num_groups;
    fv_moments moments; /* of the first part */
    int64_t formats[FV_IMAGE_JPEG + 1][FV_ITEM_CHANNELS + 1];
    int64_t sides[CLI_SIDES]; /* shorter sides of 2^i to 2^(i + 1) - 1 */
    int64_t num_damaged;
} cli_survey;

/* Zeroed memory of the context; NULL after a failure. */
void *cli_zeros(fv_context *context, int64_t count, size_t bytes);
/* Finds the groups (twins.c). */
void cli_find_twins(cli_survey *survey);
/* Prints what was found; the number of problems (survey_print.c). */
int64_t cli_survey_print(cli_survey *survey);
/* Writes a picture with some images of each class, a row each (sheet.c). */
void cli_sheet_write(cli_survey *survey, const char *path);
/* Writes a manifest that divides the data (manifest.c). */
void cli_manifest_write(cli_survey *survey, const char *path);

#endif
