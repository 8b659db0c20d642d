/* Memory of tensors: made in the context, freed with it or before. */
#include "tensor/tensor.h"

#include <inttypes.h>

/* Header of the memory of a tensor, one cache line before the elements. */
typedef struct storage {
    fv__object object;
    fv_context *context;
} storage;

enum { FRONT_BYTES = 64 };
_Static_assert(sizeof(storage) <= FRONT_BYTES, "elements stay aligned");

static void destroy(void *object)
{
    storage *front = object;
    fv__release(front->context, front);
}

/* Records what is wrong with the extents. */
static bool check_shape(fv_context *context, fv_dtype dtype, int32_t rank,
                        const int64_t shape[])
{
    if (fv_dtype_bytes(dtype) == 0)
        fv_fail(context, FV_MISUSE, "tensor: unknown element type %d",
                (int)dtype);
    else if (rank < 0 || rank > FV_MAX_RANK)
        fv_fail(context, FV_MISUSE, "tensor: rank %d is outside 0..%d", rank,
                FV_MAX_RANK);
    else if (rank > 0 && !shape)
        fv_fail(context, FV_MISUSE, "tensor: no extents");
    for (int32_t axis = 0; fv__ok(context) && axis < rank; axis++)
        if (shape[axis] < 0)
            fv_fail(context, FV_MISUSE,
                    "tensor: extent %" PRId64 " of axis %d is negative",
                    shape[axis], axis);
    return fv__ok(context);
}

fv_tensor fv_tensor_new(fv_context *context, fv_dtype dtype, int32_t rank,
                        const int64_t shape[])
{
    if (!fv__ok(context) || !check_shape(context, dtype, rank, shape))
        return fv__tensor_failed();
    int64_t count = fv__product(rank, shape);
    size_t bytes = 0;
    fv_tensor tensor = fv_tensor_of(NULL, dtype, rank, shape);
    if (count < 0 || tensor.rank < 0
        || !fv__multiply((size_t)count, fv_dtype_bytes(dtype), &bytes)
        || !fv__add(bytes, FRONT_BYTES, &bytes)) {
        char text[FV__SHAPE_BYTES];
        fv_fail(context, FV_LIMIT, "tensor: %s %s has too many elements",
                fv_dtype_name(dtype),
                fv__shape_text(text, sizeof text, rank, shape));
        return fv__tensor_failed();
    }
    storage *front = fv__allocate_zero(context, FV__DATA, bytes);
    if (!front) return fv__tensor_failed();
    tensor.data = (char *)front + FRONT_BYTES;
    front->context = context;
    fv__adopt(context, &front->object, destroy);
    return tensor;
}

/* The header of the memory, if the tensor is the start of memory allocated
 * here. What lies before the elements of another tensor is not ours to read, so
 * the header is looked for among the objects of the context: from both ends,
 * because most memory is freed in the order of its making or the other way. */
static storage *find_front(fv_context *context, const fv_tensor *tensor)
{
    if (!context) return NULL;
    const uintptr_t wanted = (uintptr_t)tensor->data - FRONT_BYTES;
    fv__object *const ring = &context->objects;
    fv__object *newest = ring->next, *oldest = ring->previous;
    for (; newest != ring; newest = newest->next, oldest = oldest->previous) {
        fv__object *found = (uintptr_t)newest == wanted   ? newest
                            : (uintptr_t)oldest == wanted ? oldest
                                                          : NULL;
        if (found) return found->destroy == destroy ? (storage *)found : NULL;
    }
    return NULL;
}

bool fv__tensor_owned(fv_context *context, const fv_tensor *tensor)
{
    return find_front(context, tensor) != NULL;
}

void fv_tensor_free(fv_context *context, fv_tensor *tensor)
{
    if (!tensor || !tensor->data || tensor->rank < 0) return;
    storage *front = find_front(context, tensor);
    if (front)
        fv__destroy(front);
    else
        fv_fail(context, FV_MISUSE,
                "tensor: freed through a view or in another context");
    *tensor = fv__tensor_failed();
}

fv_tensor fv_tensor_dup(fv_context *context, const fv_tensor *tensor)
{
    if (!fv__tensor_check(context, "dup", tensor)) return fv__tensor_failed();
    fv_tensor copy =
        fv_tensor_new(context, tensor->dtype, tensor->rank, tensor->shape);
    if (copy.rank >= 0) fv__tensor_copy_elements(&copy, tensor);
    return copy;
}

/* First and last byte that the elements cover; the tensor is not empty. */
static void span(const fv_tensor *tensor, uintptr_t *first, uintptr_t *last)
{
    int64_t low = 0, high = 0;
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        int64_t reach = (tensor->shape[axis] - 1) * tensor->stride[axis];
        if (reach < 0)
            low += reach;
        else
            high += reach;
    }
    *first = (uintptr_t)fv__tensor_byte(tensor, low);
    *last = (uintptr_t)fv__tensor_byte(tensor, high + 1) - 1;
}

bool fv__tensor_overlap(const fv_tensor *a, const fv_tensor *b)
{
    uintptr_t a_first, a_last, b_first, b_last;
    if (fv_tensor_count(a) == 0 || fv_tensor_count(b) == 0) return false;
    span(a, &a_first, &a_last);
    span(b, &b_first, &b_last);
    return a_first <= b_last && b_first <= a_last;
}
