/* What decides how a depthwise forward pass or input gradient is computed:
 * residue classes, padded copies, and the cut into items. */
#include "conv/depthwise/depthwise.h"

/* All tuned by measurement. */
enum {
    ITEMS = 16,       /* items of one image, about */
    ITEM_ROWS = 2,    /* the rows of an item are a multiple of this number, the
                         rows of a tile */
    PADDED_ROWS = 8,  /* rows of an item that uses padded copies, at least: the
                         rows of a copy */
    DIRECT_TAPS = 7,  /* taps of a row, at most, without a padded copy: what
                         isa/depthwise.c has tiles for */
    PADDED_TAPS = 64, /* taps along an axis, at most, with a padded copy, which
                         then takes no more than 620 KiB */
    PADDED_STRIDE = 2 /* stride of rows, at most, with a padded copy; that of
                         columns is 1 */
};

fv__depthwise_classes fv__depthwise_classes_of(const fv__subconv *s, int axis)
{
    const int64_t step = fv__max(s->step[axis], 1), stride = s->stride[axis];
    const int64_t divisor = fv__common_divisor(stride, step);

    if (s->taps[axis] < 2) return (fv__depthwise_classes){ 1, stride, 1 };
    return (fv__depthwise_classes){ fv__max(step / divisor, 1), step,
                                    stride / divisor };
}

bool fv__depthwise_is_padded(const fv__subconv *s)
{
    return s->taps[1] > DIRECT_TAPS && s->taps[0] <= PADDED_TAPS
           && s->taps[1] <= PADDED_TAPS
           && !fv__chain_is_cut(fv__subconv_chain(s))
           && fv__depthwise_classes_of(s, 0).stride <= PADDED_STRIDE
           && fv__depthwise_classes_of(s, 1).stride == 1;
}

int64_t fv__depthwise_block(int64_t channels, int64_t blocks)
{
    const int64_t count =
        fv__max(1, fv__min(blocks, channels / FV__DEPTHWISE_CHANNELS));

    return fv__divide_up(fv__divide_up(channels, count), FV__DEPTHWISE_CHANNELS)
           * FV__DEPTHWISE_CHANNELS;
}

fv__depthwise_plan fv__depthwise_plan_of(fv__conv_target target,
                                         const fv__geometry *g,
                                         fv__direction direction)
{
    fv__depthwise_plan p = {
        .geometry = g,
        .direction = direction,
        .kernels = target.kernels,
        .element = fv__element(target.kernels),
    };
    int64_t rows = 1; /* of the largest class */

    for (int64_t i = 0; i < fv__subconv_count(g, direction); i++) {
        const fv__subconv s = fv__subconv_of(g, direction, i);
        const fv__depthwise_classes c = fv__depthwise_classes_of(&s, 0);

        rows = fv__max(rows, fv__divide_up(s.out[0], c.count));
        if (fv__depthwise_is_padded(&s)) {
            const size_t bytes = fv__depthwise_padded_bytes(c.stride, s.taps);

            if (bytes > p.padded_bytes) p.padded_bytes = bytes;
        }
    }
    p.rows = fv__divide_up(rows, ITEMS * ITEM_ROWS) * ITEM_ROWS;
    if (p.padded_bytes) p.rows = fv__max(p.rows, PADDED_ROWS);
    p.row_blocks = fv__divide_up(rows, p.rows);
    p.channels = fv__depthwise_block(
        g->channels, ITEMS / fv__max(g->batch * p.row_blocks, 1));
    p.channel_blocks = fv__divide_up(g->channels, p.channels);
    return p;
}

fv__depthwise_plan fv__depthwise_plan_of_call(const fv__conv_call *call,
                                              fv__direction direction)
{
    fv__depthwise_plan p = fv__depthwise_plan_of(
        fv__conv_target_of(call->context), call->geometry, direction);

    p.uncached =
        fv__conv_reads_uncached(call->context, call->geometry, direction);
    p.nontemporal = fv__conv_is_nontemporal(call, direction);
    p.call = call;
    return p;
}
