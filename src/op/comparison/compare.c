/* Comparisons of two tensors of one type, broadcast; the result is FV_BOOL. NaN
 * is neither equal to a number nor less or greater. */
#include "op/op.h"

enum { BLOCK = 256 };

typedef enum relation { EQUAL, LESS, LESS_OR_EQUAL } relation;

typedef struct compare {
    relation relation;
} compare;

static fv_status infer(fv_inference *inference)
{
    const fv_dtype type = inference->inputs[0]->dtype;
    const fv_status status = fv__dtype_is_real(type)
                                 ? fv__infer_floats(inference)
                                 : fv__infer_one_type(inference);
    return status ? status : fv__infer_broadcast_type(inference, 0, FV_BOOL);
}

/* One loop for each of the combinations of steps, 0 or 1. */
#define LOOPS(operation)                                                       \
    if (a_step && b_step)                                                      \
        for (int64_t i = 0; i < n; i++) y[i] = a[i] operation b[i];            \
    else if (a_step)                                                           \
        for (int64_t i = 0; i < n; i++) y[i] = a[i] operation b0;              \
    else                                                                       \
        for (int64_t i = 0; i < n; i++) y[i] = a0 operation b[i * b_step];     \
    break
#define COMPARE(name, type)                                                    \
    static void name(relation r, int64_t n, const void *a_, int64_t a_step,    \
                     const void *b_, int64_t b_step, uint8_t *restrict y)      \
    {                                                                          \
        const type *restrict a = a_, *restrict b = b_;                         \
        const type a0 = a[0], b0 = b[0];                                       \
        switch (r) {                                                           \
        case EQUAL:                                                            \
            LOOPS(==);                                                         \
        case LESS:                                                             \
            LOOPS(<);                                                          \
        case LESS_OR_EQUAL:                                                    \
            LOOPS(<=);                                                         \
        }                                                                      \
    }
COMPARE(compare_f32, float)
COMPARE(compare_f64, double)
COMPARE(compare_i64, int64_t)

static void run_row(const void *argument, const fv__broadcast_row *row)
{
    const fv_call *call = argument;
    const compare *c = call->attributes;
    const fv_tensor *a = call->inputs[0], *b = call->inputs[1];
    const int64_t a_step = row->step[0], b_step = row->step[1];
    const void *from = fv__tensor_byte(a, row->at[0]);
    const void *with = fv__tensor_byte(b, row->at[1]);
    uint8_t *y = (uint8_t *)call->outputs[0]->data + row->first;
    if (a->dtype == FV_F32) {
        compare_f32(c->relation, row->n, from, a_step, with, b_step, y);
    } else if (a->dtype == FV_F64) {
        compare_f64(c->relation, row->n, from, a_step, with, b_step, y);
    } else {
        int64_t left[BLOCK], right[BLOCK];
        for (int64_t i = 0; i < row->n; i += BLOCK) {
            const int64_t n = fv__min(row->n - i, BLOCK);
            fv__load_integers(a->dtype,
                              fv__tensor_byte(a, row->at[0] + i * a_step),
                              a_step, n, left);
            fv__load_integers(b->dtype,
                              fv__tensor_byte(b, row->at[1] + i * b_step),
                              b_step, n, right);
            compare_i64(c->relation, n, left, 1, right, 1, y + i);
        }
    }
}

static void forward(const fv_call *call)
{
    fv__broadcast_rows(call->context, call->outputs[0], 2, call->inputs, 2,
                       run_row, call);
}

const fv_operator fv__op_compare = { .size = sizeof(fv_operator),
                                     .name = "compare",
                                     .min_inputs = 2,
                                     .max_inputs = 2,
                                     .attributes_size = sizeof(compare),
                                     .infer = infer,
                                     .forward = forward };

static fv_variable *apply(relation r, fv_variable *a, fv_variable *b)
{
    const compare attributes = { r };
    fv_variable *const operands[] = { a, b };
    return fv_apply(&fv__op_compare, &attributes, 2, operands);
}

fv_variable *fv_equal(fv_variable *a, fv_variable *b)
{
    return apply(EQUAL, a, b);
}

fv_variable *fv_less(fv_variable *a, fv_variable *b)
{
    return apply(LESS, a, b);
}

fv_variable *fv_less_or_equal(fv_variable *a, fv_variable *b)
{
    return apply(LESS_OR_EQUAL, a, b);
}

fv_variable *fv_greater(fv_variable *a, fv_variable *b)
{
    return apply(LESS, b, a);
}

fv_variable *fv_greater_or_equal(fv_variable *a, fv_variable *b)
{
    return apply(LESS_OR_EQUAL, b, a);
}
