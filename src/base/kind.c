/* Recognises well-known files by their first bytes, for messages that help. */
#include "base/base.h"

#include <string.h>

typedef struct signature {
    size_t offset, length;
    const char *bytes;
    const char *kind;
} signature;

static const signature signatures[] = {
    { 0, 4, "PK\3\4", "a zip archive (.pt, .npz, .keras)" },
    { 0, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file (.h5)" },
    { 0, 4, "GGUF", "a GGUF file" },
    { 0, 2, "\x80\2", "a Python pickle (.pkl, .pt)" },
    { 0, 2, "\x80\3", "a Python pickle (.pkl, .pt)" },
    { 0, 2, "\x80\4", "a Python pickle (.pkl, .pt)" },
    { 0, 2, "\x80\5", "a Python pickle (.pkl, .pt)" },
    { 0, 8, "\x89PNG\r\n\x1a\n", "a PNG image" },
    { 0, 3, "\xff\xd8\xff", "a JPEG image" },
    { 0, 2, "\x1f\x8b", "a gzip file" },
    { 0, 6, "\x93NUMPY", "a NumPy file (.npy)" },
    { 257, 5, "ustar", "a tar archive" },
    { 0, 9, "<!DOCTYPE", "a web page" },
    { 0, 9, "<!doctype", "a web page" },
    { 0, 5, "<html", "a web page" },
    { 0, 4, "\0\0\x08\1", "an IDX file" },
    { 0, 4, "\0\0\x08\3", "an IDX file" },
    { 0, 4, "\0\0\x08\4", "an IDX file" },
    { 8, 2, "{\"", "a safetensors file" },
    { 0, 2, "\xff\xfe", "UTF-16 text (little-endian; Fovea reads UTF-8)" },
    { 0, 2, "\xfe\xff", "UTF-16 text (big-endian; Fovea reads UTF-8)" },
};

/* Two characters of ASCII, each with a zero byte behind or before it. */
static const char *wide_text(const unsigned char *bytes, size_t size)
{
    if (size < 4) return NULL;
    const int zero = bytes[1] == 0; /* where they stand in a pair */
    for (int i = 0; i < 4; i += 2) {
        const unsigned char c = bytes[i + !zero];
        if (bytes[i + zero] != 0 || c < 9 || c > 126) return NULL;
    }
    return zero ? "UTF-16 text (little-endian; Fovea reads UTF-8)"
                : "UTF-16 text (big-endian; Fovea reads UTF-8)";
}

const char *fv__file_kind(const void *bytes, size_t size)
{
    const size_t count = sizeof signatures / sizeof signatures[0];
    for (size_t i = 0; i < count; i++) {
        const signature *s = &signatures[i];
        if (size >= s->offset + s->length
            && memcmp((const char *)bytes + s->offset, s->bytes, s->length)
                   == 0)
            return s->kind;
    }
    return wide_text(bytes, size);
}
