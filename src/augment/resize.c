/* Pictures in another size. */
#include "augment/shared.h"

typedef struct options {
    int32_t on, filter;
    int64_t rows, columns, shorter;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, COUNT, rows), .positional = true, .positive = true,
      .optional = true },
    { FV__FIELD(options, COUNT, columns), .positional = true, .positive = true,
      .optional = true, .as = offsetof(options, rows) },
    { FV__FIELD(options, COUNT, shorter), .positive = true, .optional = true },
    { FV__FIELD(options, WORD, filter), .usual = FV__FILTER_BILINEAR,
      .words = fv__filter_words },
    FV__ON_FIELD(options, FV__TRAINING | FV__EVALUATION),
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    if ((o->rows != 0) == (o->shorter != 0))
        return fv_fail(context, FV_MALFORMED,
                       "resize: expected either rows and columns or shorter");
    if (o->columns && !o->rows)
        return fv_fail(context, FV_MALFORMED, "resize: columns without rows");
    return fv__size_check(context, "resize", fv__max(o->rows, o->shorter),
                          o->columns);
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
    const int64_t shorter = fv__min(shape[0], shape[1]);
    fv__size size;
    (void)draws;
    set_size(given, &size);
    if (o->shorter) {
        size.rows = o->shorter * shape[0] / shorter;
        size.columns = o->shorter * shape[1] / shorter;
    }
    return fv__example_resize(example, NULL, size.rows, size.columns,
                              fv__filter_of(o->filter));
}

const fv__transform_type fv__transform_resize = {
    .name = "resize",
    .about = "in another size, or so that the shorter side has so many pixels; "
             "masks take the nearest pixels",
    .notes = "With shorter=N the longer side is N longer / shorter, "
             "without fraction. Filters are Pillow's, which widen "
             "where a picture shrinks: torchvision Resize with "
             "antialias.",
    .fields = fields,
    .check = check,
    .size = set_size,
    .apply = apply,
};
