/* Weight gradient of a depthwise convolution: for one vector of channels after
 * another, the sums of some taps are kept in registers while the outputs are
 * read in order. */
#include "kernel/isa/window.h"

/* All tuned by measurement. */
enum {
    TILE = 4,     /* outputs of a tile, neighbours in a row that share inputs */
    TAP_ROWS = 3, /* rows of taps whose sums are in registers, at most */
    TAPS = 7,     /* taps of a row whose sums are in registers, at most */
    MOST_TAPS = 10, /* taps whose sums are in registers, at most */
    OUTPUTS = 96,   /* that are read for all channels before the next ones: so
                       few that the TLB holds their pages and their inputs' */
    CHANNELS = 512  /* that have one list of outputs */
};

/* What is read for padding. */
static const real zeros[CHANNELS];

/* What is summed at once; these are constants where they are inlined. */
typedef struct kind {
    int64_t tap_rows, taps; /* rows of taps, taps of a row */
    int64_t stride;         /* at which the outputs of a tile share inputs */
    bool partial;           /* fewer channels than a vector has lanes */
    bool separate;          /* outputs share no inputs: tiles are one output */
} kind;

/* Neighbouring outputs of a row: either `tiles` tiles of `count` outputs none
 * of whose inputs is padding beside the image, or, if `tiles` is 0, one tile
 * with a pointer to each of its inputs. */
typedef struct outputs {
    const real *dy; /* first output */
    int64_t count, tiles;
    const real *const *input; /* [tap_rows][inputs of a row] */
    /* With tiles, for each row of taps: the first input; elements from one
     * input of a tile to the next; and from tile to tile. Both are 0 for
     * padding. */
    const real *row[TAP_ROWS];
    ptrdiff_t step[TAP_ROWS], tile_step[TAP_ROWS];
} outputs;

/* Some taps, and a list of outputs. */
typedef struct work {
    const fv__depthwise_grad *d;
    int64_t row, column; /* of the first tap */
    size_t channel, channels;
    size_t count, inputs; /* used of the arrays */
    outputs list[OUTPUTS];
    const real *input[OUTPUTS * MOST_TAPS];
} work;

typedef vec sums[TAP_ROWS][TAPS];

/* Vectors of channels that are summed at once, as many as registers hold the
 * sums of: they are read from neighbouring cache lines. */
#if REGISTERS > 16
enum { PAIR = 2 };
#else
enum { PAIR = 1 };
#endif

INLINE vec load(const kind k, const real *x, size_t n)
{
    return k.partial ? vec_load_part(x, n) : vec_load(x);
}

/* Adds `count` outputs, a constant: with `inner` those of tile number `tile`.
 */
INLINE void add_outputs(const kind k, const size_t vectors, const int64_t count,
                        const bool inner, sums *sum, vec *bias,
                        const outputs *o, int64_t tile, ptrdiff_t to, size_t c,
                        size_t n)
{
    const int64_t in_columns = (count - 1) * k.stride + k.taps;
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
    for (int64_t i = 0; i < k.tap_rows; i++) {
        const ptrdiff_t step = o->step[i];
        const real *x = o->row[i] + tile * o->tile_step[i] + c;

        UNROLLED
        for (int64_t j = 0; j < in_columns; j++) {
            const real *from =
                inner ? x + j * step : o->input[i * in_columns + j] + c;

            UNROLLED
            for (size_t v = 0; v < vectors; v++) {
                const vec in = load(k, from + v * VEC, n);

                UNROLLED
                for (int64_t q = 0; q < count; q++) {
                    const int64_t tap = j - q * k.stride;

                    if (tap >= 0 && tap < k.taps)
                        sum[v][i][tap] = vec_fma(dy[v][q], in, sum[v][i][tap]);
                }
            }
        }
    }
}

INLINE void add_list(const kind k, const size_t vectors, sums *sum, vec *bias,
                     const work *w, size_t c, size_t n)
{
    const ptrdiff_t to = w->d->axis[1].y_stride;

    for (const outputs *o = w->list; o < w->list + w->count; o++)
        if (k.separate && o->tiles)
            for (int64_t i = 0; i < o->tiles; i++)
                add_outputs(k, vectors, 1, true, sum, bias, o, i, to, c, n);
        else if (k.separate || o->count == 1)
            add_outputs(k, vectors, 1, false, sum, bias, o, 0, to, c, n);
        else if (o->count == 2)
            add_outputs(k, vectors, 2, false, sum, bias, o, 0, to, c, n);
        else if (o->tiles == 0)
            add_outputs(k, vectors, TILE, false, sum, bias, o, 0, to, c, n);
        else
            for (int64_t i = 0; i < o->tiles; i++)
                add_outputs(k, vectors, TILE, true, sum, bias, o, i, to, c, n);
}

/* Adds the list of outputs for some vectors of channels, from c on. Sums of
 * taps are whole vectors in memory, those of the bias are not. The bias is
 * summed with the first taps. */
INLINE void add_vectors(const kind k, const size_t vectors, const work *w,
                        size_t c, size_t n)
{
    const fv__depthwise_grad *d = w->d;
    const ptrdiff_t down = d->axis[0].weight_stride,
                    across = d->axis[1].weight_stride;
    const bool biased = d->dbias && w->row == 0 && w->column == 0;
    real *to = (real *)d->dweight + w->row * down + w->column * across
               + w->channel + c;
    real *dbias = biased ? (real *)d->dbias + w->channel + c : NULL;
    vec bias[PAIR];
    sums sum[PAIR];

    UNROLLED
    for (size_t v = 0; v < vectors; v++) {
        bias[v] = biased ? load(k, dbias + v * VEC, n) : vec_all(0);
        for (int64_t i = 0; i < k.tap_rows; i++)
            for (int64_t j = 0; j < k.taps; j++)
                sum[v][i][j] =
                    d->fresh ? vec_all(0)
                             : vec_load(to + i * down + j * across + v * VEC);
    }
    add_list(k, vectors, sum, bias, w, c, n);
    UNROLLED
    for (size_t v = 0; v < vectors; v++) {
        for (int64_t i = 0; i < k.tap_rows; i++)
            for (int64_t j = 0; j < k.taps; j++)
                vec_store(to + i * down + j * across + v * VEC, sum[v][i][j]);
        if (biased && k.partial)
            vec_store_part(dbias, n, bias[v]);
        else if (biased)
            vec_store(dbias + v * VEC, bias[v]);
    }
}

INLINE void add_channels(const kind k, const work *w)
{
    size_t c = 0;

    if (!k.partial)
        for (; c + PAIR * VEC <= w->channels; c += PAIR * VEC)
            add_vectors(k, PAIR, w, c, w->channels);
    if (k.partial || PAIR > 1)
        for (; c < w->channels; c += VEC) add_vectors(k, 1, w, c, w->channels);
}

/* ---- kinds -------------------------------------------------------------- */

/* The functions for some taps and a stride. */
typedef struct tap_block {
    int64_t tap_rows, taps, stride;
    void (*run[2][2])(const work *w); /* [partial][separate] */
} tap_block;

#define NAMED(name, tap_rows, taps, stride)                                    \
    name##_##tap_rows##_##taps##_##stride
#define RUN(name, tap_rows, taps, f, partial, separate)                        \
    static void NAMED(name, tap_rows, taps, f)(const work *w)                  \
    {                                                                          \
        add_channels((kind){ tap_rows, taps, f, partial, separate }, w);       \
    }
#define FUNCTIONS(tap_rows, taps, f)                                           \
    RUN(whole, tap_rows, taps, f, false, false)                                \
    RUN(whole_separate, tap_rows, taps, f, false, true)                        \
    RUN(partial, tap_rows, taps, f, true, false)                               \
    RUN(partial_separate, tap_rows, taps, f, true, true)
#define NAMES(tap_rows, taps, f)                                               \
    { tap_rows,                                                                \
      taps,                                                                    \
      f,                                                                       \
      { { NAMED(whole, tap_rows, taps, f),                                     \
          NAMED(whole_separate, tap_rows, taps, f) },                          \
        { NAMED(partial, tap_rows, taps, f),                                   \
          NAMED(partial_separate, tap_rows, taps, f) } } },
/* Rows of taps, taps of a row, stride. */
#define EACH_KIND(X)                                                           \
    X(1, 7, 1)                                                                 \
    X(2, 5, 1)                                                                 \
    X(2, 5, 2) X(1, 5, 1) X(3, 3, 1) X(3, 3, 2) X(1, 3, 1) X(3, 1, 1) X(1, 1, 1)
EACH_KIND(FUNCTIONS)

/* The first kind that has no more rows of taps and taps of a row than these; of
 * two with the same taps, the one with this stride. */
static const tap_block *kind_of(int64_t tap_rows, int64_t taps, int64_t stride)
{
    static const tap_block kinds[] = { EACH_KIND(NAMES) };
    const tap_block *k = kinds,
                    *last = kinds + sizeof kinds / sizeof *kinds - 1;

    while (k->tap_rows > tap_rows || k->taps > taps) k++;
    if (k < last && k->stride != stride && k[1].tap_rows == k->tap_rows
        && k[1].taps == k->taps)
        k++;
    return k;
}

/* ---- lists -------------------------------------------------------------- */

/* Where input (i, j) of the first channel is read. */
static const real *input_at(const work *w, int64_t i, int64_t j)
{
    const fv__window *r = &w->d->axis[0], *s = &w->d->axis[1];

    if (!inside(r, i) || !inside(s, j)) return zeros;
    return (const real *)w->d->x + i * r->x_stride + j * s->x_stride
           + w->channel;
}

/* Appends `count` outputs from (p, q) on or, if it is not 0, `tiles` times as
 * many. */
static void append(work *w, const tap_block *k, int64_t p, int64_t q,
                   int64_t count, int64_t tiles)
{
    const fv__window *r = &w->d->axis[0], *s = &w->d->axis[1];
    const int64_t left = q * s->stride + w->column * s->step;
    const int64_t in_columns = (count - 1) * k->stride + k->taps;
    outputs *o = &w->list[w->count++];

    o->dy =
        (const real *)w->d->dy + p * r->y_stride + q * s->y_stride + w->channel;
    o->count = count;
    o->tiles = tiles;
    o->input = w->input + w->inputs;
    for (int64_t i = 0; i < k->tap_rows; i++) {
        const int64_t top = p * r->stride + (w->row + i) * r->step;

        if (tiles) {
            const real *row = input_at(w, top, left);
            const ptrdiff_t x_stride = row == zeros ? 0 : s->x_stride;

            o->row[i] = row;
            o->step[i] = s->step * x_stride;
            o->tile_step[i] = count * s->stride * x_stride;
            continue;
        }
        for (int64_t j = 0; j < in_columns; j++)
            w->input[w->inputs++] = input_at(w, top, left + j * s->step);
    }
}

/* The number of outputs from q on, before output `last`, none of whose inputs
 * is padding beside the image. */
static int64_t inner_outputs(const work *w, const tap_block *k, int64_t q,
                             int64_t last)
{
    const fv__window *s = &w->d->axis[1];
    const int64_t left = q * s->stride + w->column * s->step;
    const int64_t right = s->high - 1 - (w->column + k->taps - 1) * s->step;

    if (left < s->low || right < 0) return 0;
    return fv__max(0, fv__min(last, right / s->stride + 1) - q);
}

/* Whether neighbouring outputs share no inputs that the kind makes use of. */
static bool is_separate(const work *w, const tap_block *k)
{
    return w->d->axis[1].stride != k->stride || w->d->axis[1].step != 1;
}

/* Leaves out of outputs [*q, *last) of row p those that read nothing but
 * padding at these taps; none with the first taps, with which the bias is
 * summed. */
static void leave_out_padding(const work *w, const tap_block *k, int64_t p,
                              int64_t *q, int64_t *last)
{
    const fv__window *r = &w->d->axis[0], *s = &w->d->axis[1];
    const int64_t top = p * r->stride + w->row * r->step;
    const int64_t left = w->column * s->step;
    const int64_t right = left + (k->taps - 1) * s->step;
    bool in_image = false;

    if (w->row == 0 && w->column == 0) return;
    for (int64_t i = 0; i < k->tap_rows; i++)
        in_image = in_image || inside(r, top + i * r->step);
    if (!in_image) *last = *q;
    if (s->low > right)
        *q = fv__max(*q, fv__divide_up(s->low - right, s->stride));
    *last = s->high > left
                ? fv__min(*last, fv__divide_up(s->high - left, s->stride))
                : *q;
}

/* Appends outputs [q, last) of row p. */
static void append_row(work *w, const tap_block *k, int64_t p, int64_t q,
                       int64_t last)
{
    const int64_t most = is_separate(w, k) ? 1 : TILE;

    leave_out_padding(w, k, p, &q, &last);
    while (q < last) {
        const int64_t tiles = inner_outputs(w, k, q, last) / most;
        const int64_t left = last - q;
        const int64_t count = left < most ? (left < 2 ? 1 : 2) : most;

        append(w, k, p, q, count, tiles);
        q += tiles ? tiles * count : count;
    }
}

/* Outputs [first, last), numbered row by row, for the channels of `w`. */
static void run_list(work *w, const tap_block *k, int64_t first, int64_t last,
                     bool partial)
{
    const int64_t columns = w->d->axis[1].outputs;

    w->count = w->inputs = 0;
    for (int64_t p = first / columns; p * columns < last; p++)
        append_row(w, k, p, fv__max(first - p * columns, 0),
                   fv__min(last - p * columns, columns));
    k->run[partial][is_separate(w, k)](w);
}

static void run_channels(work *w, const tap_block *k, int64_t first,
                         int64_t last)
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

/* Reads x and dy in the order of memory, so that they are cached. */
static void read_all(const fv__depthwise_grad *d)
{
    const fv__window *r = &d->axis[0], *s = &d->axis[1];

    read_inputs(d->axis, d->x, d->channels, 0, r->outputs);
    for (int64_t p = 0; p < r->outputs; p++)
        read_pixels((const real *)d->dy + p * r->y_stride, s->outputs,
                    s->y_stride, d->channels);
}

void FV_KERNEL(depthwise_grad)(const fv__depthwise_grad *d)
{
    const int64_t tap_rows = d->axis[0].taps, taps = d->axis[1].taps;
    const int64_t end = d->axis[0].outputs * d->axis[1].outputs;
    fv__depthwise_grad some = *d;
    work w;

    w.d = &some;
    if (d->uncached) read_all(d);
    for (int64_t first = 0; first < end; first += OUTPUTS) {
        for (w.column = 0; w.column < taps;) {
            const int64_t stride = d->axis[1].stride;
            const tap_block *k = kind_of(tap_rows, taps - w.column, stride);
            const int64_t width = k->taps;

            for (w.row = 0; w.row < tap_rows; w.row += k->tap_rows) {
                k = kind_of(tap_rows - w.row, width, stride);
                run_channels(&w, k, first, fv__min(first + OUTPUTS, end));
            }
            w.column += width;
        }
        some.fresh = false;
    }
}
