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
    .args_doc = "[KIND]",
    .doc = "Show the kinds of layers that a network text may have, or the "
           "options of one: what they are in the text, their defaults, what "
           "the layer computes.",
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
    else
        snprintf(text, CLI_CELL, "%g", option->usual);
    return text;
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

static void print_kind(int32_t index, bool markdown)
{
    const fv_layer_kind_facts facts = fv_layer_kind_at(index);
    char form[CLI_TEXT], usual[CLI_CELL];
    printf(markdown ? "\n## %s\n\n" : "%s: ", facts.kind);
    printf(markdown ? "%s\n\n" : "%s\n", facts.about);
    print_inputs(&facts);
    puts(markdown ? "." : "");
    fv_layer_option option = fv_layer_option_at(index, 0);
    if (option.name && markdown)
        puts("\n| option | is | default |\n|---|---|---|");
    for (int32_t i = 0; option.name; option = fv_layer_option_at(index, ++i))
        printf(markdown ? "| `%s`%s | %s | %s |\n" : "  %-17s%s%-44s %s\n",
               option.name,
               !markdown            ? ""
               : option.by_position ? ", by position"
                                    : "",
               form_of(&option, form), default_of(&option, usual));
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

int cli_layers(int argc, char **argv)
{
    cli_options o = cli_defaults();
    cli_parse(&usage, argc, argv, 0, 1, &o);
    const char *names[CLI_MOST_KINDS + 1] = { NULL };
    int32_t found = -1;
    for (int32_t i = 0; i < CLI_MOST_KINDS && fv_layer_kind_at(i).kind; i++) {
        names[i] = fv_layer_kind_at(i).kind;
        if (o.count && cli_same_word(o.words[0], names[i])) found = i;
    }
    if (o.count && found < 0) {
        const char *meant = cli_meant(o.words[0], names);
        cli_error("there is no layer \"%s\"%s%s%s", o.words[0],
                  meant ? ", did you mean " : "", meant ? meant : "",
                  meant ? "?" : "");
        return CLI_FAILED;
    }
    if (found >= 0)
        print_kind(found, false);
    else if (o.markdown)
        print_page();
    else
        for (int32_t i = 0; names[i]; i++)
            printf("%-24s%s\n", names[i], fv_layer_kind_at(i).about);
    return CLI_DONE;
}
