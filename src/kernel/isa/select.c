/* Comparisons, whose results are truth values (bytes of 0 or 1), connectives of
 * those, and choices between two elements. */
#include "kernel/isa/isa.h"

/* Runs a loop whose operands are `a` and `b`, for each of the combinations of
 * steps, 0 or 1. */
#define EACH_PAIR(type, formula)                                               \
    {                                                                          \
        if (a_step && b_step)                                                  \
            LOOP(type, formula, as[i], bs[i])                                  \
        else if (a_step)                                                       \
            LOOP(type, formula, as[i], b0)                                     \
        else if (b_step)                                                       \
            LOOP(type, formula, a0, bs[i])                                     \
        else                                                                   \
            LOOP(type, formula, a0, b0)                                        \
        break;                                                                 \
    }
#define LOOP(type, formula, operand_a, operand_b)                              \
    {                                                                          \
        INDEPENDENT                                                            \
        for (size_t i = 0; i < n; i++) {                                       \
            const type a = operand_a, b = operand_b;                           \
            y[i] = (formula);                                                  \
        }                                                                      \
    }

#define COMPARE(type)                                                          \
    INLINE void compare_##type(fv__relation r, size_t n, const type *as,       \
                               size_t a_step, const type *bs, size_t b_step,   \
                               uint8_t *y)                                     \
    {                                                                          \
        const type a0 = as[0], b0 = bs[0];                                     \
        switch (r) {                                                           \
        case FV__EQUAL:                                                        \
            EACH_PAIR(type, a == b)                                            \
        case FV__NOT_EQUAL:                                                    \
            EACH_PAIR(type, a != b)                                            \
        case FV__LESS:                                                         \
            EACH_PAIR(type, a < b)                                             \
        case FV__LESS_OR_EQUAL:                                                \
            EACH_PAIR(type, a <= b)                                            \
        }                                                                      \
    }
COMPARE(real)
COMPARE(uint8_t)
COMPARE(int8_t)
COMPARE(int16_t)
COMPARE(int32_t)
COMPARE(int64_t)

void FV_KERNEL(compare)(fv_dtype dtype, fv__relation r, size_t n, const void *a,
                        size_t a_step, const void *b, size_t b_step, uint8_t *y)
{
    if (n == 0) return;
    switch (dtype) {
    case FV_F32:
    case FV_F64:
        compare_real(r, n, a, a_step, b, b_step, y);
        break;
    case FV_U8:
    case FV_BOOL:
        compare_uint8_t(r, n, a, a_step, b, b_step, y);
        break;
    case FV_I8:
        compare_int8_t(r, n, a, a_step, b, b_step, y);
        break;
    case FV_I16:
        compare_int16_t(r, n, a, a_step, b, b_step, y);
        break;
    case FV_I32:
        compare_int32_t(r, n, a, a_step, b, b_step, y);
        break;
    case FV_I64:
        compare_int64_t(r, n, a, a_step, b, b_step, y);
        break;
    }
}

void FV_KERNEL(connect)(fv__connective f, size_t n, const uint8_t *as,
                        size_t a_step, const uint8_t *bs, size_t b_step,
                        uint8_t *y)
{
    if (n == 0) return;
    const uint8_t a0 = as[0], b0 = bs[0];
    switch (f) {
    case FV__AND:
        EACH_PAIR(uint8_t, a & b)
    case FV__OR:
        EACH_PAIR(uint8_t, a | b)
    case FV__XOR:
        EACH_PAIR(uint8_t, a ^ b)
    case FV__NOR:
        EACH_PAIR(uint8_t, !(a | b))
    }
}

/* Both elements are read, so that no branch depends on the condition. */
#define CHOOSE(type)                                                           \
    INLINE void choose_##type(size_t n, const uint8_t *c, size_t c_step,       \
                              const type *as, size_t a_step, const type *bs,   \
                              size_t b_step, type *y)                          \
    {                                                                          \
        const type a0 = as[0], b0 = bs[0];                                     \
        if (c_step) do                                                         \
                EACH_PAIR(type, c[i] ? a : b)                                  \
            while (0);                                                         \
        else                                                                   \
            do EACH_PAIR(type, c[0] ? a : b)                                   \
            while (0);                                                         \
    }
CHOOSE(uint8_t)
CHOOSE(uint16_t)
CHOOSE(uint32_t)
CHOOSE(uint64_t)

void FV_KERNEL(choose)(size_t bytes, size_t n, const uint8_t *c, size_t c_step,
                       const void *a, size_t a_step, const void *b,
                       size_t b_step, void *y)
{
    if (n == 0) return;
    if (bytes == 1)
        choose_uint8_t(n, c, c_step, a, a_step, b, b_step, y);
    else if (bytes == 2)
        choose_uint16_t(n, c, c_step, a, a_step, b, b_step, y);
    else if (bytes == 4)
        choose_uint32_t(n, c, c_step, a, a_step, b, b_step, y);
    else
        choose_uint64_t(n, c, c_step, a, a_step, b, b_step, y);
}
