/* 25 steps of every optimizer that PyTorch has agree with it, for drawn
 * options. */
#include "oracle.h"

/* A case being run: one leaf, and gradients that do not depend on it. */
typedef struct run {
    oracle o;
    int number;
    fv_variable *leaf;
    fv_optimizer *optimizer;
} run;

static const fv_tensor *find(const run *r, const char *name)
{
    const fv_tensor *found = oracle_find(&r->o, r->number, name);
    if (!found) fail_msg("%s: no %s", r->o.title, name);
    return found;
}

/* The leaf is the one variable of a network, which the text can name. */
static bool begin(run *r)
{
    const char *text = oracle_text(&r->o, r->number, "");
    if (!text) return false;
    snprintf(r->o.title, sizeof r->o.title, "%s, case %d: %s",
             r->o.setting->name, r->number, text);
    fv_network *net =
        fv_network_parse(r->o.context, "input 21\nlinear 1 bias=no\n", "net");
    r->leaf = fv_network_variables(net).at[0];
    r->optimizer = fv_optimizer_parse(net, text);
    assert_ok(r->o.context);
    const int64_t shape[] = { 1, 21 };
    fv_tensor start =
        fv_tensor_reshape(r->o.context, find(r, "start"), 2, shape);
    assert_int_equal(fv_variable_assign(r->leaf, &start), FV_OK);
    return true;
}

static void step(run *r, int64_t number)
{
    fv_context *ctx = r->o.context;
    fv_tensor grad =
        fv_tensor_slice(ctx, find(r, "grads"), 0, number, number + 1, 1);
    fv_variable *g = fv_constant(ctx, &grad);
    assert_int_equal(fv_backprop(fv_sum(fv_mul(r->leaf, g))), FV_OK);
    assert_int_equal(fv_optimizer_update(r->optimizer), FV_OK);
    if (number % 5 == 4) {
        fv_tensor expected = fv_tensor_slice(ctx, find(r, "after"), 0,
                                             number / 5, number / 5 + 1, 1);
        char what[32];
        snprintf(what, sizeof what, "step %d", (int)number + 1);
        oracle_agree(&r->o, what, fv_variable_value(r->leaf), &expected);
    }
    fv_forget(ctx);
}

static void test_steps(void **state)
{
    (void)state;
    for (int setting = 0; setting < ORACLE_SETTINGS; setting += 2) {
        run r = { .o = oracle_open("optimizers", setting) };
        for (; begin(&r); r.number++)
            for (int64_t i = 0; i < find(&r, "grads")->shape[0]; i++)
                step(&r, i);
        assert_true(r.number >= 48);
        print_message("optimizers: %d cases in %s, worst error %.1e\n",
                      r.number, r.o.setting->name, r.o.worst);
        oracle_close(&r.o);
    }
}

/* test_oracle_optimizers [FOLDER] */
int main(int argc, char **argv)
{
    if (argc > 1) oracle_folder = argv[1];
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_steps) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
