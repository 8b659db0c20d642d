/* What the files of this module share: data sets, IDX files and gzip. */
#ifndef FV_DATA_DATA_H
#define FV_DATA_DATA_H

#include <fovea/data.h>

#include "base/base.h"

struct fv_dataset {
    fv__object object; /* first */
    fv_context *context;
    fv_tensor images; /* row-major, FV_U8 or of the context's type */
    fv_tensor labels; /* FV_I64 */
    void *image_memory, *label_memory;
    int64_t row; /* elements of one image */
    int64_t classes;
    const char *const *names; /* of the classes; NULL: their numbers */
    char (*numbers)[8];
    void *scratch; /* one image in the context's type */
};

/* Class numbers are less than this: seven digits as text. */
enum { FV__MAX_CLASSES = 1000000 };

/* ---- gzip (gzip.c) ------------------------------------------------------ */

/* Decompresses a gzip file that lies in memory. */
typedef struct fv__gzip fv__gzip;

/* NULL after recording why not; `path` is for messages, printable, and must
 * stay. */
fv__gzip *fv__gzip_open(fv_context *context, const char *path,
                        const void *bytes, size_t size);
/* Decompresses up to `size` bytes; fewer at the end of the data, whose
 * checksums are right then, or after a recorded failure. */
size_t fv__gzip_read(fv__gzip *gzip, void *out, size_t size);
/* NULL is allowed. */
void fv__gzip_close(fv__gzip *gzip);

/* ---- IDX (idx.c) -------------------------------------------------------- */

/* Bytes of an IDX file: rank 1 for labels, 3 or 4 for images. */
typedef struct fv__idx {
    void *memory; /* to be released (account FV__DATA) */
    unsigned char *bytes;
    int32_t rank;
    int64_t shape[4];
} fv__idx;

/* Reads a file of labels or images, gzip'ed or not. */
fv_status fv__idx_read(fv_context *context, const char *path, bool labels,
                       fv__idx *idx);

/* ---- data sets (dataset.c) ---------------------------------------------- */

/* What the caller knows about the content of IDX files. */
typedef struct fv__idx_set {
    int64_t classes; /* labels are below first + classes; 0: one more than the
                        largest label */
    int64_t first;   /* label of class 0 */
    const char *const *names; /* of the classes; NULL: their numbers */
    bool transposed;          /* images lie column after column */
} fv__idx_set;

fv_dataset *fv__dataset_from_idx(fv_context *context, const char *images_path,
                                 const char *labels_path,
                                 const fv__idx_set *set);

#endif
