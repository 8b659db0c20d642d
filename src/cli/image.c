/* PNG files as images for a network, through libpng; the only room that knows
 * it. */
#include "cli/cli.h"

#ifdef FOVEA_WITH_PNG
#include <png.h>

/* Rows and columns must be the network's; its channels decide what the pixels
 * are converted to. */
static fv_status check(fv_context *context, const char *path,
                       const png_image *png, const int64_t extents[3])
{
    if (extents[2] != 1 && extents[2] != 3)
        return fv_fail(context, FV_UNSUPPORTED,
                       "%s: the network takes %lld channels; images have 1 or "
                       "3",
                       path, (long long)extents[2]);
    if (png->height == extents[0] && png->width == extents[1]) return FV_OK;
    return fv_fail(context, FV_MISUSE,
                   "%s: the image is %lu x %lu, the network takes %lld x %lld",
                   path, (unsigned long)png->height, (unsigned long)png->width,
                   (long long)extents[0], (long long)extents[1]);
}

/* Fills pixels [1, h, w, c]; what is transparent becomes black. */
static fv_tensor read_pixels(fv_context *context, const char *path,
                             png_image *png, const int64_t extents[3])
{
    fv_tensor pixels =
        fv_tensor_new(context, FV_U8, 4,
                      (int64_t[]){ 1, extents[0], extents[1], extents[2] });
    const png_color black = { 0, 0, 0 };
    png->format = extents[2] == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    if (fv_failed(context)) return pixels;
    if (!png_image_finish_read(png, &black, pixels.data, 0, NULL)) {
        fv_fail(context, FV_MALFORMED, "%s: %s", path, png->message);
        pixels.data = NULL;
    }
    return pixels;
}

fv_tensor cli_image_read(fv_context *context, const char *path,
                         const fv_shape *input)
{
    const fv_tensor failed = { .rank = -1 };
    png_image png = { .version = PNG_IMAGE_VERSION };
    if (fv_failed(context)) return failed;
    if (input->rank != 3) {
        fv_fail(context, FV_MISUSE, "%s: the network does not take images",
                path);
        return failed;
    }
    if (!png_image_begin_read_from_file(&png, path)) {
        fv_fail(context, FV_MALFORMED, "%s: %s", path, png.message);
        return failed;
    }
    fv_tensor pixels = failed;
    if (check(context, path, &png, input->extent) == FV_OK)
        pixels = read_pixels(context, path, &png, input->extent);
    png_image_free(&png);
    return pixels.data ? pixels : failed;
}

#else

fv_tensor cli_image_read(fv_context *context, const char *path,
                         const fv_shape *input)
{
    (void)input;
    fv_fail(context, FV_UNSUPPORTED, "%s: this program was built without PNG",
            path);
    return (fv_tensor){ .rank = -1 };
}

#endif
