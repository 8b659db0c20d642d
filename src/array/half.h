/* Numbers of two bytes in files, which are floats in memory. */
#ifndef FV_ARRAY_HALF_H
#define FV_ARRAY_HALF_H

typedef enum fv__half { FV__NO_HALF, FV__F16, FV__BF16 } fv__half;

/* Converts a half-precision number (IEEE 754) or a bfloat16, the upper half of
 * a float, to a float, which is exact. The low byte comes first. */
float fv__widen(fv__half half, const unsigned char bytes[2]);

#endif
