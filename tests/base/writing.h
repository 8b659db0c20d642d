/* A folder, a file in it and its new and old contents, for tests of the
 * writer. */
#ifndef FV_TESTS_BASE_WRITING_H
#define FV_TESTS_BASE_WRITING_H

#include "bare.h"
#include "folder.h"

#include <dirent.h>

enum { BYTES = 200000 };

static unsigned char content[BYTES];

static inline int begin(void **state)
{
    for (size_t i = 0; i < BYTES; i++)
        content[i] = (unsigned char)(i * 13 + i / 251);
    return make_folder(state);
}

static inline void put_old(void)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("old", file);
    assert_int_equal(fclose(file), 0);
}

/* The file's content; the names in the folder besides it. */
static inline size_t get(unsigned char *out, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t bytes = fread(out, 1, room, file);
    fclose(file);
    return bytes;
}

static inline size_t others(void)
{
    DIR *list = opendir(folder);
    assert_non_null(list);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(list));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")
                 && strcmp(entry->d_name, "model");
    closedir(list);
    return count;
}

static inline bool is_new(void)
{
    static unsigned char got[BYTES + 1];
    return get(got, sizeof got) == BYTES && !memcmp(got, content, BYTES);
}

static inline bool is_old(void)
{
    unsigned char got[16];
    return get(got, sizeof got) == 3 && !memcmp(got, "old", 3);
}

/* In pieces of growing size, small and larger than the buffer. */
static inline fv_status write_content(fv_context *context, const char *where)
{
    fv__writer writer;
    fv__write_begin(&writer, context, where);
    for (size_t at = 0, piece = 0; at < BYTES; piece = piece * 3 + 1) {
        size_t bytes = piece < BYTES - at ? piece : BYTES - at;
        fv__write(&writer, content + at, bytes);
        at += bytes;
    }
    return fv__write_end(&writer);
}

static inline void failed_with(fv_context *context, const char *rest)
{
    char sentence[400];
    snprintf(sentence, sizeof sentence, "%s: %s", path, rest);
    assert_error(context, sentence);
}

#endif
