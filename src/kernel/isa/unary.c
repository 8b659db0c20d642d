/* Functions of one element and their derivatives. */
#include "kernel/isa/elementary.h"

#define EACH(formula)                                                          \
    for (size_t i = 0; i < n; i++) {                                           \
        const real x = from[i];                                                \
        to[i] = (formula);                                                     \
    }                                                                          \
    break

#define UNARY(name, formula)                                                   \
    case name:                                                                 \
        INDEPENDENT EACH(formula)

/* Functions that libm computes: the loop is not vectorised. */
#define UNARY_CALL(name, formula)                                              \
    case name:                                                                 \
        EACH(formula)

#define ROOT_HALF_PI_INVERSE REAL(0.79788456080286535588) /* sqrt(2 / pi) */
#define ROOT_TWO_PI_INVERSE REAL(0.39894228040143267794)  /* 1 / sqrt(2 pi) */
#define TWO_BY_ROOT_PI REAL(1.1283791670955125739)        /* 2 / sqrt(pi) */
#define GELU_CUBE REAL(0.044715)

INLINE real gelu(real x)
{
    real bell;
    return x * real_normal(x, &bell);
}

/* gelu by tanh is x sigmoid(2 u), u = sqrt(2 / pi) (x + GELU_CUBE x^3). The
 * rounding of u makes a relative error of |u| ulp where u < 0, which is small
 * beside 1: the error is below 2 ulp of max(1, |y|). */
INLINE real gelu_inner(real x)
{
    return 2 * ROOT_HALF_PI_INVERSE * x * FMA(GELU_CUBE * x, x, 1);
}

INLINE real mish(real x)
{
    real rest;
    return x * real_tanh_softplus(x, &rest);
}

/* min(max(x + 3, 0), 6); NaN passes */
INLINE real hard_ramp(real x) { return x + 3 < 0 ? 0 : x + 3 > 6 ? 6 : x + 3; }

void FV_KERNEL(unary)(fv__unary f, size_t n, const void *x_, void *y_,
                      double p_, double q_)
{
    const real *from = x_;
    real *to = y_;
    const real p = (real)p_, q = (real)q_;
    if (f == FV__POWER && p == 2) {
        FV_KERNEL(binary)(FV__MUL, n, x_, 1, x_, 1, y_);
        return;
    }
    switch (f) {
        UNARY(FV__NEG, -x);
        UNARY(FV__ABS, FABS(x));
        UNARY(FV__EXP, real_exp(x));
        UNARY(FV__LOG, real_log(x));
        UNARY(FV__SQRT, SQRT(x));
        UNARY_CALL(FV__SIN, LIBM(sin)(x));
        UNARY_CALL(FV__COS, LIBM(cos)(x));
        UNARY_CALL(FV__TAN, LIBM(tan)(x));
        UNARY_CALL(FV__ASIN, LIBM(asin)(x));
        UNARY_CALL(FV__ACOS, LIBM(acos)(x));
        UNARY_CALL(FV__ATAN, LIBM(atan)(x));
        UNARY_CALL(FV__SINH, LIBM(sinh)(x));
        UNARY_CALL(FV__COSH, LIBM(cosh)(x));
        UNARY_CALL(FV__ASINH, LIBM(asinh)(x));
        UNARY_CALL(FV__ACOSH, LIBM(acosh)(x));
        UNARY_CALL(FV__ATANH, LIBM(atanh)(x));
        UNARY(FV__TANH, real_tanh(x));
        UNARY(FV__SIGMOID, real_sigmoid(x));
        UNARY(FV__CLAMP, x < p ? p : x > q ? q : x);
        UNARY(FV__LEAKY_RELU, x > 0 ? x : p * x);
        UNARY(FV__ELU, x > 0 ? q * x : p * real_expm1(x));
        UNARY(FV__CELU, x > 0 ? x : p * real_expm1(x / p));
        UNARY(FV__SOFTPLUS, p * x > q ? x : real_softplus(p * x) / p);
        UNARY(FV__SOFTSIGN, x / (1 + FABS(x)));
        UNARY(FV__GELU, gelu(x));
        UNARY(FV__GELU_TANH, x * real_sigmoid(gelu_inner(x)));
        UNARY(FV__SILU, x * real_sigmoid(x));
        UNARY(FV__MISH, mish(x));
        UNARY(FV__HARD_SIGMOID, hard_ramp(x) / 6);
        UNARY(FV__HARD_SWISH, x * (hard_ramp(x) / 6));
        UNARY(FV__SCALE_ADD, p * x + q);
        UNARY_CALL(FV__POWER, LIBM(pow)(x, p));
        UNARY(FV__RECIPROCAL, p / x);
        UNARY(FV__ERF, real_erf(x));
        UNARY(FV__FLOOR, LIBM(floor)(x));
        UNARY(FV__CEIL, LIBM(ceil)(x));
        UNARY(FV__ROUND, LIBM(rint)(x));
        UNARY(FV__SIGN, x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x);
    }
}

/* A formula reads only those of X and Y that it names, so the caller may pass
 * NULL for the other. */
#define X (x[i])
#define Y (y[i])
#define GRAD_LOOP(how, formula)                                                \
    {                                                                          \
        INDEPENDENT                                                            \
        for (size_t i = 0; i < n; i++) {                                       \
            const real g = dy[i];                                              \
            dx[i] how(formula);                                                \
        }                                                                      \
    }
#define GRAD(name, formula)                                                    \
    case name:                                                                 \
        if (accumulation == FV__STORE)                                         \
            GRAD_LOOP(=, formula)                                              \
        else                                                                   \
            GRAD_LOOP(+=, formula)                                             \
        break

/* Derivative of x^p; for p = 0 it is 0, also at x = 0. */
INLINE real power_slope(real x, real p)
{
    return p == 0 ? 0 : p == 2 ? 2 * x : p * LIBM(pow)(x, p - 1);
}

/* The derivatives below are NaN for the infinities, as PyTorch's, whose
 * formulas they are with 1 - s and 1 - y^2 computed without cancellation. */
INLINE real softsign_slope(real x)
{
    const real a = FABS(x);
    const real d = 1 / (1 + a);
    return FMA(d, d, a - a);
}

INLINE real gelu_slope(real x)
{
    real bell;
    const real part = real_normal(x, &bell);
    return FMA(ROOT_TWO_PI_INVERSE * x, bell, part);
}

INLINE real gelu_tanh_slope(real x)
{
    const real v = gelu_inner(x);
    const real s = real_sigmoid(v);
    const real dv = 2 * ROOT_HALF_PI_INVERSE * FMA(3 * GELU_CUBE * x, x, 1);
    return FMA(x * s * real_sigmoid(-v), dv, s);
}

INLINE real silu_slope(real x)
{
    const real s = real_sigmoid(x);
    return s * FMA(x, real_sigmoid(-x), 1);
}

INLINE real mish_slope(real x)
{
    real rest;
    const real y = real_tanh_softplus(x, &rest);
    return FMA(x * real_sigmoid(x), rest, y);
}

void FV_KERNEL(unary_grad)(fv__unary f, size_t n, const void *x_,
                           const void *y_, const void *dy_, void *dx_,
                           double p_, double q_, fv__accumulation accumulation)
{
    const real *x = x_, *y = y_, *dy = dy_;
    real *dx = dx_;
    const real p = (real)p_, q = (real)q_, limit = clamp_limit(q);
    switch (f) {
        GRAD(FV__NEG, -g);
        GRAD(FV__ABS, X > 0 ? g : X < 0 ? -g : 0);
        GRAD(FV__EXP, g * Y);
        GRAD(FV__LOG, g / X);
        GRAD(FV__SQRT, g / (2 * Y));
        GRAD(FV__SIN, g * LIBM(cos)(X));
        GRAD(FV__COS, -g * LIBM(sin)(X));
        GRAD(FV__TAN, g * FMA(Y, Y, 1));
        GRAD(FV__ASIN, g / SQRT(FMA(-X, X, 1)));
        GRAD(FV__ACOS, -g / SQRT(FMA(-X, X, 1)));
        GRAD(FV__ATAN, g / FMA(X, X, 1));
        GRAD(FV__SINH, g * LIBM(cosh)(X));
        GRAD(FV__COSH, g * LIBM(sinh)(X));
        GRAD(FV__ASINH, g / SQRT(FMA(X, X, 1)));
        GRAD(FV__ACOSH, g / SQRT(FMA(X, X, -1)));
        GRAD(FV__ATANH, g / FMA(-X, X, 1));
        GRAD(FV__TANH, g * FMA(-Y, Y, 1));
        GRAD(FV__SIGMOID, g * (Y * (1 - Y)));
        GRAD(FV__CLAMP, X <= p || X >= limit ? 0 : g);
        GRAD(FV__LEAKY_RELU, X > 0 ? g : p * g);
        GRAD(FV__ELU, X <= 0 ? g * (Y + p) : q * g);
        GRAD(FV__CELU, X <= 0 ? g * (Y / p + 1) : g);
        GRAD(FV__SOFTPLUS, p * X > q ? g : g * real_sigmoid(p * X));
        GRAD(FV__SOFTSIGN, g * softsign_slope(X));
        GRAD(FV__GELU, g * gelu_slope(X));
        GRAD(FV__GELU_TANH, g * gelu_tanh_slope(X));
        GRAD(FV__SILU, g * silu_slope(X));
        GRAD(FV__MISH, g * mish_slope(X));
        GRAD(FV__HARD_SIGMOID, X > -3 && X < 3 ? g / 6 : 0);
        GRAD(FV__HARD_SWISH, X < -3 ? 0 : X < 3 ? g * (X / 3 + REAL(0.5)) : g);
        GRAD(FV__SCALE_ADD, p * g);
        GRAD(FV__POWER, g * power_slope(X, p));
        GRAD(FV__RECIPROCAL, -g * Y / X);
        GRAD(FV__ERF, g * (TWO_BY_ROOT_PI * real_exp(-X * X)));
        GRAD(FV__FLOOR, 0 * g);
        GRAD(FV__CEIL, 0 * g);
        GRAD(FV__ROUND, 0 * g);
        GRAD(FV__SIGN, 0 * g);
    }
}
