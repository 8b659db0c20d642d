/* Places in a tensor that indices name: single elements along an axis, or
 * slices by vectors of indices of the first axes. */
#ifndef FV_OP_INDEX_PLACES_H
#define FV_OP_INDEX_PLACES_H

#include "op/op.h"

/* attributes */
typedef struct fv__places {
    int32_t vectors; /* 1: the last axis of the indices is a vector of them */
    int32_t axis;    /* 0 of vectors; of elements, the axis that is indexed */
    int32_t batch; /* of vectors: axes that a and the indices have in common */
    fv_scatter_reduction reduction; /* of scatter */
} fv__places;

/* The shape of the elements at the places, with the type of the tensor. The
 * tensor is input 0 and the indices are input 1. */
fv_status fv__places_infer(const fv_inference *inference, fv_tensor *elements);
/* How many places there are, and elements of each. */
int64_t fv__places_count(const fv__places *places, const fv_tensor *indices);
int64_t fv__places_size(const fv__places *places, const fv_tensor *x,
                        const fv_tensor *indices);
/* The first element of place k; -1 if an index is out of range. */
int64_t fv__place_at(const fv__places *places, const fv_tensor *x,
                     const fv_tensor *indices, int64_t k);

/* fv_gather_nd() whose first `batch` axes are those of both. */
fv_variable *fv__gather_nd(fv_variable *a, fv_variable *indices, int64_t batch);
extern const char *const fv__scatter_words[];

#endif
