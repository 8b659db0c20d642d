/* Grouped convolution of few channels in each group. The forward pass and the
 * input gradient are computed with vectors over filters (channels_last.c) or
 * with vectors over the pixels of a row (planar.c), whichever is predicted to
 * take less time; the weight gradient has vectors over filters. */
#include "conv/grouped/grouped.h"
#include "conv/grouped/replicate.h"

/* Whether planar.c computes the bits of the definition: it adds to an input
 * gradient once, so no sum may be cut into blocks that are added one by one. */
static bool planar_fits(const fv__geometry *g, fv__direction direction)
{
    if (direction == FV__FORWARD) return true;
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);

        if (fv__chain_is_cut(fv__subconv_chain(&s))) return false;
    }
    return true;
}

bool fv__grouped_is_planar(const fv__geometry *g, fv__direction direction)
{
    return planar_fits(g, direction)
           && fv__grouped_planar_cost(g, direction)
                  < fv__grouped_channels_last_cost(g, direction);
}

static bool applicable(const fv__geometry *g)
{
    return g->groups > 1 && !fv__geometry_is_depthwise(g)
           && !fv__geometry_has_depth(g) && fv__replicated_fit(g);
}

static double cost(const fv__geometry *g, fv__direction direction)
{
    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__grouped_weight_grad_cost(g);
    return fv__grouped_is_planar(g, direction)
               ? fv__grouped_planar_cost(g, direction)
               : fv__grouped_channels_last_cost(g, direction);
}

static size_t packed(fv__conv_target target, const fv__geometry *g,
                     fv__direction direction)
{
    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    return fv__grouped_is_planar(g, direction)
               ? fv__grouped_planar_packed(target, g, direction)
               : fv__grouped_channels_last_packed(target, g, direction);
}

static size_t scratch(fv__conv_target target, const fv__geometry *g,
                      fv__direction direction)
{
    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__grouped_weight_grad_scratch(target, g);
    return fv__grouped_is_planar(g, direction)
               ? fv__grouped_planar_scratch(target, g, direction)
               : fv__grouped_channels_last_scratch(target, g, direction);
}

static void pack(const fv__conv_call *call, fv__direction direction)
{
    if (fv__grouped_is_planar(call->geometry, direction))
        fv__grouped_planar_pack(call, direction);
    else
        fv__grouped_channels_last_pack(call, direction);
}

static void run(const fv__conv_call *call, fv__direction direction)
{
    if (call->geometry->batch == 0) return;
    if (direction == FV__BACKWARD_WEIGHTS)
        fv__grouped_weight_grad_run(call);
    else if (fv__grouped_is_planar(call->geometry, direction))
        fv__grouped_planar_run(call, direction);
    else
        fv__grouped_channels_last_run(call, direction);
}

const fv__conv_algorithm fv__conv_grouped = {
    .name = "grouped",
    .applicable = applicable,
    .cost = cost,
    .plain = true,
    .by_phases = true,
    .packed = packed,
    .scratch = scratch,
    .pack = pack,
    .run = run,
};
