/* Conversion of numbers from one element type to another; a number that does
 * not fit is found. */
#include "tensor/tensor.h"

#include <math.h>

enum { BLOCK = 256 };

#define LOAD(type)                                                             \
    for (int64_t i = 0; i < n; i++) out[i] = ((const type *)from)[i * stride]

void fv__load_integers(fv_dtype dtype, const void *from, int64_t stride,
                       int64_t n, int64_t *out)
{
    switch (dtype) {
    case FV_U8:
    case FV_BOOL:
        LOAD(uint8_t);
        break;
    case FV_I8:
        LOAD(int8_t);
        break;
    case FV_I16:
        LOAD(int16_t);
        break;
    case FV_I32:
        LOAD(int32_t);
        break;
    case FV_I64:
        LOAD(int64_t);
        break;
    case FV_F32:
    case FV_F64:
        break;
    }
}

void fv__load_doubles(fv_dtype dtype, const void *from, int64_t stride,
                      int64_t n, double *out)
{
    switch (dtype) {
    case FV_F32:
        for (int64_t i = 0; i < n; i++)
            out[i] = (double)((const float *)from)[i * stride];
        break;
    case FV_F64:
        LOAD(double);
        break;
    case FV_U8:
    case FV_BOOL:
        LOAD(uint8_t);
        break;
    case FV_I8:
        LOAD(int8_t);
        break;
    case FV_I16:
        LOAD(int16_t);
        break;
    case FV_I32:
        LOAD(int32_t);
        break;
    case FV_I64:
        for (int64_t i = 0; i < n; i++)
            out[i] = (double)((const int64_t *)from)[i * stride];
        break;
    }
}

#define STORE_LOW(type)                                                        \
    for (int64_t i = 0; i < n; i++) ((type *)to)[i] = (type)(uint64_t)from[i]

void fv__store_wrapped(fv_dtype dtype, void *to, int64_t n, const int64_t *from)
{
    switch (dtype) {
    case FV_U8:
        STORE_LOW(uint8_t);
        break;
    case FV_I8:
        STORE_LOW(int8_t);
        break;
    case FV_I16:
        STORE_LOW(int16_t);
        break;
    case FV_I32:
        STORE_LOW(int32_t);
        break;
    case FV_I64:
        STORE_LOW(int64_t);
        break;
    case FV_BOOL:
        for (int64_t i = 0; i < n; i++) ((uint8_t *)to)[i] = from[i] != 0;
        break;
    case FV_F32:
    case FV_F64:
        break;
    }
}

/* Both store functions return how many of the n numbers fitted before the first
 * that did not. A double fits an integer type if its integral part does; `low`
 * and `high` are the nearest integers outside the range (for i64 the bounds
 * themselves, as doubles). */
#define STORE_WHOLE(type, fits)                                                \
    do {                                                                       \
        for (int64_t i = 0; i < n; i++) {                                      \
            if (!(fits)) return i;                                             \
            ((type *)to)[i * stride] = (type)from[i];                          \
        }                                                                      \
    } while (0)
#define INSIDE(low, high) (from[i] > (low) && from[i] < (high))
#define BETWEEN(low, high) (from[i] >= (low) && from[i] <= (high))

static int64_t store_doubles(fv_dtype dtype, void *to, int64_t stride,
                             int64_t n, const double *from)
{
    switch (dtype) {
    case FV_F32: /* numbers slightly above FLT_MAX fit: they round to it */
        STORE_WHOLE(float,
                    !(fabs(from[i]) >= 0x1.ffffffp127) || isinf(from[i]));
        break;
    case FV_F64:
        STORE_WHOLE(double, true);
        break;
    case FV_U8:
        STORE_WHOLE(uint8_t, INSIDE(-1, 256));
        break;
    case FV_BOOL:
        STORE_WHOLE(uint8_t, INSIDE(-1, 2));
        break;
    case FV_I8:
        STORE_WHOLE(int8_t, INSIDE(-129, 128));
        break;
    case FV_I16:
        STORE_WHOLE(int16_t, INSIDE(-32769, 32768));
        break;
    case FV_I32:
        STORE_WHOLE(int32_t, INSIDE(-2147483649.0, 2147483648.0));
        break;
    case FV_I64:
        STORE_WHOLE(int64_t, from[i] >= -0x1p63 && from[i] < 0x1p63);
        break;
    }
    return n;
}

static int64_t store_integers(fv_dtype dtype, void *to, int64_t stride,
                              int64_t n, const int64_t *from)
{
    switch (dtype) {
    case FV_F32:
        STORE_WHOLE(float, true);
        break;
    case FV_F64:
        STORE_WHOLE(double, true);
        break;
    case FV_U8:
        STORE_WHOLE(uint8_t, BETWEEN(0, UINT8_MAX));
        break;
    case FV_BOOL:
        STORE_WHOLE(uint8_t, BETWEEN(0, 1));
        break;
    case FV_I8:
        STORE_WHOLE(int8_t, BETWEEN(INT8_MIN, INT8_MAX));
        break;
    case FV_I16:
        STORE_WHOLE(int16_t, BETWEEN(INT16_MIN, INT16_MAX));
        break;
    case FV_I32:
        STORE_WHOLE(int32_t, BETWEEN(INT32_MIN, INT32_MAX));
        break;
    case FV_I64:
        STORE_WHOLE(int64_t, true);
        break;
    }
    return n;
}

/* Converts n <= BLOCK elements; returns how many fitted. */
static int64_t convert_block(fv_dtype to_type, void *to, int64_t to_stride,
                             fv_dtype from_type, const void *from,
                             int64_t from_stride, int64_t n)
{
    if (fv__dtype_is_real(from_type)) {
        double numbers[BLOCK];
        fv__load_doubles(from_type, from, from_stride, n, numbers);
        return store_doubles(to_type, to, to_stride, n, numbers);
    }
    int64_t numbers[BLOCK];
    fv__load_integers(from_type, from, from_stride, n, numbers);
    return store_integers(to_type, to, to_stride, n, numbers);
}

int64_t fv__tensor_convert_elements(const fv_tensor *to, const fv_tensor *from)
{
    if (to->dtype == from->dtype) {
        fv__tensor_copy_elements(to, from);
        return -1;
    }
    fv__walk walk;
    if (!fv__walk_begin(&walk, to, from, false)) return -1;
    int32_t last = walk.rank - 1;
    int64_t run = last < 0 ? 1 : walk.extent[last];
    int64_t to_step = last < 0 ? 1 : walk.to[last];
    int64_t from_step = last < 0 ? 1 : walk.from[last];
    int64_t index[FV_MAX_RANK] = { 0 }, y = 0, x = 0, flat = 0;
    do {
        for (int64_t i = 0; i < run; i += BLOCK) {
            int64_t n = fv__min(run - i, BLOCK);
            int64_t fitted = convert_block(
                to->dtype, fv__tensor_byte(to, y + i * to_step), to_step,
                from->dtype, fv__tensor_byte(from, x + i * from_step),
                from_step, n);
            if (fitted < n) return flat + i + fitted;
        }
        flat += run;
    } while (fv__walk_next(&walk, last, index, &y, &x));
    return -1;
}
