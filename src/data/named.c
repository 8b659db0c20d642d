/* Opens a part of a data set by name, from the places where packages install
 * them or from a folder. */
#include "data/data.h"

#include <stdlib.h>
#include <string.h>

enum { NAMED_CLASSES = 10 };

static const char *const fashion_names[NAMED_CLASSES] = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot",
};

#define DIGITS "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"
#define CAPITALS                                                               \
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", \
        "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z"
static const char *const digit_names[NAMED_CLASSES] = { DIGITS };
static const char *const letter_names[] = { CAPITALS };
static const char *const merged_names[] = { DIGITS, CAPITALS, "a", "b", "d",
                                            "e",    "f",      "g", "h", "n",
                                            "q",    "r",      "t" };
static const char *const character_names[] = {
    DIGITS, CAPITALS, "a", "b", "c", "d", "e", "f", "g", "h",
    "i",    "j",      "k", "l", "m", "n", "o", "p", "q", "r",
    "s",    "t",      "u", "v", "w", "x", "y", "z",
};

/* The splits of EMNIST (Cohen, Afshar, Tapson and van Schaik 2017), whose
 * images lie column after column. Labels of letters begin at 1. */
typedef struct split {
    const char *name;
    fv__idx_set set;
} split;

static const split splits[] = {
    { "balanced", { 47, 0, merged_names, true } },
    { "byclass", { 62, 0, character_names, true } },
    { "bymerge", { 47, 0, merged_names, true } },
    { "digits", { 10, 0, digit_names, true } },
    { "letters", { 26, 1, letter_names, true } },
    { "mnist", { 10, 0, digit_names, true } },
};
enum { SPLITS = sizeof splits / sizeof *splits };

/* What is known about a data set with that name. */
typedef struct known {
    const char *name;
    const char *const *classes;
    const char *package; /* of Debian; NULL: none */
} known;

static const known known_sets[] = {
    { "fashion-mnist", fashion_names, "dataset-fashion-mnist" },
    { "mnist", digit_names, NULL },
};

/* A search in progress. */
typedef struct search {
    fv_context *context;
    const char *whole;  /* as the caller wrote it */
    const char *name;   /* without the part */
    const split *split; /* of EMNIST, asked for or found; NULL: none */
    bool test;
    fv__text tried; /* folders, for the message */
    fv__text images, labels;
} search;

static const known *find_known(const char *name)
{
    for (size_t i = 0; i < sizeof known_sets / sizeof known_sets[0]; i++)
        if (strcmp(known_sets[i].name, name) == 0) return &known_sets[i];
    return NULL;
}

static void clear(fv__text *text)
{
    if (text->at) text->at[0] = '\0';
    text->length = 0;
}

/* Finds one file of the part in the folder, of a split of EMNIST unless that is
 * NULL: `stem` is "images" or "labels". */
static bool find_file(search *s, const char *folder, const split *of,
                      const char *stem, int rank, fv__text *path)
{
    static const char *const train[] = { "train", NULL };
    static const char *const test[] = { "t10k", "test", NULL };
    static const char *const zipped[] = { "", ".gz" };
    for (const char *const *part = s->test ? test : train; *part; part++) {
        for (int form = 0; form < 4; form++) {
            clear(path);
            fv__text_add(path, "%s/%s%s%s%s-%s%cidx%d-ubyte%s", folder,
                         of ? "emnist-" : "", of ? of->name : "", of ? "-" : "",
                         *part, stem, "-."[form / 2], rank, zipped[form % 2]);
            if (!fv__ok(s->context)) return false;
            if (fv__file_probe(s->context, path->at) == 0) return true;
        }
    }
    return false;
}

/* Finds the images of the one split of EMNIST in the folder; several are a
 * failure. */
static bool find_split(search *s, const char *folder)
{
    const split *found = NULL;
    for (int i = SPLITS - 1; i >= 0; i--) {
        if (!find_file(s, folder, &splits[i], "images", 3, &s->images))
            continue;
        if (found) {
            fv_fail(s->context, FV_MISUSE,
                    "data set \"%s\": %s has emnist-%s and emnist-%s, write "
                    "%s:%s:%s or another of them",
                    s->whole, folder, splits[i].name, found->name, s->name,
                    splits[i].name, s->test ? "test" : "train");
            return false;
        }
        found = &splits[i];
    }
    s->split = found;
    return found && find_file(s, folder, found, "images", 3, &s->images);
}

/* Whether the folder has the part; images without labels are a failure. */
static bool find_part(search *s, const char *folder)
{
    fv__text_add(&s->tried, "%s%s", s->tried.length ? ", " : "", folder);
    if (!find_file(s, folder, s->split, "images", 3, &s->images)
        && (s->split || !find_split(s, folder)))
        return false;
    if (find_file(s, folder, s->split, "labels", 1, &s->labels)) return true;
    fv_fail(s->context, FV_MISUSE,
            "data set \"%s\": %s has no labels beside it", s->whole,
            s->images.at);
    return false;
}

/* The same for the folder `name` in `length` characters of `place`. */
static bool find_below(search *s, const char *place, size_t length,
                       const char *below)
{
    fv__text folder = { .context = s->context, .account = FV__DATA };
    fv__text_add(&folder, "%.*s%s/%s", (int)length, place, below, s->name);
    const bool found = fv__ok(s->context) && find_part(s, folder.at);
    fv__text_free(&folder);
    return found;
}

/* The places of named sets, in order. */
static bool find_named(search *s)
{
    static const char *const places[] = { "/usr/share/datasets", "/usr/share" };
    const char *list = getenv("FOVEA_DATA_PATH");
    while (list && *list) {
        const size_t length = strcspn(list, ":");
        if (length && find_below(s, list, length, "")) return true;
        list += length + (list[length] == ':');
    }
    for (int i = 0; i < 2; i++)
        if (find_below(s, places[i], strlen(places[i]), "")) return true;
    const char *home = getenv("HOME");
    if (home && *home
        && find_below(s, home, strlen(home), "/.local/share/fovea"))
        return true;
    return find_below(s, ".", 1, "") || find_below(s, "./data", 6, "");
}

static void not_found(search *s, const known *set)
{
    const bool packaged = set && set->package;
    fv_fail(s->context, FV_IO,
            "data set \"%s\": no %s%s%s%s-images-idx3-ubyte[.gz] in %s%s%s",
            s->whole, s->split ? "emnist-" : "", s->split ? s->split->name : "",
            s->split ? "-" : "",
            !s->test   ? "train"
            : s->split ? "test"
                       : "t10k",
            s->tried.at ? s->tried.at : "",
            packaged ? "; Debian has it in the package " : "",
            packaged ? set->package : "");
}

static fv_dataset *find_and_read(search *s)
{
    const char *name = s->name;
    const bool path =
        strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    const known *set = path ? NULL : find_known(name);
    const bool found = path ? find_part(s, name) : find_named(s);
    if (!fv__ok(s->context)) return NULL;
    if (!found) {
        not_found(s, set);
        return NULL;
    }
    const fv__idx_set known_set = { .classes = set ? NAMED_CLASSES : 0,
                                    .names = set ? set->classes : NULL };
    return fv__dataset_from_idx(s->context, s->images.at, s->labels.at,
                                s->split ? &s->split->set : &known_set);
}

/* The part behind the last colon; NULL if there is none. */
static const char *find_colon(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon && colon != name && colon[1] && !strchr(colon, '/') ? colon
                                                                     : NULL;
}

/* The split of EMNIST that ":<split>" at the end of the name asks for, cut off
 * there; NULL if there is none. */
static const split *take_split(char *name)
{
    char *colon = strrchr(name, ':');
    for (int i = 0; colon && colon != name && i < SPLITS; i++)
        if (strcmp(colon + 1, splits[i].name) == 0) {
            *colon = '\0';
            return &splits[i];
        }
    return NULL;
}

fv_dataset *fv_dataset_open(fv_context *context, const char *name)
{
    if (!fv__ok(context)) return NULL;
    if (!name || !*name) {
        fv_fail(context, FV_MISUSE, "data set: name missing");
        return NULL;
    }
    const char *colon = find_colon(name);
    if (!colon) {
        int length = (int)strlen(name);
        while (length > 1 && name[length - 1] == ':') length--;
        fv_fail(context, FV_MISUSE,
                "data set \"%s\": part missing, write %.*s:train or %.*s:test",
                name, length, name, length, name);
        return NULL;
    }
    if (strcmp(colon, ":train") != 0 && strcmp(colon, ":test") != 0) {
        fv_fail(context, FV_MISUSE,
                "data set \"%s\": part \"%s\", must be train or test", name,
                colon + 1);
        return NULL;
    }
    const fv__text empty = { .context = context, .account = FV__DATA };
    search s = { .context = context,
                 .whole = name,
                 .test = strcmp(colon, ":test") == 0,
                 .tried = empty,
                 .images = empty,
                 .labels = empty };
    char *folder =
        fv__copy_text(context, FV__DATA, name, (size_t)(colon - name));
    s.split = folder ? take_split(folder) : NULL;
    s.name = folder;
    fv_dataset *dataset = folder ? find_and_read(&s) : NULL;
    fv__text_free(&s.tried);
    fv__text_free(&s.images);
    fv__text_free(&s.labels);
    fv__release(context, folder);
    return dataset;
}
