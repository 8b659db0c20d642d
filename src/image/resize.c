/* Pictures in other sizes. */
#include "image/image.h"

#include "tensor/tensor.h"

fv_tensor fv__image_resize(fv_context *context, const fv_tensor *image,
                           const fv__box *box, int64_t rows, int64_t columns,
                           fv_resample filter, fv__pixels *to,
                           fv__pixels *scratch)
{
    (void)image;
    (void)box;
    (void)rows;
    (void)columns;
    (void)filter;
    (void)to;
    (void)scratch;
    fv_fail(context, FV_UNSUPPORTED, "resize: not yet");
    return fv__tensor_failed();
}

fv_tensor fv_image_resize(fv_context *context, const fv_tensor *image,
                          int64_t rows, int64_t columns, fv_resample filter)
{
    return fv__image_resize(context, image, NULL, rows, columns, filter, NULL,
                            NULL);
}
