/* Direct convolution of images with one channel, whose vectors lie along output
 * rows and whose weight gradient copies windows: the bits of the definition, in
 * every form, on every table, for any number of threads. */
#include "conv/direct/direct.h"
#include "conv/convolution.h"

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

/* The forward pass reads the packed weights only. */
static void packed_weights(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 1);
    uint64_t seed = 5;
    fv__geometry g = draw_geometry(&seed);

    (void)state;
    g.filters = 5;
    g.stride[1] = 1;
    problem p = problem_new(context, g);
    fv__conv_call call = {
        .context = context, .geometry = &p.g, .x = p.x.at, .weight = p.weight.at
    };
    const size_t packed =
        fv__conv_direct.packed(fv__conv_target_of(context), &p.g, FV__FORWARD);

    assert_true(fv__direct_is_single_channel(&p.g));
    problem_draw(&p, seed, false);
    run_one(context, &fv__conv_direct, &p, FV__FORWARD);
    problem q = problem_again(context, &p);
    call.packed = fv__allocate(context, FV__RUN, packed);
    call.scratch =
        fv__allocate(context, FV__RUN,
                     fv__conv_direct.scratch(fv__conv_target_of(context), &p.g,
                                             FV__FORWARD));
    call.epilogue.bias = q.bias.at;
    call.y = q.y.at;
    fv__conv_direct.pack(&call, FV__FORWARD);
    call.weight = NULL;
    fv__conv_direct.run(&call, FV__FORWARD);
    same_array("y", p.y, q.y);
    fv__release(context, call.packed);
    fv__release(context, call.scratch);
    problem_free(&q);
    problem_free(&p);
    fv_context_free(context);
}

static void check_bits(fv__direction direction, fv__geometry g, fv_dtype dtype,
                       uint64_t seed)
{
    check_same_bits(&fv__conv_direct, &fv__conv_reference, g, 1u << direction,
                    dtype, seed);
}

enum { EACH = 6 }; /* geometries of each kind that are checked */

/* Counts of geometries, by form, with a single part and with several. */
static bool is_complete(int count[4][2])
{
    for (int form = 2; form < 4; form++)
        if (count[form][0] < EACH || count[form][1] < EACH) return false;
    return true;
}

/* Draws geometries until both forms with windows have been checked with a
 * single part and with several, storing and accumulating. */
static void weight_gradients(void **state)
{
    fv_context *context = context_of(NULL, FV_F32, 1);
    int count[4][2] = { 0 };
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; !is_complete(count); i++) {
        fv__geometry g = draw_geometry(&seed);

        assert_true(i < 20000);
        fv__geometry_check(context, "one channel", false, &g);
        assert_ok(context);
        const fv__direct_weight_grad_form form =
            fv__direct_weight_grad_form_of(&g);
        const int n = ++count[form.transposed + 2 * form.windows]
                             [fv__conv_sizes_of(&g).parts > 1];

        if (n <= EACH)
            check_bits(FV__BACKWARD_WEIGHTS, g, dtypes[n % 2],
                       (uint64_t)(n / 2));
    }
    fv_context_free(context);
}

/* Draws geometries until enough have been checked for which vectors lie along
 * rows, and for which they do not. */
static void forward(void **state)
{
    enum { MOST = 24 };
    fv_context *context = context_of(NULL, FV_F32, 1);
    int count[2] = { 0 };
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; count[0] < EACH || count[1] < MOST; i++) {
        fv__geometry g = draw_geometry(&seed);

        assert_true(i < 20000);
        fv__geometry_check(context, "one channel", false, &g);
        assert_ok(context);
        if (++count[fv__direct_is_single_channel(&g)] <= MOST)
            check_bits(FV__FORWARD, g, dtypes[i % 2], seed);
    }
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward),
        cmocka_unit_test(packed_weights),
        cmocka_unit_test(weight_gradients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
