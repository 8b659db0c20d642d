/* Picture files of any bytes, for libFuzzer: decodes them, resizes what comes
 * out, and encodes that. The last byte, which lies behind the picture, chooses
 * the options. */
#include "image/image.h"

#include <fovea/fovea.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition) abort();
}

/* Reads every pixel, so that a sanitizer sees memory that is not there. */
static unsigned sum_of(const fv_tensor *image)
{
    unsigned sum = 0;
    const unsigned char *at = image->data;
    const int64_t count =
        fv_tensor_count(image) * (int64_t)fv_dtype_bytes(image->dtype);
    for (int64_t i = 0; i < count; i++) sum += at[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int32_t channels[] = { 0, 1, 3, 4 };
    const unsigned choice = size ? data[size - 1] : 0;
    fv_context *context = fv_context_new(FV_OPTIONS(
        fv_context_options, .threads = 1, .max_bytes = (size_t)1 << 26));
    const fv_image_info info = fv__image_info(context, "it", data, size);
    const bool informed = fv_failed(context) == FV_OK;
    fv_clear_error(context);
    const bool reduced = choice >> 2 & 1;
    const fv_tensor image = fv_image_decode(
        context, "it", data, size,
        FV_OPTIONS(fv_image_options, .channels = channels[choice & 3],
                   .max_pixels = 1 << 16, .min_rows = reduced ? 3 : 0,
                   .exact = choice >> 3 & 1));
    check((image.data == NULL) == (fv_failed(context) != FV_OK));
    if (image.data) {
        check(informed);
        check(
            reduced
            || (image.shape[0] == info.rows && image.shape[1] == info.columns));
        sum_of(&image);
    }
    if (image.data && image.dtype == FV_U8) {
        const fv_tensor other = fv_image_resize(
            context, &image, 1 + (choice >> 4), 17, (fv_resample)(choice % 5));
        check(other.data != NULL);
        const fv_tensor file = fv_image_encode(context, &other);
        check(file.data != NULL);
        sum_of(&file);
    }
    fv_context_free(context);
    return 0;
}
