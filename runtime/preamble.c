/* The beginning of every C file: what all functions need of the compiler. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Multiply-adds are rounded once where this file says FMA, and products and
 * sums one after the other elsewhere. With -DFOVEA_NO_FMA, for machines that
 * lack the instruction, every rounding is one of its own and results differ a
 * little. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#pragma clang diagnostic ignored "-Wpass-failed" /* sqrtf may set errno */
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off", "no-trapping-math", "no-math-errno")
#endif
#ifdef FOVEA_NO_FMA
#define FMA(a, b, c) ((a) * (b) + (c))
#else
#define FMA(a, b, c) fmaf(a, b, c)
#endif

#if defined(__clang__)
#define INLINE static inline __attribute__((unused, always_inline))
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define ROLLED
#define UNROLLED
#elif defined(__GNUC__)
#define INLINE static inline __attribute__((unused, always_inline))
#define INDEPENDENT _Pragma("GCC ivdep")
#define ROLLED _Pragma("GCC unroll 1")
#define UNROLLED _Pragma("GCC unroll 16")
#else
#define INLINE static inline
#define INDEPENDENT
#define ROLLED
#define UNROLLED
#define __builtin_fma fma
#define __builtin_memcpy memcpy
#endif
#if defined(__GNUC__)
#define ALIGNED __attribute__((aligned(64)))
#define APART __attribute__((noinline))
#else
#define APART
#define ALIGNED
#endif

typedef float real;
typedef uint32_t real_bits;
#define REAL(constant) constant##f
#define LIBM(name) REAL(name)
#define FABS fabsf
#define SQRT sqrtf
#define REAL_MAX FLT_MAX
#define REAL_MIN FLT_MIN
#define REAL_INFINITY ((float)INFINITY)
#define REAL_NAN ((float)NAN)
enum { FV__LANES = 16 };
