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

/* ---- remainders ---------------------------------------------------------- */

/* Elements that are computed in the same way: a few with large quotients do not
 * make all others slow. */
enum { PIECE = 64 };

/* Whether both are numbers, b is not 0, and the quotient is at most
 * 2^MANTISSA. */
INLINE bool is_near(real a, real b)
{
    return FABS(a) < (real)((real_bits)1 << MANTISSA) * FABS(b);
}

/* fmod(a, b) where is_near(a, b). The quotient is a whole number q or, rounded
 * up, q + 1, both without error, and a - q b and a - (q + 1) b are multiples of
 * the last place of b and at most |b|: fma() is exact. */
INLINE real near_fmod(real a, real b)
{
    const real x = FABS(a), d = FABS(b);
    const real r = FMA(-LIBM(trunc)(x / d), d, x);
    const real rest = x < d ? x : r < 0 ? r + d : r;
    return LIBM(copysign)(rest, a);
}

/* The remainder r of a / b with the sign of b instead of a. */
INLINE real with_sign(real r, real b)
{
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* Either fmod or, if `signs`, the remainder with the sign of b; operands that
 * are not arrays are numbers. */
INLINE void remainders(const bool signs, size_t n, const real *as,
                       const bool a_array, const real *bs, const bool b_array,
                       real *to)
{
    const real a0 = as[0], b0 = bs[0];
    for (size_t at = 0; at < n; at += PIECE) {
        const size_t end = n - at < PIECE ? n : at + PIECE;
        int far = 0;
        for (size_t i = at; i < end; i++)
            far |= !is_near(a_array ? as[i] : a0, b_array ? bs[i] : b0);
        if (far) {
            for (size_t i = at; i < end; i++) {
                const real a = a_array ? as[i] : a0, b = b_array ? bs[i] : b0;
                const real r =
                    is_near(a, b) ? near_fmod(a, b) : LIBM(fmod)(a, b);
                to[i] = signs ? with_sign(r, b) : r;
            }
        } else {
            INDEPENDENT
            for (size_t i = at; i < end; i++) {
                const real a = a_array ? as[i] : a0, b = b_array ? bs[i] : b0;
                const real r = near_fmod(a, b);
                to[i] = signs ? with_sign(r, b) : r;
            }
        }
    }
}

#define REMAINDERS(name, signs)                                                \
    case name:                                                                 \
        if (a_step && b_step)                                                  \
            remainders(signs, n, as, true, bs, true, to);                      \
        else if (a_step)                                                       \
            remainders(signs, n, as, true, bs, false, to);                     \
        else                                                                   \
            remainders(signs, n, as, false, bs, b_step != 0, to);              \
        break

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
        REMAINDERS(FV__REMAINDER, true);
        REMAINDERS(FV__FMOD, false);
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
