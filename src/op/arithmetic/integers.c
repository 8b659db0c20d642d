/* Arithmetic on whole numbers, broadcast: shapes, indices and labels. */
#include "op/op.h"

enum { BLOCK = 256 };

typedef struct integers_job {
    fv__binary f;
    const fv_tensor *a, *b, *y;
} integers_job;

static int64_t wrap(uint64_t value) { return (int64_t)value; }

/* The remainder of a / b that has the sign of a; 0 where b is 0. */
static int64_t remainder_of(int64_t a, int64_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

/* a^b, modulo 2^64; of a negative b rounded towards zero. */
static int64_t power(int64_t a, int64_t b)
{
    uint64_t result = 1, base = (uint64_t)a;
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    for (; b; b >>= 1) {
        if (b & 1) result *= base;
        base *= base;
    }
    return wrap(result);
}

static int64_t value_of(fv__binary f, int64_t a, int64_t b)
{
    const int64_t rest = remainder_of(a, b);
    switch (f) {
    case FV__ADD:
        return wrap((uint64_t)a + (uint64_t)b);
    case FV__SUB:
        return wrap((uint64_t)a - (uint64_t)b);
    case FV__MUL:
        return wrap((uint64_t)a * (uint64_t)b);
    case FV__DIV: /* the smallest number over -1 wraps around to itself */
        return b == 0 ? 0 : b == -1 ? wrap(-(uint64_t)a) : a / b;
    case FV__POW:
        return power(a, b);
    case FV__MINIMUM:
        return fv__min(a, b);
    case FV__MAXIMUM:
        return fv__max(a, b);
    case FV__REMAINDER:
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    case FV__FMOD:
        return rest;
    case FV__PRELU:
        break;
    }
    return 0;
}

static void run_row(const void *argument, const fv__broadcast_row *row)
{
    const integers_job *job = argument;
    const fv_dtype dtype = job->y->dtype;
    int64_t a[BLOCK], b[BLOCK];
    for (int64_t i = 0; i < row->n; i += BLOCK) {
        const int64_t n = fv__min(row->n - i, BLOCK);
        fv__load_integers(
            dtype, fv__tensor_byte(job->a, row->at[0] + i * row->step[0]),
            row->step[0], n, a);
        fv__load_integers(
            dtype, fv__tensor_byte(job->b, row->at[1] + i * row->step[1]),
            row->step[1], n, b);
        for (int64_t j = 0; j < n; j++) a[j] = value_of(job->f, a[j], b[j]);
        fv__store_wrapped(dtype, fv__tensor_byte(job->y, row->first + i), n, a);
    }
}

void fv__integers_all(fv_context *context, fv__binary f, const fv_tensor *a,
                      const fv_tensor *b, const fv_tensor *y)
{
    const fv_tensor *operands[] = { a, b };
    const integers_job job = { f, a, b, y };
    fv__broadcast_rows(context, y, 2, operands, 8, run_row, &job);
}

typedef struct unary_job {
    fv__unary f;
    const fv_tensor *x, *y;
} unary_job;

static void unary_row(const void *argument, const fv__broadcast_row *row)
{
    const unary_job *job = argument;
    int64_t x[BLOCK];
    for (int64_t i = 0; i < row->n; i += BLOCK) {
        const int64_t n = fv__min(row->n - i, BLOCK), at = row->first + i;
        fv__load_integers(job->x->dtype, fv__tensor_byte(job->x, at), 1, n, x);
        for (int64_t j = 0; j < n; j++)
            x[j] = job->f == FV__SIGN              ? (x[j] > 0) - (x[j] < 0)
                   : job->f == FV__NEG || x[j] < 0 ? wrap(-(uint64_t)x[j])
                                                   : x[j];
        fv__store_wrapped(job->y->dtype, fv__tensor_byte(job->y, at), n, x);
    }
}

void fv__integers_unary(fv_context *context, fv__unary f, const fv_tensor *x,
                        const fv_tensor *y)
{
    const unary_job job = { f, x, y };
    fv__broadcast_rows(context, y, 1, &x, 4, unary_row, &job);
}
