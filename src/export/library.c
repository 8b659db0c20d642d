/* The functions that a C file may need. The library is a list of texts, cut at
 * empty lines into definitions; a file gets those whose names occur in what it
 * has already. */
#include "export/export.h"

#include <string.h>

enum { MOST_PIECES = 1024, MOST_NAMES = 2048 };

typedef struct piece {
    const char *text;
    size_t length;
    bool needed, searched;
} piece;

typedef struct definition {
    const char *text;
    size_t length;
    int32_t piece;
} definition;

typedef struct library {
    piece pieces[MOST_PIECES];
    definition names[MOST_NAMES];
    int32_t num_pieces, num_names;
} library;

const char *fv__embedded_text(const char *name)
{
    const fv__embedded *text = fv__embedded_texts;
    while (text->name && strcmp(text->name, name) != 0) text++;
    return (const char *)text->bytes;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '_';
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The next identifier outside of comments, from *at on; NULL if there is none.
 * Numbers are skipped with their letters. */
static const char *next_word(const char **at, const char *end, size_t *length)
{
    const char *p = *at;
    while (p < end) {
        if (end - p >= 2 && p[0] == '/' && p[1] == '*') {
            while (p < end && !(end - p >= 2 && p[0] == '*' && p[1] == '/'))
                p++;
            p = end - p >= 2 ? p + 2 : end;
            continue;
        }
        if (!is_word(*p)) {
            p++;
            continue;
        }
        const char *word = p;
        while (p < end && is_word(*p)) p++;
        if (is_digit(*word)) continue;
        *at = p;
        *length = (size_t)(p - word);
        return word;
    }
    *at = end;
    return NULL;
}

static bool begins(const char *text, const char *end, const char *with)
{
    const size_t length = strlen(with);
    return (size_t)(end - text) >= length && strncmp(text, with, length) == 0;
}

static void add_name(library *l, const char *text, size_t length)
{
    if (l->num_names == MOST_NAMES) return;
    l->names[l->num_names++] = (definition){ text, length, l->num_pieces };
}

/* The names of an enumeration: all identifiers between its braces. */
static void name_enumerators(library *l, const char *line, const char *end)
{
    const char *at = memchr(line, '{', (size_t)(end - line));
    const char *brace = memchr(line, '}', (size_t)(end - line));
    if (brace) end = brace;
    size_t length;
    const char *word;
    while (at && (word = next_word(&at, end, &length)))
        add_name(l, word, length);
}

/* The name that a line at the margin defines: behind #define or struct, else
 * the identifier before the first bracket or equals sign. */
static void name_line(library *l, const char *line, const char *end)
{
    const char *at = line, *word, *last = NULL;
    size_t length, last_length = 0;
    if (begins(line, end, "#define ") || begins(line, end, "typedef struct ")) {
        at += *line == '#' ? 8 : 15;
        word = next_word(&at, end, &length);
        if (word) add_name(l, word, length);
        return;
    }
    if (!is_word(*line) || is_digit(*line)) return;
    const char *stop = line;
    while (stop < end && !strchr("([=;{\n", *stop)) stop++;
    if (stop == end || *stop == '\n') return;
    while ((word = next_word(&at, stop, &length)))
        last = word, last_length = length;
    if (last) add_name(l, last, last_length);
}

/* Where the line after this one begins. */
static const char *next_line(const char *line, const char *end)
{
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    return newline ? newline + 1 : end;
}

static void add_piece(library *l, const char *text, const char *end)
{
    if (l->num_pieces == MOST_PIECES || text == end) return;
    l->pieces[l->num_pieces] =
        (piece){ text, (size_t)(end - text), false, false };
    bool comment = false;
    for (const char *line = text; line < end; line = next_line(line, end)) {
        const char *after = next_line(line, end);
        comment = comment || begins(line, end, "/*");
        if (begins(line, end, "enum {"))
            name_enumerators(l, line, end);
        else if (!comment)
            name_line(l, line, after);
        for (const char *p = line; p + 1 < after; p++)
            if (p[0] == '*' && p[1] == '/') comment = false;
    }
    l->num_pieces++;
}

static void cut(library *l, const fv__embedded *text)
{
    const char *at = (const char *)text->bytes, *end = at + text->size;
    const char *first = at;
    for (; at < end; at = next_line(at, end))
        if (*at == '\n') {
            add_piece(l, first, at);
            first = at + 1;
        }
    add_piece(l, first, end);
}

static void search(library *l, const char *text, const char *end)
{
    size_t length;
    const char *word;
    while ((word = next_word(&text, end, &length)))
        for (int32_t i = 0; i < l->num_names; i++) {
            const definition *n = &l->names[i];
            if (n->length == length && strncmp(n->text, word, length) == 0)
                l->pieces[n->piece].needed = true;
        }
}

void fv__library_write(fv__text *out, const char *text)
{
    library *l = fv__allocate_zero(out->context, FV__DATA, sizeof *l);
    if (!l) return;
    for (const fv__embedded *t = fv__embedded_texts; t->name; t++)
        if (strcmp(t->name, "preamble.c") != 0
            && strcmp(t->name, "main.c") != 0)
            cut(l, t);
    search(l, text, text + strlen(text));
    for (int32_t i = 0; i < l->num_pieces; i++) {
        piece *p = &l->pieces[i];
        if (!p->needed || p->searched) continue;
        p->searched = true;
        search(l, p->text, p->text + p->length);
        i = -1;
    }
    for (int32_t i = 0; i < l->num_pieces; i++)
        if (l->pieces[i].needed)
            fv__text_add(out, "%.*s\n", (int)l->pieces[i].length,
                         l->pieces[i].text);
    fv__release(out->context, l);
}

const char *fv__library_formula(const char *word, const char *name,
                                size_t *length)
{
    const size_t letters = strlen(word), more = strlen(name);
    for (const fv__embedded *t = fv__embedded_texts; t->name; t++) {
        const char *at = (const char *)t->bytes;
        while ((at = strstr(at, word))) {
            at += letters;
            if (*at != '(' || strncmp(at + 1, name, more) != 0
                || at[1 + more] != ',')
                continue;
            const char *formula = at + more + 3, *end = strstr(formula, ");");
            *length = (size_t)(end - formula);
            return formula;
        }
    }
    return NULL;
}
