/* Values of options in the network text: words and numbers, strictly read. */
#include "layer/text.h"

#include <math.h>
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

/* Takes the part up to the next comma from the token; false after the last. */
static bool next_part(fv__token *token, fv__token *part)
{
    *part = *token;
    if (!token->at) return false;
    const char *comma = memchr(token->at, ',', token->length);
    if (!comma) {
        token->at = NULL;
        return true;
    }
    part->length = (size_t)(comma - token->at);
    token->at = comma + 1;
    token->length -= part->length + 1;
    token->column += (int)part->length + 1;
    return true;
}

/* Reads "a", "a,b" or ",b"; a number that is left out is missing. */
static fv_status read_axes(fv_context *context, const fv__field *field,
                           const fv__token *token, int64_t out[FV__AXES])
{
    const int32_t axes = fv__field_axes(field);
    fv__token rest = *token, part;
    char text[64];
    for (int32_t i = 0; next_part(&rest, &part); i++) {
        if (i == axes)
            return fv__token_fail(
                context, &part, "%s \"%s\" is more than the %d number%s of it",
                field->key, shown(&part, text), axes, axes == 1 ? "" : "s");
        if (!part.length && !i && rest.at) continue;
        if (read_count(context, field, &part, &out[i]) != FV_OK)
            return fv_failed(context);
    }
    return FV_OK;
}

/* A number, or ? for one that is open. */
static fv_status read_extent(fv_context *context, const fv__field *field,
                             const fv__token *token, int64_t *out)
{
    if (!fv__token_is(token, "?"))
        return read_count(context, field, token, out);
    *out = FV_OPEN;
    return FV_OK;
}

static fv_status read_extents(fv_context *context, const fv__field *field,
                              const fv__token *token, int64_t *out)
{
    const int32_t most = fv__field_elements(field);
    fv__token rest = *token, part;
    for (int32_t i = 0; next_part(&rest, &part); i++) {
        if (i == most)
            return fv__token_fail(context, &part, "%s has more than %d numbers",
                                  field->key, most);
        if (read_extent(context, field, &part, &out[i]) != FV_OK)
            return fv_failed(context);
    }
    return FV_OK;
}

/* A whole number of any sign. */
static fv_status read_index(fv_context *context, const fv__field *field,
                            const fv__token *token, int64_t *out)
{
    char text[64];
    const bool minus = token->length && *token->at == '-';
    if (token->length - minus > 15
        || !fv__whole_read(token->at + minus, token->length - minus, out))
        return fv__token_fail(context, token,
                              "%s \"%s\" is no whole number of at most 15 "
                              "digits",
                              field->key, shown(token, text));
    if (minus) *out = -*out;
    return FV_OK;
}

static fv_status read_list(fv_context *context, const fv__field *field,
                           const fv__token *token, fv__list *list)
{
    fv__token rest = *token, part;
    while (next_part(&rest, &part)) {
        if (list->count == FV_MAX_RANK)
            return fv__token_fail(context, &part, "%s has more than %d numbers",
                                  field->key, FV_MAX_RANK);
        if (read_index(context, field, &part, &list->at[list->count++])
            != FV_OK)
            return fv_failed(context);
    }
    return FV_OK;
}

/* The layer that is made of the options copies the text again. */
static fv_status read_text(fv_context *context, const fv__token *token,
                           const char **out)
{
    *out = fv__copy_text(context, FV__DATA, token->at, token->length);
    return fv_failed(context);
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

/* "a" or "a,b". */
static fv_status read_interval(fv_context *context, const fv__field *field,
                               const fv__token *token, fv__interval *out)
{
    fv__token rest = *token, part;
    char text[64];
    next_part(&rest, &part);
    if (read_number(context, field, &part, &out->low) != FV_OK)
        return fv_failed(context);
    out->high = (double)NAN;
    if (!next_part(&rest, &part)) return FV_OK;
    if (rest.at)
        return fv__token_fail(context, token,
                              "%s \"%s\" is more than 2 numbers", field->key,
                              shown(token, text));
    return read_number(context, field, &part, &out->high);
}

/* The layer that is made of the options copies the numbers again. */
static fv_status read_numbers(fv_context *context, const fv__field *field,
                              const fv__token *token, fv_numbers *out)
{
    size_t count = 1;
    for (size_t i = 0; i < token->length; i++) count += token->at[i] == ',';
    double *numbers = fv__allocate(context, FV__DATA, count * sizeof *numbers);
    fv__token rest = *token, part;
    *out = (fv_numbers){ .at = numbers };
    while (numbers && next_part(&rest, &part))
        if (read_number(context, field, &part, &numbers[out->count++]) != FV_OK)
            break;
    return fv_failed(context);
}

/* The number of a word; if it is none of the words, the failure lists them. */
static fv_status read_word(fv_context *context, const fv__field *field,
                           const fv__token *token, int *out)
{
    char text[64], guess[64], words[320] = "";
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
        return read_count(context, field, token, counts);
    case FV__FIELD_EXTENTS:
        return read_extents(context, field, token, counts);
    case FV__FIELD_INDEX:
        return read_index(context, field, token, counts);
    case FV__FIELD_LIST:
        return read_list(context, field, token, (fv__list *)(void *)at);
    case FV__FIELD_LABEL:
        status = read_index(context, field, token, counts);
        if (!*counts) *counts = FV_LABEL_0;
        return status;
    case FV__FIELD_NUMBERS:
        return read_numbers(context, field, token, (fv_numbers *)(void *)at);
    case FV__FIELD_TEXT:
        return read_text(context, token, (const char **)(void *)at);
    case FV__FIELD_LIMIT:
        status = read_count(context, field, token, counts);
        if (!*counts) *counts = FV_OFF;
        return status;
    case FV__FIELD_NUMBER:
        return read_number(context, field, token, (double *)(void *)at);
    case FV__FIELD_INTERVAL:
        return read_interval(context, field, token, (fv__interval *)(void *)at);
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
        return read_axes(context, field, token, counts);
    case FV__FIELD_AXES:
        return read_axes(context, field, token, counts);
    }
    return status;
}

int32_t fv__field_elements(const fv__field *field)
{
    switch (field->kind) {
    case FV__FIELD_EXTENTS:
        return FV_MAX_EXTENTS;
    case FV__FIELD_LIST:
        return FV_MAX_RANK;
    case FV__FIELD_AXES:
        return fv__field_axes(field);
    default:
        return 1;
    }
}

fv_status fv__field_read_element(fv_context *context, const fv__field *field,
                                 const fv__token *token, int32_t element,
                                 void *options)
{
    if (fv__field_elements(field) == 1 || field->kind == FV__FIELD_LIST)
        return fv__field_read(context, field, token, options);
    unsigned char *at = (unsigned char *)options + field->offset;
    int64_t *count = (int64_t *)(void *)at + element;
    return field->kind == FV__FIELD_EXTENTS
               ? read_extent(context, field, token, count)
               : read_count(context, field, token, count);
}

/* ---- writing ------------------------------------------------------------ */

static void write_list(fv__text *text, const char *before, const char *between,
                       const fv__list *list)
{
    for (int64_t i = 0; i < list->count; i++)
        fv__text_add(text, "%s%lld", i ? between : before,
                     (long long)list->at[i]);
}

static void write_numbers(fv__text *text, const fv__field *field,
                          const fv_numbers *numbers)
{
    if (numbers->count) fv__text_add(text, " %s=", field->key);
    for (int64_t i = 0; i < numbers->count; i++)
        fv__text_add(text, "%s%s", i ? "," : "", FV__NUMBER(numbers->at[i]));
}

static void write_interval(fv__text *text, const fv__field *field,
                           const void *options)
{
    fv__interval is;
    memcpy(&is, (const unsigned char *)options + field->offset, sizeof is);
    const bool one = isnan(is.high);
    if (is.low == field->usual
        && (one ? field->high == 0 : is.high == field->high))
        return;
    fv__text_add(text, " %s=%s", field->key, FV__NUMBER(is.low));
    if (!one) fv__text_add(text, ",%s", FV__NUMBER(is.high));
}

/* Whether this number and those behind it by position have their defaults. */
static bool ends_in_usual(const fv__field *field, const void *options)
{
    for (; field->key && field->positional; field++)
        if (field->kind != FV__FIELD_NUMBER
            || fv__field_number(field, options) != field->usual)
            return false;
    return true;
}

static void write_positional(fv__text *text, const fv__field *field,
                             const void *options)
{
    const unsigned char *at = (const unsigned char *)options + field->offset;
    const int64_t *counts = (const int64_t *)(const void *)at;
    if (field->kind == FV__FIELD_NUMBER) {
        if (!ends_in_usual(field, options))
            fv__text_add(text, " %s",
                         FV__NUMBER(fv__field_number(field, options)));
        return;
    }
    if (field->kind == FV__FIELD_LIST) {
        write_list(text, " ", " ", (const fv__list *)(const void *)at);
        return;
    }
    if (field->kind == FV__FIELD_INDEX) {
        fv__text_add(text, " %lld", (long long)*counts);
        return;
    }
    for (int32_t i = 0; i < fv__field_elements(field); i++) {
        if (counts[i] == FV_OPEN)
            fv__text_add(text, " ?");
        else if (counts[i] || field->usual != 0)
            fv__text_add(text, " %lld", (long long)counts[i]);
    }
}

static void write_axes(fv__text *text, const fv__field *field,
                       const void *options, const int64_t values[])
{
    const int32_t axes = fv__field_axes(field);
    int64_t usual[FV__AXES];
    bool is_usual = true, equal = true;
    fv__field_usual(field, options, usual);
    for (int32_t i = 0; i < axes; i++) {
        is_usual &= values[i] == usual[i];
        equal &= values[i] == values[0];
    }
    if (is_usual) return;
    fv__text_add(text, " %s=%lld", field->key, (long long)values[0]);
    for (int32_t i = 1; i < axes && !equal; i++)
        fv__text_add(text, ",%lld", (long long)values[i]);
}

static void write_keyed(fv__text *text, const fv__field *field,
                        const void *options)
{
    const unsigned char *at = (const unsigned char *)options + field->offset;
    const int64_t *counts = (const int64_t *)(const void *)at;
    const double *number = (const double *)(const void *)at;
    const char *word_text;
    int32_t word = 0;
    switch (field->kind) {
    case FV__FIELD_EXTENTS: /* positional */
    case FV__FIELD_INTERVAL:
        return;
    case FV__FIELD_LIST:
        if (!*counts) return;
        fv__text_add(text, " %s=", field->key);
        write_list(text, "", ",", (const fv__list *)(const void *)at);
        return;
    case FV__FIELD_TEXT:
        memcpy(&word_text, at, sizeof word_text);
        if (word_text) fv__text_add(text, " %s=%s", field->key, word_text);
        return;
    case FV__FIELD_NUMBERS:
        write_numbers(text, field, (const fv_numbers *)(const void *)at);
        return;
    case FV__FIELD_INDEX:
    case FV__FIELD_COUNT:
        if (*counts != (int64_t)field->usual)
            fv__text_add(text, " %s=%lld", field->key, (long long)*counts);
        return;
    case FV__FIELD_LIMIT: /* FV_OFF and FV_LABEL_0 are 0 */
    case FV__FIELD_LABEL:
        if (*counts)
            fv__text_add(text, " %s=%lld", field->key,
                         *counts < -INT32_MAX ? 0LL : (long long)*counts);
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
    case FV__FIELD_AXES:
        break;
    }
    write_axes(text, field, options, counts);
}

void fv__field_write(fv__text *text, const fv__field *field,
                     const void *options)
{
    if (field->kind == FV__FIELD_INTERVAL)
        write_interval(text, field, options);
    else if (field->positional)
        write_positional(text, field, options);
    else
        write_keyed(text, field, options);
}
