/* What LSTM, GRU and plain recurrent networks share: all but the arithmetic of
 * one step of a cell. */
#ifndef FV_OP_RECURRENT_RECURRENT_H
#define FV_OP_RECURRENT_RECURRENT_H

#include "op/operand.h"

/* One image's step of some units, with pointers to the first of them. */
typedef struct fv__cell_step {
    void *gates;
    const void *h_before;
    void *h; /* forward */
    /* LSTM */
    const void *c_before;
    void *c;
    /* backward: before, gradients of h and c, of c but for that through h;
     * after, what of them passes to h_before and c_before, but for the products
     * with the weights */
    void *dh, *dc;
} fv__cell_step;

/* A kind of cell. A unit has `gates` numbers in each step. The weights have
 * rows for `products` gates. Those of the state make gates 0 to products - 1.
 * To the first `sums` of these the product of the input is added; the product's
 * other gates are gates from `products` on. */
typedef struct fv__cell {
    int32_t gates, products, sums;
    bool has_c;
    /* Steps of n units, whose gates are `gate` elements apart: from the sums of
     * the gates to gates and h; from gates to the gradients of the sums. */
    void (*forward)(const fv__kernels *kernels, size_t n, size_t gate,
                    const fv__cell_step *step);
    void (*backward)(const fv__kernels *kernels, size_t n, size_t gate,
                     const fv__cell_step *step);
} fv__cell;

/* The attributes of the operators. Inputs are x; weights of each direction;
 * first h and c; lengths. */
typedef struct fv__recurrence {
    const fv__cell *cell;
    int32_t directions;
    int32_t reversed;               /* the only direction goes from the end */
    int32_t biases, state, lengths; /* whether there are any */
} fv__recurrence;

enum { FV__MOST_RECURRENT_INPUTS = 12 };

/* Members of the operators but for their name. */
#define FV__RECURRENT_OPERATOR                                                 \
    .size = sizeof(fv_operator), .min_inputs = 3,                              \
    .max_inputs = FV__MOST_RECURRENT_INPUTS,                                   \
    .attributes_size = sizeof(fv__recurrence),                                 \
    .backward_reads = FV_READS_INPUTS | FV_READS_OUTPUT,                       \
    .abilities = FV_OVERWRITES, .max_outputs = 3,                              \
    .infer = fv__recurrent_infer, .forward = fv__recurrent_forward,            \
    .backward = fv__recurrent_backward

fv_status fv__recurrent_infer(fv_inference *inference);
void fv__recurrent_forward(const fv_call *call);
void fv__recurrent_backward(const fv_call *call);
/* Outputs: h of all positions, the last h and, if the cell has it, the last c.
 * Returns the first. */
fv_variable *fv__recurrent_apply(const fv_operator *op, const fv__cell *cell,
                                 fv_variable *x, const fv_recurrent *recurrent,
                                 fv_variable *outputs[3]);

/* ---- the layers ---------------------------------------------------------- */

extern const fv__field fv__recurrent_fields[];
/* Declares the weights of each direction. */
fv_status fv__recurrent_declare(fv_layer *layer, const fv__cell *cell,
                                const fv_shape *x);
/* Inputs are x; the first h and c, or neither; lengths, or none: the last one,
 * if it is of integers. Returns the number of outputs, 0 after a failure. */
int32_t fv__recurrent_layer(fv_layer *layer, const fv_operator *op,
                            const fv__cell *cell, int32_t count,
                            fv_variable *const inputs[],
                            fv_variable *outputs[]);

#define FV__RECURRENT_LAYER                                                    \
    FV__LAYER_OPTIONS(fv_recurrent_options),                                   \
        .fields = fv__recurrent_fields, .min_inputs = 1, .declare = declare,   \
        .forward_n = apply

#endif
