/* Chooses the algorithm of a convolution: the requested one, or the one with
 * the lowest predicted cost, by shape, type and options alone. */
#include "conv/shared.h"

#include <fovea/function.h>

#include <stdio.h>

/* Indexed by fv_algorithm. */
static const fv__conv_algorithm *const algorithms[] = {
    [FV_CONV_REFERENCE] = &fv__conv_reference,
    [FV_CONV_IM2COL_GEMM] = &fv__conv_im2col,
    [FV_CONV_DIRECT] = &fv__conv_direct,
    [FV_CONV_WINOGRAD] = &fv__conv_winograd,
    [FV_CONV_DEPTHWISE] = &fv__conv_depthwise,
    [FV_CONV_COL2IM] = &fv__conv_col2im,
    [FV_CONV_GROUPED] = &fv__conv_grouped,
};
enum { ALGORITHMS = sizeof algorithms / sizeof *algorithms };

/* The tile sizes of the widest instruction set, with which workspace is counted
 * on every machine, for one thread, so that the choice is the same on all. */
static const fv__kernels widest[] = {
    [FV_F32] = { .dtype = FV_F32, .mr = 14, .nr = 32 },
    [FV_F64] = { .dtype = FV_F64, .mr = 14, .nr = 16 },
};

static size_t workspace(fv_dtype dtype, const fv__conv_algorithm *algorithm,
                        const fv__geometry *g, fv__direction direction)
{
    const fv__conv_target alone = { &widest[dtype], 1 };
    size_t all;

    if (!fv__add(algorithm->packed(alone, g, direction),
                 algorithm->scratch(alone, g, direction), &all))
        return SIZE_MAX;
    return all;
}

fv__conv_candidate fv__conv_consider(const fv_context *context, int number,
                                     const fv__conv_request *request,
                                     const fv__geometry *g,
                                     fv__direction direction)
{
    fv__conv_candidate c = { .algorithm = NULL };

    if (number <= FV_CONV_AUTO || number >= ALGORITHMS) return c;
    c.algorithm = algorithms[number];
    c.verdict = FV__CONV_CANNOT;
    if (!c.algorithm->applicable(g)
        || (c.algorithm->by_phases
            && fv__subconv_count(g, direction) > FV__MOST_SUBCONVS))
        return c;
    c.workspace = workspace(context->dtype, c.algorithm, g, direction);
    c.cost = c.algorithm->cost(g, direction);
    if ((request->strict || context->strict) && !c.algorithm->plain)
        c.verdict = FV__CONV_NOT_PLAIN;
    else if (request->max_workspace && c.workspace > 0
             && (request->max_workspace < 0
                 || c.workspace > (uint64_t)request->max_workspace))
        c.verdict = FV__CONV_TOO_LARGE;
    else
        c.verdict = FV__CONV_CAN;
    return c;
}

static const fv__conv_algorithm *refuse(fv_context *context, const char *who,
                                        const fv__conv_request *request,
                                        const fv__conv_candidate *c,
                                        const fv__geometry *g)
{
    char groups[40] = "", kernel[FV__EXTENTS_TEXT];

    if (g->groups > 1)
        snprintf(groups, sizeof groups, " in %lld groups",
                 (long long)g->groups);
    if (!c->algorithm)
        fv_fail(context, FV_MISUSE, "%s: algorithm %d is unknown (0 to %d)",
                who, request->algorithm, ALGORITHMS - 1);
    else if (c->verdict == FV__CONV_NOT_PLAIN)
        fv_fail(context, FV_UNSUPPORTED,
                "%s: algorithm %s rounds otherwise than plain sums, which "
                "strict asks for",
                who, c->algorithm->name);
    else if (c->verdict == FV__CONV_TOO_LARGE)
        fv_fail(context, FV_LIMIT,
                "%s: algorithm %s needs %zu bytes of workspace, max_workspace "
                "is %lld",
                who, c->algorithm->name, c->workspace,
                (long long)fv__max(request->max_workspace, 0));
    else
        fv_fail(context, FV_UNSUPPORTED,
                "%s: algorithm %s cannot do kernel %s with %lld channels%s",
                who, c->algorithm->name, fv__name_extents(g, g->kernel, kernel),
                (long long)g->channels, groups);
    return NULL;
}

const fv__conv_algorithm *fv__conv_choose(fv_context *context, const char *who,
                                          const fv__conv_request *request,
                                          const fv__geometry *g,
                                          fv__direction direction)
{
    const fv__conv_algorithm *best = NULL;
    double least = 0;

    if (!fv__ok(context)) return NULL;
    if (request->max_workspace < 0 && request->max_workspace != FV_OFF) {
        fv_fail(context, FV_MISUSE, "%s: max_workspace %lld is below 0", who,
                (long long)request->max_workspace);
        return NULL;
    }
    if (request->algorithm != FV_CONV_AUTO) {
        const fv__conv_candidate c = fv__conv_consider(
            context, request->algorithm, request, g, direction);

        if (c.algorithm && c.verdict == FV__CONV_CAN) return c.algorithm;
        return refuse(context, who, request, &c, g);
    }
    for (int i = FV_CONV_AUTO + 1; i < ALGORITHMS; i++) {
        const fv__conv_candidate c =
            fv__conv_consider(context, i, request, g, direction);

        if (c.verdict != FV__CONV_CAN || (best && !(c.cost < least))) continue;
        best = c.algorithm;
        least = c.cost;
    }
    return best; /* the reference can always */
}

fv_status fv__conv_resolve(fv_context *context, const char *who,
                           const fv__conv_request *request,
                           const fv__geometry *g, fv__direction direction,
                           fv__conv_descriptor *d)
{
    const fv__conv_algorithm *algorithm =
        fv__conv_choose(context, who, request, g, direction);
    const fv__conv_target target = fv__conv_target_of(context);

    if (!algorithm) return fv_failed(context);
    *d = (fv__conv_descriptor){
        .algorithm = algorithm,
        .direction = direction,
        .packed = algorithm->packed(target, g, direction),
        .scratch = algorithm->scratch(target, g, direction),
    };
    /* the sum of any four is a size, too */
    if (d->packed > SIZE_MAX / 4 - 64 || d->scratch > SIZE_MAX / 4 - 64)
        return fv_fail(context, FV_LIMIT,
                       "%s: the scratch of algorithm %s has no size that fits",
                       who, algorithm->name);
    return FV_OK;
}
