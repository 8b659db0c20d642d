/* exp, expm1, log, log1p, tanh, sigmoid and sincos of 2 pi u, without branches
 * so that loops over them are vectorised. The error is below 2 ulp, and every
 * table computes the same bits. What is made of them, from softplus on, has the
 * errors that its comment states. */
#ifndef FV_KERNEL_ISA_ELEMENTARY_H
#define FV_KERNEL_ISA_ELEMENTARY_H

#if defined(FV_DTYPE_IS_f32)
#include "kernel/isa/elementary_f32.h"
#else
#include "kernel/isa/elementary_f64.h"
#endif

INLINE real_bits bits_of(real x)
{
    real_bits bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}
INLINE real real_of(real_bits bits)
{
    real x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^k for a normal result; k is in two's complement. The arithmetic is unsigned
 * because a NaN gives an arbitrary k. */
INLINE real power_of_two(real_bits k)
{
    return real_of((k + BIAS) << MANTISSA);
}

/* Range reduction: x = k ln 2 + r + *low with |r| <= ln(2) / 2, up to rounding.
 * Returns r. */
INLINE real reduce_exp(real x, real_bits *k, real *low)
{
    const real shifted = FMA(x, LOG2_E, ROUNDER);
    const real n = shifted - ROUNDER;
    const real rest = FMA(n, -LN2_HIGH, x);
    const real r = FMA(n, -LN2_LOW, rest);
    *k = bits_of(shifted) - bits_of(ROUNDER);
    *low = FMA(n, -LN2_LOW, rest - r);
    return r;
}

INLINE real real_exp(real x)
{
    real_bits k;
    real low;
    x = x > EXP_MAX ? EXP_MAX : x;
    x = x < EXP_MIN ? EXP_MIN : x;
    const real r = reduce_exp(x, &k, &low);
    /* 1 + r + r^2 series(r), with the rounding error of 1 + r added back */
    const real sum = 1 + r;
    const real lost = r - (sum - 1) + low;
    const real p = sum + FMA(r * r, exp_series(r), lost);
    /* Scaled in two steps, since 2^k alone may overflow; k is shifted above
     * zero so that it is halved without a sign. */
    const real_bits half = ((k + 4096) >> 1) - 2048;
    return p * power_of_two(half) * power_of_two(k - half);
}

/* exp(x) - 1 for x <= 0, without cancellation. */
INLINE real real_expm1(real x)
{
    real_bits k;
    real low;
    x = x < EXPM1_MIN ? EXPM1_MIN : x;
    const real r = reduce_exp(x, &k, &low);
    const real scale = power_of_two(k);
    return FMA(FMA(r * r, exp_series(r), r), scale, scale - 1);
}

/* log(1 + f) = f - f^2 / 2 + s (f^2 / 2 + R(s^2)) with s = f / (2 + f); `low`
 * is added before the last rounding. */
INLINE real log_of_1_plus(real f, real low)
{
    const real s = f / (2 + f);
    const real z = s * s;
    const real half = REAL(0.5) * f * f;
    return f - (half - FMA(s, FMA(z, log_series(z), half), low));
}

/* log(1 + u) for 0 <= u <= 1. */
INLINE real real_log1p(real u) { return log_of_1_plus(u, 0); }

INLINE real real_log(real x)
{
    const bool tiny = x < REAL_MIN;
    const real scaled = tiny ? x * power_of_two(MANTISSA + 1) : x;
    const real_bits bits = bits_of(scaled);
    /* The exponent is chosen so that the fraction lies in [sqrt(1/2), sqrt(2)).
     */
    const real_bits biased = (bits + (ONE_BITS - ROOT_HALF_BITS)) >> MANTISSA;
    const real fraction = real_of(bits - ((biased - BIAS) << MANTISSA));
    /* The biased exponent, an integer below 2^MANTISSA, is converted by or-ing
     * it into the mantissa of 2^MANTISSA. */
    const real_bits base = (real_bits)(BIAS + MANTISSA) << MANTISSA;
    const real shift = tiny ? (real)(MANTISSA + 1) : 0;
    const real n = real_of(biased | base) - real_of(base + BIAS) - shift;
    real y = log_of_1_plus(fraction - 1, n * LN2_LOW);
    y = FMA(n, LN2_HIGH, y);
    y = x > REAL_MAX ? x : y;
    y = x == 0 ? -REAL_INFINITY : y;
    y = x < 0 ? REAL_NAN : y;
    return x != x ? x : y;
}

INLINE real real_tanh(real x)
{
    const real a = FABS(x);
    const real z = a * a;
    const real near = FMA(a * z, tanh_series(z), a);
    const real far = 1 - 2 / (real_exp(2 * a) + 1);
    return LIBM(copysign)(a < REAL(0.55) ? near : far, x);
}

INLINE real real_sigmoid(real x)
{
    const real e = real_exp(-FABS(x));
    const real part = (x < 0 ? e : 1) / (1 + e);
    return x < 0 ? FMA(-e, part, e) : part; /* e / (1 + e) = e - e^2 / ... */
}

/* The logarithm of a sum of which one term is exactly 1. */
INLINE double log_of_sum(double sum)
{
    const double rest = sum - 1;
    return rest < 1 ? (double)real_log1p((real)rest)
                    : (double)real_log((real)sum);
}

/* log(1 + exp(x)), below 2 ulp */
INLINE real real_softplus(real x)
{
    return (x < 0 ? 0 : x) + real_log1p(real_exp(-FABS(x)));
}

/* The integral of the normal distribution up to x, below 7 ulp; *bell is
 * exp(-x^2 / 2). The tail is bell times the ratio of Mills, which is u times
 * mills_series(2 u - 1) with u = 1 / (1 + |x| / MILLS_SCALE). */
INLINE real real_normal(real x, real *bell)
{
    real a = FABS(x);
    a = a > NORMAL_MAX ? NORMAL_MAX : a;
    const real square = a * a;
    const real lost = FMA(a, a, -square);
    const real e = real_exp(REAL(-0.5) * square);
    *bell = FMA(e, REAL(-0.5) * lost, e);
    const real u = MILLS_SCALE / (MILLS_SCALE + a);
    const real tail = *bell * (u * mills_series(FMA(2, u, -1)));
    return x > 0 ? 1 - tail : tail;
}

/* erf(x) / x, z = x^2 <= 0.75^2: Taylor's series; what is left out is below
 * 2^-57 of it. */
INLINE real erf_series(real z)
{
    real p = REAL(-0x1.f56f071a885cfp-46);
    p = FMA(p, z, REAL(0x1.f683ae4a97007p-42));
    p = FMA(p, z, REAL(-0x1.d8453cb0c46eap-38));
    p = FMA(p, z, REAL(0x1.9e6ad5e55a730p-34));
    p = FMA(p, z, REAL(-0x1.51d7181c5d36dp-30));
    p = FMA(p, z, REAL(0x1.fcc5720624c1cp-27));
    p = FMA(p, z, REAL(-0x1.5f742ec43e71ap-23));
    p = FMA(p, z, REAL(0x1.b9e6c9dc651a3p-20));
    p = FMA(p, z, REAL(-0x1.f4d25c3e0c2ebp-17));
    p = FMA(p, z, REAL(0x1.f9a326f9b89b7p-14));
    p = FMA(p, z, REAL(-0x1.c02db40040b86p-11));
    p = FMA(p, z, REAL(0x1.565bcd0e6a53fp-8));
    p = FMA(p, z, REAL(-0x1.b82ce31288b51p-6));
    p = FMA(p, z, REAL(0x1.ce2f21a042be2p-4));
    p = FMA(p, z, REAL(-0x1.812746b0379e7p-2));
    return FMA(p, z, REAL(0x1.20dd750429b6dp+0));
}

/* The error function, below 4 ulp. */
INLINE real real_erf(real x)
{
    const real a = FABS(x);
    real bell;
    const real near = a * erf_series(a * a);
    const real far =
        FMA(-2, real_normal(-REAL(1.4142135623730951) * a, &bell), 1);
    return LIBM(copysign)(a < REAL(0.75) ? near : far, x);
}

/* tanh(log(1 + exp(x))), below 4 ulp. With e = exp(-|x|) it is a ratio of
 * n = 1 + 2 e and n + 2 e^2, or, for x < 0, of n = 2 e + e^2 and n + 2. *rest
 * is 1 minus its square. */
INLINE real real_tanh_softplus(real x, real *rest)
{
    const real e = real_exp(-FABS(x));
    const real n = x < 0 ? e * (2 + e) : FMA(2, e, 1);
    const real more = x < 0 ? 2 : 2 * e * e;
    const real d = n + more;
    const real y = n / d;
    *rest = more / d * (1 + y);
    return y;
}

/* Sine and cosine of 2 pi u for 0 <= u <= 1. */
INLINE void real_turn(real u, real *sine, real *cosine)
{
    const real shifted = FMA(u, 4, ROUNDER);
    const real_bits quarter = bits_of(shifted);
    const real r = FMA(shifted - ROUNDER, -REAL(0.25), u);
    const real z = r * r;
    const real low = FMA(z, sin_series(z), TWO_PI_LOW);
    const real s = FMA(r, TWO_PI_HIGH, r * low);
    const real c = FMA(z, cos_series(z), 1);
    const bool odd = (quarter & 1) != 0;
    const real_bits sign = ((quarter >> 1) & 1) << (sizeof(real) * 8 - 1);
    const real_bits flip = (((quarter + 1) >> 1) & 1) << (sizeof(real) * 8 - 1);
    *sine = real_of(bits_of(odd ? c : s) ^ sign);
    *cosine = real_of(bits_of(odd ? s : c) ^ flip);
}

#endif
