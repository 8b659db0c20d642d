/* The header of a safetensors file: JSON that says where each tensor lies. */
#ifndef FV_IO_JSON_H
#define FV_IO_JSON_H

#include "array/half.h"
#include "io/io.h"

/* The limits of the safetensors library. */
#define FV__HEADER_LIMIT ((size_t)100000000)
/* Metadata whose value is the CRC-32 of the whole file as eight lower-case
 * hexadecimal digits, computed with the digits '0' in their place. */
#define FV__DIGEST_KEY "fovea.crc32"

/* A tensor and its bytes in the data section. */
typedef struct fv__record {
    fv_named_tensor entry; /* data NULL */
    fv__half half;         /* element type in the file */
    size_t begin, end;
    size_t number; /* position in the header */
} fv__record;

typedef struct fv__header {
    fv_context *context;
    const char *path; /* printable */
    size_t num_records, num_pairs;
    fv__record *records; /* in the header's order */
    fv__pair *pairs;     /* without the checksum */
    char *names;         /* text of both */
    size_t names_used;
    bool has_digest;
} fv__header;

/* Reads a header from `size` > 0 bytes of JSON that begin with '{'. context and
 * path are set, all else is zero. Each range is checked, but not against the
 * others. What was allocated remains for fv__header_free. */
fv_status fv__header_parse(fv__header *header, const char *json, size_t size);
void fv__header_free(fv__header *header);

/* Writes texts as a JSON list, to be released; `path` is for messages. NULL
 * after a failure. */
char *fv__json_write_list(fv_context *context, const char *path, int64_t count,
                          char *const texts[]);
/* Reads the texts of such a list, released together; NULL after a failure or,
 * without one, if `json` is not a list of texts. */
const char **fv__json_read_list(fv_context *context, const char *json,
                                int64_t *count);

/* Writes the header for tensors that are stored one after the other, padded to
 * a multiple of eight bytes, with '0' for the digits of the checksum. To be
 * released; NULL after a failure. `path` is for messages. */
char *fv__header_make(fv_context *context, const char *path, size_t num_entries,
                      const fv_named_tensor *entries, size_t num_pairs,
                      const fv__pair *pairs, size_t *size);

#endif
