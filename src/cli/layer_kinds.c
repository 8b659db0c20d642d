/* `fovea layers`: the kinds of layers that a network text may have, with their
 * options and formulas. */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct argp_option options[] = {
    { "markdown", CLI_MARKDOWN, NULL, 0, "as the page docs/layers.md", 0 },
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "[KIND]\naugment [KIND]",
    .doc = "Show the kinds of layers that a network text may have, or the "
           "options of one: what they are in the text, their defaults, what "
           "the layer computes. After the word augment, the kinds of "
           "transforms of pictures.",
};

/* "whole number", or the words. */
static const char *form_of(const fv_layer_option *option, char *text)
{
    const bool word = strcmp(option->type, "word") == 0;
    size_t at = 0;
    text[0] = '\0';
    if (!word) at += (size_t)snprintf(text, CLI_TEXT, "%s", option->type);
    if (option->range)
        at += (size_t)snprintf(text + at, CLI_TEXT - at, " %s", option->range);
    for (int i = 0; option->words && option->words[i]; i++)
        if (*option->words[i] && at < CLI_TEXT)
            at += (size_t)snprintf(text + at, CLI_TEXT - at, "%s%s",
                                   at ? ", " : "", option->words[i]);
    return text;
}

static const char *default_of(const fv_layer_option *option, char *text)
{
    const bool word = strcmp(option->type, "word") == 0;
    if (option->required)
        snprintf(text, CLI_CELL, "required");
    else if (option->as)
        snprintf(text, CLI_CELL, "%s", option->as);
    else if (word)
        snprintf(text, CLI_CELL, "%s", option->words[(int)option->usual]);
    else if (strcmp(option->type, "yes or no") == 0)
        snprintf(text, CLI_CELL, option->usual == 0 ? "no" : "yes");
    else if (isnan(option->usual))
        snprintf(text, CLI_CELL, "none");
    else if (isinf(option->usual))
        snprintf(text, CLI_CELL, "no limit");
    else if (option->high != 0)
        snprintf(text, CLI_CELL, "%g,%g", option->usual, option->high);
    else
        snprintf(text, CLI_CELL, "%g", option->usual);
    return text;
}

void cli_print_options(cli_option_at *at, int32_t index, bool markdown)
{
    char form[CLI_TEXT], usual[CLI_CELL];
    fv_layer_option option = at(index, 0);
    if (option.name && markdown)
        puts("\n| option | is | default |\n|---|---|---|");
    for (int32_t i = 0; option.name; option = at(index, ++i))
        printf(markdown ? "| `%s`%s | %s | %s |\n" : "  %-17s%s%-44s %s\n",
               option.name,
               !markdown            ? ""
               : option.by_position ? ", by position"
                                    : "",
               form_of(&option, form), default_of(&option, usual));
}

static void print_inputs(const fv_layer_kind_facts *facts)
{
    if (facts->max_inputs > facts->min_inputs)
        printf("%d to %d inputs", facts->min_inputs, facts->max_inputs);
    else
        printf("%d input%s", facts->min_inputs,
               facts->min_inputs == 1 ? "" : "s");
    printf(facts->loss ? " and a target; ends the network" : "");
}

/* Appends the options of the kind that it cannot be without. */
static void add_required(int32_t index, const char *number, char *text)
{
    fv_layer_option option = fv_layer_option_at(index, 0);
    for (int32_t i = 0; option.name; option = fv_layer_option_at(index, ++i)) {
        const size_t used = strlen(text);
        if (option.required)
            snprintf(text + used, CLI_TEXT - used, " %s",
                     option.words ? option.words[0] : number);
    }
}

/* The shape of an input of `size` and of what the layer of the line makes of
 * it, or of several, if it takes them. */
static bool find_shapes(const char *line, const char *size, int32_t inputs,
                        fv_shape *in, fv_shape *out)
{
    char text[4 * CLI_TEXT], from[CLI_TEXT] = "";
    size_t used = 0;
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1));
    for (int32_t i = 0; i < inputs && i < 8; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "input %s name=x%d\n", size, (int)i);
        snprintf(from + strlen(from), sizeof from - strlen(from), "%sx%d",
                 i ? "," : "", (int)i);
    }
    snprintf(text + used, sizeof text - used, "%s from=%s\n", line, from);
    const fv_network *network = fv_network_parse(context, text, "");
    *in = fv_network_input_shape(network);
    *out = fv_network_output_shape(network);
    const bool found = fv_failed(context) == FV_OK && out->rank >= 0;
    fv_context_free(context);
    return found;
}

/* An example of the shape that the layer makes of another, where one is found.
 */
static void print_shapes(int32_t index, const fv_layer_kind_facts *facts,
                         bool markdown)
{
    static const char *const sizes[] = { "8 8 4", "16", "8 4", "4 8 8 4" };
    static const char *const numbers[] = { "2", "1", "4" };
    enum { SIZES = 4, NUMBERS = 3, TRIES = SIZES * NUMBERS };
    if (facts->loss || !facts->min_inputs) return;
    const int32_t more = facts->max_inputs > facts->min_inputs;
    for (int i = 0; i < TRIES * (1 + more); i++) {
        char line[CLI_TEXT], from[CLI_CELL], to[CLI_CELL];
        fv_shape in, out;
        snprintf(line, sizeof line, "%s", facts->kind);
        add_required(index, numbers[i % NUMBERS], line);
        if (!find_shapes(line, sizes[i % TRIES / NUMBERS],
                         facts->min_inputs + i / TRIES, &in, &out))
            continue;
        printf(markdown ? " `%s`: %s becomes %s." : "%s: %s becomes %s\n", line,
               cli_shape(&in, from),
               out.rank ? cli_shape(&out, to) : "a number");
        return;
    }
}

static void print_kind(int32_t index, bool markdown)
{
    const fv_layer_kind_facts facts = fv_layer_kind_at(index);
    printf(markdown ? "\n## %s\n\n" : "%s: ", facts.kind);
    printf(markdown ? "%s\n\n" : "%s\n", facts.about);
    print_inputs(&facts);
    printf(markdown ? "." : "\n");
    print_shapes(index, &facts, markdown);
    if (markdown) putchar('\n');
    cli_print_options(fv_layer_option_at, index, markdown);
}

static void print_page(void)
{
    puts("# Layers\n\nA line of a network text is the kind of a layer and its "
         "options: those that may\nstand by position, then `option=value`. "
         "Two numbers are written `3,5`, one\nstands for both. Every layer "
         "takes `name=`; to read from others than the one\nabove, "
         "`from=` with names separated by commas; and, to share the "
         "parameters\nof a layer above it of the same kind, `weights=` with "
         "its name. This page is\nwhat `fovea layers --markdown` prints.");
    for (int32_t i = 0; fv_layer_kind_at(i).kind; i++) print_kind(i, true);
}

int32_t cli_find_kind(const char *what, const char *word,
                      const char *const names[])
{
    for (int32_t i = 0; names[i]; i++)
        if (cli_same_word(word, names[i])) return i;
    const char *meant = cli_meant(word, names);
    cli_error("there is no %s \"%s\"%s%s%s", what, word,
              meant ? ", did you mean " : "", meant ? meant : "",
              meant ? "?" : "");
    return -1;
}

int cli_layers(int argc, char **argv)
{
    cli_options o = cli_defaults();
    cli_parse(&usage, argc, argv, 0, 2, &o);
    if (o.count && cli_same_word(o.words[0], "augment"))
        return cli_transforms(&o);
    if (o.count > 1)
        cli_refuse(argv[0], "one word too many: only augment takes another");
    const char *names[CLI_MOST_KINDS + 1] = { NULL };
    for (int32_t i = 0; i < CLI_MOST_KINDS && fv_layer_kind_at(i).kind; i++)
        names[i] = fv_layer_kind_at(i).kind;
    const int32_t found =
        o.count ? cli_find_kind("layer", o.words[0], names) : -1;
    if (o.count && found < 0) return CLI_FAILED;
    if (found >= 0)
        print_kind(found, false);
    else if (o.markdown)
        print_page();
    else
        for (int32_t i = 0; names[i]; i++)
            printf("%-24s%s\n", names[i], fv_layer_kind_at(i).about);
    return CLI_DONE;
}
