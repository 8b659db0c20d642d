/* Optimizers as the options of a command say them. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = CLI_OPTIMIZER_TEXT };

char cli_optimizer_help[2 * CLI_OPTIMIZER_TEXT];

void cli_write_optimizer_help(void)
{
    char *help = cli_optimizer_help;
    size_t used = 0;
    const char *name;
    for (int32_t i = 0; (name = fv_optimizer_name(i)) && used < TEXT_BYTES; i++)
        used += (size_t)snprintf(help + used, TEXT_BYTES - used, "%s%s",
                                 i ? ", " : "", name);
    used = strlen(help);
    snprintf(help + used, sizeof cli_optimizer_help - used,
             ", with its options as words behind its name, see below (adam; "
             "sgd with --momentum or --nesterov)");
}

/* Appends " key=value" if there is a value. */
static void add_option(char *text, const char *command, const char *key,
                       const char *value)
{
    const size_t used = strlen(text);
    if (!value) return;
    const int length =
        snprintf(text + used, TEXT_BYTES - used, " %s=%s", key, value);
    if (length < 0 || (size_t)length >= TEXT_BYTES - used)
        cli_refuse(command, "--optimizer: a text of %zu characters",
                   used + strlen(value));
}

/* Makes the optimizer of a network of two numbers, to refuse wrong options. */
static void check(const char *command, const cli_options *o, const char *text)
{
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1));
    if (fv_failed(context) == FV_OK) {
        fv_set_schedule(
            fv_optimizer_parse(
                fv_network_parse(context, "input 1\nlinear 1\n", ""), text),
            o->schedule);
        if (fv_failed(context)) cli_refuse(command, "%s", fv_error(context));
    }
    fv_context_free(context);
}

void cli_write_optimizer(const char *command, const cli_options *o,
                         char text[CLI_OPTIMIZER_TEXT])
{
    const char *name = o->optimizer                 ? o->optimizer
                       : o->momentum || o->nesterov ? "sgd"
                                                    : "adam";
    if (strlen(name) >= TEXT_BYTES)
        cli_refuse(command, "--optimizer: a text of %zu characters",
                   strlen(name));
    for (size_t i = 0; i <= strlen(name); i++)
        text[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a')
                                                   : name[i];
    add_option(text, command, "learning_rate", o->lr);
    add_option(text, command, "momentum", o->momentum);
    add_option(text, command, "nesterov", o->nesterov ? "yes" : NULL);
    add_option(text, command, "weight_decay", o->weight_decay);
    check(command, o, text);
}
