/* Random convolutions of one to three axes, forward and transposed, and their
 * definition in double precision. */
#ifndef FV_TESTS_OP_AXES_H
#define FV_TESTS_OP_AXES_H

#include "operands.h"

typedef struct axes_case {
    int32_t axes;
    int transposed, bias;
    fv_convolution c;
    int64_t output_padding[3];
    int64_t x[FV_MAX_RANK], w[FV_MAX_RANK]; /* shapes */
} axes_case;

/* Strides over the kernel, asymmetric padding, dilations and groups by chance;
 * every output has a tap. Of a transposed convolution, w is [channels, ...,
 * filters of a group], else [filters, ..., channels of a group]. */
static inline axes_case random_axes(uint64_t seed, int32_t axes, int transposed,
                                    int64_t algorithms)
{
    axes_case k = { .axes = axes,
                    .transposed = transposed,
                    .bias = (int)pick(seed, 5, 0, 1),
                    .c = { .groups = pick(seed, 0, 1, 3) } };
    const int64_t each[] = { pick(seed, 1, 1, 3), pick(seed, 2, 1, 3) };
    k.x[0] = pick(seed, 4, 1, 2);
    k.x[axes + 1] = k.c.groups * each[0];
    k.w[0] = k.c.groups * each[!transposed];
    k.w[axes + 1] = each[transposed];
    for (int i = 0; i < axes; i++) {
        k.c.stride[i] = pick(seed, 10 + i, 1, 3);
        k.c.dilation[i] = pick(seed, 20 + i, 1, 2);
        k.w[1 + i] = pick(seed, 30 + i, 1, 3);
        const int64_t span = k.c.dilation[i] * (k.w[1 + i] - 1) + 1;
        k.x[1 + i] = pick(seed, 40 + i, 1, 4) + (transposed ? 0 : span - 1);
        k.c.padding_begin[i] = pick(seed, 50 + i, 0, 2);
        k.c.padding_end[i] = pick(seed, 60 + i, 0, 2);
        if (!transposed) continue;
        k.c.padding_begin[i] = k.c.padding_begin[i] * (span - 1) / 4;
        k.c.padding_end[i] = k.c.padding_end[i] * (span - 1) / 4;
        const int64_t most =
            (k.c.stride[i] > k.c.dilation[i] ? k.c.stride[i] : k.c.dilation[i])
            - 1;
        k.output_padding[i] = pick(seed, 70 + i, 0, most);
    }
    k.c.algorithm = (fv_algorithm)pick(seed, 6, 0, algorithms);
    return k;
}

static inline subject axes_subject(const axes_case *k, uint64_t seed,
                                   fv_variable *(*apply)(const void *,
                                                         fv_variable *const[]))
{
    const int64_t filters =
        k->transposed ? k->w[k->axes + 1] * k->c.groups : k->w[0];
    subject s = { .apply = apply,
                  .user = k,
                  .seed = seed,
                  .count = k->bias ? 3 : 2,
                  .operands = { { k->axes + 2, { 0 }, -1, 1, 0 },
                                { k->axes + 2, { 0 }, -1, 1, 0 },
                                { 1, { filters }, -1, 1, 0 } } };
    memcpy(s.operands[0].shape, k->x, sizeof k->x);
    memcpy(s.operands[1].shape, k->w, sizeof k->w);
    return s;
}

/* The index of an element; true while there is another. */
static inline int axes_next(int32_t rank, const int64_t shape[], int64_t at[])
{
    for (int32_t i = rank - 1; i >= 0; i--) {
        if (++at[i] < shape[i]) return 1;
        at[i] = 0;
    }
    return 0;
}

static inline int64_t axes_flat(int32_t rank, const int64_t shape[],
                                const int64_t at[])
{
    int64_t flat = 0;
    for (int32_t i = 0; i < rank; i++) flat = flat * shape[i] + at[i];
    return flat;
}

/* Adds the products of each pixel of the smaller image, x of a convolution that
 * is transposed, with each weight: sums[i] for the elements of `y`. */
static inline void axes_definition(const axes_case *k, const fv_tensor *x,
                                   const fv_tensor *w, const fv_tensor *y,
                                   double *sums)
{
    const int32_t rank = k->axes + 2;
    const fv_tensor *fine = k->transposed ? y : x;
    const fv_tensor *coarse = k->transposed ? x : y;
    const int64_t channels = w->shape[rank - 1];
    const int64_t filters = w->shape[0] / k->c.groups;
    int64_t at[FV_MAX_RANK] = { 0 };
    do {
        int64_t tap[FV_MAX_RANK] = { at[rank - 1] }, place[FV_MAX_RANK];
        do {
            int inside = 1;
            if (tap[0] != at[rank - 1]) break;
            place[0] = at[0];
            for (int32_t i = 0; i < k->axes; i++) {
                place[1 + i] = at[1 + i] * k->c.stride[i]
                               + tap[1 + i] * k->c.dilation[i]
                               - k->c.padding_begin[i];
                inside &=
                    place[1 + i] >= 0 && place[1 + i] < fine->shape[1 + i];
            }
            place[rank - 1] = at[rank - 1] / filters * channels + tap[rank - 1];
            if (!inside) continue;
            const int64_t here = axes_flat(rank, fine->shape, place);
            const int64_t there = axes_flat(rank, coarse->shape, at);
            const double weight = number_at(w, axes_flat(rank, w->shape, tap));
            if (k->transposed)
                sums[here] += weight * number_at(x, there);
            else
                sums[there] += weight * number_at(x, here);
        } while (axes_next(rank, w->shape, tap));
    } while (axes_next(rank, coarse->shape, at));
}

/* Values by the definition, in both element types by turns. */
static inline void assert_axes(const axes_case *k, uint64_t seed,
                               fv_variable *(*apply)(const void *,
                                                     fv_variable *const[]))
{
    const subject s = axes_subject(k, seed, apply);
    fv_context *context = context_of(seed % 2 ? FV_F64 : FV_F32);
    fv_variable *at[MOST_OPERANDS];
    make_operands(context, &s, at);
    fv_variable *result = apply(k, at);
    assert_ok(context);
    const fv_tensor *y = fv_variable_value(result);
    assert_int_equal(y->rank, k->axes + 2);
    const int64_t count = fv_tensor_count(y), filters = y->shape[k->axes + 1];
    double *sums = calloc((size_t)count, sizeof *sums);
    assert_non_null(sums);
    axes_definition(k, fv_variable_value(at[0]), fv_variable_value(at[1]), y,
                    sums);
    for (int64_t i = 0; i < count; i++)
        assert_near(
            number_at(y, i),
            sums[i]
                + (k->bias ? number_at(fv_variable_value(at[2]), i % filters)
                           : 0),
            seed % 2 ? 1e-13 : 1e-5);
    free(sums);
    fv_context_free(context);
}

#endif
