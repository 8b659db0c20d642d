/* Reads and writes safetensors files: named tensors behind a small header. */
#include "io/io.h"

#include <stdlib.h>
#include <string.h>

#include "io/json.h"

enum { DIGITS = 8, CHUNK = 4096, NAME_BYTES = 512 };

static void put_hex(uint32_t value, char text[DIGITS + 1])
{
    for (int i = 0; i < DIGITS; i++)
        text[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    text[DIGITS] = '\0';
}

static char *skip_space(char *at, const char *end)
{
    while (at < end && memchr(" \t\n\r", *at, 4)) at++;
    return at;
}

/* The place of the eight digits of the checksum in the JSON; NULL if there are
 * none. In valid JSON the quoted key cannot be part of another text, where its
 * quotes would be escaped. */
static char *find_digest(char *json, size_t size)
{
    static const char key[] = "\"" FV__DIGEST_KEY "\"";
    const size_t length = sizeof key - 1;
    char *const end = json + size;
    for (char *at = json; (at = memchr(at, '"', (size_t)(end - at))); at++) {
        if ((size_t)(end - at) < length || memcmp(at, key, length) != 0)
            continue;
        char *digits = skip_space(at + length, end);
        if (digits == end || *digits != ':') continue;
        digits = skip_space(digits + 1, end);
        if (end - digits < DIGITS + 2 || digits[0] != '"'
            || digits[DIGITS + 1] != '"')
            continue;
        digits++;
        int good = 0;
        while (good < DIGITS && memchr("0123456789abcdef", digits[good], 16))
            good++;
        if (good == DIGITS) return digits;
    }
    return NULL;
}

/* ---- reading ----------------------------------------------------------- */

/* A file while it is read. */
typedef struct reader {
    fv_context *context;
    const char *path; /* printable */
    unsigned char *bytes;
    size_t size, header_size;
} reader;

/* Records what is wrong with the first bytes. */
static void refuse_frame(const reader *r, uint64_t length)
{
    fv_context *context = r->context;
    const bool braced = r->size > 8 && r->bytes[8] == '{';
    const char *kind = braced ? NULL : fv__file_kind(r->bytes, r->size);
    if (kind)
        fv_fail(context, FV_MALFORMED, "%s: %s, not a safetensors file",
                r->path, kind);
    else if (r->size < 8)
        fv_fail(context, FV_MALFORMED,
                "%s: %zu bytes, a safetensors file has 10 or more", r->path,
                r->size);
    else if (length == 0 || length > r->size - 8)
        fv_fail(context, FV_MALFORMED,
                "%s: header of %llu bytes, %zu follow its length", r->path,
                (unsigned long long)length, r->size - 8);
    else if (length > FV__HEADER_LIMIT)
        fv_fail(context, FV_LIMIT, "%s: header of %llu bytes, at most %zu",
                r->path, (unsigned long long)length, FV__HEADER_LIMIT);
    else
        fv_fail(context, FV_MALFORMED, "%s: byte 8: header must begin with {",
                r->path);
}

/* Sets header_size. */
static bool check_frame(reader *r)
{
    uint64_t length = 0;
    for (size_t i = 0; i < 8 && r->size >= 8; i++)
        length |= (uint64_t)r->bytes[i] << (8 * i);
    if (length == 0 || length > FV__HEADER_LIMIT || length > r->size - 8
        || r->bytes[8] != '{') {
        refuse_frame(r, length);
        return false;
    }
    r->header_size = (size_t)length;
    return true;
}

/* Whether the checksum, if there is one, is right. */
static bool check_digest(const reader *r, const char *digits)
{
    if (!digits) return true;
    char found[DIGITS + 1];
    const size_t before = (size_t)((const unsigned char *)digits - r->bytes);
    uint32_t crc = fv__crc32(0, r->bytes, before);
    crc = fv__crc32(crc, "00000000", DIGITS);
    crc = fv__crc32(crc, r->bytes + before + DIGITS, r->size - before - DIGITS);
    put_hex(crc, found);
    if (memcmp(found, digits, DIGITS) == 0) return true;
    fv_fail(r->context, FV_MALFORMED,
            "%s: damaged: its digest is %.8s, the content has %s", r->path,
            digits, found);
    return false;
}

static int by_offset(const void *a, const void *b)
{
    const fv__record *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Sorts the records; their ranges must cover the data section, each byte
 * once. */
static bool check_tiling(const reader *r, fv__header *header)
{
    char shown[100];
    const size_t data = r->size - 8 - r->header_size;
    size_t at = 0;
    qsort(header->records, header->num_records, sizeof *header->records,
          by_offset);
    for (size_t i = 0; i < header->num_records; i++) {
        const fv__record *record = &header->records[i];
        const char *name = record->entry.name;
        fv__printable(name, strlen(name), shown, sizeof shown);
        if (record->begin != at)
            fv_fail(r->context, FV_MALFORMED,
                    "%s: tensor \"%s\": begins at byte %zu, must at %zu",
                    r->path, shown, record->begin, at);
        else if (record->end > data)
            fv_fail(r->context, FV_MALFORMED,
                    "%s: tensor \"%s\": ends at byte %zu, the data at %zu",
                    r->path, shown, record->end, data);
        if (!fv__ok(r->context)) return false;
        at = record->end;
    }
    if (at != data)
        fv_fail(r->context, FV_MALFORMED,
                "%s: %zu bytes follow the last tensor", r->path, data - at);
    return fv__ok(r->context);
}

/* Whether the tensor needs a copy: its data are not aligned, or have another
 * type in the file. */
static bool is_copied(const unsigned char *data, const fv__record *record)
{
    const size_t bytes = fv_dtype_bytes(record->entry.tensor.dtype);
    return record->half || (uintptr_t)(data + record->begin) % bytes != 0;
}

static size_t copy_bytes(const fv__record *record)
{
    const size_t bytes = record->end - record->begin;
    return fv__align(record->half ? 2 * bytes : bytes);
}

static void copy_tensor(const fv__record *record, const unsigned char *at,
                        void *copy)
{
    const size_t bytes = record->end - record->begin;
    float *values = copy;
    if (!record->half) memcpy(copy, at, bytes);
    for (size_t i = 0; record->half && i < bytes / 2; i++)
        values[i] = fv__widen(record->half, at + 2 * i);
}

/* Points the tensors to their data, or to copies. */
static bool place_tensors(fv__archive *archive, unsigned char *data,
                          const fv__header *header)
{
    size_t copied = 0;
    for (size_t i = 0; i < header->num_records; i++)
        if (is_copied(data, &header->records[i]))
            copied += copy_bytes(&header->records[i]);
    unsigned char *copy = fv__allocate(archive->context, FV__DATA, copied);
    archive->copies = copy;
    if (!copy) return false;
    for (size_t i = 0; i < header->num_records; i++) {
        const fv__record *record = &header->records[i];
        fv_tensor *tensor = &archive->entries[i].tensor;
        unsigned char *at = data + record->begin;
        archive->entries[i] = record->entry;
        tensor->data = at;
        if (!is_copied(data, record)) continue;
        copy_tensor(record, at, copy);
        tensor->data = copy;
        copy += copy_bytes(record);
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    const fv_named_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Allocates the lists of `count` entries. */
static bool make_room(fv__archive *archive, size_t count)
{
    fv_context *context = archive->context;
    archive->entries =
        fv__allocate(context, FV__DATA, (count + 1) * sizeof *archive->entries);
    archive->by_name =
        fv__allocate(context, FV__DATA, (count + 1) * sizeof *archive->by_name);
    return archive->entries && archive->by_name;
}

static void sort_entries(fv__archive *archive, size_t count)
{
    archive->num_entries = count;
    for (size_t i = 0; i < count; i++)
        archive->by_name[i] = &archive->entries[i];
    qsort(archive->by_name, count, sizeof *archive->by_name, by_name);
}

/* Moves the members of the header to the archive. */
static bool fill(fv__archive *archive, const reader *r, fv__header *header)
{
    const size_t count = header->num_records;
    archive->pairs = header->pairs;
    archive->num_pairs = header->num_pairs;
    archive->names = header->names;
    archive->has_digest = header->has_digest;
    header->pairs = NULL;
    header->names = NULL;
    if (!make_room(archive, count)
        || !place_tensors(archive, r->bytes + 8 + r->header_size, header))
        return false;
    sort_entries(archive, count);
    return true;
}

static bool read_content(reader *r, fv__archive *archive)
{
    if (!check_frame(r)) return false;
    char *json = (char *)r->bytes + 8;
    const char *digits = find_digest(json, r->header_size);
    if (!check_digest(r, digits)) return false;
    fv__header header = { .context = r->context, .path = r->path };
    bool good = fv__header_parse(&header, json, r->header_size) == FV_OK;
    if (good && header.has_digest && !digits) {
        fv_fail(r->context, FV_MALFORMED,
                "%s: metadata \"" FV__DIGEST_KEY
                "\" must be 8 hexadecimal digits",
                r->path);
        good = false;
    }
    good = good && check_tiling(r, &header) && fill(archive, r, &header);
    fv__header_free(&header);
    return good;
}

fv__archive *fv__safetensors_parse(fv_context *context, const char *path,
                                   void *bytes, size_t size)
{
    fv__archive *archive =
        fv__allocate_zero(context, FV__DATA, sizeof *archive);
    if (!archive) {
        fv__release(context, bytes);
        return NULL;
    }
    archive->context = context;
    archive->bytes = bytes;
    char name[NAME_BYTES];
    reader r = { .context = context, .path = name, .bytes = bytes };
    r.size = size;
    fv__printable(path, strlen(path), name, sizeof name);
    if (read_content(&r, archive)) return archive;
    fv__archive_free(archive);
    return NULL;
}

fv__archive *fv__safetensors_read(fv_context *context, const char *path)
{
    size_t size;
    void *bytes = fv__read_file(context, path, SIZE_MAX / 2, &size);
    return bytes ? fv__safetensors_parse(context, path, bytes, size) : NULL;
}

fv__archive *fv__archive_of(fv_context *context, int64_t count,
                            const fv_named_tensor tensors[])
{
    fv__archive *archive =
        fv__allocate_zero(context, FV__DATA, sizeof *archive);
    if (!archive) return NULL;
    archive->context = context;
    if (make_room(archive, (size_t)count)) {
        memcpy(archive->entries, tensors, (size_t)count * sizeof *tensors);
        sort_entries(archive, (size_t)count);
        return archive;
    }
    fv__archive_free(archive);
    return NULL;
}

/* A name in two parts. */
typedef struct parts {
    const char *begin, *rest;
    size_t begin_length, length;
} parts;

static int compare_name(const void *key, const void *entry)
{
    const parts *wanted = key;
    const char *is = (*(const fv_named_tensor *const *)entry)->name;
    int order = strncmp(wanted->begin, is, wanted->begin_length);
    if (order) return order;
    is += wanted->begin_length;
    order = strncmp(wanted->rest, is, wanted->length);
    return order ? order : -(is[wanted->length] != '\0');
}

const fv_named_tensor *fv__archive_entry(const fv__archive *archive,
                                         const char *begin, size_t begin_length,
                                         const char *rest, size_t length)
{
    const parts wanted = { begin, rest, begin_length, length };
    fv_named_tensor *const *found =
        bsearch(&wanted, archive->by_name, archive->num_entries,
                sizeof *archive->by_name, compare_name);
    return found ? *found : NULL;
}

const fv_tensor *fv__archive_find(const fv__archive *archive, const char *name)
{
    if (!archive || !name) return NULL;
    const fv_named_tensor *entry =
        fv__archive_entry(archive, "", 0, name, strlen(name));
    return entry ? &entry->tensor : NULL;
}

const char *fv__archive_value(const fv__archive *archive, const char *key)
{
    for (size_t i = 0; archive && i < archive->num_pairs; i++)
        if (strcmp(archive->pairs[i].key, key) == 0)
            return archive->pairs[i].value;
    return NULL;
}

void fv__archive_free(fv__archive *archive)
{
    if (!archive) return;
    fv_context *context = archive->context;
    fv__release(context, archive->entries);
    fv__release(context, archive->by_name);
    fv__release(context, archive->pairs);
    fv__release(context, archive->names);
    fv__release(context, archive->copies);
    fv__release(context, archive->bytes);
    fv__release(context, archive);
}

/* ---- writing ----------------------------------------------------------- */

/* Where bytes are written: to the file, or only into the checksum. */
typedef struct sink {
    fv__writer *writer; /* NULL: only the checksum */
    uint32_t crc;
} sink;

static void put(sink *to, const void *bytes, size_t size)
{
    if (to->writer)
        fv__write(to->writer, bytes, size);
    else
        to->crc = fv__crc32(to->crc, bytes, size);
}

/* The elements in row-major order, whatever the strides. */
static void put_strided(sink *to, const fv_tensor *tensor)
{
    const size_t bytes = fv_dtype_bytes(tensor->dtype);
    const int64_t count = fv_tensor_count(tensor);
    const char *data = tensor->data;
    char buffer[CHUNK];
    int64_t index[FV_MAX_RANK] = { 0 };
    int64_t at = 0;
    size_t used = 0;
    for (int64_t i = 0; i < count; i++) {
        memcpy(buffer + used, data + at * (int64_t)bytes, bytes);
        used += bytes;
        if (used == CHUNK || i == count - 1) {
            put(to, buffer, used);
            used = 0;
        }
        for (int32_t axis = tensor->rank - 1; axis >= 0; axis--) {
            at += tensor->stride[axis];
            if (++index[axis] < tensor->shape[axis]) break;
            at -= tensor->shape[axis] * tensor->stride[axis];
            index[axis] = 0;
        }
    }
}

static void put_all(sink *to, const char *header, size_t size,
                    size_t num_entries, const fv_named_tensor *entries)
{
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)size >> (8 * i));
    put(to, length, sizeof length);
    put(to, header, size);
    for (size_t i = 0; i < num_entries; i++) {
        const fv_tensor *tensor = &entries[i].tensor;
        if (fv_tensor_is_contiguous(tensor))
            put(to, tensor->data,
                (size_t)fv_tensor_count(tensor)
                    * fv_dtype_bytes(tensor->dtype));
        else
            put_strided(to, tensor);
    }
}

fv_status fv__safetensors_write(fv_context *context, const char *path,
                                size_t num_entries,
                                const fv_named_tensor *entries,
                                size_t num_pairs, const fv__pair *pairs)
{
    if (!fv__ok(context)) return fv_failed(context);
    char name[NAME_BYTES];
    size_t size = 0;
    if (path) fv__printable(path, strlen(path), name, sizeof name);
    char *header = fv__header_make(context, path ? name : "NULL", num_entries,
                                   entries, num_pairs, pairs, &size);
    if (!header) return fv_failed(context);
    char digits[DIGITS + 1];
    sink digest = { 0 };
    put_all(&digest, header, size, num_entries, entries);
    put_hex(digest.crc, digits);
    memcpy(find_digest(header, size), digits, DIGITS);

    fv__writer writer;
    if (fv__write_begin(&writer, context, path) == FV_OK) {
        sink file = { .writer = &writer };
        put_all(&file, header, size, num_entries, entries);
        fv__write_end(&writer);
    }
    fv__release(context, header);
    return fv_failed(context);
}
