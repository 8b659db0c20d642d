/* Manifests: tables with the paths of pictures, their labels and, if data is
 * divided, their part. */
#include "data/csv.h"
#include "data/data.h"

#include <string.h>

enum { MOST_LABELS = 4096 };
#define MOST_BYTES ((size_t)1 << 32)

/* What the columns are. */
typedef struct columns {
    int64_t path, label, split; /* -1: there is none */
    bool several; /* labels separated by ";", or a column for each class */
    size_t count;
} columns;

/* A manifest while it is read. */
typedef struct manifest {
    const fv__source *source;
    fv_context *context;
    fv__csv *csv;
    char *text;
    size_t bytes;
    columns columns;
    fv__class_list classes;
    char name[512]; /* printable */
    size_t folder;  /* characters of the path before the file's name */
} manifest;

static bool is(const fv__csv_field *field, const char *word)
{
    return field->length == strlen(word)
           && memcmp(field->at, word, field->length) == 0;
}

static bool is_one_of(const fv__csv_field *field, const char *const words[])
{
    for (; *words; words++)
        if (is(field, *words)) return true;
    return false;
}

/* Reads the names of the columns; false if they are those of no manifest. */
static bool read_columns(fv__csv *csv, columns *c)
{
    static const char *const paths[] = { "path",  "file",     "filename",
                                         "image", "filepath", NULL };
    static const char *const labels[] = { "label", "class", NULL };
    static const char *const splits[] = { "split", "part", NULL };
    *c = (columns){ .path = -1, .label = -1, .split = -1, .count = csv->count };
    for (size_t i = 0; i < csv->count; i++) {
        const fv__csv_field *field = &csv->fields[i];
        if (c->path < 0 && is_one_of(field, paths)) c->path = (int64_t)i;
        if (c->label < 0 && is_one_of(field, labels)) c->label = (int64_t)i;
        if (c->label < 0 && is(field, "labels")) {
            c->label = (int64_t)i;
            c->several = true;
        }
        if (c->split < 0 && is_one_of(field, splits)) c->split = (int64_t)i;
    }
    return c->path >= 0
           && csv->count > 1 + (size_t)(c->split >= 0); /* and some label */
}

static void end(manifest *m)
{
    fv__release(m->context, m->text);
    fv__release(m->context, m->csv);
    fv__list_free(&m->classes);
}

/* Reads the file and the names of its columns. */
static bool begin(manifest *m, const fv__source *source, const char *path)
{
    fv_context *context = source->context;
    const char *slash = strrchr(path, '/');
    *m = (manifest){ .source = source,
                     .context = context,
                     .classes = { .context = context },
                     .folder = slash ? (size_t)(slash - path) + 1 : 0 };
    fv__printable(path, strlen(path), m->name, sizeof m->name);
    m->text = fv__read_file(context, path, MOST_BYTES, &m->bytes);
    if (m->text) m->csv = fv__allocate(context, FV__DATA, sizeof *m->csv);
    if (!m->csv) return false;
    fv__csv_begin(m->csv, context, m->name, m->text, m->bytes);
    return fv__csv_row(m->csv) && read_columns(m->csv, &m->columns);
}

/* Starts again behind the names of the columns. Quotes are gone from fields
 * that were read, so the text is read anew. */
static bool rewind_rows(manifest *m, const char *path)
{
    fv__release(m->context, m->text);
    m->text = fv__read_file(m->context, path, MOST_BYTES, &m->bytes);
    if (!m->text) return false;
    fv__csv_begin(m->csv, m->context, m->name, m->text, m->bytes);
    return fv__csv_row(m->csv);
}

/* Reads the next row and checks the number of its fields. */
static bool next(manifest *m)
{
    if (!fv__csv_row(m->csv)) return false;
    if (m->csv->count == m->columns.count) return true;
    fv_fail(m->context, FV_MALFORMED,
            "%s: line %zu: %zu fields, the columns are %zu", m->name,
            m->csv->row, m->csv->count, m->columns.count);
    return false;
}

/* The part of a row; FV__PARTS after a failure. */
static fv__part part_of(const manifest *m)
{
    static const char *const validation[] = { "val", "valid", "validation",
                                              NULL };
    if (m->columns.split < 0) return FV__PART_ALL;
    const fv__csv_field *field = &m->csv->fields[m->columns.split];
    char shown[64];
    if (is(field, "train")) return FV__PART_TRAIN;
    if (is_one_of(field, validation)) return FV__PART_VAL;
    if (is(field, "test")) return FV__PART_TEST;
    fv_fail(m->context, FV_MALFORMED,
            "%s: line %zu: split '%s', must be train, val or test", m->name,
            m->csv->row,
            fv__printable(field->at, field->length, shown, sizeof shown));
    return FV__PARTS;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), bytes = strlen(end);
    return length > bytes && strcmp(text + length - bytes, end) == 0;
}

/* A table that is damaged or lacks the columns has what is asked for, so that
 * opening it says what is wrong. */
static unsigned look(const fv__source *source, const char *path)
{
    fv_context *context = source->context;
    manifest m;
    unsigned parts = 0;
    if (!ends_with(path, ".csv") || fv__file_probe(context, path) != 0
        || fv__is_folder(context, path))
        return 0;
    const bool table = begin(&m, source, path);
    while (table && m.columns.split >= 0 && next(&m)) {
        const fv__part part = part_of(&m);
        if (part < FV__PARTS) parts |= 1u << part;
    }
    if (fv_failed(context) == FV_MALFORMED || fv_failed(context) == FV_IO) {
        fv_clear_error(context);
        parts |= 1u << source->part;
    }
    if (table && m.columns.split < 0) parts = 1;
    if (!table) parts = 1u << source->part;
    end(&m);
    return parts;
}

/* ---- labels -------------------------------------------------------------- */

/* The next of several labels, without spaces around it; false at the end. */
static bool next_label(fv__csv_field *rest, fv__csv_field *label)
{
    while (rest->length && (*rest->at == ';' || *rest->at == ' ')) {
        rest->at++;
        rest->length--;
    }
    if (!rest->length) return false;
    label->at = rest->at;
    label->length = 0;
    while (label->length < rest->length && rest->at[label->length] != ';')
        label->length++;
    rest->at += label->length;
    rest->length -= label->length;
    while (label->length && label->at[label->length - 1] == ' ')
        label->length--;
    return true;
}

/* Finds the classes: all labels of all parts, or the names of columns. */
static void find_classes(manifest *m)
{
    columns *c = &m->columns;
    if (c->label < 0) {
        c->several = true;
        for (size_t i = 0; i < c->count; i++)
            if ((int64_t)i != c->path && (int64_t)i != c->split)
                fv__list_add(&m->classes, m->csv->fields[i].at,
                             m->csv->fields[i].length);
        return;
    }
    while (next(m)) {
        fv__csv_field *rest = &m->csv->fields[c->label], label;
        if (memchr(rest->at, ';', rest->length)) c->several = true;
        while (next_label(rest, &label))
            fv__list_add(&m->classes, label.at, label.length);
        if (m->classes.count > (size_t)1 << 16) fv__list_sort(&m->classes);
    }
    fv__list_sort(&m->classes);
    if (m->classes.count >= FV__MAX_CLASSES)
        fv_fail(m->context, FV_LIMIT, "%s: %zu classes, must be fewer than %d",
                m->name, m->classes.count, FV__MAX_CLASSES);
}

/* The classes of a row whose columns are classes; how many. */
static size_t read_flags(const manifest *m, int64_t labels[MOST_LABELS])
{
    const columns *c = &m->columns;
    size_t count = 0;
    int64_t class_index = 0;
    for (size_t i = 0; i < c->count && fv__ok(m->context); i++) {
        const fv__csv_field *field = &m->csv->fields[i];
        char shown[64];
        if ((int64_t)i == c->path || (int64_t)i == c->split) continue;
        if (is(field, "1"))
            labels[count++] = class_index;
        else if (!is(field, "0") && field->length)
            fv_fail(
                m->context, FV_MALFORMED,
                "%s: line %zu: '%s' in the column of class %s, must be 0 "
                "or 1",
                m->name, m->csv->row,
                fv__printable(field->at, field->length, shown, sizeof shown),
                m->classes.at[class_index]);
        class_index++;
    }
    return count;
}

static size_t read_labels(const manifest *m, int64_t labels[MOST_LABELS])
{
    if (m->columns.label < 0) return read_flags(m, labels);
    fv__csv_field rest = m->csv->fields[m->columns.label], label;
    size_t count = 0;
    while (next_label(&rest, &label)) {
        if (count == MOST_LABELS) {
            fv_fail(m->context, FV_LIMIT,
                    "%s: line %zu: more than %d labels of a picture", m->name,
                    m->csv->row, MOST_LABELS);
            break;
        }
        labels[count++] = fv__list_find(&m->classes, label.at, label.length);
    }
    if (!count && !m->columns.several)
        fv_fail(m->context, FV_MALFORMED, "%s: line %zu: no label", m->name,
                m->csv->row);
    return count;
}

/* ---- rows ---------------------------------------------------------------- */

static void add_row(const manifest *m, fv_dataset *dataset)
{
    const fv__csv_field *file = &m->csv->fields[m->columns.path];
    fv__text path = { .context = m->context, .account = FV__DATA };
    int64_t labels[MOST_LABELS] = { 0 };
    const fv__part part = part_of(m);
    if (part != m->source->part || !fv__ok(m->context)) return;
    if (!file->length || memchr(file->at, '\0', file->length)) {
        fv_fail(m->context, FV_MALFORMED, "%s: line %zu: no path", m->name,
                m->csv->row);
        return;
    }
    const size_t count = read_labels(m, labels);
    fv__text_add(&path, "%.*s%.*s", *file->at == '/' ? 0 : (int)m->folder,
                 m->source->path, (int)file->length, file->at);
    if (fv__ok(m->context)) fv__files_add(dataset, path.at, labels[0]);
    if (m->columns.several) fv__files_add_labels(dataset, count, labels);
    fv__text_free(&path);
}

static fv_dataset *open_manifest(const fv__source *source)
{
    fv_context *context = source->context;
    manifest m;
    fv_dataset *dataset = NULL;
    if (begin(&m, source, source->path))
        find_classes(&m);
    else if (fv__ok(context))
        fv_fail(context, FV_MALFORMED,
                "%s: its first line names no columns \"path\" and \"label\"",
                m.name);
    if (fv__ok(context))
        dataset = fv__files_begin(source, m.columns.several ? FV_TARGET_LABELS
                                                            : FV_TARGET_CLASS);
    if (dataset)
        fv__dataset_name_classes(dataset, m.classes.count,
                                 (const char *const *)m.classes.at);
    if (fv__ok(context) && rewind_rows(&m, source->path))
        while (next(&m) && fv__ok(context)) add_row(&m, dataset);
    end(&m);
    return fv__files_end(dataset, source);
}

const fv__dataset_form fv__form_manifest = { "a manifest", look,
                                             open_manifest };
