/* Constants and polynomials of elementary.h for f64: near-minimax fits, error
 * below 2^-56 of the function each belongs to. */
#ifndef FV_KERNEL_ISA_ELEMENTARY_F64_H
#define FV_KERNEL_ISA_ELEMENTARY_F64_H

#include "kernel/isa/isa.h"

enum { MANTISSA = 52, BIAS = 1023 };
#define ROUNDER 0x1.8p52 /* x + ROUNDER - ROUNDER rounds x */
#define EXP_MIN -746.0   /* exp is 0 below */
#define EXP_MAX 710.0    /* exp overflows above */
#define EXPM1_MIN -50.0  /* exp(x) - 1 is -1 below */
#define NORMAL_MAX 39.0  /* exp(-x^2 / 2) is 0 above */
#define MILLS_SCALE 5.0
#define LOG2_E 0x1.71547652b82fep+0
#define LN2_HIGH 0x1.62e42fefa3p-1 /* 40 bits: times an exponent is exact */
#define LN2_LOW 0x1.3de6af278ece6p-42
#define ROOT_HALF_BITS 0x3fe6a09e667f3bcdu /* of sqrt(1/2) */
#define ONE_BITS 0x3ff0000000000000u
#define TWO_PI_HIGH 0x1.921fb54442d18p+2
#define TWO_PI_LOW 0x1.1a62633145c07p-52

/* (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2 */
INLINE double exp_series(double r)
{
    double p = 0x1.1f73b376c0f55p-29;
    p = FMA(p, r, 0x1.af4f1ddf981a8p-26);
    p = FMA(p, r, 0x1.27e4db0f8a3efp-22);
    p = FMA(p, r, 0x1.71de019d031e7p-19);
    p = FMA(p, r, 0x1.a01a01a6f35fbp-16);
    p = FMA(p, r, 0x1.a01a01ac16f76p-13);
    p = FMA(p, r, 0x1.6c16c16c162a3p-10);
    p = FMA(p, r, 0x1.1111111110085p-7);
    p = FMA(p, r, 0x1.5555555555556p-5);
    p = FMA(p, r, 0x1.5555555555557p-3);
    return FMA(p, r, 0.5);
}

/* (2 atanh(s) / s - 2) / z, z = s^2 <= 1/9 */
INLINE double log_series(double z)
{
    double p = 0x1.4b0a26c5f2aefp-3;
    p = FMA(p, z, 0x1.687a6e7c95176p-4);
    p = FMA(p, z, 0x1.eb905e8575054p-4);
    p = FMA(p, z, 0x1.10ac75dc602b1p-3);
    p = FMA(p, z, 0x1.3b18b294bebf9p-3);
    p = FMA(p, z, 0x1.745cf0b0e03bdp-3);
    p = FMA(p, z, 0x1.c71c727143318p-3);
    p = FMA(p, z, 0x1.24924923d44c6p-2);
    p = FMA(p, z, 0x1.999999999a3ddp-2);
    return FMA(p, z, 0x1.5555555555555p-1);
}

/* (tanh(x) / x - 1) / z, z = x^2 <= 0.55^2 */
INLINE double tanh_series(double z)
{
    double p = -0x1.59962093e21d0p-16;
    p = FMA(p, z, 0x1.64f707d11ba4fp-14);
    p = FMA(p, z, -0x1.ec0e9550d42c9p-13);
    p = FMA(p, z, 0x1.34c57de48a611p-11);
    p = FMA(p, z, -0x1.7d97cb7a94b76p-10);
    p = FMA(p, z, 0x1.d6d338edc6017p-9);
    p = FMA(p, z, -0x1.226e32eebbb26p-7);
    p = FMA(p, z, 0x1.664f48770be76p-6);
    p = FMA(p, z, -0x1.ba1ba1b9feb3cp-5);
    p = FMA(p, z, 0x1.1111111111032p-3);
    return FMA(p, z, -0x1.5555555555555p-2);
}

/* exp(x^2 / 2) (1 - normal(x)) (1 + x / c), t = 2 / (1 + x / c) - 1 and c =
 * MILLS_SCALE, for 0 <= x <= 38.7, where bell becomes
 * 0. Interpolated at Chebyshev's points; relative error below 2^-60.8. */
INLINE double mills_series(double t)
{
    double p = 0x1.4fc08b58f2c9dp-34;
    p = FMA(p, t, -0x1.fec9e1a37cb8dp-33);
    p = FMA(p, t, -0x1.e8358121526b8p-32);
    p = FMA(p, t, 0x1.28d09aee4705ep-29);
    p = FMA(p, t, 0x1.d639e78c92460p-30);
    p = FMA(p, t, -0x1.e202d6274f2a0p-27);
    p = FMA(p, t, -0x1.141503c2fe6fep-27);
    p = FMA(p, t, 0x1.76c5702fa6e2cp-24);
    p = FMA(p, t, 0x1.1f6534173e5cbp-24);
    p = FMA(p, t, -0x1.2980f2adaa13ep-21);
    p = FMA(p, t, -0x1.ab54075597c8ep-21);
    p = FMA(p, t, 0x1.bfcb59b0086aap-19);
    p = FMA(p, t, 0x1.4df33fa12b801p-17);
    p = FMA(p, t, -0x1.8e76dc2b3ba81p-17);
    p = FMA(p, t, -0x1.c9182aecbaa84p-14);
    p = FMA(p, t, -0x1.4ea692c67047fp-13);
    p = FMA(p, t, 0x1.39e0d8799578ap-11);
    p = FMA(p, t, 0x1.1090aa5d3bcd8p-8);
    p = FMA(p, t, 0x1.c4f9d5476d12dp-7);
    p = FMA(p, t, 0x1.0e5e8ee59afb3p-5);
    p = FMA(p, t, 0x1.00d8ab2d2add2p-4);
    p = FMA(p, t, 0x1.95c11dc6c593ap-4);
    p = FMA(p, t, 0x1.108a698eca1adp-3);
    return FMA(p, t, 0x1.3b0fbcb4c77bep-3);
}

/* (sin(2 pi r) / r - 2 pi) / z, z = r^2 <= 1/64 */
INLINE double sin_series(double z)
{
    double p = -0x1.6cc577dadd922p-1;
    p = FMA(p, z, 0x1.e8f036bcd3237p+1);
    p = FMA(p, z, -0x1.e3074d2614b2dp+3);
    p = FMA(p, z, 0x1.50783486facaap+5);
    p = FMA(p, z, -0x1.32d2cce62b872p+6);
    p = FMA(p, z, 0x1.466bc6775aae1p+6);
    return FMA(p, z, -0x1.4abbce625be53p+5);
}

/* (cos(2 pi r) - 1) / z, z = r^2 <= 1/64 */
INLINE double cos_series(double z)
{
    double p = -0x1.b2f3eb054afcdp+0;
    p = FMA(p, z, 0x1.f9ce245cada0bp+2);
    p = FMA(p, z, -0x1.a6d1eef479be1p+4);
    p = FMA(p, z, 0x1.e1f5068688d5bp+5);
    p = FMA(p, z, -0x1.55d3c7e3cb241p+6);
    p = FMA(p, z, 0x1.03c1f081b5ac0p+6);
    return FMA(p, z, -0x1.3bd3cc9be45dep+4);
}

#endif
