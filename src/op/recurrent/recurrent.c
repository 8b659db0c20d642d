/* Recurrent operators: the shape rule and the forward pass. The products of the
 * input are made for many positions at a time. */
#include "op/recurrent/recurrent_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the shape rule ------------------------------------------------------ */

/* Whether input k has that shape; an extent of -1 stands for any. */
static bool expect(const fv_inference *inference, int32_t k, const char *what,
                   int32_t rank, const int64_t shape[])
{
    if (!fv__operand(inference, k, what, rank)) return false;
    const fv_tensor *tensor = inference->inputs[k];
    bool fits = true;
    for (int32_t axis = 0; axis < rank; axis++)
        fits &= shape[axis] < 0 || shape[axis] == tensor->shape[axis];
    if (fits) return true;
    char expected[FV__SHAPE_BYTES];
    fv_fail(inference->context, FV_MISUSE, "%s: %s %s, expected %s",
            inference->name, what, FV__SHAPE(tensor),
            fv__pattern_text(expected, sizeof expected, rank, shape));
    return false;
}

static bool expect_weights(const fv_inference *inference, int64_t h,
                           size_t direction)
{
    static const char *const names[2][4] = {
        { "weight_ih", "weight_hh", "bias_ih", "bias_hh" },
        { "weight_ih of the other direction",
          "weight_hh of the other direction", "bias_ih of the other direction",
          "bias_hh of the other direction" },
    };
    const fv__recurrence *r = inference->attributes;
    const int64_t rows = r->cell->products * h;
    const int64_t shapes[2][2] = { { rows, inference->inputs[0]->shape[2] },
                                   { rows, h } };
    bool fits = true;
    for (int32_t what = 0; fits && what < (r->biases ? 4 : 2); what++)
        fits = expect(inference, fv__recurrent_input(r, direction, what),
                      names[direction != 0][what], what < FV__BIAS_IH ? 2 : 1,
                      shapes[what % 2]);
    return fits;
}

static bool expect_lengths(const fv_inference *inference, int32_t k)
{
    const fv_tensor *x = inference->inputs[0], *is = inference->inputs[k];
    if (is->dtype == FV_I64 && is->rank == 1 && is->shape[0] == x->shape[0])
        return true;
    fv_fail(inference->context, FV_MISUSE,
            "%s: lengths are %s %s, expected %s [%" PRId64 "]", inference->name,
            fv_dtype_name(is->dtype), FV__SHAPE(is), fv_dtype_name(FV_I64),
            x->shape[0]);
    return false;
}

static bool shapes_fit(const fv_inference *inference)
{
    const fv__recurrence *r = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    const fv_tensor *weight = inference->inputs[1 + FV__WEIGHT_HH];
    if (!fv__operand(inference, 0, "input", 3)) return false;
    if (x->shape[1] < 1 || x->shape[2] < 1) {
        fv_fail(inference->context, FV_MISUSE,
                "%s: input %s, expected positions and features",
                inference->name, FV__SHAPE(x));
        return false;
    }
    if (!fv__operand(inference, 1 + FV__WEIGHT_HH, "weight_hh", 2))
        return false;
    const int64_t h = weight->shape[1];
    if (h < 1 || h > INT32_MAX || x->shape[1] > INT32_MAX) {
        fv_fail(inference->context, FV_MISUSE,
                "%s: %" PRId64 " positions and %" PRId64
                " units, expected 1 to %d of both",
                inference->name, x->shape[1], h, INT32_MAX);
        return false;
    }
    const int64_t state[] = { x->shape[0], r->directions * h };
    bool fits = true;
    for (size_t d = 0; fits && d < (size_t)r->directions; d++)
        fits = expect_weights(inference, h, d);
    if (fits && r->state) {
        fits = expect(inference, fv__recurrent_state(r), "first h", 2, state);
        if (fits && r->cell->has_c)
            fits = expect(inference, fv__recurrent_state(r) + 1, "first c", 2,
                          state);
    }
    return fits
           && (!r->lengths
               || expect_lengths(inference, fv__recurrent_lengths(r)));
}

fv_status fv__recurrent_infer(fv_inference *inference)
{
    fv_context *context = inference->context;
    const fv__recurrence *r = inference->attributes;
    if (!shapes_fit(inference)) return fv_failed(context);
    const fv__recurrent_sizes s = fv__recurrent_sizes_of(r, inference->inputs);
    const int64_t *x = inference->inputs[0]->shape;
    const int64_t width = (int64_t)(s.directions * s.h);
    const int64_t factors[] = { x[0], x[1], width * r->cell->products,
                                fv__saturated_sum(x[2], (int64_t)s.h) };
    inference->multiply_accumulates = fv__saturated_product(4, factors);
    inference->window[0] = inference->window[1] = 0;
    fv__infer_output(inference, 3, (const int64_t[]){ x[0], x[1], width });
    inference->num_outputs = 2 + r->cell->has_c;
    for (int32_t k = 1; k < inference->num_outputs; k++) {
        fv_tensor *last = &inference->outputs[k];
        *last = inference->outputs[0];
        last->rank = 2;
        last->shape[1] = width;
    }
    const fv__recurrent_memory m = fv__recurrent_memory_of(context, &s);
    inference->saved = m.saved;
    inference->forward_scratch = m.forward;
    inference->backward_scratch = m.backward;
    inference->cached = m.cached;
    return FV_OK;
}

/* ---- forward ------------------------------------------------------------- */

static void *panels_of(const fv__recurrent_run *u, size_t direction,
                       size_t gate)
{
    return u->panels
           + (direction * (size_t)u->s.cell->products + gate) * u->m.gate;
}

static void pack_gate(void *argument, size_t item, size_t worker)
{
    const fv__recurrent_run *u = argument;
    const size_t gates = (size_t)u->s.cell->products, h = u->s.h;
    const size_t direction = item / gates, gate = item % gates;
    const fv__gemm product = {
        .n = h,
        .k = h,
        .b = fv__at(fv__recurrent_weights(u, direction, FV__WEIGHT_HH),
                    (ptrdiff_t)(gate * h * h), u->size),
        .b_row = h,
        .b_transposed = true,
    };
    (void)worker;
    fv__gemm_pack(u->kernels, &product, panels_of(u, direction, gate));
}

/* The products of the input in the next `count` steps. */
static void input_product(fv__recurrent_run *u, size_t direction, size_t count)
{
    const fv__recurrent_sizes *s = &u->s;
    char *x = (char *)u->call->scratch + u->m.moved;
    const size_t first =
        fv__recurrent_from_end(u, direction) ? s->t - u->step - count : u->step;
    if (u->positions < s->t) u->first[direction] = first;
    fv__recurrent_move(u, x, first, count);
    for (int i = 0; i < 2; i++) {
        const fv__recurrent_part p = fv__recurrent_part_of(s, i);
        const ptrdiff_t row = (ptrdiff_t)(p.first * s->h);
        const fv__gemm product = {
            .m = count * s->n,
            .n = p.gates * s->h,
            .k = s->f,
            .a = x,
            .b = fv__at(fv__recurrent_weights(u, direction, FV__WEIGHT_IH),
                        row * (ptrdiff_t)s->f, u->size),
            .c = fv__slot(fv__recurrent_gates(u, direction, first),
                          (ptrdiff_t)(p.column * s->h), u->size),
            .a_row = s->f,
            .b_row = s->f,
            .c_row = s->row,
            .b_transposed = true,
            .bias = u->recurrence->biases ? fv__at(
                        fv__recurrent_weights(u, direction, FV__BIAS_IH), row,
                        u->size)
                                          : NULL,
        };
        fv__gemm_all(u->call->context, &product,
                     (char *)u->call->scratch + u->m.products);
    }
}

/* h before (with `after` 0) or after the current step. */
static void *state_at(const fv__recurrent_run *u, size_t direction,
                      size_t after)
{
    const size_t slot = 2 * direction + ((u->step + after) & 1);
    return (char *)u->call->scratch + u->m.states
           + slot * u->s.n * u->s.h * u->size;
}

static void state_product(const fv__recurrent_run *u,
                          const fv__recurrent_range *r, void *gates)
{
    const fv__recurrent_sizes *s = &u->s;
    for (size_t g = 0; g < (size_t)s->cell->products; g++) {
        const ptrdiff_t column = (ptrdiff_t)(g * s->h + r->unit);
        const fv__gemm product = {
            .m = r->images,
            .n = r->units,
            .k = s->h,
            .a = fv__at(state_at(u, r->direction, 0),
                        (ptrdiff_t)(r->image * s->h), u->size),
            .c = fv__slot(gates, (ptrdiff_t)(r->image * s->row) + column,
                          u->size),
            .a_row = s->h,
            .c_row = s->row,
            .accumulate = g < (size_t)s->cell->sums,
            .bias = u->recurrence->biases ? fv__at(
                        fv__recurrent_weights(u, r->direction, FV__BIAS_HH),
                        column, u->size)
                                          : NULL,
        };
        fv__gemm_run(u->kernels, &product, (fv__chain){ 1, 1, (int64_t)s->h },
                     fv__at(panels_of(u, r->direction, g),
                            (ptrdiff_t)(r->unit * s->h), u->size));
    }
}

/* The cell's arithmetic, or past the length a copy of the state. */
static void forward_images(const fv__recurrent_run *u,
                           const fv__recurrent_range *r, void *gates)
{
    const fv__recurrent_sizes *s = &u->s;
    const size_t position = fv__recurrent_position(u, r->direction, u->step);
    const size_t bytes = r->units * u->size;
    const void *c_before = fv__recurrent_c(u, r->direction, u->step);
    void *c = fv__recurrent_c(u, r->direction, u->step + 1);
    char *y = fv__recurrent_side(u, u->call->outputs[0], r->direction);
    for (size_t i = r->image; i < r->image + r->images; i++) {
        const ptrdiff_t at = (ptrdiff_t)(i * s->h + r->unit);
        const size_t out = (i * s->t + position) * s->directions * s->h;
        char *to = y + (out + r->unit) * u->size;
        const fv__cell_step step = {
            .gates =
                fv__slot(gates, (ptrdiff_t)(i * s->row + r->unit), u->size),
            .h_before = fv__at(state_at(u, r->direction, 0), at, u->size),
            .h = fv__slot(state_at(u, r->direction, 1), at, u->size),
            .c_before = fv__at(c_before, at, u->size),
            .c = fv__slot(c, at, u->size),
        };
        if (fv__recurrent_is_active(u, i, position)) {
            s->cell->forward(u->kernels, r->units, s->h, &step);
            memcpy(to, step.h, bytes);
            continue;
        }
        memset(to, 0, bytes);
        memcpy(step.h, step.h_before, bytes);
        if (s->cell->has_c && c != c_before)
            memcpy(step.c, step.c_before, bytes);
    }
}

static void forward_item(void *argument, size_t item, size_t worker)
{
    const fv__recurrent_run *u = argument;
    const fv__recurrent_range r = fv__recurrent_range_of(u, item);
    void *gates = fv__recurrent_gates(
        u, r.direction, fv__recurrent_position(u, r.direction, u->step));
    (void)worker;
    state_product(u, &r, gates);
    forward_images(u, &r, gates);
}

void fv__recurrent_forward(const fv_call *call)
{
    fv__recurrent_run u = fv__recurrent_run_of(call);
    const fv__recurrent_sizes *s = &u.s;
    u.panels = call->cached;
    if (!call->cache_valid)
        fv__parallel(call->context, s->directions * (size_t)s->cell->products,
                     (double)s->row * (double)s->h, pack_gate, &u);
    for (size_t d = 0; d < s->directions; d++) {
        fv__recurrent_copy(&u, state_at(&u, d, 0), 1,
                           fv__recurrent_first(&u, d, 0), s->directions);
        if (s->cell->has_c)
            fv__recurrent_copy(&u, fv__recurrent_c(&u, d, 0), 1,
                               fv__recurrent_first(&u, d, 1), s->directions);
    }
    for (; u.step < s->t; u.step++) {
        const size_t left = s->t - u.step;
        if (u.step % s->block == 0)
            for (size_t d = 0; d < s->directions; d++)
                input_product(&u, d, left < s->block ? left : s->block);
        fv__recurrent_step(&u, forward_item);
    }
    for (size_t d = 0; d < s->directions; d++) {
        fv__recurrent_copy(&u, fv__recurrent_side(&u, call->outputs[1], d),
                           s->directions, state_at(&u, d, 0), 1);
        if (s->cell->has_c)
            fv__recurrent_copy(&u, fv__recurrent_side(&u, call->outputs[2], d),
                               s->directions, fv__recurrent_c(&u, d, s->t), 1);
    }
}

/* ---- applying ------------------------------------------------------------ */

fv_variable *fv__recurrent_apply(const fv_operator *op, const fv__cell *cell,
                                 fv_variable *x, const fv_recurrent *r,
                                 fv_variable *outputs[3])
{
    fv_variable *inputs[FV__MOST_RECURRENT_INPUTS] = { x };
    fv__recurrence attributes = { .cell = cell, .directions = 1 };
    int32_t count = 1;
    outputs[0] = outputs[1] = outputs[2] = NULL;
    if (!x || !r) return NULL;
    if (r->weight_hh[1]) attributes.directions = 2;
    attributes.reversed = r->reversed;
    attributes.biases = r->bias_ih[0] != NULL;
    attributes.state = r->first_h != NULL;
    attributes.lengths = r->lengths != NULL;
    for (int32_t d = 0; d < attributes.directions; d++) {
        inputs[count++] = r->weight_ih[d];
        inputs[count++] = r->weight_hh[d];
        if (attributes.biases) {
            inputs[count++] = r->bias_ih[d];
            inputs[count++] = r->bias_hh[d];
        }
    }
    if (attributes.state) inputs[count++] = r->first_h;
    if (attributes.state && cell->has_c) inputs[count++] = r->first_c;
    if (attributes.lengths) inputs[count++] = r->lengths;
    fv_apply_n(op, &attributes, count, inputs, 2 + cell->has_c, outputs);
    return outputs[0];
}
