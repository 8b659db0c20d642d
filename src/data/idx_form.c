/* Folders of IDX files: MNIST, sets like it, and EMNIST. */
#include "data/data.h"

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

static const known *find_known(const char *name)
{
    for (size_t i = 0; i < sizeof known_sets / sizeof known_sets[0]; i++)
        if (strcmp(known_sets[i].name, name) == 0) return &known_sets[i];
    return NULL;
}

const char *fv__idx_package(const char *name)
{
    const known *set = find_known(name);
    return set ? set->package : NULL;
}

bool fv__idx_is_split(const char *word)
{
    for (int i = 0; i < SPLITS; i++)
        if (strcmp(word, splits[i].name) == 0) return true;
    return false;
}

static void clear(fv__text *text)
{
    if (text->at) text->at[0] = '\0';
    text->length = 0;
}

/* Finds one file of the part in the folder, of a split of EMNIST unless that is
 * NULL: `stem` is "images" or "labels". */
static bool find_file(const char *folder, fv__part part, const split *of,
                      const char *stem, int rank, fv__text *path)
{
    static const char *const train[] = { "train", NULL };
    static const char *const test[] = { "t10k", "test", NULL };
    static const char *const zipped[] = { "", ".gz" };
    const char *const *name = part == FV__PART_TEST ? test : train;
    for (; *name; name++) {
        for (int form = 0; form < 4; form++) {
            clear(path);
            fv__text_add(path, "%s/%s%s%s%s-%s%cidx%d-ubyte%s", folder,
                         of ? "emnist-" : "", of ? of->name : "", of ? "-" : "",
                         *name, stem, "-."[form / 2], rank, zipped[form % 2]);
            if (!fv__ok(path->context)) return false;
            if (fv__file_probe(path->context, path->at) == 0) return true;
        }
    }
    return false;
}

static fv__text no_text(const fv__source *source)
{
    return (fv__text){ .context = source->context, .account = FV__DATA };
}

/* Finds the images of the part: those that are no EMNIST, or of the split that
 * was asked for. */
static bool find_plain(const fv__source *source, const char *folder,
                       fv__part part, const split **of, fv__text *path)
{
    *of = NULL;
    for (int i = 0; source->split && i < SPLITS; i++)
        if (strcmp(source->split, splits[i].name) == 0) *of = &splits[i];
    return find_file(folder, part, *of, "images", 3, path);
}

static unsigned look(const fv__source *source, const char *folder)
{
    unsigned parts = 0;
    fv__text path = no_text(source);
    for (fv__part part = FV__PART_TRAIN; part < FV__PARTS; part++) {
        const split *of;
        if (part == FV__PART_VAL) continue;
        bool there = find_plain(source, folder, part, &of, &path);
        for (int i = 0; !source->split && !there && i < SPLITS; i++)
            there = find_file(folder, part, &splits[i], "images", 3, &path);
        parts |= (unsigned)there << part;
    }
    fv__text_free(&path);
    return parts;
}

/* Finds the images of the one split of EMNIST in the folder; several are a
 * failure. */
static const split *find_split(const fv__source *source, fv__text *path)
{
    const split *found = NULL;
    for (int i = SPLITS - 1; i >= 0; i--) {
        if (!find_file(source->path, source->part, &splits[i], "images", 3,
                       path))
            continue;
        if (found) {
            fv_fail(source->context, FV_MISUSE,
                    "data set \"%s\": %s has emnist-%s and emnist-%s, write "
                    "%s:%s:%s or another of them",
                    source->whole, source->path, splits[i].name, found->name,
                    source->name, splits[i].name, fv__part_names[source->part]);
            return NULL;
        }
        found = &splits[i];
    }
    if (found) find_file(source->path, source->part, found, "images", 3, path);
    return found;
}

static fv_dataset *open_folder(const fv__source *source)
{
    fv_context *context = source->context;
    fv__text images = no_text(source), labels = images;
    const known *set =
        strchr(source->name, '/') ? NULL : find_known(source->name);
    const fv__idx_set known_set = { .classes = set ? NAMED_CLASSES : 0,
                                    .names = set ? set->classes : NULL };
    fv_dataset *dataset = NULL;
    const split *of;
    if (!find_plain(source, source->path, source->part, &of, &images))
        of = find_split(source, &images);
    if (fv__ok(context)
        && !find_file(source->path, source->part, of, "labels", 1, &labels))
        fv_fail(context, FV_MISUSE,
                "data set \"%s\": %s has no labels beside it", source->whole,
                images.at);
    if (fv__ok(context))
        dataset = fv__dataset_from_idx(context, images.at, labels.at,
                                       of ? &of->set : &known_set);
    fv__text_free(&images);
    fv__text_free(&labels);
    return dataset;
}

const fv__dataset_form fv__form_idx = { "IDX files", look, open_folder };
