/* Reads pictures: recognises the format, checks options and sizes, and hands
 * the work to the decoder of the format. */
#include "image/image.h"

#include "tensor/tensor.h"

unsigned char *fv__pixels_reserve(fv_context *context, fv__pixels *pixels,
                                  size_t bytes)
{
    if (pixels->at && bytes <= pixels->capacity) return pixels->at;
    const size_t half = pixels->capacity / 2;
    size_t room = pixels->capacity + half;
    if (room < bytes) room = bytes;
    unsigned char *larger = fv__allocate(context, FV__DATA, room);
    if (!larger) return NULL;
    fv__release(context, pixels->at);
    *pixels = (fv__pixels){ larger, room };
    return larger;
}

void fv__pixels_free(fv_context *context, fv__pixels *pixels)
{
    fv__release(context, pixels->at);
    *pixels = (fv__pixels){ 0 };
}

fv_tensor fv__image_decode(fv_context *context, const char *name,
                           const void *bytes, size_t size,
                           const fv_image_options *options, fv__pixels *to,
                           fv__pixels *scratch)
{
    (void)bytes;
    (void)size;
    (void)options;
    (void)to;
    (void)scratch;
    fv_fail(context, FV_UNSUPPORTED, "%s: not yet", name);
    return fv__tensor_failed();
}

fv_tensor fv__image_read(fv_context *context, const char *path,
                         const fv_image_options *options, fv__pixels *to,
                         fv__pixels *scratch)
{
    return fv__image_decode(context, path, NULL, 0, options, to, scratch);
}

fv_image_info fv__image_info(fv_context *context, const char *name,
                             const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    fv_fail(context, FV_UNSUPPORTED, "%s: not yet", name);
    return (fv_image_info){ 0 };
}

fv_tensor fv_image_read(fv_context *context, const char *path,
                        const fv_image_options *options)
{
    return fv_image_decode(context, path, NULL, 0, options);
}

fv_tensor fv_image_decode(fv_context *context, const char *name,
                          const void *bytes, size_t size,
                          const fv_image_options *options)
{
    return fv__image_decode(context, name, bytes, size, options, NULL, NULL);
}

fv_image_info fv_image_probe(fv_context *context, const char *path)
{
    return fv__image_info(context, path, NULL, 0);
}

fv_status fv_image_write(fv_context *context, const char *path,
                         const fv_tensor *image)
{
    (void)image;
    return fv_fail(context, FV_UNSUPPORTED, "%s: not yet", path);
}

fv_tensor fv_image_encode(fv_context *context, const fv_tensor *image)
{
    (void)image;
    fv_fail(context, FV_UNSUPPORTED, "image: not yet");
    return fv__tensor_failed();
}
