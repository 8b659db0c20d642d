/* Arrays of either element type and one call of a convolution on them. */
#ifndef FV_TESTS_CONV_CONVOLUTION_H
#define FV_TESTS_CONV_CONVOLUTION_H

#include "support.h"

#include "conv/conv.h"

#include <stdlib.h>

static const fv_dtype dtypes[] = { FV_F32, FV_F64 };
static const fv__conv_algorithm *const algorithms[] = { &fv__conv_reference,
                                                        &fv__conv_im2col,
                                                        &fv__conv_direct };
enum { ALGORITHMS = sizeof algorithms / sizeof *algorithms };

/* NULL if this machine lacks the table. */
static inline fv_context *context_of(const char *isa, fv_dtype dtype,
                                     int32_t threads)
{
    fv_context *context = fv_context_new(FV_OPTIONS(
        fv_context_options, .dtype = dtype, .isa = isa, .threads = threads));

    if (fv_failed(context) == FV_UNSUPPORTED) {
        fv_context_free(context);
        return NULL;
    }
    assert_ok(context);
    return context;
}

/* ---- arrays: exactly as long as they say, so that a sanitizer sees ------ */

typedef struct array {
    fv_dtype dtype;
    size_t n;
    void *at;
} array;

static inline double array_get(array a, size_t i)
{
    return a.dtype == FV_F64 ? ((double *)a.at)[i] : (double)((float *)a.at)[i];
}

static inline void array_set(array a, size_t i, double value)
{
    if (a.dtype == FV_F64)
        ((double *)a.at)[i] = value;
    else
        ((float *)a.at)[i] = (float)value;
}

static inline size_t array_bytes(array a)
{
    return a.n * (a.dtype == FV_F64 ? sizeof(double) : sizeof(float));
}

static inline array array_new(fv_dtype dtype, size_t n, double value)
{
    array a = { dtype, n, NULL };

    a.at = malloc(n ? array_bytes(a) : 1);
    assert_non_null(a.at);
    for (size_t i = 0; i < n; i++) array_set(a, i, value);
    return a;
}

static inline array array_copy(array from)
{
    array a = array_new(from.dtype, from.n, 0);

    memcpy(a.at, from.at, array_bytes(a));
    return a;
}

/* ---- pseudo-random numbers ---------------------------------------------- */

static inline uint32_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* In [low, high]. */
static inline int64_t draw_in(uint64_t *state, int64_t low, int64_t high)
{
    return low + (int64_t)(draw(state) % (uint64_t)(high - low + 1));
}

static inline void array_draw(array a, uint64_t *state, bool integers)
{
    for (size_t i = 0; i < a.n; i++)
        array_set(a, i,
                  integers ? (double)draw_in(state, -4, 4)
                           : (double)draw(state) / 1073741824.0 - 1);
}

static inline double dot(array a, array b)
{
    double sum = 0;

    for (size_t i = 0; i < a.n; i++) sum += array_get(a, i) * array_get(b, i);
    return sum;
}

/* ---- geometries --------------------------------------------------------- */

/* A square kernel without dilation, on an image padded alike on all sides. */
static inline fv__geometry geometry_of(int64_t batch, int64_t rows,
                                       int64_t columns, int64_t channels,
                                       int64_t filters, int64_t groups,
                                       int64_t kernel, int64_t stride,
                                       int64_t padding)
{
    return (fv__geometry){ .batch = batch,
                           .in = { rows, columns, 1 },
                           .channels = channels,
                           .filters = filters,
                           .kernel = { kernel, kernel, 1 },
                           .stride = { stride, stride, 1 },
                           .dilation = { 1, 1, 1 },
                           .begin = { padding, padding },
                           .end = { padding, padding },
                           .groups = groups };
}

/* The largest numbers that are drawn for an axis. */
typedef struct limits {
    int64_t in, kernel, dilation, padding;
} limits;

/* False if the window is larger than the padded image. */
static inline bool draw_axis(uint64_t *state, fv__geometry *g, int axis,
                             limits most)
{
    g->in[axis] = draw_in(state, 1, most.in);
    g->kernel[axis] = draw_in(state, 1, most.kernel);
    g->stride[axis] = draw_in(state, 1, 3);
    g->dilation[axis] =
        draw_in(state, 0, 2) ? 1 : draw_in(state, 1, most.dilation);
    if (draw(state) % 3) {
        g->begin[axis] = draw_in(state, 0, most.padding);
        g->end[axis] = draw_in(state, 0, 7);
    }
    return g->in[axis] + g->begin[axis] + g->end[axis]
           > g->dilation[axis] * (g->kernel[axis] - 1);
}

/* ---- one problem -------------------------------------------------------- */

typedef struct problem {
    fv__geometry g;
    array x, weight, bias, dy; /* bias.at NULL: none */
    array y, dx, dweight, dbias;
    unsigned directions;   /* that run: one bit each; 0: all */
    bool overwrite;        /* gradients, which are NaN before */
    double there;          /* else: what they begin with, in some proportion */
    fv__epilogue epilogue; /* of y; `bias` takes precedence */
    fv__epilogue epilogue_dx;
} problem;

static inline size_t count_x(const fv__geometry *g)
{
    return (size_t)(g->batch * g->in[FV__DEPTH] * g->in[0] * g->in[1]
                    * g->channels);
}

static inline size_t count_y(const fv__geometry *g)
{
    return (size_t)(g->batch * g->out[FV__DEPTH] * g->out[0] * g->out[1]
                    * g->filters);
}

static inline size_t count_weight(const fv__geometry *g)
{
    return (size_t)(g->filters * g->kernel[FV__DEPTH] * g->kernel[0]
                    * g->kernel[1] * g->channels / g->groups);
}

/* Checks the geometry; operands zero, what is to be overwritten NaN. */
static inline problem problem_new(fv_context *context, fv__geometry g)
{
    fv_dtype dtype = fv_context_dtype(context);
    problem p = { .overwrite = false };

    fv__geometry_check(context, "problem", false, &g);
    assert_ok(context);
    p.g = g;
    p.x = array_new(dtype, count_x(&g), 0);
    p.weight = array_new(dtype, count_weight(&g), 0);
    p.bias = array_new(dtype, (size_t)g.filters, 0);
    p.dy = array_new(dtype, count_y(&g), 0);
    p.y = array_new(dtype, count_y(&g), (double)NAN);
    p.dx = array_new(dtype, count_x(&g), 0);
    p.dweight = array_new(dtype, count_weight(&g), 0);
    p.dbias = array_new(dtype, (size_t)g.filters, 0);
    return p;
}

static inline void problem_draw(problem *p, uint64_t seed, bool integers)
{
    array_draw(p->x, &seed, integers);
    array_draw(p->weight, &seed, integers);
    array_draw(p->bias, &seed, integers);
    array_draw(p->dy, &seed, integers);
}

static inline void problem_free(problem *p)
{
    array all[] = { p->x, p->weight, p->bias,    p->dy,
                    p->y, p->dx,     p->dweight, p->dbias };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i].at);
}

static inline void problem_without_bias(problem *p)
{
    array *const biases[] = { &p->bias, &p->dbias };

    for (int i = 0; i < 2; i++) {
        free(biases[i]->at);
        *biases[i] = (array){ biases[i]->dtype, 0, NULL };
    }
}

/* Gradients as they are before a run. */
static inline void problem_begin(problem *p)
{
    const array gradients[] = { p->dx, p->dweight, p->dbias };

    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < gradients[i].n; j++)
            array_set(gradients[i], j, p->there * (double)(j % 5 + 1));
}

/* The same operands, fresh results. */
static inline problem problem_again(fv_context *context, const problem *from)
{
    problem p = problem_new(context, from->g);

    p.directions = from->directions;
    p.overwrite = from->overwrite;
    p.there = from->there;
    p.epilogue = from->epilogue;
    p.epilogue_dx = from->epilogue_dx;
    if (!from->bias.at) problem_without_bias(&p);
    problem_begin(&p);
    memcpy(p.x.at, from->x.at, array_bytes(p.x));
    memcpy(p.weight.at, from->weight.at, array_bytes(p.weight));
    if (p.bias.at) memcpy(p.bias.at, from->bias.at, array_bytes(p.bias));
    memcpy(p.dy.at, from->dy.at, array_bytes(p.dy));
    return p;
}

static inline void run_one(fv_context *context,
                           const fv__conv_algorithm *algorithm, problem *p,
                           fv__direction direction)
{
    size_t packed =
        algorithm->packed(fv__conv_target_of(context), &p->g, direction);
    size_t bytes =
        algorithm->scratch(fv__conv_target_of(context), &p->g, direction);
    void *weights = fv__allocate(context, FV__RUN, packed);
    void *scratch = fv__allocate(context, FV__RUN, bytes);
    fv__conv_call call = {
        .context = context,
        .geometry = &p->g,
        .x = p->x.at,
        .weight = p->weight.at,
        .epilogue = p->epilogue,
        .dy = p->dy.at,
        .y = p->y.at,
        .dx = p->dx.at,
        .dweight = p->dweight.at,
        .dbias = p->dbias.at,
        .overwrite = p->overwrite,
        .packed = weights,
        .scratch = scratch,
    };

    assert_ok(context);
    if (p->bias.at) call.epilogue.bias = p->bias.at;
    if (direction == FV__BACKWARD_DATA) call.epilogue = p->epilogue_dx;
    memset(weights, 0xff, packed); /* NaN */
    memset(scratch, 0xff, bytes);
    if (packed) algorithm->pack(&call, direction);
    algorithm->run(&call, direction);
    fv__release(context, scratch);
    fv__release(context, weights);
}

static inline void run_all(fv_context *context,
                           const fv__conv_algorithm *algorithm, problem *p)
{
    array gradients[] = { p->dx, p->dweight, p->dbias };

    assert_true(algorithm->applicable(&p->g));
    for (size_t i = 0; p->overwrite && i < 3; i++)
        if (gradients[i].at)
            memset(gradients[i].at, 0xff, array_bytes(gradients[i]));
    for (int d = FV__FORWARD; d <= FV__BACKWARD_WEIGHTS; d++)
        if (!p->directions || p->directions >> d & 1)
            run_one(context, algorithm, p, (fv__direction)d);
}

/* The same problem in the element type of `wide`, or that of the absolute
 * values of its operands, as the definition solves it. */
static inline problem exact(fv_context *wide, const problem *from,
                            bool absolute)
{
    problem p = problem_new(wide, from->g);
    const array to[] = { p.x, p.weight, p.bias, p.dy };
    const array of[] = { from->x, from->weight, from->bias, from->dy };

    for (int i = 0; i < 4; i++)
        for (size_t j = 0; j < to[i].n; j++) {
            const double value = array_get(of[i], j);

            array_set(to[i], j, absolute ? fabs(value) : value);
        }
    p.directions = from->directions;
    run_all(wide, &fv__conv_reference, &p);
    return p;
}

/* Equal bits, but for what a NaN carries besides being one. */
static inline void same_array(const char *what, array a, array b)
{
    assert_int_equal(a.n, b.n);
    if (a.n == 0 || memcmp(a.at, b.at, array_bytes(a)) == 0) return;
    for (size_t i = 0; i < a.n; i++) {
        double u = array_get(a, i), v = array_get(b, i);

        if (isnan(u) && isnan(v)) continue;
        if (memcmp(&u, &v, sizeof u) != 0)
            fail_msg("%s[%zu]: %a is not %a", what, i, u, v);
    }
}

static inline void same_results(const problem *a, const problem *b)
{
    same_array("y", a->y, b->y);
    same_array("dx", a->dx, b->dx);
    same_array("dweight", a->dweight, b->dweight);
    same_array("dbias", a->dbias, b->dbias);
}

/* Where a weight or gradient that is not finite meets padding, an algorithm may
 * multiply it with zero. The gradient of an input lies in padding wherever
 * windows overlap. */
static inline void same_but_for_padding(const problem *want, const problem *got)
{
    const array a[] = { want->y, want->dweight, want->dbias, want->dx };
    const array b[] = { got->y, got->dweight, got->dbias, got->dx };
    const fv__geometry *g = &want->g;
    bool padded = false, overlap = false;

    for (int i = 0; i < FV__AXES; i++) {
        padded = padded || g->begin[i] > 0 || g->end[i] > 0;
        overlap = overlap || g->kernel[i] > 1;
    }
    for (size_t n = 0; n < 4; n++)
        for (size_t i = 0; i < a[n].n; i++) {
            const double u = array_get(a[n], i), v = array_get(b[n], i);

            if (isnan(v) && (isnan(u) || padded || (n == 3 && overlap)))
                continue;
            if (memcmp(&u, &v, sizeof u) != 0)
                fail_msg("array %zu, %zu: %a is not %a", n, i, u, v);
        }
}

/* What `want` of same_in_all_tables() is made with. */
static inline void run_definition(fv_context *context,
                                  const fv__conv_algorithm *algorithm,
                                  problem *want)
{
    if (!RACES) run_all(context, algorithm, want);
}

/* The results of a table are those of `want`; on several threads as on a
 * machine whose caches hold next to nothing. False if the machine lacks it. */
static inline bool same_in_table(const fv__conv_algorithm *algorithm,
                                 const problem *want, const char *isa,
                                 int32_t threads)
{
    fv_context *context = context_of(isa, want->x.dtype, threads);
    problem p;

    if (!context) return false;
    if (threads > 1) context->cache_bytes = 1 << 14;
    p = problem_again(context, want);
    run_all(context, algorithm, &p);
    if (!RACES) same_results(want, &p);
    problem_free(&p);
    fv_context_free(context);
    return true;
}

/* Every table makes the results of `want`, which the plain one made on one
 * thread: on one, and on four. With sanitizers, which take ten times as long,
 * numbers of threads take turns, and so do tables where races are looked for.
 */
static inline void same_in_all_tables(const fv__conv_algorithm *algorithm,
                                      const problem *want)
{
    static int calls;
    const int turn = calls++ % TABLES;

    for (int i = 0; RACES && i < TABLES; i++)
        if (same_in_table(algorithm, want, tables[(turn + TABLES - i) % TABLES],
                          4))
            return;
    for (int t = 0; t < TABLES; t++)
        for (int32_t threads = t ? 1 : 4; threads <= 4; threads += 3)
            if (!SANITIZED || !t || (threads == 1) == (turn + t) % 2)
                same_in_table(algorithm, want, tables[t], threads);
}

/* Draws a problem and checks that `algorithm` makes the bits of `definition` in
 * all tables, in some directions or, if 0, in all. The last bits of the seed
 * say whether gradients are overwritten, or else added to, whether results are
 * clamped, whether a residual is added to them, and whether there is no bias.
 */
static inline void check_same_bits(const fv__conv_algorithm *algorithm,
                                   const fv__conv_algorithm *definition,
                                   fv__geometry g, unsigned directions,
                                   fv_dtype dtype, uint64_t seed)
{
    fv_context *first = context_of("ref", dtype, 1);
    problem p = problem_new(first, g);
    array residual = array_new(dtype, p.y.n, 0);

    array_draw(residual, &(uint64_t){ seed + 1 }, false);
    problem_draw(&p, seed, false);
    p.directions = directions;
    p.overwrite = seed & 1;
    p.there = 0.5;
    p.epilogue = (fv__epilogue){ .residual = seed & 4 ? residual.at : NULL,
                                 .residual_row = (size_t)g.filters,
                                 .low = -0.5,
                                 .high = 0.75,
                                 .clamp = seed & 2 };
    if (seed & 8) problem_without_bias(&p);
    problem_begin(&p);
    run_definition(first, definition, &p);
    same_in_all_tables(algorithm, &p);
    free(residual.at);
    problem_free(&p);
    fv_context_free(first);
}

/* a = factor b */
static inline void check_multiple(const char *what, array a, double factor,
                                  array b)
{
    for (size_t i = 0; i < a.n; i++)
        if (!(array_get(a, i) == factor * array_get(b, i)))
            fail_msg("%s[%zu]: %a is not %g times %a", what, i, array_get(a, i),
                     factor, array_get(b, i));
}

/* Gradients that are added to what is there are doubled by a second run, and
 * overwritten gradients are those that are added to zeros. Results replace what
 * is there. Of four indices, two are without bias. */
static inline void check_sums(const fv__conv_algorithm *algorithm,
                              fv__geometry g, int index, uint64_t seed,
                              bool integers)
{
    if (RACES) return; /* one thread */
    fv_context *context = context_of(NULL, dtypes[index % 2], 1);
    problem p = problem_new(context, g), q;

    problem_draw(&p, seed, integers);
    if (index % 4 > 1) problem_without_bias(&p);
    q = problem_again(context, &p);
    p.overwrite = true;
    run_all(context, algorithm, &p);
    run_all(context, algorithm, &q);
    run_all(context, algorithm, &q);
    same_array("y", p.y, q.y);
    for (size_t i = 0; i < p.y.n; i++) assert_true(isfinite(array_get(p.y, i)));
    check_multiple("dx", q.dx, 2, p.dx);
    check_multiple("dweight", q.dweight, 2, p.dweight);
    check_multiple("dbias", q.dbias, 2, p.dbias);
    problem_free(&q);
    problem_free(&p);
    fv_context_free(context);
}

/* Of a weight, sometimes of an input and sometimes of a gradient, one number is
 * not finite: the results are those of the definition, but for padding. */
static inline void check_not_finite(fv_context *context,
                                    const fv__conv_algorithm *algorithm,
                                    fv__geometry g, int index, uint64_t seed)
{
    const double strange[] = { (double)NAN, (double)INFINITY,
                               -(double)INFINITY };
    problem p = problem_new(context, g);

    problem_draw(&p, seed, false);
    array_set(p.weight, draw(&seed) % p.weight.n, strange[index % 3]);
    if (index % 5 == 0) array_set(p.x, draw(&seed) % p.x.n, strange[index % 2]);
    if (index % 2 == 0)
        array_set(p.dy, draw(&seed) % p.dy.n, strange[index % 3]);
    problem q = problem_again(context, &p);
    run_all(context, &fv__conv_reference, &p);
    run_all(context, algorithm, &q);
    same_but_for_padding(&p, &q);
    problem_free(&q);
    problem_free(&p);
}

/* A batch of no images adds nothing to gradients. */
static inline void check_no_images(const fv__conv_algorithm *algorithm,
                                   fv__geometry g)
{
    fv_context *context = context_of(NULL, FV_F32, 2);
    problem p, q;

    g.batch = 0;
    p = problem_new(context, g);
    p.there = 7;
    problem_begin(&p);
    q = problem_again(context, &p);
    run_all(context, algorithm, &q);
    same_results(&p, &q);
    problem_free(&q);
    problem_free(&p);
    fv_context_free(context);
}

/* Image n of an array of `batch` images. */
static inline array image_of(array a, int64_t batch, int64_t n)
{
    array image = { a.dtype, a.n / (size_t)batch, NULL };

    image.at = (char *)a.at + (size_t)n * array_bytes(image);
    return image;
}

/* Each image of a batch, output and input gradient, has the bits that it has
 * alone. */
static inline void same_alone(const fv__conv_algorithm *algorithm,
                              fv__geometry g, fv_dtype dtype)
{
    const int64_t batch = g.batch;
    fv_context *context = context_of(NULL, dtype, 2);
    problem all = problem_new(context, g);

    problem_draw(&all, 3, false);
    run_all(context, algorithm, &all);
    g.batch = 1;
    for (int64_t n = 0; n < batch; n++) {
        problem one = problem_new(context, g);

        memcpy(one.x.at, image_of(all.x, batch, n).at, array_bytes(one.x));
        memcpy(one.dy.at, image_of(all.dy, batch, n).at, array_bytes(one.dy));
        memcpy(one.weight.at, all.weight.at, array_bytes(one.weight));
        memcpy(one.bias.at, all.bias.at, array_bytes(one.bias));
        run_all(context, algorithm, &one);
        same_array("y", one.y, image_of(all.y, batch, n));
        same_array("dx", one.dx, image_of(all.dx, batch, n));
        problem_free(&one);
    }
    problem_free(&all);
    fv_context_free(context);
}

#endif
