/* Segmentation: a folder `images` and a folder `masks`, whose files have the
 * same names but for their endings; within train/, val/ and test/ or not. */
#include "data/data.h"

#include <errno.h>
#include <string.h>

static fv__text join(const fv__source *source, const char *folder,
                     const char *part, const char *name)
{
    fv__text path = { .context = source->context, .account = FV__DATA };
    fv__text_add(&path, "%s%s%s/%s", folder, *part ? "/" : "", part, name);
    return path;
}

static bool is_folder(const fv__source *source, const char *folder,
                      const char *part, const char *name)
{
    fv__text path = join(source, folder, part, name);
    const bool is =
        fv__ok(source->context) && fv__is_folder(source->context, path.at);
    fv__text_free(&path);
    return is;
}

static unsigned look(const fv__source *source, const char *folder)
{
    unsigned parts = 0;
    for (int i = 0; i < FV__PARTS; i++)
        if (is_folder(source, folder, fv__part_names[i], "images")
            && is_folder(source, folder, fv__part_names[i], "masks"))
            parts |= 1u << i;
    return parts & ~1u ? parts & ~1u : parts;
}

static size_t stem_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

/* Compares names without their endings. */
static int compare_stems(const char *a, const char *b)
{
    const size_t first = stem_length(a), second = stem_length(b);
    const int order = memcmp(a, b, first < second ? first : second);
    return order ? order : first == second ? 0 : first < second ? -1 : 1;
}

/* The mask of a picture; NULL: there is none. Names with endings are not in the
 * order of their stems, so all are looked at from where the last one was. */
static const char *find_mask(const fv__names *masks, size_t *from,
                             const char *picture)
{
    for (size_t n = 0; n < masks->count; n++) {
        const size_t i = (*from + n) % masks->count;
        if (compare_stems(masks->at[i], picture) == 0) {
            *from = i + 1;
            return masks->at[i];
        }
    }
    return NULL;
}

static void refuse_lone(const fv__source *source, const char *folder,
                        const char *name, const char *what)
{
    char shown[256];
    fv_fail(source->context, FV_MALFORMED,
            "data set \"%s\": %s/%s has no %s of its name", source->whole,
            folder, fv__printable(name, strlen(name), shown, sizeof shown),
            what);
}

static void add_pairs(const fv__source *source, fv_dataset *dataset,
                      const char *part, const fv__names *images,
                      const fv__names *masks)
{
    size_t from = 0, pairs = 0, pictures = 0;
    for (size_t i = 0; i < images->count && fv__ok(source->context); i++) {
        const char *name = images->at[i];
        if (!fv__is_picture_name(name)) continue;
        const char *mask = find_mask(masks, &from, name);
        if (!mask) {
            refuse_lone(source, "images", name, "mask");
            return;
        }
        fv__text path = join(source, source->path, part, "images");
        fv__text_add(&path, "/%s", name);
        fv__text other = join(source, source->path, part, "masks");
        fv__text_add(&other, "/%s", mask);
        if (fv__ok(source->context)) {
            fv__files_add(dataset, path.at, 0);
            fv__files_add_mask(dataset, other.at);
        }
        fv__text_free(&path);
        fv__text_free(&other);
        pairs++;
    }
    for (size_t i = 0; i < masks->count; i++)
        pictures += fv__is_picture_name(masks->at[i]);
    if (fv__ok(source->context) && pictures > pairs)
        fv_fail(source->context, FV_MALFORMED,
                "data set \"%s\": %zu masks for %zu pictures", source->whole,
                pictures, pairs);
}

/* Classes of the file classes.txt, or as many as the caller said. */
static void set_classes(const fv__source *source, fv_dataset *dataset)
{
    fv__class_list names = { .context = source->context };
    fv__text path = join(source, source->path, "", "classes.txt");
    dataset->classes = source->classes;
    const int there =
        fv__ok(source->context) ? fv__file_probe(source->context, path.at) : 0;
    if (there < 0 && there != -ENOENT)
        fv__fail_io(source->context, path.at, "open", there);
    if (fv__ok(source->context) && !there) fv__list_read(&names, path.at);
    if (fv__ok(source->context) && names.count)
        fv__dataset_name_classes(dataset, names.count,
                                 (const char *const *)names.at);
    fv__list_free(&names);
    fv__text_free(&path);
}

static void list(const fv__source *source, const char *part, const char *name,
                 fv__names *names)
{
    fv__text path = join(source, source->path, part, name);
    *names = (fv__names){ 0 };
    if (fv__ok(source->context)) {
        const int error = fv__folder_list(source->context, path.at, names);
        if (error) fv__fail_io(source->context, path.at, "list", error);
    }
    fv__text_free(&path);
}

static fv_dataset *open_folders(const fv__source *source)
{
    const char *part = fv__part_names[source->part];
    fv__names images, masks;
    fv_dataset *dataset = fv__files_begin(source, FV_TARGET_MASK);
    if (!dataset) return NULL;
    list(source, part, "images", &images);
    list(source, part, "masks", &masks);
    if (fv__ok(source->context)) set_classes(source, dataset);
    if (fv__ok(source->context))
        add_pairs(source, dataset, part, &images, &masks);
    fv__names_free(source->context, &images);
    fv__names_free(source->context, &masks);
    return fv__files_end(dataset, source);
}

const fv__dataset_form fv__form_pairs = { "images with masks", look,
                                          open_folders };
