/* Loops over the elements of two tensors with any strides: axes are merged and
 * ordered so that writes ascend, contiguous runs are copied whole, and
 * transposes are done in tiles. */
#include "tensor/tensor.h"

#include <string.h>

static int64_t size_of(int64_t stride) { return stride < 0 ? -stride : stride; }

/* Whether axis a should lie outside axis b. */
static bool outside(const fv__walk *walk, int32_t a, int32_t b)
{
    int64_t to_a = size_of(walk->to[a]), to_b = size_of(walk->to[b]);
    if (to_a != to_b) return to_a > to_b;
    return size_of(walk->from[a]) > size_of(walk->from[b]);
}

static void swap_axes(fv__walk *walk, int32_t a, int32_t b)
{
    int64_t extent = walk->extent[a], to = walk->to[a], from = walk->from[a];
    walk->extent[a] = walk->extent[b];
    walk->to[a] = walk->to[b];
    walk->from[a] = walk->from[b];
    walk->extent[b] = extent;
    walk->to[b] = to;
    walk->from[b] = from;
}

/* Merges an axis with the one outside it where both tensors are contiguous
 * across them. */
static void merge(fv__walk *walk)
{
    int32_t last = 0;
    for (int32_t axis = 1; axis < walk->rank; axis++) {
        int64_t extent = walk->extent[axis];
        if (walk->to[last] == walk->to[axis] * extent
            && walk->from[last] == walk->from[axis] * extent) {
            walk->extent[last] *= extent;
        } else {
            last++;
            walk->extent[last] = extent;
        }
        walk->to[last] = walk->to[axis];
        walk->from[last] = walk->from[axis];
    }
    if (walk->rank > 0) walk->rank = last + 1;
}

bool fv__walk_begin(fv__walk *walk, const fv_tensor *to, const fv_tensor *from,
                    bool sorted)
{
    *walk = (fv__walk){ 0 };
    for (int32_t axis = 0; axis < from->rank; axis++) {
        if (from->shape[axis] == 0) return false;
        if (from->shape[axis] == 1) continue;
        walk->extent[walk->rank] = from->shape[axis];
        walk->to[walk->rank] = to->stride[axis];
        walk->from[walk->rank] = from->stride[axis];
        walk->rank++;
    }
    for (int32_t axis = 1; sorted && axis < walk->rank; axis++)
        for (int32_t at = axis; at > 0 && outside(walk, at, at - 1); at--)
            swap_axes(walk, at, at - 1);
    merge(walk);
    return true;
}

bool fv__walk_next(const fv__walk *walk, int32_t axes, int64_t *index,
                   int64_t *to, int64_t *from)
{
    for (int32_t axis = axes - 1; axis >= 0; axis--) {
        *to += walk->to[axis];
        *from += walk->from[axis];
        if (++index[axis] < walk->extent[axis]) return true;
        *to -= walk->extent[axis] * walk->to[axis];
        *from -= walk->extent[axis] * walk->from[axis];
        index[axis] = 0;
    }
    return false;
}

/* Two axes that are processed together; strides in elements. */
typedef struct plane {
    int64_t rows, columns;
    int64_t to_row, to_column, from_row, from_column;
} plane;

typedef void plane_work(const plane *p, char *to, const char *from);

enum {
    TILE = 8,  /* tuned by measurement: with more rows, lines at strides of a
                  power of two evict each other */
    SHORT = 16 /* the inner loop should run over at least so many elements */
};

/* Elements are copied as integers of their size; those of a flipped axis by a
 * loop of their own, which the compiler vectorises. */
#define COPY_TILE(name, bytes)                                                 \
    static void name(const plane *p, char *to, const char *from)               \
    {                                                                          \
        for (int64_t r = 0; r < p->rows; r++) {                                \
            char *y = to + r * p->to_row * (bytes);                            \
            const char *x = from + r * p->from_row * (bytes);                  \
            if (p->to_column == 1 && p->from_column == -1)                     \
                for (int64_t c = 0; c < p->columns; c++)                       \
                    memcpy(y + c * (bytes), x - c * (bytes), (bytes));         \
            else                                                               \
                for (int64_t c = 0; c < p->columns; c++)                       \
                    memcpy(y + c * p->to_column * (bytes),                     \
                           x + c * p->from_column * (bytes), (bytes));         \
        }                                                                      \
    }
COPY_TILE(copy_1, 1)
COPY_TILE(copy_2, 2)
COPY_TILE(copy_4, 4)
COPY_TILE(copy_8, 8)

#define ADD_TILE(name, real)                                                   \
    static void name(const plane *p, char *to, const char *from)               \
    {                                                                          \
        for (int64_t r = 0; r < p->rows; r++) {                                \
            real *y = (real *)(void *)to + r * p->to_row;                      \
            const real *x =                                                    \
                (const real *)(const void *)from + r * p->from_row;            \
            if (p->to_column == 1 && p->from_column == 1)                      \
                for (int64_t c = 0; c < p->columns; c++) y[c] += x[c];         \
            else                                                               \
                for (int64_t c = 0; c < p->columns; c++)                       \
                    y[c * p->to_column] += x[c * p->from_column];              \
        }                                                                      \
    }
ADD_TILE(add_f32, float)
ADD_TILE(add_f64, double)

/* Copies tile by tile, so that the cache lines of both sides stay in the cache
 * until they are used up. */
static void tiled(const plane *p, size_t bytes, char *to, const char *from,
                  plane_work *work)
{
    int64_t high = fv__min(p->rows, TILE), wide = TILE * TILE / high;
    for (int64_t r = 0; r < p->rows; r += high) {
        for (int64_t c = 0; c < p->columns; c += wide) {
            plane tile = *p;
            tile.rows = fv__min(p->rows - r, high);
            tile.columns = fv__min(p->columns - c, wide);
            int64_t y = r * p->to_row + c * p->to_column;
            int64_t x = r * p->from_row + c * p->from_column;
            work(&tile, to + y * (int64_t)bytes, from + x * (int64_t)bytes);
        }
    }
}

static void copy_runs(const plane *p, size_t bytes, char *to, const char *from)
{
    size_t run = (size_t)p->columns * bytes;
    for (int64_t r = 0; r < p->rows; r++) {
        memcpy(to, from, run);
        to += p->to_row * (int64_t)bytes;
        from += p->from_row * (int64_t)bytes;
    }
}

/* Removes two axes from the iteration: the last one, along which `to` is
 * contiguous, and the one along which `from` is, or the next. */
static plane take_plane(fv__walk *walk)
{
    while (walk->rank < 2) { /* axes of extent 1 outside */
        walk->extent[walk->rank] = 1;
        walk->to[walk->rank] = walk->from[walk->rank] = 0;
        walk->rank++;
        swap_axes(walk, 0, walk->rank - 1);
    }
    int32_t column = walk->rank - 1, row = column - 1;
    for (int32_t axis = row - 1; axis >= 0; axis--)
        if (size_of(walk->from[axis]) < size_of(walk->from[row])
            && size_of(walk->from[column]) > 1)
            row = axis;
    for (; row < column - 1; row++) swap_axes(walk, row, row + 1);
    /* The longer axis becomes the inner one where that of `to` is too short. */
    if (walk->extent[column] < SHORT && walk->from[column] != 1
        && walk->extent[column] < walk->extent[row])
        swap_axes(walk, row, column);
    walk->rank -= 2;
    return (plane){ .rows = walk->extent[row],
                    .columns = walk->extent[column],
                    .to_row = walk->to[row],
                    .to_column = walk->to[column],
                    .from_row = walk->from[row],
                    .from_column = walk->from[column] };
}

/* Runs the work for all planes; contiguous runs are copied whole if `whole`.
 * Tiles are used where one side is contiguous along the rows and the other
 * along the columns. */
static void each_plane(const fv_tensor *to, const fv_tensor *from, bool whole,
                       plane_work *work)
{
    fv__walk walk;
    if (!fv__walk_begin(&walk, to, from, true)) return;
    plane p = take_plane(&walk);
    bool runs = whole && p.to_column == 1 && p.from_column == 1;
    bool crossed = p.rows > 1
                   && (size_of(p.to_column) < size_of(p.to_row))
                          == (size_of(p.from_row) < size_of(p.from_column));
    size_t bytes = fv_dtype_bytes(to->dtype);
    int64_t index[FV_MAX_RANK] = { 0 }, y = 0, x = 0;
    do {
        char *out = fv__tensor_byte(to, y);
        const char *in = fv__tensor_byte(from, x);
        if (crossed)
            tiled(&p, bytes, out, in, work);
        else if (runs && p.columns >= 8)
            copy_runs(&p, bytes, out, in);
        else
            work(&p, out, in);
    } while (fv__walk_next(&walk, walk.rank, index, &y, &x));
}

void fv__tensor_copy_elements(const fv_tensor *to, const fv_tensor *from)
{
    switch (fv_dtype_bytes(to->dtype)) {
    case 1:
        each_plane(to, from, true, copy_1);
        break;
    case 2:
        each_plane(to, from, true, copy_2);
        break;
    case 4:
        each_plane(to, from, true, copy_4);
        break;
    default:
        each_plane(to, from, true, copy_8);
        break;
    }
}

void fv__tensor_add_elements(const fv_tensor *to, const fv_tensor *from)
{
    each_plane(to, from, false, to->dtype == FV_F64 ? add_f64 : add_f32);
}
