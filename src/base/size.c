/* Arithmetic on sizes that says so when a result does not fit. */
#include "base/base.h"

bool fv__multiply(size_t a, size_t b, size_t *product)
{
    if (a && b > SIZE_MAX / a) return false;
    *product = a * b;
    return true;
}

bool fv__add(size_t a, size_t b, size_t *sum)
{
    if (b > SIZE_MAX - a) return false;
    *sum = a + b;
    return true;
}

/* An extent of zero makes the product zero but does not excuse the others, so
 * that strides fit as well. */
int64_t fv__product(int32_t rank, const int64_t *extents)
{
    const int64_t limit = (int64_t)1 << 47;
    int64_t product = 1;
    bool empty = false;
    for (int32_t i = 0; i < rank; i++) {
        int64_t extent = extents[i];
        if (extent < 0) return -1;
        if (extent == 0) {
            empty = true;
            continue;
        }
        if (extent > (limit - 1) / product) return -1;
        product *= extent;
    }
    return empty ? 0 : product;
}

int64_t fv__saturated_sum(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

int64_t fv__saturated_product(int32_t count, const int64_t *factors)
{
    int64_t product = 1;
    for (int32_t i = 0; i < count; i++)
        if (factors[i] == 0) return 0;
    for (int32_t i = 0; i < count; i++) {
        if (product > INT64_MAX / factors[i]) return INT64_MAX;
        product *= factors[i];
    }
    return product;
}
