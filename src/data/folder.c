/* Folders of pictures: one folder for each class, in train/, val/ and test/ or
 * not. */
#include "data/data.h"

#include <errno.h>
#include <string.h>

/* Deeper folders are refused: links may lead in a circle. */
enum { MOST_DEPTH = 16 };

static fv__text join(const fv__source *source, const char *folder,
                     const char *name)
{
    fv__text path = { .context = source->context, .account = FV__DATA };
    fv__text_add(&path, "%s/%s", folder, name);
    return path;
}

/* The names in a folder that is there. */
static bool list(const fv__source *source, const char *folder, fv__names *names)
{
    const int error = fv__folder_list(source->context, folder, names);
    if (error && fv__ok(source->context) && error != -ENOTDIR
        && error != -ENOENT)
        fv__fail_io(source->context, folder, "list", error);
    return !error;
}

/* Whether a part of the folder is there, and its path. */
static bool find_part(const fv__source *source, const char *folder,
                      fv__part part, fv__text *path)
{
    static const char *const names[FV__PARTS][4] = {
        { NULL },
        { "train", NULL },
        { "val", "valid", "validation", NULL },
        { "test", NULL },
    };
    for (int i = 0; names[part][i]; i++) {
        *path = join(source, folder, names[part][i]);
        if (fv__ok(source->context) && fv__is_folder(source->context, path->at))
            return true;
        fv__text_free(path);
    }
    return false;
}

/* Whether a folder has a folder with a picture in it, by their names. */
static bool has_classes(const fv__source *source, const char *folder)
{
    fv__names names, inside;
    bool found = false;
    if (!list(source, folder, &names)) return false;
    for (size_t i = 0; i < names.count && !found; i++) {
        fv__text path = join(source, folder, names.at[i]);
        if (fv__ok(source->context) && list(source, path.at, &inside)) {
            for (size_t k = 0; k < inside.count && !found; k++)
                found = fv__is_picture_name(inside.at[k]);
            fv__names_free(source->context, &inside);
        }
        fv__text_free(&path);
    }
    fv__names_free(source->context, &names);
    return found;
}

static unsigned look(const fv__source *source, const char *folder)
{
    unsigned parts = 0;
    if (!fv__is_folder(source->context, folder)) return 0;
    for (fv__part part = FV__PART_TRAIN; part < FV__PARTS; part++) {
        fv__text path;
        if (!find_part(source, folder, part, &path)) continue;
        if (has_classes(source, path.at)) parts |= 1u << part;
        fv__text_free(&path);
    }
    if (parts) return parts;
    return has_classes(source, folder);
}

/* Adds the names of the folders in a folder. */
static void add_classes(const fv__source *source, const char *folder,
                        fv__class_list *classes)
{
    fv__names names;
    if (!list(source, folder, &names)) return;
    for (size_t i = 0; i < names.count && fv__ok(source->context); i++) {
        fv__text path = join(source, folder, names.at[i]);
        if (fv__ok(source->context) && fv__is_folder(source->context, path.at))
            fv__list_add(classes, names.at[i], strlen(names.at[i]));
        fv__text_free(&path);
    }
    fv__names_free(source->context, &names);
}

/* Whether a file that is not called a picture begins like one. */
static bool begins_as_picture(fv_context *context, const char *path)
{
    static const unsigned char png[] = { 0x89, 'P', 'N', 'G' };
    static const unsigned char jpeg[] = { 0xff, 0xd8, 0xff };
    unsigned char head[4];
    fv__file file;
    bool is = false;
    if (fv__file_open(&file, context, path) == FV_OK) {
        is = file.size >= (int64_t)sizeof head
             && fv__file_read(&file, context, path, 0, head, sizeof head)
                    == FV_OK
             && (memcmp(head, png, sizeof png) == 0
                 || memcmp(head, jpeg, sizeof jpeg) == 0);
        fv__file_close(&file, context);
    }
    if (fv_failed(context) == FV_IO) fv_clear_error(context);
    return is;
}

/* Adds all pictures of a class, those in folders within it too. */
static void add_pictures(const fv__source *source, fv_dataset *dataset,
                         const char *folder, int64_t label, int depth)
{
    fv_context *context = source->context;
    fv__names names;
    char shown[512];
    if (depth > MOST_DEPTH) {
        fv_fail(context, FV_LIMIT,
                "%s: folders within folders, more than %d deep; links may lead "
                "in a circle",
                fv__printable(folder, strlen(folder), shown, sizeof shown),
                MOST_DEPTH);
        return;
    }
    if (!list(source, folder, &names)) return;
    for (size_t i = 0; i < names.count && fv__ok(context); i++) {
        fv__text path = join(source, folder, names.at[i]);
        if (!fv__ok(context)) break;
        if (fv__is_folder(context, path.at))
            add_pictures(source, dataset, path.at, label, depth + 1);
        else if (fv__is_picture_name(names.at[i])
                 || begins_as_picture(context, path.at))
            fv__files_add(dataset, path.at, label);
        fv__text_free(&path);
    }
    fv__names_free(context, &names);
}

/* The classes are the folders of all parts, so that a class has one number in
 * all of them. */
static void find_classes(const fv__source *source, fv__class_list *classes)
{
    fv__text path;
    if (source->part == FV__PART_ALL)
        add_classes(source, source->path, classes);
    else
        for (fv__part part = FV__PART_TRAIN; part < FV__PARTS; part++)
            if (find_part(source, source->path, part, &path)) {
                add_classes(source, path.at, classes);
                fv__text_free(&path);
            }
    fv__list_sort(classes);
}

static void add_folder(const fv__source *source, fv_dataset *dataset,
                       const char *folder, const fv__class_list *classes)
{
    fv__names names;
    if (!list(source, folder, &names)) return;
    for (size_t i = 0; i < names.count && fv__ok(source->context); i++) {
        fv__text path = join(source, folder, names.at[i]);
        const int64_t label =
            fv__list_find(classes, names.at[i], strlen(names.at[i]));
        if (fv__ok(source->context) && label >= 0
            && fv__is_folder(source->context, path.at))
            add_pictures(source, dataset, path.at, label, 1);
        fv__text_free(&path);
    }
    fv__names_free(source->context, &names);
}

static fv_dataset *open_folder(const fv__source *source)
{
    fv_context *context = source->context;
    fv__class_list classes = { .context = context };
    fv__text path = { .context = context, .account = FV__DATA };
    fv_dataset *dataset = fv__files_begin(source, FV_TARGET_CLASS);
    find_classes(source, &classes);
    if (source->part == FV__PART_ALL)
        fv__text_add(&path, "%s", source->path);
    else
        find_part(source, source->path, source->part, &path);
    if (fv__ok(context))
        fv__dataset_name_classes(dataset, classes.count,
                                 (const char *const *)classes.at);
    if (fv__ok(context)) add_folder(source, dataset, path.at, &classes);
    fv__text_free(&path);
    fv__list_free(&classes);
    return fv__files_end(dataset, source);
}

const fv__dataset_form fv__form_folder = { "folders of pictures", look,
                                           open_folder };
