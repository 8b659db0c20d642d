/** @file
 * Pictures: read from PNG and JPEG files, written as PNG, resized. */
#ifndef FOVEA_IMAGE_H
#define FOVEA_IMAGE_H

#include <fovea/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The format of a picture's file, recognised by its first bytes. */
typedef enum fv_image_format {
    FV_IMAGE_UNKNOWN = 0,
    FV_IMAGE_PNG,
    FV_IMAGE_JPEG
} fv_image_format;

/** What a file says of its picture. */
typedef struct fv_image_info {
    int64_t rows, columns; /**< after the orientation has been applied */
    int32_t channels;      /**< 1 (grey) or 3 (RGB), as it is read by default */
    int32_t bits;          /**< of a sample or of a palette's index, 1 to 16 */
    fv_image_format format;
    int32_t transparent; /**< 1: some of it may be */
} fv_image_info;

/** How a picture is read; zero is the default of each. */
typedef struct fv_image_options {
    size_t size;                       /**< set by #FV_OPTIONS */
    const uint8_t *background FV_ZERO; /**< red, green and blue beneath what is
                                            transparent; NULL: white */
    int64_t max_pixels FV_ZERO;  /**< a picture of more is refused before memory
                                      is allocated for it (2^26) */
    int64_t min_rows FV_ZERO;    /**< if given, the picture may be decoded at */
    int64_t min_columns FV_ZERO; /**< 1/2, 1/4 or 1/8 of its size, as long as
                                      it has so many rows and columns: JPEG,
                                      where that is faster (full size) */
    int32_t channels FV_ZERO;    /**< 1: grey; 3: RGB; 4: RGB and opacity; 0: 1
                                      or 3, as the file has them */
    int32_t ignore_orientation FV_ZERO; /**< 1: rows and columns as stored,
                                             whatever EXIF says */
    int32_t exact FV_ZERO; /**< 1: 16-bit samples as numbers from 0 to 1 of the
                                context's type, not rounded to bytes */
    int32_t indices FV_ZERO; /**< 1: a mask: the numbers of a palette's colours
                                  instead of the colours, and samples of fewer
                                  than 8 bits as they are, as one channel */
} fv_image_options;

/** Reads a PNG or JPEG file as FV_U8 [rows, columns, channels], in new memory.
 *  Samples of fewer than 8 bits are scaled to 0..255, those of 16 bits are
 *  rounded; gamma and colour profiles are ignored; colours become grey by
 *  ITU-R 601, CMYK becomes RGB; EXIF orientation is applied. A file that is
 *  damaged or ends early is refused. `options` may be NULL. */
FV_API fv_tensor fv_image_read(fv_context *context, const char *path,
                               const fv_image_options *options);
/** The same from `size` bytes in memory; `name` is for messages. */
FV_API fv_tensor fv_image_decode(fv_context *context, const char *name,
                                 const void *bytes, size_t size,
                                 const fv_image_options *options);
/** Reads what the file says of its picture, without decoding it; zeros after a
 *  failure. */
FV_API fv_image_info fv_image_probe(fv_context *context, const char *path);

/** Writes a picture, FV_U8 [rows, columns] (grey) or [rows, columns, channels]
 *  with 1 (grey), 2 (grey and opacity), 3 (RGB) or 4 (RGB and opacity)
 *  channels, as a PNG file, atomically. */
FV_API fv_status fv_image_write(fv_context *context, const char *path,
                                const fv_tensor *image);
/** The bytes of that file, FV_U8 [size], in new memory. */
FV_API fv_tensor fv_image_encode(fv_context *context, const fv_tensor *image);

/** How pixels of a resized picture are made. All but the first are weighted
 *  means of the pixels near by. Where the picture shrinks, their weights
 *  spread over as many more pixels, so that nothing is skipped. */
typedef enum fv_resample {
    FV_RESAMPLE_NEAREST = 0, /**< the pixel at the same place; for masks */
    FV_RESAMPLE_AREA,        /**< the mean of the pixels covered (box) */
    FV_RESAMPLE_BILINEAR,    /**< weights fall linearly within 1 pixel */
    FV_RESAMPLE_BICUBIC,     /**< cubic convolution within 2 pixels, a = -1/2 */
    FV_RESAMPLE_LANCZOS      /**< windowed sinc within 3 pixels */
} fv_resample;

/** A picture, FV_U8 [rows, columns, channels] with 1 to 4 channels, in another
 *  size, in new memory; results are those of Pillow, but that opacity is a
 *  channel like others. */
FV_API fv_tensor fv_image_resize(fv_context *context, const fv_tensor *image,
                                 int64_t rows, int64_t columns,
                                 fv_resample filter);

/** A perceptual hash of a picture FV_U8 [rows, columns, channels]: pictures
 * that look alike, by size, compression or brightness only apart, have hashes
 * that differ in few of the 64 bits. The picture is made grey and resized to 32
 * x 32 by means; bit i says whether coefficient i of the lowest 8 x 8 of its
 *  discrete cosine transform, but for the mean, is above their median. 0 after
 *  a failure. */
FV_API uint64_t fv_image_hash(fv_context *context, const fv_tensor *image);

#ifdef __cplusplus
}
#endif
#endif
