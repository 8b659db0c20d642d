/* One step of an optimizer on an array of weights: the formulas of
 * kernel/optimizer.h. */
#include "kernel/optimizer.h"
#include "kernel/isa/isa.h"

/* The numbers of the step in the element type. */
typedef struct rates {
    real rate, gradient_rate, decay, keep, beta1, rest1, beta2, rest2, root,
        epsilon;
} rates;

INLINE void sgd(size_t n, rates u, bool nesterov, const real *g, real *w,
                real *m)
{
    if (!m) {
        INDEPENDENT
        for (size_t i = 0; i < n; i++)
            w[i] = FMA(-u.rate, FMA(u.decay, w[i], g[i]), w[i]);
        return;
    }
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(u.decay, w[i], g[i]);
        const real moved = FMA(u.beta1, m[i], u.rest1 * slope);
        m[i] = moved;
        w[i] =
            FMA(-u.rate, nesterov ? FMA(u.beta1, moved, slope) : moved, w[i]);
    }
}

INLINE void adam(size_t n, rates u, const real *g, real *w, real *m, real *v)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(u.decay, w[i], g[i]);
        const real mean = FMA(u.beta1, m[i], u.rest1 * slope);
        const real square = FMA(u.beta2, v[i], u.rest2 * slope * slope);
        m[i] = mean;
        v[i] = square;
        const real scale = SQRT(square) / u.root + u.epsilon;
        w[i] = FMA(-u.rate, mean / scale, w[i] * u.keep);
    }
}

INLINE void amsgrad(size_t n, rates u, const real *g, real *w, real *m, real *v,
                    real *largest)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(u.decay, w[i], g[i]);
        const real mean = FMA(u.beta1, m[i], u.rest1 * slope);
        const real square = FMA(u.beta2, v[i], u.rest2 * slope * slope);
        const real most = largest[i] > square ? largest[i] : square;
        m[i] = mean;
        v[i] = square;
        largest[i] = most;
        const real scale = SQRT(most) / u.root + u.epsilon;
        w[i] = FMA(-u.rate, mean / scale, w[i] * u.keep);
    }
}

INLINE void mean_alone(size_t n, rates u, const real *g, real *w, real *m,
                       real *v)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(u.decay, w[i], g[i]);
        const real mean = FMA(u.beta1, m[i], u.rest1 * slope);
        m[i] = mean;
        v[i] = FMA(u.beta2, v[i], u.rest2 * slope * slope);
        w[i] = FMA(-u.rate, mean, w[i]);
    }
}

INLINE void nadam(size_t n, rates u, const real *g, real *w, real *m, real *v)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(u.decay, w[i], g[i]);
        const real mean = FMA(u.beta1, m[i], u.rest1 * slope);
        const real square = FMA(u.beta2, v[i], u.rest2 * slope * slope);
        m[i] = mean;
        v[i] = square;
        const real scale = SQRT(square) / u.root + u.epsilon;
        const real step = FMA(u.rate, mean, u.gradient_rate * slope);
        w[i] -= step / scale;
    }
}

/* The weight's step, through the momentum if there is one. */
INLINE void rmsprop(size_t n, rates u, const real *g, real *w, real *v, real *a,
                    real *m)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(u.decay, w[i], g[i]);
        const real square = FMA(u.beta2, v[i], u.rest2 * slope * slope);
        real spread = square;
        v[i] = square;
        if (a) {
            const real mean = FMA(u.beta2, a[i], u.rest2 * slope);
            a[i] = mean;
            spread = FMA(-mean, mean, square);
            spread = spread < 0 ? 0 : spread; /* by rounding */
        }
        real step = slope / (SQRT(spread) + u.epsilon);
        if (m) {
            step = FMA(u.beta1, m[i], step);
            m[i] = step;
        }
        w[i] = FMA(-u.rate, step, w[i]);
    }
}

INLINE void adagrad(size_t n, rates u, const real *g, real *w, real *v)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(u.decay, w[i], g[i]);
        const real square = FMA(slope, slope, v[i]);
        v[i] = square;
        w[i] = FMA(-u.rate, slope / (SQRT(square) + u.epsilon), w[i]);
    }
}

INLINE void adadelta(size_t n, rates u, const real *g, real *w, real *v,
                     real *a)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(u.decay, w[i], g[i]);
        const real square = FMA(u.beta2, v[i], u.rest2 * slope * slope);
        const real step =
            SQRT(a[i] + u.epsilon) / SQRT(square + u.epsilon) * slope;
        v[i] = square;
        a[i] = FMA(u.beta2, a[i], u.rest2 * step * step);
        w[i] = FMA(-u.rate, step, w[i]);
    }
}

INLINE void lion(size_t n, rates u, const real *g, real *w, real *m)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real c = FMA(u.beta1, m[i], u.rest1 * g[i]);
        const real sign = c > 0 ? 1 : c < 0 ? -1 : c;
        m[i] = FMA(u.beta2, m[i], u.rest2 * g[i]);
        w[i] = FMA(-u.rate, sign, w[i] * u.keep);
    }
}

INLINE void lamb(size_t n, rates u, real *g, const real *w, real *m, real *v)
{
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real mean = FMA(u.beta1, m[i], u.rest1 * g[i]);
        const real square = FMA(u.beta2, v[i], u.rest2 * g[i] * g[i]);
        m[i] = mean;
        v[i] = square;
        const real scale = SQRT(square) / u.root + u.epsilon;
        g[i] = FMA(u.rate, mean / scale, u.decay * w[i]);
    }
}

void FV_KERNEL(update)(size_t n, const fv__update *f, void *g, void *w,
                       void *const s[])
{
    const rates u = {
        (real)f->rate,  (real)f->gradient_rate, (real)f->decay, (real)f->keep,
        (real)f->beta1, (real)f->rest1,         (real)f->beta2, (real)f->rest2,
        (real)f->root,  (real)f->epsilon,
    };
    switch (f->rule) {
    case FV__RULE_SGD:
        sgd(n, u, f->nesterov, g, w, s[0]);
        return;
    case FV__RULE_ADAM:
        if (s[2])
            amsgrad(n, u, g, w, s[0], s[1], s[2]);
        else
            adam(n, u, g, w, s[0], s[1]);
        return;
    case FV__RULE_MEAN:
        mean_alone(n, u, g, w, s[0], s[1]);
        return;
    case FV__RULE_NADAM:
        nadam(n, u, g, w, s[0], s[1]);
        return;
    case FV__RULE_RMSPROP:
        rmsprop(n, u, g, w, s[0], s[1], s[2]);
        return;
    case FV__RULE_ADAGRAD:
        adagrad(n, u, g, w, s[0]);
        return;
    case FV__RULE_ADADELTA:
        adadelta(n, u, g, w, s[0], s[1]);
        return;
    case FV__RULE_LION:
        lion(n, u, g, w, s[0]);
        return;
    case FV__RULE_LAMB:
        lamb(n, u, g, w, s[0], s[1]);
        return;
    }
}
