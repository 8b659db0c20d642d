/* Where the sums of a convolution are cut. */
#include "kernel/conv.h"

/* Elements of a block of the column matrix of the weight gradient, columns of
 * one piece of it, the most parts, and the most elements of all parts. They
 * decide which bits come out: changing one changes every trained network. */
enum {
    BLOCK_ELEMENTS = 1 << 16,
    SLAB_COLUMNS = 512,
    PARTS = 8,
    PARTS_ELEMENTS = 1 << 22
};

int64_t fv__conv_rows(int64_t elements, int64_t width)
{
    const int64_t fewest = 48, most = 960, step = 24; /* of every mr, a whole */

    return fv__max(fewest, fv__min(most, elements / width / step * step));
}

fv__conv_sizes fv__conv_measure(const fv__geometry *g)
{
    fv__conv_sizes s = {
        .pixels = g->batch * g->out[0] * g->out[1],
        .taps = g->kernel[0] * g->kernel[1],
        .channels = g->channels / g->groups,
        .filters = g->filters / g->groups,
    };

    s.span = s.taps * s.channels;
    s.slabs = fv__divide_up(s.taps, fv__max(1, SLAB_COLUMNS / s.channels));
    s.slab_taps = fv__divide_up(s.taps, s.slabs);
    s.slabs = fv__divide_up(s.taps, s.slab_taps);
    s.block = fv__conv_rows(BLOCK_ELEMENTS, s.slab_taps * s.channels);
    s.blocks = fv__divide_up(s.pixels, s.block);
    s.parts =
        fv__max(1, fv__min(PARTS, PARTS_ELEMENTS / (s.span * g->filters)));
    s.parts = fv__max(1, fv__min(s.parts, s.blocks));
    return s;
}
