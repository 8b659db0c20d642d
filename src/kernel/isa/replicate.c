/* Replicates input channels, so that lane i of a vector holds the channel that
 * filter i reads: a permutation of the vectors of memory that hold the channels
 * of all groups of the vector. */
#include "kernel/isa/isa.h"

enum {
    PIXELS = 16, /* whose channels are replicated, one channel after another,
                    before the next pixels, so that they stay in a first-level
                    cache; tuned by measurement */
    PARTS = VEC > 3 ? VEC : 3 /* of a source, at most */
};

/* What the lanes of one vector of filters read. A part is either a vector of
 * memory, of those that hold the channels of all groups, the last one having
 * `rest` elements; or, where there are more of these than groups, one group. */
typedef struct source {
    const fv__replicate *r;
    const real *x; /* channel 0 of the first lane's group, of the first pixel */
    mask channel;  /* of each lane: channel 0 of its group, relative to x */
    mask group;    /* of each lane, relative to the first lane's */
    size_t parts, rest;
} source;

/* For each part but the first, the lanes that read it. */
typedef mask part_lanes[PARTS];

/* In these functions `parts` is a constant where they are inlined, but for
 * any_vectors and any_groups. */

INLINE vec from_vectors(const source *from, const size_t parts, const real *x,
                        mask channel, const mask *lanes)
{
    const size_t last = parts - 1;
    vec v = last ? vec_load(x) : vec_load_part(x, from->rest);

    v = vec_permute(v, channel);
    for (size_t i = 1; i < parts; i++) {
        const real *more = x + i * VEC;
        const vec part =
            i < last ? vec_load(more) : vec_load_part(more, from->rest);

        v = vec_choose(lanes[i], vec_permute(part, channel), v);
    }
    return v;
}

INLINE vec from_groups(const source *from, const size_t parts, const real *x,
                       const mask *lanes)
{
    vec v = vec_all(*x);

    for (size_t i = 1; i < parts; i++)
        v = vec_choose(lanes[i], vec_all(x[i * from->r->channels]), v);
    return v;
}

INLINE void replicate_all(const source *from, const size_t parts,
                          const bool permuted)
{
    const fv__replicate *r = from->r;
    const size_t step = r->channel_count * VEC;

    for (size_t first = 0; first < r->pixels; first += PIXELS) {
        const size_t left = r->pixels - first;
        const size_t n = left < PIXELS ? left : PIXELS;
        const real *pixel = from->x + (ptrdiff_t)first * r->x_stride;
        real *out = (real *)r->out + first * step;

        for (size_t c = 0; c < r->channel_count; c++, out += VEC) {
            const mask channel = from->channel + (real_mask)(r->channel + c);
            const real *x = permuted ? pixel : pixel + r->channel + c;
            part_lanes lanes;

            for (size_t i = 1; i < parts; i++)
                lanes[i] = permuted ? (channel & -VEC) == (real_mask)(i * VEC)
                                    : from->group == (real_mask)i;
            for (size_t i = 0; i < n; i++, x += r->x_stride)
                vec_store(out + i * step,
                          permuted
                              ? from_vectors(from, parts, x, channel, lanes)
                              : from_groups(from, parts, x, lanes));
        }
    }
}

typedef void replicate_function(const source *from);

#define REPLICATE(parts)                                                       \
    static void vectors_##parts(const source *from)                            \
    {                                                                          \
        replicate_all(from, parts, true);                                      \
    }                                                                          \
    static void groups_##parts(const source *from)                             \
    {                                                                          \
        replicate_all(from, parts, false);                                     \
    }
REPLICATE(1)
REPLICATE(2)
REPLICATE(3)
static void any_vectors(const source *from)
{
    replicate_all(from, from->parts, true);
}
static void any_groups(const source *from)
{
    replicate_all(from, from->parts, false);
}

void FV_KERNEL(replicate)(const fv__replicate *r)
{
    static replicate_function *const kinds[2][4] = {
        { any_groups, groups_1, groups_2, groups_3 },
        { any_vectors, vectors_1, vectors_2, vectors_3 },
    };
    const size_t group = r->filter / r->filters;
    const size_t groups =
        (r->filter + r->filter_count - 1) / r->filters - group + 1;
    const size_t elements = groups * r->channels;
    const size_t vectors = (elements + VEC - 1) / VEC;
    const bool permuted = vectors <= groups;
    source from = { .r = r,
                    .x = (const real *)r->x + group * r->channels,
                    .parts = permuted ? vectors : groups,
                    .rest = elements - (vectors - 1) * VEC };

    for (size_t i = 0; i < VEC; i++) {
        const size_t lane = i < r->filter_count ? i : r->filter_count - 1;
        const size_t lane_group = (r->filter + lane) / r->filters - group;

        from.group[i] = (real_mask)lane_group;
        from.channel[i] = (real_mask)(lane_group * r->channels);
    }
    kinds[permuted][from.parts < 4 ? from.parts : 0](&from);
}
