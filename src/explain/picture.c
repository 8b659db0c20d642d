/* Pictures: maps in colours, and grids of tiles. */
#include "explain/explain.h"

#include <math.h>
#include <string.h>

/* ---- colours ------------------------------------------------------------ */

/* Viridis of matplotlib 2.0 (Smith and van der Walt, CC0) at multiples of 1/32;
 * between them colours are linear, within 2/255 of the original. */
static const unsigned char viridis[][3] = {
    { 68, 1, 84 },    { 71, 13, 96 },   { 72, 24, 106 },  { 72, 35, 116 },
    { 71, 45, 123 },  { 69, 54, 129 },  { 66, 64, 134 },  { 63, 73, 137 },
    { 59, 82, 139 },  { 55, 90, 141 },  { 51, 99, 141 },  { 47, 106, 142 },
    { 44, 114, 142 }, { 41, 122, 142 }, { 38, 129, 142 }, { 35, 137, 142 },
    { 33, 144, 140 }, { 31, 152, 139 }, { 31, 159, 136 }, { 33, 166, 133 },
    { 40, 174, 128 }, { 49, 181, 123 }, { 62, 188, 116 }, { 76, 194, 108 },
    { 93, 201, 99 },  { 110, 206, 88 }, { 130, 211, 76 }, { 150, 216, 63 },
    { 171, 220, 50 }, { 192, 223, 36 }, { 213, 226, 26 }, { 234, 229, 26 },
    { 253, 231, 37 }
};
enum { STEPS = sizeof viridis / sizeof *viridis - 1 };

void fv__map_colour(double value, unsigned char rgb[3])
{
    const double x = STEPS * fmin(fmax(value, 0), 1); /* NaN: 0 */
    const int i = x < STEPS ? (int)x : STEPS - 1;
    for (int c = 0; c < 3; c++)
        rgb[c] = (unsigned char)lround(
            viridis[i][c] + (x - i) * (viridis[i + 1][c] - viridis[i][c]));
}

/* ---- maps --------------------------------------------------------------- */

/* The two of `from` elements between which element i of `to` lies, and the
 * weight of the second. */
static double between(int64_t from, int64_t to, int64_t i, int64_t at[2])
{
    const double x = ((double)i + 0.5) * (double)from / (double)to - 0.5;
    const double inside = fmin(fmax(x, 0), (double)(from - 1));
    at[0] = (int64_t)inside;
    at[1] = fv__min(at[0] + 1, from - 1);
    return inside - (double)at[0];
}

double fv__map_at(const double *values, int64_t from_rows, int64_t from_columns,
                  int64_t rows, int64_t columns, int64_t i, int64_t j)
{
    int64_t row[2], column[2];
    double line[2];
    const double y = between(from_rows, rows, i, row);
    const double x = between(from_columns, columns, j, column);
    for (int k = 0; k < 2; k++) {
        const double *at = values + row[k] * from_columns;
        line[k] = at[column[0]] + x * (at[column[1]] - at[column[0]]);
    }
    return line[0] + y * (line[1] - line[0]);
}

fv_tensor fv__map_new(const fv__probe *p, const double *values, int64_t rows,
                      int64_t columns)
{
    const int64_t shape[] = { p->rows, p->columns };
    fv_tensor map = fv_tensor_new(p->context, FV_F32, 2, shape);
    float *out = map.data;
    double most = 0;
    bool finite = true;
    if (!out) return map;
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t j = 0; j < p->columns; j++) {
            const double value =
                fv__map_at(values, rows, columns, p->rows, p->columns, i, j);
            finite &= isfinite(value) != 0;
            most = fmax(most, value);
            out[i * p->columns + j] = (float)value;
        }
    if (!finite) {
        fv_fail(p->context, FV_NOT_FINITE,
                "%s: the map has numbers that are not finite", p->who);
        fv_tensor_free(p->context, &map);
        return fv__tensor_failed();
    }
    for (int64_t i = 0; i < p->rows * p->columns && !p->options.raw; i++)
        out[i] = out[i] > 0 ? (float)fmin((double)out[i] / most, 1) : 0;
    return map;
}

/* The numbers of a map as doubles, to be released; NULL after a failure. */
static double *read_map(fv_context *context, const char *who,
                        const fv_tensor *map)
{
    if (!fv__tensor_check(context, who, map)) return NULL;
    if (map->rank != 2 || !fv__dtype_is_real(map->dtype)
        || !fv_tensor_count(map)) {
        char shape[FV__SHAPE_BYTES];
        fv_fail(context, FV_MISUSE,
                "%s: a map has rows and columns of real numbers, not %s of %s",
                who, fv__shape_text(shape, sizeof shape, map->rank, map->shape),
                fv_dtype_name(map->dtype));
        return NULL;
    }
    double *values = fv__allocate(
        context, FV__DATA, (size_t)fv_tensor_count(map) * sizeof *values);
    const fv_tensor to = fv_tensor_of(values, FV_F64, 2, map->shape);
    if (values) fv__tensor_assign(context, who, &to, map);
    if (fv__ok(context)) return values;
    fv__release(context, values);
    return NULL;
}

fv_tensor fv_heat_map(fv_context *context, const fv_tensor *map)
{
    fv_tensor picture = fv__tensor_failed();
    double *values = context ? read_map(context, "heat_map", map) : NULL;
    if (!values) return picture;
    const int64_t shape[] = { map->shape[0], map->shape[1], 3 };
    picture = fv_tensor_new(context, FV_U8, 3, shape);
    for (int64_t i = 0; picture.data && i < shape[0] * shape[1]; i++)
        fv__map_colour(values[i], (unsigned char *)picture.data + 3 * i);
    fv__release(context, values);
    return picture;
}

/* Refuses what is no picture, and opacities outside of 0 to 1. */
static fv_status check(fv_context *context, const fv_tensor *picture,
                       double opacity)
{
    char shape[FV__SHAPE_BYTES];
    if (!fv__tensor_check(context, "overlay", picture))
        return fv_failed(context);
    if (picture->dtype != FV_U8 || picture->rank != 3
        || (picture->shape[2] != 1 && picture->shape[2] != 3))
        return fv_fail(
            context, FV_MISUSE,
            "overlay: a picture has rows, columns and 1 or 3 "
            "channels of u8, not %s of %s",
            fv__shape_text(shape, sizeof shape, picture->rank, picture->shape),
            fv_dtype_name(picture->dtype));
    if (opacity >= 0 && opacity <= 1) return FV_OK;
    return fv_fail(context, FV_MISUSE,
                   "overlay: the opacity %s is not from 0 to 1",
                   FV__NUMBER(opacity));
}

fv_tensor fv_overlay(fv_context *context, const fv_tensor *picture,
                     const fv_tensor *map, double opacity)
{
    fv_tensor out = fv__tensor_failed();
    if (!context || check(context, picture, opacity) != FV_OK) return out;
    double *values = read_map(context, "overlay", map);
    if (!values) return out;
    const int64_t shape[] = { picture->shape[0], picture->shape[1], 3 };
    out = fv_tensor_new(context, FV_U8, 3, shape);
    unsigned char *to = out.data;
    const unsigned char *from = picture->data;
    const int64_t colour = picture->shape[2] == 3 ? picture->stride[2] : 0;
    for (int64_t i = 0; to && i < shape[0] * shape[1]; i++, to += 3) {
        const int64_t row = i / shape[1], column = i % shape[1];
        fv__map_colour(fv__map_at(values, map->shape[0], map->shape[1],
                                  shape[0], shape[1], row, column),
                       to);
        for (int c = 0; c < 3; c++) {
            const int pixel = from[row * picture->stride[0]
                                   + column * picture->stride[1] + c * colour];
            to[c] = (unsigned char)lround(pixel + opacity * (to[c] - pixel));
        }
    }
    fv__release(context, values);
    return out;
}

/* ---- tiles -------------------------------------------------------------- */

enum { SMALLEST_TILE = 32 }; /* its larger side, in pixels */

fv__tiles fv__tiles_new(fv_context *context, const char *who, int64_t count,
                        int64_t columns, int64_t height, int64_t width)
{
    fv__tiles t = { .columns = fv__max(columns, 1),
                    .height = height,
                    .width = width };
    t.zoom = fv__max(SMALLEST_TILE / fv__max(height, width), 1);
    while (!columns && t.columns * t.columns < count) t.columns++;
    const int64_t rows = fv__divide_up(count, t.columns);
    const int64_t high[] = { rows, height + 1, t.zoom };
    const int64_t wide[] = { t.columns, width + 1, t.zoom };
    const int64_t shape[] = { fv__product(3, high), fv__product(3, wide), 3 };
    t.picture = fv__tensor_failed();
    if (shape[0] < 0 || shape[1] < 0 || fv__product(3, shape) < 0) {
        fv_fail(context, FV_LIMIT, "%s: the picture has too many pixels", who);
        return t;
    }
    const int64_t exact[] = { rows * (height * t.zoom + 1) - 1,
                              t.columns * (width * t.zoom + 1) - 1, 3 };
    t.picture = fv_tensor_new(context, FV_U8, 3, exact);
    if (t.picture.data)
        memset(t.picture.data, 255, fv__tensor_bytes(&t.picture));
    return t;
}

void fv__tiles_set(const fv__tiles *t, int64_t tile, int64_t i, int64_t j,
                   const unsigned char rgb[3])
{
    const int64_t top = tile / t->columns * (t->height * t->zoom + 1);
    const int64_t left = tile % t->columns * (t->width * t->zoom + 1);
    unsigned char *to = t->picture.data;
    for (int64_t k = 0; k < t->zoom * t->zoom; k++) {
        const int64_t row = top + i * t->zoom + k / t->zoom;
        const int64_t column = left + j * t->zoom + k % t->zoom;
        memcpy(to + 3 * (row * t->picture.shape[1] + column), rgb, 3);
    }
}
