/* Winograd's convolution: the transform of the weights. */
#include "conv/winograd/winograd.h"

/* Filters that are not contiguous in memory are transposed some channels at a
 * time: at most TRANSPOSED_ROWS taps x channels (8 channels of 25 taps) of
 * PANEL_BYTES, the largest nr of any table in bytes. */
enum { TRANSPOSED_ROWS = 25 * 8, PANEL_BYTES = 128 };
/* Weights are prefetched this many channels ahead. */
enum { PREFETCH_CHANNELS = 8 };

/* The filters of a panel. */
typedef struct panel_filters {
    const fv__kernels *kernels;
    const fv__subconv *subconv;
    size_t element, count; /* bytes of an element; filters */
    fv__scheme scheme;
    int64_t taps;
    const void *weight; /* of the first channel that is transformed */
    int64_t channels;   /* from that channel to the last of the group */
} panel_filters;

static const char *channel_at(const panel_filters *f, int64_t channel)
{
    return fv__at(f->weight, channel * f->subconv->weight_channel, f->element);
}

/* Prefetches the taps of a channel, which lie far apart in memory. */
static void prefetch(const panel_filters *f, int64_t channel)
{
    const int64_t tap_bytes = f->subconv->weight_tap[1] * (int64_t)f->element;
    const char *tap = channel_at(f, channel);

    for (int64_t i = 0; i < f->taps; i++, tap += tap_bytes)
        for (size_t at = 0; at < f->count * f->element; at += 64)
            __builtin_prefetch(tap + at);
}

static void transform(const panel_filters *f, int64_t channels,
                      fv__transformed_tile u)
{
    for (int64_t c = 0; c < channels; c++) {
        prefetch(f, fv__min(c + PREFETCH_CHANNELS, f->channels - 1));
        f->kernels->winograd_filter(f->scheme, f->count, channel_at(f, c),
                                    f->subconv->weight_tap[1], &u);
        u.values = fv__slot(u.values, f->kernels->nr, f->element);
    }
}

/* Transposes filters that are not contiguous to [tap][channel][nr] first. */
static void transpose_and_transform(const panel_filters *f, int64_t channels,
                                    fv__transformed_tile u)
{
    const size_t nr = (size_t)f->kernels->nr;
    const int64_t tap_bytes = f->subconv->weight_tap[1] * (int64_t)f->element;
    const int64_t most = fv__max(TRANSPOSED_ROWS / f->taps / 8 * 8, 1);
    _Alignas(64) char taps[TRANSPOSED_ROWS * PANEL_BYTES];

    for (int64_t c = 0; c < channels; c += most) {
        const size_t count = (size_t)fv__min(most, channels - c);
        const size_t tap_step = count * nr;

        for (int64_t tap = 0; tap < f->taps; tap++)
            f->kernels->transpose(
                f->count, count, channel_at(f, c) + tap * tap_bytes,
                (size_t)f->subconv->weight_filter,
                fv__slot(taps, (ptrdiff_t)((size_t)tap * tap_step), f->element),
                nr, nr);
        f->kernels->winograd_filter(f->scheme, tap_step, taps,
                                    (ptrdiff_t)tap_step, &u);
        u.values = fv__slot(u.values, (ptrdiff_t)tap_step, f->element);
    }
}

void fv__winograd_transform_filters(const fv__kernels *kernels,
                                    const fv__winograd_tiling *w,
                                    const void *weight,
                                    const fv__winograd_panel *panel,
                                    fv__transformed_tile u)
{
    const fv__subconv *s = &w->subconv;
    const size_t element = fv__element(kernels);
    const int64_t first = panel->panel * kernels->nr;
    const int64_t at = s->weight_at + panel->group * s->weight_group
                       + first * s->weight_filter
                       + panel->channel * s->weight_channel;
    const panel_filters f = {
        .kernels = kernels,
        .subconv = s,
        .element = element,
        .count = (size_t)fv__min(s->filters - first, kernels->nr),
        .scheme = w->scheme,
        .taps = w->taps,
        .weight = fv__at(weight, at, element),
        .channels = s->channels - panel->channel,
    };

    if (s->weight_filter == 1)
        transform(&f, panel->channels, u);
    else
        transpose_and_transform(&f, panel->channels, u);
}
