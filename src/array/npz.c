/* Reads and writes NumPy archives: zip files of NumPy files, one for each
 * array. libzip, which only this file uses, reads and writes the zip format,
 * from and to memory. */
#include "array/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 256 };

#ifdef FOVEA_WITH_ZIP
#include <zip.h>

static const char extension[] = ".npy";
static const char pickle[] = "data.pkl"; /* of a file of torch.save */
enum {
    EXTENSION_BYTES = sizeof extension - 1,
    LONGEST_NAME = 65535 - EXTENSION_BYTES, /* in a zip file */
    /* A byte of deflated data stands for 1032 bytes at most. */
    MOST_INFLATION = 1032
};

/* A file while it is read or written. */
typedef struct archive {
    fv_context *context;
    char path[512]; /* printable */
    zip_t *zip;
} archive;

static archive begin(fv_context *context, const char *path)
{
    archive a = { .context = context };
    fv__printable(path, strlen(path), a.path, sizeof a.path);
    return a;
}

/* Records what libzip complained of, about a part of the file if there is
 * `part`. Always false. */
static bool refuse(archive *a, const char *part, zip_error_t *error)
{
    const bool memory = zip_error_code_zip(error) == ZIP_ER_MEMORY;
    fv_fail(a->context, memory ? FV_NO_MEMORY : FV_MALFORMED, "%s: zip: %s",
            part ? part : a->path, zip_error_strerror(error));
    return false;
}

/* ---- reading ------------------------------------------------------------- */

/* Opens the file, whose bytes remain the caller's. libzip refuses what the
 * directory and the arrays themselves do not agree on. */
static bool open_bytes(archive *a, const void *bytes, size_t size)
{
    if (size < 2 || memcmp(bytes, "PK", 2) != 0) {
        const char *kind = fv__file_kind(bytes, size);
        fv_fail(a->context, FV_MALFORMED, "%s: not a NumPy archive%s%s",
                a->path, kind ? " but " : "", kind ? kind : "");
        return false;
    }
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &error);
    if (source)
        a->zip =
            zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
    if (source && !a->zip) zip_source_free(source);
    if (!a->zip && zip_error_code_zip(&error) == ZIP_ER_EXISTS)
        fv_fail(a->context, FV_MALFORMED, "%s: two arrays have one name",
                a->path);
    else if (!a->zip)
        refuse(a, NULL, &error);
    zip_error_fini(&error);
    return a->zip != NULL;
}

/* "weights.npz: array 'conv1.weight'" */
static const char *part_text(const archive *a, const char *name, size_t length,
                             char out[2 * sizeof a->path])
{
    char shown[NAME_BYTES];
    snprintf(out, 2 * sizeof a->path, "%s: array '%s'", a->path,
             fv__printable(name, length, shown, sizeof shown));
    return out;
}

/* Checks what the directory says about the array. */
static bool check_stat(archive *a, const char *part, const zip_stat_t *stat)
{
    const zip_uint64_t all = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE
                             | ZIP_STAT_COMP_METHOD
                             | ZIP_STAT_ENCRYPTION_METHOD;
    if ((stat->valid & all) != all)
        fv_fail(a->context, FV_MALFORMED, "%s: no size in the directory", part);
    else if (stat->encryption_method != ZIP_EM_NONE)
        fv_fail(a->context, FV_UNSUPPORTED, "%s: encrypted", part);
    else if (stat->comp_method != ZIP_CM_STORE
             && stat->comp_method != ZIP_CM_DEFLATE)
        fv_fail(a->context, FV_UNSUPPORTED,
                "%s: compression method %d is neither store (0) nor deflate "
                "(8)",
                part, stat->comp_method);
    else if (stat->size / MOST_INFLATION > stat->comp_size)
        fv_fail(a->context, FV_MALFORMED,
                "%s: %" PRIu64 " compressed bytes cannot hold %" PRIu64, part,
                (uint64_t)stat->comp_size, (uint64_t)stat->size);
    else if (stat->size > SIZE_MAX)
        fv_fail(a->context, FV_LIMIT, "%s: %" PRIu64 " bytes", part,
                (uint64_t)stat->size);
    return fv__ok(a->context);
}

/* Reads exactly `bytes` more bytes of the array. */
static bool read_bytes(archive *a, const char *part, zip_file_t *file,
                       void *out, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const zip_int64_t got = zip_fread(file, (char *)out + at, bytes - at);
        if (got < 0) return refuse(a, part, zip_file_get_error(file));
        if (got == 0) {
            fv_fail(a->context, FV_MALFORMED, "%s: ends %zu bytes early", part,
                    bytes - at);
            return false;
        }
        at += (size_t)got;
    }
    return true;
}

/* Reads the rest of the array behind its head, up to the checksum. */
static fv_tensor read_rest(archive *a, const char *part, zip_file_t *file,
                           const void *head, size_t present, size_t size)
{
    fv_tensor tensor = fv__tensor_failed();
    char *bytes = fv__allocate(a->context, FV__DATA, size);
    if (!bytes) return tensor;
    memcpy(bytes, head, present);
    char more;
    if (read_bytes(a, part, file, bytes + present, size - present)) {
        const zip_int64_t got = zip_fread(file, &more, 1);
        if (got < 0)
            refuse(a, part, zip_file_get_error(file));
        else if (got > 0)
            fv_fail(a->context, FV_MALFORMED,
                    "%s: more data than the directory says", part);
        else
            tensor = fv__npy_parse(a->context, part, bytes, size);
    }
    fv__release(a->context, bytes);
    return tensor;
}

/* The array at `index`. Its header is read and compared with the size that the
 * directory states before memory is taken for it. */
static fv_tensor read_array(archive *a, zip_uint64_t index, const char *part)
{
    fv_tensor tensor = fv__tensor_failed();
    zip_stat_t stat;
    if (zip_stat_index(a->zip, index, 0, &stat) < 0) {
        refuse(a, part, zip_get_error(a->zip));
        return tensor;
    }
    if (!check_stat(a, part, &stat)) return tensor;
    zip_file_t *file = zip_fopen_index(a->zip, index, 0);
    if (!file) {
        refuse(a, part, zip_get_error(a->zip));
        return tensor;
    }
    const size_t size = (size_t)stat.size;
    const size_t present = size < FV__NPY_HEAD ? size : FV__NPY_HEAD;
    void *head = fv__allocate(a->context, FV__DATA, FV__NPY_HEAD);
    if (head && read_bytes(a, part, file, head, present)
        && fv__npy_check(a->context, part, head, present, size))
        tensor = read_rest(a, part, file, head, present, size);
    fv__release(a->context, head);
    zip_fclose(file);
    return tensor;
}

/* Length of the name in the directory without its extension; -1 after a
 * failure. */
static int64_t name_length(archive *a, zip_uint64_t index, const char **name)
{
    *name = zip_get_name(a->zip, index, 0);
    if (!*name) {
        refuse(a, NULL, zip_get_error(a->zip));
        return -1;
    }
    const size_t length = strlen(*name);
    if (length > EXTENSION_BYTES
        && strcmp(*name + length - EXTENSION_BYTES, extension) == 0)
        return (int64_t)(length - EXTENSION_BYTES);
    char shown[NAME_BYTES];
    if (length >= sizeof pickle - 1
        && strcmp(*name + length - (sizeof pickle - 1), pickle) == 0)
        fv_fail(a->context, FV_UNSUPPORTED,
                "%s: a file of torch.save, which only running code could "
                "rebuild; write its tensors with safetensors.torch.save_file",
                a->path);
    else
        fv_fail(a->context, FV_MALFORMED, "%s: '%s' is not an array (NAME.npy)",
                a->path, fv__printable(*name, length, shown, sizeof shown));
    return -1;
}

/* The list of all arrays, without their elements; list and names are one
 * tensor of bytes, so that they belong to the context. */
static fv_named_tensors list_arrays(archive *a)
{
    fv_named_tensors arrays = { 0 };
    const zip_int64_t count = zip_get_num_entries(a->zip, 0);
    const char *name;
    int64_t bytes = (count + 1) * (int64_t)sizeof *arrays.at;
    for (zip_int64_t i = 0; i < count; i++) {
        const int64_t length = name_length(a, (zip_uint64_t)i, &name);
        if (length < 0) return arrays;
        bytes += length + 1;
    }
    fv_tensor memory = fv_tensor_new(a->context, FV_U8, 1, &bytes);
    if (memory.rank < 0) return arrays;
    arrays = (fv_named_tensors){ count, memory.data };
    char *text = (char *)(arrays.at + count);
    for (zip_int64_t i = 0; i < count; i++) {
        const int64_t length = name_length(a, (zip_uint64_t)i, &name);
        arrays.at[i] = (fv_named_tensor){ text, fv__tensor_failed() };
        if (length > 0) memcpy(text, name, (size_t)length);
        text += fv__max(length, 0) + 1; /* the memory was zero */
    }
    return arrays;
}

static fv_named_tensors read_arrays(archive *a, fv__npz_wanted *wanted,
                                    void *user)
{
    fv_named_tensors arrays = list_arrays(a);
    for (int64_t i = 0; fv__ok(a->context) && i < arrays.count; i++) {
        fv_named_tensor *array = &arrays.at[i];
        if (wanted && !wanted(user, array->name)) continue;
        char part[2 * sizeof a->path];
        part_text(a, array->name, strlen(array->name), part);
        array->tensor = read_array(a, (zip_uint64_t)i, part);
    }
    if (!fv__ok(a->context)) fv_named_tensors_free(a->context, &arrays);
    return arrays;
}

fv_named_tensors fv__npz_parse(fv_context *context, const char *path,
                               const void *bytes, size_t size,
                               fv__npz_wanted *wanted, void *user)
{
    fv_named_tensors arrays = { 0 };
    archive a = begin(context, path);
    if (open_bytes(&a, bytes, size)) {
        arrays = read_arrays(&a, wanted, user);
        zip_discard(a.zip);
    }
    return arrays;
}

fv_named_tensors fv_npz_load(fv_context *context, const char *path)
{
    fv_named_tensors arrays = { 0 };
    size_t size = 0;
    if (!fv__ok(context)) return arrays;
    void *bytes = fv__read_file(context, path, SIZE_MAX, &size);
    if (bytes) arrays = fv__npz_parse(context, path, bytes, size, NULL, NULL);
    fv__release(context, bytes);
    return arrays;
}

/* ---- writing ------------------------------------------------------------- */

/* One array on its way into the file. */
typedef struct piece {
    fv_tensor copy; /* of a tensor that is not stored as it must be written */
    char header[FV__NPY_HEADER];
} piece;

static bool check_tensors(fv_context *context, int64_t count,
                          const fv_named_tensor tensors[])
{
    if (!fv__ok(context)) return false;
    if (count < 1 || !tensors) fv_fail(context, FV_MISUSE, "npz: no tensors");
    for (int64_t i = 0; fv__ok(context) && i < count; i++) {
        const char *name = tensors[i].name;
        if (!name || !*name || !fv__is_utf8(name))
            fv_fail(context, FV_MISUSE,
                    "npz: tensor %" PRId64 " has no name in UTF-8", i);
        else if (strlen(name) > LONGEST_NAME)
            fv_fail(context, FV_LIMIT,
                    "npz: tensor %" PRId64 ": a name of %zu bytes exceeds %d",
                    i, strlen(name), (int)LONGEST_NAME);
        else
            fv__tensor_check(context, "npz", &tensors[i].tensor);
    }
    return fv__ok(context);
}

/* Records why libzip did not take the tensor. Always false. */
static bool refuse_tensor(archive *a, const fv_named_tensor *tensor)
{
    char part[2 * sizeof a->path];
    part_text(a, tensor->name, strlen(tensor->name), part);
    zip_error_t *error = zip_get_error(a->zip);
    if (zip_error_code_zip(error) != ZIP_ER_EXISTS)
        return refuse(a, part, error);
    fv_fail(a->context, FV_MISUSE, "%s is given twice", part);
    return false;
}

/* Adds a tensor, whose memory is read when the file is closed. Dates are the
 * first day that zip has, as NumPy's. */
static bool add_tensor(archive *a, const fv_named_tensor *tensor, piece *made)
{
    const void *elements =
        fv__npy_elements(a->context, &tensor->tensor, &made->copy);
    if (!fv__ok(a->context)) return false;
    zip_buffer_fragment_t parts[2] = { { (void *)made->header, 0 },
                                       { (void *)(uintptr_t)elements, 0 } };
    parts[0].length = fv__npy_header(&tensor->tensor, made->header);
    parts[1].length = fv__tensor_bytes(&tensor->tensor);
    fv__text name = { .context = a->context, .account = FV__DATA };
    fv__text_add(&name, "%s%s", tensor->name, extension);
    zip_source_t *source = NULL;
    zip_int64_t index = -1;
    if (fv__ok(a->context)) {
        source = zip_source_buffer_fragment_create(
            parts, parts[1].length ? 2 : 1, 0, zip_get_error(a->zip));
        if (source)
            index = zip_file_add(a->zip, name.at, source, ZIP_FL_ENC_UTF_8);
        if (source && index < 0) zip_source_free(source);
        if (index < 0
            || zip_set_file_compression(a->zip, (zip_uint64_t)index,
                                        ZIP_CM_STORE, 0)
                   < 0
            || zip_file_set_dostime(a->zip, (zip_uint64_t)index, 0, 33, 0) < 0)
            refuse_tensor(a, tensor);
    }
    fv__text_free(&name);
    return fv__ok(a->context);
}

/* Writes the archive that libzip made in memory to the file. */
static void write_file(archive *a, const char *path, zip_source_t *made)
{
    enum { AT_ONCE = 1 << 16 };
    char *buffer = fv__allocate(a->context, FV__DATA, AT_ONCE);
    fv__writer writer;
    if (buffer && zip_source_open(made) < 0)
        refuse(a, NULL, zip_source_error(made));
    if (fv__ok(a->context)
        && fv__write_begin(&writer, a->context, path) == FV_OK) {
        zip_int64_t got;
        while ((got = zip_source_read(made, buffer, AT_ONCE)) > 0)
            fv__write(&writer, buffer, (size_t)got);
        if (got < 0) refuse(a, NULL, zip_source_error(made));
        fv__write_end(&writer);
    }
    fv__release(a->context, buffer);
}

/* Makes the archive in memory of libzip, to be freed with zip_source_free; NULL
 * after a failure. */
static zip_source_t *make_archive(archive *a, int64_t count,
                                  const fv_named_tensor tensors[],
                                  piece pieces[])
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *made = zip_source_buffer_create(NULL, 0, 0, &error);
    if (made) {
        zip_source_keep(made); /* closing the archive frees it once */
        a->zip = zip_open_from_source(made, ZIP_CREATE | ZIP_TRUNCATE, &error);
        if (!a->zip) zip_source_free(made);
    }
    if (!a->zip) refuse(a, NULL, &error);
    zip_error_fini(&error);
    for (int64_t i = 0; fv__ok(a->context) && i < count; i++)
        add_tensor(a, &tensors[i], &pieces[i]);
    if (a->zip && fv__ok(a->context) && zip_close(a->zip) == 0) return made;
    if (a->zip && fv__ok(a->context)) refuse(a, NULL, zip_get_error(a->zip));
    if (a->zip) zip_discard(a->zip);
    if (made) zip_source_free(made);
    return NULL;
}

fv_status fv_npz_save(fv_context *context, const char *path, int64_t count,
                      const fv_named_tensor tensors[])
{
    if (!check_tensors(context, count, tensors)) return fv_failed(context);
    size_t bytes = 0;
    fv__multiply((size_t)count, sizeof(piece), &bytes);
    piece *pieces = fv__allocate_zero(context, FV__DATA, bytes);
    if (!pieces) return fv_failed(context);
    archive a = begin(context, path ? path : "npz");
    zip_source_t *made = make_archive(&a, count, tensors, pieces);
    if (made) {
        write_file(&a, path, made);
        zip_source_free(made);
    }
    for (int64_t i = 0; i < count; i++)
        fv_tensor_free(context, &pieces[i].copy);
    fv__release(context, pieces);
    return fv_failed(context);
}

#else

static void lacking(fv_context *context, const char *path)
{
    char shown[NAME_BYTES];
    fv_fail(context, FV_UNSUPPORTED,
            "%s: this build of Fovea has no NumPy archives (libzip)",
            path ? fv__printable(path, strlen(path), shown, sizeof shown)
                 : "npz");
}

fv_named_tensors fv__npz_parse(fv_context *context, const char *path,
                               const void *bytes, size_t size,
                               fv__npz_wanted *wanted, void *user)
{
    (void)bytes, (void)size, (void)wanted, (void)user;
    lacking(context, path);
    return (fv_named_tensors){ 0 };
}

fv_named_tensors fv_npz_load(fv_context *context, const char *path)
{
    if (fv__ok(context)) lacking(context, path);
    return (fv_named_tensors){ 0 };
}

fv_status fv_npz_save(fv_context *context, const char *path, int64_t count,
                      const fv_named_tensor tensors[])
{
    (void)count;
    (void)tensors;
    if (fv__ok(context)) lacking(context, path);
    return fv_failed(context);
}

#endif

void fv_named_tensors_free(fv_context *context, fv_named_tensors *arrays)
{
    if (!arrays || !arrays->at) return;
    for (int64_t i = 0; i < arrays->count; i++)
        if (fv__tensor_owned(context, &arrays->at[i].tensor))
            fv_tensor_free(context, &arrays->at[i].tensor);
    fv_tensor memory = fv_tensor_of(arrays->at, FV_U8, 0, NULL);
    fv_tensor_free(context, &memory);
    *arrays = (fv_named_tensors){ 0 };
}
