/* IDX and gzip files made in memory. */
#ifndef FV_TESTS_DATA_COMMON_H
#define FV_TESTS_DATA_COMMON_H

#include "support.h"

#include "base/base.h"
#include "memory_files.h"

/* Bytes of a file that grows. */
typedef struct bytes {
    unsigned char at[1 << 17];
    size_t count;
} bytes;

static inline void add(bytes *to, const void *from, size_t count)
{
    assert_true(to->count + count <= sizeof to->at);
    memcpy(to->at + to->count, from, count);
    to->count += count;
}

/* The header of an IDX file of bytes. */
static inline void add_idx(bytes *to, int rank, const uint32_t *shape)
{
    add(to, (unsigned char[]){ 0, 0, 8, (unsigned char)rank }, 4);
    for (int i = 0; i < rank; i++) {
        const uint32_t x = shape[i];
        const unsigned char raw[] = { (unsigned char)(x >> 24),
                                      (unsigned char)(x >> 16),
                                      (unsigned char)(x >> 8),
                                      (unsigned char)x };
        add(to, raw, 4);
    }
}

#define IDX(to, ...)                                                           \
    add_idx(to, (int)(sizeof((uint32_t[]){ __VA_ARGS__ }) / 4),                \
            (const uint32_t[]){ __VA_ARGS__ })

/* Element i of the images and labels below. */
static inline unsigned char pixel(size_t i)
{
    return (unsigned char)(i * 37 + i / 7);
}
static inline unsigned char label(size_t i) { return (unsigned char)(i % 4); }

/* n images of h x w, n labels. */
static inline void make_images(bytes *to, uint32_t n, uint32_t h, uint32_t w)
{
    to->count = 0;
    IDX(to, n, h, w);
    for (size_t i = 0; i < (size_t)n * h * w; i++)
        add(to, (unsigned char[]){ pixel(i) }, 1);
}
static inline void make_labels(bytes *to, uint32_t n)
{
    to->count = 0;
    IDX(to, n);
    for (size_t i = 0; i < n; i++) add(to, (unsigned char[]){ label(i) }, 1);
}

static inline void add_little(bytes *to, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        add(to, (unsigned char[]){ (unsigned char)(x >> 8 * i) }, 1);
}

/* A gzip member of stored blocks; flags are those of its header. */
static inline void add_member(bytes *to, unsigned char flags, const void *extra,
                              size_t extra_size, const unsigned char *content,
                              size_t size)
{
    add(to, (unsigned char[]){ 0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3 }, 10);
    if (extra_size) add(to, extra, extra_size);
    size_t done = 0;
    do {
        const size_t part = size - done < 65535 ? size - done : 65535;
        const unsigned char low = part & 255, high = (part >> 8) & 255;
        add(to,
            (unsigned char[]){ done + part == size, low, high,
                               (unsigned char)~low, (unsigned char)~high },
            5);
        if (part) add(to, content + done, part);
        done += part;
    } while (done < size);
    add_little(to, fv__crc32(0, content, size));
    add_little(to, (uint32_t)size);
}

static inline void make_gzip(bytes *to, const bytes *from)
{
    to->count = 0;
    add_member(to, 0, NULL, 0, from->at, from->count);
}

/* A context that reads the files. */
static inline fv_context *context_over(memory_files *files)
{
    fv_io io = memory_files_io(files);
    fv_context *context = fv_context_new(FV_OPTIONS(
        fv_context_options, .io = &io, .max_bytes = (size_t)1 << 30));
    assert_ok(context);
    return context;
}

#endif
