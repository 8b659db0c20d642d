/* Reads and writes the JSON of safetensors headers with jansson, after checking
 * nesting depth and numbers of values itself. */
#include "io/json.h"

#include <stdio.h>
#include <string.h>

void fv__header_free(fv__header *header)
{
    fv__release(header->context, header->records);
    fv__release(header->context, header->pairs);
    fv__release(header->context, header->names);
    header->records = NULL;
    header->pairs = NULL;
    header->names = NULL;
}

#ifdef FOVEA_WITH_JANSSON

#include <jansson.h>

enum { MOST_DEPTH = 32, MOST_TENSORS = 1000000, MOST_NAME = 65536 };

/* Element types of files. All can be read; the first ones, in the order of
 * fv_dtype, can be written. */
static const struct {
    const char *name;
    fv_dtype dtype; /* type in memory */
    fv__half half;
} types[] = {
    { "F32", FV_F32, FV__NO_HALF }, { "F64", FV_F64, FV__NO_HALF },
    { "U8", FV_U8, FV__NO_HALF },   { "I8", FV_I8, FV__NO_HALF },
    { "I16", FV_I16, FV__NO_HALF }, { "I32", FV_I32, FV__NO_HALF },
    { "I64", FV_I64, FV__NO_HALF }, { "BOOL", FV_U8, FV__NO_HALF },
    { "F16", FV_F32, FV__F16 },     { "BF16", FV_F32, FV__BF16 },
};
enum { NUM_TYPES = sizeof types / sizeof types[0] };

/* Element types that cannot be read. */
static const char *const other_types[] = { "U16",     "U32",     "U64",
                                           "F8_E5M2", "F8_E4M3", "F8_E8M0",
                                           "F6_E2M3", "F4",      "F6_E3M2",
                                           "C64" };

/* ---- checks before jansson ------------------------------------------------
 */

/* Number of values that jansson will create. */
typedef struct census {
    size_t objects, lists, others;
} census;

static bool count_things(const fv__header *header, const char *json,
                         size_t size, census *count)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        const char c = json[i];
        if (quoted) {
            i += c == '\\'; /* an escaped quote does not end the text */
            quoted = c != '"';
            continue;
        }
        quoted = c == '"';
        count->objects += c == '{';
        count->lists += c == '[';
        count->others += c == ',' || c == ':' || c == '[';
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (depth > MOST_DEPTH) {
            fv_fail(header->context, FV_MALFORMED,
                    "%s: byte %zu: header nested deeper than %d", header->path,
                    i + 8, (int)MOST_DEPTH);
            return false;
        }
    }
    return true;
}

/* jansson does not use the context's allocator; its memory is counted against
 * the limit here. */
static bool affordable(const fv__header *header, const census *count,
                       size_t size)
{
    fv_context *context = header->context;
    const size_t used = context->memory.bytes + context->memory.data_bytes;
    const size_t most = context->max_bytes;
    const size_t left = most > used ? most - used : 0;
    const size_t needed =
        size + count->objects * 256 + count->lists * 128 + count->others * 96;
    if (count->objects > MOST_TENSORS + 2)
        fv_fail(context, FV_LIMIT, "%s: header has more than %d tensors",
                header->path, (int)MOST_TENSORS);
    else if (needed > left)
        fv_fail(context, FV_LIMIT,
                "%s: header needs up to %zu bytes of memory, %zu are left",
                header->path, needed, left);
    return fv__ok(context);
}

static json_t *load(const fv__header *header, const char *json, size_t size)
{
    json_error_t error;
    json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
    if (root) return root;
    char text[200];
    const bool memory = json_error_code(&error) == json_error_out_of_memory;
    fv__printable(error.text, strlen(error.text), text, sizeof text);
    fv_fail(header->context, memory ? FV_NO_MEMORY : FV_MALFORMED,
            "%s: byte %d: header: %s", header->path, error.position + 8, text);
    return NULL;
}

/* ---- one tensor -------------------------------------------------------- */

/* Records what is wrong with a tensor; always false. */
static bool refuse(const fv__header *header, const char *name, fv_status status,
                   const char *format, ...) FV_PRINTF(4, 5);

static bool refuse(const fv__header *header, const char *name, fv_status status,
                   const char *format, ...)
{
    char shown[100], text[300];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fv__printable(name, strlen(name), shown, sizeof shown);
    fv_fail(header->context, status, "%s: tensor \"%s\": %s", header->path,
            shown, text);
    return false;
}

static const char *keep_text(fv__header *header, const char *text)
{
    const size_t length = strlen(text);
    char *at = header->names + header->names_used;
    memcpy(at, text, length + 1);
    header->names_used += length + 1;
    return at;
}

static bool read_type(const fv__header *header, const char *name,
                      const json_t *value, fv__record *record)
{
    char shown[40];
    const char *type = json_string_value(value);
    if (!type) return refuse(header, name, FV_MALFORMED, "dtype is not a text");
    for (int i = 0; i < NUM_TYPES; i++) {
        if (strcmp(type, types[i].name) == 0) {
            record->entry.tensor.dtype = types[i].dtype;
            record->half = types[i].half;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof other_types / sizeof other_types[0]; i++)
        if (strcmp(type, other_types[i]) == 0)
            return refuse(header, name, FV_UNSUPPORTED,
                          "type %s, Fovea reads F32 F64 U8 I8 I16 I32 I64 BOOL "
                          "F16 BF16",
                          type);
    fv__printable(type, strlen(type), shown, sizeof shown);
    return refuse(header, name, FV_MALFORMED, "unknown type \"%s\"", shown);
}

static bool read_shape(const fv__header *header, const char *name,
                       const json_t *value, fv_tensor *tensor)
{
    int64_t shape[FV_MAX_RANK];
    const size_t rank = json_array_size(value);
    if (!json_is_array(value))
        return refuse(header, name, FV_MALFORMED, "shape is not a list");
    if (rank > FV_MAX_RANK)
        return refuse(header, name, FV_LIMIT, "rank %zu, at most %d", rank,
                      FV_MAX_RANK);
    for (size_t i = 0; i < rank; i++) {
        const json_t *extent = json_array_get(value, i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0)
            return refuse(header, name, FV_MALFORMED,
                          "shape must hold integers, at least 0");
        shape[i] = json_integer_value(extent);
    }
    if (fv__product((int32_t)rank, shape) < 0)
        return refuse(header, name, FV_LIMIT, "2^47 elements or more");
    *tensor = fv_tensor_of(NULL, tensor->dtype, (int32_t)rank, shape);
    return true;
}

static bool read_range(const fv__header *header, const char *name,
                       const json_t *type, const json_t *value,
                       fv__record *record)
{
    const json_t *begin = json_array_get(value, 0);
    const json_t *end = json_array_get(value, 1);
    if (json_array_size(value) != 2 || !json_is_integer(begin)
        || !json_is_integer(end) || json_integer_value(begin) < 0)
        return refuse(header, name, FV_MALFORMED,
                      "data_offsets must be two integers, at least 0");
    const long long from = json_integer_value(begin);
    const long long to = json_integer_value(end);
    if (from > to)
        return refuse(header, name, FV_MALFORMED,
                      "ends at byte %lld, before it begins at %lld", to, from);
    const fv_tensor *tensor = &record->entry.tensor;
    const int64_t count = fv__product(tensor->rank, tensor->shape);
    const size_t bytes = record->half ? 2 : fv_dtype_bytes(tensor->dtype);
    const int64_t size = count * (int64_t)bytes;
    if (to - from != size)
        return refuse(header, name, FV_MALFORMED,
                      "%lld elements of %s are %lld bytes, its range %lld",
                      (long long)count, json_string_value(type),
                      (long long)size, to - from);
    record->begin = (size_t)from;
    record->end = (size_t)to;
    return true;
}

static bool read_tensor(fv__header *header, const char *name,
                        const json_t *value)
{
    fv__record *record = &header->records[header->num_records];
    *record = (fv__record){ .number = header->num_records };
    if (strlen(name) > MOST_NAME)
        return refuse(header, name, FV_LIMIT, "name of %zu bytes, at most %d",
                      strlen(name), (int)MOST_NAME);
    const json_t *type = json_object_get(value, "dtype");
    const json_t *shape = json_object_get(value, "shape");
    const json_t *range = json_object_get(value, "data_offsets");
    if (!type || !shape || !range || json_object_size(value) != 3)
        return refuse(header, name, FV_MALFORMED,
                      "must have dtype, shape and data_offsets alone");
    if (!read_type(header, name, type, record)
        || !read_shape(header, name, shape, &record->entry.tensor)
        || !read_range(header, name, type, range, record))
        return false;
    record->entry.name = keep_text(header, name);
    header->num_records++;
    return true;
}

/* ---- the whole header -----------------------------------------------------
 */

static bool read_pair(fv__header *header, const char *key, const char *value)
{
    if (!value) {
        char shown[100];
        fv__printable(key, strlen(key), shown, sizeof shown);
        fv_fail(header->context, FV_MALFORMED,
                "%s: metadata \"%s\" is not a text", header->path, shown);
        return false;
    }
    if (strcmp(key, FV__DIGEST_KEY) == 0) {
        header->has_digest = true;
        return true;
    }
    fv__pair *pair = &header->pairs[header->num_pairs++];
    pair->key = keep_text(header, key);
    pair->value = keep_text(header, value);
    return true;
}

static bool read_metadata(fv__header *header, json_t *value)
{
    fv_context *context = header->context;
    if (!json_is_object(value)) {
        fv_fail(context, FV_MALFORMED, "%s: metadata is not an object",
                header->path);
        return false;
    }
    const size_t count = json_object_size(value);
    header->pairs =
        fv__allocate(context, FV__DATA, (count + 1) * sizeof *header->pairs);
    if (!header->pairs) return false;
    void *at = json_object_iter(value);
    for (; at; at = json_object_iter_next(value, at))
        if (!read_pair(header, json_object_iter_key(at),
                       json_string_value(json_object_iter_value(at))))
            return false;
    return true;
}

static bool read_root(fv__header *header, json_t *root)
{
    const size_t count = json_object_size(root);
    header->records = fv__allocate(header->context, FV__DATA,
                                   (count + 1) * sizeof *header->records);
    if (!header->records) return false;
    void *at = json_object_iter(root);
    for (; at; at = json_object_iter_next(root, at)) {
        const char *key = json_object_iter_key(at);
        json_t *value = json_object_iter_value(at);
        const bool metadata = strcmp(key, "__metadata__") == 0;
        if (metadata ? !read_metadata(header, value)
                     : !read_tensor(header, key, value))
            return false;
    }
    return true;
}

fv_status fv__header_parse(fv__header *header, const char *json, size_t size)
{
    fv_context *context = header->context;
    census count = { 0, 0, 0 };
    if (!count_things(header, json, size, &count)
        || !affordable(header, &count, size))
        return fv_failed(context);
    json_t *root = load(header, json, size);
    if (!root) return fv_failed(context);
    /* each text has two quotes in the header, so its end fits too */
    header->names = fv__allocate(context, FV__DATA, size);
    if (header->names) read_root(header, root);
    json_decref(root);
    return fv_failed(context);
}

/* ---- writing ----------------------------------------------------------- */

/* Adds `value` under a key that is not there yet and takes it over. */
static bool put(fv_context *context, const char *path, json_t *object,
                const char *key, json_t *value)
{
    char shown[100];
    fv__printable(key, strlen(key), shown, sizeof shown);
    json_t *name = json_string(key);
    const bool legal = name != NULL;
    json_decref(name);
    if (!legal || !value)
        fv_fail(context, FV_MISUSE, "%s: text of \"%s\" is not UTF-8", path,
                shown);
    else if (json_object_get(object, key))
        fv_fail(context, FV_MISUSE, "%s: two entries \"%s\"", path, shown);
    else if (json_object_set(object, key, value))
        fv_fail(context, FV_NO_MEMORY, "%s: no memory for its header", path);
    json_decref(value);
    return fv__ok(context);
}

static json_t *describe(const fv_tensor *tensor, size_t begin, size_t end)
{
    json_t *shape = json_array();
    for (int32_t i = 0; i < tensor->rank; i++)
        json_array_append_new(shape, json_integer(tensor->shape[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", types[tensor->dtype].name,
                     "shape", shape, "data_offsets", (json_int_t)begin,
                     (json_int_t)end);
}

static bool put_metadata(fv_context *context, const char *path, json_t *root,
                         size_t num_pairs, const fv__pair *pairs)
{
    json_t *metadata = json_object();
    put(context, path, metadata, FV__DIGEST_KEY, json_string("00000000"));
    for (size_t i = 0; i < num_pairs && fv__ok(context); i++)
        put(context, path, metadata, pairs[i].key, json_string(pairs[i].value));
    return put(context, path, root, "__metadata__", metadata);
}

static bool put_tensors(fv_context *context, const char *path, json_t *root,
                        size_t num_entries, const fv_named_tensor *entries)
{
    size_t at = 0;
    for (size_t i = 0; i < num_entries && fv__ok(context); i++) {
        const fv_tensor *tensor = &entries[i].tensor;
        const int64_t count = fv_tensor_count(tensor);
        size_t bytes = 0, end = 0;
        if (!entries[i].name || tensor->rank < 0 || (count && !tensor->data)
            || !fv__multiply((size_t)count, fv_dtype_bytes(tensor->dtype),
                             &bytes)
            || !fv__add(at, bytes, &end)) {
            fv_fail(context, FV_MISUSE, "%s: entry %zu is not a named tensor",
                    path, i);
            return false;
        }
        put(context, path, root, entries[i].name, describe(tensor, at, end));
        at = end;
    }
    return fv__ok(context);
}

/* The JSON in our memory, padded with spaces. */
static char *dump(fv_context *context, const char *path, const json_t *root,
                  size_t *size)
{
    const size_t length = json_dumpb(root, NULL, 0, JSON_COMPACT);
    const size_t padded = (length + 7) / 8 * 8;
    if (length == 0)
        fv_fail(context, FV_NO_MEMORY, "%s: no memory for its header", path);
    else if (padded > FV__HEADER_LIMIT)
        fv_fail(context, FV_LIMIT, "%s: header of %zu bytes, at most %zu", path,
                padded, FV__HEADER_LIMIT);
    if (!fv__ok(context)) return NULL;
    char *text = fv__allocate(context, FV__DATA, padded);
    if (!text) return NULL;
    memset(text, ' ', padded);
    json_dumpb(root, text, length, JSON_COMPACT);
    *size = padded;
    return text;
}

char *fv__header_make(fv_context *context, const char *path, size_t num_entries,
                      const fv_named_tensor *entries, size_t num_pairs,
                      const fv__pair *pairs, size_t *size)
{
    json_t *root = json_object();
    char *text = NULL;
    if (!root)
        fv_fail(context, FV_NO_MEMORY, "%s: no memory for its header", path);
    else if (put_metadata(context, path, root, num_pairs, pairs)
             && put_tensors(context, path, root, num_entries, entries))
        text = dump(context, path, root, size);
    json_decref(root);
    return text;
}

/* ---- lists of texts ----------------------------------------------------- */

char *fv__json_write_list(fv_context *context, const char *path, int64_t count,
                          char *const texts[])
{
    json_t *list = json_array();
    bool whole = list != NULL;
    for (int64_t i = 0; i < count && whole; i++)
        whole = json_array_append_new(list, json_string(texts[i])) == 0;
    const size_t length = whole ? json_dumpb(list, NULL, 0, JSON_COMPACT) : 0;
    char *json = NULL;
    if (length)
        json = fv__allocate(context, FV__DATA, length + 1);
    else
        fv_fail(context, FV_NO_MEMORY, "%s: no memory for the names of classes",
                path);
    if (json) {
        json_dumpb(list, json, length, JSON_COMPACT);
        json[length] = '\0';
    }
    json_decref(list);
    return json;
}

const char **fv__json_read_list(fv_context *context, const char *json,
                                int64_t *count)
{
    json_t *list = json_loads(json, 0, NULL), *value;
    size_t i, bytes = 0;
    bool legal = json_is_array(list);
    json_array_foreach(list, i, value)
    {
        legal = legal && json_is_string(value);
        bytes += sizeof(char *) + json_string_length(value) + 1;
    }
    const char **texts = legal ? fv__allocate(context, FV__DATA, bytes) : NULL;
    *count = (int64_t)json_array_size(list);
    char *at = texts ? (char *)(texts + *count) : NULL;
    if (texts) json_array_foreach(list, i, value)
        {
            const size_t length = json_string_length(value) + 1;
            texts[i] = memcpy(at, json_string_value(value), length);
            at += length;
        }
    json_decref(list);
    return texts;
}

#else

static void lacking(fv_context *context, const char *path)
{
    fv_fail(context, FV_UNSUPPORTED,
            "%s: this build of Fovea has no safetensors (jansson)", path);
}

fv_status fv__header_parse(fv__header *header, const char *json, size_t size)
{
    (void)json;
    (void)size;
    lacking(header->context, header->path);
    return fv_failed(header->context);
}

char *fv__header_make(fv_context *context, const char *path, size_t num_entries,
                      const fv_named_tensor *entries, size_t num_pairs,
                      const fv__pair *pairs, size_t *size)
{
    (void)num_entries;
    (void)entries;
    (void)num_pairs;
    (void)pairs;
    (void)size;
    lacking(context, path);
    return NULL;
}

char *fv__json_write_list(fv_context *context, const char *path, int64_t count,
                          char *const texts[])
{
    (void)count;
    (void)texts;
    lacking(context, path);
    return NULL;
}

const char **fv__json_read_list(fv_context *context, const char *json,
                                int64_t *count)
{
    (void)context;
    (void)json;
    *count = 0;
    return NULL;
}

#endif
