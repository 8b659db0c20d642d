/* Reads files of convolution shapes: comma-separated, the first line naming
 * the columns. */
#include "cli/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char cli_shape_columns[] =
    "net,layer,N,H,W,C,K,R,S,sh,sw,ph,pw,dh,dw,groups";
const char cli_depth_columns[] = "D,T,sd,pd,dd";

enum { LINE_BYTES = 4096, COLUMNS = CLI_NUMBERS + 2, MOST_FIELDS = 64 };
static const int64_t most = (int64_t)1 << 40;

typedef struct reader {
    fv_context *context;
    const char *path;
    int line;
    int column[COLUMNS]; /* where the file has them, -1: nowhere */
    char *fields[MOST_FIELDS];
    int count; /* of fields in this line */
} reader;

/* Cuts the line at its commas. */
static void cut(reader *r, char *line)
{
    line[strcspn(line, "\r\n")] = '\0';
    r->count = 0;
    for (char *at = line; at && r->count < MOST_FIELDS;) {
        r->fields[r->count++] = at;
        at = strchr(at, ',');
        if (at) *at++ = '\0';
    }
}

/* The name of a column, of those separated by commas. */
static const char *column_name(int column, char *text)
{
    const bool depth = column >= CLI_D + 2;
    const char *at = depth ? cli_depth_columns : cli_shape_columns;
    for (column -= depth ? CLI_D + 2 : 0; column; column--)
        at = strchr(at, ',') + 1;
    snprintf(text, CLI_CELL, "%.*s", (int)strcspn(at, ","), at);
    return text;
}

static fv_status read_heading(reader *r)
{
    char name[CLI_CELL];
    for (int i = 0; i < COLUMNS; i++) {
        int at = 0;
        column_name(i, name);
        while (at < r->count && strcmp(r->fields[at], name) != 0) at++;
        if (at == r->count && i >= CLI_D + 2) at = -1;
        if (at == r->count)
            return fv_fail(r->context, FV_MALFORMED,
                           "%s:%d: there is no column \"%s\" (expected %s)",
                           r->path, r->line, name, cli_shape_columns);
        r->column[i] = at;
    }
    return FV_OK;
}

static fv_status read_number(const reader *r, int column, int64_t *number)
{
    const int at = r->column[column + 2];
    const bool padding =
        column == CLI_PH || column == CLI_PW || column == CLI_PD;
    const int64_t least = padding ? 0 : 1;
    char name[CLI_CELL];
    *number = least;
    if (at < 0) return FV_OK;
    const char *text = r->fields[at];
    const size_t digits = strspn(text, "0123456789");
    errno = 0;
    *number = strtoll(text, NULL, 10);
    if (digits && !text[digits] && !errno && *number >= least
        && *number <= most)
        return FV_OK;
    return fv_fail(r->context, FV_MALFORMED,
                   "%s:%d: %s is \"%.40s\", expected a whole number from %lld "
                   "to %lld",
                   r->path, r->line, column_name(column + 2, name), text,
                   (long long)least, (long long)most);
}

static fv_status read_shape(const reader *r, cli_conv_shape *shape)
{
    for (int i = 0; i < COLUMNS; i++)
        if (r->column[i] >= r->count)
            return fv_fail(r->context, FV_MALFORMED,
                           "%s:%d: %d columns, expected at least %d", r->path,
                           r->line, r->count, r->column[i] + 1);
    snprintf(shape->net, CLI_CELL, "%s", r->fields[r->column[0]]);
    snprintf(shape->layer, CLI_CELL, "%s", r->fields[r->column[1]]);
    shape->numbers = CLI_D;
    for (int i = CLI_D; i < CLI_NUMBERS; i++)
        if (r->column[i + 2] >= 0) shape->numbers = CLI_NUMBERS;
    for (int i = 0; i < CLI_NUMBERS; i++)
        if (read_number(r, i, &shape->number[i]) != FV_OK)
            return fv_failed(r->context);
    return FV_OK;
}

static bool transposed(const cli_conv_shape *shape)
{
    const size_t length = strlen(shape->layer);
    return length >= 2 && strcmp(shape->layer + length - 2, "_T") == 0;
}

void cli_read_shapes(fv_context *context, const char *path,
                     void (*use)(void *user, const cli_conv_shape *shape),
                     void *user)
{
    reader r = { .context = context, .path = path };
    char line[LINE_BYTES];
    cli_conv_shape shape;
    FILE *file = fv_failed(context) ? NULL : fopen(path, "r");
    if (!file)
        fv_fail(context, FV_IO, "%s: cannot open: %s", path, strerror(errno));
    while (!fv_failed(context) && fgets(line, sizeof line, file)) {
        r.line++;
        if (!strchr(line, '\n') && !feof(file))
            fv_fail(context, FV_LIMIT, "%s:%d: a line of over %d characters",
                    path, r.line, LINE_BYTES - 2);
        cut(&r, line);
        if (r.line == 1)
            read_heading(&r);
        else if (line[0] && read_shape(&r, &shape) == FV_OK
                 && !transposed(&shape))
            use(user, &shape);
    }
    if (file && ferror(file))
        fv_fail(context, FV_IO, "%s: cannot read: %s", path, strerror(errno));
    if (!r.line) fv_fail(context, FV_MALFORMED, "%s: the file is empty", path);
    if (file) fclose(file);
}
