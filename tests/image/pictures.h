/* What the tests of pictures share: contexts that count, and pictures. */
#ifndef FV_TESTS_PICTURES_H
#define FV_TESTS_PICTURES_H

#include "faults.h"
#include "support.h"

/* A file in memory, made by the test. */
typedef struct file_bytes {
    unsigned char at[1 << 16];
    size_t size;
} file_bytes;

static faults_memory counted;

/* A context on one thread with so much memory, whose allocations are counted.
 */
static inline fv_context *counting_context(size_t max_bytes)
{
    counted = (faults_memory){ 0 };
    const fv_allocator allocator = faults_allocator(&counted);
    fv_context *ctx = fv_context_new(
        FV_OPTIONS(fv_context_options, .threads = 1, .max_bytes = max_bytes,
                   .allocator = &allocator));
    assert_non_null(ctx);
    return ctx;
}

static inline void free_counting(fv_context *ctx)
{
    fv_context_free(ctx);
    assert_int_equal(counted.blocks, 0);
    assert_int_equal(counted.wrong, 0);
}

/* Bytes that look random, the same in every run. */
static inline unsigned noise(unsigned i)
{
    i = (i ^ 61) ^ i >> 16;
    i *= 9;
    i ^= i >> 4;
    i *= 0x27d4eb2du;
    return (i ^ i >> 15) & 255;
}

static inline unsigned char *pixel(const fv_tensor *image, int64_t row,
                                   int64_t column)
{
    return (unsigned char *)image->data + row * image->stride[0]
           + column * image->stride[1];
}

/* The pixel of a stored picture of rows x columns that EXIF puts at (row,
 * column) of the upright one, by the words of the standard: where its row 0 and
 * its column 0 are seen. */
static inline void stored_place(int orientation, int64_t rows, int64_t columns,
                                int64_t row, int64_t column, int64_t *from_row,
                                int64_t *from_column)
{
    const int64_t bottom = rows - 1, right = columns - 1;
    switch (orientation) {
    case 1: /* top, left */
        *from_row = row, *from_column = column;
        break;
    case 2: /* top, right */
        *from_row = row, *from_column = right - column;
        break;
    case 3: /* bottom, right */
        *from_row = bottom - row, *from_column = right - column;
        break;
    case 4: /* bottom, left */
        *from_row = bottom - row, *from_column = column;
        break;
    case 5: /* left, top */
        *from_row = column, *from_column = row;
        break;
    case 6: /* right, top */
        *from_row = bottom - column, *from_column = row;
        break;
    case 7: /* right, bottom */
        *from_row = bottom - column, *from_column = right - row;
        break;
    default: /* left, bottom */
        *from_row = column, *from_column = right - row;
    }
}

/* `turned` is `stored`, a whole picture, as the orientation says. */
static inline void check_turned(const fv_tensor *turned,
                                const fv_tensor *stored, int orientation)
{
    const int64_t rows = stored->shape[0], columns = stored->shape[1];
    assert_int_equal(turned->shape[0], orientation > 4 ? columns : rows);
    assert_int_equal(turned->shape[1], orientation > 4 ? rows : columns);
    assert_int_equal(turned->shape[2], stored->shape[2]);
    for (int64_t r = 0; r < turned->shape[0]; r++)
        for (int64_t c = 0; c < turned->shape[1]; c++) {
            int64_t row, column;
            stored_place(orientation, rows, columns, r, c, &row, &column);
            assert_memory_equal(pixel(turned, r, c), pixel(stored, row, column),
                                (size_t)stored->shape[2]);
        }
}

/* EXIF data with an orientation, in either byte order; the number of bytes. */
static inline size_t exif_of(int orientation, bool big, unsigned char out[40])
{
    /* two entries: a width, then the orientation */
    static const unsigned char little_one[] = {
        'I', 'I', 42, 0,    8, 0, 0, 0, 2, 0, 0, 1, 4, 0, 1, 0, 0, 0, 9,
        0,   0,   0,  0x12, 1, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    };
    static const unsigned char big_one[] = {
        'M', 'M', 0, 42, 0,    0, 0, 8, 0, 2, 1, 0, 0, 4, 0, 0, 0, 1, 0,
        0,   0,   9, 1,  0x12, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0
    };
    memcpy(out, big ? big_one : little_one, sizeof big_one);
    out[big ? 31 : 30] = (unsigned char)orientation;
    return sizeof big_one;
}

#endif
