/* Rectangles of other images, and targets by area (Yun et al. 2019). */
#include "augment/shared.h"

#include <math.h>
#include <string.h>

typedef struct options {
    int32_t on;
    double alpha, p;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBER, alpha), .usual = 1, .positional = true,
      .positive = true, .range = FV__ABOVE_0 },
    { FV__FIELD(options, NUMBER, p), .usual = 1, .range = FV__0_TO_1 },
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

/* A rectangle around any pixel, of a share of the area, cut off at the border.
 */
static fv__part draw_part(fv__draws *draws, double share, int64_t height,
                          int64_t width)
{
    const int64_t x = fv__draw_below(draws, width);
    const int64_t y = fv__draw_below(draws, height);
    const double half = sqrt(share) / 2;
    const int64_t across = (int64_t)(half * (double)width);
    const int64_t down = (int64_t)(half * (double)height);
    fv__part part = { .top = fv__max(0, y - down),
                      .left = fv__max(0, x - across) };
    part.rows = fv__min(height, y + down) - part.top;
    part.columns = fv__min(width, x + across) - part.left;
    return part;
}

/* Exchanges the part of an image for that of another, row by row; images are
 * planes of `across` numbers a pixel. */
static void paste(const fv__part *part, int64_t planes, int64_t height,
                  int64_t width, size_t across, char *to, const char *from)
{
    for (int64_t k = 0; k < planes; k++)
        for (int64_t i = 0; i < part->rows; i++) {
            const int64_t row = k * height + part->top + i;
            const size_t at = (size_t)(row * width + part->left) * across;
            memcpy(to + at, from + at, (size_t)part->columns * across);
        }
}

static fv_status mix(const void *given, fv__draws *draws, fv__example *example,
                     const fv__mixture *batch)
{
    const options *o = given;
    fv_context *context = example->context;
    const fv_tensor *images = batch->images;
    const bool in_planes = context->layout == FV_NCHW;
    const int64_t n = images->shape[0];
    if (!fv__draw_chance(draws, o->p)) return FV_OK;
    const double share = 1 - fv__draw_beta(draws, o->alpha);
    if (images->rank != 4)
        return fv_fail(context, FV_MISUSE,
                       "cutmix: images have rows, columns and channels");
    const int64_t height = images->shape[in_planes ? 2 : 1];
    const int64_t width = images->shape[in_planes ? 3 : 2];
    const int64_t planes = in_planes ? images->shape[1] : 1;
    const size_t across = fv_dtype_bytes(images->dtype)
                          * (size_t)(in_planes ? 1 : images->shape[3]);
    const fv__part part = draw_part(draws, share, height, width);
    const int64_t each = planes * height * width;
    const size_t bytes = (size_t)each * across;
    char *last = (char *)fv__pixels_reserve(context, &example->scratch, bytes);
    if (!last || n < 2) return fv_failed(context);
    char *first = images->data;
    memcpy(last, first + (size_t)(n - 1) * bytes, bytes);
    for (int64_t i = n - 1; i >= 0; i--)
        paste(&part, planes, height, width, across, first + (size_t)i * bytes,
              i ? first + (size_t)(i - 1) * bytes : last);
    const double pasted = (double)(part.rows * part.columns);
    return fv__mix_rows(example, batch->targets,
                        1 - pasted / (double)(height * width));
}

const fv__transform_type fv__transform_cutmix = {
    .name = "cutmix",
    .about =
        "of a batch with probability p: a rectangle of each image taken "
        "from the one before, of a share of the area drawn from Beta(alpha, "
        "alpha); targets are mixed by area",
    .notes = "With a share s = 1 - b, the rectangle has sqrt(s) times "
             "the rows and columns of the image, around a pixel that "
             "is drawn, and is cut off at the border; b becomes 1 - "
             "its pixels / all pixels. One rectangle for the whole "
             "batch, as torchvision CutMix. The loss must take rows of "
             "targets.",
    .fields = fields,
    .random = true,
    .check = fv__mix_check,
    .mix = mix,
};
