/* Which algorithm does a convolution: the one asked for, or the first of a
 * fixed order that can. */
#include "kernel/kernel.h"

#include <fovea/variable.h>

static const struct {
    fv_algorithm number;
    const fv__conv_algorithm *algorithm;
} algorithms[] = { /* best first */
                   { FV_CONV_DIRECT, &fv__conv_direct },
                   { FV_CONV_IM2COL_GEMM, &fv__conv_im2col },
                   { FV_CONV_REFERENCE, &fv__conv_reference }
};

const fv__conv_algorithm *fv__conv_choose(fv_context *context, const char *who,
                                          int algorithm, const fv__geometry *g,
                                          fv__direction direction)
{
    (void)direction;
    if (!fv__ok(context)) return NULL;
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        const fv__conv_algorithm *found = algorithms[i].algorithm;

        if (algorithm != FV_CONV_AUTO && algorithm != (int)algorithms[i].number)
            continue;
        if (found->applicable(context, g)) return found;
        if (algorithm == FV_CONV_AUTO) continue;
        fv_fail(context, FV_UNSUPPORTED,
                "%s: algorithm %s cannot do kernel %lldx%lld with %lld "
                "channels",
                who, found->name, (long long)g->kernel[0],
                (long long)g->kernel[1], (long long)g->channels);
        return NULL;
    }
    fv_fail(context, FV_MISUSE, "%s: algorithm %d is unknown (0 to %d)", who,
            algorithm, (int)FV_CONV_DIRECT);
    return NULL;
}
