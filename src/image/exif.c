/* Finds the orientation of a picture in its EXIF data. */
#include "image/decode.h"

#include <string.h>

/* Bytes with the byte order of a TIFF header. */
typedef struct tiff {
    const unsigned char *bytes;
    size_t size;
    bool big; /* the high byte comes first */
} tiff;

static uint32_t byte_at(const tiff *t, size_t at) { return t->bytes[at]; }

static uint32_t short_at(const tiff *t, size_t at)
{
    return t->big ? byte_at(t, at) << 8 | byte_at(t, at + 1)
                  : byte_at(t, at + 1) << 8 | byte_at(t, at);
}

static uint32_t long_at(const tiff *t, size_t at)
{
    return t->big ? short_at(t, at) << 16 | short_at(t, at + 2)
                  : short_at(t, at + 2) << 16 | short_at(t, at);
}

int32_t fv__exif_orientation(const unsigned char *bytes, size_t size)
{
    enum { HEADER = 8, ENTRY = 12, ORIENTATION = 0x112, SHORT = 3 };
    if (size < HEADER) return 1;
    const tiff t = { bytes, size, bytes[0] == 'M' };
    if (memcmp(bytes, t.big ? "MM\0*" : "II*\0", 4) != 0) return 1;
    const size_t list = long_at(&t, 4);
    if (list > size - 2) return 1;
    size_t left = short_at(&t, list);
    size_t at = list + 2;
    for (; left > 0 && at + ENTRY <= size; left--, at += ENTRY) {
        if (short_at(&t, at) != ORIENTATION) continue;
        const uint32_t value = short_at(&t, at + 8);
        const bool valid = short_at(&t, at + 2) == SHORT
                           && long_at(&t, at + 4) == 1 && value >= 1
                           && value <= 8;
        return valid ? (int32_t)value : 1;
    }
    return 1;
}
