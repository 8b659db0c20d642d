/* Checks of operands by name, for shape rules, and numbers of the context's
 * type. */
#ifndef FV_OP_OPERAND_H
#define FV_OP_OPERAND_H

#include "op/op.h"

/* An operand's shape as text; lives as long as the enclosing block. */
#define FV__SHAPE(tensor)                                                      \
    fv__shape_text((char[FV__SHAPE_BYTES]){ 0 }, FV__SHAPE_BYTES,              \
                   (tensor)->rank, (tensor)->shape)

/* Whether operand k has the context's element type and `rank` axes (-1: any
 * number of them but 0). If not, records so with `what` as its name. */
bool fv__operand(const fv_inference *inference, int32_t k, const char *what,
                 int32_t rank);
/* Whether operand k, if there is one, is a vector with one number for each of
 * `count` `things`; otherwise records so. */
bool fv__operand_vector(const fv_inference *inference, int32_t k,
                        const char *what, int64_t count, const char *things);
/* Whether operands j and k have the same shape; otherwise records so. */
bool fv__operands_alike(const fv_inference *inference, int32_t j,
                        const char *j_name, int32_t k, const char *k_name);

/* Sums and products of sizes in bytes, at most SIZE_MAX, which no allocation
 * fulfils. */
static inline size_t fv__bytes_sum(size_t a, size_t b)
{
    size_t sum;
    return fv__add(a, b, &sum) ? sum : SIZE_MAX;
}
static inline size_t fv__bytes_times(size_t a, size_t b)
{
    size_t product;
    return fv__multiply(a, b, &product) ? product : SIZE_MAX;
}
/* Bytes of `count` numbers of the context's type. */
static inline size_t fv__real_bytes(const fv_context *context, int64_t count)
{
    return fv__bytes_times((size_t)count, fv__number_bytes(context));
}

/* Number i of those at `from`, of the context's type. */
static inline double fv__real_get(const fv_context *context, const void *from,
                                  int64_t i)
{
    return context->dtype == FV_F64 ? ((const double *)from)[i]
                                    : (double)((const float *)from)[i];
}

static inline void fv__real_set(const fv_context *context, void *to, int64_t i,
                                double value)
{
    if (context->dtype == FV_F64)
        ((double *)to)[i] = value;
    else
        ((float *)to)[i] = (float)value;
}

#endif
