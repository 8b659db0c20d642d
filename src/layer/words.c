/* Options in a text of words: "adam 0.001 beta1=0.8". */
#include "layer/words.h"

#include <string.h>

enum { MOST_FIELDS = 24 };

static bool space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool fv__words_next(fv__words *words, fv__token *token)
{
    while (space(*words->at)) words->at++;
    *token = (fv__token){ .at = words->at,
                          .file = words->file,
                          .line = words->line ? words->line : 1,
                          .column = (int)(words->at - words->begin) + 1 };
    while (*words->at && !space(*words->at)) words->at++;
    token->length = (size_t)(words->at - token->at);
    return token->length != 0;
}

static const fv__field *positional(const fv__field *fields, const bool seen[])
{
    for (int i = 0; fields[i].key; i++)
        if (fields[i].positional && !seen[i]) return &fields[i];
    return NULL;
}

static fv_status unknown_key(fv_context *context, const char *who,
                             const fv__field *fields, const fv__token *key)
{
    const char *keys[MOST_FIELDS + 1] = { NULL };
    fv__text names = { .context = context, .account = FV__DATA };
    for (int i = 0; i < MOST_FIELDS && fields[i].key; i++) {
        keys[i] = fields[i].key;
        fv__text_add(&names, "%s%s", i ? ", " : "", keys[i]);
    }
    char shown[64], guess[64];
    fv__printable(key->at, key->length, shown, sizeof shown);
    fv__token_fail(context, key, "%s has no option \"%s\" (has: %s)%s", who,
                   shown, names.at ? names.at : "none",
                   fv__suggestion(key, keys, guess));
    fv__text_free(&names);
    return fv_failed(context);
}

/* The field that a word gives a value; `value` becomes that part of it. */
static const fv__field *field_of(fv_context *context, const char *who,
                                 const fv__field *fields, const bool seen[],
                                 fv__token *value)
{
    const char *equals = memchr(value->at, '=', value->length);
    char shown[64];
    if (!equals) {
        const fv__field *next = positional(fields, seen);
        fv__printable(value->at, value->length, shown, sizeof shown);
        if (!next)
            fv__token_fail(context, value, "%s takes no further \"%s\"", who,
                           shown);
        return next;
    }
    fv__token key = *value;
    key.length = (size_t)(equals - value->at);
    value->at = equals + 1;
    value->length -= key.length + 1;
    value->column += (int)key.length + 1;
    for (const fv__field *s = fields; s->key; s++)
        if (fv__token_is(&key, s->key)) return s;
    unknown_key(context, who, fields, &key);
    return NULL;
}

fv_status fv__fields_read(fv__words *words, const char *who,
                          const fv__field *fields, void *options)
{
    fv_context *context = words->context;
    bool seen[MOST_FIELDS] = { false };
    fv__token token;
    for (const fv__field *s = fields; s->key; s++) fv__field_clear(s, options);
    while (fv__words_next(words, &token)) {
        if (!memchr(token.at, '=', token.length)
            && !strchr("+-.0123456789", *token.at)) {
            words->at = token.at;
            break;
        }
        const fv__field *s = field_of(context, who, fields, seen, &token);
        if (!s) return fv_failed(context);
        if (seen[s - fields])
            return fv__token_fail(context, &token, "%s is given twice", s->key);
        seen[s - fields] = true;
        if (!token.length)
            return fv__token_fail(context, &token, "%s has no value", s->key);
        if (fv__field_read(context, s, &token, options) != FV_OK)
            return fv_failed(context);
    }
    for (const fv__field *s = fields; s->key; s++)
        fv__field_resolve(s, options, true);
    return FV_OK;
}
