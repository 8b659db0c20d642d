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
        UNARY(FV__TANH, real_tanh(x));
        UNARY(FV__SIGMOID, real_sigmoid(x));
        UNARY(FV__CLAMP, x < p ? p : x > q ? q : x);
        UNARY(FV__LEAKY_RELU, x > 0 ? x : p * x);
        UNARY(FV__ELU, x > 0 ? x : p * real_expm1(x));
        UNARY(FV__SOFTPLUS, p * x > q ? x : real_softplus(p * x) / p);
        UNARY(FV__SCALE_ADD, p * x + q);
        UNARY_CALL(FV__POWER, LIBM(pow)(x, p));
        UNARY(FV__RECIPROCAL, p / x);
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
        GRAD(FV__TANH, g * FMA(-Y, Y, 1));
        GRAD(FV__SIGMOID, g * (Y * (1 - Y)));
        GRAD(FV__CLAMP, X <= p || X >= limit ? 0 : g);
        GRAD(FV__LEAKY_RELU, X > 0 ? g : p * g);
        GRAD(FV__ELU, X <= 0 ? g * (Y + p) : g);
        GRAD(FV__SOFTPLUS, p * X > q ? g : g * real_sigmoid(p * X));
        GRAD(FV__SCALE_ADD, p * g);
        GRAD(FV__POWER, g * power_slope(X, p));
        GRAD(FV__RECIPROCAL, -g * Y / X);
    }
}
