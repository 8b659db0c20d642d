/* Whole pictures in a given size, with bars where their shape differs. */
#include "augment/shared.h"

#include <math.h>

typedef struct options {
    int32_t on, filter;
    int64_t rows, columns, fill[3], mask_fill;
} options;

enum { GREY = 114 };

static const fv__field fields[] = {
    FV__SIZE_FIELDS(options),
    { FV__FIELD(options, WORD, filter), .usual = FV__FILTER_BILINEAR,
      .words = fv__filter_words },
    FV__FILL_FIELDS(options, GREY),
    FV__ON_FIELD(options, FV__TRAINING | FV__EVALUATION),
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    if (fv__size_check(context, "letterbox", o->rows, o->columns) != FV_OK)
        return fv_failed(context);
    return fv__fill_check(context, "letterbox", o->fill, o->mask_fill);
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
    (void)draws;
    set_size(given, &size);
    const double scale = fmin((double)size.rows / (double)shape[0],
                              (double)size.columns / (double)shape[1]);
    const int64_t rows = fv__max(1, llround(scale * (double)shape[0]));
    const int64_t columns = fv__max(1, llround(scale * (double)shape[1]));
    if (fv__example_resize(example, NULL, rows, columns,
                           fv__filter_of(o->filter))
        != FV_OK)
        return fv_failed(example->context);
    return fv__example_part(
        example, &(fv__part){ .top = -((size.rows - rows) / 2),
                              .left = -((size.columns - columns) / 2),
                              .rows = size.rows,
                              .columns = size.columns,
                              .fill = o->fill,
                              .mask_fill = o->mask_fill });
}

const fv__transform_type fv__transform_letterbox = {
    .name = "letterbox",
    .about = "as large as fits into that size without changing its shape, in "
             "the middle, with bars of one colour beside it",
    .notes = "The scale is the smaller of rows / rows of the picture "
             "and columns / columns of the picture; the bars are as "
             "wide on both sides, or one pixel wider below and on the "
             "right.",
    .fields = fields,
    .check = check,
    .size = set_size,
    .apply = apply,
};
