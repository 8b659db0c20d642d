/* Vectors of VEC floats, of 1 where there are no instructions for more; and
 * ROWS, how many windows have their sums in registers at a time. */

#if defined(__AVX512F__)
#include <immintrin.h>
#define VEC 16
#define ROWS 12
typedef __m512 vec;
#define VEC_ALL(a) _mm512_set1_ps(a)
#define VEC_LOAD(x) _mm512_loadu_ps(x)
#define VEC_STORE(x, v) _mm512_storeu_ps(x, v)
#define VEC_ADD(a, b) _mm512_add_ps(a, b)
#define VEC_MUL(a, b) _mm512_mul_ps(a, b)
#define VEC_FUSED(a, b, c) _mm512_fmadd_ps(a, b, c)
#define VEC_CLAMP(v, low, high) _mm512_min_ps(high, _mm512_max_ps(low, v))
#elif defined(__AVX2__) && (defined(__FMA__) || defined(FOVEA_NO_FMA))
#include <immintrin.h>
#define VEC 8
#define ROWS 6
typedef __m256 vec;
#define VEC_ALL(a) _mm256_set1_ps(a)
#define VEC_LOAD(x) _mm256_loadu_ps(x)
#define VEC_STORE(x, v) _mm256_storeu_ps(x, v)
#define VEC_ADD(a, b) _mm256_add_ps(a, b)
#define VEC_MUL(a, b) _mm256_mul_ps(a, b)
#define VEC_FUSED(a, b, c) _mm256_fmadd_ps(a, b, c)
#define VEC_CLAMP(v, low, high) _mm256_min_ps(high, _mm256_max_ps(low, v))
#elif defined(__aarch64__)
#include <arm_neon.h>
#define VEC 4
#define ROWS 6
typedef float32x4_t vec;
#define VEC_ALL(a) vdupq_n_f32(a)
#define VEC_LOAD(x) vld1q_f32(x)
#define VEC_STORE(x, v) vst1q_f32(x, v)
#define VEC_ADD(a, b) vaddq_f32(a, b)
#define VEC_MUL(a, b) vmulq_f32(a, b)
#define VEC_FUSED(a, b, c) vfmaq_f32(c, a, b)
INLINE vec VEC_CLAMP(vec v, vec low, vec high)
{
    const vec raised = vbslq_f32(vcltq_f32(v, low), low, v);
    return vbslq_f32(vcgtq_f32(raised, high), high, raised);
}
#elif defined(__SSE2__) && defined(FOVEA_NO_FMA)
#include <emmintrin.h>
#define VEC 4
#define ROWS 3
typedef __m128 vec;
#define VEC_ALL(a) _mm_set1_ps(a)
#define VEC_LOAD(x) _mm_loadu_ps(x)
#define VEC_STORE(x, v) _mm_storeu_ps(x, v)
#define VEC_ADD(a, b) _mm_add_ps(a, b)
#define VEC_MUL(a, b) _mm_mul_ps(a, b)
#define VEC_CLAMP(v, low, high) _mm_min_ps(high, _mm_max_ps(low, v))
#else
#define VEC 1
#define ROWS 1
typedef float vec;
#define VEC_ALL(a) (a)
#define VEC_LOAD(x) (*(x))
#define VEC_STORE(x, v) (*(x) = (v))
#define VEC_ADD(a, b) ((a) + (b))
#define VEC_MUL(a, b) ((a) * (b))
#define VEC_FUSED(a, b, c) FMA(a, b, c)
INLINE vec VEC_CLAMP(vec v, vec low, vec high)
{
    const vec raised = v < low ? low : v;
    return raised > high ? high : raised;
}
#endif
#if VEC > 1
#define PER_VEC UNROLLED
#else
#define PER_VEC ROLLED
#endif
#ifdef FOVEA_NO_FMA
#define VEC_FMA(a, b, c) VEC_ADD(VEC_MUL(a, b), c)
#else
#define VEC_FMA(a, b, c) VEC_FUSED(a, b, c)
#endif
