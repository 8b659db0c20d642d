/* A folder of a test's own with pictures in folders. */
#ifndef FV_TESTS_DATA_PICTURES_H
#define FV_TESTS_DATA_PICTURES_H

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static inline const char *at(const char *name)
{
    static char paths[8][256];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, 256, "%s/%s", root, name);
    return path;
}

static inline int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/fovea-data-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static inline int remove_root(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static inline void make_folder(const char *name)
{
    assert_int_equal(mkdir(at(name), 0777), 0);
}

static inline void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(at(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

/* Pixel i of a picture. */
static inline unsigned char pixel_of(int seed, int64_t i)
{
    return (unsigned char)(seed * 31 + i * 7 + i / 5);
}

/* Writes a PNG file. */
static inline void write_picture(const char *name, int64_t rows,
                                 int64_t columns, int64_t channels, int seed)
{
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1));
    const int64_t shape[] = { rows, columns, channels };
    fv_tensor image = fv_tensor_new(context, FV_U8, 3, shape);
    for (int64_t i = 0; i < fv_tensor_count(&image); i++)
        ((unsigned char *)image.data)[i] = pixel_of(seed, i);
    fv_image_write(context, at(name), &image);
    assert_ok(context);
    fv_context_free(context);
}

#endif
