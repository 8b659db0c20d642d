/* JPEG files in memory, written and read with libjpeg. */
#ifndef FV_TESTS_JPEG_FILES_H
#define FV_TESTS_JPEG_FILES_H

#include "pictures.h"

#include <jpeglib.h>

/* What the file is. Pixels are noise around a slope, the same for a size. */
typedef struct jpeg_picture {
    int64_t rows, columns;
    int channels;         /* 1, 3 or 4 (CMYK) */
    J_COLOR_SPACE stored; /* JCS_UNKNOWN: libjpeg's choice */
    int sampling;         /* of luma: 1, 2 (rows and columns) */
    bool progressive;
    int orientation; /* 0: no EXIF */
    bool big_exif;
    int restart; /* rows of blocks between restart markers */
} jpeg_picture;

static inline unsigned char jpeg_sample(int64_t row, int64_t column, int c)
{
    const int64_t slope = 5 * row + 3 * column * (c + 1) + 40 * c;
    const unsigned v = noise((unsigned)(row * 131 + column * 7 + c)) / 8;
    return (unsigned char)(slope % 200 + v);
}

static inline void make_jpeg(const jpeg_picture *p, file_bytes *file)
{
    struct jpeg_compress_struct jpeg = { 0 };
    struct jpeg_error_mgr errors;
    unsigned char *at = file->at;
    unsigned long size = sizeof file->at;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &at, &size);
    jpeg.image_width = (JDIMENSION)p->columns;
    jpeg.image_height = (JDIMENSION)p->rows;
    jpeg.input_components = p->channels;
    jpeg.in_color_space = p->channels == 1   ? JCS_GRAYSCALE
                          : p->channels == 3 ? JCS_RGB
                                             : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    if (p->stored != JCS_UNKNOWN) jpeg_set_colorspace(&jpeg, p->stored);
    jpeg_set_quality(&jpeg, 80, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor =
        p->sampling ? p->sampling : 1;
    if (p->progressive) jpeg_simple_progression(&jpeg);
    jpeg.restart_in_rows = p->restart;
    jpeg_start_compress(&jpeg, TRUE);
    unsigned char exif[48] = "Exif\0";
    if (p->orientation)
        jpeg_write_marker(
            &jpeg, JPEG_APP0 + 1, exif,
            (unsigned)(6 + exif_of(p->orientation, p->big_exif, exif + 6)));
    for (int64_t row = 0; row < p->rows; row++) {
        unsigned char line[1024];
        JSAMPROW lines[] = { line };
        for (int64_t i = 0; i < p->columns * p->channels; i++)
            line[i] = jpeg_sample(row, i / p->channels, (int)(i % p->channels));
        jpeg_write_scanlines(&jpeg, lines, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    assert_ptr_equal(at, file->at); /* it fitted */
    file->size = size;
}

/* What libjpeg makes of the file with its defaults; grey, RGB or CMYK. */
static inline void read_jpeg(const file_bytes *file, unsigned char *out)
{
    struct jpeg_decompress_struct jpeg = { 0 };
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, file->at, (unsigned long)file->size);
    jpeg_read_header(&jpeg, TRUE);
    jpeg_start_decompress(&jpeg);
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW line = out;
        jpeg_read_scanlines(&jpeg, &line, 1);
        out += jpeg.output_width * (unsigned)jpeg.output_components;
    }
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
}

#endif
