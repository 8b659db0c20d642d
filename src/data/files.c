/* Sets of picture files: paths and targets are kept, pictures are decoded when
 * they are needed. */
#include "data/data.h"

#include <string.h>

typedef struct files {
    char *texts;      /* paths, each with its end */
    size_t *paths;    /* of each picture, the byte where its path begins */
    int64_t *targets; /* its class, the byte where the path of its mask begins,
                         or the place of its labels */
    int32_t *labels;  /* of each picture, their number before them */
    size_t used, text_room, count, path_room, target_room;
    size_t num_labels, label_room;
} files;

static void release_files(fv_dataset *dataset)
{
    files *own = dataset->own;
    if (!own) return;
    fv__release(dataset->context, own->texts);
    fv__release(dataset->context, own->paths);
    fv__release(dataset->context, own->targets);
    fv__release(dataset->context, own->labels);
    fv__release(dataset->context, own);
}

static const char *path_of(const fv_dataset *dataset, int64_t index)
{
    const files *own = dataset->own;
    return own->texts + own->paths[index];
}

/* ---- reading ------------------------------------------------------------- */

/* Decodes a file into the frame. */
static void decode(fv_data_item *item, const char *path, int32_t channels,
                   fv__frame *frame)
{
    fv_context *context = item->example.context;
    fv__file file;
    char name[FV__ITEM_NAME];
    if (fv__file_open(&file, context, path) != FV_OK) return;
    const size_t bytes = (size_t)file.size;
    unsigned char *from = fv__pixels_reserve(context, &item->file, bytes);
    if (from) fv__file_read(&file, context, path, 0, from, bytes);
    fv__file_close(&file, context);
    if (!from || !fv__ok(context)) return;
    if (bytes && frame == &item->example.image)
        item->format = from[0] == 0xff ? FV_IMAGE_JPEG : FV_IMAGE_PNG;
    frame->tensor = fv__image_decode(
        context, fv__printable(path, strlen(path), name, sizeof name), from,
        bytes,
        FV_OPTIONS(fv_image_options, .channels = channels,
                   .indices = frame == &item->example.mask),
        &frame->buffers[0], &item->example.scratch);
}

static void set_marks(fv_data_item *item, const files *own, int64_t place)
{
    unsigned char *marks = fv__item_marks(item);
    const int32_t *list = own->labels + place;
    for (int32_t i = 1; marks && i <= list[0]; i++) marks[list[i]] = 1;
}

/* Refuses a mask of another size than its picture. */
static void check_mask(fv_data_item *item, const char *path, const char *mask)
{
    const int64_t *image = item->example.image.tensor.shape;
    const int64_t *is = item->example.mask.tensor.shape;
    char names[2][FV__ITEM_NAME];
    if (!fv__ok(item->example.context)
        || (image[0] == is[0] && image[1] == is[1]))
        return;
    fv_fail(item->example.context, FV_MALFORMED,
            "%s: a mask of %lld x %lld for %s of %lld x %lld",
            fv__printable(mask, strlen(mask), names[0], sizeof names[0]),
            (long long)is[0], (long long)is[1],
            fv__printable(path, strlen(path), names[1], sizeof names[1]),
            (long long)image[0], (long long)image[1]);
}

static void read_file(const fv_dataset *dataset, int64_t index,
                      int32_t channels, fv_data_item *item)
{
    const files *own = dataset->own;
    const char *path = path_of(dataset, index);
    const int64_t target = own->targets[index];
    fv__example *example = &item->example;
    if (dataset->channels) channels = dataset->channels;
    if (dataset->target == FV_TARGET_CLASS) item->label = target;
    if (dataset->target == FV_TARGET_LABELS) set_marks(item, own, target);
    if (dataset->cache
        && fv__cache_get(dataset->cache, index, channels, example))
        return;
    decode(item, path, channels, &example->image);
    if (dataset->target == FV_TARGET_MASK && fv__ok(example->context)) {
        const char *mask = own->texts + target;
        decode(item, mask, 1, &example->mask);
        check_mask(item, path, mask);
    }
    if (dataset->cache && fv__ok(example->context))
        fv__cache_put(dataset->cache, index, example);
}

const fv__store fv__store_files = { "picture files", read_file, path_of,
                                    release_files, true };

/* ---- making -------------------------------------------------------------- */

fv_dataset *fv__files_begin(const fv__source *source, fv_target_kind target)
{
    fv_context *context = source->context;
    fv_dataset *dataset = fv__dataset_begin(context, &fv__store_files);
    if (!dataset) return NULL;
    dataset->own = fv__allocate_zero(context, FV__DATA, sizeof(files));
    dataset->target = target;
    dataset->decodes = dataset->bytes = dataset->shares = true;
    dataset->skips = source->skips;
    dataset->channels = source->channels;
    return dataset;
}

/* Copies a path; returns its place. */
static size_t add_text(fv_dataset *dataset, const char *text)
{
    files *own = dataset->own;
    const size_t bytes = strlen(text) + 1, at = own->used;
    if (bytes > own->text_room - own->used) {
        char *larger = fv__grow(dataset->context, FV__DATA, own->texts,
                                own->used, bytes, 1, &own->text_room);
        if (!larger) return 0;
        own->texts = larger;
    }
    memcpy(own->texts + at, text, bytes);
    own->used += bytes;
    return at;
}

/* Room for one more element of an array; false after a failure. */
static bool grow(fv_dataset *dataset, void **array, size_t size, size_t *room)
{
    const files *own = dataset->own;
    if (own->count < *room) return true;
    void *larger =
        fv__grow(dataset->context, FV__DATA, *array, own->count, 1, size, room);
    if (larger) *array = larger;
    return larger != NULL;
}

void fv__files_add(fv_dataset *dataset, const char *path, int64_t label)
{
    files *own = dataset->own;
    if (!fv__ok(dataset->context)) return;
    void *paths = own->paths, *targets = own->targets;
    const bool room =
        grow(dataset, &paths, sizeof *own->paths, &own->path_room)
        && grow(dataset, &targets, sizeof *own->targets, &own->target_room);
    own->paths = paths;
    own->targets = targets;
    if (!room) return;
    own->paths[own->count] = add_text(dataset, path);
    own->targets[own->count] = label;
    if (fv__ok(dataset->context)) own->count++;
}

void fv__files_add_labels(fv_dataset *dataset, size_t count,
                          const int64_t classes[])
{
    files *own = dataset->own;
    if (!fv__ok(dataset->context)) return;
    if (count + 1 > own->label_room - own->num_labels) {
        int32_t *larger =
            fv__grow(dataset->context, FV__DATA, own->labels, own->num_labels,
                     count + 1, sizeof *own->labels, &own->label_room);
        if (!larger) return;
        own->labels = larger;
    }
    own->targets[own->count - 1] = (int64_t)own->num_labels;
    own->labels[own->num_labels++] = (int32_t)count;
    for (size_t i = 0; i < count; i++)
        own->labels[own->num_labels++] = (int32_t)classes[i];
}

void fv__files_add_mask(fv_dataset *dataset, const char *path)
{
    files *own = dataset->own;
    if (!fv__ok(dataset->context)) return;
    own->targets[own->count - 1] = (int64_t)add_text(dataset, path);
}

bool fv__is_picture_name(const char *name)
{
    static const char *const endings[] = { ".png", ".jpg", ".jpeg" };
    const size_t length = strlen(name);
    for (int i = 0; i < 3; i++) {
        const size_t bytes = strlen(endings[i]);
        size_t k = 0;
        while (k < bytes && length > bytes
               && (name[length - bytes + k] | 0x20) == (endings[i][k] | 0x20))
            k++;
        if (k == bytes) return true;
    }
    return false;
}

/* ---- looking at all files at the start ----------------------------------- */

enum { NAMED = 10, DAMAGED_NAME = 72 };

/* Files that are damaged: how many, the names of the first, and why that is. */
typedef struct damage {
    int64_t count;
    fv__text names;
    char reason[512];
} damage;

/* The part of a path that fits into a list. */
static const char *short_name(const char *path, char out[DAMAGED_NAME])
{
    const size_t length = strlen(path);
    const size_t most = DAMAGED_NAME - 8;
    return length > most
               ? fv__printable(path + length - most, most, out, DAMAGED_NAME)
               : fv__printable(path, length, out, DAMAGED_NAME);
}

static void note(fv_dataset *dataset, damage *d, const char *path)
{
    fv_context *context = dataset->context;
    char name[DAMAGED_NAME];
    if (!d->count) memcpy(d->reason, fv_error(context), sizeof d->reason - 1);
    if (dataset->skips) fv__log(context, "left out: %s", fv_error(context));
    fv_clear_error(context);
    if (d->count++ < NAMED)
        fv__text_add(&d->names, "%s%s", d->count > 1 ? ", " : "",
                     short_name(path, name));
}

/* Reads the beginning of a file; false if it is damaged. */
static bool probe(fv_dataset *dataset, damage *d, const char *path,
                  fv_image_info *info)
{
    fv_context *context = dataset->context;
    *info = fv_image_probe(context, path);
    if (fv__ok(context)) return true;
    if (fv_failed(context) != FV_NO_MEMORY && fv_failed(context) != FV_LIMIT)
        note(dataset, d, path);
    return false;
}

/* Makes extents of the shape open that are not those of a picture. */
static void join(fv_dataset *dataset, const fv_image_info *info, bool first)
{
    const bool planar = dataset->context->layout == FV_NCHW;
    const int32_t channels =
        dataset->channels ? dataset->channels : info->channels;
    const int64_t own[] = { info->rows, info->columns, channels };
    fv_shape *shape = &dataset->image;
    shape->rank = 3;
    for (int i = 0; i < 3; i++) {
        int64_t *extent = &shape->extent[planar ? (i + 1) % 3 : i];
        if (first)
            *extent = own[i];
        else if (*extent != own[i])
            *extent = FV_OPEN;
    }
}

/* Keeps the files that are not damaged. */
static void probe_all(fv_dataset *dataset, damage *d)
{
    files *own = dataset->own;
    size_t kept = 0;
    for (size_t i = 0; i < own->count && fv__ok(dataset->context); i++) {
        const int64_t target = own->targets[i];
        fv_image_info info, mask;
        if (!probe(dataset, d, own->texts + own->paths[i], &info)
            || (dataset->target == FV_TARGET_MASK
                && !probe(dataset, d, own->texts + target, &mask)))
            continue;
        join(dataset, &info, kept == 0);
        own->paths[kept] = own->paths[i];
        own->targets[kept++] = target;
    }
    dataset->damaged = d->count;
    dataset->count = (int64_t)kept;
    if (dataset->target == FV_TARGET_CLASS)
        dataset->targets =
            fv_tensor_of(own->targets, FV_I64, 1, &dataset->count);
}

fv_dataset *fv__files_end(fv_dataset *dataset, const fv__source *source)
{
    if (!dataset) return NULL;
    fv_context *context = dataset->context;
    files *own = dataset->own;
    damage d = { .names = { .context = context, .account = FV__DATA } };
    if (fv__ok(context) && own->count) probe_all(dataset, &d);
    if (fv__ok(context) && d.count && !dataset->skips)
        fv_fail(
            context, FV_MALFORMED,
            "data set \"%s\": %lld of %zu pictures cannot be read: %s%s; %s",
            source->whole, (long long)d.count, own->count, d.names.at,
            d.count > NAMED ? ", ..." : "", d.reason);
    else if (fv__ok(context) && !dataset->count)
        fv_fail(context, FV_MALFORMED, "data set \"%s\": %s has no pictures%s",
                source->whole, source->path,
                d.count ? " that can be read" : "");
    fv__text_free(&d.names);
    return fv__dataset_end(dataset);
}
