/* Winograd's convolution: the transform of the weights. */
#include "conv/winograd/winograd.h"

/* Taps of some channels turned at a time, the most bytes of a panel's row, and
 * how many channels ahead weights are asked for. */
enum { TURN_TAPS = 25 * 8, PANEL_ROW = 128, AHEAD = 8 };

typedef struct filters {
    const fv__kernels *kernels;
    const fv__subconv *subconv;
    size_t element, count; /* of a panel */
    fv__scheme scheme;
    int64_t taps;
    const void *weight; /* first of the panel, and of the channels */
    int64_t left;       /* channels from there on */
} filters;

static const char *channel_at(const filters *f, int64_t channel)
{
    return fv__at(f->weight, channel * f->subconv->weight_channel, f->element);
}

/* The pieces of a channel, far apart in memory. */
static void prefetch(const filters *f, int64_t channel)
{
    const int64_t tap = f->subconv->weight_tap[1] * (int64_t)f->element;
    const char *piece = channel_at(f, channel);

    for (int64_t i = 0; i < f->taps; i++, piece += tap)
        for (size_t at = 0; at < f->count * f->element; at += 64)
            __builtin_prefetch(piece + at);
}

/* Filters that are neighbours in memory. */
static void transform(const filters *f, int64_t channels, fv__points out)
{
    for (int64_t c = 0; c < channels; c++) {
        prefetch(f, fv__min(c + AHEAD, f->left - 1));
        f->kernels->winograd_filter(f->scheme, f->count, channel_at(f, c),
                                    f->subconv->weight_tap[1], &out);
        out.at = fv__slot(out.at, f->kernels->nr, f->element);
    }
}

/* Filters apart in memory: first they are turned, to [tap][channel][nr]. */
static void turn_and_transform(const filters *f, int64_t channels,
                               fv__points out)
{
    const size_t nr = (size_t)f->kernels->nr;
    const int64_t tap_step = f->subconv->weight_tap[1] * (int64_t)f->element;
    const int64_t most = fv__max(TURN_TAPS / f->taps / 8 * 8, 1);
    _Alignas(64) char taps[TURN_TAPS * PANEL_ROW];

    for (int64_t c = 0; c < channels; c += most) {
        const size_t count = (size_t)fv__min(most, channels - c);
        const size_t numbers = count * nr;

        for (int64_t tap = 0; tap < f->taps; tap++)
            f->kernels->transpose(
                f->count, count, channel_at(f, c) + tap * tap_step,
                (size_t)f->subconv->weight_filter,
                fv__slot(taps, (ptrdiff_t)((size_t)tap * numbers), f->element),
                nr, nr);
        f->kernels->winograd_filter(f->scheme, numbers, taps,
                                    (ptrdiff_t)numbers, &out);
        out.at = fv__slot(out.at, (ptrdiff_t)numbers, f->element);
    }
}

void fv__winograd_filters(const fv__kernels *kernels, const fv__winograd *w,
                          const void *weight, const fv__winograd_panel *panel,
                          fv__points out)
{
    const fv__subconv *s = &w->subconv;
    const size_t element = fv__element(kernels);
    const int64_t first = panel->panel * kernels->nr;
    const int64_t at = s->weight_at + panel->group * s->weight_group
                       + first * s->weight_filter
                       + panel->channel * s->weight_channel;
    const filters f = {
        .kernels = kernels,
        .subconv = s,
        .element = element,
        .count = (size_t)fv__min(s->filters - first, kernels->nr),
        .scheme = w->scheme,
        .taps = w->taps,
        .weight = fv__at(weight, at, element),
        .left = s->channels - panel->channel,
    };

    if (s->weight_filter == 1)
        transform(&f, panel->channels, out);
    else
        turn_and_transform(&f, panel->channels, out);
}
