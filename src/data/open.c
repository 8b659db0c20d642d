/* Opens a data set by name: finds where it is and what it is. */
#include "data/data.h"

#include <stdlib.h>
#include <string.h>

/* In the order in which they are looked for: the first that fits is it. */
static const fv__dataset_form *const forms[] = {
    &fv__form_idx,      &fv__form_cifar, &fv__form_pairs,
    &fv__form_manifest, &fv__form_numpy, &fv__form_folder,
};
enum { FORMS = sizeof forms / sizeof *forms };

/* A search in progress. */
typedef struct search {
    fv__source source;
    fv__text tried;               /* places, for the message */
    fv__text path;                /* where it was found */
    const fv__dataset_form *form; /* NULL: not found */
    unsigned parts;
} search;

/* Whether data is at the path. */
static bool look_at(search *s, const char *path)
{
    fv__text_add(&s->tried, "%s%s", s->tried.length ? ", " : "", path);
    for (int i = 0; i < FORMS && fv__ok(s->source.context); i++) {
        if (s->source.split && forms[i] != &fv__form_idx) continue;
        s->parts = forms[i]->look(&s->source, path);
        if (!s->parts) continue;
        s->form = forms[i];
        fv__text_add(&s->path, "%s", path);
        return true;
    }
    return false;
}

/* The same for the folder `name` in `length` characters of `place`. */
static bool look_below(search *s, const char *place, size_t length,
                       const char *below)
{
    fv__text path = { .context = s->source.context, .account = FV__DATA };
    fv__text_add(&path, "%.*s%s/%s", (int)length, place, below, s->source.name);
    const bool found = fv__ok(s->source.context) && look_at(s, path.at);
    fv__text_free(&path);
    return found;
}

/* The places of named sets, in order. */
static bool look_everywhere(search *s)
{
    static const char *const places[] = { "/usr/share/datasets", "/usr/share" };
    const char *list = getenv("FOVEA_DATA_PATH");
    while (list && *list) {
        const size_t length = strcspn(list, ":");
        if (length && look_below(s, list, length, "")) return true;
        list += length + (list[length] == ':');
    }
    for (int i = 0; i < 2; i++)
        if (look_below(s, places[i], strlen(places[i]), "")) return true;
    const char *home = getenv("HOME");
    if (home && *home
        && look_below(s, home, strlen(home), "/.local/share/fovea"))
        return true;
    return look_below(s, ".", 1, "") || look_below(s, "./data", 6, "");
}

/* Cuts the part, and a split of EMNIST, off the end of the name. A word behind
 * the last colon that is none of both is part of the name. */
static void take_part(search *s, char *name)
{
    char *colon = strrchr(name, ':');
    for (int i = 1; colon && colon != name && i < FV__PARTS; i++)
        if (strcmp(colon + 1, fv__part_names[i]) == 0) {
            s->source.part = (fv__part)i;
            *colon = '\0';
            colon = strrchr(name, ':');
            break;
        }
    if (colon && colon != name && fv__idx_is_split(colon + 1)) {
        s->source.split = colon + 1;
        *colon = '\0';
    }
    s->source.name = name;
}

static void search_for(search *s, char *name)
{
    take_part(s, name);
    const char *path = s->source.name;
    const bool is_path =
        strchr(path, '/') || strcmp(path, ".") == 0 || strcmp(path, "..") == 0;
    if (is_path)
        look_at(s, path);
    else
        look_everywhere(s);
    s->source.path = s->path.at;
}

/* "train and test" */
static void add_parts(fv__text *text, unsigned parts)
{
    bool first = true;
    for (int i = 1; i < FV__PARTS; i++) {
        if (!(parts >> i & 1)) continue;
        const bool last = parts >> (i + 1) == 0;
        fv__text_add(text, "%s%s",
                     first  ? ""
                     : last ? " and "
                            : ", ",
                     fv__part_names[i]);
        first = false;
    }
}

static void not_found(search *s)
{
    const fv__source *o = &s->source;
    const char *package = fv__idx_package(o->name);
    fv__text what = { .context = o->context, .account = FV__DATA };
    fv__text_add(&what, "%s%s%s%s-images-idx3-ubyte[.gz]",
                 o->split ? "emnist-" : "", o->split ? o->split : "",
                 o->split ? "-" : "",
                 o->part != FV__PART_TEST ? "train"
                 : o->split               ? "test"
                                          : "t10k");
    if (fv__ok(o->context))
        fv_fail(o->context, FV_IO, "data set \"%s\": no %s%s in %s%s%s",
                o->whole, what.at,
                o->split ? ""
                         : ", CIFAR files, images with masks, folders of "
                           "pictures, manifest (.csv) or NumPy files",
                s->tried.at ? s->tried.at : "",
                package ? "; Debian has it in the package " : "",
                package ? package : "");
    fv__text_free(&what);
}

/* Refuses a part that is not there. */
static void check_part(search *s)
{
    const fv__source *o = &s->source;
    fv__text have = { .context = o->context, .account = FV__DATA };
    if (!s->form) {
        not_found(s);
        return;
    }
    if (s->parts >> o->part & 1) return;
    add_parts(&have, s->parts & ~1u);
    if (!fv__ok(o->context)) return;
    if (s->parts & 1)
        fv_fail(o->context, FV_MISUSE,
                "data set \"%s\": %s is not divided into parts, write %s",
                o->whole, s->path.at, o->name);
    else if (o->part == FV__PART_ALL)
        fv_fail(o->context, FV_MISUSE,
                "data set \"%s\": part missing, %s has %s; write %s:%s",
                o->whole, s->path.at, have.at, o->whole,
                fv__part_names[s->parts & 2   ? FV__PART_TRAIN
                               : s->parts & 4 ? FV__PART_VAL
                                              : FV__PART_TEST]);
    else
        fv_fail(o->context, FV_MISUSE,
                "data set \"%s\": %s has no part %s, it has %s", o->whole,
                s->path.at, fv__part_names[o->part], have.at);
    fv__text_free(&have);
}

static search search_begin(fv_context *context, const char *name)
{
    const fv__text empty = { .context = context, .account = FV__DATA };
    return (search){ .source = { .context = context, .whole = name },
                     .tried = empty,
                     .path = empty };
}

static void search_end(search *s, char *name)
{
    fv__text_free(&s->tried);
    fv__text_free(&s->path);
    fv__release(s->source.context, name);
}

static fv_status check_options(fv_context *context, const fv_dataset_options *o)
{
    if (!o->name || !*o->name)
        return fv_fail(context, FV_MISUSE, "data set: name missing");
    if (o->channels != 0 && o->channels != 1 && o->channels != 3)
        return fv_fail(context, FV_MISUSE,
                       "data set: %d channels, must be 1 or 3",
                       (int)o->channels);
    if (o->classes < 0 || o->classes > FV__MAX_CLASSES)
        return fv_fail(context, FV_MISUSE,
                       "data set: %lld classes, must be 0 to %d",
                       (long long)o->classes, FV__MAX_CLASSES);
    if (o->skip_damaged != 0 && o->skip_damaged != 1)
        return fv_fail(context, FV_MISUSE,
                       "data set: skip_damaged %d, must be 0 or 1",
                       (int)o->skip_damaged);
    return FV_OK;
}

fv_dataset *fv_dataset_open_with(fv_context *context,
                                 const fv_dataset_options *options)
{
    fv_dataset_options o;
    fv_dataset *dataset = NULL;
    if (!fv__ok(context)) return NULL;
    if (!fv__options(context, "data set", options, &o, sizeof o)
        || check_options(context, &o) != FV_OK)
        return NULL;
    search s = search_begin(context, o.name);
    s.source.classes = o.classes;
    s.source.channels = o.channels;
    s.source.skips = o.skip_damaged != 0;
    char *name = fv__copy_text(context, FV__DATA, o.name, strlen(o.name));
    if (name) search_for(&s, name);
    if (fv__ok(context)) check_part(&s);
    if (fv__ok(context)) dataset = s.form->open(&s.source);
    search_end(&s, name);
    if (dataset && o.cache_bytes && dataset->decodes)
        dataset->cache = fv__cache_new(context, o.cache_bytes, dataset->count);
    if (fv__ok(context)) return dataset;
    fv_dataset_free(dataset);
    return NULL;
}

int32_t fv_dataset_has(fv_context *context, const char *name, const char *part)
{
    int i = 0;
    if (!fv__ok(context) || !name) return 0;
    while (part && i < FV__PARTS && strcmp(part, fv__part_names[i]) != 0) i++;
    search s = search_begin(context, name);
    char *copy = fv__copy_text(context, FV__DATA, name, strlen(name));
    if (copy) search_for(&s, copy);
    const bool found = fv__ok(context) && s.form && i < FV__PARTS
                       && s.source.part == FV__PART_ALL && s.parts >> i & 1;
    search_end(&s, copy);
    return found;
}
