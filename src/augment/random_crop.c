/* Parts of pictures at random places. */
#include "augment/shared.h"

typedef struct options {
    int32_t on, mode;
    int64_t rows, columns, padding[FV__AXES], fill[3], mask_fill;
} options;

enum { MOST_PADDING = 1 << 20 };

static const fv__field fields[] = {
    FV__SIZE_FIELDS(options),
    { FV__FIELD(options, AXES, padding) },
    { FV__FIELD(options, WORD, mode), .words = fv__border_words },
    FV__FILL_FIELDS(options, 0),
    FV__ON_FIELD(options, FV__TRAINING),
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    if (o->padding[0] > MOST_PADDING || o->padding[1] > MOST_PADDING)
        return fv_fail(
            context, FV_MALFORMED, "random_crop: padding %lld,%lld is above %d",
            (long long)o->padding[0], (long long)o->padding[1], MOST_PADDING);
    if (fv__size_check(context, "random_crop", o->rows, o->columns) != FV_OK)
        return fv_failed(context);
    return fv__fill_check(context, "random_crop", o->fill, o->mask_fill);
}

static void set_size(const void *given, fv__size *size)
{
    const options *o = given;
    size->rows = o->rows;
    size->columns = o->columns ? o->columns : o->rows;
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    const int64_t *shape = example->image.tensor.shape;
    fv__size size;
    set_size(given, &size);
    const int64_t height = shape[0] + 2 * o->padding[0];
    const int64_t width = shape[1] + 2 * o->padding[1];
    const int64_t down = height - size.rows, right = width - size.columns;
    if (down < 0 || right < 0)
        return fv_fail(example->context, FV_MISUSE,
                       "random_crop: a picture of %lld rows x %lld columns, "
                       "padded to %lld x %lld, is smaller than %lld x %lld",
                       (long long)shape[0], (long long)shape[1],
                       (long long)height, (long long)width,
                       (long long)size.rows, (long long)size.columns);
    const int64_t top = fv__draw_below(draws, down + 1);
    const int64_t left = fv__draw_below(draws, right + 1);
    return fv__example_part(example, &(fv__part){ .top = top - o->padding[0],
                                                  .left = left - o->padding[1],
                                                  .rows = size.rows,
                                                  .columns = size.columns,
                                                  .border = (fv__border)o->mode,
                                                  .fill = o->fill,
                                                  .mask_fill = o->mask_fill });
}

const fv__transform_type fv__transform_random_crop = {
    .name = "random_crop",
    .about = "a part of that size, anywhere in the picture with padding on all "
             "sides: of one colour, mirrored or of its edge",
    .notes = "torchvision RandomCrop; a picture that is too small is "
             "refused. Reflection does not repeat the outermost pixel.",
    .fields = fields,
    .random = true,
    .check = check,
    .size = set_size,
    .apply = apply,
};
