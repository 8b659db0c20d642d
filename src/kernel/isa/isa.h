/* What the rooms of this folder are written in: the element type, the names of
 * the table being built, explicit multiply-add, and vectors as wide as the
 * instruction set's. The only file that knows an instruction set. */
#ifndef FV_KERNEL_ISA_ISA_H
#define FV_KERNEL_ISA_ISA_H

#include "kernel/chain.h"
#include "kernel/kernel.h"

#include <float.h>

/* ---- the element type -------------------------------------------------- */

#if defined(FV_DTYPE_IS_f32)
typedef float real;
typedef uint32_t real_bits;
typedef int32_t real_mask;
#define REAL_BYTES 4
#define X86_NAME(bits, name) _mm##bits##_##name##_ps
#define X86_HALF _mm512_castps512_ps256
#define X86_WHOLE _mm512_castps256_ps512
#define ARM_NAME(name) name##_f32
#define VEC_MASK __mmask16
#define VEC_LANES -1, -1, -1, -1, -1, -1, -1, -1
#define REAL(constant) constant##f
#define REAL_MAX FLT_MAX
#define REAL_MIN FLT_MIN
#define FV_DTYPE_ENUM FV_F32
#else
typedef double real;
typedef uint64_t real_bits;
typedef int64_t real_mask;
#define REAL_BYTES 8
#define X86_NAME(bits, name) _mm##bits##_##name##_pd
#define X86_HALF _mm512_castpd512_pd256
#define X86_WHOLE _mm512_castpd256_pd512
#define ARM_NAME(name) name##_f64
#define VEC_MASK __mmask8
#define VEC_LANES -1, -1, -1, -1
#define REAL(constant) constant
#define REAL_MAX DBL_MAX
#define REAL_MIN DBL_MIN
#define FV_DTYPE_ENUM FV_F64
#endif

/* The compiler's function of that name for `real`: LIBM(fma)(a, b, c). */
#define LIBM(name) REAL(__builtin_##name)
#define FMA LIBM(fma)
#define FABS LIBM(fabs)
#define SQRT LIBM(sqrt)
#define REAL_INFINITY LIBM(inf)()
#define REAL_NAN LIBM(nan)("")

/* ---- names ------------------------------------------------------------- */

/* FV_KERNEL(map) is fv__map_avx2_f32. */
#define FV_PASTE_(name, isa, dtype) fv__##name##_##isa##_##dtype
#define FV_PASTE(name, isa, dtype) FV_PASTE_(name, isa, dtype)
#define FV_KERNEL(name) FV_PASTE(name, FV_ISA, FV_DTYPE)
#define FV_TEXT_(word) #word
#define FV_TEXT(word) FV_TEXT_(word)

/* clang-format off */
#define FV_EACH_KERNEL(X)                                                     \
    X(unary) X(unary_grad) X(binary) X(binary_grad)                                     \
    X(compare) X(connect) X(choose) X(convert)                                \
    X(axpy) X(add_rows) X(copy_rows) X(fill) X(from_bytes)                    \
    X(sum) X(dot) X(finite) X(microkernel) X(microkernel_small_n) X(store_fence) X(transpose) X(peak)  \
    X(depthwise) X(depthwise_grad) X(replicate) X(grouped)                       \
    X(softmax) X(softmax_grad) X(log_softmax) X(log_softmax_grad)             \
    X(cross_entropy) X(cross_entropy_grad)                                    \
    X(loss) X(loss_slope) X(ctc_step)                                         \
    X(maxpool) X(maxpool_grad) X(avgpool) X(avgpool_grad)                     \
    X(lppool) X(lppool_grad) X(max_unpool) X(max_unpool_grad)                 \
    X(column_sum) X(column_moments) X(column_merge) X(column_total)           \
    X(resample) X(sample) X(sample_grad) X(sample_grid_grad)                  \
    X(column_normalise) X(column_slopes) X(column_normalise_grad)             \
    X(row_normalise) X(row_normalise_grad) X(row_slopes) X(lrn) X(lrn_grad)   \
    X(winograd_filter) X(winograd_input) X(winograd_output)                   \
    X(winograd_small_channels) X(winograd_output_grad) X(winograd_filter_grad)           \
    X(lstm) X(lstm_grad) X(gru) X(gru_grad)                                   \
    X(update) X(uniform) X(normal) X(dropout) X(dropout_grad)
/* clang-format on */

/* Declares each kernel with the type its member of the table points to. */
#define FV_DECLARE(name) __typeof__(*((fv__kernels *)0)->name) FV_KERNEL(name);
FV_EACH_KERNEL(FV_DECLARE)
extern const fv__kernels FV_KERNEL(kernels);

/* ---- the compiler ------------------------------------------------------ */

/* Plain C is the definition, not the fast one: there, loops stay loops, which
 * compile in seconds. */
#if defined(FV_PLAIN)
#define INLINE static inline
#else
#define INLINE static inline __attribute__((always_inline))
#endif

/* Before a loop: no iteration reads what another writes. Operands that are the
 * very same array are fine. */
#if defined(FV_PLAIN)
#define INDEPENDENT
#define UNROLLED
#elif defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define UNROLLED _Pragma("unroll")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#define UNROLLED _Pragma("GCC unroll 32")
#endif

/* The compiler may not compute it anew from others. */
#if defined(FV_PLAIN)
#define IN_REGISTER(pointer)
#else
#define IN_REGISTER(pointer) __asm__("" : "+r"(pointer))
#endif

/* Holds the vector in a register, so that it is loaded once for all operations
 * that use it. */
#if defined(FV_PLAIN)
#define LOADED(vector)
#elif defined(__aarch64__)
#define LOADED(vector) __asm__("" : "+w"(vector))
#else
#define LOADED(vector) __asm__("" : "+v"(vector))
#endif

/* ---- vectors ----------------------------------------------------------- */

/* Bytes of a vector, and how many vectors the registers hold. MR rows of two
 * vectors are the sums of a matrix product tile, in registers. `wide` is the
 * layout of avx512 in plain C, so that tests need no such machine. */
#if defined(FV_ISA_IS_avx512) || defined(FV_ISA_IS_wide)
#define VEC_BYTES 64
#define REGISTERS 32
#define MR 14
#elif defined(FV_ISA_IS_avx2)
#define VEC_BYTES 32
#define REGISTERS 16
#define MR 6
#elif defined(FV_ISA_IS_neon)
#define VEC_BYTES 16
#define REGISTERS 32
#define MR 8
#else
#define VEC_BYTES 16
#define REGISTERS 16
#define MR 6
#endif
enum { VEC = VEC_BYTES / REAL_BYTES, NR = 2 * VEC };

/* Most columns of the microkernel for small n: with more columns the other one
 * is as fast. */
enum { SMALL_N = REAL_BYTES == 4 ? 4 : 2 };

typedef real vec __attribute__((vector_size(VEC_BYTES)));

/* Integers of a vector's lanes: all bits set where a comparison holds. */
typedef real_mask mask __attribute__((vector_size(VEC_BYTES)));

#if defined(FV_ISA_IS_avx512) || defined(FV_ISA_IS_avx2)
#define FV_X86
#include <immintrin.h>
#if defined(FV_ISA_IS_avx512)
#define VEC_NAME(name) X86_NAME(512, name)
#else
#define VEC_NAME(name) X86_NAME(256, name)
#endif
INLINE vec vec_all(real x) { return VEC_NAME(set1)(x); }
INLINE vec vec_fma(vec a, vec b, vec c) { return VEC_NAME(fmadd)(a, b, c); }
#elif defined(FV_ISA_IS_neon)
#include <arm_neon.h>
INLINE vec vec_all(real x) { return ARM_NAME(vdupq_n)(x); }
INLINE vec vec_fma(vec a, vec b, vec c) { return ARM_NAME(vfmaq)(c, a, b); }
#else
INLINE vec vec_all(real x)
{
    vec v = { 0 };
    for (int i = 0; i < VEC; i++) v[i] = x;
    return v;
}
INLINE vec vec_fma(vec a, vec b, vec c)
{
    for (int i = 0; i < VEC; i++) c[i] = FMA(a[i], b[i], c[i]);
    return c;
}
#endif

/* Of the first HALF lanes, the others are lost. HALF is 0 where that saves no
 * time on any machine. */
#if defined(FV_ISA_IS_avx512)
enum { HALF = VEC / 2 };
INLINE vec half_all(real x) { return X86_WHOLE(X86_NAME(256, set1)(x)); }
INLINE vec half_fma(vec a, vec b, vec c)
{
    return X86_WHOLE(
        X86_NAME(256, fmadd)(X86_HALF(a), X86_HALF(b), X86_HALF(c)));
}
#else
enum { HALF = 0 };
INLINE vec half_all(real x) { return vec_all(x); }
INLINE vec half_fma(vec a, vec b, vec c) { return vec_fma(a, b, c); }
#endif

INLINE vec vec_load(const real *x)
{
    vec v;
    __builtin_memcpy(&v, x, sizeof v);
    return v;
}
INLINE void vec_store(real *y, vec v) { __builtin_memcpy(y, &v, sizeof v); }

/* Past the caches, where there is a way, y being a multiple of VEC_BYTES; and
 * until that is there for all. */
#ifdef FV_X86
INLINE void vec_store_past(real *y, vec v) { VEC_NAME(stream)(y, v); }
INLINE void settle_stores(void) { _mm_sfence(); }
#else
INLINE void vec_store_past(real *y, vec v) { vec_store(y, v); }
INLINE void settle_stores(void) {}
#endif
/* Whether rows from y on, so many elements apart, are whole lines of a cache.
 */
INLINE bool whole_lines(const real *y, size_t row)
{
    return (((uintptr_t)y | row * sizeof *y) & 63) == 0;
}

/* The first n lanes, the others zero; n <= VEC. Touches nothing behind. */
#if defined(FV_ISA_IS_avx512)
INLINE vec vec_load_part(const real *x, size_t n)
{
    return VEC_NAME(maskz_loadu)((VEC_MASK)((1u << n) - 1), x);
}
INLINE void vec_store_part(real *y, size_t n, vec v)
{
    VEC_NAME(mask_storeu)(y, (VEC_MASK)((1u << n) - 1), v);
}
#elif defined(FV_ISA_IS_avx2)
INLINE __m256i vec_mask(size_t n)
{
    static const real_mask lanes[2 * VEC] = { VEC_LANES };
    return _mm256_loadu_si256((const void *)(lanes + VEC - n));
}
INLINE vec vec_load_part(const real *x, size_t n)
{
    return VEC_NAME(maskload)(x, vec_mask(n));
}
/* In halves and their halves: a masked store takes an AMD processor some forty
 * operations. */
INLINE void vec_store_part(real *y, size_t n, vec v)
{
    if (n == VEC) {
        vec_store(y, v);
        return;
    }
#if defined(FV_DTYPE_IS_f32)
    __m128 rest = _mm256_castps256_ps128(v);
    if (n & 4) {
        _mm_storeu_ps(y, rest);
        rest = _mm256_extractf128_ps(v, 1);
        y += 4;
    }
    if (n & 2) {
        _mm_storel_pi((void *)y, rest);
        rest = _mm_movehl_ps(rest, rest);
        y += 2;
    }
    if (n & 1) _mm_store_ss(y, rest);
#else
    __m128d rest = _mm256_castpd256_pd128(v);
    if (n & 2) {
        _mm_storeu_pd(y, rest);
        rest = _mm256_extractf128_pd(v, 1);
        y += 2;
    }
    if (n & 1) _mm_store_sd(y, rest);
#endif
}
#else
INLINE vec vec_load_part(const real *x, size_t n)
{
    vec v = vec_all(0);
    UNROLLED
    for (size_t i = 0; i < VEC; i++)
        if (i < n) v[i] = x[i];
    return v;
}
INLINE void vec_store_part(real *y, size_t n, vec v)
{
    UNROLLED
    for (size_t i = 0; i < VEC; i++)
        if (i < n) y[i] = v[i];
}
#endif

INLINE mask mask_all(real_mask x) { return (mask){ 0 } + x; }
INLINE mask mask_choose(mask which, mask a, mask b)
{
    return (which & a) | (~which & b);
}
INLINE vec vec_choose(mask which, vec a, vec b)
{
    return (vec)mask_choose(which, (mask)a, (mask)b);
}
/* Lane i of it is lane which[i] % VEC of x. */
#if defined(FV_ISA_IS_avx512)
INLINE vec vec_permute(vec x, mask which)
{
    return VEC_NAME(permutexvar)((__m512i)which, x);
}
#elif defined(FV_ISA_IS_avx2) && defined(FV_DTYPE_IS_f32)
INLINE vec vec_permute(vec x, mask which)
{
    return _mm256_permutevar8x32_ps(x, (__m256i)which);
}
#elif defined(FV_ISA_IS_avx2) /* both halves of an element */
INLINE vec vec_permute(vec x, mask which)
{
    const mask low = which * 2;
    const mask halves = low | ((low + 1) << 32);
    return (vec)_mm256_permutevar8x32_ps((__m256)x, (__m256i)halves);
}
#elif defined(FV_ISA_IS_neon) /* all bytes of an element */
INLINE vec vec_permute(vec x, mask which)
{
    const mask first = (mask_all(VEC - 1) & which) * REAL_BYTES;
    uint8x16_t bytes = (uint8x16_t)first;
    for (int i = 0; i < 16; i++)
        bytes[i] =
            (uint8_t)(bytes[i / REAL_BYTES * REAL_BYTES] + i % REAL_BYTES);
    return (vec)vqtbl1q_u8((uint8x16_t)x, bytes);
}
#else
INLINE vec vec_permute(vec x, mask which)
{
    vec v = x;
    for (int i = 0; i < VEC; i++) v[i] = x[which[i] & (VEC - 1)];
    return v;
}
#endif

/* From and to 32 bits. */
typedef int32_t lanes32 __attribute__((vector_size(VEC * sizeof(int32_t))));
INLINE mask mask_load(const int32_t *x)
{
    lanes32 w;
    __builtin_memcpy(&w, x, sizeof w);
    return __builtin_convertvector(w, mask);
}
INLINE void mask_store(int32_t *y, mask m)
{
    const lanes32 w = __builtin_convertvector(m, lanes32);
    __builtin_memcpy(y, &w, sizeof w);
}
/* The first n lanes, the others zero; n <= VEC. */
#if defined(FV_X86) && defined(FV_DTYPE_IS_f32)
INLINE mask mask_load_part(const int32_t *x, size_t n)
{
    return (mask)vec_load_part((const void *)x, n);
}
INLINE void mask_store_part(int32_t *y, size_t n, mask m)
{
    vec_store_part((void *)y, n, (vec)m);
}
#else
INLINE mask mask_load_part(const int32_t *x, size_t n)
{
    mask m = mask_all(0);
    UNROLLED
    for (size_t i = 0; i < VEC; i++)
        if (i < n) m[i] = x[i];
    return m;
}
INLINE void mask_store_part(int32_t *y, size_t n, mask m)
{
    UNROLLED
    for (size_t i = 0; i < VEC; i++)
        if (i < n) y[i] = (int32_t)m[i];
}
#endif

/* The upper limit of a clamp as its gradient compares with it: infinity is no
 * limit, and x >= NaN holds for no x. */
INLINE real clamp_limit(real high)
{
    return high < REAL_INFINITY ? high : REAL_NAN;
}

/* x < low ? low : x > high ? high : x; a NaN passes */
INLINE vec vec_clamp(vec x, vec low, vec high)
{
#if defined(FV_X86)
    return VEC_NAME(min)(high, VEC_NAME(max)(low, x));
#else
    return vec_choose(x < low, low, vec_choose(x > high, high, x));
#endif
}

#endif
