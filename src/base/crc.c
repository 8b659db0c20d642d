/* CRC-32C, and CRC-32: zlib's where the build has it, a small table of our own
 * elsewhere. */
#include "base/base.h"

#ifdef FOVEA_WITH_ZLIB

#include <zlib.h>

uint32_t fv__crc32(uint32_t crc, const void *bytes, size_t size)
{
    /* zlib answers NULL with the initial value, whatever came before */
    return size ? (uint32_t)crc32_z(crc, bytes, size) : crc;
}

#else

uint32_t fv__crc32(uint32_t crc, const void *bytes, size_t size)
{
    /* the reflected polynomial 0xedb88320, four bits at a time */
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const unsigned char *at = bytes;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc = table[(crc ^ at[i]) & 15] ^ crc >> 4;
        crc = table[(crc ^ (uint32_t)(at[i] >> 4)) & 15] ^ crc >> 4;
    }
    return ~crc;
}

#endif

uint32_t fv__crc32c(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < 8 * size; i++) {
        if (i % 8 == 0) crc ^= at[i / 8];
        crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0); /* reflected polynomial */
    }
    return ~crc;
}
