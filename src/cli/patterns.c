/* Lists of patterns of parameters' names, as options have them. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

enum { PATTERN_BYTES = 1024 };

void cli_each_pattern(fv_context *context, const char *option, const char *list,
                      cli_set_pattern *set, void *argument)
{
    char pattern[PATTERN_BYTES];
    const bool numbers = strcmp(option, "freeze") != 0;
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        const size_t length = strcspn(at, ",");
        if (length >= sizeof pattern) {
            fv_fail(context, FV_MISUSE, "--%s: a pattern of %zu characters",
                    option, length);
            return;
        }
        memcpy(pattern, at, length);
        pattern[length] = '\0';
        char *equals = strchr(pattern, '='), *end = NULL;
        double value = 0;
        if (equals) {
            *equals = '\0';
            value = strtod(equals + 1, &end);
        }
        if (!*pattern || (equals && (end == equals + 1 || *end))
            || !equals == numbers)
            fv_fail(context, FV_MISUSE, "--%s %s: expected %s", option, list,
                    numbers ? "PATTERN=NUMBER,..." : "PATTERN,...");
        set(argument, pattern, value);
    }
}

static void freeze(void *network, const char *pattern, double value)
{
    const bool trained = *pattern == '!';
    (void)value;
    fv_set_trained(network, pattern + trained, trained);
}

void cli_freeze(fv_context *context, fv_network *network,
                const cli_options *options)
{
    cli_each_pattern(context, "freeze", options->freeze, freeze, network);
}
