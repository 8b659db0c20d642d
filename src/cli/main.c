/* The program `fovea`: finds the command and hands it the rest of the line. */
#include "cli/cli.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

typedef struct command {
    const char *name;  /* as typed */
    const char *whole; /* what messages call it */
    const char *words;
    const char *summary;
    int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
    { "data", "fovea data", "NAME",
      "look at a data set: sizes, classes, damage, duplicates", cli_data },
    { "train", "fovea train", "NET --data NAME",
      "train a network and save it as a model", cli_train },
    { "lrfind", "fovea lrfind", "NET --data NAME",
      "find a learning rate by a test of a range", cli_lrfind },
    { "top", "fovea top", "FILE.jsonl", "follow a training by its log",
      cli_top },
    { "report", "fovea report", "LOG FILE NAME",
      "an HTML page about a training", cli_report_command },
    { "eval", "fovea eval", "FILE --data NAME",
      "accuracy, loss, every class, confusion matrix", cli_eval },
    { "predict", "fovea predict", "FILE IMAGE...",
      "the most probable classes of images", cli_predict },
    { "run", "fovea run", "FILE|NET IN.npy...",
      "run a network on tensors, with gradients", cli_run },
    { "convert", "fovea convert", "FILE OUT", "write a model in another form",
      cli_convert },
    { "info", "fovea info", "FILE|NET",
      "layers, shapes, parameters, work and memory", cli_info },
    { "layers", "fovea layers", "[KIND]",
      "kinds of layers, their options and formulas", cli_layers },
    { "explain", "fovea explain", "FILE|NET",
      "which algorithm each convolution uses, and why", cli_explain },
    { "bench", "fovea bench", "conv|train|infer",
      "how fast convolutions and networks are", cli_bench },
    { "gradcheck", "fovea gradcheck", "NET",
      "compare gradients with central differences", cli_gradcheck },
    { "version", "fovea version", "", "what this program is made of",
      cli_version },
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void usage(FILE *file)
{
    fputs("Usage: fovea COMMAND ...\n"
          "Train, explain and ship convolutional neural networks.\n\n",
          file);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(file, "  %-10s%-19s%s\n", commands[i].name, commands[i].words,
                commands[i].summary);
    fputs(
        "\n`fovea COMMAND --help` tells more. Results go to standard output,\n"
        "progress and errors to standard error. Exit status: 0 done, 1 "
        "failed,\n2 wrong usage, 128 and the signal's number stopped by it.\n",
        file);
}

static const command *find(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[COMMANDS + 1] = { NULL };
    for (int i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
    const char *meant = cli_meant(name, names);
    cli_error("there is no command \"%s\"%s%s%s", name,
              meant ? ", did you mean " : "", meant ? meant : "",
              meant ? "?" : "");
    return CLI_USAGE;
}

static int run(const command *found, int argc, char **argv)
{
    char whole[32];
    snprintf(whole, sizeof whole, "%s", found->whole);
    argv[0] = whole;
    return found->run(argc, argv);
}

static int help(const char *topic)
{
    const command *found = topic ? find(topic) : NULL;
    char word[] = "--help";
    char *line[] = { NULL, word, NULL };
    if (found) return run(found, 2, line);
    if (topic) return unknown(topic);
    usage(stdout);
    return CLI_DONE;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    cli_output_begin();
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name) {
        usage(stderr);
        return CLI_USAGE;
    }
    if (strcmp(name, "help") == 0) return help(argc > 2 ? argv[2] : NULL);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-?") == 0
        || strcmp(name, "-h") == 0)
        return help(NULL);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const command *found = find(name);
    if (found) return run(found, argc - 1, argv + 1);
    unknown(name);
    usage(stderr);
    return CLI_USAGE;
}
