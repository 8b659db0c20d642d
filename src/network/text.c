/* The network text: a layer or a transform a line, read and written. */
#include "layer/text.h"
#include "network/network.h"

#include <string.h>

enum { LONGEST_LINE = 65536, MOST_TYPES = 512 };

/* A line being read. */
typedef struct reader {
    fv_context *context;
    const char *at, *end; /* the rest of the line */
    const char *begin;
    const char *file;
    int line;
} reader;

static bool space(char c) { return c == ' ' || c == '\t'; }

/* The next token of the line; false at its end or at a comment. */
static bool next(reader *r, fv__token *token)
{
    while (r->at < r->end && space(*r->at)) r->at++;
    *token = (fv__token){ .at = r->at,
                          .file = r->file,
                          .line = r->line,
                          .column = (int)(r->at - r->begin) + 1 };
    if (r->at == r->end || *r->at == '#') return false;
    while (r->at < r->end && !space(*r->at) && *r->at != '#') r->at++;
    token->length = (size_t)(r->at - token->at);
    return true;
}

/* What has been read of one layer. */
typedef struct recipe {
    const fv__layer_type *type;
    union {
        /* the first members are the same for every layer */
        fv_layer_options first;
        unsigned char bytes[FV__LARGEST_OPTIONS];
        double align;
    } options;
    fv__token name, from, weights; /* length 0: none */
    bool seen[FV__MOST_FIELDS];
    int32_t field, element; /* the next positional number */
} recipe;

/* The n-th positional field or the one after it; NULL if there are no more. */
static const fv__field *positional(recipe *layer)
{
    const fv__field *fields = layer->type->fields;
    for (; fields && fields[layer->field].key; layer->field++) {
        const fv__field *field = &fields[layer->field];
        if (field->positional && layer->element < fv__field_elements(field))
            return field;
        layer->element = 0;
    }
    return NULL;
}

static fv_status read_positional(fv_context *context, recipe *layer,
                                 const fv__token *token)
{
    const fv__field *field = layer->type->fields ? positional(layer) : NULL;
    char shown[64];
    if (!field)
        return fv__token_fail(
            context, token, "%s takes no further \"%s\"", layer->type->kind,
            fv__printable(token->at, token->length, shown, sizeof shown));
    layer->seen[layer->field] = true;
    return fv__field_read_element(context, field, token, layer->element++,
                                  &layer->options);
}

/* Records an unknown option and lists those of the layer. */
static fv_status unknown_key(fv_context *context, const recipe *layer,
                             const fv__token *key)
{
    fv__text names = { .context = context, .account = FV__DATA };
    const char *words[FV__MOST_FIELDS + 4] = { "name", "from", "weights" };
    const fv__field *field = layer->type->fields;
    for (int i = 3; field && field->key; field++, i++) {
        fv__text_add(&names, "%s, ", field->key);
        words[i] = field->key;
    }
    char shown[64], guess[64];
    fv__printable(key->at, key->length, shown, sizeof shown);
    fv__token_fail(context, key,
                   "%s has no option \"%s\" (has: %sname, from, weights)%s",
                   layer->type->kind, shown, names.at ? names.at : "",
                   fv__suggestion(key, words, guess));
    fv__text_free(&names);
    return fv_failed(context);
}

static fv_status read_keyed(fv_context *context, recipe *layer,
                            const fv__token *token, const char *equals)
{
    fv__token key = *token, value = *token;
    key.length = (size_t)(equals - token->at);
    value.at = equals + 1;
    value.length = token->length - key.length - 1;
    value.column += (int)key.length + 1;
    char shown[64];
    fv__printable(key.at, key.length, shown, sizeof shown);
    if (!value.length)
        return fv__token_fail(context, &value, "%s has no value", shown);
    fv__token *kept = fv__token_is(&key, "name")      ? &layer->name
                      : fv__token_is(&key, "from")    ? &layer->from
                      : fv__token_is(&key, "weights") ? &layer->weights
                                                      : NULL;
    if (kept && kept->length)
        return fv__token_fail(context, &key, "%s is given twice", shown);
    if (kept) {
        *kept = value;
        return FV_OK;
    }
    const fv__field *fields = layer->type->fields;
    for (int32_t i = 0; fields && fields[i].key; i++) {
        if (!fv__token_is(&key, fields[i].key)) continue;
        if (layer->seen[i])
            return fv__token_fail(context, &key, "%s is given twice", shown);
        layer->seen[i] = true;
        return fv__field_read(context, &fields[i], &value, &layer->options);
    }
    return unknown_key(context, layer, &key);
}

/* The extents of images are rows, columns, channels in the text, whatever the
 * context's layout. */
static void order_extents(const fv_context *context, recipe *layer)
{
    if (layer->type != &fv__layer_input) return;
    fv_input_options *options = (fv_input_options *)(void *)&layer->options;
    if (options->no_batch || options->type != FV_INPUT_REAL) return;
    fv_shape outside = fv__shape_outside(context, fv__shape_of(options->shape));
    memcpy(options->shape, outside.extent, sizeof options->shape);
}

/* NULL: there is none. */
static char *copy_token(fv_context *context, const fv__token *token)
{
    if (!token->length) return NULL;
    return fv__copy_text(context, FV__DATA, token->at, token->length);
}

static fv_layer *make_layer(fv_context *context, recipe *layer)
{
    const fv__layer_type *type = layer->type;
    char *name = copy_token(context, &layer->name);
    char *from = copy_token(context, &layer->from);
    char *weights = copy_token(context, &layer->weights);
    layer->options.first.size = type->options_size;
    layer->options.first.context = context;
    memcpy(layer->options.bytes + type->name, &name, sizeof name);
    memcpy(layer->options.bytes + type->from, &from, sizeof from);
    memcpy(layer->options.bytes + type->weights, &weights, sizeof weights);
    order_extents(context, layer);
    fv_layer *made = fv__layer_new(type, &layer->options);
    fv__release(context, name);
    fv__release(context, from);
    fv__release(context, weights);
    return made;
}

/* Frees the memory of options, which the layer has copied. */
static void release_fields(fv_context *context, const recipe *layer)
{
    const fv__field *field = layer->type->fields;
    for (; field && field->key; field++)
        fv__release(context, fv__field_memory(field, &layer->options));
}

static fv_status unknown_layer(fv_context *context, const fv__token *kind)
{
    const char *words[MOST_TYPES + 2] = { "augment" };
    for (int i = 0; i < MOST_TYPES && fv__layer_types[i]; i++)
        words[i + 1] = fv__layer_types[i]->kind;
    char shown[64], guess[64];
    fv__printable(kind->at, kind->length, shown, sizeof shown);
    return fv__token_fail(context, kind, "there is no layer \"%s\"%s", shown,
                          fv__suggestion(kind, words, guess));
}

/* Takes the carriage return of CR LF off the line. */
static fv_status end_line(reader *r)
{
    while (r->end > r->begin && r->end[-1] == '\r') r->end--;
    const char *lone = memchr(r->begin, '\r', (size_t)(r->end - r->begin));
    if (!lone) return FV_OK;
    const fv__token at = { .file = r->file,
                           .line = r->line,
                           .column = (int)(lone - r->begin) + 1 };
    return fv__token_fail(r->context, &at,
                          "a carriage return (CR) without a line feed; lines "
                          "end with LF or CR LF");
}

/* Reads the options of a layer from the rest of the line. */
static void read_options(reader *r, recipe *layer)
{
    fv_context *context = r->context;
    const fv__field *field = layer->type->fields;
    fv__token token;
    for (; field && field->key; field++)
        fv__field_clear(field, &layer->options);
    while (fv__ok(context) && next(r, &token)) {
        const char *equals = memchr(token.at, '=', token.length);
        if (equals)
            read_keyed(context, layer, &token, equals);
        else
            read_positional(context, layer, &token);
    }
    for (field = layer->type->fields; field && field->key; field++)
        fv__field_resolve(field, &layer->options, true);
}

/* Reads the first word of the line; false after a failure, and of a line that
 * has none. */
static bool begin_line(reader *r, fv__token *kind)
{
    if (end_line(r) != FV_OK || !next(r, kind)) return false;
    if (r->end - r->begin <= LONGEST_LINE) return true;
    fv__token_fail(r->context, kind, "the line is longer than %d characters",
                   LONGEST_LINE);
    return false;
}

/* The layer of a line, which begins with `kind`; NULL after a failure. */
static fv_layer *read_layer(reader *r, const fv__token *kind)
{
    fv_context *context = r->context;
    recipe layer = { .type = fv__layer_type_find(kind->at, kind->length) };
    if (!layer.type) {
        unknown_layer(context, kind);
        return NULL;
    }
    read_options(r, &layer);
    fv_layer *made = fv__ok(context) ? make_layer(context, &layer) : NULL;
    release_fields(context, &layer);
    return made;
}

/* Reads the rest of the line, up to a comment, as a transform. */
static fv_status read_transform(fv_network *network, const reader *r)
{
    fv_context *context = r->context;
    const char *comment = memchr(r->at, '#', (size_t)(r->end - r->at));
    const char *end = comment ? comment : r->end;
    char *line =
        fv__copy_text(context, FV__DATA, r->begin, (size_t)(end - r->begin));
    if (!line) return fv_failed(context);
    fv__words words = { .context = context,
                        .file = r->file,
                        .begin = line,
                        .at = line + (r->at - r->begin),
                        .line = r->line };
    fv__transforms_read(context, &network->transforms, &words);
    fv__release(context, line);
    return fv_failed(context);
}

static fv_status read_line(fv_network *network, reader *r)
{
    fv_context *context = r->context;
    fv__token kind;
    if (!begin_line(r, &kind)) return fv_failed(context);
    if (fv__token_is(&kind, "augment")) return read_transform(network, r);
    fv_layer *layer = read_layer(r, &kind);
    if (!layer || fv_network_add(network, layer) == FV_OK)
        return fv_failed(context);
    fv__destroy(layer);
    fv__fail_at(context, "%s:%d:%d: ", kind.file, kind.line, kind.column);
    return fv_failed(context);
}

fv_layer *fv_layer_parse(fv_context *context, const char *line)
{
    fv__token kind;
    if (!fv__ok(context)) return NULL;
    if (!line || strchr(line, '\n')) {
        fv_fail(context, FV_MISUSE, "layer: the line is %s",
                line ? "more than one" : "NULL");
        return NULL;
    }
    reader r = { .context = context,
                 .file = "layer",
                 .line = 1,
                 .begin = line,
                 .at = line,
                 .end = line + strlen(line) };
    if (begin_line(&r, &kind)) return read_layer(&r, &kind);
    if (fv__ok(context))
        fv_fail(context, FV_MISUSE, "layer: the line is empty");
    return NULL;
}

/* Refuses what is no text at all. */
static fv_status check_text(fv_context *context, const char *text, size_t bytes,
                            const char *file)
{
    const char *kind = fv__file_kind(text, bytes);
    if (kind)
        return fv_fail(context, FV_MALFORMED,
                       "%s: this is %s, not a network or a model", file, kind);
    if (strlen(text) != bytes)
        return fv_fail(context, FV_MALFORMED, "%s: byte %zu is zero, not text",
                       file, strlen(text));
    if (bytes == 1 && *text > ' ')
        return fv_fail(context, FV_MALFORMED,
                       "%s: the text ends after its first character, as UTF-16 "
                       "text does where it is read as a string (Fovea reads "
                       "UTF-8)",
                       file);
    return FV_OK;
}

static fv_status read_lines(fv_network *network, const char *text,
                            const char *file)
{
    fv_context *context = network->context;
    reader r = { .context = context, .file = file };
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8 */
    if (strncmp(text, mark, sizeof mark - 1) == 0) text += sizeof mark - 1;
    for (const char *line = text, *end; *line; line = end + (*end != 0)) {
        r.begin = r.at = line;
        r.end = end = line + strcspn(line, "\n");
        r.line++;
        if (read_line(network, &r) != FV_OK) return context->status;
    }
    fv__network_end_traces(network);
    if (network->count >= 2) return FV_OK;
    return fv_fail(context, FV_MALFORMED,
                   "%s: %d layers, expected an input and at least one more",
                   file, network->count);
}

fv_network *fv__network_parse(fv_context *context, const char *text,
                              size_t bytes, const char *name)
{
    char file[256];
    fv__printable(name, strlen(name), file, sizeof file);
    if (check_text(context, text, bytes, file) != FV_OK) return NULL;
    fv_network *network = fv_network_new(context, NULL, 0);
    if (network && read_lines(network, text, file) == FV_OK) return network;
    fv__destroy(network);
    return NULL;
}

fv_network *fv_network_parse(fv_context *context, const char *text,
                             const char *name)
{
    if (!fv__ok(context)) return NULL;
    if (!text) {
        fv_fail(context, FV_MISUSE, "network: the text is NULL");
        return NULL;
    }
    return fv__network_parse(context, text, strlen(text),
                             name ? name : "network");
}

/* ---- writing ------------------------------------------------------------ */

static void write_layer(fv__text *text, const fv_layer *layer,
                        const void *options)
{
    fv__text_add(text, "%s", layer->type->kind);
    fv_input_options input;
    if (layer->type == &fv__layer_input) {
        memcpy(&input, layer->options, sizeof input);
        memcpy(input.shape, layer->out_shape.extent, sizeof input.shape);
        options = &input;
    }
    const fv__field *field = layer->type->fields;
    for (; field && field->key; field++) fv__field_write(text, field, options);
    if (layer->named) fv__text_add(text, " name=%s", layer->name);
    if (layer->from) fv__text_add(text, " from=%s", layer->from);
    if (layer->weights) fv__text_add(text, " weights=%s", layer->weights);
    fv__text_add(text, "\n");
}

char *fv__network_write(const fv_network *network, int32_t place,
                        const void *options, const bool left_out[])
{
    fv__text text = { .context = network->context, .account = FV__DATA };
    for (int32_t i = 0; i < network->count; i++) {
        const fv_layer *layer = network->places[i].layer;
        if (!left_out || !left_out[i])
            write_layer(&text, layer, i == place ? options : layer->options);
        if (i == 0) fv__transforms_write(&network->transforms, &text);
    }
    if (!fv__ok(network->context)) fv__text_free(&text);
    return text.at;
}

const char *fv_network_text(fv_network *network)
{
    if (!network || !fv__ok(network->context)) return "";
    if (!network->text)
        network->text = fv__network_write(network, -1, NULL, NULL);
    return network->text ? network->text : "";
}
