/* Pictures in other sizes: one pass along the rows, one along the columns, with
 * weights and sums in whole numbers, so that results are the same everywhere.
 */
#include "image/passes.h"

#include "tensor/tensor.h"

#include <string.h>

typedef struct resizing {
    fv__view image;
    fv__axis x, y;
    unsigned char *middle; /* what is between the passes */
    unsigned char *lanes;  /* for fv__pass_columns */
    unsigned char *out;
} resizing;

/* ---- all of it ----------------------------------------------------------- */

/* Whether the pass along y comes first. Pillow begins with x, and the order
 * makes a difference of some grey levels. But where a large picture shrinks
 * much along y and grows along x, that order would take time and memory in
 * proportion to neither picture. */
static bool is_reversed(const resizing *r)
{
    enum { FACTOR = 16, SMALL = 1 << 16 };
    if (r->x.same || r->y.same) return false;
    const int64_t pictures = r->y.in * r->x.in + r->y.out * r->x.out;
    return r->y.in * r->x.out / FACTOR > pictures + SMALL;
}

/* The rows that the pass along y reads. */
static void rows_read(const resizing *r, int64_t *first, int64_t *end)
{
    const fv__axis *y = &r->y;
    *first = y->same ? 0 : y->first[0];
    *end = y->same ? y->in : y->first[y->out - 1] + y->count[y->out - 1];
}

static void resample(const resizing *r)
{
    const fv__axis *x = &r->x, *y = &r->y;
    fv__view in = r->image, middle = r->image;
    int64_t first, end;
    rows_read(r, &first, &end);
    middle.at = r->middle;
    if (is_reversed(r)) {
        fv__pass_rows(y, &in, 0, r->middle);
        middle.rows = y->out;
        middle.stride = in.columns * in.channels;
        fv__pass_columns(x, &middle, r->out, r->lanes);
        return;
    }
    in.at += first * in.stride;
    in.rows = end - first;
    if (x->same) {
        fv__pass_rows(y, &in, first, r->out);
    } else if (y->same) {
        fv__pass_columns(x, &in, r->out, r->lanes);
    } else {
        fv__pass_columns(x, &in, r->middle, r->lanes);
        middle.rows = in.rows;
        middle.columns = x->out;
        middle.stride = x->out * in.channels;
        fv__pass_rows(y, &middle, first, r->out);
    }
}

/* One row of pixels of `bytes`, a constant where this is used. */
static inline void pick_row(const fv__axis *x, const unsigned char *from,
                            unsigned char *to, const size_t bytes)
{
    for (int64_t i = 0; i < x->out; i++)
        memcpy(to + (size_t)i * bytes, from + (size_t)x->first[i] * bytes,
               bytes);
}

/* Copies the pixel of each output. */
static void pick(const resizing *r)
{
    const fv__axis *x = &r->x, *y = &r->y;
    unsigned char *to = r->out;
    for (int64_t row = 0; row < y->out; row++) {
        const unsigned char *from =
            r->image.at + (y->same ? row : y->first[row]) * r->image.stride;
        if (x->same)
            memcpy(to, from, (size_t)x->out * (size_t)r->image.channels);
        else if (r->image.channels == 1)
            pick_row(x, from, to, 1);
        else if (r->image.channels == 3)
            pick_row(x, from, to, 3);
        else
            pick_row(x, from, to, (size_t)r->image.channels);
        to += x->out * r->image.channels;
    }
}

/* Bytes between the passes. */
static size_t middle_bytes(const resizing *r)
{
    if (r->x.same || r->y.same) return 0;
    const int64_t pixels =
        is_reversed(r) ? r->y.out * r->x.in : r->y.in * r->x.out;
    return (size_t)pixels * (size_t)r->image.channels;
}

static void run(fv_context *context, resizing *r, fv__pixels *scratch)
{
    const bool picks = r->x.filter == FV_RESAMPLE_NEAREST;
    const size_t x = fv__align(fv__axis_begin(&r->x));
    const size_t y = fv__align(fv__axis_begin(&r->y));
    const size_t middle = picks ? 0 : fv__align(middle_bytes(r));
    const size_t lanes =
        picks || r->x.same
            ? 0
            : fv__pass_columns_bytes(&r->x, fv__max(r->y.in, r->y.out),
                                     r->image.channels);
    unsigned char *memory =
        fv__pixels_reserve(context, scratch, x + y + middle + lanes);
    if (!memory) return;
    if (!r->x.same) fv__axis_weigh(&r->x, memory);
    if (!r->y.same) fv__axis_weigh(&r->y, memory + x);
    r->middle = memory + x + y;
    r->lanes = r->middle + middle;
    if (picks || (r->x.same && r->y.same))
        pick(r);
    else
        resample(r);
}

/* ---- checks -------------------------------------------------------------- */

static bool check_image(fv_context *context, const fv_tensor *image)
{
    char text[FV__SHAPE_BYTES];
    if (!fv__tensor_check(context, "resize", image)) return false;
    const bool picture = image->dtype == FV_U8 && image->rank == 3
                         && image->shape[0] >= 1 && image->shape[1] >= 1
                         && image->shape[2] >= 1 && image->shape[2] <= 4;
    if (!picture)
        fv_fail(context, FV_MISUSE,
                "resize: %s %s, expected u8 [rows, columns, channels] with 1 "
                "to 4 channels",
                fv_dtype_name(image->dtype),
                fv__shape_text(text, sizeof text, image->rank, image->shape));
    return picture;
}

static bool check_size(fv_context *context, int64_t rows, int64_t columns,
                       fv_resample filter)
{
    if (rows < 1 || columns < 1 || rows > INT32_MAX || columns > INT32_MAX)
        fv_fail(context, FV_MISUSE,
                "resize: %lld rows x %lld columns, expected 1 to %d of each",
                (long long)rows, (long long)columns, INT32_MAX);
    else if ((int)filter < 0 || filter > FV_RESAMPLE_LANCZOS)
        fv_fail(context, FV_MISUSE, "resize: unknown filter %d", (int)filter);
    return fv__ok(context);
}

static bool check_box(fv_context *context, const fv__box *box, int64_t rows,
                      int64_t columns)
{
    if (box->top >= 0 && box->top < box->bottom && box->bottom <= (double)rows
        && box->left >= 0 && box->left < box->right
        && box->right <= (double)columns)
        return true;
    fv_fail(context, FV_MISUSE,
            "resize: rows %s to %s and columns %s to %s are not a part of %lld "
            "rows x %lld columns",
            FV__NUMBER(box->top), FV__NUMBER(box->bottom),
            FV__NUMBER(box->left), FV__NUMBER(box->right), (long long)rows,
            (long long)columns);
    return false;
}

fv_tensor fv__image_resize(fv_context *context, const fv_tensor *image,
                           const fv__box *box, int64_t rows, int64_t columns,
                           fv_resample filter, fv__pixels *to,
                           fv__pixels *scratch)
{
    if (!fv__ok(context) || !check_image(context, image)
        || !check_size(context, rows, columns, filter)
        || !check_size(context, image->shape[0], image->shape[1], filter))
        return fv__tensor_failed();
    const int64_t in_rows = image->shape[0], in_columns = image->shape[1];
    const fv__box all = { 0, 0, (double)in_rows, (double)in_columns };
    if (!box) box = &all;
    if (!check_box(context, box, in_rows, in_columns))
        return fv__tensor_failed();
    const int64_t channels = image->shape[2];
    fv_tensor packed = *image;
    const bool dense = (image->stride[2] == 1 || channels == 1)
                       && (image->stride[1] == channels || in_columns == 1);
    if (!dense) packed = fv_tensor_dup(context, image);
    fv_tensor result =
        fv__pixels_tensor(context, to, FV_U8, rows, columns, channels);
    resizing r = { .image = { packed.data, packed.stride[0], in_rows,
                              in_columns, (int32_t)channels },
                   .x = { .in = in_columns,
                          .out = columns,
                          .begin = box->left,
                          .end = box->right,
                          .filter = filter },
                   .y = { .in = in_rows,
                          .out = rows,
                          .begin = box->top,
                          .end = box->bottom,
                          .filter = filter },
                   .out = result.data };
    if (fv__ok(context)) run(context, &r, scratch);
    if (!dense) fv_tensor_free(context, &packed);
    if (fv__ok(context)) return result;
    if (!to) fv_tensor_free(context, &result);
    return fv__tensor_failed();
}

fv_tensor fv_image_resize(fv_context *context, const fv_tensor *image,
                          int64_t rows, int64_t columns, fv_resample filter)
{
    fv__pixels scratch = { 0 };
    const fv_tensor result = fv__image_resize(context, image, NULL, rows,
                                              columns, filter, NULL, &scratch);
    fv__pixels_free(context, &scratch);
    return result;
}
