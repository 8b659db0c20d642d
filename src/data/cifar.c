/* CIFAR-10 and CIFAR-100 in their binary form: files of records, each a label
 * and an image of 32 x 32 whose colours are planes. */
#include "data/data.h"

#include <string.h>

enum { SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE, MOST_FILES = 5 };

/* One of the two sets. */
typedef struct cifar {
    const char *folder; /* in which its archive puts it */
    const char *train[MOST_FILES + 1], *test[2];
    const char *names; /* of the classes, a line each */
    int64_t classes;
    size_t labels; /* bytes before an image; the last of them is the class */
} cifar;

static const cifar sets[] = {
    { "cifar-10-batches-bin",
      { "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
        "data_batch_4.bin", "data_batch_5.bin", NULL },
      { "test_batch.bin", NULL },
      "batches.meta.txt",
      10,
      1 },
    { "cifar-100-binary",
      { "train.bin", NULL },
      { "test.bin", NULL },
      "fine_label_names.txt",
      100,
      2 },
};

static fv__text join(const fv__source *source, const char *folder,
                     const char *inside, const char *name)
{
    fv__text path = { .context = source->context, .account = FV__DATA };
    fv__text_add(&path, "%s%s%s/%s", folder, *inside ? "/" : "", inside, name);
    return path;
}

static bool is_there(const fv__source *source, const char *folder,
                     const char *inside, const char *name)
{
    fv__text path = join(source, folder, inside, name);
    const bool there = fv__ok(source->context)
                       && fv__file_probe(source->context, path.at) == 0;
    fv__text_free(&path);
    return there;
}

/* The set whose files lie in the folder, or in the one of its archive there. */
static const cifar *find(const fv__source *source, const char *folder,
                         const char **inside)
{
    for (int i = 0; i < 4; i++) {
        const cifar *set = &sets[i / 2];
        *inside = i % 2 ? set->folder : "";
        if (is_there(source, folder, *inside, set->train[0])
            || is_there(source, folder, *inside, set->test[0]))
            return set;
    }
    return NULL;
}

static unsigned look(const fv__source *source, const char *folder)
{
    const char *inside;
    const cifar *set = find(source, folder, &inside);
    if (!set) return 0;
    return (unsigned)is_there(source, folder, inside, set->train[0])
               << FV__PART_TRAIN
           | (unsigned)is_there(source, folder, inside, set->test[0])
                 << FV__PART_TEST;
}

/* Labels and images [n, rows, columns, channels] of all files. */
typedef struct records {
    unsigned char *images;
    uint8_t *labels;
    size_t count, room, label_room;
} records;

static void add_record(const cifar *set, const unsigned char *from, records *to)
{
    unsigned char *image = to->images + to->count * PIXELS;
    to->labels[to->count++] = from[set->labels - 1];
    from += set->labels;
    for (size_t i = 0; i < PLANE; i++)
        for (size_t c = 0; c < 3; c++) image[3 * i + c] = from[c * PLANE + i];
}

static void add_file(const fv__source *source, const cifar *set,
                     const char *inside, const char *name, records *to)
{
    fv_context *context = source->context;
    fv__text path = join(source, source->path, inside, name);
    const size_t record = set->labels + PIXELS;
    size_t bytes = 0;
    unsigned char *content =
        path.at ? fv__read_file(context, path.at, SIZE_MAX / 2, &bytes) : NULL;
    const size_t n = bytes / record;
    if (content && (!n || bytes % record))
        fv_fail(context, FV_MALFORMED,
                "%s: %zu bytes, which are not records of %zu: it ends within "
                "image %zu",
                path.at, bytes, record, n);
    void *images = fv__ok(context) ? fv__grow(context, FV__DATA, to->images,
                                              to->count, n, PIXELS, &to->room)
                                   : NULL;
    if (images) to->images = images;
    void *labels = fv__ok(context) ? fv__grow(context, FV__DATA, to->labels,
                                              to->count, n, 1, &to->label_room)
                                   : NULL;
    if (labels) to->labels = labels;
    for (size_t i = 0; i < n && fv__ok(context); i++)
        add_record(set, content + i * record, to);
    fv__release(context, content);
    fv__text_free(&path);
}

/* Names of the classes, if the file is there and has as many. */
static void name_classes(const fv__source *source, const cifar *set,
                         const char *inside, fv_dataset *dataset)
{
    fv__class_list names = { .context = source->context };
    fv__text path = join(source, source->path, inside, set->names);
    if (path.at && is_there(source, source->path, inside, set->names))
        fv__list_read(&names, path.at);
    if (fv__ok(source->context) && names.count == (size_t)set->classes)
        fv__dataset_name_classes(dataset, names.count,
                                 (const char *const *)names.at);
    fv__list_free(&names);
    fv__text_free(&path);
}

static fv_dataset *open_folder(const fv__source *source)
{
    fv_context *context = source->context;
    const char *inside;
    const cifar *set = find(source, source->path, &inside);
    fv_dataset *dataset = fv__dataset_begin(context, &fv__store_memory);
    records all = { 0 };
    if (!dataset || !set) return fv__dataset_end(dataset);
    const char *const *files =
        source->part == FV__PART_TEST ? set->test : set->train;
    for (int i = 0; files[i] && fv__ok(context); i++)
        if (!i || is_there(source, source->path, inside, files[i]))
            add_file(source, set, inside, files[i], &all);
    const int64_t n = (int64_t)all.count;
    const fv_tensor labels = fv_tensor_of(all.labels, FV_U8, 1, &n);
    fv__dataset_set_targets(dataset, source->path, &labels);
    if (fv__ok(context))
        fv__dataset_set_pictures(
            dataset,
            fv_tensor_of(all.images, FV_U8, 4, (int64_t[]){ n, SIDE, SIDE, 3 }),
            all.images);
    else
        fv__release(context, all.images);
    fv__release(context, all.labels);
    fv__dataset_set_classes(dataset, source->path, set->classes, 0);
    if (fv__ok(context)) name_classes(source, set, inside, dataset);
    return fv__dataset_end(dataset);
}

const fv__dataset_form fv__form_cifar = { "CIFAR files", look, open_folder };
