/* Numbers in files beside the model. */
#include "onnx/in/importer.h"

#include <stdlib.h>
#include <string.h>

static const char *entry(const fv__onnx_tensor *m, const char *key)
{
    for (size_t i = 0; i < m->n_external_data; i++) {
        const Fv__Onnx__StringStringEntryProto *e = m->external_data[i];
        if (e->key && e->value && strcmp(e->key, key) == 0) return e->value;
    }
    return NULL;
}

/* Whether a path stays in the folder that it begins in. */
static bool stays(const char *path)
{
    if (!*path || *path == '/') return false;
    while (path) {
        if (strncmp(path, "..", 2) == 0 && (!path[2] || path[2] == '/'))
            return false;
        path = strchr(path, '/');
        if (path) path++;
    }
    return true;
}

/* The file of that name in the folder of the model, read once. */
static const fv__onnx_file *open_file(fv__importer *to, const char *location)
{
    for (const fv__onnx_file *f = to->files; f; f = f->next)
        if (strcmp(f->location, location) == 0) return f;
    fv__onnx_file *file = fv__onnx_allocate(to, sizeof *file);
    if (!file) return NULL;
    const char *slash = strrchr(to->path, '/');
    fv__text path = { .context = to->context, .account = FV__DATA };
    fv__text_add(&path, "%.*s%s", slash ? (int)(slash + 1 - to->path) : 0,
                 to->path, location);
    *file = (fv__onnx_file){ .location = location };
    if (path.at)
        file->bytes =
            fv__read_file(to->context, path.at, SIZE_MAX / 2, &file->size);
    fv__text_free(&path);
    if (!file->bytes) return NULL;
    file->next = to->files;
    to->files = file;
    return file;
}

static bool number_of(const fv__onnx_tensor *m, const char *key,
                      size_t fallback, size_t *number)
{
    const char *text = entry(m, key);
    int64_t whole;
    *number = fallback;
    if (!text) return true;
    if (!fv__whole_read(text, strlen(text), &whole)) return false;
    *number = (size_t)whole;
    return true;
}

fv_status fv__onnx_external(fv__importer *to, const char *who,
                            const fv__onnx_tensor *m, const void **data,
                            size_t *bytes)
{
    const char *location = entry(m, "location");
    char shown[256];
    if (!location || !stays(location))
        return fv_fail(to->context, FV_MALFORMED,
                       "%s: its file \"%s\" is not in the folder of the model",
                       who,
                       location ? fv__printable(location, strlen(location),
                                                shown, sizeof shown)
                                : "");
    const fv__onnx_file *file = open_file(to, location);
    if (!file) return fv_failed(to->context);
    size_t offset, length;
    if (!number_of(m, "offset", 0, &offset) || offset > file->size
        || !number_of(m, "length", file->size - offset, &length)
        || length > file->size - offset)
        return fv_fail(
            to->context, FV_MALFORMED,
            "%s: its offset or length is not in \"%s\", which has "
            "%zu bytes",
            who, fv__printable(location, strlen(location), shown, sizeof shown),
            file->size);
    *data = file->bytes + offset;
    *bytes = length;
    return FV_OK;
}
