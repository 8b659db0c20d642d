/* Values of options as text: tokens, and what reads and writes a value. */
#ifndef FV_LAYER_TEXT_H
#define FV_LAYER_TEXT_H

#include "layer/layer.h"

/* The reader of a line has room for options of so many bytes and so many
 * fields. */
enum { FV__LARGEST_OPTIONS = 1024, FV__MOST_FIELDS = 32 };

/* A token of a line and its place, for messages. */
typedef struct fv__token {
    const char *at;
    size_t length;
    const char *file;
    int line, column; /* from 1 */
} fv__token;

/* Records "<file>:<line>:<column>: ...". */
fv_status fv__token_fail(fv_context *context, const fv__token *token,
                         const char *format, ...) FV_PRINTF(3, 4);
/* Whether the token is that word. */
bool fv__token_is(const fv__token *token, const char *word);

/* Reads a token as the value of a field and stores it in the options. */
fv_status fv__field_read(fv_context *context, const fv__field *field,
                         const fv__token *token, void *options);
/* Stores one of several numbers that are given by position. */
fv_status fv__field_read_element(fv_context *context, const fv__field *field,
                                 const fv__token *token, int32_t element,
                                 void *options);
/* Writes "; did you mean "linear"?" if the token, which is none of the words,
 * resembles one of them, else "". NULL ends the words, "" is not a word.
 * Returns `out`. */
const char *fv__suggestion(const fv__token *token, const char *const *words,
                           char out[64]);
/* The most numbers that a positional field takes. */
int32_t fv__field_elements(const fv__field *field);
/* Appends " value" or " key=value" unless the option is the default. */
void fv__field_write(fv__text *text, const fv__field *field,
                     const void *options);

#endif
