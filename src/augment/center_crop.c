/* The middle of pictures. */
#include "augment/shared.h"

#include <math.h>

typedef struct options {
    int32_t on;
    int64_t rows, columns, fill[3], mask_fill;
} options;

static const fv__field fields[] = {
    FV__SIZE_FIELDS(options),
    FV__FILL_FIELDS(options, 0),
    FV__ON_FIELD(options, FV__TRAINING | FV__EVALUATION),
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    if (fv__size_check(context, "center_crop", o->rows, o->columns) != FV_OK)
        return fv_failed(context);
    return fv__fill_check(context, "center_crop", o->fill, o->mask_fill);
}

static void set_size(const void *given, fv__size *size)
{
    const options *o = given;
    size->rows = o->rows;
    size->columns = o->columns ? o->columns : o->rows;
}

/* The first pixel: halves are rounded to the even number, as torchvision does;
 * of a larger crop, the smaller part of the border comes first. */
static int64_t first_of(int64_t extent, int64_t crop)
{
    if (crop > extent) return -((crop - extent) / 2);
    return (int64_t)nearbyint((double)(extent - crop) / 2);
}

static fv_status apply(const void *given, fv__draws *draws,
                       fv__example *example)
{
    const options *o = given;
    const int64_t *shape = example->image.tensor.shape;
    fv__size size;
    (void)draws;
    set_size(given, &size);
    return fv__example_part(
        example, &(fv__part){ .top = first_of(shape[0], size.rows),
                              .left = first_of(shape[1], size.columns),
                              .rows = size.rows,
                              .columns = size.columns,
                              .fill = o->fill,
                              .mask_fill = o->mask_fill });
}

const fv__transform_type fv__transform_center_crop = {
    .name = "center_crop",
    .about = "the middle of the picture, with a border where it is smaller",
    .notes = "The first row is (rows of the picture - rows) / 2, "
             "halves rounded to the even number: torchvision "
             "CenterCrop.",
    .fields = fields,
    .check = check,
    .size = set_size,
    .apply = apply,
};
