/* Reads IDX files, the format of MNIST, compressed by gzip or not. The whole
 * header is checked before memory is allocated for what it says. */
#include "data/data.h"

#include <string.h>

#include "tensor/tensor.h"

/* The largest compression ratio of deflate. */
enum { MOST_INFLATION = 1032, LARGEST_HEADER = 20 };

/* The bytes of the file, decompressed if need be. */
typedef struct source {
    fv_context *context;
    const char *path;     /* printable */
    unsigned char *bytes; /* the file as it is */
    size_t size, at;
    fv__gzip *gzip; /* NULL: the file is not compressed */
} source;

static size_t take(source *from, unsigned char *out, size_t size)
{
    if (from->gzip) return fv__gzip_read(from->gzip, out, size);
    const size_t left = from->size - from->at;
    const size_t part = size < left ? size : left;
    if (part) memcpy(out, from->bytes + from->at, part);
    from->at += part;
    return part;
}

/* Adds a hint if the extents make sense with their bytes reversed. */
static const char *order_hint(const source *from, const fv__idx *idx)
{
    int64_t swapped[4];
    for (int32_t i = 0; i < idx->rank; i++) {
        const uint32_t x = (uint32_t)idx->shape[i];
        swapped[i] = (int64_t)(x >> 24 | (x >> 8 & 0xff00) | (x << 8 & 0xff0000)
                               | x << 24);
    }
    const int64_t product = fv__product(idx->rank, swapped);
    const bool fits = from->gzip
                          ? product / MOST_INFLATION <= (int64_t)from->size
                          : product == (int64_t)(from->size - from->at);
    return product > 0 && fits
               ? "; little-endian extents would fit, IDX is big-endian"
               : "";
}

static bool check_magic(const source *from, const unsigned char magic[4],
                        bool labels, fv__idx *idx)
{
    fv_context *context = from->context;
    if (magic[0] == 0 && magic[1] == 0) {
        idx->rank = magic[3];
    } else if (magic[2] == 0 && magic[3] == 0 && magic[1] == 8) {
        fv_fail(context, FV_MALFORMED,
                "%s: its header is little-endian, IDX is big-endian",
                from->path);
    } else {
        const char *kind = from->gzip ? fv__file_kind(magic, 4)
                                      : fv__file_kind(from->bytes, from->size);
        if (kind)
            fv_fail(context, FV_MALFORMED, "%s: %s, not an IDX file",
                    from->path, kind);
        else
            fv_fail(context, FV_MALFORMED,
                    "%s: begins with %02x %02x %02x %02x, not an IDX file",
                    from->path, magic[0], magic[1], magic[2], magic[3]);
    }
    if (fv__ok(context) && magic[2] != 8)
        fv_fail(context, FV_MALFORMED,
                "%s: elements of type 0x%02x, must be 0x08 (unsigned byte)",
                from->path, magic[2]);
    if (fv__ok(context) && labels && idx->rank != 1)
        fv_fail(context, FV_MALFORMED, "%s: rank %d, labels have rank 1",
                from->path, (int)idx->rank);
    if (fv__ok(context) && !labels && idx->rank != 3 && idx->rank != 4)
        fv_fail(context, FV_MALFORMED, "%s: rank %d, images have rank 3 or 4",
                from->path, (int)idx->rank);
    return fv__ok(context);
}

static void too_short(const source *from)
{
    fv_fail(from->context, FV_MALFORMED, "%s: ends within its IDX header",
            from->path);
}

/* Reads the header into rank and shape; the bytes of the elements, or 0 after
 * recording what is wrong. */
static size_t read_header(source *from, bool labels, fv__idx *idx)
{
    fv_context *context = from->context;
    unsigned char raw[16];
    if (take(from, raw, 4) < 4) return too_short(from), 0;
    if (!check_magic(from, raw, labels, idx)) return 0;
    const size_t extents = 4 * (size_t)idx->rank;
    if (take(from, raw, extents) < extents) return too_short(from), 0;
    for (int32_t i = 0; i < idx->rank; i++) {
        const unsigned char *at = raw + 4 * i;
        idx->shape[i] = (int64_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16
                                  | (uint32_t)at[2] << 8 | at[3]);
    }
    char text[FV__SHAPE_BYTES];
    const int64_t bytes = fv__product(idx->rank, idx->shape);
    const char *hint = order_hint(from, idx);
    fv__shape_text(text, sizeof text, idx->rank, idx->shape);
    if (bytes < 0)
        fv_fail(context, FV_LIMIT, "%s: header says %s, too large%s",
                from->path, text, hint);
    else if (bytes == 0)
        fv_fail(context, FV_MALFORMED, "%s: header says %s, it is empty%s",
                from->path, text, hint);
    else if (!from->gzip && (size_t)bytes != from->size - from->at)
        fv_fail(context, FV_MALFORMED,
                "%s: header says %s = %lld bytes, the file holds %zu%s",
                from->path, text, (long long)bytes, from->size - from->at,
                hint);
    else if (from->gzip && (size_t)bytes / MOST_INFLATION > from->size)
        fv_fail(context, FV_MALFORMED,
                "%s: header says %s = %lld bytes, more than %zu bytes of gzip "
                "data can hold%s",
                from->path, text, (long long)bytes, from->size, hint);
    return fv__ok(context) ? (size_t)bytes : 0;
}

/* Reads exactly `bytes` of elements and checks that the file ends there. */
static void inflate_elements(source *from, fv__idx *idx, size_t bytes)
{
    fv_context *context = from->context;
    char text[FV__SHAPE_BYTES];
    unsigned char surplus;
    idx->memory = idx->bytes = fv__allocate(context, FV__DATA, bytes);
    if (!idx->memory) return;
    const size_t got = take(from, idx->bytes, bytes);
    if (!fv__ok(context)) return;
    fv__shape_text(text, sizeof text, idx->rank, idx->shape);
    if (got < bytes)
        fv_fail(context, FV_MALFORMED,
                "%s: header says %s = %zu bytes, the file holds %zu",
                from->path, text, bytes, got);
    else if (take(from, &surplus, 1) && fv__ok(context))
        fv_fail(context, FV_MALFORMED,
                "%s: header says %s = %zu bytes, the file holds more",
                from->path, text, bytes);
}

/* Reads the header of a large file, which it leaves open; false if it is not
 * such a file. */
static bool read_large(fv_context *context, const char *path, source *from,
                       fv__idx *idx)
{
    unsigned char head[LARGEST_HEADER];
    fv__file file;
    if (fv__file_open(&file, context, path) != FV_OK) return false;
    const bool large =
        file.size > FV__WHOLE_FILE
        && fv__file_read(&file, context, path, 0, head, sizeof head) == FV_OK
        && !(head[0] == 0x1f && head[1] == 0x8b);
    if (large) {
        from->bytes = head;
        from->size = (size_t)file.size;
        if (read_header(from, false, idx)) {
            idx->file = file;
            idx->at = (int64_t)from->at;
            from->bytes = NULL;
            return true;
        }
        from->bytes = NULL;
    }
    fv__file_close(&file, context);
    return false;
}

fv_status fv__idx_read(fv_context *context, const char *path, bool labels,
                       fv__idx *idx)
{
    *idx = (fv__idx){ .memory = NULL };
    idx->file.file = -1;
    char name[512];
    source from = { .context = context, .path = name };
    if (!path || !fv__ok(context)) {
        fv__read_file(context, path, 0, &from.size);
        return fv_failed(context);
    }
    fv__printable(path, strlen(path), name, sizeof name);
    if (!labels && read_large(context, path, &from, idx)) return FV_OK;
    if (!fv__ok(context)) return fv_failed(context);
    from.bytes = fv__read_file(context, path, SIZE_MAX / 2, &from.size);
    if (!from.bytes) return fv_failed(context);
    if (from.size >= 2 && from.bytes[0] == 0x1f && from.bytes[1] == 0x8b)
        from.gzip = fv__gzip_open(context, name, from.bytes, from.size);
    const size_t bytes = fv__ok(context) ? read_header(&from, labels, idx) : 0;
    if (bytes && from.gzip) inflate_elements(&from, idx, bytes);
    if (bytes && !from.gzip) {
        idx->memory = from.bytes;
        idx->bytes = from.bytes + from.at;
        from.bytes = NULL;
    }
    fv__gzip_close(from.gzip);
    fv__release(context, from.bytes);
    if (!fv__ok(context)) {
        fv__release(context, idx->memory);
        idx->memory = idx->bytes = NULL;
    }
    return fv_failed(context);
}

/* ---- data sets ----------------------------------------------------------- */

/* Images [n, rows, columns(, channels)] of a file, or [n, columns, rows(, ...)]
 * of one that is transposed. */
static void set_images(fv_dataset *dataset, const char *path,
                       const fv__idx *idx, bool transposed)
{
    static const int32_t turned[] = { 0, 2, 1, 3 };
    int64_t shape[4] = { 1, 1, 1, 1 };
    memcpy(shape, idx->shape, (size_t)idx->rank * sizeof *shape);
    if (!idx->bytes) {
        const fv__rows rows = { .file = idx->file,
                                .path = (char *)(uintptr_t)path,
                                .at = idx->at,
                                .rank = 3,
                                .shape = { shape[1], shape[2], shape[3] },
                                .dtype = FV_U8,
                                .pictures = true,
                                .transposed = transposed };
        fv__dataset_set_rows(dataset, &rows, shape[0]);
        return;
    }
    fv_tensor images = fv_tensor_of(idx->bytes, FV_U8, 4, shape);
    if (transposed)
        images = fv_tensor_permute(dataset->context, &images, turned);
    fv__dataset_set_pictures(dataset, images, idx->memory);
}

fv_dataset *fv__dataset_from_idx(fv_context *context, const char *images_path,
                                 const char *labels_path,
                                 const fv__idx_set *set)
{
    char first[400], second[400];
    fv__idx images = { .file = { .file = -1 } }, labels = images;
    fv_dataset *dataset = fv__dataset_begin(context, &fv__store_memory);
    if (!dataset) return NULL;
    dataset->names = set->names;
    fv__idx_read(context, labels_path, true, &labels);
    if (fv__ok(context)) fv__idx_read(context, images_path, false, &images);
    fv__printable(images_path, strlen(images_path), first, sizeof first);
    fv__printable(labels_path, strlen(labels_path), second, sizeof second);
    if (fv__ok(context) && images.shape[0] != labels.shape[0])
        fv_fail(context, FV_MALFORMED,
                "%s holds %lld images but %s %lld labels", first,
                (long long)images.shape[0], second, (long long)labels.shape[0]);
    if (fv__ok(context)) {
        const fv_tensor bytes =
            fv_tensor_of(labels.bytes, FV_U8, 1, labels.shape);
        fv__dataset_set_targets(dataset, second, &bytes);
    }
    if (fv__ok(context)) {
        set_images(dataset, images_path, &images, set->transposed);
    } else {
        fv__release(context, images.memory);
        fv__file_close(&images.file, context);
    }
    fv__release(context, labels.memory);
    fv__dataset_set_classes(dataset, second, set->classes, set->first);
    return fv__dataset_end(dataset);
}

fv_dataset *fv_dataset_open_idx(fv_context *context, const char *images_path,
                                const char *labels_path)
{
    if (!fv__ok(context)) return NULL;
    if (!images_path || !labels_path) {
        fv_fail(context, FV_MISUSE, "data set: a path is missing");
        return NULL;
    }
    const fv__idx_set set = { .classes = 0 };
    return fv__dataset_from_idx(context, images_path, labels_path, &set);
}
