/* Another definition of convolution than the library's, in f64: every output is
 * scattered to what it meets. */
#ifndef FV_TESTS_CONV_NAIVE_H
#define FV_TESTS_CONV_NAIVE_H

#include "convolution.h"

typedef struct naive {
    double *y, *dx, *dweight, *dbias;
    double *y_size, *dx_size, *dweight_size, *dbias_size; /* sums of |terms| */
} naive;

static inline double *zeros(size_t n)
{
    double *at = calloc(n ? n : 1, sizeof *at);

    assert_non_null(at);
    return at;
}

static inline naive naive_new(const fv__geometry *g)
{
    size_t x = count_x(g), y = count_y(g), w = count_weight(g);
    size_t f = (size_t)g->filters;

    return (naive){ zeros(y), zeros(x), zeros(w), zeros(f),
                    zeros(y), zeros(x), zeros(w), zeros(f) };
}

static inline void naive_free(naive *r)
{
    double *all[] = { r->y,      r->dx,      r->dweight,      r->dbias,
                      r->y_size, r->dx_size, r->dweight_size, r->dbias_size };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static inline void term(double *sum, double *size, size_t at, double a,
                        double b)
{
    sum[at] += a * b;
    size[at] += fabs(a * b);
}

/* Index of position `at` of an image or kernel with these extents. */
static inline size_t naive_index(const int64_t extent[FV__AXES],
                                 const int64_t at[FV__AXES])
{
    return (size_t)((at[FV__DEPTH] * extent[0] + at[0]) * extent[1] + at[1]);
}

/* Moves on to the next position; false behind the last. */
static inline bool naive_next(const int64_t extent[FV__AXES],
                              int64_t at[FV__AXES])
{
    static const int order[] = { 1, 0, FV__DEPTH };

    for (int i = 0; i < FV__AXES; i++) {
        if (++at[order[i]] < extent[order[i]]) return true;
        at[order[i]] = 0;
    }
    return false;
}

/* Everything that image n, a tap and the channel pair (f, c) meet. */
static inline void naive_tap(const problem *p, naive *r, size_t n, size_t f,
                             size_t c, const int64_t tap[FV__AXES])
{
    const fv__geometry *g = &p->g;
    size_t channels = (size_t)g->channels, per = channels / (size_t)g->groups;
    size_t group = f / ((size_t)g->filters / (size_t)g->groups);
    size_t taps = count_weight(g) / (size_t)g->filters / per;
    size_t w = (f * taps + naive_index(g->kernel, tap)) * per + c;
    int64_t out[FV__AXES] = { 0 };

    do {
        int64_t in[FV__AXES];
        bool inside = true;

        for (int i = 0; i < FV__AXES; i++) {
            in[i] =
                out[i] * g->stride[i] + tap[i] * g->dilation[i] - g->begin[i];
            inside = inside && in[i] >= 0 && in[i] < g->in[i];
        }
        if (!inside) continue;
        size_t x = n * count_x(g) / (size_t)g->batch
                   + naive_index(g->in, in) * channels + group * per + c;
        size_t y = n * count_y(g) / (size_t)g->batch
                   + naive_index(g->out, out) * (size_t)g->filters + f;
        double dy = array_get(p->dy, y);

        term(r->y, r->y_size, y, array_get(p->x, x), array_get(p->weight, w));
        term(r->dx, r->dx_size, x, dy, array_get(p->weight, w));
        term(r->dweight, r->dweight_size, w, dy, array_get(p->x, x));
    } while (naive_next(g->out, out));
}

static inline naive naive_of(const problem *p)
{
    const fv__geometry *g = &p->g;
    naive r = naive_new(g);
    size_t f = (size_t)g->filters, c = (size_t)(g->channels / g->groups);
    size_t all = (size_t)g->batch * f * c;
    int64_t tap[FV__AXES] = { 0 };

    /* taps outermost, then channels, the last first: no order that the library
     * has */
    do
        for (size_t i = all; i-- > 0;)
            naive_tap(p, &r, i / f / c, i / c % f, i % c, tap);
    while (naive_next(g->kernel, tap));
    for (size_t i = 0; i < p->y.n; i++) {
        term(r.y, r.y_size, i, 1, array_get(p->bias, i % f));
        term(r.dbias, r.dbias_size, i % f, 1, array_get(p->dy, i));
    }
    return r;
}

/* |got - want| <= gamma_n size; n terms and some roundings of the sums. */
static inline void within(const char *what, array got, const double *want,
                          const double *size, size_t terms, bool exact)
{
    double unit = got.dtype == FV_F64 ? 0x1p-53 : 0x1p-24;
    double steps = (double)(2 * terms + 16) * unit;

    for (size_t i = 0; i < got.n; i++) {
        double error = fabs(array_get(got, i) - want[i]);

        if (!(error <= (exact ? 0 : steps / (1 - steps) * size[i])))
            fail_msg("%s[%zu] = %.17g, expected %.17g", what, i,
                     array_get(got, i), want[i]);
    }
}

static inline void check_naive(const problem *p, const naive *r, bool exact)
{
    const fv__geometry *g = &p->g;
    size_t channels = (size_t)(g->channels / g->groups);
    size_t pixels = count_y(g) / (size_t)g->filters;
    size_t taps = count_weight(g) / (size_t)g->filters / channels;

    within("y", p->y, r->y, r->y_size, taps * channels, exact);
    within("dx", p->dx, r->dx, r->dx_size,
           taps * (size_t)(g->filters / g->groups), exact);
    within("dweight", p->dweight, r->dweight, r->dweight_size, pixels, exact);
    within("dbias", p->dbias, r->dbias, r->dbias_size, pixels, exact);
}

/* Algorithms on geometries that are drawn, with integers: all sums are exact,
 * whatever their order. */
static inline void check_exact(fv__geometry (*draw_geometry)(uint64_t *state),
                               int runs)
{
    uint64_t seed = 1;

    values_only();
    for (int i = 0; i < runs; i++) {
        fv_context *context =
            context_of(i % 3 ? NULL : "ref", dtypes[i % 2], 1);
        problem p = problem_new(context, draw_geometry(&seed));

        problem_draw(&p, seed, true);
        naive r = naive_of(&p);
        for (int a = 0; a < ALGORITHMS; a++) {
            problem q = problem_again(context, &p);

            run_all(context, algorithms[a], &q);
            check_naive(&q, &r, true);
            problem_free(&q);
        }
        naive_free(&r);
        problem_free(&p);
        fv_context_free(context);
    }
}

#endif
