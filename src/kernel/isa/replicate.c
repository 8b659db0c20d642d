/* Channels of groups laid under the filters that meet them. */
#include "kernel/isa/isa.h"

/* Pixels that one channel after another is spread of, while a first-level cache
 * holds them. */
enum { PIXELS = 16 };
/* The most parts, of any number and as a constant. */
enum { PARTS = VEC > 3 ? VEC : 3 };

/* Where the lanes of a vector of filters find their channel 0, behind the
 * first lane's. All groups of the vector lie in `parts` vectors of memory, the
 * last cut to `rest` numbers; or, where these are more than groups, a part is
 * a group. */
typedef struct source {
    const fv__replicate *s;
    const real *x;
    mask at, group;
    size_t parts, rest;
} source;

/* Each lane's part, if it is not the first; parts are constants where these are
 * inlined, but for the last kind. */
typedef mask chosen[PARTS];

INLINE vec from_vectors(const source *from, const size_t parts, const real *x,
                        mask at, const mask *which)
{
    const size_t last = parts - 1;
    vec v = last ? vec_load(x) : vec_load_part(x, from->rest);

    v = vec_permute(v, at);
    for (size_t i = 1; i < parts; i++) {
        const real *more = x + i * VEC;
        const vec part =
            i < last ? vec_load(more) : vec_load_part(more, from->rest);

        v = vec_choose(which[i], vec_permute(part, at), v);
    }
    return v;
}

INLINE vec from_groups(const source *from, const size_t parts, const real *x,
                       const mask *which)
{
    vec v = vec_all(*x);

    for (size_t i = 1; i < parts; i++)
        v = vec_choose(which[i], vec_all(x[i * from->s->channels]), v);
    return v;
}

INLINE void replicate(const source *from, const size_t parts,
                      const bool permuted)
{
    const fv__replicate *s = from->s;
    const size_t step = s->made * VEC;

    for (size_t first = 0; first < s->pixels; first += PIXELS) {
        const size_t left = s->pixels - first;
        const size_t n = left < PIXELS ? left : PIXELS;
        const real *pixel = from->x + (ptrdiff_t)first * s->from;
        real *out = (real *)s->out + first * step;

        for (size_t c = 0; c < s->made; c++, out += VEC) {
            const mask at = from->at + (real_mask)(s->channel + c);
            const real *x = permuted ? pixel : pixel + s->channel + c;
            chosen which;

            for (size_t i = 1; i < parts; i++)
                which[i] = permuted ? (at & -VEC) == (real_mask)(i * VEC)
                                    : from->group == (real_mask)i;
            for (size_t i = 0; i < n; i++, x += s->from)
                vec_store(out + i * step,
                          permuted ? from_vectors(from, parts, x, at, which)
                                   : from_groups(from, parts, x, which));
        }
    }
}

typedef void some_spread(const source *from);

#define SPREAD(parts)                                                          \
    static void vectors_##parts(const source *from)                            \
    {                                                                          \
        replicate(from, parts, true);                                          \
    }                                                                          \
    static void groups_##parts(const source *from)                             \
    {                                                                          \
        replicate(from, parts, false);                                         \
    }
SPREAD(1)
SPREAD(2)
SPREAD(3)
static void any_vectors(const source *from)
{
    replicate(from, from->parts, true);
}
static void any_groups(const source *from)
{
    replicate(from, from->parts, false);
}

void FV_KERNEL(replicate)(const fv__replicate *s)
{
    static some_spread *const kinds[2][4] = {
        { any_groups, groups_1, groups_2, groups_3 },
        { any_vectors, vectors_1, vectors_2, vectors_3 },
    };
    const size_t group = s->first / s->filters;
    const size_t groups = (s->first + s->count - 1) / s->filters - group + 1;
    const size_t numbers = groups * s->channels;
    const size_t vectors = (numbers + VEC - 1) / VEC;
    const bool permuted = vectors <= groups;
    source from = { .s = s,
                    .x = (const real *)s->x + group * s->channels,
                    .parts = permuted ? vectors : groups,
                    .rest = numbers - (vectors - 1) * VEC };

    for (size_t i = 0; i < VEC; i++) {
        const size_t lane = i < s->count ? i : s->count - 1;
        const size_t number = (s->first + lane) / s->filters - group;

        from.group[i] = (real_mask)number;
        from.at[i] = (real_mask)(number * s->channels);
    }
    kinds[permuted][from.parts < 4 ? from.parts : 0](&from);
}
