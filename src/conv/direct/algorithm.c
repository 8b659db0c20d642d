/* The interface of direct convolution: what it takes, and its directions in
 * terms of subconvolutions and their blocks. */
#include "conv/direct/direct.h"

static bool applicable(const fv__geometry *g)
{
    const fv__direction directions[] = { FV__FORWARD, FV__BACKWARD_DATA };

    for (int i = 0; i < 2; i++) {
        const int64_t count = fv__subconv_count(g, directions[i]);

        for (int64_t n = 0; n < count && count <= FV__MOST_SUBCONVS; n++) {
            const fv__subconv s = fv__subconv_of(g, directions[i], n);

            if (!fv__padded_rows_fit(&s)) return false;
        }
    }
    return true;
}

static bool is_single_channel(const fv__geometry *g, fv__direction direction)
{
    return direction == FV__FORWARD && fv__direct_is_single_channel(g);
}

static size_t packed(fv__conv_target target, const fv__geometry *g,
                     fv__direction direction)
{
    size_t all = 0;

    if (direction == FV__BACKWARD_WEIGHTS) return 0;
    if (is_single_channel(g, direction))
        return fv__direct_single_channel_packed(target, g);
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++)
        if (!fv__add(
                all,
                fv__direct_subconv_of(target, g, direction, i).packed_bytes,
                &all))
            return SIZE_MAX;
    return all;
}

/* Blocks are run one after the other and share the scratch memory. */
static size_t scratch(fv__conv_target target, const fv__geometry *g,
                      fv__direction direction)
{
    size_t most = 0;

    if (direction == FV__BACKWARD_WEIGHTS)
        return fv__direct_weight_grad_scratch(target, g);
    if (is_single_channel(g, direction))
        return fv__direct_single_channel_scratch(target, g);
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__direct_subconv s =
            fv__direct_subconv_of(target, g, direction, i);

        for (int64_t j = 0; j < fv__subconv_block_count(&s.blocks); j++) {
            const size_t bytes = fv__direct_plan(target, &s, j).scratch_bytes;

            if (bytes > most) most = bytes;
        }
    }
    return most;
}

/* ---- packing ------------------------------------------------------------ */

typedef struct packing {
    const fv__direct_subconv *subconv;
    const fv__conv_call *call;
    char *packed;
} packing;

/* Item: a panel of a group. */
static void pack_panel(void *argument, size_t item, size_t worker)
{
    const packing *p = argument;
    const size_t panels = (size_t)p->subconv->panels, group = item / panels;

    (void)worker;
    fv__subconv_pack(p->call->context->kernels, &p->subconv->subconv,
                     (int64_t)group, (int64_t)(item % panels), p->call->weight,
                     p->packed + group * panels * p->subconv->panel_bytes);
}

static void pack(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    char *at = call->packed;

    if (is_single_channel(g, direction)) {
        fv__direct_single_channel_pack(call);
        return;
    }
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__direct_subconv s = fv__direct_subconv_of(
            fv__conv_target_of(call->context), g, direction, i);
        packing p = { &s, call, at };

        if (s.pack_per_thread) continue;
        fv__parallel(call->context, (size_t)(g->groups * s.panels),
                     (double)s.packed_bytes, pack_panel, &p);
        at += s.packed_bytes;
    }
}

/* ---- running ------------------------------------------------------------ */

static void run(const fv__conv_call *call, fv__direction direction)
{
    const fv__geometry *g = call->geometry;
    const char *at = call->packed;

    if (g->batch == 0) return;
    if (direction == FV__BACKWARD_WEIGHTS) {
        fv__direct_weight_grad_run(call);
        return;
    }
    if (is_single_channel(g, direction)) {
        fv__direct_single_channel_run(call);
        return;
    }
    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__direct_subconv s = fv__direct_subconv_of(
            fv__conv_target_of(call->context), g, direction, i);

        for (int64_t j = 0; j < fv__subconv_block_count(&s.blocks); j++) {
            fv__direct plan =
                fv__direct_plan(fv__conv_target_of(call->context), &s, j);

            plan.call = call;
            plan.packed = at;
            plan.in = s.data ? call->dy : call->x;
            plan.out = s.data ? call->dx : call->y;
            plan.nontemporal = fv__conv_is_nontemporal(call, direction);
            fv__direct_run(&plan);
        }
        at += s.packed_bytes;
    }
}

const fv__conv_algorithm fv__conv_direct = {
    .name = "direct",
    .applicable = applicable,
    .cost = fv__direct_cost,
    .plain = true,
    .by_phases = true,
    .packed = packed,
    .scratch = scratch,
    .pack = pack,
    .run = run,
};
