/* Mirrors left and right. */
#include "augment/augment.h"

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

static void mirror(const unsigned char *from, int64_t columns, int64_t channels,
                   unsigned char *to)
{
    for (int64_t j = 0; j < columns; j++)
        for (int64_t c = 0; c < channels; c++)
            to[j * channels + c] = from[(columns - 1 - j) * channels + c];
}

/* A loop for each number of channels, so that it has no inner one. */
static fv_status flip(fv_context *context, fv__frame *frame)
{
    fv_tensor before;
    const int64_t rows = frame->tensor.shape[0];
    const int64_t columns = frame->tensor.shape[1];
    const int64_t channels = frame->tensor.shape[2];
    unsigned char *to =
        fv__frame_next(context, frame, rows, columns, channels, &before);
    const unsigned char *from = before.data;
    for (int64_t i = 0; to && i < rows; i++) {
        const int64_t at = i * columns * channels;
        if (channels == 1)
            mirror(from + at, columns, 1, to + at);
        else if (channels == 3)
            mirror(from + at, columns, 3, to + at);
        else
            mirror(from + at, columns, channels, to + at);
    }
    return fv_failed(context);
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    if (!fv__draw_chance(draws, o->p)) return FV_OK;
    flip(example->context, &example->image);
    if (example->mask.tensor.rank && fv__ok(example->context))
        flip(example->context, &example->mask);
    return fv_failed(example->context);
}

const fv__transform_type fv__transform_flip = {
    .name = "flip",
    .about = "left and right exchanged, with probability p",
    .notes = "torchvision RandomHorizontalFlip.",
    .fields = fields,
    .random = true,
    .apply = apply,
};
