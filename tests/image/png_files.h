/* PNG files in memory, written with libpng. */
#ifndef FV_TESTS_PNG_FILES_H
#define FV_TESTS_PNG_FILES_H

#include "pictures.h"

#include <png.h>

/* What the file is; samples are [rows, columns, channels], each in `bits`. */
typedef struct png_picture {
    int type, bits; /* PNG_COLOR_TYPE_... */
    int64_t rows, columns;
    const uint16_t *samples;
    bool interlaced;
    const png_color *palette;
    int colours;
    const png_byte *palette_opacity; /* NULL: none */
    int opacities;
    const png_color_16 *transparent; /* NULL: none */
    int orientation;                 /* 0: none */
    bool big_exif;
} png_picture;

static inline void png_append(png_struct *png, png_byte *from, size_t bytes)
{
    file_bytes *file = png_get_io_ptr(png);
    assert_true(file->size + bytes <= sizeof file->at);
    memcpy(file->at + file->size, from, bytes);
    file->size += bytes;
}

static inline void png_flush_nothing(png_struct *png) { (void)png; }

static inline int png_channels_of(int type)
{
    return type == PNG_COLOR_TYPE_RGB          ? 3
           : type == PNG_COLOR_TYPE_RGBA       ? 4
           : type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                               : 1;
}

static inline void put_chunks(const png_picture *p, png_struct *png,
                              png_info *info)
{
    if (p->palette) png_set_PLTE(png, info, p->palette, p->colours);
    if (p->palette_opacity || p->transparent)
        png_set_tRNS(png, info, p->palette_opacity, p->opacities,
                     p->transparent);
    unsigned char exif[40];
    if (p->orientation)
        png_set_eXIf_1(png, info,
                       (png_uint_32)exif_of(p->orientation, p->big_exif, exif),
                       exif);
    png_write_info(png, info);
}

static inline void make_png(const png_picture *p, file_bytes *file)
{
    png_struct *png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_info *info = png_create_info_struct(png);
    const int channels = png_channels_of(p->type);
    png_byte line[1024];
    file->size = 0;
    png_set_write_fn(png, file, png_append, png_flush_nothing);
    png_set_IHDR(png, info, (png_uint_32)p->columns, (png_uint_32)p->rows,
                 p->bits, p->type,
                 p->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0,
                 0);
    put_chunks(p, png, info);
    png_set_packing(png);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int64_t row = 0; row < p->rows; row++) {
            for (int64_t i = 0; i < p->columns * channels; i++) {
                const uint16_t v = p->samples[row * p->columns * channels + i];
                if (p->bits == 16) {
                    line[2 * i] = (png_byte)(v >> 8);
                    line[2 * i + 1] = (png_byte)v;
                } else {
                    line[i] = (png_byte)v;
                }
            }
            png_write_row(png, line);
        }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
}

#endif
