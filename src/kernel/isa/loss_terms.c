/* Terms of losses and their derivatives, and a step of connectionist temporal
 * classification. */
#include "kernel/isa/elementary.h"

#define ROUND(formula)                                                         \
    {                                                                          \
        INDEPENDENT                                                            \
        for (size_t i = 0; i < n; i++) to[i] = (formula);                      \
    }                                                                          \
    break

#define X (x[i])
#define T (t[i])

/* log(1 - x) for 0 <= x <= 1, with the rounding error of 1 - x added back. */
INLINE real log_of_rest(real x)
{
    const real rest = 1 - x;
    const real lost = (1 - rest) - x;
    const real y = real_log(rest) + lost / rest;
    return rest > 0 ? y : real_log(rest);
}

INLINE real at_least(real low, real x) { return x < low ? low : x; }

INLINE real huber(real d, real p)
{
    const real a = FABS(d);
    return a < p ? REAL(0.5) * d * d : p * (a - REAL(0.5) * p);
}

INLINE real huber_slope(real d, real p) { return d < -p ? -p : d > p ? p : d; }

INLINE real smooth_l1(real d, real p)
{
    const real a = FABS(d);
    return a < p ? REAL(0.5) * d * d / p : a - REAL(0.5) * p;
}

INLINE real sign(real d) { return d > 0 ? 1 : d < 0 ? -1 : d == 0 ? 0 : d; }

INLINE real smooth_l1_slope(real d, real p)
{
    return FABS(d) < p ? d / p : sign(d);
}

INLINE real binary_cross_entropy(real x, real t)
{
    return -FMA(t, at_least(-100, real_log(x)),
                (1 - t) * at_least(-100, log_of_rest(x)));
}

/* As PyTorch's, whose denominator is at least 1e-12. */
INLINE real binary_cross_entropy_slope(real x, real t)
{
    return (x - t) / at_least(REAL(1e-12), (1 - x) * x);
}

INLINE real kl(real x, real t)
{
    const real y = t * (real_log(t) - x);
    return t == 0 ? 0 : y;
}

INLINE real kl_target_slope(real x, real t)
{
    return t == 0 ? 0 : real_log(t) + 1 - x;
}

INLINE real logit(real x, real t, real w)
{
    return FMA(w * t, real_softplus(-x), (1 - t) * real_softplus(x));
}

INLINE real logit_slope(real x, real t, real w)
{
    return FMA(-w * t, real_sigmoid(-x), (1 - t) * real_sigmoid(x));
}

INLINE real sigmoid_cross_entropy(real x, real t)
{
    const real linear = (x > 0 ? 1 - t : -t) * x;
    return linear + real_log1p(real_exp(-FABS(x)));
}

/* u^q for 0 <= u <= 1 and 0 <= q; the exponents in use most take no logarithm.
 */
INLINE real power(real u, real q)
{
    const real y = real_exp(q * real_log(u));
    return q == 0 ? 1 : q == 1 ? u : q == 2 ? u * u : y;
}

/* q u^(q - 1), without the pole at 0 */
INLINE real power_slope(real u, real q)
{
    const real y = q * real_exp((q - 1) * real_log(u));
    return q == 0 ? 0 : q == 1 ? 1 : q == 2 ? 2 * u : u == 0 ? 0 : y;
}

INLINE real balance(real t, real p)
{
    return p < 0 ? 1 : FMA(p, t, (1 - p) * (1 - t));
}

INLINE real missed(real x, real t)
{
    return FMA(real_sigmoid(x), 1 - t, real_sigmoid(-x) * t);
}

INLINE real sigmoid_focal(real x, real t, real p, real q)
{
    return balance(t, p) * power(missed(x, t), q) * logit(x, t, 1);
}

INLINE real sigmoid_focal_slope(real x, real t, real p, real q)
{
    const real u = missed(x, t);
    const real du = (1 - 2 * t) * real_sigmoid(x) * real_sigmoid(-x);
    return balance(t, p)
           * FMA(power(u, q), logit_slope(x, t, 1),
                 power_slope(u, q) * du * logit(x, t, 1));
}

INLINE real focal(real x, real q) { return power(-real_expm1(-x), q) * x; }

INLINE real focal_slope(real x, real q)
{
    const real u = -real_expm1(-x);
    return FMA(power_slope(u, q) * x, real_exp(-x), power(u, q));
}

void FV_KERNEL(loss)(fv__loss f, size_t n, const void *x_, const void *t_,
                     const void *w_, double p_, double q_, void *to_)
{
    const real *x = x_, *t = t_, *w = w_;
    const real p = (real)p_, q = (real)q_;
    real *to = to_;
    switch (f) {
    case FV__L1:
        ROUND(FABS(X - T));
    case FV__HUBER:
        ROUND(huber(X - T, p));
    case FV__SMOOTH_L1:
        ROUND(smooth_l1(X - T, p));
    case FV__BINARY_CROSS_ENTROPY:
        ROUND(binary_cross_entropy(X, T));
    case FV__KL:
        ROUND(kl(X, T));
    case FV__KL_LOG:
        ROUND(real_exp(T) * (T - X));
    case FV__SIGMOID_CROSS_ENTROPY:
        ROUND(sigmoid_cross_entropy(X, T));
    case FV__LOGIT:
        ROUND(logit(X, T, w[i]));
    case FV__SIGMOID_FOCAL:
        ROUND(sigmoid_focal(X, T, p, q));
    case FV__FOCAL:
        ROUND(focal(X, q));
    }
}

static void input_slope(fv__loss f, size_t n, const real *x, const real *t,
                        const real *w, real p, real q, real *to)
{
    switch (f) {
    case FV__L1:
        ROUND(sign(X - T));
    case FV__HUBER:
        ROUND(huber_slope(X - T, p));
    case FV__SMOOTH_L1:
        ROUND(smooth_l1_slope(X - T, p));
    case FV__BINARY_CROSS_ENTROPY:
        ROUND(binary_cross_entropy_slope(X, T));
    case FV__KL:
        ROUND(-T);
    case FV__KL_LOG:
        ROUND(-real_exp(T));
    case FV__SIGMOID_CROSS_ENTROPY:
        ROUND(real_sigmoid(X) - T);
    case FV__LOGIT:
        ROUND(logit_slope(X, T, w[i]));
    case FV__SIGMOID_FOCAL:
        ROUND(sigmoid_focal_slope(X, T, p, q));
    case FV__FOCAL:
        ROUND(focal_slope(X, q));
    }
}

static void target_slope(fv__loss f, size_t n, const real *x, const real *t,
                         const real *w, real p, real *to)
{
    switch (f) {
    case FV__L1:
        ROUND(sign(T - X));
    case FV__HUBER:
        ROUND(huber_slope(T - X, p));
    case FV__SMOOTH_L1:
        ROUND(smooth_l1_slope(T - X, p));
    case FV__BINARY_CROSS_ENTROPY:
        ROUND(at_least(-100, log_of_rest(X)) - at_least(-100, real_log(X)));
    case FV__KL:
        ROUND(kl_target_slope(X, T));
    case FV__KL_LOG:
        ROUND(real_exp(T) * (T + 1 - X));
    case FV__SIGMOID_CROSS_ENTROPY:
        ROUND(-X);
    case FV__LOGIT:
        ROUND(w[i] * real_softplus(-X) - real_softplus(X));
    case FV__SIGMOID_FOCAL:
    case FV__FOCAL:
        ROUND(0);
    }
}

void FV_KERNEL(loss_slope)(fv__loss f, int operand, size_t n, const void *x,
                           const void *t, const void *w, double p, double q,
                           void *to)
{
    if (operand == 0)
        input_slope(f, n, x, t, w, (real)p, (real)q, to);
    else
        target_slope(f, n, x, t, w, (real)p, to);
}

void FV_KERNEL(ctc_step)(size_t n, const void *from_, const void *skip_,
                         const void *emit_, void *to_)
{
    const real *from = from_, *skip = skip_, *emit = emit_;
    real *to = to_;
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real a = from[i + 2], b = from[i + 1], c = skip[i] + from[i];
        const real ab = a > b ? a : b;
        const real most = ab > c ? ab : c;
        /* of three zero probabilities the logarithm is that of zero */
        const real shift = most > -REAL_INFINITY ? most : 0;
        const real sum =
            real_exp(a - shift) + real_exp(b - shift) + real_exp(c - shift);
        to[i] = emit[i] + shift + real_log(sum);
    }
}
