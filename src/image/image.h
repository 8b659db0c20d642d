/* What data sets and transforms use of this module: decoding and resizing into
 * memory that is reused. */
#ifndef FV_IMAGE_IMAGE_H
#define FV_IMAGE_IMAGE_H

#include <fovea/image.h>

#include "base/base.h"

/* Memory for one picture after another; initialise it with zeros. */
typedef struct fv__pixels {
    unsigned char *at;
    size_t capacity;
} fv__pixels;

/* Makes room for `bytes`; what was there is lost. Returns pixels->at; NULL
 * after a failure. */
unsigned char *fv__pixels_reserve(fv_context *context, fv__pixels *pixels,
                                  size_t bytes);
void fv__pixels_free(fv_context *context, fv__pixels *pixels);
/* A tensor [rows, columns, channels] in `to`, or new one of the context if `to`
 * is NULL; the failed tensor after a failure. */
fv_tensor fv__pixels_tensor(fv_context *context, fv__pixels *to, fv_dtype dtype,
                            int64_t rows, int64_t columns, int64_t channels);

/* Grey of a colour of 8 or 16 bits a channel: ITU-R 601 with 16 bits of
 * fraction, as Pillow's mode L. */
static inline uint32_t fv__luma(uint32_t red, uint32_t green, uint32_t blue)
{
    return (red * 19595U + green * 38470U + blue * 7471U + 32768U) >> 16;
}

/* fv_image_decode() and fv_image_read() into `to`: the result is a view of its
 * memory, valid until that is used again. `scratch` is for the way there. */
fv_tensor fv__image_decode(fv_context *context, const char *name,
                           const void *bytes, size_t size,
                           const fv_image_options *options, fv__pixels *to,
                           fv__pixels *scratch);
fv_tensor fv__image_read(fv_context *context, const char *path,
                         const fv_image_options *options, fv__pixels *to,
                         fv__pixels *scratch);
/* fv_image_probe() of bytes in memory. */
fv_image_info fv__image_info(fv_context *context, const char *name,
                             const void *bytes, size_t size);

enum { FV__HASH_SIDE = 32, FV__HASH_THUMBNAIL = 8 };
/* fv_image_hash(); memory as above. Stores the means of 8 x 8 parts of the grey
 * picture, unless `thumbnail` is NULL. */
uint64_t fv__image_hash(fv_context *context, const fv_tensor *image,
                        unsigned char *thumbnail, fv__pixels *to,
                        fv__pixels *scratch);

/* A part of a picture, in pixels from its upper left corner; edges may lie
 * between pixels. */
typedef struct fv__box {
    double top, left, bottom, right;
} fv__box;

/* fv_image_resize() of a part, of all if `box` is NULL, into `to`, as above.
 * At the edges of the box filters read pixels beyond it, as Pillow does; give a
 * view of the part if they must not. */
fv_tensor fv__image_resize(fv_context *context, const fv_tensor *image,
                           const fv__box *box, int64_t rows, int64_t columns,
                           fv_resample filter, fv__pixels *to,
                           fv__pixels *scratch);

#endif
