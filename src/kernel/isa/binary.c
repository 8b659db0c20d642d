/* Functions of two elements and their derivatives. */
#include "kernel/isa/elementary.h"

/* One loop for each of the four combinations of steps, 0 or 1, of the operands.
 */
#define LOOP(formula, operand_a, operand_b)                                    \
    {                                                                          \
        INDEPENDENT                                                            \
        for (size_t i = 0; i < n; i++) {                                       \
            const real a = operand_a, b = operand_b;                           \
            to[i] = (formula);                                                 \
        }                                                                      \
    }
#define ZIP(name, formula)                                                     \
    case name:                                                                 \
        if (a_step && b_step)                                                  \
            LOOP(formula, as[i], bs[i])                                        \
        else if (a_step)                                                       \
            LOOP(formula, as[i], b0)                                           \
        else                                                                   \
            LOOP(formula, a0, bs[i * b_step])                                  \
        break

/* The smaller number, or NaN if either is NaN. */
INLINE real least(real a, real b) { return a < b || a != a ? a : b; }
INLINE real most(real a, real b) { return a > b || a != a ? a : b; }

/* The remainder of a / b that has the sign of b. */
INLINE real remainder_of(real a, real b)
{
    const real r = LIBM(fmod)(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

void FV_KERNEL(binary)(fv__binary f, size_t n, const void *a_, size_t a_step,
                       const void *b_, size_t b_step, void *y_)
{
    if (n == 0) return;
    const real *as = a_, *bs = b_;
    const real a0 = as[0], b0 = bs[0];
    real *to = y_;
    switch (f) {
        ZIP(FV__ADD, a + b);
        ZIP(FV__SUB, a - b);
        ZIP(FV__MUL, a * b);
        ZIP(FV__DIV, a / b);
        ZIP(FV__POW, LIBM(pow)(a, b));
        ZIP(FV__MINIMUM, least(a, b));
        ZIP(FV__MAXIMUM, most(a, b));
        ZIP(FV__PRELU, a > 0 ? a : b * a);
        ZIP(FV__REMAINDER, remainder_of(a, b));
        ZIP(FV__FMOD, LIBM(fmod)(a, b));
    }
}

/* The gradient of an operand of minimum or maximum; if both are equal, each
 * gets half. */
INLINE real share(bool chosen, bool tie, real g)
{
    return chosen ? g : tie ? g * REAL(0.5) : 0;
}

INLINE real power_base(real a, real b, real g)
{
    return b == 0 ? 0 : g * (b * LIBM(pow)(a, b - 1));
}

/* d a^b / db = a^b log a, whose limit for a = 0 and b > 0 is 0. */
INLINE real power_exponent(real a, real b, real g)
{
    return g * LIBM(pow)(a, b) * (a == 0 ? 0 : real_log(a));
}

#define G (dy[i])

static void grad_first(fv__binary f, size_t n, const real *as, size_t a_step,
                       const real *bs, size_t b_step, const real *dy, real *to)
{
    const real a0 = as[0], b0 = bs[0];
    switch (f) {
        ZIP(FV__ADD, ((void)a, (void)b, G));
        ZIP(FV__SUB, ((void)a, (void)b, G));
        ZIP(FV__MUL, ((void)a, G * b));
        ZIP(FV__DIV, ((void)a, G / b));
        ZIP(FV__POW, power_base(a, b, G));
        ZIP(FV__MINIMUM, share(a < b, a == b, G));
        ZIP(FV__MAXIMUM, share(a > b, a == b, G));
        ZIP(FV__PRELU, a > 0 ? G : b * G);
        ZIP(FV__REMAINDER, ((void)a, (void)b, G));
        ZIP(FV__FMOD, ((void)a, (void)b, G));
    }
}

static void grad_second(fv__binary f, size_t n, const real *as, size_t a_step,
                        const real *bs, size_t b_step, const real *dy, real *to)
{
    const real a0 = as[0], b0 = bs[0];
    switch (f) {
        ZIP(FV__ADD, ((void)a, (void)b, G));
        ZIP(FV__SUB, ((void)a, (void)b, -G));
        ZIP(FV__MUL, ((void)b, G * a));
        ZIP(FV__DIV, -G * (a / b) / b);
        ZIP(FV__POW, power_exponent(a, b, G));
        ZIP(FV__MINIMUM, share(b < a, a == b, G));
        ZIP(FV__MAXIMUM, share(b > a, a == b, G));
        ZIP(FV__PRELU, ((void)b, a > 0 ? 0 : a * G));
        ZIP(FV__REMAINDER, -G * LIBM(floor)(a / b));
        ZIP(FV__FMOD, -G * LIBM(trunc)(a / b));
    }
}

void FV_KERNEL(binary_grad)(fv__binary f, int operand, size_t n, const void *a,
                            size_t a_step, const void *b, size_t b_step,
                            const void *dy, void *d)
{
    if (n == 0) return;
    if (operand == 0)
        grad_first(f, n, a, a_step, b, b_step, dy, d);
    else
        grad_second(f, n, a, a_step, b, b_step, dy, d);
}
