/* A table of files that lie in memory, for tests that need thousands. */
#ifndef FV_TESTS_MEMORY_FILES_H
#define FV_TESTS_MEMORY_FILES_H

#include <errno.h>
#include <string.h>

#include "base/internal.h"

enum { MEMORY_FILES = 8 };

/* Zero it, add files, and hand memory_files_io of it to a context. Reading
 * only; each file is open at most once. */
typedef struct memory_files {
    int count;
    const char *paths[MEMORY_FILES];
    const void *bytes[MEMORY_FILES];
    size_t sizes[MEMORY_FILES], at[MEMORY_FILES];
} memory_files;

/* Adds a file, or gives the file of that path another content. */
static inline void memory_files_put(memory_files *files, const char *path,
                                    const void *bytes, size_t size)
{
    int i = 0;
    while (i < files->count && strcmp(files->paths[i], path) != 0) i++;
    files->count += i == files->count;
    files->paths[i] = path;
    files->bytes[i] = bytes;
    files->sizes[i] = size;
}

static inline int memory_files_open(void *user, const char *path, int flags,
                                    int mode)
{
    memory_files *files = user;
    (void)flags;
    (void)mode;
    for (int i = 0; i < files->count; i++) {
        if (strcmp(files->paths[i], path) == 0) {
            files->at[i] = 0;
            return i;
        }
    }
    return -ENOENT;
}

static inline int64_t memory_files_read(void *user, int file, void *buffer,
                                        size_t bytes)
{
    memory_files *files = user;
    const size_t left = files->sizes[file] - files->at[file];
    if (bytes > left) bytes = left;
    if (bytes)
        memcpy(buffer, (const char *)files->bytes[file] + files->at[file],
               bytes);
    files->at[file] += bytes;
    return (int64_t)bytes;
}

static inline int64_t memory_files_read_at(void *user, int file, void *buffer,
                                           size_t bytes, int64_t at)
{
    memory_files *files = user;
    const size_t begin = (size_t)at;
    if (begin >= files->sizes[file]) return 0;
    const size_t left = files->sizes[file] - begin;
    if (bytes > left) bytes = left;
    memcpy(buffer, (const char *)files->bytes[file] + begin, bytes);
    return (int64_t)bytes;
}

static inline int
memory_files_list(void *user, const char *folder,
                  int (*each)(void *argument, const char *name), void *argument)
{
    (void)user, (void)folder, (void)each, (void)argument;
    return -ENOTDIR;
}

static inline int64_t memory_files_size(void *user, int file)
{
    return (int64_t)((memory_files *)user)->sizes[file];
}

static inline int memory_files_close(void *user, int file)
{
    (void)user;
    (void)file;
    return 0;
}

static inline fv_io memory_files_io(memory_files *files)
{
    fv_io io = fv__io_posix; /* what reading does not need */
    io.open = memory_files_open;
    io.read = memory_files_read;
    io.size = memory_files_size;
    io.close = memory_files_close;
    io.read_at = memory_files_read_at;
    io.list = memory_files_list;
    io.user = files;
    return io;
}

#endif
