/* Names of parts, and lists of names of classes. */
#include "data/data.h"

#include <stdlib.h>
#include <string.h>

const char *const fv__part_names[FV__PARTS] = { "", "train", "val", "test" };

enum { NAME_BYTES = 256, MOST_BYTES = 1 << 24 };

void fv__list_add(fv__class_list *list, const char *text, size_t length)
{
    char name[NAME_BYTES];
    if (!fv__ok(list->context)) return;
    if (list->count == list->room) {
        char **larger = fv__grow(list->context, FV__DATA, list->at, list->count,
                                 1, sizeof *list->at, &list->room);
        if (!larger) return;
        list->at = larger;
    }
    fv__printable(text, length, name, sizeof name);
    char *copy = fv__copy_text(list->context, FV__DATA, name, strlen(name));
    if (copy) list->at[list->count++] = copy;
}

void fv__list_free(fv__class_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        fv__release(list->context, list->at[i]);
    fv__release(list->context, list->at);
    *list = (fv__class_list){ .context = list->context };
}

/* Numbers stand before words. */
static int compare_texts(const char *a, const char *b)
{
    int64_t first, second;
    const bool one = fv__whole_read(a, strlen(a), &first);
    const bool other = fv__whole_read(b, strlen(b), &second);
    if (one && other && first != second) return first < second ? -1 : 1;
    if (one != other) return one ? -1 : 1;
    return strcmp(a, b);
}

static int compare(const void *a, const void *b)
{
    char *const *first = a, *const *second = b;
    return compare_texts(*first, *second);
}

void fv__list_sort(fv__class_list *list)
{
    size_t kept = 0;
    if (list->count) qsort(list->at, list->count, sizeof *list->at, compare);
    for (size_t i = 0; i < list->count; i++) {
        if (kept && strcmp(list->at[i], list->at[kept - 1]) == 0)
            fv__release(list->context, list->at[i]);
        else
            list->at[kept++] = list->at[i];
    }
    list->count = kept;
}

int64_t fv__list_find(const fv__class_list *list, const char *text,
                      size_t length)
{
    char name[NAME_BYTES];
    size_t low = 0, high = list->count;
    fv__printable(text, length, name, sizeof name);
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = compare_texts(list->at[middle], name);
        if (!order) return (int64_t)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

void fv__list_read(fv__class_list *list, const char *path)
{
    size_t size;
    char *text = fv__read_file(list->context, path, MOST_BYTES, &size);
    for (char *at = text; at && *at;) {
        const size_t length = strcspn(at, "\r\n");
        if (length) fv__list_add(list, at, length);
        at += length + strspn(at + length, "\r\n");
    }
    fv__release(list->context, text);
}
