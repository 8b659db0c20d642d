/* A pass of a recurrent operator: its sizes, its memory, and where things are.
 *
 * The steps of a direction are one after the other. In each, an item is some
 * units of some images: the product of the state with the weights of these
 * units' gates, then the cell's arithmetic. Gates lie position by position,
 * [t][n][gates][h]. Past the length of an image its state stays, its outputs
 * are zeros, and no gradient goes through its gates. On the way back the
 * gradients of the gates' sums replace the gates. */
#ifndef FV_OP_RECURRENT_RECURRENT_RUN_H
#define FV_OP_RECURRENT_RECURRENT_RUN_H

#include "op/recurrent/recurrent.h"

/* The weights of a direction, in the order of the inputs. */
enum { FV__WEIGHT_IH, FV__WEIGHT_HH, FV__BIAS_IH, FV__BIAS_HH };

typedef struct fv__recurrent_sizes {
    const fv__cell *cell;
    size_t n, t, f, h;
    size_t directions;
    size_t row;   /* numbers of the gates of an image in a step */
    size_t block; /* positions of the input's product at a time */
} fv__recurrent_sizes;

/* The gates whose sums have a product of the input: those that it is added to,
 * and those of which it is the sum. */
typedef struct fv__recurrent_part {
    size_t gates, first, column; /* in weights, and in a row of gates */
} fv__recurrent_part;

/* Offsets in saved memory, and in the scratch of both passes. */
typedef struct fv__recurrent_memory {
    size_t gates, cells, saved;
    size_t block, cell, states, moved, products, forward;
    size_t gate, cached; /* packed weights of the state: of a gate, of all */
    size_t panels, panels_bytes; /* for the way back; bytes of a direction */
    size_t dh, dc, zeros, sums, backward_moved, backward_products, backward;
} fv__recurrent_memory;

typedef struct fv__recurrent_run {
    const fv_call *call;
    const fv__recurrence *recurrence;
    const fv__kernels *kernels;
    const int64_t *lengths; /* NULL: all are t */
    fv__recurrent_sizes s;
    fv__recurrent_memory m;
    size_t size;         /* bytes of a number */
    char *gates, *cells; /* of the first direction */
    size_t positions;    /* of a direction that gates have room for */
    size_t slots;        /* of a direction that cells have room for */
    size_t first[2];     /* position that the gates begin with */
    char *panels;
    size_t step;
} fv__recurrent_run;

/* Images and units of an item. */
typedef struct fv__recurrent_range {
    size_t direction, image, images, unit, units;
} fv__recurrent_range;

fv__recurrent_sizes fv__recurrent_sizes_of(const fv__recurrence *r,
                                           const fv_tensor *const inputs[]);
fv__recurrent_memory fv__recurrent_memory_of(const fv_context *context,
                                             const fv__recurrent_sizes *s);
fv__recurrent_run fv__recurrent_run_of(const fv_call *call);
/* Part 0 or 1; one may have no gates. */
fv__recurrent_part fv__recurrent_part_of(const fv__recurrent_sizes *s, int i);
fv__recurrent_range fv__recurrent_range_of(const fv__recurrent_run *u,
                                           size_t item);
/* Runs all items of the current step. */
void fv__recurrent_step(fv__recurrent_run *u, fv__work *work);
/* Copies n rows of h numbers, or clears them; distances are in rows. */
void fv__recurrent_copy(const fv__recurrent_run *u, void *to, size_t to_step,
                        const void *from, size_t from_step);
/* A tensor [n][count][width] over memory that has [count][n][width]. */
fv_tensor fv__recurrent_view(const fv__recurrent_run *u, void *data,
                             size_t count, size_t width);
/* Copies `count` positions of x, position by position. */
void fv__recurrent_move(const fv__recurrent_run *u, void *to, size_t first,
                        size_t count);

/* Which input those weights are; there are biases, or nobody asks. */
static inline int32_t fv__recurrent_input(const fv__recurrence *r,
                                          size_t direction, int32_t what)
{
    return 1 + (int32_t)direction * (r->biases ? 4 : 2) + what;
}
/* Which input the first state is. */
static inline int32_t fv__recurrent_state(const fv__recurrence *r)
{
    return fv__recurrent_input(r, (size_t)r->directions, 0);
}
static inline int32_t fv__recurrent_lengths(const fv__recurrence *r)
{
    return fv__recurrent_state(r) + (r->state ? 1 + r->cell->has_c : 0);
}

static inline bool fv__recurrent_from_end(const fv__recurrent_run *u,
                                          size_t direction)
{
    return direction == 1 || u->recurrence->reversed;
}

static inline size_t fv__recurrent_position(const fv__recurrent_run *u,
                                            size_t direction, size_t step)
{
    return fv__recurrent_from_end(u, direction) ? u->s.t - 1 - step : step;
}

static inline bool fv__recurrent_is_active(const fv__recurrent_run *u,
                                           size_t image, size_t position)
{
    return !u->lengths || (int64_t)position < u->lengths[image];
}

static inline void *fv__recurrent_gates(const fv__recurrent_run *u,
                                        size_t direction, size_t position)
{
    const size_t at = direction * u->positions + position - u->first[direction];
    return u->gates + at * u->s.n * u->s.row * u->size;
}

/* c before a step, which is c after the one before. */
static inline void *fv__recurrent_c(const fv__recurrent_run *u,
                                    size_t direction, size_t step)
{
    const size_t slot = u->slots == 1 ? 0 : step;
    return u->cells + (direction * u->slots + slot) * u->s.n * u->s.h * u->size;
}

/* The numbers of a direction in [n][directions][h], or NULL. */
static inline void *fv__recurrent_side(const fv__recurrent_run *u,
                                       const fv_tensor *tensor,
                                       size_t direction)
{
    return tensor ? fv__slot(tensor->data, (ptrdiff_t)(direction * u->s.h),
                             u->size)
                  : NULL;
}

static inline const void *fv__recurrent_weights(const fv__recurrent_run *u,
                                                size_t direction, int32_t what)
{
    return u->call->inputs[fv__recurrent_input(u->recurrence, direction, what)]
        ->data;
}

/* The first h, or c with `which` 1, of a direction; NULL: zeros. */
static inline const void *fv__recurrent_first(const fv__recurrent_run *u,
                                              size_t direction, int32_t which)
{
    const fv__recurrence *r = u->recurrence;
    return r->state ? fv__recurrent_side(
               u, u->call->inputs[fv__recurrent_state(r) + which], direction)
                    : NULL;
}

#endif
