/* Reads picture files as input for a network. */
#include "cli/cli.h"

/* Records that the picture has another size than the network takes. */
static void check_size(fv_context *context, const char *path,
                       const fv_tensor *image, const int64_t extents[])
{
    if (image->shape[0] != extents[0] || image->shape[1] != extents[1])
        fv_fail(context, FV_MISUSE,
                "%s: the image has %lld rows x %lld columns, the network takes "
                "%lld x %lld",
                path, (long long)image->shape[0], (long long)image->shape[1],
                (long long)extents[0], (long long)extents[1]);
}

fv_tensor cli_image_read(fv_context *context, const char *path,
                         const fv_shape *input)
{
    const fv_tensor none = { .rank = -1 };
    const int64_t *extents = input->extent;
    if (fv_failed(context)) return none;
    if (input->rank != 3)
        fv_fail(context, FV_MISUSE, "%s: the network does not take images",
                path);
    else if (extents[2] != 1 && extents[2] != 3)
        fv_fail(context, FV_UNSUPPORTED,
                "%s: the network takes %lld channels; images have 1 or 3", path,
                (long long)extents[2]);
    if (fv_failed(context)) return none;
    fv_tensor image = fv_image_read(
        context, path,
        FV_OPTIONS(fv_image_options, .channels = (int32_t)extents[2],
                   .background = { FV_OFF }, .exact = 1));
    if (image.data) check_size(context, path, &image, extents);
    const int64_t shape[] = { 1, extents[0], extents[1], extents[2] };
    if (!fv_failed(context))
        return fv_tensor_of(image.data, image.dtype, 4, shape);
    fv_tensor_free(context, &image);
    return none;
}
