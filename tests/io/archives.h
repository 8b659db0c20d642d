/* Safetensors files in memory, made by hand. */
#ifndef FV_TESTS_IO_ARCHIVES_H
#define FV_TESTS_IO_ARCHIVES_H

#include "support.h"

#include "io/io.h"
#include "memory_files.h"

static memory_files files;
static unsigned char room[1 << 18];
static size_t used;

static inline void put(const void *bytes, size_t size)
{
    assert_true(used + size <= sizeof room);
    memcpy(room + used, bytes, size);
    used += size;
}

static inline void begin_file(uint64_t header_size)
{
    used = 0;
    for (int i = 0; i < 8; i++) {
        const unsigned char byte = (unsigned char)(header_size >> 8 * i);
        put(&byte, 1);
    }
}

/* A file of a header and zeros. */
static inline void make(const char *header, size_t data)
{
    begin_file(strlen(header));
    put(header, strlen(header));
    assert_true(used + data <= sizeof room);
    memset(room + used, 0, data);
    used += data;
}

static inline fv_context *context_over_files(void)
{
    fv_io io = memory_files_io(&files);
    fv_context *context = fv_context_new(FV_OPTIONS(
        fv_context_options, .io = &io, .max_bytes = (size_t)1 << 30));
    assert_ok(context);
    return context;
}

#endif
