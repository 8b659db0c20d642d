/* The way back through time. The gradients of the gates' sums replace the
 * gates; when all steps are done, products over all positions give those of
 * weights, biases and input. */
#include "op/columns.h"
#include "op/recurrent/recurrent_run.h"

#include <string.h>

/* Scratch: gradients of h and c in a direction, and packed weights. */
static void *dh_of(const fv__recurrent_run *u, size_t direction)
{
    return (char *)u->call->scratch + u->m.dh
           + direction * u->s.n * u->s.h * u->size;
}
static void *dc_of(const fv__recurrent_run *u, size_t direction)
{
    return (char *)u->call->scratch + u->m.dc
           + direction * u->s.n * u->s.h * u->size;
}
static void *panels_of(const fv__recurrent_run *u, size_t direction)
{
    return (char *)u->call->scratch + u->m.panels
           + direction * u->m.panels_bytes;
}

static size_t sums_of(const fv__recurrent_sizes *s)
{
    return (size_t)s->cell->products * s->h;
}

static void pack_weights(const fv__recurrent_run *u, size_t direction)
{
    const fv__gemm product = {
        .n = u->s.h,
        .k = sums_of(&u->s),
        .b = fv__recurrent_weights(u, direction, FV__WEIGHT_HH),
        .b_row = u->s.h,
    };
    fv__gemm_pack(u->kernels, &product, panels_of(u, direction));
}

/* h of an image before the step at a position; NULL: zeros. */
static const void *h_before(const fv__recurrent_run *u, size_t direction,
                            size_t image, size_t position)
{
    const fv__recurrent_sizes *s = &u->s;
    const bool end = fv__recurrent_from_end(u, direction);
    const bool first =
        end ? position + 1 == s->t
                  || !fv__recurrent_is_active(u, image, position + 1)
            : position == 0;
    const size_t rows = s->directions;
    if (first) {
        const void *state = fv__recurrent_first(u, direction, 0);
        return state ? fv__at(state, (ptrdiff_t)(image * rows * s->h), u->size)
                     : NULL;
    }
    const size_t before = end ? position + 1 : position - 1;
    return fv__at(fv__recurrent_side(u, u->call->outputs[0], direction),
                  (ptrdiff_t)((image * s->t + before) * rows * s->h), u->size);
}

/* ---- one step ------------------------------------------------------------ */

/* dh += gradients of the later step's gates times the weights */
static void add_product(const fv__recurrent_run *u,
                        const fv__recurrent_range *r)
{
    const fv__recurrent_sizes *s = &u->s;
    const size_t later = fv__recurrent_position(u, r->direction, u->step);
    const ptrdiff_t at = (ptrdiff_t)(r->image * s->h + r->unit);
    const size_t k = sums_of(s);
    const fv__gemm product = {
        .m = r->images,
        .n = r->units,
        .k = k,
        .a = fv__at(fv__recurrent_gates(u, r->direction, later),
                    (ptrdiff_t)(r->image * s->row), u->size),
        .c = fv__slot(dh_of(u, r->direction), at, u->size),
        .a_row = s->row,
        .c_row = s->h,
        .accumulate = true,
    };
    fv__gemm_run(
        u->kernels, &product, (fv__chain){ 1, 1, (int64_t)k },
        fv__at(panels_of(u, r->direction), (ptrdiff_t)(r->unit * k), u->size));
}

/* From the gradients of h and c after a step to those of its gates. */
static void backward_images(const fv__recurrent_run *u,
                            const fv__recurrent_range *r, size_t now)
{
    const fv__recurrent_sizes *s = &u->s;
    const size_t position = fv__recurrent_position(u, r->direction, now);
    const char *dy =
        fv__recurrent_side(u, u->call->output_grads[0], r->direction);
    char *gates = fv__recurrent_gates(u, r->direction, position);
    const size_t bytes = r->units * u->size, unit = r->unit * u->size;
    for (size_t i = r->image; i < r->image + r->images; i++) {
        const ptrdiff_t at = (ptrdiff_t)(i * s->h + r->unit);
        char *row = gates + i * s->row * u->size + unit;
        if (!fv__recurrent_is_active(u, i, position)) {
            for (size_t g = 0; g < (size_t)s->cell->gates; g++)
                memset(row + g * s->h * u->size, 0, bytes);
            continue;
        }
        const char *before = h_before(u, r->direction, i, position);
        const fv__cell_step step = {
            .gates = row,
            .h_before =
                before ? before + unit : (char *)u->call->scratch + u->m.zeros,
            .c_before =
                fv__at(fv__recurrent_c(u, r->direction, now), at, u->size),
            .c = fv__slot(fv__recurrent_c(u, r->direction, now + 1), at,
                          u->size),
            .dh = fv__slot(dh_of(u, r->direction), at, u->size),
            .dc = fv__slot(dc_of(u, r->direction), at, u->size),
        };
        if (dy)
            u->kernels->add_rows(
                1, r->units,
                dy + (i * s->t + position) * s->directions * s->h * u->size
                    + unit,
                0, step.dh, 0);
        s->cell->backward(u->kernels, r->units, s->h, &step);
    }
}

/* u->step is that of the gates that are done: t before the first call. */
static void backward_item(void *argument, size_t item, size_t worker)
{
    const fv__recurrent_run *u = argument;
    const fv__recurrent_range r = fv__recurrent_range_of(u, item);
    (void)worker;
    if (u->step < u->s.t) add_product(u, &r);
    if (u->step > 0) backward_images(u, &r, u->step - 1);
}

static void walk_back(fv__recurrent_run *u)
{
    const fv_call *call = u->call;
    const fv__recurrent_sizes *s = &u->s;
    memset((char *)call->scratch + u->m.zeros, 0, s->h * u->size);
    for (size_t d = 0; d < s->directions; d++) {
        pack_weights(u, d);
        fv__recurrent_copy(u, dh_of(u, d), 1,
                           fv__recurrent_side(u, call->output_grads[1], d),
                           s->directions);
        if (s->cell->has_c)
            fv__recurrent_copy(u, dc_of(u, d), 1,
                               fv__recurrent_side(u, call->output_grads[2], d),
                               s->directions);
    }
    for (u->step = s->t;; u->step--) {
        fv__recurrent_step(u, backward_item);
        if (u->step == 0) return;
    }
}

/* ---- products over all positions ----------------------------------------- */

static void *moved_of(const fv__recurrent_run *u)
{
    return (char *)u->call->scratch + u->m.backward_moved;
}

/* Gradients of weights: dW (+)= gates^T moved, for some gates of all rows. */
static void weight_grad(const fv__recurrent_run *u, size_t direction,
                        int32_t what, size_t width, fv__recurrent_part part)
{
    const fv_call *call = u->call;
    const fv__recurrent_sizes *s = &u->s;
    const int32_t k = fv__recurrent_input(u->recurrence, direction, what);
    const fv__gemm product = {
        .m = part.gates * s->h,
        .n = width,
        .k = s->n * s->t,
        .a = fv__at(fv__recurrent_gates(u, direction, 0),
                    (ptrdiff_t)(part.column * s->h), u->size),
        .b = moved_of(u),
        .c = fv__slot(call->input_grads[k]->data,
                      (ptrdiff_t)(part.first * s->h * width), u->size),
        .a_row = s->row,
        .b_row = width,
        .c_row = width,
        .a_transposed = true,
        .accumulate = fv__accumulation_of(call, k) == FV__ACCUMULATE,
    };
    fv__gemm_all(call->context, &product,
                 (char *)call->scratch + u->m.backward_products);
}

static const fv_tensor *grad_of(const fv__recurrent_run *u, size_t direction,
                                int32_t what)
{
    return u->call
        ->input_grads[fv__recurrent_input(u->recurrence, direction, what)];
}

static void input_weight_grads(const fv__recurrent_run *u)
{
    bool wanted = false;
    for (size_t d = 0; d < u->s.directions; d++)
        wanted |= grad_of(u, d, FV__WEIGHT_IH) != NULL;
    if (wanted) fv__recurrent_move(u, moved_of(u), 0, u->s.t);
    for (size_t d = 0; d < u->s.directions; d++)
        for (int i = 0; i < 2 && grad_of(u, d, FV__WEIGHT_IH); i++)
            weight_grad(u, d, FV__WEIGHT_IH, u->s.f,
                        fv__recurrent_part_of(&u->s, i));
}

/* Copies h before each step, position by position; zeros past the length. */
static void move_states(const fv__recurrent_run *u, size_t direction)
{
    const fv__recurrent_sizes *s = &u->s;
    const size_t bytes = s->h * u->size;
    char *to = moved_of(u);
    for (size_t position = 0; position < s->t; position++)
        for (size_t i = 0; i < s->n; i++, to += bytes) {
            const void *from = fv__recurrent_is_active(u, i, position)
                                   ? h_before(u, direction, i, position)
                                   : NULL;
            if (from)
                memcpy(to, from, bytes);
            else
                memset(to, 0, bytes);
        }
}

static void state_weight_grads(const fv__recurrent_run *u)
{
    const fv__recurrent_part all = { (size_t)u->s.cell->products, 0, 0 };
    for (size_t d = 0; d < u->s.directions; d++)
        if (grad_of(u, d, FV__WEIGHT_HH)) {
            move_states(u, d);
            weight_grad(u, d, FV__WEIGHT_HH, u->s.h, all);
        }
}

/* Adds the sums over all positions and images. */
static void bias_grads(const fv__recurrent_run *u, size_t direction)
{
    const fv_call *call = u->call;
    const fv__recurrent_sizes *s = &u->s;
    const fv_tensor *dih = grad_of(u, direction, FV__BIAS_IH);
    const fv_tensor *dhh = grad_of(u, direction, FV__BIAS_HH);
    const fv__columns columns = { .m = (int64_t)(s->n * s->t),
                                  .c = (int64_t)s->row,
                                  .x = fv__recurrent_gates(u, direction, 0) };
    char *sums = (char *)call->scratch + u->m.sums;
    if (!dih && !dhh) return;
    fv__columns_sum(call->context, &columns, sums,
                    (char *)call->scratch + u->m.backward_products);
    if (dhh) u->kernels->add_rows(1, sums_of(s), sums, 0, dhh->data, 0);
    for (int i = 0; i < 2 && dih; i++) {
        const fv__recurrent_part p = fv__recurrent_part_of(s, i);
        u->kernels->add_rows(
            1, p.gates * s->h, sums + p.column * s->h * u->size, 0,
            fv__slot(dih->data, (ptrdiff_t)(p.first * s->h), u->size), 0);
    }
}

/* dx (+)= gates W, summed over directions and gates. */
static void input_grad(const fv__recurrent_run *u)
{
    const fv_call *call = u->call;
    const fv__recurrent_sizes *s = &u->s;
    const fv_tensor view = fv__recurrent_view(u, moved_of(u), s->t, s->f);
    bool more = false;
    for (size_t d = 0; d < s->directions; d++)
        for (int i = 0; i < 2; i++) {
            const fv__recurrent_part p = fv__recurrent_part_of(s, i);
            const void *weights = fv__recurrent_weights(u, d, FV__WEIGHT_IH);
            const fv__gemm product = {
                .m = s->n * s->t,
                .n = s->f,
                .k = p.gates * s->h,
                .a = fv__at(fv__recurrent_gates(u, d, 0),
                            (ptrdiff_t)(p.column * s->h), u->size),
                .b = fv__at(weights, (ptrdiff_t)(p.first * s->h * s->f),
                            u->size),
                .c = moved_of(u),
                .a_row = s->row,
                .b_row = s->f,
                .c_row = s->f,
                .accumulate = more,
            };
            if (p.gates)
                fv__gemm_all(call->context, &product,
                             (char *)call->scratch + u->m.backward_products);
            more = true;
        }
    if (fv__accumulation_of(call, 0) == FV__STORE)
        fv__copy_all(call->context, call->input_grads[0], &view);
    else
        fv__add_all(call->context, call->input_grads[0], &view);
}

/* Gradients of the first h and c. */
static void state_grads(const fv__recurrent_run *u)
{
    const int32_t k = fv__recurrent_state(u->recurrence);
    const fv__recurrent_sizes *s = &u->s;
    for (int32_t which = 0; which < 1 + s->cell->has_c; which++) {
        const fv_tensor *grad = u->call->input_grads[k + which];
        if (!grad) continue;
        fv__clear_fresh(u->call, k + which);
        for (size_t d = 0; d < s->directions; d++)
            u->kernels->add_rows(s->n, s->h, which ? dc_of(u, d) : dh_of(u, d),
                                 s->h, fv__recurrent_side(u, grad, d),
                                 s->directions * s->h);
    }
}

void fv__recurrent_backward(const fv_call *call)
{
    fv__recurrent_run u = fv__recurrent_run_of(call);
    const fv__recurrence *r = u.recurrence;
    for (size_t d = 0; d < u.s.directions; d++)
        for (int32_t what = 0; what < (r->biases ? 4 : 2); what++)
            if (grad_of(&u, d, what) && (what >= FV__BIAS_IH || u.s.n == 0))
                fv__clear_fresh(call, fv__recurrent_input(r, d, what));
    if (u.s.n == 0) return;
    walk_back(&u);
    input_weight_grads(&u);
    state_weight_grads(&u);
    for (size_t d = 0; d < u.s.directions && r->biases; d++) bias_grads(&u, d);
    if (call->input_grads[0]) input_grad(&u);
    if (r->state) state_grads(&u);
}
