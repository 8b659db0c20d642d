/* Finds the networks that come with the program by name: texts in the folder
 * `models` beside a program that has just been built, or in share/fovea/models
 * of an installation. */
#include "cli/cli.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_NAMES = 64 };

static const char extension[] = ".net";

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The folder of the networks; false if there is none. */
static bool find_folder(char folder[CLI_PATH])
{
    static const char *const places[] = { "models", FOVEA_MODELS };
    char program[CLI_PATH];
    const ssize_t length =
        readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) return false;
    program[length] = '\0';
    char *end = strrchr(program, '/');
    if (end) *end = '\0';
    for (int i = 0; i < 2; i++) {
        const int wrote =
            snprintf(folder, CLI_PATH, "%s/%s", program, places[i]);
        if (wrote > 0 && wrote < CLI_PATH && is_folder(folder)) return true;
    }
    return false;
}

/* The names of the networks in a folder, in order. */
typedef struct list {
    int count;
    const char *names[MOST_NAMES + 1]; /* NULL ends them */
    char room[MOST_NAMES][CLI_CELL];
} list;

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_folder(const char *folder, list *out)
{
    DIR *stream = opendir(folder);
    const struct dirent *entry;
    *out = (list){ 0 };
    while (stream && (entry = readdir(stream)) && out->count < MOST_NAMES) {
        const char *end = strrchr(entry->d_name, '.');
        const long length = end ? end - entry->d_name : 0;
        if (length <= 0 || length >= CLI_CELL || strcmp(end, extension) != 0)
            continue;
        char *name = out->room[out->count];
        snprintf(name, CLI_CELL, "%.*s", (int)length, entry->d_name);
        out->names[out->count++] = name;
    }
    if (stream) closedir(stream);
    qsort(out->names, (size_t)out->count, sizeof *out->names, by_name);
}

static void refuse(fv_context *context, const char *folder, const char *word)
{
    char all[MOST_NAMES * (CLI_CELL + 2)] = "";
    size_t length = 0;
    list found;
    read_folder(folder, &found);
    for (int i = 0; i < found.count; i++)
        length += (size_t)snprintf(all + length, sizeof all - length, "%s%s",
                                   i ? ", " : "", found.names[i]);
    const char *meant = cli_meant(word, found.names);
    fv_fail(context, FV_IO,
            "%s: neither a file nor a network that comes with Fovea (%s)%s%s%s",
            word, all, meant ? ", did you mean " : "", meant ? meant : "",
            meant ? "?" : "");
}

bool cli_find(fv_context *context, const char *word, char path[CLI_PATH])
{
    char folder[CLI_PATH];
    struct stat status;
    if (!*word || *word == '-' || strpbrk(word, "./")
        || (stat(word, &status) == 0 && !S_ISDIR(status.st_mode))
        || !find_folder(folder))
        return false;
    const int wrote =
        snprintf(path, CLI_PATH, "%s/%s%s", folder, word, extension);
    if (wrote > 0 && wrote < CLI_PATH && access(path, F_OK) == 0) return true;
    refuse(context, folder, word);
    return false;
}
