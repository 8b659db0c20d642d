/* Numbers of two bytes in files, which are floats in memory. */
#include "array/half.h"

#include <stdint.h>
#include <string.h>

float fv__widen(fv__half half, const unsigned char bytes[2])
{
    const uint32_t bits = bytes[0] | (uint32_t)bytes[1] << 8;
    const uint32_t sign = bits >> 15 << 31, exponent = bits >> 10 & 31,
                   fraction = bits & 1023;
    uint32_t wide = bits << 16;
    float value;
    if (half == FV__F16 && exponent == 0) { /* fraction times 2^-24 */
        value = (float)fraction * 0x1p-24F;
        return sign ? -value : value;
    }
    if (half == FV__F16)
        wide = sign | (exponent == 31 ? 255 : exponent + 112) << 23
               | fraction << 13;
    memcpy(&value, &wide, sizeof value);
    return value;
}
