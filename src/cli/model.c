/* Opens what commands are given: models and parts of data sets. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* Whether the file is a network text: a saved model begins with the length of
 * its header, in eight bytes of which the last are zero. */
static bool is_text(const char *path)
{
    char head[8];
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    const size_t bytes = fread(head, 1, sizeof head, file);
    fclose(file);
    return bytes == sizeof head && !memchr(head, 0, sizeof head);
}

fv_network *cli_load_model(fv_context *context, const char *path)
{
    if (fv_failed(context)) return NULL;
    if (is_text(path)) {
        fv_fail(context, FV_MISUSE,
                "%s: a network text has no weights; expected a saved model",
                path);
        return NULL;
    }
    return fv_network_load(context, path);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

fv_dataset *cli_open_data(fv_context *context, const char *name,
                          const char *part)
{
    char whole[4096];
    if (ends_with(name, ":train") || ends_with(name, ":test"))
        return fv_dataset_open(context, name);
    const int length = snprintf(whole, sizeof whole, "%s:%s", name, part);
    if (length < 0 || (size_t)length >= sizeof whole) {
        fv_fail(context, FV_LIMIT, "data: a name of %zu characters",
                strlen(name));
        return NULL;
    }
    return fv_dataset_open(context, whole);
}
