/* Conversions between element types: whole numbers, truth values and the real
 * numbers of the table. */
#include "kernel/isa/isa.h"

#define EACH(type, formula)                                                    \
    {                                                                          \
        type *y = y_;                                                          \
        INDEPENDENT                                                            \
        for (size_t i = 0; i < n; i++) y[i] = (formula);                       \
        break;                                                                 \
    }

/* Whole numbers wrap around. */
#define FROM_WHOLE(type)                                                       \
    INLINE void from_##type(fv_dtype to, size_t n, const type *x, void *y_)    \
    {                                                                          \
        switch (to) {                                                          \
        case FV_F32:                                                           \
        case FV_F64:                                                           \
            EACH(real, (real)x[i])                                             \
        case FV_U8:                                                            \
            EACH(uint8_t, (uint8_t)x[i])                                       \
        case FV_I8:                                                            \
            EACH(int8_t, (int8_t)x[i])                                         \
        case FV_I16:                                                           \
            EACH(int16_t, (int16_t)x[i])                                       \
        case FV_I32:                                                           \
            EACH(int32_t, (int32_t)x[i])                                       \
        case FV_I64:                                                           \
            EACH(int64_t, (int64_t)x[i])                                       \
        case FV_BOOL:                                                          \
            EACH(uint8_t, x[i] != 0)                                           \
        }                                                                      \
    }
FROM_WHOLE(uint8_t)
FROM_WHOLE(int8_t)
FROM_WHOLE(int16_t)
FROM_WHOLE(int32_t)
FROM_WHOLE(int64_t)

/* x limited to low..high; NaN becomes 0. */
INLINE real limited(real x, real low, real high)
{
    const real y = x < low ? low : x > high ? high : x;
    return x != x ? 0 : y;
}

/* The largest numbers below 2^31 and 2^63: those of f64 above 2^31 - 1 are
 * truncated to it. */
#define BELOW_TWO_31                                                           \
    (REAL_BYTES == 4 ? REAL(0x1.fffffep30) : REAL(0x1.fffffffffffffp30))
#define BELOW_TWO_63                                                           \
    (REAL_BYTES == 4 ? REAL(0x1.fffffep62) : REAL(0x1.fffffffffffffp62))

INLINE void from_real(fv_dtype to, size_t n, const real *x, void *y_)
{
    switch (to) {
    case FV_F32:
    case FV_F64:
        EACH(real, x[i])
    case FV_U8:
        EACH(uint8_t, (uint8_t)(int32_t)limited(x[i], 0, UINT8_MAX))
    case FV_I8:
        EACH(int8_t, (int8_t)(int32_t)limited(x[i], INT8_MIN, INT8_MAX))
    case FV_I16:
        EACH(int16_t, (int16_t)(int32_t)limited(x[i], INT16_MIN, INT16_MAX))
    case FV_I32:
        EACH(int32_t, x[i] >= REAL(0x1p31)
                          ? INT32_MAX
                          : (int32_t)limited(x[i], -REAL(0x1p31), BELOW_TWO_31))
    case FV_I64:
        EACH(int64_t, x[i] >= REAL(0x1p63)
                          ? INT64_MAX
                          : (int64_t)limited(x[i], -REAL(0x1p63), BELOW_TWO_63))
    case FV_BOOL:
        EACH(uint8_t, x[i] != 0)
    }
}

void FV_KERNEL(convert)(fv_dtype from, fv_dtype to, size_t n, const void *x,
                        void *y)
{
    switch (from) {
    case FV_F32:
    case FV_F64:
        from_real(to, n, x, y);
        break;
    case FV_U8:
    case FV_BOOL:
        from_uint8_t(to, n, x, y);
        break;
    case FV_I8:
        from_int8_t(to, n, x, y);
        break;
    case FV_I16:
        from_int16_t(to, n, x, y);
        break;
    case FV_I32:
        from_int32_t(to, n, x, y);
        break;
    case FV_I64:
        from_int64_t(to, n, x, y);
        break;
    }
}
