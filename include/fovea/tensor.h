/** @file
 * Tensors: shapes, strides and views over memory that somebody else owns. */
#ifndef FOVEA_TENSOR_H
#define FOVEA_TENSOR_H

#include <fovea/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The most axes a tensor may have. */
#define FV_MAX_RANK 8

/** A window on memory; it owns nothing and may be copied freely. Element
 *  (i0, i1, ...) is at `data` + (i0 stride[0] + i1 stride[1] + ...) elements.
 *  A tensor whose making failed has NULL data and rank -1. */
typedef struct fv_tensor {
    void *data;
    fv_dtype dtype;
    int32_t rank; /**< 0 is a single number */
    int64_t shape[FV_MAX_RANK];
    int64_t stride[FV_MAX_RANK]; /**< in elements */
} fv_tensor;

/** Row-major tensor over the caller's memory. A rank outside 0..FV_MAX_RANK or
 *  a negative extent gives the failed tensor. */
FV_API fv_tensor fv_tensor_of(void *data, fv_dtype dtype, int32_t rank,
                              const int64_t shape[]);
/** A tensor of `rank` extents over the caller's `data`, row-major:
 *  `FV_TENSOR(images, FV_F32, 8, 28, 28, 1)`. The result is a value;
 *  the memory stays the caller's. */
#ifdef __cplusplus
#define FV_TENSOR(data, dtype, ...)                                            \
    fv_tensor_over_((data), (dtype), { __VA_ARGS__ })
extern "C++" {
template <size_t rank>
inline fv_tensor fv_tensor_over_(void *data, fv_dtype dtype,
                                 const int64_t (&&shape)[rank])
{
    return fv_tensor_of(data, dtype, (int32_t)rank, shape);
}
}
#else
#define FV_TENSOR(data, dtype, ...)                                            \
    (fv_tensor_of(                                                             \
        (data), (dtype),                                                       \
        (int32_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),       \
        (const int64_t[]){ __VA_ARGS__ }))
#endif

/** Bytes of one element: 4 for FV_F32. */
FV_API size_t fv_dtype_bytes(fv_dtype dtype);
/** "f32", "u8", ... */
FV_API const char *fv_dtype_name(fv_dtype dtype);

/** Number of elements; 0 for a failed tensor. */
FV_API int64_t fv_tensor_count(const fv_tensor *tensor);
/** Whether the elements lie in row-major order without holes. */
FV_API int fv_tensor_is_contiguous(const fv_tensor *tensor);
/** Whether ranks and extents are equal. */
FV_API int fv_tensor_same_shape(const fv_tensor *a, const fv_tensor *b);

/** New memory in the context, freed with it or by #fv_tensor_free; zeros. */
FV_API fv_tensor fv_tensor_new(fv_context *context, fv_dtype dtype,
                               int32_t rank, const int64_t shape[]);
/** Frees what #fv_tensor_new, #fv_tensor_dup or #fv_tensor_convert made. */
FV_API void fv_tensor_free(fv_context *context, fv_tensor *tensor);
/** A row-major copy in new memory. */
FV_API fv_tensor fv_tensor_dup(fv_context *context, const fv_tensor *tensor);
/** A row-major copy with another element type. Numbers are converted as C
 *  converts them (towards zero); one that does not fit is refused. */
FV_API fv_tensor fv_tensor_convert(fv_context *context, const fv_tensor *tensor,
                                   fv_dtype dtype);
/** Copies the elements of `from` to `to`: equal shapes and types, any
 *  strides. */
FV_API fv_status fv_tensor_copy(fv_context *context, const fv_tensor *to,
                                const fv_tensor *from);

/* Views: same memory, no copy. A wrong argument is recorded in the context and
 * gives the failed tensor. Negative axes and indices count from the end. */

/** Elements start, start + step, ... below stop of one axis; step >= 1. A start
 *  outside the axis is refused, a stop beyond its end is clamped; a stop at or
 *  before the start leaves an axis of extent 0. */
FV_API fv_tensor fv_tensor_slice(fv_context *context, const fv_tensor *tensor,
                                 int32_t axis, int64_t start, int64_t stop,
                                 int64_t step);
/** One index of an axis, which disappears. */
FV_API fv_tensor fv_tensor_at(fv_context *context, const fv_tensor *tensor,
                              int32_t axis, int64_t index);
/** Axes in the order given: result axis i is `axes[i]` of the tensor. */
FV_API fv_tensor fv_tensor_permute(fv_context *context, const fv_tensor *tensor,
                                   const int32_t axes[]);
/** Same elements, other extents; one extent may be -1. The tensor must be
 *  contiguous. */
FV_API fv_tensor fv_tensor_reshape(fv_context *context, const fv_tensor *tensor,
                                   int32_t rank, const int64_t shape[]);
/** Extents of 1 and missing leading axes repeated, with stride 0. */
FV_API fv_tensor fv_tensor_broadcast(fv_context *context,
                                     const fv_tensor *tensor, int32_t rank,
                                     const int64_t shape[]);
/** The same bytes as elements of another type; the tensor must be contiguous,
 *  and the last extent changes with the size of an element. */
FV_API fv_tensor fv_tensor_view_as(fv_context *context, const fv_tensor *tensor,
                                   fv_dtype dtype);

/** Rows of axis 0 at the indices (any rank, integer type), in new memory; the
 *  result has the shape of the index, then the extents of a row. */
FV_API fv_tensor fv_tensor_take(fv_context *context, const fv_tensor *tensor,
                                const fv_tensor *index);
/** Position of the first largest element along an axis, which disappears, as
 *  FV_I64 in new memory. NaN counts as largest. */
FV_API fv_tensor fv_tensor_argmax(fv_context *context, const fv_tensor *tensor,
                                  int32_t axis);

/** Element at `index` (one number an axis) as a double; NaN and a recorded
 *  failure when out of range. */
FV_API double fv_tensor_get(fv_context *context, const fv_tensor *tensor,
                            const int64_t index[]);

/** Writes the tensor as nested lists, as snprintf does: at most `bytes`
 *  characters, terminated; returns the full length. An axis longer than 8
 *  shows its first 3 and last 3 elements. */
FV_API size_t fv_tensor_format(const fv_tensor *tensor, char *text,
                               size_t bytes);

/** Reads a NumPy file (versions 1 to 3, any byte order and element order) into
 *  new memory; half precision becomes #FV_F32. Types that Fovea lacks are
 *  refused by name. */
FV_API fv_tensor fv_npy_load(fv_context *context, const char *path);
/** Writes a NumPy file, atomically. */
FV_API fv_status fv_npy_save(fv_context *context, const char *path,
                             const fv_tensor *tensor);

/** A tensor and its name; both belong to others. */
typedef struct fv_named_tensor {
    const char *name;
    fv_tensor tensor;
} fv_named_tensor;

/** The arrays of a file. */
typedef struct fv_named_tensors {
    int64_t count;
    fv_named_tensor *at;
} fv_named_tensors;

/** Reads a NumPy archive (`.npz`, as numpy.savez and numpy.savez_compressed
 *  write it): all arrays in the file's order, named as in Python, in new
 *  memory, which is freed with the context or by #fv_named_tensors_free.
 * Nothing is decompressed that is larger than its array. No arrays after a
 * failure. */
FV_API fv_named_tensors fv_npz_load(fv_context *context, const char *path);
/** Frees what #fv_npz_load or #fv_network_weights made. */
FV_API void fv_named_tensors_free(fv_context *context,
                                  fv_named_tensors *arrays);
/** Writes `count` tensors, at least 1, as a NumPy archive (not compressed),
 *  atomically. Equal tensors and names make equal files. */
FV_API fv_status fv_npz_save(fv_context *context, const char *path,
                             int64_t count, const fv_named_tensor tensors[]);

#ifdef __cplusplus
}
#endif
#endif
