/* Convolutions whose numbers are known, and the padding cases that other
 * libraries got wrong. */
#include "worked.h"

#include "conv/convolution.h"

static void put(array to, const worked_numbers *n, const int64_t shape[4])
{
    double numbers[WORKED_MOST];

    assert_int_equal(to.n, worked_count(shape));
    worked_nhwc(n, shape, numbers);
    for (size_t i = 0; i < to.n; i++) array_set(to, i, numbers[i]);
}

static void expect(const char *what, array a, const double *numbers)
{
    for (size_t i = 0; i < a.n; i++)
        if (!(array_get(a, i) == numbers[i]))
            fail_msg("%s[%zu] = %g, expected %g", what, i, array_get(a, i),
                     numbers[i]);
}

static void expect_worked(const char *what, array a, const worked_numbers *n,
                          const int64_t shape[4])
{
    double numbers[WORKED_MOST];

    assert_int_equal(a.n, worked_count(shape));
    worked_nhwc(n, shape, numbers);
    expect(what, a, numbers);
}

static void check_worked(fv_context *context,
                         const fv__conv_algorithm *algorithm, const worked *w)
{
    const int64_t *x = w->x_shape;
    fv__geometry g =
        geometry_of(x[0], x[2], x[3], x[1], w->w_shape[0], 1, 1, 1, 0);

    for (int i = 0; i < 2; i++) {
        g.kernel[i] = w->w_shape[2 + i];
        g.stride[i] = w->stride[i];
        g.begin[i] = g.end[i] = w->padding[i];
    }
    problem p = problem_new(context, g);
    put(p.x, &w->x, w->x_shape);
    put(p.weight, &w->w, w->w_shape);
    put(p.dy, &w->dy, w->y_shape);
    for (size_t f = 0; f < p.bias.n; f++) array_set(p.bias, f, w->bias[f]);
    run_all(context, algorithm, &p);
    expect_worked("y", p.y, &w->y, w->y_shape);
    expect_worked("dx", p.dx, &w->dx, w->x_shape);
    expect_worked("dweight", p.dweight, &w->dw, w->w_shape);
    expect("dbias", p.dbias, w->db);
    problem_free(&p);
}

/* In every table, element type and algorithm. */
static void known_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * TABLES; i++) {
        fv_context *context = context_of(tables[i / 2], dtypes[i % 2], 2);

        if (!context) continue;
        for (int a = 0; a < ALGORITHMS; a++)
            for (int k = 0; k < WORKED_CASES; k++)
                check_worked(context, algorithms[a], &worked_cases[k]);
        fv_context_free(context);
    }
}

/* Ones on ones: each output counts the taps inside. */
static void check_ones(const int64_t begin[2], const int64_t end[2],
                       const double *counts)
{
    for (int d = 0; d < 2; d++)
        for (int a = 0; a < ALGORITHMS; a++) {
            fv_context *context = context_of(NULL, dtypes[d], 1);
            fv__geometry g = geometry_of(1, 4, 4, 1, 1, 1, 3, 1, 0);

            for (int i = 0; i < 2; i++)
                g.begin[i] = begin[i], g.end[i] = end[i];
            problem p = problem_new(context, g);
            for (size_t i = 0; i < p.x.n; i++) array_set(p.x, i, 1);
            for (size_t i = 0; i < p.weight.n; i++) array_set(p.weight, i, 1);
            run_one(context, algorithms[a], &p, FV__FORWARD);
            expect("y", p.y, counts);
            problem_free(&p);
            fv_context_free(context);
        }
}

static void padded_sides(void **state)
{
    static const int64_t none[] = { 0, 0 }, both[] = { 1, 1 };
    static const int64_t rows[] = { 1, 0 }, columns[] = { 0, 1 };

    (void)state;
    check_ones(
        both, both,
        (const double[]){ 4, 6, 6, 4, 6, 9, 9, 6, 6, 9, 9, 6, 4, 6, 6, 4 });
    check_ones(rows, none, (const double[]){ 6, 6, 9, 9, 9, 9 });
    check_ones(none, rows, (const double[]){ 9, 9, 9, 9, 6, 6 });
    check_ones(columns, none, (const double[]){ 6, 9, 9, 6, 9, 9 });
    check_ones(none, columns, (const double[]){ 9, 9, 6, 9, 9, 6 });
    check_ones(none, none, (const double[]){ 9, 9, 9, 9 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_numbers),
        cmocka_unit_test(padded_sides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
