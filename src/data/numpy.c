/* Data sets of NumPy arrays: "x.npy,y.npy", or an archive whose arrays have
 * names for images and labels, of each part or of all. */
#include "data/data.h"

#include "array/npy.h"

#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), bytes = strlen(end);
    return length > bytes && strcmp(text + length - bytes, end) == 0;
}

/* ---- names of arrays ----------------------------------------------------- */

static const char *const image_names[] = { "x", "X", "images", "data", NULL };
static const char *const target_names[] = { "y",     "Y",       "labels",
                                            "masks", "targets", NULL };

/* Whether an array has one of the names, which of a part are "x_train" and
 * "train_x". */
static bool is_named(const char *array, const char *const names[],
                     fv__part part)
{
    const char *word = fv__part_names[part];
    const size_t bytes = strlen(word);
    for (; *names; names++) {
        const size_t length = strlen(*names);
        if (!bytes && strcmp(array, *names) == 0) return true;
        if (!bytes || strlen(array) != length + 1 + bytes) continue;
        if ((strncmp(array, *names, length) == 0 && array[length] == '_'
             && strcmp(array + length + 1, word) == 0)
            || (strncmp(array, word, bytes) == 0 && array[bytes] == '_'
                && strcmp(array + bytes + 1, *names) == 0))
            return true;
    }
    return false;
}

static bool is_wanted(void *user, const char *name)
{
    const fv__part part = *(const fv__part *)user;
    return is_named(name, image_names, part)
           || is_named(name, target_names, part);
}

static bool is_none(void *user, const char *name)
{
    (void)user;
    (void)name;
    return false;
}

/* ---- reading ------------------------------------------------------------- */

/* The arrays of an archive that `wanted` chooses; their memory is the
 * context's. */
static fv_named_tensors read_archive(fv_context *context, const char *path,
                                     fv__npz_wanted *wanted, fv__part *part)
{
    fv_named_tensors arrays = { 0 };
    size_t size;
    void *bytes = fv__read_file(context, path, SIZE_MAX, &size);
    if (bytes) arrays = fv__npz_parse(context, path, bytes, size, wanted, part);
    fv__release(context, bytes);
    return arrays;
}

/* The paths of images and labels in "x.npy,y.npy"; the latter is relative to
 * the folder of the former unless it has one. */
static bool split_pair(fv_context *context, const char *path, char **images,
                       fv__text *labels)
{
    const char *comma = strchr(path, ',');
    *images = NULL;
    *labels = (fv__text){ .context = context, .account = FV__DATA };
    if (!comma || strchr(comma + 1, ',') || !ends_with(path, ".npy"))
        return false;
    *images = fv__copy_text(context, FV__DATA, path, (size_t)(comma - path));
    if (!*images) return false;
    const char *slash = strrchr(*images, '/');
    const int folder =
        slash && !strchr(comma, '/') ? (int)(slash - *images) + 1 : 0;
    fv__text_add(labels, "%.*s%s", folder, path, comma + 1);
    return fv__ok(context) && ends_with(*images, ".npy");
}

static unsigned look_archive(fv_context *context, const char *path)
{
    unsigned parts = 0;
    fv_context *other = fv__context_like(context);
    const fv_named_tensors arrays = read_archive(other, path, is_none, NULL);
    for (int64_t i = 0; i < arrays.count; i++)
        for (fv__part part = FV__PART_ALL; part < FV__PARTS; part++)
            if (is_named(arrays.at[i].name, image_names, part))
                parts |= 1u << part;
    /* what is wrong with it is said when it is opened */
    if (!parts) parts = (1u << FV__PARTS) - 1;
    fv_context_free(other);
    return parts;
}

static unsigned look(const fv__source *source, const char *path)
{
    fv_context *context = source->context;
    char *images;
    fv__text labels;
    bool pair = split_pair(context, path, &images, &labels);
    pair = pair && fv__file_probe(context, images) == 0;
    fv__release(context, images);
    fv__text_free(&labels);
    if (pair) return 1u << FV__PART_ALL;
    if (!ends_with(path, ".npz") || fv__file_probe(context, path) != 0)
        return 0;
    return look_archive(context, path);
}

/* ---- making -------------------------------------------------------------- */

/* Images of bytes without an axis of channels get one. */
static fv_tensor with_channels(const fv_context *context, fv_tensor images)
{
    if (images.dtype != FV_U8 || images.rank != 3) return images;
    const int32_t at = context->layout == FV_NCHW ? 1 : 3;
    fv_tensor all = images;
    all.rank = 4;
    for (int32_t i = 0; i < 4; i++) {
        const int32_t from = i < at ? i : i - 1;
        all.shape[i] = i == at ? 1 : images.shape[from];
        all.stride[i] = i == at ? 1 : images.stride[from];
    }
    return all;
}

/* Labels [n, 1], as some archives have them, are labels [n]. */
static fv_tensor without_axis(fv_tensor labels)
{
    if (labels.rank == 2 && labels.shape[1] == 1
        && !fv__dtype_is_real(labels.dtype))
        labels.rank = 1;
    return labels;
}

/* A data set of arrays in memory, which it copies. */
static fv_dataset *from_arrays(fv_context *context, const char *who,
                               const fv_tensor *images, const fv_tensor *labels)
{
    const fv_tensor x = with_channels(context, *images);
    const fv_tensor y = without_axis(*labels);
    if (!fv__ok(context)
        || fv__dataset_check_tensors(context, who, &x, &y) != FV_OK)
        return NULL;
    fv_dataset *dataset = fv__dataset_begin(context, &fv__store_memory);
    if (!dataset) return NULL;
    dataset->images =
        fv__dataset_copy(context, &x, x.dtype == FV_U8 ? FV_U8 : context->dtype,
                         &dataset->image_memory);
    fv__dataset_set_targets(dataset, who, &y);
    if (dataset->target == FV_TARGET_CLASS)
        fv__dataset_set_classes(dataset, who, 0, 0);
    return fv__dataset_end(dataset);
}

static fv_dataset *open_archive(const fv__source *source, fv_context *other,
                                const char *name)
{
    fv_context *context = source->context;
    fv__part part = source->part;
    const fv_tensor *images = NULL, *labels = NULL;
    const fv_named_tensors arrays =
        read_archive(other, source->path, is_wanted, &part);
    for (int64_t i = 0; i < arrays.count; i++) {
        const char *array = arrays.at[i].name;
        if (is_named(array, image_names, part)) images = &arrays.at[i].tensor;
        if (is_named(array, target_names, part)) labels = &arrays.at[i].tensor;
    }
    if (!fv__ok(other)) return NULL;
    if (images && labels) return from_arrays(context, name, images, labels);
    const char *word = fv__part_names[part];
    fv_fail(context, FV_MALFORMED,
            "%s: no array of %s: it must be called %s%s%s, or %s%s%s", name,
            images ? "labels" : "images", images ? "y" : "x", *word ? "_" : "",
            word, images ? "labels" : "images", *word ? "_" : "", word);
    return NULL;
}

/* A large array of images whose rows are read when they are needed. */
static fv_dataset *open_rows(fv_context *context, const char *path,
                             const char *name, const fv__npy_facts *facts,
                             fv__file file, const fv_tensor *labels)
{
    const fv_tensor y = without_axis(*labels);
    const int32_t rank = facts->rank - 1;
    const bool grey = facts->dtype == FV_U8 && rank == 2;
    fv__rows rows = { .file = file,
                      .path = (char *)(uintptr_t)path,
                      .at = (int64_t)facts->at,
                      .rank = rank + grey,
                      .dtype = facts->dtype,
                      .pictures = facts->dtype == FV_U8 && rank + grey == 3
                                  && (grey || context->layout == FV_NHWC) };
    memcpy(rows.shape, facts->shape + 1, (size_t)rank * sizeof *rows.shape);
    if (grey) rows.shape[2] = 1;
    fv_dataset *dataset = fv__dataset_begin(context, &fv__store_rows);
    if (dataset && facts->shape[0] != y.shape[0])
        fv_fail(context, FV_MISUSE, "%s: %lld images but %lld labels", name,
                (long long)facts->shape[0], (long long)y.shape[0]);
    if (dataset) fv__dataset_set_targets(dataset, name, &y);
    if (dataset && dataset->target == FV_TARGET_CLASS)
        fv__dataset_set_classes(dataset, name, 0, 0);
    if (dataset)
        fv__dataset_set_rows(dataset, &rows, facts->shape[0]);
    else
        fv__file_close(&file, context);
    return fv__dataset_end(dataset);
}

/* Opens a file of images that is large and plain; false, and all as before, if
 * it is not. */
static bool is_large(fv_context *context, const char *path, const char *name,
                     fv__file *file, fv__npy_facts *facts)
{
    if (fv__file_open(file, context, path) != FV_OK) return false;
    bool large = file->size > FV__WHOLE_FILE;
    unsigned char *head =
        large ? fv__allocate(context, FV__DATA, FV__NPY_HEAD) : NULL;
    large =
        head
        && fv__file_read(file, context, path, 0, head, FV__NPY_HEAD) == FV_OK
        && fv__npy_read_facts(context, name, head, FV__NPY_HEAD,
                              (size_t)file->size, facts)
        && facts->plain && facts->rank > 1
        && (facts->dtype == FV_U8 || fv__dtype_is_real(facts->dtype));
    fv__release(context, head);
    if (!large) fv__file_close(file, context);
    return large;
}

static fv_dataset *open_pair(const fv__source *source, fv_context *other,
                             const char *name)
{
    fv_context *context = source->context;
    fv_dataset *dataset = NULL;
    char *path;
    fv__text labels_path;
    fv__file file;
    fv__npy_facts facts;
    if (split_pair(context, source->path, &path, &labels_path)) {
        const bool large = is_large(context, path, name, &file, &facts);
        const fv_tensor labels = fv_npy_load(other, labels_path.at);
        if (large && fv__ok(other)) {
            dataset = open_rows(context, path, name, &facts, file, &labels);
        } else if (large) {
            fv__file_close(&file, context);
        } else if (fv__ok(context) && fv__ok(other)) {
            const fv_tensor images = fv_npy_load(other, path);
            if (fv__ok(other))
                dataset = from_arrays(context, name, &images, &labels);
        }
    }
    fv__release(context, path);
    fv__text_free(&labels_path);
    return dataset;
}

/* Arrays are read in another context, so that they do not count as memory for
 * computing. */
static fv_dataset *open_arrays(const fv__source *source)
{
    char name[512];
    fv_context *other = fv__context_like(source->context);
    if (!other) return NULL;
    fv__printable(source->path, strlen(source->path), name, sizeof name);
    fv_dataset *dataset = ends_with(source->path, ".npz")
                              ? open_archive(source, other, name)
                              : open_pair(source, other, name);
    if (!fv__ok(other))
        fv_fail(source->context, fv_failed(other), "%s", fv_error(other));
    fv_context_free(other);
    return dataset;
}

const fv__dataset_form fv__form_numpy = { "NumPy files", look, open_arrays };
