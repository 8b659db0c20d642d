/* Constants and polynomials of elementary.h for f32: near-minimax fits, error
 * below 2^-30 of the function each belongs to. */
#ifndef FV_KERNEL_ISA_ELEMENTARY_F32_H
#define FV_KERNEL_ISA_ELEMENTARY_F32_H

#include "kernel/isa/isa.h"

enum { MANTISSA = 23, BIAS = 127 };
#define ROUNDER 0x1.8p23f /* x + ROUNDER - ROUNDER rounds x */
#define EXP_MIN -104.0f   /* exp is 0 below */
#define EXP_MAX 89.0f     /* exp overflows above */
#define EXPM1_MIN -30.0f  /* exp(x) - 1 is -1 below */
#define NORMAL_MAX 15.0f  /* exp(-x^2 / 2) is 0 above */
#define MILLS_SCALE 3.0f
#define LOG2_E 0x1.715476p+0f
#define LN2_HIGH 0x1.62e4p-1f /* 15 bits: times an exponent is exact */
#define LN2_LOW 0x1.7f7d1cp-20f
#define ROOT_HALF_BITS 0x3f3504f3u /* of sqrt(1/2) */
#define ONE_BITS 0x3f800000u
#define TWO_PI_HIGH 0x1.921fb6p+2f
#define TWO_PI_LOW -0x1.777a5cp-23f

/* (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2 */
INLINE float exp_series(float r)
{
    float p = 0x1.a12652p-13f;
    p = FMA(p, r, 0x1.6d44b2p-10f);
    p = FMA(p, r, 0x1.1110e0p-7f);
    p = FMA(p, r, 0x1.5554e8p-5f);
    p = FMA(p, r, 0x1.555556p-3f);
    return FMA(p, r, 0.5f);
}

/* (2 atanh(s) / s - 2) / z, z = s^2 <= 1/9 */
INLINE float log_series(float z)
{
    float p = 0x1.dba260p-3f;
    p = FMA(p, z, 0x1.bc8cf8p-3f);
    p = FMA(p, z, 0x1.24c926p-2f);
    p = FMA(p, z, 0x1.9998d4p-2f);
    return FMA(p, z, 0x1.555556p-1f);
}

/* (tanh(x) / x - 1) / z, z = x^2 <= 0.55^2 */
INLINE float tanh_series(float z)
{
    float p = 0x1.4b1a28p-9f;
    p = FMA(p, z, -0x1.176274p-7f);
    p = FMA(p, z, 0x1.657904p-6f);
    p = FMA(p, z, -0x1.ba142cp-5f);
    p = FMA(p, z, 0x1.111104p-3f);
    return FMA(p, z, -0x1.555556p-2f);
}

/* exp(x^2 / 2) (1 - normal(x)) (1 + x / c), t = 2 / (1 + x / c) - 1 and c =
 * MILLS_SCALE, for 0 <= x <= 14.5, where bell becomes
 * 0. Interpolated at Chebyshev's points; relative error below 2^-29.6. */
INLINE float mills_series(float t)
{
    float p = 0x1.3592b0p-16f;
    p = FMA(p, t, -0x1.743f3cp-15f);
    p = FMA(p, t, -0x1.55f38cp-14f);
    p = FMA(p, t, 0x1.697ca0p-12f);
    p = FMA(p, t, 0x1.65f61cp-12f);
    p = FMA(p, t, -0x1.30840ap-9f);
    p = FMA(p, t, -0x1.c91ac6p-9f);
    p = FMA(p, t, 0x1.021e1cp-6f);
    p = FMA(p, t, 0x1.3a0d02p-4f);
    p = FMA(p, t, 0x1.5bb438p-3f);
    return FMA(p, t, 0x1.f1b89cp-3f);
}

/* (sin(2 pi r) / r - 2 pi) / z, z = r^2 <= 1/64 */
INLINE float sin_series(float z)
{
    float p = 0x1.4cb762p+5f;
    p = FMA(p, z, -0x1.32ce1ep+6f);
    p = FMA(p, z, 0x1.466bc2p+6f);
    return FMA(p, z, -0x1.4abbcep+5f);
}

/* (cos(2 pi r) - 1) / z, z = r^2 <= 1/64 */
INLINE float cos_series(float z)
{
    float p = 0x1.db6492p+5f;
    p = FMA(p, z, -0x1.55cb98p+6f);
    p = FMA(p, z, 0x1.03c1eap+6f);
    return FMA(p, z, -0x1.3bd3ccp+4f);
}

#endif
