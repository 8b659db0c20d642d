/* Reads tables of comma separated values (RFC 4180): rows of fields, some of
 * them in quotes. */
#include "data/csv.h"

#include <string.h>

/* Makes the field the text between its quotes, in place; "" stands for a
 * quote. */
static bool read_quoted(fv__csv *csv, fv__csv_field *field)
{
    const size_t begin = csv->line;
    char *from = csv->at + 1, *to = from;
    field->at = from;
    for (;; from++) {
        if (from == csv->end) {
            fv_fail(csv->context, FV_MALFORMED,
                    "%s: line %zu: the quote does not end", csv->name, begin);
            return false;
        }
        if (*from == '"') {
            if (from + 1 == csv->end || from[1] != '"') break;
            from++;
        }
        csv->line += *from == '\n';
        *to++ = *from;
    }
    field->length = (size_t)(to - field->at);
    csv->at = from + 1;
    if (csv->at == csv->end || strchr(",\r\n", *csv->at)) return true;
    fv_fail(csv->context, FV_MALFORMED,
            "%s: line %zu: text behind the closing quote", csv->name,
            csv->line);
    return false;
}

static bool read_plain(fv__csv *csv, fv__csv_field *field)
{
    field->at = csv->at;
    while (csv->at < csv->end && *csv->at != ',' && *csv->at != '\r'
           && *csv->at != '\n') {
        if (*csv->at == '"' || *csv->at == '\0') {
            fv_fail(csv->context, FV_MALFORMED,
                    "%s: line %zu: a %s within a field", csv->name, csv->line,
                    *csv->at ? "quote" : "zero byte");
            return false;
        }
        csv->at++;
    }
    field->length = (size_t)(csv->at - field->at);
    return true;
}

bool fv__csv_row(fv__csv *csv)
{
    while (csv->at < csv->end && (*csv->at == '\n' || *csv->at == '\r'))
        csv->line += *csv->at++ == '\n';
    csv->count = 0;
    csv->row = csv->line;
    if (csv->at == csv->end) return false;
    for (;;) {
        if (csv->count == FV__CSV_FIELDS) {
            fv_fail(csv->context, FV_LIMIT,
                    "%s: line %zu: more than %d columns", csv->name, csv->row,
                    FV__CSV_FIELDS);
            return false;
        }
        fv__csv_field *field = &csv->fields[csv->count++];
        const bool quoted = csv->at < csv->end && *csv->at == '"';
        if (!(quoted ? read_quoted : read_plain)(csv, field)) return false;
        if (csv->at == csv->end || *csv->at != ',') return true;
        csv->at++;
    }
}

void fv__csv_begin(fv__csv *csv, fv_context *context, const char *name,
                   char *text, size_t bytes)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8 */
    *csv = (fv__csv){ .context = context,
                      .name = name,
                      .at = text,
                      .end = text + bytes,
                      .line = 1 };
    if (bytes >= 3 && memcmp(text, mark, 3) == 0) csv->at += 3;
}
