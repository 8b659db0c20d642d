/* Optimizers by name and words: the options of C, defaults, refusals. */
#include "nets.h"

#include "train/optimizer.h"

static fv_network *network(fv_context **ctx)
{
    *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 2);
    fv_network *net = fv_network_parse(*ctx, net_plain, "net");
    assert_ok(*ctx);
    return net;
}

/* The options of both are the same, and so are their bits. */
static void check_same(fv_context *ctx, fv_optimizer *a, fv_optimizer *b)
{
    assert_ok(ctx);
    assert_ptr_equal(a->type, b->type);
    a->options.first.size = b->options.first.size = 0;
    assert_memory_equal(&a->options, &b->options, sizeof a->options);
    assert_int_equal(a->slots, b->slots);
    assert_true(fv_learning_rate(a) == fv_learning_rate(b));
}

static void test_words_are_options(void **state)
{
    (void)state;
    fv_context *ctx;
    fv_network *net = network(&ctx);
#define SAME(text, made)                                                       \
    do {                                                                       \
        fv_optimizer *words = fv_optimizer_parse(net, text);                   \
        assert_ok(ctx);                                                        \
        words->options.first.network = net;                                    \
        check_same(ctx, words, made);                                          \
    } while (0)
    SAME("sgd", fv_sgd(net, 0.01));
    SAME(" sgd  0.5\n", fv_sgd(net, 0.5));
    SAME("sgd learning_rate=0", fv_sgd(net, 0));
    SAME(
        "sgd 0.1 momentum=0.9 weight_decay=1e-4 nesterov=yes",
        fv_sgd(net, 0.1, .momentum = 0.9, .weight_decay = 1e-4, .nesterov = 1));
    SAME("adam", fv_adam(net, 1e-3));
    SAME("adam beta2=0.99", fv_adam(net, 1e-3, .betas = { 0.9, 0.99 }));
    SAME("adam beta1=0", fv_adam(net, 1e-3, .betas = { 0, 0.999 }));
    SAME("adam 0.01 epsilon=1e-6 weight_decay=0.1",
         fv_adam(net, 0.01, .epsilon = 1e-6, .weight_decay = 0.1));
    SAME("adamw", fv_adamw(net, 1e-3, 0.01));
    SAME("adamw weight_decay=0", fv_adamw(net, 1e-3, 0));
    fv_context_free(ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        { "", "optimizer:1:1: there is no optimizer \"\"" },
        { "adaam", "optimizer:1:1: there is no optimizer \"adaam\"; did you "
                   "mean \"adam\"?" },
        { "sgd 0.1 0.2", "optimizer:1:9: sgd takes no further \"0.2\"" },
        { "sgd 0.1 fast", "optimizer:1:9: sgd takes no further \"fast\"" },
        { "sgd momentum=", "optimizer:1:14: momentum has no value" },
        { "sgd momentum=x", "optimizer:1:14: momentum \"x\" is no number" },
        { "sgd 0.1 learning_rate=0.2",
          "optimizer:1:23: learning_rate is given twice" },
        { "sgd nesterov=maybe",
          "optimizer:1:14: nesterov \"maybe\" is neither yes nor no" },
        { "sgd momentum=1", "sgd: momentum 1 is not at least 0 and below 1" },
        { "adam epsilon=0", "optimizer:1:14: epsilon 0 is not above 0" },
        { "adam beta2=0", "adam: beta2 0 is not above 0 and below 1" },
        { "adam nesterov=yes",
          "optimizer:1:6: adam has no option \"nesterov\" (has: " },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fv_context *ctx;
        fv_network *net = network(&ctx);
        assert_null(fv_optimizer_parse(net, wrong[i][0]));
        const char *error = fv_error(ctx);
        if (strncmp(error, wrong[i][1], strlen(wrong[i][1])) != 0)
            fail_msg("%s: %s", wrong[i][0], error);
        fv_context_free(ctx);
    }
    fv_context *ctx;
    fv_network *net = network(&ctx);
    assert_null(fv_optimizer_parse(NULL, "sgd"));
    assert_null(fv_optimizer_parse(net, NULL));
    assert_error(ctx, "optimizer: the text is NULL");
    fv_context_free(ctx);
}

/* Every type has a name, room for its options, a learning rate in front, a text
 * that fits into a checkpoint, and slots of distinct names. */
static void test_every_type(void **state)
{
    (void)state;
    int32_t count = 0;
    for (; fv_optimizer_name(count); count++) {
        fv_context *ctx;
        fv_network *net = network(&ctx);
        fv_optimizer *o = fv_optimizer_parse(net, fv_optimizer_name(count));
        assert_ok(ctx);
        const fv__optimizer_type *type = o->type;
        assert_true(type->options_size <= FV__MOST_OPTIMIZER_BYTES);
        assert_string_equal(type->fields[0].key, "learning_rate");
        assert_true(fv_learning_rate(o) == type->fields[0].usual);
        for (int i = 0; type->slots[i].name; i++)
            for (int k = 0; k < i; k++)
                assert_string_not_equal(type->slots[i].name,
                                        type->slots[k].name);
        char text[512];
        fv__optimizer_text(o, text, sizeof text);
        assert_true(strlen(text) < 256);
        fv_context_free(ctx);
    }
    assert_true(count >= 3);
    assert_null(fv_optimizer_name(count + 5));
    assert_null(fv_optimizer_name(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_options),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
