/* Sizes and memory of recurrent operators, and how their steps are cut. */
#include "op/recurrent/recurrent_run.h"

#include "op/columns.h"

#include <string.h>

/* Most rows of the input's product, about; images and units of an item. UNITS
 * is a multiple of the columns of a packed panel in each table. */
enum { INPUT_ROWS = 256, IMAGES = 32, UNITS = 64 };

fv__recurrent_sizes fv__recurrent_sizes_of(const fv__recurrence *r,
                                           const fv_tensor *const inputs[])
{
    const int64_t *x = inputs[0]->shape;
    const int64_t h = inputs[1 + FV__WEIGHT_HH]->shape[1];
    return (fv__recurrent_sizes){
        .cell = r->cell,
        .n = (size_t)x[0],
        .t = (size_t)x[1],
        .f = (size_t)x[2],
        .h = (size_t)h,
        .directions = (size_t)r->directions,
        .row = (size_t)(r->cell->gates * h),
        .block =
            (size_t)fv__max(1, fv__min(x[1], INPUT_ROWS / fv__max(x[0], 1)))
    };
}
fv__recurrent_part fv__recurrent_part_of(const fv__recurrent_sizes *s, int i)
{
    const size_t sums = (size_t)s->cell->sums;
    const size_t products = (size_t)s->cell->products;
    return i ? (fv__recurrent_part){ products - sums, sums, products }
             : (fv__recurrent_part){ sums, 0, 0 };
}
/* ---- memory -------------------------------------------------------------- */

static size_t place(size_t *total, size_t bytes)
{
    const size_t at = *total;
    *total =
        fv__bytes_sum(at, bytes > SIZE_MAX / 2 ? SIZE_MAX : fv__align(bytes));
    return at;
}

static size_t bytes_of(const fv_context *context, size_t a, size_t b, size_t c,
                       size_t d)
{
    const int64_t extents[] = { (int64_t)a, (int64_t)b, (int64_t)c,
                                (int64_t)d };
    return fv__real_bytes(context, fv__saturated_product(4, extents));
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t gemm_bytes(const fv_context *context, size_t m, size_t n,
                         size_t k)
{
    return fv__bytes_times((size_t)context->threads,
                           fv__gemm_scratch(context->kernels, m, n, k));
}

fv__recurrent_memory fv__recurrent_memory_of(const fv_context *context,
                                             const fv__recurrent_sizes *s)
{
    const size_t d = s->directions, sums = (size_t)s->cell->products * s->h;
    const size_t c = s->cell->has_c ? 1 : 0, rows = s->n * s->t;
    const int64_t extents[] = { (int64_t)s->n, (int64_t)s->t };
    const int64_t all = fv__saturated_product(2, extents);
    fv__recurrent_memory m = { 0 };
    m.gates = place(&m.saved, bytes_of(context, d * s->t, s->n, s->row, 1));
    m.cells =
        place(&m.saved, bytes_of(context, c * d * (s->t + 1), s->n, s->h, 1));

    size_t *at = &m.forward;
    m.block = place(at, bytes_of(context, d * s->block, s->n, s->row, 1));
    m.cell = place(at, bytes_of(context, c * d, s->n, s->h, 1));
    m.states = place(at, bytes_of(context, 2 * d, s->n, s->h, 1));
    m.moved = place(at, bytes_of(context, s->block, s->n, s->f, 1));
    m.products = place(at, gemm_bytes(context, s->block * s->n, sums, s->f));

    m.gate = fv__gemm_packed(context->kernels, s->h, s->h);
    m.cached = fv__bytes_times(d * (size_t)s->cell->products, m.gate);

    at = &m.backward;
    m.panels_bytes = fv__gemm_packed(context->kernels, s->h, sums);
    m.panels = place(at, fv__bytes_times(d, m.panels_bytes));
    m.dh = place(at, bytes_of(context, d, s->n, s->h, 1));
    m.dc = place(at, bytes_of(context, d, s->n, s->h, 1));
    m.zeros = place(at, bytes_of(context, s->h, 1, 1, 1));
    m.sums = place(at, bytes_of(context, s->row, 1, 1, 1));
    m.backward_moved =
        place(at, bytes_of(context, s->n, s->t, larger(s->f, s->h), 1));
    m.backward_products = place(
        at, larger(fv__columns_scratch(context, all, (int64_t)s->row),
                   larger(gemm_bytes(context, sums, larger(s->f, s->h), rows),
                          gemm_bytes(context, rows, s->f, sums))));
    return m;
}

/* ---- both passes --------------------------------------------------------- */

fv__recurrent_run fv__recurrent_run_of(const fv_call *call)
{
    const fv__recurrence *r = call->attributes;
    fv__recurrent_run u = {
        .call = call,
        .recurrence = r,
        .kernels = call->context->kernels,
        .lengths =
            r->lengths ? call->inputs[fv__recurrent_lengths(r)]->data : NULL,
        .s = fv__recurrent_sizes_of(r, call->inputs),
        .size = fv__number_bytes(call->context)
    };
    const bool kept = call->saved != NULL;
    u.m = fv__recurrent_memory_of(call->context, &u.s);
    u.gates = kept ? (char *)call->saved + u.m.gates
                   : (char *)call->scratch + u.m.block;
    u.cells = kept ? (char *)call->saved + u.m.cells
                   : (char *)call->scratch + u.m.cell;
    u.positions = kept ? u.s.t : u.s.block;
    u.slots = kept ? u.s.t + 1 : 1;
    return u;
}
void fv__recurrent_copy(const fv__recurrent_run *u, void *to, size_t to_step,
                        const void *from, size_t from_step)
{
    const size_t bytes = u->s.h * u->size;
    for (size_t i = 0; i < u->s.n; i++) {
        char *row = (char *)to + i * to_step * bytes;
        if (from)
            memcpy(row, (const char *)from + i * from_step * bytes, bytes);
        else
            memset(row, 0, bytes);
    }
}
static size_t items_of(const fv__recurrent_run *u)
{
    return u->s.directions * (size_t)fv__divide_up((int64_t)u->s.n, IMAGES)
           * (size_t)fv__divide_up((int64_t)u->s.h, UNITS);
}

fv__recurrent_range fv__recurrent_range_of(const fv__recurrent_run *u,
                                           size_t item)
{
    const size_t across = (size_t)fv__divide_up((int64_t)u->s.h, UNITS);
    const size_t down = (size_t)fv__divide_up((int64_t)u->s.n, IMAGES);
    fv__recurrent_range r = { .direction = item / across / down,
                              .image = item / across % down * IMAGES,
                              .unit = item % across * UNITS };
    r.images = u->s.n - r.image < IMAGES ? u->s.n - r.image : IMAGES;
    r.units = u->s.h - r.unit < UNITS ? u->s.h - r.unit : UNITS;
    return r;
}
void fv__recurrent_step(fv__recurrent_run *u, fv__work *work)
{
    const fv__recurrent_sizes *s = &u->s;
    const double products = (double)s->cell->products * (double)s->h;
    fv__parallel(u->call->context, items_of(u),
                 (double)(s->directions * s->n * s->h) * products, work, u);
}
fv_tensor fv__recurrent_view(const fv__recurrent_run *u, void *data,
                             size_t count, size_t width)
{
    const int64_t shape[] = { (int64_t)count, (int64_t)u->s.n, (int64_t)width };
    const fv_tensor plain =
        fv_tensor_of(data, u->call->context->dtype, 3, shape);
    fv_tensor view = plain;
    for (int axis = 0; axis < 2; axis++) {
        view.shape[axis] = plain.shape[1 - axis];
        view.stride[axis] = plain.stride[1 - axis];
    }
    return view;
}
void fv__recurrent_move(const fv__recurrent_run *u, void *to, size_t first,
                        size_t count)
{
    const fv_tensor view = fv__recurrent_view(u, to, count, u->s.f);
    const fv_tensor from =
        fv__region(u->call->inputs[0], 1, (int64_t)first, (int64_t)count);
    if (u->s.n > 0) fv__copy_all(u->call->context, &view, &from);
}
