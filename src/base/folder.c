/* Names in folders, in an order that does not depend on the file system. */
#include "base/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A folder while it is read. */
typedef struct listing {
    fv_context *context;
    char *texts; /* one behind the other, each with its end */
    size_t used, room, count;
} listing;

static int add_name(void *argument, const char *name)
{
    listing *l = argument;
    const size_t bytes = strlen(name) + 1;
    if (name[0] == '.') return 0;
    if (bytes > l->room - l->used) {
        char *larger = fv__grow(l->context, FV__DATA, l->texts, l->used, bytes,
                                1, &l->room);
        if (!larger) return -ENOMEM;
        l->texts = larger;
    }
    memcpy(l->texts + l->used, name, bytes);
    l->used += bytes;
    l->count++;
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    const char *const *first = a, *const *second = b;
    return strcmp(*first, *second);
}

/* Pointers to the names, sorted, and the names behind them. */
static int make_names(const listing *l, fv__names *names)
{
    const size_t pointers = l->count * sizeof *names->at;
    names->at = fv__allocate(l->context, FV__DATA, pointers + l->used);
    if (!names->at) return -ENOMEM;
    char *text = (char *)names->at + pointers;
    if (l->used) memcpy(text, l->texts, l->used);
    for (size_t i = 0; i < l->count; i++) {
        names->at[i] = text;
        text += strlen(text) + 1;
    }
    names->count = l->count;
    if (l->count) qsort(names->at, l->count, sizeof *names->at, by_bytes);
    return 0;
}

int fv__folder_list(fv_context *context, const char *path, fv__names *names)
{
    const fv_io *io = &context->io;
    listing l = { .context = context };
    int result;
    *names = (fv__names){ 0 };
    do {
        l.used = l.count = 0;
        result = io->list(io->user, path, add_name, &l);
    } while (result == -EINTR);
    if (!result) result = make_names(&l, names);
    fv__release(context, l.texts);
    return result;
}

void fv__names_free(fv_context *context, fv__names *names)
{
    fv__release(context, names->at);
    *names = (fv__names){ 0 };
}

static int stop_at_first(void *argument, const char *name)
{
    (void)argument;
    (void)name;
    return 1;
}

bool fv__is_folder(fv_context *context, const char *path)
{
    const fv_io *io = &context->io;
    int result;
    do result = io->list(io->user, path, stop_at_first, NULL);
    while (result == -EINTR);
    if (result >= 0) return true;
    if (fv__ok(context) && result != -ENOTDIR && result != -ENOENT
        && result != -ELOOP)
        fv__fail_io(context, path, "list", result);
    return false;
}
