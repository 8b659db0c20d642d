/* Convolutions of images with one channel, whose weight gradient meets strips
 * of windows: the bits of the definition, in every form, on every table, for
 * any number of threads. */
#include "kernel/conv_direct.h"
#include "kernel/convolution.h"

static fv__geometry draw_geometry(uint64_t *state)
{
    fv__geometry g = { .batch = draw_in(state, 1, 4),
                       .channels = 1,
                       .filters = draw_in(state, 1, 40),
                       .groups = 1 };

    for (int i = 0; i < 2; i++) {
        g.kernel[i] = draw_in(state, 2, 7);
        g.stride[i] = draw_in(state, 1, 3);
        g.dilation[i] = i ? 1 : draw_in(state, 1, 2);
        g.in[i] = draw_in(state, 13, 40);
        g.begin[i] = draw_in(state, 0, 6);
        g.end[i] = draw_in(state, 0, 9);
    }
    return g;
}

static void run(fv_context *context, const fv__conv_algorithm *algorithm,
                problem *p)
{
    const array gradients[] = { p->dweight, p->dbias };

    for (int a = 0; a < 2; a++) {
        if (p->overwrite)
            memset(gradients[a].at, 0xff, array_bytes(gradients[a]));
        for (size_t i = 0; !p->overwrite && i < gradients[a].n; i++)
            array_set(gradients[a], i, (double)(i % 7) - 3);
    }
    run_one(context, algorithm, p, FV__BACKWARD_WEIGHTS);
}

static void check_bits(fv__geometry g, fv_dtype dtype, uint64_t seed)
{
    const int32_t threads[] = { 1, 3 };
    fv_context *first = context_of("ref", dtype, 1);
    problem p = problem_new(first, g);

    problem_draw(&p, seed, false);
    p.overwrite = seed % 2;
    run(first, &fv__conv_reference, &p);
    for (int t = 0; t < TABLES; t++)
        for (int n = 0; n < 2; n++) {
            fv_context *context = context_of(tables[t], dtype, threads[n]);

            if (!context) continue;
            problem q = problem_again(context, &p);
            run(context, &fv__conv_direct, &q);
            same_array("dweight", p.dweight, q.dweight);
            same_array("dbias", p.dbias, q.dbias);
            problem_free(&q);
            fv_context_free(context);
        }
    problem_free(&p);
    fv_context_free(first);
}

enum { EACH = 6 };

static bool all_met(int met[4][2])
{
    for (int form = 2; form < 4; form++)
        if (met[form][0] < EACH || met[form][1] < EACH) return false;
    return true;
}

/* Geometries come until both forms with windows have met a single part, and
 * several, a few times: from zero and from what is there. */
static void weight_gradients(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 1);
    int met[4][2] = { 0 };
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; !all_met(met); i++) {
        fv__geometry g = draw_geometry(&seed);

        assert_true(i < 20000);
        fv__geometry_check(context, "one channel", false, &g);
        assert_ok(context);
        const fv__direct_form form = fv__direct_form_of(&g);
        int *count = &met[form.turned + 2 * form.windows]
                         [fv__conv_measure(&g).parts > 1];

        if (++*count <= EACH)
            check_bits(g, dtypes[*count % 2], (uint64_t)(*count / 2));
    }
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weight_gradients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
