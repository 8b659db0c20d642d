/* Weight gradient of a depthwise convolution: the sums of some taps of a vector
 * of channels in registers, outputs in order. */
#include "kernel/isa/window.h"

/* Outputs of a tile; the most rows of taps and taps of a row at once; outputs
 * that all channels go through before the next ones. So many, and the inputs
 * they meet, are pages that the TLB holds. Padding is read from as many zeros
 * as there are channels at once. */
enum { TILE = 4, DOWN = 3, ACROSS = 7, MOST_TAPS = 10 };
enum { OUTPUTS = 96, CHANNELS = 512 };

static const real zeros[CHANNELS];

/* What is summed at once; these are constants where they are inlined. */
typedef struct kind {
    int64_t down, across; /* taps */
    int64_t stride;       /* at which outputs of a tile share inputs */
    bool part;            /* channels that fill no vector */
    bool alone;           /* outputs that share no inputs */
} kind;

/* Neighbours in a row, up to a tile of them, and where each input lies; or many
 * tiles, or outputs that share nothing, whose inputs are all there, `step`
 * apart and `next` from those of one to those of the next. */
typedef struct outputs {
    const real *dy;
    int64_t count, tiles;  /* outputs; how many times, 0: once, with */
    const real *const *at; /* [down][columns] */
    const real *row[DOWN];
    ptrdiff_t step[DOWN], next[DOWN];
} outputs;

/* Some taps, and a list of outputs. */
typedef struct work {
    const fv__depthwise_grad *d;
    int64_t row, column; /* first tap */
    size_t channel, channels;
    size_t count, places;
    outputs list[OUTPUTS];
    const real *place[OUTPUTS * MOST_TAPS];
} work;

typedef vec sums[DOWN][ACROSS];

/* Vectors that are summed at once, where registers hold their sums: lines of
 * memory that are neighbours come together. */
#if REGISTERS > 16
enum { PAIR = 2 };
#else
enum { PAIR = 1 };
#endif

INLINE vec load(const kind k, const real *x, size_t n)
{
    return k.part ? vec_load_part(x, n) : vec_load(x);
}

/* `count` outputs, a constant; with `inner`, tile number `tile`. */
INLINE void add_outputs(const kind k, const size_t vectors, const int64_t count,
                        const bool inner, sums *sum, vec *bias,
                        const outputs *o, int64_t tile, ptrdiff_t to, size_t c,
                        size_t n)
{
    const int64_t wide = (count - 1) * k.stride + k.across;
    const real *at = o->dy + tile * count * to + c;
    vec dy[PAIR][TILE];

    UNROLLED
    for (int64_t q = 0; q < count; q++) {
        for (size_t v = 0; v < vectors; v++) {
            dy[v][q] = load(k, at + q * to + v * VEC, n);
            bias[v] = bias[v] + dy[v][q];
        }
    }
    UNROLLED
    for (int64_t i = 0; i < k.down; i++) {
        const ptrdiff_t step = inner ? o->step[i] : 0;
        const real *x = inner ? o->row[i] + tile * o->next[i] + c : NULL;

        UNROLLED
        for (int64_t j = 0; j < wide; j++) {
            const real *from = inner ? x + j * step : o->at[i * wide + j] + c;

            UNROLLED
            for (size_t v = 0; v < vectors; v++) {
                const vec in = load(k, from + v * VEC, n);

                UNROLLED
                for (int64_t q = 0; q < count; q++) {
                    const int64_t tap = j - q * k.stride;

                    if (tap >= 0 && tap < k.across)
                        sum[v][i][tap] = vec_fma(dy[v][q], in, sum[v][i][tap]);
                }
            }
        }
    }
}

INLINE void add_list(const kind k, const size_t vectors, sums *sum, vec *bias,
                     const work *w, size_t c, size_t n)
{
    const ptrdiff_t to = w->d->axis[1].to;

    for (const outputs *o = w->list; o < w->list + w->count; o++)
        if (k.alone && o->tiles)
            for (int64_t i = 0; i < o->tiles; i++)
                add_outputs(k, vectors, 1, true, sum, bias, o, i, to, c, n);
        else if (k.alone || o->count == 1)
            add_outputs(k, vectors, 1, false, sum, bias, o, 0, to, c, n);
        else if (o->count == 2)
            add_outputs(k, vectors, 2, false, sum, bias, o, 0, to, c, n);
        else if (o->tiles == 0)
            add_outputs(k, vectors, TILE, false, sum, bias, o, 0, to, c, n);
        else
            for (int64_t i = 0; i < o->tiles; i++)
                add_outputs(k, vectors, TILE, true, sum, bias, o, i, to, c, n);
}

/* Sums are whole vectors; of the bias, only what is there. */
INLINE void add_vectors(const kind k, const size_t vectors, const work *w,
                        size_t c, size_t n)
{
    const fv__depthwise_grad *d = w->d;
    const ptrdiff_t down = d->axis[0].weight, across = d->axis[1].weight;
    const bool biased = d->dbias && w->row == 0 && w->column == 0;
    real *to = (real *)d->dweight + w->row * down + w->column * across
               + w->channel + c;
    real *dbias = biased ? (real *)d->dbias + w->channel + c : NULL;
    vec bias[PAIR];
    sums sum[PAIR];

    UNROLLED
    for (size_t v = 0; v < vectors; v++) {
        bias[v] = biased ? load(k, dbias + v * VEC, n) : vec_all(0);
        for (int64_t i = 0; i < k.down; i++)
            for (int64_t j = 0; j < k.across; j++)
                sum[v][i][j] =
                    d->fresh ? vec_all(0)
                             : vec_load(to + i * down + j * across + v * VEC);
    }
    add_list(k, vectors, sum, bias, w, c, n);
    UNROLLED
    for (size_t v = 0; v < vectors; v++) {
        for (int64_t i = 0; i < k.down; i++)
            for (int64_t j = 0; j < k.across; j++)
                vec_store(to + i * down + j * across + v * VEC, sum[v][i][j]);
        if (biased && k.part)
            vec_store_part(dbias, n, bias[v]);
        else if (biased)
            vec_store(dbias + v * VEC, bias[v]);
    }
}

INLINE void add_channels(const kind k, const work *w)
{
    size_t c = 0;

    if (!k.part)
        for (; c + PAIR * VEC <= w->channels; c += PAIR * VEC)
            add_vectors(k, PAIR, w, c, w->channels);
    if (k.part || PAIR > 1)
        for (; c < w->channels; c += VEC) add_vectors(k, 1, w, c, w->channels);
}

/* ---- kinds -------------------------------------------------------------- */

typedef struct taps {
    int64_t down, across, stride;
    void (*run[2][2])(const work *w); /* [part][alone] */
} taps;

#define NAMED(name, down, across, stride) name##_##down##_##across##_##stride
#define RUN(name, down, across, f, part, alone)                                \
    static void NAMED(name, down, across, f)(const work *w)                    \
    {                                                                          \
        add_channels((kind){ down, across, f, part, alone }, w);               \
    }
#define TAPS(down, across, f)                                                  \
    RUN(whole, down, across, f, false, false)                                  \
    RUN(whole_alone, down, across, f, false, true)                             \
    RUN(part, down, across, f, true, false)                                    \
    RUN(part_alone, down, across, f, true, true)
#define NAMES(down, across, f)                                                 \
    { down,                                                                    \
      across,                                                                  \
      f,                                                                       \
      { { NAMED(whole, down, across, f),                                       \
          NAMED(whole_alone, down, across, f) },                               \
        { NAMED(part, down, across, f),                                        \
          NAMED(part_alone, down, across, f) } } },
#define EACH_KIND(X)                                                           \
    X(1, 7, 1)                                                                 \
    X(2, 5, 1)                                                                 \
    X(2, 5, 2) X(1, 5, 1) X(3, 3, 1) X(3, 3, 2) X(1, 3, 1) X(3, 1, 1) X(1, 1, 1)
EACH_KIND(TAPS)

/* The first kind that is not too large; of two such, that of the stride. */
static const taps *kind_of(int64_t down, int64_t across, int64_t stride)
{
    static const taps kinds[] = { EACH_KIND(NAMES) };
    const taps *k = kinds, *last = kinds + sizeof kinds / sizeof *kinds - 1;

    while (k->down > down || k->across > across) k++;
    if (k < last && k->stride != stride && k[1].down == k->down
        && k[1].across == k->across)
        k++;
    return k;
}

/* ---- lists -------------------------------------------------------------- */

static const real *input(const work *w, int64_t i, int64_t j)
{
    const fv__window *r = &w->d->axis[0], *s = &w->d->axis[1];

    if (!inside(r, i) || !inside(s, j)) return zeros;
    return (const real *)w->d->x + i * r->from + j * s->from + w->channel;
}

/* `count` outputs from (p, q) on, or `tiles` times as many. */
static void append(work *w, const taps *k, int64_t p, int64_t q, int64_t count,
                   int64_t tiles)
{
    const fv__window *r = &w->d->axis[0], *s = &w->d->axis[1];
    const int64_t left = q * s->stride + w->column * s->step;
    const int64_t wide = (count - 1) * k->stride + k->across;
    outputs *o = &w->list[w->count++];

    o->dy = (const real *)w->d->dy + p * r->to + q * s->to + w->channel;
    o->count = count;
    o->tiles = tiles;
    o->at = w->place + w->places;
    for (int64_t i = 0; i < k->down; i++) {
        const int64_t top = p * r->stride + (w->row + i) * r->step;

        if (tiles) {
            const real *row = input(w, top, left);
            const ptrdiff_t from = row == zeros ? 0 : s->from;

            o->row[i] = row;
            o->step[i] = s->step * from;
            o->next[i] = count * s->stride * from;
            continue;
        }
        for (int64_t j = 0; j < wide; j++)
            w->place[w->places++] = input(w, top, left + j * s->step);
    }
}

/* Outputs from q on whose inputs are there, before output `last`. */
static int64_t inner_outputs(const work *w, const taps *k, int64_t q,
                             int64_t last)
{
    const fv__window *s = &w->d->axis[1];
    const int64_t left = q * s->stride + w->column * s->step;
    const int64_t right = s->high - 1 - (w->column + k->across - 1) * s->step;

    if (left < s->low || right < 0) return 0;
    return fv__max(0, fv__min(last, right / s->stride + 1) - q);
}

/* Whether neighbours share no inputs. */
static bool alone(const work *w, const taps *k)
{
    return w->d->axis[1].stride != k->stride || w->d->axis[1].step != 1;
}

/* Leaves of outputs [*q, *last) of row p those that meet the image at some of
 * the taps; all at the first ones, where their bias is summed. */
static void leave_inside(const work *w, const taps *k, int64_t p, int64_t *q,
                         int64_t *last)
{
    const fv__window *r = &w->d->axis[0], *s = &w->d->axis[1];
    const int64_t top = p * r->stride + w->row * r->step;
    const int64_t left = w->column * s->step;
    const int64_t right = left + (k->across - 1) * s->step;
    bool there = false;

    if (w->row == 0 && w->column == 0) return;
    for (int64_t i = 0; i < k->down; i++)
        there = there || inside(r, top + i * r->step);
    if (!there) *last = *q;
    if (s->low > right)
        *q = fv__max(*q, fv__divide_up(s->low - right, s->stride));
    *last = s->high > left
                ? fv__min(*last, fv__divide_up(s->high - left, s->stride))
                : *q;
}

/* Outputs q to last of row p. */
static void append_row(work *w, const taps *k, int64_t p, int64_t q,
                       int64_t last)
{
    const int64_t most = alone(w, k) ? 1 : TILE;

    leave_inside(w, k, p, &q, &last);
    while (q < last) {
        const int64_t tiles = inner_outputs(w, k, q, last) / most;
        const int64_t left = last - q;
        const int64_t count = left < most ? (left < 2 ? 1 : 2) : most;

        append(w, k, p, q, count, tiles);
        q += tiles ? tiles * count : count;
    }
}

/* The outputs from number `first` on, of all rows one after another. */
static void run_list(work *w, const taps *k, int64_t first, int64_t last,
                     bool part)
{
    const int64_t columns = w->d->axis[1].outputs;

    w->count = w->places = 0;
    for (int64_t p = first / columns; p * columns < last; p++)
        append_row(w, k, p, fv__max(first - p * columns, 0),
                   fv__min(last - p * columns, columns));
    k->run[part][alone(w, k)](w);
}

static void run_channels(work *w, const taps *k, int64_t first, int64_t last)
{
    const size_t whole = w->d->channels / VEC * VEC;
    size_t c = 0;

    for (; c < whole; c += w->channels) {
        w->channel = c;
        w->channels = whole - c < CHANNELS ? whole - c : CHANNELS;
        run_list(w, k, first, last, false);
    }
    w->channel = c;
    w->channels = w->d->channels - c;
    if (w->channels) run_list(w, k, first, last, true);
}

static void fetch_all(const fv__depthwise_grad *d)
{
    const fv__window *r = &d->axis[0], *s = &d->axis[1];

    fetch_inputs(d->axis, d->x, d->channels, 0, r->outputs);
    for (int64_t p = 0; p < r->outputs; p++)
        fetch((const real *)d->dy + p * r->to, s->outputs, s->to, d->channels);
}

void FV_KERNEL(depthwise_grad)(const fv__depthwise_grad *d)
{
    const int64_t down = d->axis[0].taps, across = d->axis[1].taps;
    const int64_t end = d->axis[0].outputs * d->axis[1].outputs;
    fv__depthwise_grad some = *d;
    work w;

    w.d = &some;
    if (d->far) fetch_all(d);
    for (int64_t first = 0; first < end; first += OUTPUTS) {
        for (w.column = 0; w.column < across;) {
            const int64_t stride = d->axis[1].stride;
            const taps *k = kind_of(down, across - w.column, stride);
            const int64_t width = k->across;

            for (w.row = 0; w.row < down; w.row += k->down) {
                k = kind_of(down - w.row, width, stride);
                run_channels(&w, k, first, fv__min(first + OUTPUTS, end));
            }
            w.column += width;
        }
        some.fresh = false;
    }
}
