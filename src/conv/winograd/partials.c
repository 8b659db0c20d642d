/* Adds the partial sums of a transformed weight gradient. */
#include "conv/winograd/winograd.h"

void fv__winograd_reduce_parts(const fv__kernels *kernels, fv__scheme in_scheme,
                               const fv__point_matrices *matrices,
                               int64_t parts, size_t n, size_t phase_step,
                               char *du)
{
    const size_t element = fv__element(kernels);
    const size_t side = (size_t)fv__scheme_axis_points(in_scheme);

    for (size_t i = 1; i < (size_t)parts; i++)
        for (size_t e = 0; e < side * side; e++) {
            const size_t phases = (size_t)fv__scheme_phases_at(in_scheme, e);

            for (size_t q = 0; q < phases; q++) {
                char *sum = fv__slot(
                    du, (ptrdiff_t)(e * matrices->point_step + q * phase_step),
                    element);

                kernels->axpy(n, 1, sum + i * matrices->bytes, sum);
            }
        }
}
