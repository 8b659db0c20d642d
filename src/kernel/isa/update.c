/* One step of an optimizer on an array of weights. */
#include "kernel/optimizer.h"
#include "kernel/isa/isa.h"

/* The numbers of the step in the element type. */
typedef struct rates {
    real rate, decay, keep, beta1, rest1, beta2, rest2, root, epsilon;
} rates;

INLINE void sgd(size_t n, const rates *u, bool nesterov, const real *g, real *w,
                real *m)
{
    const real rate = u->rate, decay = u->decay;
    const real momentum = u->beta1, rest = u->rest1;
    if (!m) {
        INDEPENDENT
        for (size_t i = 0; i < n; i++)
            w[i] = FMA(-rate, FMA(decay, w[i], g[i]), w[i]);
        return;
    }
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(decay, w[i], g[i]);
        const real moved = FMA(momentum, m[i], rest * slope);
        m[i] = moved;
        w[i] = FMA(-rate, nesterov ? FMA(momentum, moved, slope) : moved, w[i]);
    }
}

INLINE void adam(size_t n, const rates *u, const real *g, real *w, real *m,
                 real *v)
{
    const real beta1 = u->beta1, rest1 = u->rest1, keep = u->keep;
    const real beta2 = u->beta2, rest2 = u->rest2, rate = u->rate;
    const real root = u->root, epsilon = u->epsilon, decay = u->decay;
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(decay, w[i], g[i]);
        const real mean = FMA(beta1, m[i], rest1 * slope);
        const real square = FMA(beta2, v[i], rest2 * slope * slope);
        m[i] = mean;
        v[i] = square;
        const real scale = SQRT(square) / root + epsilon;
        w[i] = FMA(-rate, mean / scale, w[i] * keep);
    }
}

void FV_KERNEL(update)(size_t n, const fv__update *update, void *g, void *w,
                       void *const s[])
{
    const rates u = {
        (real)update->rate,  (real)update->decay, (real)update->keep,
        (real)update->beta1, (real)update->rest1, (real)update->beta2,
        (real)update->rest2, (real)update->root,  (real)update->epsilon,
    };
    switch (update->rule) {
    case FV__RULE_SGD:
        sgd(n, &u, update->nesterov, g, w, s[0]);
        return;
    case FV__RULE_ADAM:
        adam(n, &u, g, w, s[0], s[1]);
        return;
    }
}
