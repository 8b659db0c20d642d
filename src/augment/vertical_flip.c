/* Mirrors top and bottom. */
#include "augment/augment.h"

#include <string.h>

typedef struct options {
    int32_t on;
    double p;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBER, p), .usual = 0.5, .positional = true,
      .range = FV__0_TO_1 },
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

static fv_status flip(fv_context *context, fv__frame *frame)
{
    fv_tensor before = frame->tensor;
    const int64_t rows = before.shape[0];
    const size_t line = (size_t)(before.shape[1] * before.shape[2]);
    unsigned char *to = fv__frame_next(context, frame, rows, before.shape[1],
                                       before.shape[2], &before);
    const unsigned char *from = before.data;
    for (int64_t i = 0; to && i < rows; i++)
        memcpy(to + (size_t)i * line, from + (size_t)(rows - 1 - i) * line,
               line);
    return fv_failed(context);
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    if (!fv__draw_chance(draws, o->p)) return FV_OK;
    if (flip(example->context, &example->image) == FV_OK
        && example->mask.tensor.rank)
        flip(example->context, &example->mask);
    return fv_failed(example->context);
}

const fv__transform_type fv__transform_vertical_flip = {
    .name = "vertical_flip",
    .about = "top and bottom exchanged, with probability p",
    .notes = "torchvision RandomVerticalFlip.",
    .fields = fields,
    .random = true,
    .apply = apply,
};
