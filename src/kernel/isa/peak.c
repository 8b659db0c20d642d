/* The rate of multiply-adds: the chains of a tile, without its memory. */
#include "kernel/isa/isa.h"

void FV_KERNEL(peak)(size_t k, double x, double y, void *c)
{
    const vec a = vec_all((real)x), b = vec_all((real)y);
    vec sum[MR][2];
    real *at = c;

    UNROLLED
    for (size_t i = 0; i < MR; i++) {
        sum[i][0] = vec_load(at + i * NR);
        sum[i][1] = vec_load(at + i * NR + VEC);
    }
    for (size_t l = 0; l < k; l++) {
        UNROLLED
        for (size_t i = 0; i < MR; i++) {
            sum[i][0] = vec_fma(a, b, sum[i][0]);
            sum[i][1] = vec_fma(a, b, sum[i][1]);
        }
    }
    UNROLLED
    for (size_t i = 0; i < MR; i++) {
        vec_store(at + i * NR, sum[i][0]);
        vec_store(at + i * NR + VEC, sum[i][1]);
    }
}
