/* Weighted sums along one axis of an image. Vectors run over what lies within
 * one index of the axis, columns and channels; each output is a chain of fma in
 * the order of the taps. */
#include "kernel/isa/isa.h"

typedef struct line {
    size_t count, inner;
    const real *weight, *x; /* of the first tap */
    real *y;
    bool add;
} line;

static fv__chain chain_of(const line *l)
{
    return (fv__chain){ 1, (int64_t)l->count, 1 };
}

INLINE vec load(const real *x, const bool part, size_t n)
{
    return part ? vec_load_part(x, n) : vec_load(x);
}

/* The sum of the taps begin .. end - 1 of one vector. */
INLINE vec chain_sum(const line *l, size_t begin, size_t end, size_t j,
                     const bool part, size_t n)
{
    vec sum = vec_all(0);
    for (size_t t = begin; t < end; t++)
        sum = vec_fma(vec_all(l->weight[t]),
                      load(l->x + t * l->inner + j, part, n), sum);
    return sum;
}

INLINE vec blocks_sum(const line *l, size_t j, const bool part, size_t n)
{
    vec total = vec_all(0);
    for (size_t t = 0, each; t < l->count; t += each) {
        each = (size_t)fv__chain_block(chain_of(l), (int64_t)t);
        total = total + chain_sum(l, t, t + each, j, part, n);
    }
    return total;
}

INLINE void put(const line *l, size_t j, vec sum, const bool part, size_t n)
{
    if (l->add) sum = load(l->y + j, part, n) + sum;
    if (part)
        vec_store_part(l->y + j, n, sum);
    else
        vec_store(l->y + j, sum);
}

INLINE void one_line(const line *l, const bool cut)
{
    size_t j = 0;
    for (; j + VEC <= l->inner; j += VEC)
        put(l, j,
            cut ? blocks_sum(l, j, false, VEC)
                : chain_sum(l, 0, l->count, j, false, VEC),
            false, VEC);
    const size_t n = l->inner - j;
    if (n)
        put(l, j,
            cut ? blocks_sum(l, j, true, n)
                : chain_sum(l, 0, l->count, j, true, n),
            true, n);
}

/* The same of one or two elements, which would fill no vector. */
INLINE void few_elements(const line *l)
{
    for (size_t j = 0; j < l->inner; j++) {
        real sum = 0;
        for (size_t t = 0; t < l->count; t++)
            sum = FMA(l->weight[t], l->x[t * l->inner + j], sum);
        l->y[j] = l->add ? l->y[j] + sum : sum;
    }
}

void FV_KERNEL(resample)(const fv__resample *r)
{
    const fv__taps *taps = r->taps;
    line l = { .inner = r->inner, .add = r->add };
    for (int64_t o = r->begin; o < r->end; o++) {
        l.count = (size_t)taps->count[o];
        l.weight = (const real *)taps->weight + o * taps->width;
        l.x = (const real *)r->x + (size_t)taps->first[o] * l.inner;
        l.y = (real *)r->y + (size_t)o * l.inner;
        if (fv__chain_is_cut(chain_of(&l)))
            one_line(&l, true);
        else if (l.inner <= 2)
            few_elements(&l);
        else
            one_line(&l, false);
    }
}
