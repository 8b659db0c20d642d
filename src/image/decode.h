/* What the decoders of the formats and their callers share. */
#ifndef FV_IMAGE_DECODE_H
#define FV_IMAGE_DECODE_H

#include "image/image.h"

/* A picture while it is decoded. */
typedef struct fv__decoding {
    fv_context *context;
    const char *name; /* printable, for messages */
    const unsigned char *bytes;
    size_t size;
    int32_t channels; /* of the result; 0: 1 or 3, as the file has them */
    int32_t background[3];
    int64_t max_pixels, min_rows, min_columns;
    bool oriented; /* the orientation is applied */
    bool exact;    /* 16 bits stay 16 bits */
    bool indices;  /* palettes and scales of few bits are not applied */
    fv__pixels *to, *scratch;

    /* of the file, as stored; set by the decoder before fv__raw_begin */
    int64_t rows, columns;
    int32_t raw_channels; /* 1 grey, 2 grey and opacity, 3 RGB, 4 RGB and
                             opacity or CMYK */
    bool cmyk;            /* inverted, as Adobe writes it */
    bool wide;            /* samples of two bytes, the high one first */
    int32_t orientation;  /* of EXIF, 1 to 8 */

    /* by fv__raw_begin: where the decoder puts the rows */
    unsigned char *raw;
    size_t row_bytes;
    fv_tensor result;
} fv__decoding;

/* Whether rows and columns of the file are allowed; if not, recorded. */
bool fv__decode_allowed(fv__decoding *d, int64_t rows, int64_t columns);
/* Makes room for the file's pixels and for the result. */
bool fv__raw_begin(fv__decoding *d);
/* Makes the result of the file's pixels: opacity, grey and orientation. */
void fv__raw_end(fv__decoding *d);

/* The orientation in EXIF data, which begin with a TIFF header: 1 to 8; 1 if
 * there is none, or it cannot be read. */
int32_t fv__exif_orientation(const unsigned char *bytes, size_t size);

/* Decoders: from d->bytes to d->result, or what the file says. A failure is
 * recorded. */
void fv__png_decode(fv__decoding *d);
void fv__png_info(fv__decoding *d, fv_image_info *info);
void fv__jpeg_decode(fv__decoding *d);
void fv__jpeg_info(fv__decoding *d, fv_image_info *info);

#endif
