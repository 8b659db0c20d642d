/* The internal interface of tensors: checks, shapes and texts, and loops over
 * elements with any strides. */
#ifndef FV_TENSOR_TENSOR_H
#define FV_TENSOR_TENSOR_H

#include "base/base.h"

#include <fovea/tensor.h>

/* ---- shapes ------------------------------------------------------------ */

/* NULL data, rank -1. */
fv_tensor fv__tensor_failed(void);
/* Whether fv_tensor_free() takes it: its data is the start of memory that the
 * context allocated for a tensor. */
bool fv__tensor_owned(fv_context *context, const fv_tensor *tensor);
/* Row-major strides from the shape. */
void fv__tensor_strides(fv_tensor *tensor);
/* Whether the tensor can be read: not NULL, not failed, a known element type,
 * extents that can be, and memory if it has elements. If not, or while a
 * failure is pending, false; the former is recorded as "<who>: ...". */
bool fv__tensor_check(fv_context *context, const char *who,
                      const fv_tensor *tensor);
/* Bytes of a contiguous tensor's elements. */
size_t fv__tensor_bytes(const fv_tensor *tensor);
/* Makes a negative axis count from the end; one outside -rank..rank - 1 is
 * recorded. */
bool fv__tensor_axis(fv_context *context, const char *who, int32_t rank,
                     int32_t *axis);
/* The same for an index of an axis. */
bool fv__tensor_index(fv_context *context, const char *who,
                      const fv_tensor *tensor, int32_t axis, int64_t *index);
/* Shape that both broadcast to by NumPy's rules; false if there is none. */
bool fv__broadcast_shape(const fv_tensor *a, const fv_tensor *b, int32_t *rank,
                         int64_t *shape);

/* Enough for fv__shape_text of any tensor. */
enum { FV__SHAPE_BYTES = 192 };
/* "[2, 3, 4]"; returns `out`. */
const char *fv__shape_text(char *out, size_t bytes, int32_t rank,
                           const int64_t *shape);

/* ---- elements ---------------------------------------------------------- */

/* to = from; same shape and element type, any strides, memory apart. */
void fv__tensor_copy_elements(const fv_tensor *to, const fv_tensor *from);
/* to += from; the same, FV_F32 or FV_F64. */
void fv__tensor_add_elements(const fv_tensor *to, const fv_tensor *from);
/* to = from between any element types, same shape, memory apart. Returns -1,
 * or the flat row-major index of the first number that does not fit; what
 * follows it may be unwritten. */
int64_t fv__tensor_convert_elements(const fv_tensor *to, const fv_tensor *from);
/* Whether the memory between the first and the last byte of the one and that of
 * the other have a byte in common. */
bool fv__tensor_overlap(const fv_tensor *a, const fv_tensor *b);
/* to = from between any element types, same shape, memory of any kind: where
 * both overlap, `from` is copied first. A number that does not fit is recorded
 * as "<who>: ..."; what follows it may be unwritten. */
fv_status fv__tensor_assign(fv_context *context, const char *who,
                            const fv_tensor *to, const fv_tensor *from);
/* Records which element of `from` an element type cannot hold, and why. */
fv_status fv__tensor_misfit(fv_context *context, const char *who,
                            const fv_tensor *from, int64_t flat,
                            fv_dtype dtype);

/* Whether the element type is FV_F32 or FV_F64. */
static inline bool fv__dtype_is_real(fv_dtype dtype)
{
    return dtype == FV_F32 || dtype == FV_F64;
}
/* out[i] = from[i stride], n elements of any type. */
void fv__load_doubles(fv_dtype dtype, const void *from, int64_t stride,
                      int64_t n, double *out);
/* The same for integer types. */
void fv__load_integers(fv_dtype dtype, const void *from, int64_t stride,
                       int64_t n, int64_t *out);
/* to[i] = from[i], n elements of an integer type, modulo 2^bits; a truth value
 * is whether the number is not 0. */
void fv__store_wrapped(fv_dtype dtype, void *to, int64_t n,
                       const int64_t *from);
/* One element of any type in its shortest exact form. Returns `out`. */
const char *fv__element_text(fv_dtype dtype, const void *at,
                             char out[FV__NUMBER_BYTES]);

/* ---- iteration over two tensors ---------------------------------------------
 */

/* The axes of two tensors of the same shape, iterated together: axes of extent
 * 1 are removed, neighbours that are contiguous in both tensors are merged.
 * Strides are in elements. */
typedef struct fv__walk {
    int32_t rank;
    int64_t extent[FV_MAX_RANK];
    int64_t to[FV_MAX_RANK], from[FV_MAX_RANK];
} fv__walk;

/* Prepares the iteration. `sorted`: axes may be reordered so that writes
 * ascend; otherwise the order stays row-major. False if there are no elements.
 */
bool fv__walk_begin(fv__walk *walk, const fv_tensor *to, const fv_tensor *from,
                    bool sorted);
/* Steps the first `axes` axes to the next index, the last one fastest, and
 * moves both offsets; false after the last. `index` starts at zeros. */
bool fv__walk_next(const fv__walk *walk, int32_t axes, int64_t *index,
                   int64_t *to, int64_t *from);

/* The address of the element at an offset of `elements` elements from the
 * first. */
static inline char *fv__tensor_byte(const fv_tensor *tensor, int64_t elements)
{
    return (char *)tensor->data
           + elements * (int64_t)fv_dtype_bytes(tensor->dtype);
}

#endif
