/* Recipes as files: options of a command, one a line. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES = 1 << 16, MOST_WORDS = 1024 };

/* The options of a file as words of a command line. */
typedef struct reading {
    const char *command, *path;
    const cli_options *given; /* by the command line */
    char text[2 * FILE_BYTES];
    char *words[MOST_WORDS];
    int count;
} reading;

static bool begins(const char *line, const char *option)
{
    const size_t length = strlen(option);
    return strncmp(line, option, length) == 0
           && (line[length] == '=' || !line[length]);
}

/* Whether the command line says instead what the word says: its transforms,
 * and its optimizer with all that belongs to one. */
static bool overruled(const reading *r, const char *word)
{
    static const char *const rule[] = { "--optimizer",    "--lr",
                                        "--momentum",     "--nesterov",
                                        "--weight-decay", NULL };
    const cli_options *o = r->given;
    if (begins(word, "--augment")) return o->num_augments > 0;
    for (int i = 0; rule[i]; i++)
        if (begins(word, rule[i]))
            return o->optimizer || (i > 1 && (o->momentum || o->nesterov));
    return false;
}

/* "--name value # why" as "--name=value", in place; a value may be quoted. */
static void join(char *line)
{
    char *end = line + strcspn(line, " \t=");
    if (!*end) return;
    char *value = end + 1 + strspn(end + 1, " \t");
    if (*value == '#') value = "";
    size_t length;
    if (*value == '"') {
        length = strcspn(++value, "\"");
    } else {
        const char *comment = strstr(value, " #");
        length = comment ? (size_t)(comment - value) : strlen(value);
        while (length && strchr(" \t\r", value[length - 1])) length--;
    }
    if (length) {
        *end = '=';
        memmove(end + 1, value, length);
        end += 1 + length;
    }
    *end = '\0';
}

static void take_line(reading *r, char *line, int number)
{
    line += strspn(line, " \t");
    line[strcspn(line, "\r")] = '\0';
    if (!*line || *line == '#') return;
    if (strncmp(line, "--", 2) != 0)
        cli_refuse(r->command, "%s:%d: expected an option, --NAME VALUE",
                   r->path, number);
    join(line);
    if (begins(line, "--recipe"))
        cli_refuse(r->command, "%s:%d: a recipe within a recipe", r->path,
                   number);
    if (r->count == MOST_WORDS)
        cli_refuse(r->command, "%s:%d: more than %d options", r->path, number,
                   MOST_WORDS);
    if (!overruled(r, line)) r->words[r->count++] = line;
}

static void read_file(reading *r)
{
    FILE *file = fopen(r->path, "r");
    const size_t bytes = file ? fread(r->text, 1, FILE_BYTES, file) : 0;
    const bool failed = !file || ferror(file);
    if (file) fclose(file);
    if (failed) cli_refuse(r->command, "--recipe %s: cannot be read", r->path);
    if (bytes == FILE_BYTES || memchr(r->text, '\0', bytes))
        cli_refuse(r->command, "--recipe %s: no file of options", r->path);
    r->text[bytes] = '\0';
    int number = 1;
    for (char *line = r->text; line; number++) {
        char *next = strchr(line, '\n');
        if (next) *next++ = '\0';
        take_line(r, line, number);
        line = next;
    }
}

void cli_parse_recipe(const struct argp *argp, int argc, char **argv, int least,
                      int most, cli_options *options)
{
    static reading r;
    cli_options given = *options;
    cli_parse(argp, argc, argv, least, most, &given);
    if (!given.recipe || strcmp(given.recipe, "auto") == 0
        || strcmp(given.recipe, "none") == 0) {
        *options = given;
        return;
    }
    r = (reading){ .command = argv[0], .path = given.recipe, .given = &given };
    r.words[r.count++] = argv[0];
    read_file(&r);
    if (r.count + argc > MOST_WORDS)
        cli_refuse(argv[0], "--recipe %s: too many options", r.path);
    for (int i = 1; i < argc; i++) r.words[r.count++] = argv[i];
    r.words[r.count] = NULL;
    cli_parse(argp, r.count, r.words, least, most, options);
}

void cli_print_recipe(FILE *file, const cli_recipe *recipe)
{
    for (int i = 0; i < recipe->count; i++) {
        char option[2 * CLI_CELL];
        const cli_choice *c = &recipe->choices[i];
        const bool quoted = strchr(c->value, ' ') != NULL;
        snprintf(option, sizeof option, "--%s%s%s%s%s", c->option,
                 *c->value ? " " : "", quoted ? "\"" : "", c->value,
                 quoted ? "\"" : "");
        if (*c->why)
            fprintf(file, "%-42s # %s\n", option, c->why);
        else
            fprintf(file, "%s\n", option);
    }
}
