/* Values of options in the network text: words and numbers, strictly read. */
#include "network/text.h"

#include <string.h>

fv_status fv__token_fail(fv_context *context, const fv__token *token,
                         const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fv_status status = fv__fail_list(context, FV_MALFORMED, format, list);
    va_end(list);
    fv__fail_at(context, "%s:%d:%d: ", token->file, token->line, token->column);
    return status;
}

bool fv__token_is(const fv__token *token, const char *word)
{
    return strlen(word) == token->length
           && !memcmp(word, token->at, token->length);
}

/* For messages: the token's text, printable. */
static const char *shown(const fv__token *token, char out[64])
{
    return fv__printable(token->at, token->length, out, 64);
}

/* Refuses 0 where it is not a value, since in the options it would mean the
 * default. */
static fv_status refuse_zero(fv_context *context, const fv__field *field,
                             const fv__token *token)
{
    return fv__token_fail(context, token,
                          field->kind == FV__FIELD_NUMBER
                              ? "%s 0 is not above 0"
                              : "%s 0 is below 1",
                          field->key);
}

/* A whole number of at least 0. */
static fv_status read_count(fv_context *context, const fv__field *field,
                            const fv__token *token, int64_t *out)
{
    int64_t value;
    bool legal =
        token->length <= 15 && fv__whole_read(token->at, token->length, &value);
    char text[64];
    if (!legal)
        return fv__token_fail(context, token,
                              "%s \"%s\" is no whole number of at most 15 "
                              "digits",
                              field->key, shown(token, text));
    if (!value && field->positive) return refuse_zero(context, field, token);
    *out = value;
    return FV_OK;
}

/* Reads "a", "a,b" or ",b"; a number that is left out is missing. */
static fv_status read_pair(fv_context *context, const fv__field *field,
                           const fv__token *token, int64_t out[2])
{
    const char *comma = memchr(token->at, ',', token->length);
    fv__token first = *token;
    if (comma) first.length = (size_t)(comma - token->at);
    bool given = !comma || first.length;
    fv_status status =
        given ? read_count(context, field, &first, &out[0]) : FV_OK;
    if (status != FV_OK || !comma) return status;
    fv__token second = *token;
    second.at = comma + 1;
    second.length = token->length - first.length - 1;
    second.column += (int)first.length + 1;
    return read_count(context, field, &second, &out[1]);
}

static fv_status read_number(fv_context *context, const fv__field *field,
                             const fv__token *token, double *out)
{
    char text[64];
    double value;
    if (!fv__number_read(token->at, token->length, &value))
        return fv__token_fail(context, token, "%s \"%s\" is no number",
                              field->key, shown(token, text));
    if (value == 0 && field->positive)
        return refuse_zero(context, field, token);
    *out = value;
    return FV_OK;
}

/* The number of a word; if it is none of the words, the failure lists them. */
static fv_status read_word(fv_context *context, const fv__field *field,
                           const fv__token *token, int *out)
{
    char text[64], guess[64], words[160] = "";
    for (int i = 0; field->words[i]; i++) {
        if (*field->words[i] && fv__token_is(token, field->words[i])) {
            *out = i;
            return FV_OK;
        }
        if (!*field->words[i]) continue;
        if (*words) strncat(words, ", ", sizeof words - strlen(words) - 1);
        strncat(words, field->words[i], sizeof words - strlen(words) - 1);
    }
    return fv__token_fail(context, token, "%s \"%s\" is none of %s%s",
                          field->key, shown(token, text), words,
                          fv__suggestion(token, field->words, guess));
}

static fv_status read_switch(fv_context *context, const fv__field *field,
                             const fv__token *token, int32_t *out)
{
    static const char *const words[] = { "yes", "no", NULL };
    char text[64], guess[64];
    bool yes = fv__token_is(token, "yes");
    *out = yes != (field->kind == FV__FIELD_LACK);
    if (yes || fv__token_is(token, "no")) return FV_OK;
    return fv__token_fail(context, token, "%s \"%s\" is neither yes nor no%s",
                          field->key, shown(token, text),
                          fv__suggestion(token, words, guess));
}

fv_status fv__field_read(fv_context *context, const fv__field *field,
                         const fv__token *token, void *options)
{
    unsigned char *at = (unsigned char *)options + field->offset;
    unsigned char *mode = (unsigned char *)options + field->mode;
    int64_t *counts = (int64_t *)(void *)at;
    bool number = token->length && strchr("0123456789,", token->at[0]);
    int word = 0;
    fv_status status = FV_OK;
    switch (field->kind) {
    case FV__FIELD_COUNT:
    case FV__FIELD_EXTENTS:
        return read_count(context, field, token, counts);
    case FV__FIELD_LIMIT:
        status = read_count(context, field, token, counts);
        if (!*counts) *counts = FV_OFF;
        return status;
    case FV__FIELD_NUMBER:
        return read_number(context, field, token, (double *)(void *)at);
    case FV__FIELD_SWITCH:
    case FV__FIELD_LACK:
        return read_switch(context, field, token, (int32_t *)(void *)at);
    case FV__FIELD_WORD:
        status = read_word(context, field, token, &word);
        memcpy(at, &word, sizeof word);
        return status;
    case FV__FIELD_PADDING:
        if (!number) {
            status = read_word(context, field, token, &word);
            memcpy(mode, &word, sizeof word);
            return status;
        }
        return read_pair(context, field, token, counts);
    case FV__FIELD_PAIR:
        return read_pair(context, field, token, counts);
    }
    return status;
}

int32_t fv__field_elements(const fv__field *field)
{
    if (field->kind == FV__FIELD_EXTENTS) return 3;
    return field->kind == FV__FIELD_PAIR ? 2 : 1;
}

fv_status fv__field_read_element(fv_context *context, const fv__field *field,
                                 const fv__token *token, int32_t element,
                                 void *options)
{
    if (fv__field_elements(field) == 1)
        return fv__field_read(context, field, token, options);
    unsigned char *at = (unsigned char *)options + field->offset;
    int64_t *count = (int64_t *)(void *)at + element;
    if (field->kind != FV__FIELD_EXTENTS || !fv__token_is(token, "?"))
        return read_count(context, field, token, count);
    *count = FV_OPEN;
    return FV_OK;
}

/* ---- writing ------------------------------------------------------------ */

static void write_positional(fv__text *text, const fv__field *field,
                             const unsigned char *at)
{
    const int64_t *counts = (const int64_t *)(const void *)at;
    const double *number = (const double *)(const void *)at;
    if (field->kind == FV__FIELD_NUMBER) {
        if (*number == field->usual) return;
        fv__text_add(text, " %s", FV__NUMBER(*number));
        return;
    }
    for (int32_t i = 0; i < fv__field_elements(field); i++) {
        if (counts[i] == FV_OPEN)
            fv__text_add(text, " ?");
        else if (counts[i])
            fv__text_add(text, " %lld", (long long)counts[i]);
    }
}

static void write_pair(fv__text *text, const fv__field *field,
                       const void *options, const int64_t pair[2])
{
    int64_t usual[2];
    fv__field_usual(field, options, usual);
    if (pair[0] == usual[0] && pair[1] == usual[1]) return;
    fv__text_add(text, " %s=%lld", field->key, (long long)pair[0]);
    if (pair[1] != pair[0]) fv__text_add(text, ",%lld", (long long)pair[1]);
}

static void write_keyed(fv__text *text, const fv__field *field,
                        const void *options)
{
    const unsigned char *at = (const unsigned char *)options + field->offset;
    const int64_t *counts = (const int64_t *)(const void *)at;
    const double *number = (const double *)(const void *)at;
    int32_t word = 0;
    switch (field->kind) {
    case FV__FIELD_EXTENTS: /* positional */
        return;
    case FV__FIELD_COUNT:
        if (*counts != (int64_t)field->usual)
            fv__text_add(text, " %s=%lld", field->key, (long long)*counts);
        return;
    case FV__FIELD_LIMIT:
        if (*counts)
            fv__text_add(text, " %s=%lld", field->key,
                         (long long)fv__max(*counts, 0));
        return;
    case FV__FIELD_NUMBER:
        if (*number == field->usual) return;
        fv__text_add(text, " %s=%s", field->key, FV__NUMBER(*number));
        return;
    case FV__FIELD_SWITCH:
    case FV__FIELD_LACK:
        memcpy(&word, at, sizeof word);
        if (word)
            fv__text_add(text, " %s=%s", field->key,
                         field->kind == FV__FIELD_LACK ? "no" : "yes");
        return;
    case FV__FIELD_WORD:
    case FV__FIELD_PADDING:
        memcpy(&word,
               field->kind == FV__FIELD_WORD
                   ? at
                   : (const unsigned char *)options + field->mode,
               sizeof word);
        if (word) fv__text_add(text, " %s=%s", field->key, field->words[word]);
        if (word || field->kind == FV__FIELD_WORD) return;
        break;
    case FV__FIELD_PAIR:
        break;
    }
    write_pair(text, field, options, counts);
}

void fv__field_write(fv__text *text, const fv__field *field,
                     const void *options)
{
    if (field->positional)
        write_positional(text, field,
                         (const unsigned char *)options + field->offset);
    else
        write_keyed(text, field, options);
}
