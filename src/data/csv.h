/* Tables of comma separated values in memory. */
#ifndef FV_DATA_CSV_H
#define FV_DATA_CSV_H

#include "base/base.h"

enum { FV__CSV_FIELDS = 4096 };

typedef struct fv__csv_field {
    char *at; /* without a terminator */
    size_t length;
} fv__csv_field;

/* A table while it is read. */
typedef struct fv__csv {
    fv_context *context;
    const char *name; /* for messages, printable */
    char *at, *end;
    size_t line; /* counted from 1 */
    size_t row;  /* the line where the row begins */
    size_t count;
    fv__csv_field fields[FV__CSV_FIELDS];
} fv__csv;

/* The text is changed where fields have quotes. */
void fv__csv_begin(fv__csv *csv, fv_context *context, const char *name,
                   char *text, size_t bytes);
/* Reads a row that is not empty; false at the end, or after a failure. */
bool fv__csv_row(fv__csv *csv);

#endif
