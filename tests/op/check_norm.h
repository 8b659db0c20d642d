/* Normalisations of rows or groups against plain sums in long double. */
#ifndef FV_TESTS_OP_CHECK_NORM_H
#define FV_TESTS_OP_CHECK_NORM_H

#include "operands.h"

/* Operands are x, then gamma and beta as far as there are any. */
typedef struct norm {
    int32_t axes;   /* rows lie along the last axes; 0: groups of channels */
    int64_t groups; /* 0: a group for each channel */
    double epsilon;
    int parameters; /* 0: none, 1: gamma, 2: gamma and beta */
} norm;

/* The operator under test, and the factor of a row or group from the moments
 * about `mean`, which is 0 if not `centred`. */
static fv_variable *apply(const void *user, fv_variable *const at[]);
static long double factor_of(const norm *n, long double squares,
                             long double count);
static const bool centred;

static subject norm_of(const norm *n, uint64_t seed, int32_t rank,
                       const int64_t *shape)
{
    subject s = { .apply = apply,
                  .user = n,
                  .seed = seed,
                  .count = 1 + n->parameters,
                  .operands = { { rank, { 0 }, -1, 1, 0 } } };
    const int32_t axes = n->axes ? n->axes : 1;
    memcpy(s.operands[0].shape, shape, (size_t)rank * sizeof *shape);
    for (int32_t k = 1; k <= n->parameters; k++) {
        operand *o = &s.operands[k];
        *o = (operand){ axes, { 0 }, k == 1 ? 0.5 : -1, 1.5, 0 };
        for (int32_t i = 0; i < axes; i++) o->shape[i] = shape[rank - axes + i];
    }
    return s;
}

/* The row or group of element i, its parameter's index, and how many rows or
 * groups there are. */
typedef struct place {
    int64_t row, parameter, rows;
} place;

static place place_of(const norm *n, const operand *x, int64_t i)
{
    if (n->axes) {
        const int64_t width =
            fv__product(n->axes, x->shape + (x->rank - n->axes));
        return (place){ i / width, i % width,
                        fv__product(x->rank, x->shape) / width };
    }
    const int64_t c = x->shape[x->rank - 1], channel = i % c;
    const int64_t groups = n->groups ? n->groups : c;
    const int64_t image = i / fv__product(x->rank - 1, x->shape + 1);
    return (place){ image * groups + channel / (c / groups), channel,
                    x->shape[0] * groups };
}

enum { MOST_ROWS = 4096 };

/* y, of operands that are there as numbers. */
static void expect(const subject *s, const double *const at[], double *y)
{
    static long double mean[MOST_ROWS], squares[MOST_ROWS], count[MOST_ROWS];
    const norm *n = s->user;
    const operand *x = &s->operands[0];
    const int64_t elements = fv__product(x->rank, x->shape);
    for (int64_t i = 0; i < elements; i++) {
        const place p = place_of(n, x, i);
        assert_in_range(p.rows, 1, MOST_ROWS);
        if (i == 0)
            for (int64_t r = 0; r < p.rows; r++)
                mean[r] = squares[r] = count[r] = 0;
        mean[p.row] += (long double)at[0][i];
        count[p.row]++;
    }
    for (int64_t r = 0; r < MOST_ROWS; r++)
        mean[r] = centred && count[r] > 0 ? mean[r] / count[r] : 0;
    for (int64_t i = 0; i < elements; i++) {
        const int64_t r = place_of(n, x, i).row;
        const long double off = (long double)at[0][i] - mean[r];
        squares[r] += off * off;
    }
    for (int64_t i = 0; i < elements; i++) {
        const place p = place_of(n, x, i);
        long double v = ((long double)at[0][i] - mean[p.row])
                        * factor_of(n, squares[p.row], count[p.row]);
        if (n->parameters > 0) v *= (long double)at[1][p.parameter];
        if (n->parameters > 1) v += (long double)at[2][p.parameter];
        y[i] = (double)v;
    }
}

enum { MOST = 20000 };

/* Values in both element types, x being moved by `shift`. */
static void assert_values(const subject *s, double shift, double tolerance)
{
    static double numbers[3][MOST], y[MOST];
    const double *const at[] = { numbers[0], numbers[1], numbers[2] };
    for (int32_t k = 0; k < s->count; k++) {
        const operand *o = &s->operands[k];
        const int64_t count = fv__product(o->rank, o->shape);
        assert_in_range(count, 1, MOST);
        for (int64_t i = 0; i < count; i++)
            numbers[k][i] =
                (double)(float)(o->low
                                + (o->high - o->low)
                                      * chance(s->seed + (uint64_t)k, i)
                                + (k ? 0 : shift));
    }
    expect(s, at, y);
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context = context_of((fv_dtype)dtype);
        fv_variable *leaves[3];
        for (int32_t k = 0; k < s->count; k++)
            leaves[k] = leaf_of(context, numbers[k], s->operands[k].rank,
                                s->operands[k].shape);
        for (int quiet = 1; quiet >= 0; quiet--) {
            fv_no_grad(context, quiet);
            fv_variable *result = s->apply(s->user, leaves);
            assert_ok(context);
            assert_numbers(fv_variable_value(result), y,
                           dtype == FV_F64 ? 1e-9 * tolerance : tolerance);
        }
        fv_context_free(context);
    }
}

/* Values and gradients of operands of that shape, some of them frozen. */
static void assert_norm(const norm *n, uint64_t seed, int32_t rank,
                        const int64_t *shape)
{
    subject s = norm_of(n, seed, rank, shape);
    assert_values(&s, 0, 2e-6);
    for (int32_t k = 1; k < s.count; k++)
        s.operands[k].frozen = pick(seed, 20 + k, 0, 3) == 0;
    s.operands[0].frozen =
        s.count > 1 && !s.operands[1].frozen && pick(seed, 20, 0, 3) == 0;
    assert_gradients(&s);
    assert_single(&s, 2e-4);
}

/* An operator that refuses its operands. */
#define REFUSED(context, expression, sentence)                                 \
    do {                                                                       \
        assert_null(expression);                                               \
        assert_error((context), (sentence));                                   \
    } while (0)

#endif
