/* Schedules: their text both ways, the run of fv_fit() for one without a number
 * of steps, base rates that change, refusals. Their numbers are those of
 * PyTorch in tests/oracle. */
#include "nets.h"

#include "train/optimizer.h"

typedef struct one {
    fv_context *ctx;
    fv_variable *leaf;
    fv_optimizer *sgd;
} one;

static one begin(void)
{
    one o = { .ctx = NET_CONTEXT(.dtype = FV_F64, .threads = 1) };
    o.leaf = fv_variable_number(o.ctx, 1);
    o.sgd = fv_sgd(NULL, 0.5, .variables = { 1, &o.leaf });
    assert_ok(o.ctx);
    return o;
}

/* Every option of every schedule is read and written; defaults are left out. */
static void test_text(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        { "constant", "constant" },
        { "constant 0.5", "constant 0.5" },
        { " linear  20\tstart=0 end=0.5", "linear 20 start=0 end=0.5" },
        { "linear 20 start=0.01 end=1", "linear 20" },
        { "polynomial power=2", "polynomial power=2" },
        { "exponential 0.9", "exponential 0.9" },
        { "step 10 gamma=0.5", "step 10 gamma=0.5" },
        { "multi_step 3 5 9", "multi_step 3 5 9" },
        { "cosine 7 minimum=0.1 restarts=2",
          "cosine 7 minimum=0.1 restarts=2" },
        { "one_cycle 9 rise=0.4 divide=5 final_divide=10 linear=yes "
          "three_phases=yes",
          "one_cycle 9 rise=0.4 divide=5 final_divide=10 linear=yes "
          "three_phases=yes" },
        { "plateau factor=0.5 patience=3 threshold=0 absolute=yes cooldown=2 "
          "minimum=0.1 epsilon=0 watch=accuracy",
          "plateau factor=0.5 patience=3 threshold=0 absolute=yes cooldown=2 "
          "minimum=0.1 epsilon=0 watch=accuracy" },
        { "linear 5 for 5 then cosine for 3 then constant 0",
          "linear 5 for 5 then cosine for 3 then constant 0" },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        one o = begin();
        fv__text text[2] = { { .context = o.ctx, .account = FV__DATA },
                             { .context = o.ctx, .account = FV__DATA } };
        assert_int_equal(fv_set_schedule(o.sgd, texts[i][0]), FV_OK);
        fv__schedule_text(&o.sgd->schedule, &text[0]);
        assert_int_equal(fv_set_schedule(o.sgd, text[0].at), FV_OK);
        fv__schedule_text(&o.sgd->schedule, &text[1]);
        assert_string_equal(text[0].at, text[1].at);
        assert_string_equal(text[0].at, texts[i][1]);
        fv__text_free(&text[0]);
        fv__text_free(&text[1]);
        fv_context_free(o.ctx);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        { "cosin", "schedule:1:1: there is no schedule \"cosin\" (there are " },
        { "cosine 5 gamma=1", "schedule:1:10: cosine has no option \"gamma\" "
                              "(has: steps, minimum, restarts)" },
        { "cosine 5 for 6", "schedule:1:15: \"\", expected \"then\"" },
        { "cosine 5 for x then step 3",
          "schedule:1:14: for \"x\", expected a number of updates" },
        { "cosine 5 for 0 then step 3",
          "schedule:1:14: for \"0\", expected a number of updates" },
        { "cosine 5 than step 3",
          "schedule:1:10: \"than\" is neither an option nor \"for\"" },
        { "cosine 5 for 6 then", "schedule:1:20: there is no schedule \"\"" },
        { "step 0", "schedule:1:6: steps 0 is below 1" },
        { "linear 5 start=-1",
          "linear: start -1 is not a number of at least 0" },
        { "multi_step", "multi_step: there is no milestone" },
        { "multi_step 5 3", "multi_step: milestone 3 is not above 5" },
        { "multi_step 1 2 3 4 5 6 7 8 9",
          "schedule:1:28: multi_step takes no further \"9\"" },
        { "one_cycle 9 rise=0.5 three_phases=yes",
          "one_cycle: rise 0.5 is not below 0.5, with three_phases" },
        { "plateau factor=1", "plateau: factor 1 is not above 0 and below 1" },
        { "plateau watch=los",
          "schedule:1:15: watch \"los\" is none of loss, accuracy; did you "
          "mean \"loss\"?" },
        { "step 1 for 1 then step 1 for 1 then step 1 for 1 then step 1 for 1 "
          "then step 1 for 1 then step 1 for 1 then step 1 for 1 then step 1 "
          "for 1 then step 1",
          "schedule: more than 8 phases" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        one o = begin();
        fv_set_schedule(o.sgd, "constant 0.5");
        assert_int_not_equal(fv_set_schedule(o.sgd, wrong[i][0]), FV_OK);
        if (strncmp(fv_error(o.ctx), wrong[i][1], strlen(wrong[i][1])) != 0)
            fail_msg("%s: %s", wrong[i][0], fv_error(o.ctx));
        fv_clear_error(o.ctx);
        assert_true(fv_learning_rate(o.sgd) == 0.25); /* the one before */
        fv_context_free(o.ctx);
    }
    assert_int_equal(fv_set_schedule(NULL, "cosine"), FV_MISUSE);
    assert_int_equal(fv_optimizer_observe(NULL, 1, 1), FV_MISUSE);
}

static void test_base_rate(void **state)
{
    (void)state;
    one o = begin();
    fv_set_schedule(o.sgd, "step 2 gamma=0.5");
    for (int i = 0; i < 4; i++) fv_optimizer_update(o.sgd);
    assert_true(fv_learning_rate(o.sgd) == 0.125);
    fv_set_learning_rate(o.sgd, 1);
    assert_true(fv_learning_rate(o.sgd) == 0.25);
    fv_set_schedule(o.sgd, "");
    assert_true(fv_learning_rate(o.sgd) == 1);
    fv_set_schedule(o.sgd, "cosine");
    assert_true(isnan(fv_learning_rate(o.sgd)));
    assert_int_equal(fv_optimizer_update(o.sgd), FV_MISUSE);
    assert_error(o.ctx, "optimizer: the schedule has no number of steps, and "
                        "there is no run of fv_fit() to take it from");
    fv_context_free(o.ctx);
}

/* Rates by batch that a progress function sees: the next update's. */
typedef struct rates {
    fv_optimizer *optimizer;
    double at[16];
    int count;
} rates;

static void keep(void *user, const fv_progress *progress)
{
    rates *r = user;
    if (!progress->test) r->at[r->count++] = fv_learning_rate(r->optimizer);
}

static void test_run_of_fit(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    rates r = { .optimizer = fv_sgd(net, 0.5) };
    fv_set_schedule(r.optimizer, "linear start=0 end=1 for 2 then polynomial");
    fv_dataset *data = net_dataset(ctx, 10);
    fv_fit(net, r.optimizer, data, .epochs = 2, .batch = 4, .progress = keep,
           .user = &r);
    assert_ok(ctx);
    static const double expected[] = { 0.25, 0.5, 0.375, 0.25, 0.125, 0 };
    assert_int_equal(r.count, 6);
    for (int i = 0; i < 6; i++) assert_near(r.at[i], expected[i], 1e-15);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_base_rate),
        cmocka_unit_test(test_run_of_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
